package config

import (
	"reflect"
	"strings"
	"testing"
)

var rightGRPCChecks = []right[*Pool]{
	{"check grpc", checks, []string{"443 grpc"}},
	{"check grpc 50051", checks, []string{"50051 grpc"}},
	{"check grpc 50051 service my.pkg.v1.Service", checks, []string{"50051 grpc service my.pkg.v1.Service"}},
	{"check grpc tls", checks, []string{"443 grpc tls sni www.lb.example.org"}},
	{"check grpc insecure tls service a/b", checks, []string{"443 grpc service a/b tls sni www.lb.example.org insecure"}},
	{"check grpc sni Example.NET. expiry 30d tls", checks, []string{"443 grpc tls sni example.net expiry 30d"}},
	{"check grpc\ncheck grpc service tls\ncheck grpc tls", checks,
		[]string{"443 grpc", "443 grpc service tls", "443 grpc tls sni www.lb.example.org"}},
}

func TestGRPCChecks(t *testing.T) { testRight(t, rightGRPCChecks, onlyPool) }

var wrongGRPCChecks = []wrong{
	{"check grpc service", "4: check grpc service: says too little; add NAME"},
	{`check grpc service ""`, `4: check grpc service "": is no name of a service; use 1 to 255 of A-Z a-z 0-9 . _ - / : ` +
		"(to ask about the server as a whole, leave service out)"},
	{`check grpc service "a b"`, `4: check grpc service "a b": is no name of a service; use 1 to 255 of A-Z a-z 0-9 . _ - / : ` +
		"(to ask about the server as a whole, leave service out)"},
	{"check grpc sni example.net", "4: check grpc sni: is about TLS, and this check speaks plain text; add tls"},
	{"check grpc service x insecure expiry 1d", "4: check grpc service x insecure: is about TLS, and this check speaks plain text; add tls"},
	{"check grpc expiry 1d", "4: check grpc expiry: is about TLS, and this check speaks plain text; add tls"},
	{"check grpc expiry soon", "4: check grpc expiry soon: is no duration; write a number and its unit, for example 500ms, 5s, 2m, 1h or 1d"},
	{"check grpc tls tls", "4: check grpc tls tls: was said before, at Testfile:4; say it once"},
	{"check grpc host x", "4: check grpc host: is not known in check grpc; allowed: ca, cert, expiry, insecure, service, sni, tls"},
	{"check grpc\ncheck grpc 443", "5: check grpc 443: is the same check as at Testfile:4; leave one out"},
}

func TestWrongGRPCChecks(t *testing.T) { testWrong(t, wrongGRPCChecks, inPool) }

// A check that is a default of the block asks in each pool's own name, and verifies it.
func TestBlockGRPCChecks(t *testing.T) {
	b := mustParse(t, `healthlb {
		check grpc
		check grpc 8443 tls sni x.example.org
		pool a.lb.example.org {
			member 192.0.2.1
		}
		pool b.lb.example.org {
			member 192.0.2.1
		}
		pool *.lb.example.org {
			member 192.0.2.1
		}
		pool *.c.lb.example.org {
			member 192.0.2.1
			check grpc tls insecure
		}
	}`)
	for i, want := range [][]string{
		{"grpc authority a.lb.example.org", "grpc tls sni x.example.org authority a.lb.example.org"},
		{"grpc authority b.lb.example.org", "grpc tls sni x.example.org authority b.lb.example.org"},
		{"grpc", "grpc tls sni x.example.org authority x.example.org"},
		{"grpc tls insecure"},
	} {
		var got []string
		for _, c := range b.Pools[i].Probes {
			got = append(got, c.Key())
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("pool %d: got %q, want %q", i, got, want)
		}
	}
}

func TestWrongWildcardGRPCChecks(t *testing.T) {
	testWrong(t, []wrong{{"pool *.lb.example.org {\nmember 192.0.2.1\ncheck grpc tls\n}",
		"6: check grpc tls (pool *.lb.example.org. at Testfile:4): does not say what name to verify, and a wildcard " +
			"pool has none of its own; add sni NAME, or insecure"}}, inBlock)
}

func TestGRPCCheckFiles(t *testing.T) {
	const text = "lb.example.org {\n healthlb {\n check grpc tls cert ca.pem key.pem ca ca.pem\n" +
		"pool www.lb.example.org {\n member 192.0.2.1\n }\n }\n}\n"
	cert, key := keyPair(t)
	dir := files(t, map[string]string{"Corefile": text, "ca.pem": cert, "key.pem": key})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{strings.ReplaceAll("443 grpc tls sni www.lb.example.org ca DIR/ca.pem cert DIR/ca.pem DIR/key.pem", "DIR", dir)}
	if got := checks(&b.Pools[0]); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	write(t, dir, "ca.pem", "")
	if _, err = parseCorefile(t, dir); err == nil || !strings.Contains(err.Error(), "the file is empty") {
		t.Errorf("got %v", err)
	}
}
