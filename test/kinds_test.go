package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"example.org/healthlb/api"
)

// trial is a pool with one check, of whose two members the second falls ill in one way.
type trial struct {
	name   string // of the pool, its first label
	check  string // as the Corefile says it, without the word; {port} is the members' port
	state  string // that the ill one falls into
	reason string // is part of what is said of it
}

func (c trial) pool() string { return c.name + ".lb.example.org" }

// trialPools are the pools of trials. The second member may have an address of each family.
func trialPools(trials []trial, addrs ...string) (text string) {
	for _, c := range trials {
		text += "\npool " + c.pool() + " {\n check " + c.check + "\n member " + addrs[0] + "\n member " + strings.Join(addrs[1:], " ") + "\n}"
	}
	return text
}

// startTrials starts a CoreDNS with a pool for each trial.
func startTrials(t *testing.T, trials []trial, port string, addrs ...string) *coredns {
	t.Helper()
	pools := strings.ReplaceAll(trialPools(trials, addrs...), "{port}", port)
	return startCoreDNS(t, lb("admin 127.0.0.1:{admin}\nall_down nodata\n"+pools, "prometheus 127.0.0.1:{metrics}"))
}

// areWell waits until the answers name everybody.
func (s *coredns) areWell(t *testing.T, trials []trial, addrs ...string) {
	t.Helper()
	for _, c := range trials {
		eventually(t, func() error { return s.trialIs(t, c, true, addrs) })
	}
}

// areIll waits until the answers name but the first member, and the API says why.
func (s *coredns) areIll(t *testing.T, trials []trial, addrs ...string) {
	t.Helper()
	for _, c := range trials {
		eventually(t, func() error { return s.trialIs(t, c, false, addrs) })
	}
}

func (s *coredns) trialIs(t *testing.T, c trial, well bool, addrs []string) error {
	t.Helper()
	named := map[string][]string{}
	var errs []error
	for i, addr := range addrs {
		family := familyOf(addr)
		named[family] = append(named[family], addr)
		a := s.member(t, c.pool(), addr)
		if well || i == 0 {
			errs = append(errs, want(a.State == "up" && a.Reason == "", "%s: %s is %s: %s", c.name, addr, a.State, a.Reason))
		} else {
			named[family] = named[family][:len(named[family])-1]
			good := a.State == c.state && strings.Contains(a.Reason, c.reason)
			errs = append(errs, want(good, "%s: %s is %s: %q, want %s: %q", c.name, addr, a.State, a.Reason, c.state, c.reason))
		}
	}
	for family, addrs := range named {
		r := s.dig(t, c.pool(), family)
		if len(addrs) > 0 {
			errs = append(errs, r.names(addrs...))
		} else {
			errs = append(errs, r.isNegative("NOERROR", "lb.example.org."))
		}
	}
	return errors.Join(errs...)
}

func familyOf(addr string) string {
	if strings.Contains(addr, ":") {
		return "AAAA"
	}
	return "A"
}

// runTrials has the patients fall ill, get well, and go.
func (p *patients) runTrials(t *testing.T, trials []trial) {
	t.Helper()
	s := startTrials(t, trials, p.port, p.addrs...)
	s.areWell(t, trials, p.addrs...)
	p.ill.Store(true)
	s.areIll(t, trials, p.addrs...)
	p.ill.Store(false)
	s.areWell(t, trials, p.addrs...)

	p.close(1)
	var gone []trial
	for _, c := range trials {
		c.state, c.reason = "down", "connection refused"
		gone = append(gone, c)
	}
	s.areIll(t, gone, p.addrs...)
}

// page is what an HTTP server answers.
type page struct {
	status         int
	body, location string
	do             func(w http.ResponseWriter, r *http.Request) // what else; nil: nothing
}

func (p page) write(w http.ResponseWriter, r *http.Request) {
	if p.location != "" {
		w.Header().Set("Location", p.location)
	}
	if p.do != nil {
		p.do(w, r)
		return
	}
	w.WriteHeader(p.status)
	_, _ = io.WriteString(w, p.body)
}

// hang answers nothing.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// reset ends the connection as a crash does.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

// endless answers for as long as somebody listens.
func endless(w http.ResponseWriter, _ *http.Request) {
	for block := bytes.Repeat([]byte("nothing new "), 1000); ; {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// trickle sends a byte at a time.
func trickle(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_, _ = io.WriteString(w, "x")
		w.(http.Flusher).Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func TestKindHTTP(t *testing.T) {
	t.Parallel()
	p := admit(t, "127.44.1.1", "127.44.1.2", "::1")
	pages := map[string]struct{ well, ill page }{
		"/end": {page{status: 200}, page{status: 500}},
		"/":    {page{status: 200}, page{status: 404}},
	}
	var trials []trial
	for _, c := range []struct {
		name, options string
		well, ill     page
		state, reason string
	}{
		{"status", "status 200-299,404", page{status: 404}, page{status: 500}, "down", "status 500 Internal Server Error"},
		{"body", "body fine", page{status: 200, body: "all is fine"}, page{status: 200, body: "not well"}, "down", `"fine" not found in its 8 bytes`},
		{"regexp", `body_regexp "^load [0-9]+$"`, page{status: 200, body: "load 7"}, page{status: 200, body: "load ?"}, "down", "body"},
		{"lame", "lame draining", page{status: 200}, page{status: 503, body: "draining for a new kernel"},
			"lame", `status 503 Service Unavailable, and the body says "draining"`},
		{"overloaded", "lame draining", page{status: 200}, page{status: 503, body: "overloaded"}, "down", "status 503 Service Unavailable"},
		{"follow", "follow 1", page{status: 302, location: "/end"}, page{status: 307, location: "/end"}, "down", "status 500"},
		{"far", "follow 2", page{status: 303, location: "//far.example.org:{port}/end?x=y"}, page{status: 301, location: "/far"},
			"down", `status 301 redirects to "/far", which is one more than follow 2 allows`},
		{"redirect", "", page{status: 200}, page{status: 302, location: "/end"}, "down", `status 302 redirects to "/end", which is not followed`},
		{"hang", "", page{status: 200}, page{do: hang}, "down", "timeout after 400ms (header)"},
		{"reset", "", page{status: 200}, page{do: reset}, "down", "reset by peer"},
		{"endless", "body fine", page{status: 200, body: "fine"}, page{do: endless}, "down", `"fine" not found in the first 64 KiB`},
		{"trickle", "body fine", page{status: 200, body: "fine"}, page{do: trickle}, "down", "timeout after 400ms"},
	} {
		path := "/" + c.name
		c.well.location = strings.ReplaceAll(c.well.location, "{port}", p.port)
		pages[path] = struct{ well, ill page }{c.well, c.ill}
		trials = append(trials, trial{c.name, "http {port} path " + path + " " + c.options, c.state, c.reason})
	}
	trials = append(trials, trial{"defaults", "http {port}", "down", "status 404 Not Found"})
	p.serveHTTP(t, nil, func(w http.ResponseWriter, r *http.Request, ill bool) {
		if ill {
			pages[r.URL.Path].ill.write(w, r)
		} else {
			pages[r.URL.Path].well.write(w, r)
		}
	})
	p.runTrials(t, trials)
}

// What is asked for is what the Corefile says.
func TestKindHTTPRequest(t *testing.T) {
	t.Parallel()
	p := admit(t, "127.44.2.1")
	var mu sync.Mutex
	asked := map[string]string{}
	p.serveHTTP(t, nil, func(_ http.ResponseWriter, r *http.Request, _ bool) {
		mu.Lock()
		defer mu.Unlock()
		h := r.Header
		asked[r.URL.Path] = fmt.Sprintf("%s %s %s %s %s %s", r.Method, r.RequestURI, r.Host, h["User-Agent"], h["X-Probe"], h["Accept"])
	})
	s := startTrials(t, []trial{
		{name: "plain", check: "http {port} path /plain"},
		{name: "other", check: `http {port} method OPTIONS path /other?deep=1&x=%20 host shop.example.org:81 ` +
			`header X-Probe "a b" header X-Probe c header User-Agent me`},
	}, p.port, "127.44.2.1", "192.0.2.1 probe_address 127.44.2.1")
	for path, line := range map[string]string{
		"/plain": "GET /plain plain.lb.example.org [healthlb] [] [*/*]",
		"/other": "OPTIONS /other?deep=1&x=%20 shop.example.org:81 [me] [a b c] [*/*]",
	} {
		eventually(t, func() error {
			mu.Lock()
			defer mu.Unlock()
			return want(asked[path] == line, "asked %q, want %q", asked[path], line)
		})
	}
	eventually(t, func() error { return s.dig(t, "other.lb.example.org").names("127.44.2.1", "192.0.2.1") })
}

func TestKindGRPC(t *testing.T) {
	t.Parallel()
	p := admit(t, "127.44.3.1", "127.44.3.2", "::1")
	well, ill := grpchealth.NewServer(), grpchealth.NewServer()
	for _, service := range []string{"shop.Cart", "shop.Gone", "shop.Slow", "shop.Lost", "shop.None", "shop.Mute"} {
		well.SetServingStatus(service, healthpb.HealthCheckResponse_SERVING)
	}
	ill.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	ill.SetServingStatus("shop.Cart", healthpb.HealthCheckResponse_NOT_SERVING)
	ill.SetServingStatus("shop.Mute", healthpb.HealthCheckResponse_UNKNOWN)
	p.serveGRPC(t, nil, well, ill, func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		if p.isIllFor(ctx) {
			switch request.(*healthpb.HealthCheckRequest).Service {
			case "shop.Slow":
				<-ctx.Done()
				return nil, ctx.Err()
			case "shop.Lost":
				return nil, status.Error(codes.Unavailable, "no database")
			case "shop.None":
				return nil, status.Error(codes.Unimplemented, "no health here")
			}
		}
		return handle(ctx, request)
	})
	p.runTrials(t, []trial{
		{"server", "grpc {port}", "lame", "NOT_SERVING"},
		{"cart", "grpc {port} service shop.Cart", "lame", "NOT_SERVING"},
		{"gone", "grpc {port} service shop.Gone", "down", `service "shop.Gone" is unknown`}, // the ill one does not know it
		{"slow", "grpc {port} service shop.Slow", "down", ""},                               // the check gives up, or the server
		{"lost", "grpc {port} service shop.Lost", "down", `UNAVAILABLE: "no database"`},
		{"none", "grpc {port} service shop.None", "down", `no health service (grpc.health.v1): "no health here"`},
		{"mute", "grpc {port} service shop.Mute", "down", "UNKNOWN"},
	})
}

func TestKindDNS(t *testing.T) {
	t.Parallel()
	p := admit(t, "127.44.4.1", "127.44.4.2", "::1")
	data := map[uint16]string{dns.TypeA: "A 192.0.2.1", dns.TypeAAAA: "AAAA 2001:db8::1", dns.TypeTXT: "TXT long"}
	p.serveDNS(t, func(w dns.ResponseWriter, q *dns.Msg, ill bool) {
		r := new(dns.Msg)
		r.SetReply(q)
		name := q.Question[0].Name
		label, _, _ := strings.Cut(name, ".")
		rr, err := dns.NewRR(name + " 60 IN " + data[q.Question[0].Qtype])
		if err != nil {
			return
		}
		r.Answer = append(r.Answer, rr)
		if label == "long" && w.LocalAddr().Network() == "udp" {
			r.Answer, r.Truncated = nil, true
		}
		switch {
		case !ill:
		case label == "servfail", label == "long" && !r.Truncated:
			r.SetRcode(q, dns.RcodeServerFailure)
			r.Answer = nil
		case label == "nxdomain":
			r.SetRcode(q, dns.RcodeNameError)
			r.Answer = nil
		case label == "nodata":
			r.Answer = nil
		case label == "silent":
			return
		case label == "another":
			r.Id++
		}
		_ = w.WriteMsg(r)
	})
	p.runTrials(t, []trial{
		{"servfail", "dns {port} name servfail.example.org", "down", "SERVFAIL"},
		{"nxdomain", "dns {port} name nxdomain.example.org type AAAA", "down", "NXDOMAIN"},
		{"nodata", "dns {port} name nodata.example.org type AAAA", "down", "NOERROR, but no AAAA record of nodata.example.org"},
		{"silent", "dns {port} name silent.example.org", "down", "timeout after 400ms (answer)"},
		{"another", "dns {port} name another.example.org", "down", "none to the question"},
		{"long", "dns {port} name long.example.org type TXT", "down", "SERVFAIL"},
	})
}

func TestKindAgent(t *testing.T) {
	t.Parallel()
	p := admit(t, "127.44.5.1", "127.44.5.2", "::1")
	words := map[string]string{
		"down": "down # disk full\n", "stopped": "STOPPED\r\n", "drain": "drain # new kernel\n", "maint": "up maint\n", "zero": "0%\n",
		"other": "fine\n", "empty": "\n", "hang": "", "endless": strings.Repeat("up ", 4000),
	}
	p.serveAgents(func(asked string, ill bool) string {
		if ill {
			return words[asked]
		}
		return "ready up, 100%"
	})
	trials := []trial{
		{"down", "", "down", "agent says down: disk full"},
		{"stopped", "", "down", "agent says stopped"},
		{"drain", "", "lame", "agent says drain: new kernel"},
		{"maint", "", "lame", "agent says maint"},
		{"zero", "", "lame", "agent says 0%"},
		{"other", "", "down", `agent says "fine", which is no word of an agent-check`},
		{"empty", "", "down", "agent says nothing"},
		{"hang", "", "down", "timeout after 400ms (0 bytes without an end of the line)"},
		{"endless", "", "down", "no end of the line within 4 KiB"},
	}
	for i := range trials {
		trials[i].check = `agent {port} send "` + trials[i].name + `\n"`
	}
	p.runTrials(t, trials)
}

// The agent's percentage is one of the configured weight, 10, and ends with an answer that speaks of none.
func TestKindAgentWeight(t *testing.T) {
	t.Parallel()
	p := admit(t, "127.44.6.1", "127.44.6.2")
	var word sync.Map
	p.serveTCP(func(conn net.Conn, ill bool) {
		said, found := word.Load(ill)
		if found {
			_, _ = io.WriteString(conn, said.(string))
		}
	})
	word.Store(false, "up\n")
	word.Store(true, "50%\n")
	p.ill.Store(true)
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			policy weighted
			check agent {port}
			member 127.44.6.1 weight 10
			member 127.44.6.2 weight 10
		}`), "{port}", p.port)
	picks := s.picker(t)
	shared := func(first, second int) func() error {
		return func() error {
			got := picks.counts("www.lb.example.org", first+second) // some whole cycles, which begin anywhere
			return want(got["127.44.6.1"] == first && got["127.44.6.2"] == second, "%d answers name %v, want %d and %d", first+second, got, first, second)
		}
	}
	told := func(percent int) func() error {
		return func() error {
			a := s.shown(t, "www.lb.example.org").Members[1].Addresses[0]
			if a.Weight == nil || percent < 0 {
				return want(a.Weight == nil && percent < 0, "the API has weight %v, want %d", a.Weight, percent)
			}
			return want(*a.Weight == percent, "the API has weight %d, want %d", *a.Weight, percent)
		}
	}
	for _, c := range []struct {
		word          string
		first, second int
		percent       int
	}{
		{"50%\n", 40, 20, 50},
		{"up 20%\n", 50, 10, 20},
		{"200%\n", 20, 40, 200},
		{"1%\n", 200, 2, 1},
		{"ready\n", 30, 30, -1},
	} {
		word.Store(true, c.word)
		eventually(t, told(c.percent))
		eventually(t, shared(c.first, c.second))
	}

	t.Log("what an agent said last holds while it says nothing")
	word.Store(true, "50%\n")
	eventually(t, shared(40, 20))
	word.Store(true, "")
	eventually(t, shared(60, 0))
	eventually(t, told(50))
}

// Without a server there is nobody to ask: the Corefile alone decides.
func TestKindUpAndDown(t *testing.T) {
	t.Parallel()
	corefile := lb(`
		admin 127.0.0.1:{admin}
		all_down nodata
		check up
		pool www.lb.example.org {
			member 127.44.7.1 ::1
			member 127.44.7.2
		}
		pool other.lb.example.org {
			check down
			member 127.44.7.1 ::1
		}`)
	s := startCoreDNS(t, corefile)
	must(t, s.dig(t, "www.lb.example.org").names("127.44.7.1", "127.44.7.2"))
	must(t, s.dig(t, "www.lb.example.org", "AAAA").names("::1"))
	must(t, s.dig(t, "other.lb.example.org").isNegative("NOERROR", "lb.example.org."))
	a := s.member(t, "other.lb.example.org", "::1")
	check(t, want(a.State == "down" && a.Reason == "the Corefile says down", "%+v", a))

	s.reload(t, strings.NewReplacer("check up", "check down", "check down", "check up").Replace(corefile))
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").isNegative("NOERROR", "lb.example.org.") })
	eventually(t, func() error { return s.dig(t, "other.lb.example.org", "AAAA").names("::1") })
}

// answerA has an A record for every name; of those who are ill none, but REFUSED.
func answerA(w dns.ResponseWriter, q *dns.Msg, ill bool) {
	r := new(dns.Msg)
	r.SetReply(q)
	r.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(192, 0, 2, 1)}}
	if ill {
		r.SetRcode(q, dns.RcodeRefused)
	}
	_ = w.WriteMsg(r)
}

// All checks of a member have to pass, its state is the worst of them, and the reason says which one that is.
func TestKindsTogether(t *testing.T) {
	t.Parallel()
	servers := func() *patients { return admit(t, "127.44.8.1", "127.44.8.2") }
	web, agent, named, plain := servers(), servers(), servers(), servers()
	web.serveHTTP(t, nil, func(w http.ResponseWriter, _ *http.Request, ill bool) {
		if ill {
			w.WriteHeader(500)
		}
	})
	agent.serveTCP(func(conn net.Conn, ill bool) {
		_, _ = io.WriteString(conn, map[bool]string{false: "up", true: "drain # new kernel"}[ill])
	})
	named.serveDNS(t, answerA)
	plain.serveTCP(func(conn net.Conn, ill bool) {
		_, _ = io.WriteString(conn, map[bool]string{false: "220 ready\r\n", true: "554 no service\r\n"}[ill])
	})
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check http {web} path /healthz
			check agent {agent}
			check dns {named} name example.org
			check tcp {plain} expect 220
			check up
			member 127.44.8.1
			member 127.44.8.2
		}`), "{web}", web.port, "{agent}", agent.port, "{named}", named.port, "{plain}", plain.port)
	both := func() error {
		a := s.member(t, "www.lb.example.org", "127.44.8.2")
		return errors.Join(s.dig(t, "www.lb.example.org").names("127.44.8.1", "127.44.8.2"), want(a.State == "up" && a.Reason == "", "%+v", a))
	}
	out := func(state string, words ...string) func() error {
		return func() error {
			a := s.member(t, "www.lb.example.org", "127.44.8.2")
			first := strings.HasPrefix(a.Reason, words[0]+" ") || strings.HasPrefix(a.Reason, words[0]+":")
			return errors.Join(s.dig(t, "www.lb.example.org").names("127.44.8.1"),
				want(a.State == state && first && hasAll(a.Reason, words...), "%s: %q, want %s: %q", a.State, a.Reason, state, words))
		}
	}
	drained := out("lame", "agent "+agent.port, ": agent says drain: new kernel")
	for _, c := range []struct {
		p   *patients
		out func() error
	}{
		{web, out("down", "http "+web.port, ": status 500 Internal Server Error")},
		{agent, drained},
		{named, out("down", "dns "+named.port, ": REFUSED")},
		{plain, out("down", "tcp "+plain.port, `"220"`)},
	} {
		eventually(t, both)
		c.p.ill.Store(true)
		eventually(t, c.out)
		c.p.ill.Store(false)
	}
	eventually(t, both)

	t.Log("of two, the worse one")
	agent.ill.Store(true)
	eventually(t, drained)
	named.ill.Store(true)
	eventually(t, out("down", "dns "+named.port, ": REFUSED"))
	checks := s.shown(t, "www.lb.example.org").Members[1].Addresses[0].Checks
	for i, state := range []string{"up", "lame", "down", "up", "up"} {
		check(t, want(checks[i].State == state && (checks[i].Reason == "") == (state == "up"), "check %d: %+v, want %s", i, checks[i], state))
	}
	named.ill.Store(false)
	eventually(t, drained)
	agent.ill.Store(false)
	eventually(t, both)
}

// A probe on demand shows the steps of each kind, and probes on schedule are counted by kind.
func TestKindSteps(t *testing.T) {
	t.Parallel()
	const addr = "127.44.9.1"
	ca := newAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca.write(t, file)
	script := writeScript(t)
	secured := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, tomorrow(), "www.example.org")}}
	web, webs, named, agent, rpc, rpcs := admit(t, addr), admit(t, addr), admit(t, addr), admit(t, addr), admit(t, addr), admit(t, addr)
	answer := func(w http.ResponseWriter, r *http.Request, _ bool) {
		if r.URL.Path == "/" {
			w.Header().Set("Location", "/end")
			w.WriteHeader(302)
		}
		_, _ = io.WriteString(w, "fine")
	}
	web.serveHTTP(t, nil, answer)
	webs.serveHTTP(t, secured, answer)
	named.serveDNS(t, answerA)
	agent.serveAgents(func(string, bool) string { return "up 30%" })
	health := grpchealth.NewServer()
	rpc.serveGRPC(t, nil, health, health, nil)
	rpcs.serveGRPC(t, secured, health, health, nil)

	pools := ""
	cases := []struct{ kind, check, steps string }{
		{"http", "http " + web.port + " follow 1 body fine", "connect request status redirect connect request status body"},
		{"https", "https " + webs.port + " sni www.example.org follow 1 ca " + file,
			"connect handshake certificate request status redirect connect handshake certificate request status"},
		{"grpc", "grpc " + rpc.port, "connect request header status"},
		{"grpc", "grpc " + rpcs.port + " tls sni www.example.org ca " + file, "connect handshake certificate request header status"},
		{"dns", "dns " + named.port + " name example.org", "query answer"},
		{"exec", "exec " + script + " exit {address}", "run exit"},
		{"agent", "agent " + agent.port + ` send "state\n"`, "connect send agent"},
		{"up", "up", ""},
		{"down", "down", ""},
	}
	for i, c := range cases {
		pools += fmt.Sprintf("pool p%d.lb.example.org {\n check %s\n member %s\n}\n", i, c.check, addr)
	}
	s := startCoreDNS(t, lb("admin 127.0.0.1:{admin}\nstate {dir}/state\nallow_exec\n"+pools, "prometheus 127.0.0.1:{metrics}"))
	for i, c := range cases {
		request, result := fmt.Sprintf("POST /v1/pools/p%d.lb.example.org/probe", i), "pass"
		if c.kind == "down" {
			result = "fail"
		}
		eventually(t, func() error {
			all := decode[api.Probes](t, s.order(t, request, nil).is(t, 200))
			p, steps := all.Probes[0], []string{}
			for _, step := range p.Steps {
				steps = append(steps, step.Step)
			}
			return want(len(all.Probes) == 1 && p.Result == result && all.Passed == (result == "pass") && strings.Join(steps, " ") == c.steps &&
				(p.NotAfter != nil) == strings.Contains(c.steps, "certificate") && (p.Weight != nil) == (c.kind == "agent"), "%s: %+v", c.check, all)
		})
		name := `coredns_healthlb_probes_total{kind="` + c.kind + `",result="` + result + `"}`
		eventually(t, func() error { return want(s.metrics(t)[name] > 0, "there is no %s", name) })
	}
}
