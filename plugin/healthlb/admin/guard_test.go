package admin

import (
	"path/filepath"
	"testing"
)

func TestHost(t *testing.T) {
	c := clientOf(t, serve(t, Settings{Hosts: []string{"Admin.Example."}}, new(fake)))
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:1": 200, "192.0.2.1:8053": 200, "[::1]": 200, "[::1]:8053": 200, "[2001:db8::1]:8053": 200,
		"localhost": 200, "LOCALHOST:8053": 200, "localhost.": 200,
		"admin.example": 200, "ADMIN.example.:8053": 200,
		"evil.example": 421, "evil.example:8053": 421, "sub.admin.example": 421, "admin.example.evil": 421, "localhost.evil": 421,
		"127.0.0.1.evil.example": 421, "127.1": 421, "2130706433": 421, ":8053": 421,
	} {
		t.Run(host, func(t *testing.T) {
			c.do(t, "GET", "/v1/pools", "", "Host: "+host).want(t, want)
		})
	}
}

func TestHostDoesNotMatterThroughASocket(t *testing.T) {
	c := clientOf(t, serve(t, Settings{Network: "unix", Address: filepath.Join(t.TempDir(), "s")}, new(fake)))
	c.do(t, "GET", "/v1/pools", "", "Host: anything.example").want(t, 200)
}

func TestPagesFromElsewhere(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	for _, test := range []struct {
		name, header string
		want         int
	}{
		{"no origin", "X: y", 200},
		{"our origin", "Origin: http://127.0.0.1:8053", 200},
		{"our origin behind a proxy with TLS", "Origin: https://127.0.0.1:8053", 200},
		{"another port", "Origin: http://127.0.0.1:8054", 403},
		{"no port", "Origin: http://127.0.0.1", 403},
		{"another host", "Origin: https://evil.example", 403},
		{"opaque", "Origin: null", 403},
		{"empty", "Origin: ", 403},
		{"garbage", "Origin: ::", 403},
		{"the same site", "Sec-Fetch-Site: same-origin", 200},
		{"typed in", "Sec-Fetch-Site: none", 200},
		{"another site", "Sec-Fetch-Site: cross-site", 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, method := range []string{"GET", "PUT"} {
				c.do(t, method, "/v1/blocklist", "", "Host: 127.0.0.1:8053", test.header).want(t, test.want)
			}
		})
	}
}
