package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func checks(p *Pool) any {
	var names []string
	for i, c := range p.Probes {
		if c.Name() != p.Checks[i].Name || c.Port() != p.Checks[i].Port {
			return "Checks and Probes differ"
		}
		names = append(names, strconv.Itoa(int(c.Port()))+" "+c.Name())
	}
	return names
}

var rightChecks = []right[*Pool]{
	{"", checks, []string{"443 tcp"}},
	{"check tcp", checks, []string{"443 tcp"}},
	{"check tcp 1", checks, []string{"1 tcp"}},
	{"check tcp 65535", checks, []string{"65535 tcp"}},
	{"check tcp 443\ncheck tcp 80", checks, []string{"443 tcp", "80 tcp"}},
	{`check tcp send "PING\r\n" expect +PONG`, checks, []string{`443 tcp send "PING\r\n" expect "+PONG"`}},
	{`check tcp expect "\x00\xFF\t\\\"" send x`, checks, []string{`443 tcp send "x" expect "\x00\xff\t\x5c\x22"`}},
	{`check tcp send \x7b`, checks, []string{`443 tcp send "\x7b"`}},
	{"check tls", checks, []string{"443 tls sni www.lb.example.org"}},
	{"check tls 8443 insecure", checks, []string{"8443 tls sni www.lb.example.org insecure"}},
	{"check tls sni Example.NET.", checks, []string{"443 tls sni example.net"}},
	{"check tls\ncheck tls sni example.net", checks, []string{"443 tls sni www.lb.example.org", "443 tls sni example.net"}},
}

func TestChecks(t *testing.T) { testRight(t, rightChecks, onlyPool) }

func TestWrongChecks(t *testing.T) { testWrong(t, wrongChecks, inPool) }

// A check that is a default of the block verifies each pool's own name.
func TestBlockChecks(t *testing.T) {
	b := mustParse(t, `healthlb {
		check tls
		check tcp 80
		pool a.lb.example.org {
			member 192.0.2.1
		}
		pool b.lb.example.org {
			member 192.0.2.1
		}
		pool c.lb.example.org {
			member 192.0.2.1
			check tcp 80
		}
		pool *.lb.example.org {
			member 192.0.2.1
			check tls insecure
		}
	}`)
	for i, want := range []string{
		"443 tls sni a.lb.example.org, 80 tcp",
		"443 tls sni b.lb.example.org, 80 tcp",
		"80 tcp",
		"443 tls insecure",
	} {
		if got := strings.Join(checks(&b.Pools[i]).([]string), ", "); got != want {
			t.Errorf("pool %d: got %s, want %s", i, got, want)
		}
	}
	if b.Pools[0].Probes[1] != b.Pools[2].Probes[0] {
		t.Error("equal checks were made twice")
	}
}

func TestWrongWildcardChecks(t *testing.T) { testWrong(t, wrongWildcards, inBlock) }

// Files are beside the Corefile, and one that cannot be used is an error at the check's line.
func TestCheckFiles(t *testing.T) {
	const text = "lb.example.org {\n healthlb {\n check tls ca ca.pem cert ca.pem key.pem\n" +
		"pool www.lb.example.org {\n member 192.0.2.1\n }\n }\n}\n"
	cert, key := keyPair(t)
	dir := files(t, map[string]string{"Corefile": text, "ca.pem": cert, "key.pem": key})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{strings.ReplaceAll("443 tls sni www.lb.example.org ca DIR/ca.pem cert DIR/ca.pem DIR/key.pem", "DIR", dir)}
	if got := checks(&b.Pools[0]); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	write(t, dir, "ca.pem", "")
	_, err = parseCorefile(t, dir)
	where := "DIR/Corefile:3: check tls ca ca.pem cert ca.pem key.pem (pool www.lb.example.org. at DIR/Corefile:4): "
	if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), dir, "DIR"), where) {
		t.Errorf("got %v, want %s...", err, where)
	}
}

// keyPair returns a certificate and its key, as PEM.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, data []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
	}
	return block("CERTIFICATE", signed), block("PRIVATE KEY", encoded)
}

var wrongChecks = []wrong{
	{"check", "4: check: says too little; add KIND"},
	{"check 443", "4: check 443: is not known as a kind of check; allowed: agent, dns, down, exec, grpc, http, https, tcp, tls, up"},
	{"check htp", "4: check htp: is not known as a kind of check; did you mean http? allowed: agent, dns, down, exec, grpc, http, https, tcp, tls, up"},
	{"check tcp 0", "4: check tcp 0: is no port; write a number from 1 to 65535"},
	{"check tcp 65536", "4: check tcp 65536: is no port; write a number from 1 to 65535"},
	{"check tcp -1", "4: check tcp -1: is no port; write a number from 1 to 65535"},
	{"check tcp send", "4: check tcp send: says too little; add what to send"},
	{`check tcp send ""`, `4: check tcp send "": stands for 0 bytes; allowed: 1 to 65536`},
	{`check tcp send "\q"`,
		`4: check tcp send \q: has an unknown escape; known: \r \n \t \\ \" and \xHH with two hexadecimal digits`},
	{`check tcp send "\x4"`,
		`4: check tcp send \x4: has an unknown escape; known: \r \n \t \\ \" and \xHH with two hexadecimal digits`},
	{`check tcp send \`,
		`4: check tcp send \: has an unknown escape; known: \r \n \t \\ \" and \xHH with two hexadecimal digits`},
	{"check tcp send a send b", "4: check tcp send a send: was said before, at Testfile:4; say it once"},
	{"check tcp sni x", "4: check tcp sni: is not known in check tcp; allowed: expect, send"},
	{"check tcp expect a 443", "4: check tcp expect a 443: is not known in check tcp; allowed: expect, send"},
	{"check tls sni", "4: check tls sni: says too little; add NAME"},
	{"check tls sni 192.0.2.1",
		"4: check tls sni 192.0.2.1: ends like an IPv4 address, and no domain name ends in a number; write a " +
			"name, or a whole address"},
	{"check tls sni *.x.org",
		"4: check tls sni *.x.org: is a wildcard; only a pool's name may be one, with * as its first label"},
	{"check tls ca", "4: check tls ca: says too little; add FILE"},
	{"check tls cert a", "4: check tls cert a: says too little; add the KEY's file"},
	{"check tcp\ncheck tcp 443", "5: check tcp 443: is the same check as at Testfile:4; leave one out"},
	{"check tls {\n}", `4: check tls {: has no block; leave out the braces (in send and expect write \x7b and \x7d)`},
}

var wrongWildcards = []wrong{
	{"pool *.lb.example.org {\nmember 192.0.2.1\ncheck tls\n}",
		"6: check tls (pool *.lb.example.org. at Testfile:4): does not say what name to verify, and a wildcard " +
			"pool has none of its own; add sni NAME, or insecure"},
	{"check tls\npool *.lb.example.org {\nmember 192.0.2.1\n}",
		"4: check tls (pool *.lb.example.org. at Testfile:5): does not say what name to verify, and a wildcard " +
			"pool has none of its own; add sni NAME, or insecure"},
}
