package config

import (
	"strings"
	"testing"

	"example.org/healthlb/plugin/healthlb/probe"
)

var rightHTTPChecks = []right[*Pool]{
	{"check http", checks, []string{"80 http host www.lb.example.org"}},
	{"check http 8080", checks, []string{"8080 http host www.lb.example.org"}},
	{"check http path / method GET status 200-299", checks, []string{"80 http host www.lb.example.org"}},
	{"check http path /healthz?deep=1 host Example.NET.:8080", checks, []string{"80 http path /healthz?deep=1 host example.net:8080"}},
	{"check http host 192.0.2.1", checks, []string{"80 http host 192.0.2.1"}},
	{"check http host 192.0.2.1:81", checks, []string{"80 http host 192.0.2.1:81"}},
	{"check http host 2001:DB8::1", checks, []string{"80 http host [2001:db8::1]"}},
	{"check http host [2001:db8::1]", checks, []string{"80 http host [2001:db8::1]"}},
	{"check http host [2001:db8::1]:81", checks, []string{"80 http host [2001:db8::1]:81"}},
	{"check http method HEAD", checks, []string{"80 http host www.lb.example.org method HEAD"}},
	{"check http method PURGE", checks, []string{"80 http host www.lb.example.org method PURGE"}},
	{"check http method x-Own", checks, []string{"80 http host www.lb.example.org method x-Own"}},
	{`check http header X-A b header X-A "c d" header X-B ""`, checks,
		[]string{`80 http host www.lb.example.org header X-A b header X-A "c d" header X-B ""`}},
	{"check http status 404,200-299,204,300-301", checks, []string{"80 http host www.lb.example.org status 200-301,404"}},
	{"check http status 100-599", checks, []string{"80 http host www.lb.example.org status 100-599"}},
	{`check http body "a \"b\"\n\x7b"`, checks, []string{`80 http host www.lb.example.org body "a \x22b\x22\n{"`}},
	{`check http body_regexp "^\"ok\": \d{2}$"`, checks, []string{`80 http host www.lb.example.org body_regexp "^\"ok\": \d{2}$"`}},
	{"check http lame bye follow 10", checks, []string{`80 http host www.lb.example.org lame "bye" follow 10`}},
	{"check http status 301 follow 1", checks, []string{"80 http host www.lb.example.org status 301 follow 1"}},
	{"check http status 503 body x", checks, []string{`80 http host www.lb.example.org status 503 body "x"`}},
	{"check https", checks, []string{"443 https host www.lb.example.org sni www.lb.example.org"}},
	{"check https 8443 insecure", checks, []string{"8443 https host www.lb.example.org sni www.lb.example.org insecure"}},
	{"check https host example.net:8443", checks, []string{"443 https host example.net:8443 sni example.net"}},
	{"check https host 192.0.2.1", checks, []string{"443 https host 192.0.2.1 sni www.lb.example.org"}},
	{"check https sni example.com host example.net expiry 30d path /x", checks,
		[]string{"443 https path /x host example.net sni example.com expiry 30d"}},
	{"check https\ncheck http\ncheck https path /x", checks, []string{"443 https host www.lb.example.org sni www.lb.example.org",
		"80 http host www.lb.example.org", "443 https path /x host www.lb.example.org sni www.lb.example.org"}},
	{"check tls expiry 1h", checks, []string{"443 tls sni www.lb.example.org expiry 1h"}},
	{"check tls insecure expiry 365d", checks, []string{"443 tls sni www.lb.example.org insecure expiry 365d"}},
	{"check tls expiry 1d12h", checks, []string{"443 tls sni www.lb.example.org expiry 36h"}},
	{"check tls\ncheck tls expiry 1h", checks, []string{"443 tls sni www.lb.example.org", "443 tls sni www.lb.example.org expiry 1h"}},
}

func TestHTTPChecks(t *testing.T) { testRight(t, rightHTTPChecks, onlyPool) }

const httpWords = "body, body_regexp, follow, header, host, lame, method, path, status"

var wrongHTTPChecks = []wrong{
	{"check http 0", "4: check http 0: is no port; write a number from 1 to 65535"},
	{"check http /", "4: check http /: is not known in check http; allowed: " + httpWords},
	{"check http sni x.org", "4: check http sni: is not known in check http; allowed: " + httpWords},
	{"check http expiry 5d", "4: check http expiry: is not known in check http; allowed: " + httpWords},
	{"check https pth /", "4: check https pth: is not known in check https; did you mean path? allowed: body, body_regexp, ca, cert, " +
		"expiry, follow, header, host, insecure, lame, method, path, sni, status"},
	{"check http\ncheck http path /", "5: check http path /: is the same check as at Testfile:4; leave one out"},
	{"check http path / path /x", "4: check http path / path: was said before, at Testfile:4; say it once"},
	{"check http {\n}", `4: check http {: has no block; leave out the braces (in send and expect write \x7b and \x7d)`},

	{"check http path", "4: check http path: says too little; add the PATH"},
	{"check http path x", "4: check http path x: is no path; write one that begins with /"},
	{`check http path "/a b"`, `4: check http path "/a b": is no path: it has what may not stand in a request; write spaces, letters that ` +
		"are not ASCII and # as %XX"},
	{"check http path /ü", "4: check http path /ü: is no path: it has what may not stand in a request; write spaces, letters that are not " +
		"ASCII and # as %XX"},
	{`check http path "/a#b"`, "4: check http path /a#b: is no path: it has what may not stand in a request; write spaces, letters that are " +
		"not ASCII and # as %XX"},
	{"check http path \"/a\nHost: x\"", `4: check http path "/a\nHost: x": is no path: it has what may not stand in a request; write spaces, ` +
		"letters that are not ASCII and # as %XX"},
	{"check http path /%zz", "4: check http path /%zz: is no path: a % is not followed by two hexadecimal digits; write % itself as %25"},
	{"check http path /" + strings.Repeat("x", 2000), "4: check http path /" + strings.Repeat("x", 79) + "...: is a path of 2001 bytes; " +
		"allowed: at most 2000"},

	{"check http host", "4: check http host: says too little; add NAME"},
	{"check http host x_y!", "4: check http host x_y!: is no domain name; use letters, digits, - and _ with dots in between (international " +
		"names in their xn-- form)"},
	{"check http host x.org:0", "4: check http host x.org:0: is no port; write a number from 1 to 65535"},
	{"check http host x.org:", "4: check http host x.org:: is no port; write a number from 1 to 65535"},
	{"check http host http://x.org", "4: check http host http://x.org: is no port; write a number from 1 to 65535"},
	{"check http host [::1", "4: check http host [::1: is no host; write a name or an IP address, maybe with a port: www.example.org:8080, " +
		"[2001:db8::1]:8080"},
	{"check http host fe80::1%eth0", "4: check http host fe80::1%eth0: is no host; write a name or an IP address, maybe with a port: " +
		"www.example.org:8080, [2001:db8::1]:8080"},
	{"check http host [192.0.2.1]:80", "4: check http host [192.0.2.1]:80: is no host; write a name or an IP address, maybe with a port: " +
		"www.example.org:8080, [2001:db8::1]:8080"},
	{"check http host 192.0.2", "4: check http host 192.0.2: ends like an IPv4 address, and no domain name ends in a number; write a name, " +
		"or a whole address"},
	{"check http host *.x.org", "4: check http host *.x.org: is a wildcard; only a pool's name may be one, with * as its first label"},

	{"check http method", "4: check http method: says too little; add the METHOD"},
	{"check http method G(T", "4: check http method G(T: is no method of HTTP; write one such as GET, HEAD, OPTIONS or POST"},
	{`check http method ""`, `4: check http method "": is no method of HTTP; write one such as GET, HEAD, OPTIONS or POST`},
	{"check http method get", "4: check http method get: is a method in small letters, which servers take for another one; write GET"},
	{"check http method CONNECT", "4: check http method CONNECT: asks for a tunnel; write another method, such as GET, HEAD, OPTIONS or POST"},
	{"check http method HEAD body ok", "4: check http method HEAD body ok: asks with HEAD and wants to look into the body, which no answer " +
		"to HEAD has; use method GET, or leave out body, body_regexp and lame"},
	{"check http body_regexp ok method HEAD", "4: check http body_regexp ok method HEAD: asks with HEAD and wants to look into the body, " +
		"which no answer to HEAD has; use method GET, or leave out body, body_regexp and lame"},
	{"check https lame ok method HEAD", "4: check https lame ok method HEAD: asks with HEAD and wants to look into the body, which no " +
		"answer to HEAD has; use method GET, or leave out body, body_regexp and lame"},

	{"check http header", "4: check http header: says too little; add the header's NAME"},
	{"check http header X", "4: check http header X: says too little; add the header's VALUE"},
	{"check http header X: y", "4: check http header X:: is no name of a header; use letters, digits and -, without the colon"},
	{`check http header "" y`, `4: check http header "": is no name of a header; use letters, digits and -, without the colon`},
	{"check http header host x.org", "4: check http header host: is a header that the check itself sends; use host NAME"},
	{"check http header CONNECTION x", "4: check http header CONNECTION: is a header that the check itself sends; leave it out; every " +
		"request has a connection of its own"},
	{"check http header Content-Length 3", "4: check http header Content-Length: is a header that the check itself sends; leave it out; a " +
		"check sends no body"},
	{"check http header Transfer-Encoding x", "4: check http header Transfer-Encoding: is a header that the check itself sends; leave it " +
		"out; a check sends no body"},
	{"check http header X \"a\nY: b\"", `4: check http header X "a\nY: b": has control characters, which no header may have; leave them out`},
	{`check http header X " a"`, `4: check http header X " a": begins or ends with a space, which servers leave out; leave it out`},
	{"check http header X " + strings.Repeat("y", 2001), "4: check http header X " + strings.Repeat("y", 80) + "...: is a value of 2001 bytes; " +
		"allowed: at most 2000"},
	{"check http" + strings.Repeat(" header X y", 33), "4: check http ... header X y: is header 33; allowed: at most 32"},

	{"check http status", "4: check http status: says too little; add the statuses that pass"},
	{"check http status 200, 404", "4: check http status 200,: is no list of statuses; write codes from 100 to 599, and ranges of them, with " +
		"commas in between: 200-299,404"},
	{"check http status 2xx", "4: check http status 2xx: is no list of statuses; write codes from 100 to 599, and ranges of them, with " +
		"commas in between: 200-299,404"},
	{"check http status 299-200", "4: check http status 299-200: is no list of statuses; write codes from 100 to 599, and ranges of them, " +
		"with commas in between: 200-299,404"},
	{"check http status 99", "4: check http status 99: is no list of statuses; write codes from 100 to 599, and ranges of them, with " +
		"commas in between: 200-299,404"},
	{"check http status 500-600", "4: check http status 500-600: is no list of statuses; write codes from 100 to 599, and ranges of them, " +
		"with commas in between: 200-299,404"},

	{"check http body", "4: check http body: says too little; add what the body must contain"},
	{`check http body ""`, `4: check http body "": stands for 0 bytes; allowed: 1 to 4096`},
	{`check http body \q`, `4: check http body \q: has an unknown escape; known: \r \n \t \\ \" and \xHH with two hexadecimal digits`},
	{"check http body " + strings.Repeat("y", 4097), "4: check http body " + strings.Repeat("y", 80) + "...: stands for 4097 bytes; allowed: " +
		"1 to 4096"},
	{"check http body " + strings.Repeat("y", 70_000), "4: check http body " + strings.Repeat("y", 80) + "...: stands for too many bytes; " +
		"allowed: 1 to 4096"},
	{"check http body_regexp (", "4: check http body_regexp (: is no regular expression: missing closing ): (; see " +
		"https://pkg.go.dev/regexp/syntax"},
	{`check http body_regexp ""`, `4: check http body_regexp "": has 0 bytes; allowed: 1 to 1000`},
	{"check http body_regexp " + strings.Repeat("y", 1001), "4: check http body_regexp " + strings.Repeat("y", 80) + "...: has 1001 bytes; " +
		"allowed: 1 to 1000"},
	{"check http body_regexp (xxx){1000}", "4: check http body_regexp (xxx){1000}: takes 5002 steps with its repetitions written out; allowed: " +
		"at most 2000"},
	{"check http body_regexp \"a\nb\"", `4: check http body_regexp "a\nb": has control characters; write them as \n, \t or \x00`},
	{"check http lame", "4: check http lame: says too little; add what the body of a lame member's 503 contains"},
	{`check http lame ""`, `4: check http lame "": stands for 0 bytes; allowed: 1 to 4096`},
	{"check http lame x status 200-599", "4: check http lame x status 200-599: looks for lame in a 503, but status lets 503 pass; leave 503 " +
		"out of status, or leave out lame"},
	{"check http follow", "4: check http follow: says too little; add how many redirects are followed"},
	{"check http follow 0", "4: check http follow 0: is no number in range; allowed: 1 to 10"},
	{"check http follow 11", "4: check http follow 11: is no number in range; allowed: 1 to 10"},
	{"check http follow 1 status 200-399", "4: check http follow 1 status 200-399: follows redirects, but status lets them pass; leave 301, " +
		"302, 303, 307 and 308 out of status, or leave out follow"},

	{"check tls expiry", "4: check tls expiry: says too little; add a duration, for example 5s"},
	{"check tls expiry 59m", "4: check tls expiry 59m: is out of range; allowed: 1h to 365d"},
	{"check https expiry 366d", "4: check https expiry 366d: is out of range; allowed: 1h to 365d"},
	{"check https expiry 30", "4: check https expiry 30: is a duration without a unit; write 30s for seconds (units: ms, s, m, h, d)"},
}

func TestWrongHTTPChecks(t *testing.T) { testWrong(t, wrongHTTPChecks, inPool) }

// A wildcard pool has no name of its own: the members' addresses are the hosts, and https needs a name to verify.
func TestWildcardHTTPChecks(t *testing.T) {
	for line, want := range map[string]string{
		"check http":                                  "80 http",
		"check http host x.org":                       "80 http host x.org",
		"check https sni x.org":                       "443 https host x.org sni x.org",
		"check https host x.org:81":                   "443 https host x.org:81 sni x.org",
		"check https host x.org sni y.org":            "443 https host x.org sni y.org",
		"check https insecure":                        "443 https insecure",
		"check https host 192.0.2.1 sni x.org":        "443 https host 192.0.2.1 sni x.org",
		"check https host 192.0.2.1:8443 insecure":    "443 https host 192.0.2.1:8443 insecure",
		"check https host 192.0.2.1 insecure path /x": "443 https path /x host 192.0.2.1 insecure",
	} {
		b := mustParse(t, "healthlb {\npool *.lb.example.org {\nmember 192.0.2.1\n"+line+"\n}\n}")
		if got := checks(&b.Pools[0]).([]string); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %v, want %s", line, got, want)
		}
	}
	const unnamed = "does not say what name to verify, and a wildcard pool has none of its own; add sni NAME, host NAME or insecure"
	testWrong(t, []wrong{
		{"pool *.lb.example.org {\nmember 192.0.2.1\ncheck https\n}", "6: check https (pool *.lb.example.org. at Testfile:4): " + unnamed},
		{"check https host 192.0.2.1\npool *.lb.example.org {\nmember 192.0.2.1\n}",
			"4: check https host 192.0.2.1 (pool *.lb.example.org. at Testfile:5): " + unnamed},
	}, inBlock)
}

// Equal checks are made once; a block's default has each pool's own name.
func TestHTTPChecksAreShared(t *testing.T) {
	b := mustParse(t, `healthlb {
		check http host x.org header A b body_regexp ok
		pool a.lb.example.org {
			member 192.0.2.1
		}
		pool b.lb.example.org {
			member 192.0.2.1
		}
		pool c.lb.example.org {
			member 192.0.2.1
			check http body_regexp ok header A b host x.org
		}
		pool d.lb.example.org {
			member 192.0.2.1
			check https
		}
		pool e.lb.example.org {
			member 192.0.2.1
			check http body_regexp ok header A c host x.org
		}
	}`)
	var made []probe.Check
	for i := range b.Pools {
		made = append(made, b.Pools[i].Probes[0])
	}
	if made[0] != made[1] || made[0] != made[2] {
		t.Error("equal checks were made twice")
	}
	if made[0] == made[4] || made[3].Name() != "https host d.lb.example.org sni d.lb.example.org" {
		t.Errorf("%s, %s", made[3].Name(), made[4].Name())
	}
}

// Files of https are read as those of tls.
func TestHTTPSFiles(t *testing.T) {
	const text = "lb.example.org {\n healthlb {\n check https ca ca.pem\npool www.lb.example.org {\n member 192.0.2.1\n }\n }\n}\n"
	cert, _ := keyPair(t)
	dir := files(t, map[string]string{"Corefile": text, "ca.pem": cert})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := "443 https host www.lb.example.org sni www.lb.example.org ca " + dir + "/ca.pem"
	if got := checks(&b.Pools[0]).([]string); got[0] != want {
		t.Errorf("got %v, want %v", got, want)
	}
	write(t, dir, "ca.pem", "rubbish")
	if _, err = parseCorefile(t, dir); err == nil || !strings.Contains(err.Error(), "Corefile:3: check https ca ca.pem (pool www.lb.example.org. at") {
		t.Errorf("got %v", err)
	}
}

// FuzzHTTPCheck reads any options. What is accepted makes checks whose names, read as lines of a Corefile, make the same checks.
func FuzzHTTPCheck(f *testing.F) {
	f.Add(`check http body "\x7B"`) // a brace alone ends no block
	for _, c := range rightHTTPChecks {
		f.Add(c.lines)
	}
	for _, c := range wrongHTTPChecks {
		f.Add(c.lines)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		b, err := parseIn(inPool(lines))
		if err != nil || len(b.Pools) != 1 {
			return
		}
		for _, made := range b.Pools[0].Probes {
			name := made.Name()
			if made.Kind() != "http" && made.Kind() != "https" || strings.Contains(name, "(") || strings.Contains(name, `\`) {
				continue // the digest of what lets in is no word of the Corefile; and a backslash before a quote cannot be said
			}
			again, err := parseIn(inPool("check " + name))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := again.Pools[0].Probes[0]; got.Name() != name || got.Key() != made.Key() {
				t.Errorf("%s is read as %s", name, got.Name())
			}
		}
	})
}

// FuzzStatuses reads any list of statuses. What is accepted is read again as it is written.
func FuzzStatuses(f *testing.F) {
	for _, s := range []string{"200-299,404", "100-599", "599", "200,", "2xx", "299-200", "-1", "1e2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set, err := parseStatuses(s)
		if err != nil {
			return
		}
		again, err := parseStatuses(set.String())
		if err != nil || again != set || set.Len() == 0 {
			t.Errorf("%q: %s, %v", s, set.String(), err)
		}
	})
}
