package admin

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode"
)

func TestNamesOfTokens(t *testing.T) {
	token := func(i int) string { return fmt.Sprintf("token-0123456789-%d", i) }
	for i, test := range []struct{ behind, want string }{
		{"", "token of line 2"}, {" operate", "token of line 2"}, {" # ann", "ann"}, {" operate # ann", "ann"}, {" operate ## Ann Smith,\tops ", "Ann Smith, ops"},
		{" register #", "token of line 2"}, {" # # ", "token of line 2"}, {" #ann\x00\x1b[31m\u202e", "ann[31m"}, {" # \x07", "token of line 2"}, {" # \xff\xfe", "token of line 2"},
		{" # " + strings.Repeat("é", 40), strings.Repeat("é", 32)}, {" # Zoë", "Zoë"},
	} {
		list, err := parseTokens("# not of the next line\n" + token(i) + test.behind + "\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := list.find(token(i)).name; got != test.want {
			t.Errorf("%q names %q, want %q", test.behind, got, test.want)
		}
	}
}

func TestWhoAsked(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), t.TempDir()
	tokens := writeFile(t, dir, "tokens", operateToken+" operate # ann\n"+registerToken+" register\n")
	bearer := "Authorization: Bearer " + operateToken
	f := new(fake)
	check := func(c client, want string, headers ...string) {
		t.Helper()
		c.do(t, "DELETE", "/v1/pools/www.", "", headers...).want(t, 200)
		if want != f.by && !(strings.HasSuffix(want, ":") && strings.HasPrefix(f.by, want)) {
			t.Errorf("by %q, want %q", f.by, want)
		}
	}
	peer := "the unix socket"
	token := "ann through the unix socket"
	if runtime.GOOS == "linux" {
		peer = fmt.Sprintf("uid %d through the unix socket", os.Getuid())
		token = "ann, " + peer
	}

	check(clientOf(t, serve(t, Settings{}, f)), "127.0.0.1:")
	named := clientOf(t, serve(t, Settings{TokenFile: tokens}, f))
	check(named, "ann from 127.0.0.1:", bearer)
	named.do(t, "PUT", "/v1/pools/www./registrations/a", "", "Authorization: Bearer "+registerToken).want(t, 200)
	if !strings.HasPrefix(f.by, "token of line 2 from 127.0.0.1:") {
		t.Errorf("by %q", f.by)
	}
	check(clientOf(t, serve(t, Settings{Network: "unix", Address: filepath.Join(dir, "a")}, f)), peer)
	check(clientOf(t, serve(t, Settings{Network: "unix", Address: filepath.Join(dir, "b"), TokenFile: tokens}, f)), token, bearer)

	settings := secured(t, dir, ca)
	settings.ClientCA = writeFile(t, dir, "ca", ca.pem())
	check(overTLS(t, serve(t, settings, f), ca, ca.client(t, "ops")), "CN=ops from 127.0.0.1:")
	settings.TokenFile = tokens
	check(overTLS(t, serve(t, settings, f), ca, ca.client(t, "ops")), "ann, CN=ops from 127.0.0.1:", bearer)
	check(overTLS(t, serve(t, settings, f), ca, ca.client(t, "o\nps\x1b")), "ann, CN=ops from 127.0.0.1:", bearer)
	settings.Network, settings.Address = "unix", filepath.Join(dir, "c")
	c := overTLS(t, serve(t, settings, f), ca, ca.client(t, "ops"))
	c.Client.Transport = throughSocket(t, c, settings.Address)
	c.base = "https://127.0.0.1"
	check(c, strings.Replace(token, "ann, ", "ann, CN=ops, ", 1), bearer)

	long := printable(strings.Repeat("x y\n ", 1000), 20)
	if long != "x y x y x y x y x" && len(long) > 20 {
		t.Errorf("%q", long)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"ann", "a\x00b", "\xff", "\u202eabc", " a  b ", strings.Repeat("é", 100)} {
		f.Add(seed, byte(64))
	}
	f.Fuzz(func(t *testing.T, s string, most byte) {
		got := printable(s, int(most))
		if len(got) > int(most) || strings.ContainsFunc(got, func(c rune) bool { return !unicode.IsGraphic(c) }) {
			t.Fatalf("%q in %d bytes is %q", s, most, got)
		}
	})
}
