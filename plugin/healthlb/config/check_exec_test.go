//go:build unix

package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// inExecPool returns a Corefile whose block allows commands, with lines in a pool; the first of them is its line 4.
func inExecPool(lines string) string {
	return "healthlb {\n allow_exec\n pool www.lb.example.org { \n" + lines + "\n  member 192.0.2.10\n }\n}\n"
}

func TestExecChecks(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	testRight(t, []right[*Pool]{
		{"check exec /bin/sh", checks, []string{"0 exec /bin/sh"}},
		{"check exec /bin//sh", checks, []string{"0 exec /bin/sh"}},
		{"check exec sh", checks, []string{"0 exec " + sh}},
		{"check exec 80 /bin/sh", checks, []string{"80 exec /bin/sh"}},
		{`check exec /bin/sh -c "exit 0" "" 80 send`, checks, []string{`0 exec /bin/sh -c "exit 0" "" 80 send`}},
		{`check exec 80 /bin/sh {address} {port} http://{address}:{port}/ \d`, checks,
			[]string{`80 exec /bin/sh {address} {port} http://{address}:{port}/ \d`}},
		{"check exec /bin/sh a\ncheck exec /bin/sh b\ncheck tcp", checks, []string{"0 exec /bin/sh a", "0 exec /bin/sh b", "443 tcp"}},
	}, func(t *testing.T, lines string) *Pool { return &mustParse(t, inExecPool(lines)).Pools[0] })
}

func TestWrongExecChecks(t *testing.T) { testWrong(t, wrongExecChecks, inExecPool) }

const rightCommand = "; write the name of an executable file, or of a command in PATH"

var wrongExecChecks = []wrong{
	{"check exec", "4: check exec: says too little; add COMMAND"},
	{"check exec 80", "4: check exec 80: says too little; add COMMAND"},
	{"check exec 0 sh", "4: check exec 0: is no port; write a number from 1 to 65535"},
	{`check exec ""`, `4: check exec "": is no file name; write one, relative to the Corefile's directory or absolute`},
	{"check exec no-such-command x",
		"4: check exec no-such-command: is no command in PATH; write the name of one that is, or of an executable file with a slash in it"},
	{"check exec /no/such/command x", "4: check exec /no/such/command: cannot be run: no such file or directory" + rightCommand},
	{"check exec ./no-such-command", "4: check exec ./no-such-command: cannot be run: no such file or directory" + rightCommand},
	{"check exec /etc/passwd", "4: check exec /etc/passwd: cannot be run: permission denied" + rightCommand},
	{"check exec /dev/null", "4: check exec /dev/null: cannot be run: it is no regular file" + rightCommand},
	{"check exec /bin", "4: check exec /bin: cannot be run: it is no regular file" + rightCommand},
	{"check exec /bin/sh x{port}", "4: check exec /bin/sh x{port}: stands for the port, and none is said; " +
		"write it before the command: check exec PORT COMMAND"},
	{"check exec /bin/sh a\x00", `4: check exec /bin/sh "a\x00": has a NUL byte, which ends an argument; leave it out`},
	{"check exec /bin/sh\ncheck exec //bin/sh", "5: check exec //bin/sh: is the same check as at Testfile:4; leave one out"},
}

const execRefused = "runs a command, which this block does not allow; add allow_exec to the healthlb block, or use another kind of check"

// Only a block that says so runs commands.
func TestExecMustBeAllowed(t *testing.T) {
	testWrong(t, []wrong{{"check exec /bin/sh x", "4: check exec /bin/sh x: " + execRefused}}, inPool)
	testWrong(t, []wrong{
		{"check exec /bin/sh x", "4: check exec /bin/sh x: " + execRefused},
		{"pool a.lb.example.org {\nmember 192.0.2.1\ncheck tcp\ncheck exec 80 /bin/sh\n}", "7: check exec 80 /bin/sh: " + execRefused},
		{"pool a.lb.example.org {\nmember 192.0.2.1\nallow_exec\n}",
			"6: allow_exec: is not known in a pool; allowed: " + strings.Join(keys(poolDirectives), ", ")},
		{"allow_exec yes", "4: allow_exec yes: is one word too many; leave it out, or put words that belong together in double quotes"},
	}, inBlock)
	b := mustParse(t, "healthlb {\n check exec /bin/sh\n pool www.lb.example.org {\n member 192.0.2.1\n }\n allow_exec\n}")
	if got, want := checks(&b.Pools[0]), []string{"0 exec /bin/sh"}; !reflect.DeepEqual(got, want) {
		t.Errorf("a block that allows it last: got %v, want %v", got, want)
	}
}

// Who makes a pool at run time cannot have anything run, nor find out which files there are. What the Corefile says is in force there, too.
func TestExecOfRuntimePools(t *testing.T) {
	for _, check := range []string{"", "check tcp", "check exec 80 /bin/sh {address}"} {
		b := mustParse(t, "healthlb {\n allow_exec\n dynamic\n"+check+"\n}")
		for _, words := range []string{"/bin/sh", "sh", "./sh", "80 /bin/sh", "/no/such/command", "no-such-command"} {
			_, err := b.RuntimePool("new.lb.example.org.", []string{"check tcp", "check exec " + words})
			want := "lines:2: check exec " + words + ": is a command, which only the Corefile may name; leave it out, or write the pool into the Corefile"
			if err == nil || err.Error() != want {
				t.Errorf("%s: got %v, want %s", words, err, want)
			}
		}
		if _, err := b.RuntimePool("new.lb.example.org.", []string{"allow_exec"}); err == nil {
			t.Error("a pool allows itself to run commands")
		}
		p, err := b.RuntimePool("new.lb.example.org.", nil)
		if err != nil {
			t.Fatal(err)
		}
		if inherits := p.Probes[0].Kind() == "exec"; inherits != strings.HasPrefix(check, "check exec") {
			t.Errorf("block %q: the pool has check %s", check, p.Probes[0].Name())
		}
	}
	r := &blockReader{dir: noFiles, allowExec: said[bool]{true, pos{"Corefile", 1}}}
	if err := r.mayExec([]check{{line: line{words: []string{"check", "exec", "/bin/sh"}}}}); err == nil {
		t.Error("a command at run time is allowed")
	}
}

// Commands with a slash are files beside the Corefile, bare names are looked up in PATH; and what is not there any more is an error at the
// check's line, in a Corefile that CoreDNS has read.
func TestExecFiles(t *testing.T) {
	const text = "lb.example.org {\n healthlb {\n allow_exec\n check exec 80 ./check \"a b\" {address} {port}\n" +
		"pool www.lb.example.org {\n member 192.0.2.1\n }\n pool b.lb.example.org {\n check exec check\n member 192.0.2.1\n }\n }\n}\n"
	dir := files(t, map[string]string{"Corefile": text, "check": "#!/bin/sh\n", "bin/check": "#!/bin/sh\n"})
	for _, name := range []string{"check", "bin/check"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`80 exec ` + dir + `/check "a b" {address} {port}`, "0 exec " + dir + "/bin/check"} {
		if got := checks(&b.Pools[i]); !reflect.DeepEqual(got, []string{want}) {
			t.Errorf("got %v, want %v", got, want)
		}
	}

	t.Setenv("PATH", ".:")
	t.Chdir(dir)
	if _, err = parseCorefile(t, dir); err == nil || !strings.Contains(err.Error(), ":9: check exec check: is no command in PATH; ") {
		t.Errorf("a command in the working directory: %v", err)
	}

	t.Setenv("PATH", filepath.Join(dir, "bin"))
	os.Remove(filepath.Join(dir, "check"))
	want := filepath.Join(dir, "Corefile") + ":4: check exec 80 ./check: cannot be run: no such file or directory" + rightCommand
	if _, err = parseCorefile(t, dir); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestExecChecksAreMadeOnce(t *testing.T) {
	b := mustParse(t, `healthlb {
		allow_exec
		check exec 80 /bin/sh "a" b
		pool a.lb.example.org {
			member 192.0.2.1
		}
		pool b.lb.example.org {
			member 192.0.2.1
			check exec 80 //bin/sh a b
		}
		pool c.lb.example.org {
			member 192.0.2.1
			check exec 80 /bin/sh "a b"
		}
	}`)
	if b.Pools[0].Probes[0] != b.Pools[1].Probes[0] || b.Pools[0].Probes[0] == b.Pools[2].Probes[0] {
		t.Error("equal checks were made twice, or different ones once")
	}
}

// FuzzExecCheck puts any words behind check exec. What is accepted runs a file with an absolute name, and has a name that says the same in a
// Corefile unless that cannot be said on one line, in which case the name has a backslash.
func FuzzExecCheck(f *testing.F) {
	for _, seed := range []string{"/bin/sh", "80 sh", `sh -c "exit 0" "" {address}`, "80 sh {port}", `sh "\"" \x "a\"`, "sh #x", "./sh", "80", "sh {", "sh\n\"\n\"",
		"sh {$HOME} {%HOME%}", "-1 sh", "/bin/../bin/sh"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, words string) {
		b, err := parseIn(inExecPool("check exec " + words))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error says nothing")
			}
			return
		}
		for i := range b.Pools {
			checkPool(t, &b.Pools[i])
			for _, c := range b.Pools[i].Probes {
				options, isExec := strings.CutPrefix(c.Name(), "exec ")
				if !isExec {
					continue
				}
				if strings.ContainsAny(c.Name(), "\r\n\x00") {
					t.Errorf("name %q", c.Name())
				}
				if !strings.HasPrefix(strings.TrimPrefix(options, `"`), "/") {
					t.Errorf("%q runs a file with a relative name", c.Name())
				}
				if strings.Contains(options, `\`) {
					continue
				}
				if port := int(c.Port()); port != 0 {
					options = strconv.Itoa(port) + " " + options
				}
				again, err := parseIn(inExecPool("check exec " + options))
				if err != nil {
					t.Fatalf("%s: %v", c.Name(), err)
				}
				if a := again.Pools[0].Probes[0]; a.Name() != c.Name() || a.Port() != c.Port() {
					t.Errorf("%d %s became %d %s", c.Port(), c.Name(), a.Port(), a.Name())
				}
			}
		}
	})
}
