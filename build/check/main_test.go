package main

import (
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	register()
	os.Exit(m.Run())
}

// files writes files, given as name and contents in turn, and returns their folder.
func files(t *testing.T, namesAndContents ...string) string {
	dir := t.TempDir()
	for i := 0; i < len(namesAndContents); i += 2 {
		path := filepath.Join(dir, namesAndContents[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(namesAndContents[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// checkFile checks DIR/Corefile and returns the exit code and what was written, with DIR instead of the folder's name.
func checkFile(dir string) (code int, out, errOut string) {
	var o, e strings.Builder
	code = run([]string{filepath.Join(dir, "Corefile")}, &o, &e)
	return code, strings.ReplaceAll(o.String(), dir, "DIR"), strings.ReplaceAll(e.String(), dir, "DIR")
}

func TestSummaryOfRightBlocks(t *testing.T) {
	t.Setenv("HEALTHLB_TEST_MEMBER", "192.0.2.12")
	dir := files(t,
		"Corefile", `
(shared) {
    check tcp 8443
    policy hash
}
dns://lb.example.org:1053 lb.example.org:1054 {
    healthlb {
        pool www.lb.example.org {
            import shared
            import members.conf
            member {$HEALTHLB_TEST_MEMBER} id twelve
        }
    }
    file /does/not/exist   # belongs to another plugin and is not read here
    prometheus
}
example.org {
    tls missing.pem missing.key
    healthlb {
        pool www.example.org {
            member 192.0.2.20
        }
    }
}
`,
		"members.conf", "member 192.0.2.10 2001:db8::10\nmember 192.0.2.11\n")
	code, out, errOut := checkFile(dir)
	if code != 0 || errOut != "" {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	want := `DIR/Corefile:7: ok
  zone lb.example.org.
  pool www.lb.example.org.: 3 members, hash
    member 192.0.2.10 2001:db8::10
    member 192.0.2.11
    member twelve 192.0.2.12
DIR/Corefile:19: ok
  zone example.org.
  pool www.example.org.: 1 members, round_robin
    member 192.0.2.20
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	const good = "    pool www.example.org {\n      member 192.0.2.1\n    }\n"
	tests := []struct {
		name  string
		files []string
		want  []string // how the lines of the errors begin, and words that follow
	}{
		{"unknown word in a pool", []string{
			"Corefile", "example.org {\n  healthlb {\n    pool www.example.org {\n      membre 192.0.2.1\n    }\n  }\n}\n"},
			[]string{"DIR/Corefile:4: ", "membre"}},
		{"mistake in an imported file", []string{
			"Corefile", "example.org {\n  healthlb {\n    pool www.example.org {\n      import pool.conf\n    }\n  }\n}\n",
			"pool.conf", "member 192.0.2.1\nmember nonsense\n"},
			[]string{"DIR/pool.conf:2: ", "nonsense"}},
		{"unknown directive", []string{"Corefile", "example.org {\n  healthlb {\n" + good + "  }\n  nonsense\n}\n"},
			[]string{"DIR/Corefile:7: ", "nonsense"}},
		{"braces missing", []string{"Corefile", "example.org {\n  healthlb {\n" + good},
			[]string{"DIR/Corefile:"}},
		{"snippet missing", []string{"Corefile", "example.org {\n  import nowhere\n}\n"},
			[]string{"DIR/Corefile:2: ", "nowhere"}},
		{"mistakes in two blocks", []string{
			"Corefile", "example.org {\n  healthlb {\n    one\n  }\n}\nexample.net {\n  healthlb {\n    two\n  }\n}\n"},
			[]string{"DIR/Corefile:3: ", "one", "DIR/Corefile:8: ", "two"}},
		{"one pool in two blocks", []string{
			"Corefile", "example.org {\n  healthlb {\n" + good + "  }\n}\nexample.org:1053 {\n  healthlb {\n" + good + "  }\n}\n"},
			[]string{"DIR/Corefile:10: ", "www.example.org"}},
		{"bad key of a server block", []string{"Corefile", "bad..name {\n  healthlb {\n" + good + "  }\n}\n"},
			[]string{"DIR/Corefile: "}},
		{"no healthlb block", []string{"Corefile", "example.org {\n  whoami\n}\n"},
			[]string{"DIR/Corefile: no healthlb block"}},
		{"empty Corefile", []string{"Corefile", ""},
			[]string{"DIR/Corefile: no healthlb block"}},
		{"no Corefile", nil,
			[]string{"DIR/Corefile: "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, out, errOut := checkFile(files(t, test.files...))
			if code != 1 || out != "" {
				t.Errorf("exit %d, and on stdout %q", code, out)
			}
			rest := errOut
			for _, want := range test.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("no %q, in this order, in:\n%s", want, errOut)
				}
				rest = after
			}
			if !strings.HasPrefix(errOut, test.want[0]) {
				t.Errorf("the place is not in front:\n%s", errOut)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {""}, {"one", "two"}} {
		var out, errOut strings.Builder
		if code := run(args, &out, &errOut); code != 2 || !strings.Contains(errOut.String(), "usage") {
			t.Errorf("%q: exit %d, %q", args, code, errOut.String())
		}
	}
}

// TestNothingIsOpened has the admin endpoint on an address in use, and the state where nothing can be made.
func TestNothingIsOpened(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := files(t, "Corefile", "example.org {\n  healthlb {\n    state run/state\n    admin "+listener.Addr().String()+
		"\n    pool www.example.org {\n      member 192.0.2.1\n    }\n  }\n}\n")
	if code, _, errOut := checkFile(dir); code != 0 {
		t.Errorf("exit %d: %s", code, errOut)
	}
	if _, err := os.Stat(filepath.Join(dir, "run")); err == nil {
		t.Error("the state's folder was made")
	}
}

func TestCorefileExampleIsRight(t *testing.T) {
	example, err := os.ReadFile("../../Corefile.example")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(nil) // for its certificate
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	code, out, errOut := checkFile(files(t, "Corefile", string(example), "run/demo-ca.pem", string(ca)))
	if code != 0 || strings.Contains(out, "warning") {
		t.Errorf("exit %d:\n%s%s", code, out, errOut)
	}
}
