package test

import (
	"crypto/tls"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTLSChecks(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	files := t.TempDir()
	ca.write(t, filepath.Join(files, "ca.pem"))
	for name, issuer := range map[string]*authority{"client": ca, "stranger": other} {
		pair := issuer.issue(t, tomorrow(), name+".example.org")
		writePair(t, pair, filepath.Join(files, name+".pem"), filepath.Join(files, name+".key"))
	}

	server := func(cert tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}} }
	mutual := server(ca.issue(t, tomorrow(), "mutual.example.org"))
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool()
	mutual12 := mutual.Clone()
	mutual12.MaxVersion = tls.VersionTLS12
	web := startTLSMembers(t, map[string]*tls.Config{
		"127.2.1.1": server(ca.issue(t, tomorrow(), "good.example.org", "pool.lb.example.org")),
		"127.2.1.2": server(ca.issue(t, time.Now().Add(-24*time.Hour), "good.example.org")),
		"127.2.1.3": server(other.issue(t, tomorrow(), "good.example.org")),
		"127.2.1.4": mutual,
		"127.2.1.5": mutual12,
	})
	plain := startMembers(t, "127.2.1.6").say("HTTP/1.0 400 Bad Request\r\n\r\n")

	cases := []struct{ pool, member, check, reason string }{
		{"good", "127.2.1.1", "sni good.example.org ca {files}/ca.pem", ""},
		{"pool", "127.2.1.1", "ca {files}/ca.pem", ""}, // without sni the pool's name counts
		{"wrong-name", "127.2.1.1", "sni wrong.example.org ca {files}/ca.pem", "certificate is for good.example.org"},
		{"wrong-pool", "127.2.1.1", "ca {files}/ca.pem", "not wrong-pool.lb.example.org"},
		{"expired", "127.2.1.2", "sni good.example.org ca {files}/ca.pem", "certificate expired"},
		{"unknown-ca", "127.2.1.3", "sni good.example.org ca {files}/ca.pem", "unknown authority"},
		{"system-ca", "127.2.1.1", "sni good.example.org", "unknown authority"},
		{"insecure", "127.2.1.2", "insecure", ""},
		{"with-cert", "127.2.1.4", "sni mutual.example.org ca {files}/ca.pem cert {files}/client.pem {files}/client.key", ""},
		{"without-cert", "127.2.1.4", "sni mutual.example.org ca {files}/ca.pem", "certificate required"},
		{"other-cert", "127.2.1.4", "sni mutual.example.org ca {files}/ca.pem cert {files}/stranger.pem {files}/stranger.key", "the member says"},
		{"with-cert12", "127.2.1.5", "sni mutual.example.org ca {files}/ca.pem cert {files}/client.pem {files}/client.key", ""},
		{"without-cert12", "127.2.1.5", "sni mutual.example.org ca {files}/ca.pem", "the member says"},
		{"no-tls", "127.2.1.6 port " + plain.port, "sni good.example.org ca {files}/ca.pem", "not TLS"},
	}
	var pools strings.Builder
	for _, tc := range cases {
		pools.WriteString("pool " + tc.pool + ".lb.example.org {\n check tls {web} " + tc.check + "\n member " + tc.member + "\n}\n")
	}
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		interval 2s
		timeout 2s
		all_down nodata
		`+strings.ReplaceAll(pools.String(), "{files}", files)), "interval 400ms", "", "timeout 400ms", "", "{web}", web.port)

	for _, tc := range cases {
		addr, _, _ := strings.Cut(tc.member, " ")
		member := s.member(t, tc.pool+".lb.example.org", addr)
		r := s.dig(t, tc.pool+".lb.example.org")
		if tc.reason == "" {
			check(t, want(member.State == "up", "%s is %s: %s", tc.pool, member.State, member.Reason))
			check(t, r.names(addr))
			continue
		}
		good := member.State == "down" && strings.Contains(member.Reason, tc.reason)
		check(t, want(good, "%s is %s: %q, want %q", tc.pool, member.State, member.Reason, tc.reason))
		if tc.reason == "certificate expired" { // nothing else is wrong, and there is nobody else
			check(t, r.names(addr))
			continue
		}
		check(t, r.isNegative("NOERROR", "lb.example.org."))
	}
	noTimeWait(t, web.port)
}
