package config

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// onChange returns what a block says of events, without the place; see TestCombineOnChange.
func onChange(b *Block) any {
	if b.Process.OnChange == nil {
		return nil
	}
	return *b.Process.OnChange
}

// rightOnChange has absolute file names only, as it is a seed for fuzzing too.
var rightOnChange = []right[*Block]{
	{"", onChange, nil},
	{"on_change http://127.0.0.1:8080/hook", onChange, OnChange{URL: "http://127.0.0.1:8080/hook"}},
	{"on_change https://hooks.example.org", onChange, OnChange{URL: "https://hooks.example.org"}},
	{"on_change HTTPS://Hooks.Example.org./A/b?c=D&e=%2F", onChange, OnChange{URL: "https://hooks.example.org./A/b?c=D&e=%2F"}},
	{"on_change http://localhost:65535/ secret /s", onChange, OnChange{URL: "http://localhost:65535/", SecretFile: "/s"}},
	{"on_change https://[2001:DB8::1]:8443/ ca /c secret /s", onChange,
		OnChange{URL: "https://[2001:db8::1]:8443/", SecretFile: "/s", CAFile: "/c"}},
	{`on_change "https://h/" ca /c/./d # comment`, onChange, OnChange{URL: "https://h/", CAFile: "/c/d"}},
}

func TestOnChange(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testRight(t, append(rightOnChange, right[*Block]{"on_change https://h ca ca.pem secret sub/none", onChange,
		OnChange{URL: "https://h", SecretFile: filepath.Join(dir, "sub/none"), CAFile: filepath.Join(dir, "ca.pem")}}), blockOf)
}

func TestWrongOnChange(t *testing.T) { testWrong(t, wrongOnChange, inBlock) }

const (
	noPostURL = ": is no URL to post to; write http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH]"
	noHost    = ": is no domain name; use letters, digits, - and _ with dots in between (international names in their xn-- form)"
	noPort    = ": is no port; write a number from 1 to 65535"
)

var wrongOnChange = []wrong{
	{"on_change", "4: on_change: says too little; add URL"},
	{`on_change ""`, `4: on_change ""` + noPostURL},
	{"on_change hooks.example.org", "4: on_change hooks.example.org" + noPostURL},
	{"on_change hooks.example.org:80/x", "4: on_change hooks.example.org:80/x" + noPostURL},
	{"on_change //hooks.example.org", "4: on_change //hooks.example.org" + noPostURL},
	{"on_change ftp://hooks.example.org", "4: on_change ftp://hooks.example.org" + noPostURL},
	{"on_change http:///path", "4: on_change http:///path" + noPostURL},
	{"on_change http://:80/", "4: on_change http://:80/" + noPostURL},
	{"on_change http:host", "4: on_change http:host" + noPostURL},
	{"on_change http://host:", "4: on_change http://host:" + noPostURL},
	{"on_change http://host:http/", "4: on_change http://host:http/" + noPostURL},
	{"on_change http://host/%zz", "4: on_change http://host/%zz" + noPostURL},
	{"on_change http://[::1", "4: on_change http://[::1" + noPostURL},
	{"on_change http://host:0/", "4: on_change http://host:0/" + noPort},
	{"on_change http://host:65536/", "4: on_change http://host:65536/" + noPort},
	{"on_change http://a*b/", "4: on_change http://a*b/" + noHost},
	{"on_change http://bücher.example/", "4: on_change http://bücher.example/" + noHost},
	{"on_change http://[fe80::1%25eth0]/", "4: on_change http://[fe80::1%25eth0]/" + noHost},
	{"on_change http://192.0.2.300/",
		"4: on_change http://192.0.2.300/: ends like an IPv4 address, and no domain name ends in a number; write a name, or a whole address"},
	{"on_change http://me@host/", "4: on_change http://me@host/: has a user in it; leave out what is before the @; the receiver knows posts " +
		"by their signature: add secret FILE"},
	{`on_change "http://host/#here"`, "4: on_change http://host/#here: has a fragment, which is never sent; leave out the # and what follows"},
	{`on_change "http://host/a b"`, `4: on_change "http://host/a b": has a space or an invisible letter in it; write it as % and two ` +
		`hexadecimal digits for each byte, such as %20`},
	{"on_change http://host secret", "4: on_change http://host secret: says too little; add FILE"},
	{`on_change http://host secret ""`,
		`4: on_change http://host secret "": is no file name; write one, relative to the Corefile's directory or absolute`},
	{"on_change https://host ca", "4: on_change https://host ca: says too little; add FILE"},
	{"on_change http://host ca /c",
		"4: on_change http://host ca /c: says whose certificate to trust, but http has none; leave ca out, or write an https URL"},
	{"on_change http://host secret /s secret /s", "4: on_change http://host secret /s secret: was said before, at Testfile:4; say it once"},
	{"on_change http://host http://other",
		"4: on_change http://host http://other: is not known in an on_change line; allowed: ca, secret"},
	{"on_change http://host\non_change http://host", "5: on_change: was said before, at Testfile:4; say it once"},
}

func TestCombineOnChange(t *testing.T) {
	said := func(lines string) []*Block {
		return []*Block{
			blockFor(t, "a", ""),
			blockFor(t, "b", "\non_change https://Hooks.example.org/ secret /s ca /c"),
			blockFor(t, "c", lines),
		}
	}
	got, err := Combine(said("on_change https://hooks.example.org/ ca /c secret /s/."))
	want := OnChange{URL: "https://hooks.example.org/", SecretFile: "/s", CAFile: "/c"}
	if err != nil || got.OnChange == nil || *got.OnChange != want || got.OnChangeAt != "Testfile:3" {
		t.Errorf("got %+v at %s, %v", got.OnChange, got.OnChangeAt, err)
	}
	for _, differs := range []string{
		"on_change https://hooks.example.org secret /s ca /c",
		"on_change https://hooks.example.org/ ca /c",
		"on_change https://hooks.example.org/ secret /s",
	} {
		const want = "Testfile:2: on_change: differs from what is said at Testfile:3; it is one for the whole process: say it once, " +
			"or the same everywhere"
		if _, err := Combine(said(differs)); err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", differs, err, want)
		}
	}
}

// wordOf returns the second word of a line, or nothing.
func wordOf(line string) string {
	words := strings.Fields(line + " - -")
	return words[1]
}

// FuzzPostURL reads any word as a URL. What is accepted can be posted to, shows no secret in front of the host, and stays as it is.
func FuzzPostURL(f *testing.F) {
	for _, c := range rightOnChange {
		f.Add(wordOf(c.lines))
	}
	for _, c := range wrongOnChange {
		f.Add(wordOf(c.lines))
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parsePostURL(s)
		if err != nil {
			return
		}
		req, err := http.NewRequest(http.MethodPost, got, nil)
		if err != nil || req.Host == "" || req.URL.User != nil || req.URL.Fragment != "" {
			t.Fatalf("%q became %q, which cannot be posted to: %v", s, got, err)
		}
		if again, err := parsePostURL(got); err != nil || again != got {
			t.Errorf("%q became %q, and then %q, %v", s, got, again, err)
		}
	})
}
