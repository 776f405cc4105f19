package shell

import (
	"os/exec"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "''"},
		{"web-1", "web-1"},
		{"192.0.2.10", "192.0.2.10"},
		{"2001:db8::10", "2001:db8::10"},
		{"a b", "'a b'"},
		{"$(id)", "'$(id)'"},
		{"it's", `'it'\''s'`},
		{"~root", "'~root'"},
		{"a\nb", "'a\nb'"},
		{"é", "'é'"},
		{"A=b", "'A=b'"},
	} {
		if got := Quote(c.in); got != c.want {
			t.Errorf("Quote(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestExpand(t *testing.T) {
	values := map[string]string{"id": "web-1", "address": "192.0.2.10", "address6": "", "odd": "a'b; c"}
	for _, c := range []struct{ in, want string }{
		{"replace {address} {id}", "replace 192.0.2.10 web-1"},
		{`ssh root@{address} "echo {id}"`, `ssh root@192.0.2.10 "echo web-1"`},
		{"{id}{id}", "web-1web-1"},
		{"x {address6}", "x ''"},
		{"x {odd}", `x 'a'\''b; c'`},
		{"echo ${id} {none} {} { {id", "echo ${id} {none} {} { {id"},
		{"awk '{print}'; {id}", "awk '{print}'; web-1"},
		{"{{id}}", "{web-1}"},
		{"", ""},
		{"{address} costs 5$", "192.0.2.10 costs 5$"},
	} {
		if got := Expand(c.in, values); got != c.want {
			t.Errorf("Expand(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// What is expanded is not expanded again.
func TestExpandOnce(t *testing.T) {
	if got, want := Expand("{a}", map[string]string{"a": "{b}", "b": "x"}), "'{b}'"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whatever is quoted comes out of the real shell as it went in, as one argument.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "web-1", "it's", "$(id)", "`id`", "a\\", "'", "''", "\n", "-n", "!!", "\xff\x00\xfe", "é\u2028", "*", "~", "a\tb", "#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ReplaceAll(s, "\x00", "")
		if len(s) > 32<<10 { // one argument has at most 128 KiB on Linux, and a quote makes four bytes
			return
		}
		command := Expand("printf '%s.%s' {s} $#", map[string]string{"s": s})
		out, err := exec.Command("/bin/sh", "-c", command).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", command, err, out)
		}
		if want := s + ".0"; string(out) != want {
			t.Errorf("%q came out as %q", s, out)
		}
	})
}

// Nothing in a command but the names that are known is changed.
func FuzzExpand(f *testing.F) {
	f.Add("replace {address} ${id} {id} {x")
	f.Fuzz(func(t *testing.T, s string) {
		if got := Expand(s, nil); got != s {
			t.Errorf("%q became %q", s, got)
		}
		if got := Expand(s, map[string]string{"id": "web-1"}); !strings.Contains(s, "{id}") && got != s {
			t.Errorf("%q became %q", s, got)
		}
	})
}
