package test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/healthlb/api"
)

// call is one of the API, and the roles that may make it besides operate.
type apiCall struct {
	request        string
	body           any
	read, register bool
}

func apiCalls() []apiCall {
	const pool = "/v1/pools/www.lb.example.org"
	spec := api.RegistrationSpec{ID: "me", TTL: "1h", MemberSpec: memberAt("127.39.1.9")}
	return []apiCall{
		{"GET /v1/pools", nil, true, false},
		{"GET " + pool, nil, true, false},
		{"GET /v1/blocklist", nil, true, false},
		{"GET /v1/explain?name=www.lb.example.org&client=192.0.2.1", nil, true, false},
		{"GET /openapi.json", nil, true, false},
		{"GET " + pool + "/rollout", nil, true, false},
		{"PUT /v1/pools/new.lb.example.org", lines(), false, false},
		{"DELETE /v1/pools/new.lb.example.org", nil, false, false},
		{"PUT " + pool + "/members/m", memberAt("127.39.1.8"), false, false},
		{"PUT " + pool + "/members/m?dry_run=1", memberAt("127.39.1.8"), false, false},
		{"PUT " + pool + "/members/m/drain", nil, false, false},
		{"DELETE " + pool + "/members/m/drain", nil, false, false},
		{"DELETE " + pool + "/members/m", nil, false, false},
		{"PUT " + pool + "/members/127.39.1.1/load", map[string]float64{"load": 1}, false, true},
		{"POST " + pool + "/registrations", spec, false, true},
		{"PUT " + pool + "/registrations/nobody", nil, false, true},
		{"DELETE " + pool + "/registrations/nobody", nil, false, true},
		{"PUT " + pool + "/rollout?dry_run=1", api.RolloutSpec{}, false, false},
		{"POST " + pool + "/rollout/pause", nil, false, false},
		{"POST " + pool + "/rollout/resume", nil, false, false},
		{"POST " + pool + "/rollout/cancel", nil, false, false},
		{"POST " + pool + "/rollout/report", api.RolloutReport{Rollout: "abc"}, false, false},
		{"POST /v1/blocklist?dry_run=1", []api.Block{{Address: "192.0.2.1"}}, false, false},
		{"PUT /v1/blocklist?dry_run=1", []api.Block{{Address: "192.0.2.1"}}, false, false},
		{"DELETE /v1/blocklist/192.0.2.1?owner=me", nil, false, false},
	}
}

const accessPool = `
		pool www.lb.example.org {
			policy least
			member 127.39.1.1
			member 127.39.1.2
		}`

func TestRoles(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	files := t.TempDir()
	writeFile(t, files+"/tokens", `operator-0123456789          # ann's laptop
reader-0123456789 read       # the dashboard
register-0123456789 register # web servers
nameless-0123456789
`)
	corefile := strings.Replace(operated(accessPool), "{admin}", "{admin} token_file {files}/tokens", 1)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{files}", files)
	const register = "Authorization: Bearer register-0123456789"
	for _, c := range apiCalls() {
		for _, who := range []struct {
			name, header string
			may          bool
		}{{"reader", reader, c.read}, {"registrar", register, c.register}, {"operator", operator, true}} {
			r := s.order(t, c.request, c.body, who.header)
			check(t, want((r.status != 403 && r.status != 401) == who.may, "%s: %s: %d %s", c.request, who.name, r.status, r.body))
			if who.may && r.status >= 400 {
				check(t, want(r.status == 404 || r.status == 409, "%s: %s: %d %s", c.request, who.name, r.status, r.body))
			}
		}
		for _, header := range []string{"X-Nothing: at all", "Authorization: Bearer wrong-0123456789012"} {
			s.order(t, c.request, c.body, header).isProblem(t, 401)
		}
	}
	for _, who := range []struct {
		header string
		status int
	}{{reader, 200}, {register, 403}, {operator, 200}} {
		s.order(t, "GET /v1/events", nil, who.header, "Accept: application/json").is(t, who.status)
	}

	t.Log("a registrar has no more than his own registrations")
	mine := decode[api.Registration](t, s.order(t, "POST "+registrations, registrationOf("mine", "127.39.1.4", "1h"), register).is(t, 201))
	s.order(t, "PUT "+registrations+"/mine", nil, register).isProblem(t, 403)
	s.order(t, "PUT "+registrations+"/mine", nil, register, secretOf(mine.Secret)).is(t, 200)
	s.order(t, "PUT "+registrations+"/mine", nil, operator).isProblem(t, 403)
	s.order(t, "DELETE /v1/pools/www.lb.example.org/members/mine", nil, register).isProblem(t, 403)

	t.Log("who it was is in the event and in the log")
	for header, name := range map[string]string{operator: "ann's laptop", "Authorization: Bearer nameless-0123456789": "token of line 4"} {
		s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "192.0.2.7", Reason: name}}, header).is(t, 200)
		e := s.lastBy(t, "block", header)
		check(t, want(strings.HasPrefix(e.By, name+" from 127.0.0.1:"), "%+v", e))
		check(t, want(s.log.count("192.0.2.7", "by "+name+" from 127.0.0.1:") > 0, "no %s in the log:\n%s", name, s.log))
	}
	e := s.lastBy(t, "registered", operator)
	check(t, want(strings.HasPrefix(e.By, "web servers from 127.0.0.1:"), "%+v", e))
	for _, token := range []string{"operator-0123456789", "register-0123456789", "reader-0123456789"} {
		check(t, want(!strings.Contains(s.log.String(), token), "the log has a token"))
	}

	t.Log("a token that is withdrawn is one no longer")
	replaceFile(t, files+"/tokens", "another-0123456789012\n")
	eventually(t, func() error {
		r := s.order(t, "GET /v1/pools", nil, operator)
		return want(r.status == 401, "%d", r.status)
	})
}

// lastBy is the last event of a type, asked for with a header.
func (s *coredns) lastBy(t *testing.T, kind, header string) (last api.Event) {
	t.Helper()
	for _, e := range decode[[]api.Event](t, s.order(t, "GET /v1/events", nil, header, "Accept: application/json").is(t, 200)) {
		if e.Type == kind {
			last = e
		}
	}
	return last
}

func TestWhoOverTLS(t *testing.T) {
	t.Parallel()
	web, ca := startMany(t), newAuthority(t)
	files := t.TempDir()
	ca.write(t, files+"/ca.pem")
	writePair(t, ca.issue(t, tomorrow(), "127.0.0.1"), files+"/admin.pem", files+"/admin.key")
	writeFile(t, files+"/tokens", "operator-0123456789 # ann\nreader-0123456789 read\n")
	corefile := strings.Replace(operated(accessPool), "{admin}",
		"{admin} token_file {files}/tokens tls {files}/admin.pem {files}/admin.key client_ca {files}/ca.pem", 1)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{files}", files)
	client := plainClient()
	client.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: ca.pool(), Certificates: []tls.Certificate{ca.issue(t, tomorrow(), "ann.example.org")},
	}}
	e := endpoint{"https://127.0.0.1:" + s.ports["admin"], client}
	e.order(t, "PUT /v1/pools/www.lb.example.org/members/127.39.1.1/drain", nil, reader).isProblem(t, 403)
	e.order(t, "PUT /v1/pools/www.lb.example.org/members/127.39.1.1/drain", nil).isProblem(t, 401)
	d := decode[api.DrainChange](t, e.order(t, "PUT /v1/pools/www.lb.example.org/members/127.39.1.1/drain", nil, operator).is(t, 200))
	const who = "ann, CN=a certificate of TestWhoOverTLS from 127.0.0.1:"
	check(t, want(d.Drain != nil && strings.HasPrefix(d.Drain.By, who), "%+v", d.Drain))
	history := decode[[]api.Event](t, e.order(t, "GET /v1/events", nil, reader, "Accept: application/json").is(t, 200))
	check(t, want(strings.HasPrefix(told(t, history, "drain", steady).By, who), "%+v", told(t, history, "drain", steady)))
	check(t, want(s.log.count("127.39.1.1 is drained", who) == 1, "not in the log:\n%s", s.log))
}

func TestWhoThroughUnixSocket(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	s := startCoreDNS(t, strings.Replace(operated(accessPool), "127.0.0.1:{admin}", "unix:{dir}/admin.sock", 1), "{web}", web.port)
	client := plainClient()
	client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.dir, "admin.sock"))
	}}
	defer client.CloseIdleConnections()
	e := endpoint{"http://healthlb", client}
	for range 2 { // the second goes over the same connection
		e.order(t, "PUT /v1/pools/www.lb.example.org/members/127.39.1.1/drain", nil).is(t, 200)
		history := decode[[]api.Event](t, e.order(t, "GET /v1/events", nil, "Accept: application/json").is(t, 200))
		who := fmt.Sprintf("uid %d through the unix socket", os.Getuid())
		check(t, want(told(t, history, "drain", steady).By == who, "%+v", told(t, history, "drain", steady)))
		check(t, want(s.log.count("127.39.1.1 is drained", who) > 0, "not in the log:\n%s", s.log))
		e.order(t, "DELETE /v1/pools/www.lb.example.org/members/127.39.1.1/drain", nil).is(t, 200)
	}
}
