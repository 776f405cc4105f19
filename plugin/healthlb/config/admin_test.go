package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func process(b *Block) any {
	p := b.Process
	p.StateAt, p.AdminAt = "", "" // see TestCombine
	return p
}

func TestProcessLines(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	here := func(file string) string { return filepath.Join(dir, file) }
	admin := func(a Admin) Process { return Process{Admin: &a} }
	testRight(t, []right[*Block]{
		{"", process, Process{}},
		{"region eu-west", process, Process{Region: "eu-west"}},
		{"state var/state", process, Process{State: here("var/state")}},
		{"state /var/lib/healthlb/", process, Process{State: "/var/lib/healthlb"}},
		{"admin 127.0.0.1:8053", process, admin(Admin{Network: "tcp", Address: "127.0.0.1:8053"})},
		{"admin [::1]:8053", process, admin(Admin{Network: "tcp", Address: "[::1]:8053"})},
		{"admin LOCALHOST:65535", process, admin(Admin{Network: "tcp", Address: "localhost:65535"})},
		{"admin unix:run/admin.sock", process, admin(Admin{Network: "unix", Address: here("run/admin.sock")})},
		{"admin :8053 token_file tokens", process, admin(Admin{Network: "tcp", Address: ":8053", TokenFile: here("tokens")})},
		{"admin [2001:0db8::1]:8053 token_file /t", process,
			admin(Admin{Network: "tcp", Address: "[2001:db8::1]:8053", TokenFile: "/t"})},
		{"admin 192.0.2.1:8053 client_ca /ca tls /cert /key", process,
			admin(Admin{Network: "tcp", Address: "192.0.2.1:8053", CertFile: "/cert", KeyFile: "/key", ClientCA: "/ca"})},
		{"admin 127.0.0.1:1 hosts LB.example.org. admin 192.0.2.1 token_file /t", process, admin(Admin{
			Network: "tcp", Address: "127.0.0.1:1", TokenFile: "/t", Hosts: []string{"192.0.2.1", "admin", "lb.example.org"}})},
	}, blockOf)
}

func TestWrongProcessLines(t *testing.T) { testWrong(t, wrongProcessLines, inBlock) }

var wrongProcessLines = []wrong{
	{"region", "4: region: says too little; add REGION"},
	{"region a b", "4: region a b: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"region a/b", "4: region a/b: is not allowed as a name here; use 1 to 63 of A-Z a-z 0-9 . _ : -"},
	{"region eu\nregion us", "5: region: was said before, at Testfile:4; say it once"},
	{"state", "4: state: says too little; add DIR"},
	{"state a b", "4: state a b: is one word too many; leave it out, or put words that belong together in double quotes"},
	{`state ""`, `4: state "": is no file name; write one, relative to the Corefile's directory or absolute`},
	{"admin", "4: admin: says too little; add ADDR"},
	{"admin 127.0.0.1",
		"4: admin 127.0.0.1: is no address to listen on; write HOST:PORT with an IP address or localhost as HOST, " +
			"or :PORT, or unix:PATH"},
	{"admin 127.0.0.1:0", "4: admin 127.0.0.1:0: is no port; write a number from 1 to 65535"},
	{"admin 127.0.0.1:http", "4: admin 127.0.0.1:http: is no port; write a number from 1 to 65535"},
	{"admin example.org:80",
		"4: admin example.org:80: is no address to listen on; write HOST:PORT with an IP address or localhost as " +
			"HOST, or :PORT, or unix:PATH"},
	{"admin :8053",
		"4: admin :8053: would let everyone who reaches :8053 change what is answered; add token_file FILE, or " +
			"tls CERT KEY and client_ca FILE, or listen on 127.0.0.1 or a unix socket"},
	{"admin 192.0.2.1:8053",
		"4: admin 192.0.2.1:8053: would let everyone who reaches 192.0.2.1:8053 change what is answered; add " +
			"token_file FILE, or tls CERT KEY and client_ca FILE, or listen on 127.0.0.1 or a unix socket"},
	{"admin 0.0.0.0:8053 tls c k",
		"4: admin 0.0.0.0:8053 tls c k: would let everyone who reaches 0.0.0.0:8053 change what is answered; add " +
			"token_file FILE, or tls CERT KEY and client_ca FILE, or listen on 127.0.0.1 or a unix socket"},
	{"admin [::]:8053 client_ca x",
		"4: admin [::]:8053 client_ca x: has client_ca, but client certificates need TLS; add tls CERT KEY"},
	{"admin unix:", "4: admin unix:: is no file name; write one, relative to the Corefile's directory or absolute"},
	{"admin unix:/" + strings.Repeat("a", 107) + "",
		"4: admin unix:/" + strings.Repeat("a", 74) + "...: has 108 bytes as an absolute path; a unix socket's path has at most 107"},
	{"admin 127.0.0.1:1 hosts", "4: admin 127.0.0.1:1 hosts: says too little; add NAME"},
	{"admin 127.0.0.1:1 hosts token_file x", "4: admin 127.0.0.1:1 hosts: says too little; add NAME"},
	{"admin 127.0.0.1:1 hosts a_b!",
		"4: admin 127.0.0.1:1 hosts a_b!: is no domain name; use letters, digits, - and _ with dots in between " +
			"(international names in their xn-- form)"},
	{"admin 127.0.0.1:1 tls c", "4: admin 127.0.0.1:1 tls c: says too little; add the KEY's file"},
	{"admin 127.0.0.1:1 token c",
		"4: admin 127.0.0.1:1 token: is not known in an admin line; allowed: client_ca, hosts, tls, token_file"},
	{"admin ::1:8053",
		"4: admin ::1:8053: is no address to listen on; write HOST:PORT with an IP address or localhost as HOST, " +
			"or :PORT, or unix:PATH"},
}
