package test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	grpchealth "google.golang.org/grpc/health"

	"example.org/healthlb/api"
)

// wardrobe has the certificates that servers show.
type wardrobe struct {
	mu    sync.Mutex
	shown map[string]tls.Certificate // by address, or else by the name that is asked for (SNI)
}

func (w *wardrobe) wear(key string, cert tls.Certificate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shown == nil {
		w.shown = map[string]tls.Certificate{}
	}
	w.shown[key] = cert
}

// config is for servers that show the certificate of their address, or, when they are ill, that of the name that is asked for.
func (w *wardrobe) config(p *patients) *tls.Config {
	return &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		host, _, _ := strings.Cut(hello.Conn.LocalAddr().String(), ":")
		if p.isIll(hello.Conn.LocalAddr()) {
			host = hello.ServerName
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		cert, found := w.shown[host]
		if !found {
			return nil, fmt.Errorf("no certificate for %s", host)
		}
		return &cert, nil
	}}
}

const day = 24 * time.Hour

// secure starts servers of the kinds that speak TLS, at the same addresses.
func secure(t *testing.T, w *wardrobe, addrs ...string) map[string]*patients {
	t.Helper()
	kinds := map[string]*patients{"tls": admit(t, addrs...), "https": admit(t, addrs...), "grpc": admit(t, addrs...)}
	for kind, p := range kinds {
		switch config := w.config(p); kind {
		case "tls":
			p.serveTLS(config)
		case "https":
			p.serveHTTP(t, config, func(http.ResponseWriter, *http.Request, bool) {})
		case "grpc":
			health := grpchealth.NewServer()
			p.serveGRPC(t, config, health, health, nil)
		}
	}
	return kinds
}

// overTLS is a check of a kind up to the options of TLS.
func overTLS(kind string, p *patients) string {
	if kind == "grpc" {
		return "grpc " + p.port + " tls"
	}
	return kind + " " + p.port
}

// A member that shows another certificate is out, and back when it shows a good one.
func TestKindCertificates(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	files := t.TempDir()
	ca.write(t, filepath.Join(files, "ca.pem"))
	w := new(wardrobe)
	addrs := []string{"127.44.11.1", "127.44.11.2"}
	kinds := secure(t, w, addrs...)

	ended := time.Now().Add(-day)
	ill := []struct {
		name   string
		cert   tls.Certificate
		reason string
	}{
		{"wrong-name", ca.issue(t, tomorrow(), "api.example.org"), "certificate is for api.example.org, not wrong-name.example.org"},
		{"expired", ca.issue(t, ended, "expired.example.org"), "certificate expired " + ended.UTC().Format(time.DateOnly)},
		{"unknown-ca", other.issue(t, tomorrow(), "unknown-ca.example.org"), "certificate signed by an unknown authority"},
		{"all-wrong", ca.issue(t, ended, "api.example.org"), "; besides: certificate is for api.example.org"},
	}
	var names []string
	for _, c := range ill {
		names = append(names, c.name+".example.org")
		w.wear(c.name+".example.org", c.cert)
	}
	for _, addr := range addrs {
		w.wear(addr, ca.issue(t, tomorrow(), names...))
	}
	var trials []trial
	for kind, p := range kinds {
		for _, c := range ill {
			options := " sni " + c.name + ".example.org ca " + files + "/ca.pem"
			trials = append(trials, trial{kind + "-" + c.name, overTLS(kind, p) + options, "down", c.reason})
		}
	}
	s := startTrials(t, trials, "", addrs...)
	s.areWell(t, trials, addrs...)
	for _, p := range kinds {
		p.ill.Store(true)
	}
	s.areIll(t, trials, addrs...)
	for _, p := range kinds {
		p.ill.Store(false)
	}
	s.areWell(t, trials, addrs...)
}

// Over TLS an answer is judged as without it.
func TestKindHTTPS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca.write(t, file)
	p := admit(t, "127.44.12.1", "127.44.12.2", "::1")
	cert := ca.issue(t, tomorrow(), "shop.example.org", "status.lb.example.org")
	p.serveHTTP(t, &tls.Config{Certificates: []tls.Certificate{cert}}, func(w http.ResponseWriter, r *http.Request, ill bool) {
		switch {
		case ill && r.URL.Path == "/status":
			w.WriteHeader(500)
		case ill && r.URL.Path == "/lame":
			w.WriteHeader(503)
			_, _ = w.Write([]byte("draining"))
		case ill && r.URL.Path == "/follow":
			w.Header().Set("Location", "https://api.example.org:"+p.port+"/end") // for which the certificate is not
			w.WriteHeader(302)
		case r.URL.Path == "/follow":
			w.Header().Set("Location", "https://shop.example.org:"+p.port+"/end")
			w.WriteHeader(302)
		case r.Host != "shop.example.org" && r.Host != "status.lb.example.org" && r.Host != "shop.example.org:"+p.port:
			w.WriteHeader(421)
		}
	})
	p.runTrials(t, []trial{
		{"status", "https {port} path /status ca " + file, "down", "status 500"}, // the pool's name counts
		{"lame", "https {port} path /lame lame draining host shop.example.org ca " + file, "lame", `and the body says "draining"`},
		{"follow", "https {port} path /follow follow 1 host shop.example.org ca " + file, "down", "status.lb.example.org, not api.example.org"},
		{"insecure", "https {port} path /status insecure host shop.example.org", "down", "status 500"},
	})
}

func TestKindGRPCOverTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca.write(t, file)
	p := admit(t, "127.44.13.1", "127.44.13.2", "::1")
	well, ill := grpchealth.NewServer(), grpchealth.NewServer()
	ill.Shutdown() // which says NOT_SERVING
	p.serveGRPC(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, tomorrow(), "server.lb.example.org")}}, well, ill, nil)
	p.runTrials(t, []trial{
		{"server", "grpc {port} tls ca " + file, "lame", "NOT_SERVING"},
		{"named", "grpc {port} tls sni server.lb.example.org ca " + file, "lame", "NOT_SERVING"},
		{"insecure", "grpc {port} tls insecure", "lame", "NOT_SERVING"},
	})
}

// securePool is a pool of a Corefile.
func securePool(name, check string, members ...string) string {
	return "pool " + name + " {\n check " + check + "\n member " + strings.Join(members, "\n member ") + "\n}\n"
}

// nearEnd is a CoreDNS with a pool of each kind that speaks TLS, whose only member shows a certificate that ends at a time.
func nearEnd(t *testing.T, addr string, end time.Time) (s *coredns, pools []string, renew func(end time.Time)) {
	t.Helper()
	ca := newAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca.write(t, file)
	w := new(wardrobe)
	renew = func(end time.Time) { w.wear(addr, ca.issue(t, end, "www.example.org")) }
	renew(end)
	lines := "admin 127.0.0.1:{admin}\n"
	for kind, p := range secure(t, w, addr) {
		name := kind + ".lb.example.org"
		pools = append(pools, name)
		check := overTLS(kind, p) + " sni www.example.org ca " + file
		lines += securePool(name, check+" expiry 30d", addr+" id web-1")
		if kind == "tls" { // of the same certificate, and nobody wants to be warned
			lines += securePool("silent.lb.example.org", check, addr+" id web-1")
		}
	}
	return startCoreDNS(t, lb(lines, "prometheus 127.0.0.1:{metrics}")), pools, renew
}

// warned is how many events of a pool there are about certificates.
func (s *coredns) warned(t *testing.T, pool string) (told []api.Event) {
	t.Helper()
	for _, e := range s.happened(t) {
		if e.Type == "certificate" && e.Pool == pool+"." {
			told = append(told, e)
		}
	}
	return told
}

// probedAgain waits until a pool's only member was probed some times more.
func (s *coredns) probedAgain(t *testing.T, pool string, times int) {
	t.Helper()
	for last := (time.Time{}); times >= 0; times-- {
		eventually(t, func() error {
			at := s.shown(t, pool).Members[0].Addresses[0].Checks[0].LastProbe
			if at == nil || !at.After(last) {
				return errors.New("it is not probed again")
			}
			last = *at
			return nil
		})
	}
}

// Of a certificate that runs out soon people are told once; the member is up all the same.
func TestKindCertificateEvent(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(10 * day)
	s, pools, renew := nearEnd(t, "127.44.14.1", soon)
	is := func(pool string, n int, word string, end time.Time) func() error {
		return func() error {
			told := s.warned(t, pool)
			if len(told) != n {
				return fmt.Errorf("%d events of %s: %+v, want %d", len(told), pool, told, n)
			}
			e := told[n-1]
			said := hasAll(e.Text, word, pool, "web-1", end.UTC().Format(time.RFC3339))
			return want(said && e.Member == "web-1" && e.Address == "127.44.14.1", "%+v", e)
		}
	}
	for _, pool := range pools {
		eventually(t, is(pool, 1, "runs out", soon))
		must(t, s.dig(t, pool).names("127.44.14.1"))
		s.probedAgain(t, pool, 2)
		check(t, is(pool, 1, "runs out", soon)())
		check(t, want(s.log.count("[WARNING]", pool, "certificate", "runs out") == 1, "the log does not warn once of %s", pool))
	}
	check(t, want(len(s.warned(t, "silent.lb.example.org")) == 0, "%+v", s.warned(t, "silent.lb.example.org")))

	t.Log("a second one that ends soon, too")
	sooner := time.Now().Add(5 * day)
	renew(sooner)
	for _, pool := range pools {
		eventually(t, is(pool, 2, "runs out", sooner))
	}

	t.Log("one that does not, and one that has run out")
	renew(time.Now().Add(90 * day))
	for _, pool := range pools {
		s.probedAgain(t, pool, 2)
		check(t, is(pool, 2, "runs out", sooner)())
	}
	ago := time.Now().Add(-time.Hour)
	renew(ago)
	for _, pool := range pools {
		eventually(t, is(pool, 3, "ran out", ago))
	}
}

func TestKindCertificateAPI(t *testing.T) {
	t.Parallel()
	soon, late := time.Now().Add(10*day), time.Now().Add(90*day)
	s, pools, renew := nearEnd(t, "127.44.15.1", soon)
	is := func(pool string, end time.Time, warning bool) func() error {
		return func() error {
			c := s.shown(t, pool).Members[0].Addresses[0].Checks[0]
			return want(c.CertExpires != nil && c.CertExpires.Equal(end.Truncate(time.Second)) && c.CertWarning == warning,
				"%s: cert_expires %v, cert_warning %v, want %v %v", pool, c.CertExpires, c.CertWarning, end, warning)
		}
	}
	for _, pool := range pools {
		eventually(t, is(pool, soon, true))
	}
	eventually(t, is("silent.lb.example.org", soon, false))
	renew(late)
	for _, pool := range append(pools, "silent.lb.example.org") {
		eventually(t, is(pool, late, false))
	}
}

func TestKindCertificateMetric(t *testing.T) {
	t.Parallel()
	s, pools, renew := nearEnd(t, "127.44.16.1", time.Now().Add(10*day))
	series := func(pool string) string {
		return `coredns_healthlb_cert_expiry_seconds{family="A",member="web-1",pool="` + pool + `."}`
	}
	for _, days := range []int{10, 90, -1} {
		end := time.Now().Add(time.Duration(days) * day)
		renew(end)
		for _, pool := range append(pools, "silent.lb.example.org") { // expiry only asks for warnings
			eventually(t, func() error {
				got, found := s.metrics(t)[series(pool)]
				left := time.Until(end).Seconds() // the test is some seconds old
				return want(found && left-60 < got && got < left+60, "%s is %v, %v, want %v", series(pool), got, found, left)
			})
		}
	}
}

// A certificate that has run out takes a member out, but not the last one; what else is wrong does.
func TestKindExpiredAlone(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca.write(t, file)
	const one, two = "127.44.17.1", "127.44.17.2"
	w := new(wardrobe)
	good := ca.issue(t, tomorrow(), "www.example.org")
	ended := ca.issue(t, time.Now().Add(-time.Hour), "www.example.org")
	w.wear(one, good)
	w.wear(two, good)
	kinds := secure(t, w, one, two)
	lines := "admin 127.0.0.1:{admin}\nall_down nodata\n"
	var pools []string
	for kind, p := range kinds {
		name := kind + ".lb.example.org"
		pools = append(pools, name)
		lines += securePool(name, overTLS(kind, p)+" sni www.example.org ca "+file, one, two)
	}
	s := startCoreDNS(t, lb(lines))
	all := func(is func(pool string) error) {
		t.Helper()
		for _, pool := range pools {
			eventually(t, func() error { return is(pool) })
		}
	}
	names := func(addrs ...string) func(pool string) error {
		return func(pool string) error { return s.dig(t, pool).names(addrs...) }
	}
	excused := func(eligible int, addrs ...string) func(pool string) error {
		return func(pool string) error {
			var errs []error
			for _, addr := range addrs {
				m, _ := s.shownMember(t, pool, addr)
				a := m.Addresses[0]
				errs = append(errs, want(a.State == "down" && a.Excused && strings.Contains(a.Reason, "certificate expired"), "%s: %+v", pool, a))
			}
			f := s.shown(t, pool).Families[0]
			return errors.Join(append(errs, want(f.Eligible == eligible && !f.AllDown, "%s: %+v", pool, f))...)
		}
	}
	all(names(one, two))

	t.Log("one expired: the other one is there")
	w.wear(two, ended)
	all(names(one))
	all(excused(1, two))

	t.Log("both expired: they are better than none, and no answer is that of all_down")
	w.wear(one, ended)
	all(names(one, two))
	all(excused(2, one, two))
	all(func(pool string) error {
		r := s.dig(t, pool)
		return want(r.ttls() == "[5]" && r.ede == "", "want the low TTL, got\n%s", r.text)
	})

	t.Log("one has another fault, too")
	w.wear(two, other.issue(t, time.Now().Add(-time.Hour), "www.example.org"))
	all(names(one))
	all(excused(1, one))

	t.Log("and the other one is gone")
	for _, p := range kinds {
		p.close(0)
	}
	all(func(pool string) error { return s.dig(t, pool).isNegative("NOERROR", "lb.example.org.") })
}
