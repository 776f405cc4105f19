package test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

const (
	operator = "Authorization: Bearer operator-0123456789"
	reader   = "Authorization: Bearer reader-0123456789"
)

const tokenFile = `# for tests
operator-0123456789
reader-0123456789 read
register-0123456789 register
`

const onePool = `
		pool www.lb.example.org {
			check tcp {closed}
			member 127.8.1.1
			member 127.8.1.2
		}`

func TestTokens(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	writeFile(t, files+"/tokens", tokenFile)
	s := startCoreDNS(t, lb(`
		state {dir}/state
		admin 127.0.0.1:{admin} token_file {files}/tokens`+onePool), "{files}", files, "{closed}", freePort(t))

	for _, tc := range []struct {
		who        string
		header     string
		read, edit int
	}{
		{"nobody", "X-Nothing: at all", 401, 401},
		{"a wrong token", "Authorization: Bearer operator-012345678", 401, 401},
		{"another scheme", "Authorization: Basic operator-0123456789", 401, 401},
		{"no token behind the scheme", "Authorization: Bearer ", 401, 401},
		{"a reader", reader, 200, 403},
		{"a server that registers itself", "Authorization: Bearer register-0123456789", 403, 403},
		{"an operator", operator, 200, 200},
	} {
		r := s.curl(t, "GET /v1/pools", "", tc.header)
		check(t, want(r.status == tc.read, "%s reads: %d %s", tc.who, r.status, r.body))
		r = s.curl(t, "PUT /v1/blocklist", "192.0.2.1", tc.header)
		check(t, want(r.status == tc.edit, "%s writes: %d %s", tc.who, r.status, r.body))
	}

	t.Log("the token file is replaced")
	replaceFile(t, files+"/tokens", "another-operator-0123456789\n")
	eventually(t, func() error {
		r := s.curl(t, "GET /v1/pools", "", operator)
		return want(r.status == 401, "the token that was withdrawn: %d", r.status)
	})
	s.curl(t, "GET /v1/pools", "", "Authorization: Bearer another-operator-0123456789").is(t, 200)

	t.Log("a bad one changes nothing")
	mark := s.log.mark()
	replaceFile(t, files+"/tokens", "short\n")
	eventually(t, func() error {
		s.curl(t, "GET /v1/pools", "", "Authorization: Bearer another-operator-0123456789").is(t, 200)
		return want(hasAll(s.log.since(mark), "token file", "line 1"), "no warning about the bad file")
	})
	s.curl(t, "GET /v1/pools", "", "Authorization: Bearer short").is(t, 401)
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	files := t.TempDir()
	ca.write(t, files+"/ca.pem")
	writePair(t, ca.issue(t, tomorrow(), "127.0.0.1"), files+"/admin.pem", files+"/admin.key")
	s := startCoreDNS(t, lb(`
		state {dir}/state
		admin 0.0.0.0:{admin} tls {files}/admin.pem {files}/admin.key client_ca {files}/ca.pem`+onePool),
		"{files}", files, "{closed}", freePort(t))

	with := func(certs ...tls.Certificate) endpoint {
		config := &tls.Config{RootCAs: ca.pool(), Certificates: certs}
		client := plainClient()
		client.Transport = &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
		return endpoint{"https://127.0.0.1:" + s.ports["admin"], client}
	}
	good := with(ca.issue(t, tomorrow(), "ann.example.org"))
	good.curl(t, "GET /v1/pools", "").is(t, 200, "www.lb.example.org.")
	good.curl(t, "PUT /v1/blocklist", "192.0.2.1").is(t, 200)
	for who, e := range map[string]endpoint{"nobody": with(), "a stranger": with(other.issue(t, tomorrow(), "eve.example.org"))} {
		if r, err := e.try("GET /v1/pools", ""); err == nil && r.status < 400 {
			t.Errorf("%s gets %d %s", who, r.status, r.body)
		}
	}
	if r, err := s.at("admin").try("GET /v1/pools", ""); err == nil && r.status < 400 {
		t.Errorf("without TLS: %d %s", r.status, r.body)
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	s := startCoreDNS(t, lb("state {dir}/state\nadmin unix:{dir}/admin.sock"+onePool), "{closed}", freePort(t))
	socket := filepath.Join(s.dir, "admin.sock")
	info, err := os.Stat(socket)
	must(t, err)
	check(t, want(info.Mode().Perm() == 0o660, "the socket's mode is %v", info.Mode()))
	client := plainClient()
	client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	e := endpoint{"http://healthlb", client}
	e.curl(t, "GET /v1/pools/www.lb.example.org", "").is(t, 200, "127.8.1.1")
	e.curl(t, "PUT /v1/blocklist", "127.8.1.1").is(t, 200)
	must(t, s.dig(t, "www.lb.example.org").names("127.8.1.2"))

	t.Log("what a killed process has left is in nobody's way, and a process that ends leaves nothing")
	client.CloseIdleConnections()
	s.kill(t)
	s.launch(t)
	s.firstAnswer(t, "www.lb.example.org")
	e.curl(t, "GET /v1/pools", "").is(t, 200)
	client.CloseIdleConnections()
	s.stop(t)
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is still there")
	}
}

// Neither a name that was made to resolve to this address nor a page from elsewhere gets anything done.
func TestHostAndOrigin(t *testing.T) {
	t.Parallel()
	s := startCoreDNS(t, lb("state {dir}/state\nadmin 127.0.0.1:{admin} hosts lb-admin.example.org"+onePool), "{closed}", freePort(t))
	for _, tc := range []struct {
		header string
		status int
	}{
		{"Host: localhost", 200},
		{"Host: 127.0.0.1:" + s.ports["admin"], 200},
		{"Host: [::1]:8053", 200},
		{"Host: lb-admin.example.org", 200},
		{"Host: LB-Admin.example.org:8053", 200},
		{"Host: evil.example.com", 421},
		{"Host: localhost.evil.example.com", 421},
		{"Host: xlb-admin.example.org", 421},
		{"Origin: http://127.0.0.1:" + s.ports["admin"], 200},
		{"Origin: http://evil.example.com", 403},
		{"Origin: null", 403},
		{"Sec-Fetch-Site: cross-site", 403},
	} {
		for _, request := range []string{"GET /v1/pools", "PUT /v1/blocklist"} {
			r := s.curl(t, request, "", tc.header)
			check(t, want(r.status == tc.status, "%s with %s: %d %s", request, tc.header, r.status, r.body))
		}
	}
}

func TestAPIErrors(t *testing.T) {
	t.Parallel()
	s := startCoreDNS(t, lb("state {dir}/state\nadmin 127.0.0.1:{admin}"+onePool), "{closed}", freePort(t))
	for _, tc := range []struct {
		request string
		status  int
	}{
		{"GET /", 404},
		{"GET /v1", 404},
		{"GET /v1/pool", 404},
		{"GET /v1/pools/nobody.lb.example.org", 404},
		{"GET /v1/pools/../pools", 404},
		{"POST /v1/pools", 405},
		{"PATCH /v1/blocklist", 405},
		{"DELETE /v1/blocklist", 405},
		{"GET /v1/pools?verbose=1", 400},
		{"DELETE /v1/blocklist/hello", 400},
		{"DELETE /v1/blocklist/192.0.2.1/24", 400},
	} {
		r := s.curl(t, tc.request, "")
		good := r.status == tc.status && r.header.Get("Content-Type") == "application/problem+json"
		check(t, want(good, "%s: want a problem with %d, got %d %s", tc.request, tc.status, r.status, r.body))
		check(t, want(decode[problemDoc](t, r).Detail != "", "%s: %s", tc.request, r.body))
	}
	for _, name := range []string{"www.lb.example.org", "www.lb.example.org.", "WWW.LB.example.org"} {
		s.curl(t, "GET /v1/pools/"+name, "").is(t, 200, `"www.lb.example.org."`)
	}
	docs := decode[[]poolDoc](t, s.curl(t, "GET /v1/pools", "").is(t, 200))
	check(t, want(len(docs) == 1 && docs[0].Status == "down" && len(docs[0].Members) == 2, "%+v", docs))
}

func TestUnguardedAdminIsRefused(t *testing.T) {
	t.Parallel()
	prepare(t, lb("admin 0.0.0.0:{admin}"+onePool), "{closed}", freePort(t)).
		refusesToStart(t, "Corefile:11:", "token_file")
	prepare(t, lb("admin 127.0.0.1:{admin} token_file {dir}/none"+onePool), "{closed}", freePort(t)).
		refusesToStart(t, "token file", "none")
}
