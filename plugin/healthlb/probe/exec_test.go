//go:build unix

package probe

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// somewhere is what commands are told to probe.
var somewhere = netip.MustParseAddrPort("[2001:db8::1]:8443")

// shell returns a check that runs a script; args are its $1, $2 ...
func shell(t testing.TB, script string, args ...string) Check {
	t.Helper()
	return newExec(t, ExecOptions{Command: "/bin/sh", Args: append([]string{"-c", script, "sh"}, args...)})
}

func newExec(t testing.TB, opts ExecOptions) Check {
	t.Helper()
	c, err := NewExec(8443, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(enough); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, enough)
		}
	}
}

func exists(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Size() > 0
}

func TestExec(t *testing.T) {
	nothingLeft(t)
	const timeout = `timeout after \d+ms \(killed\)`
	for _, tt := range []struct {
		name    string
		script  string
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		{"exit 0", "exit 0", enough, health.Pass, ""},
		{"exit 0 with words", "echo fine; echo fine >&2", enough, health.Pass, ""},
		{"exit 1", "exit 1", enough, health.Fail, "exit status 1"},
		{"exit 2 with words", "echo disk full; echo and more; exit 2", enough, health.Fail, "exit status 2: disk full"},
		{"exit 3 with words on stderr", "echo disk full >&2; exit 3", enough, health.Fail, "exit status 3: disk full"},
		{"exit 255", "exit 255", enough, health.Fail, "exit status 255"},
		{"both outputs in order", "echo first >&2; echo second; exit 1", enough, health.Fail, "exit status 1: first"},
		{"blank lines first", `printf '\n \t\r\n  word \r\nmore'; exit 1`, enough, health.Fail, "exit status 1: word"},
		{"no end of the line", "printf word; exit 1", enough, health.Fail, "exit status 1: word"},
		{"control characters", `printf '\033[31mred\007\000\342\200\256'; exit 1`, enough, health.Fail, `exit status 1: \?\[31mred\?\?\?`},
		{"bytes that are no text", `printf 'a\377\376b'; exit 1`, enough, health.Fail, "exit status 1: ab"},
		{"a long line", "head -c 3000 /dev/zero | tr '\\000' x; exit 1", enough, health.Fail, `exit status 1: x{225}\.\.\.`},
		{"the first line is beyond what is kept", "head -c 5000 /dev/zero | tr '\\000' ' '; echo word; exit 1", enough,
			health.Fail, "exit status 1"},
		{"a signal", "kill -SEGV $$", enough, health.Fail, `killed by signal 11 \(segmentation fault\)`},
		{"a signal after words", "echo word; kill -KILL $$", enough, health.Fail, `killed by signal 9 \(killed\): word`},
		{"output closed before the end", "exec >&- 2>&-; sleep 0.1; exit 4", enough, health.Fail, "exit status 4"},
		{"nothing to read", `test -z "$(cat)"`, enough, health.Pass, ""},
		{"the root directory", `test "$(pwd)" = /`, enough, health.Pass, ""},
		{"a child that goes on and holds the pipe", "sleep 1000 & echo word; exit 5", enough, health.Fail, "exit status 5: word"},
		{"a child that goes on and fills the pipe", "yes & exit 0", enough, health.Pass, ""},

		{"hangs", "exec sleep 1000", brief, health.Fail, timeout},
		{"hangs with words", "echo word; exec sleep 1000", brief, health.Fail, timeout},
		{"hangs with its output closed", "exec >&- 2>&-; exec sleep 1000", brief, health.Fail, timeout},
		{"ignores signals", `trap "" HUP INT TERM; while :; do sleep 1000; done`, brief, health.Fail, timeout},
		{"hangs with a child", "sleep 1000 & sleep 1000", brief, health.Fail, timeout},
		{"hangs with children of children", "(sleep 1000 & (sleep 1000 & sleep 1000) & sleep 1000) & wait", brief, health.Fail, timeout},
		{"writes for ever", "exec yes", brief, health.Fail, timeout},
		{"writes for ever without a line", "exec cat /dev/zero", brief, health.Fail, timeout},
		{"stops itself", "kill -STOP $$", brief, health.Fail, timeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantResult(t, shell(t, tt.script), somewhere, tt.timeout, tt.outcome, tt.reason)
		})
	}
}

// What a command wrote is not lost when it ended before anybody read.
func TestExecReadLate(t *testing.T) {
	nothingLeft(t)
	ended := make(chan struct{})
	c, err := startCommand("/bin/sh", []string{"sh", "-c", "echo word; exit 1"}, nil, func() { close(ended) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.abandon()
	<-ended
	if output, over := c.wait(t.Context()); string(output) != "word\n" || !over || c.ending() != "exit status 1" {
		t.Errorf("got %q, %v, %s", output, over, c.ending())
	}
}

// Arguments are no text for a shell, and the member is put into them.
func TestExecArguments(t *testing.T) {
	nothingLeft(t)
	script := `test $# = 5 && test "$1" = 'a  b;$HOME *"' && test -z "$2" && test "$3" = 2001:db8::1 && test "$4" = 8443 &&
		test "$5" = 'http://[2001:db8::1]:8443/{addr} 8443'`
	c := shell(t, script, `a  b;$HOME *"`, "", "{address}", "{port}", "http://[{address}]:{port}/{addr} {port}")
	wantResult(t, c, somewhere, enough, health.Pass, "")
}

// However much a command writes, little of it is kept at any time.
func TestExecOutputIsBounded(t *testing.T) {
	nothingLeft(t)
	c := shell(t, "echo word; head -c 100000000 /dev/zero; exit 1")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	wantResult(t, c, somewhere, 2*enough, health.Fail, "exit status 1: word")
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("100 MB of output took %d bytes of memory", took)
	}
}

// What is the matter with the command itself says nothing about the member.
func TestExecThatCannotRun(t *testing.T) {
	nothingLeft(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "check")
	put := func(text string, mode os.FileMode) {
		t.Helper()
		os.Remove(file)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	put("#!/bin/sh\nexit 0\n", 0o700)
	c := newExec(t, ExecOptions{Command: file})
	wantResult(t, c, somewhere, enough, health.Pass, "")
	cannot := func(why string) {
		t.Helper()
		wantResult(t, c, somewhere, enough, health.Inconclusive, "cannot run "+regexp.QuoteMeta(file)+": "+why)
	}
	put("#!/bin/sh\nexit 0\n", 0o600)
	cannot("permission denied")
	put("exit 0\n", 0o700)
	cannot("exec format error")
	put("#!"+dir+"/none\nexit 0\n", 0o700)
	cannot("no such file or directory")
	os.Remove(file)
	cannot("no such file or directory")
	os.Mkdir(file, 0o700)
	cannot("permission denied")

	for name, why := range map[string]string{"": "it is no regular file", "none": "no such file or directory", "../check": "no such file or directory"} {
		if _, err := NewExec(0, ExecOptions{Command: dir + "/" + name}); err == nil || err.Error() != why {
			t.Errorf("%q: got %v, want %s", name, err, why)
		}
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewExec(0, ExecOptions{Command: plain}); err == nil || err.Error() != "permission denied" {
		t.Errorf("not executable: %v", err)
	}
}

func TestExecCancelled(t *testing.T) {
	nothingLeft(t)
	for name, end := range map[string]string{
		"hangs":                        "sleep 1000",
		"hangs with its output closed": "exec >&- 2>&-; sleep 1000",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "begun")
			c := shell(t, `echo begun >"$1"; `+end, file)
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			go func() {
				for !exists(file) && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
			if got := c.Probe(ctx, Route{To: somewhere}); got.Outcome != health.Inconclusive || got.Reason != "cancelled (run)" {
				t.Errorf("got %v %q", got.Outcome, got.Reason)
			}
		})
	}
}

// Of many probes at once only some have a command; the others wait.
func TestExecPlaces(t *testing.T) {
	nothingLeft(t)
	log := filepath.Join(t.TempDir(), "log")
	c := shell(t, `echo + >>"$1"; sleep 0.02; echo - >>"$1"`, log)
	ctx, cancel := context.WithTimeout(t.Context(), 4*enough)
	defer cancel()
	const probes = 200
	var passed atomic.Int32
	var running sync.WaitGroup
	for range probes {
		running.Go(func() {
			if r := c.Probe(ctx, Route{To: somewhere}); r.Outcome == health.Pass {
				passed.Add(1)
			}
		})
	}
	running.Wait()
	if passed.Load() != probes {
		t.Errorf("%d of %d passed", passed.Load(), probes)
	}
	lines, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	now, most := 0, 0
	for line := range strings.Lines(string(lines)) {
		if now++; line == "-\n" {
			now -= 2
		}
		most = max(most, now)
	}
	if most > cap(commandPlaces) || cap(commandPlaces) < 8 {
		t.Errorf("%d ran at once, want at most %d", most, cap(commandPlaces))
	}
	t.Logf("%d of %d places were taken at once", most, cap(commandPlaces))
}

// Who gets no place, or too late, has found out nothing about the member.
func TestExecWithoutPlace(t *testing.T) {
	nothingLeft(t)
	for commandPlaces.try() {
		defer commandPlaces.leave()
	}
	c := shell(t, "sleep 1000")
	wantResult(t, c, somewhere, brief, health.Inconclusive, `cannot probe: \d+ commands are running already`)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	go func() {
		time.Sleep(time.Second)
		commandPlaces.leave()
	}()
	got := c.Probe(ctx, Route{To: somewhere})
	want := regexp.MustCompile(`^cannot probe: (the command began after [\d.]+m?s of [\d.]+m?s, since \d+ were running|\d+ commands are running already)$`)
	if got.Outcome != health.Inconclusive || !want.MatchString(got.Reason) {
		t.Errorf("got %v %q", got.Outcome, got.Reason)
	}
	eventually(t, "the place is given back", commandPlaces.try)
}

// Stopping the scheduler ends the commands that it runs.
func TestExecOfScheduler(t *testing.T) {
	nothingLeft(t)
	file := filepath.Join(t.TempDir(), "begun")
	s := NewScheduler(Options{})
	s.Add(Target{Route: Route{To: somewhere}, Interval: time.Hour, Timeout: time.Hour, Confirm: time.Hour},
		shell(t, `echo begun >"$1"; sleep 1000 & sleep 1000`, file), Report(func(Result) bool { return false }), true)
	eventually(t, "the command runs", func() bool { return exists(file) })
	s.Close()
}

func TestExecTrace(t *testing.T) {
	nothingLeft(t)
	var trace Trace
	ctx, cancel := context.WithTimeout(WithTrace(t.Context(), &trace), enough)
	defer cancel()
	shell(t, "exit 7").Probe(ctx, Route{To: somewhere})
	steps := trace.Steps()
	if len(steps) != 2 || steps[0].Name != "run" || !regexp.MustCompile(`^process \d+$`).MatchString(steps[0].Detail) ||
		steps[1].Name != "exit" || steps[1].Detail != "exit status 7" {
		t.Errorf("got %+v", steps)
	}
}

func TestExecName(t *testing.T) {
	names := map[string]bool{}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "exec /bin/sh"},
		{[]string{""}, `exec /bin/sh ""`},
		{[]string{"a", "b"}, "exec /bin/sh a b"},
		{[]string{"a b"}, `exec /bin/sh "a b"`},
		{[]string{"{address}", "{port}", "a{b}"}, "exec /bin/sh {address} {port} a{b}"},
		{[]string{`\d+\n`, "#x", "é"}, `exec /bin/sh \d+\n "#x" é`},
		{[]string{`a\ b`}, `exec /bin/sh "a\x5c b"`},
		{[]string{`"`}, `exec /bin/sh "\x22"`},
		{[]string{`\x22`}, `exec /bin/sh \x22`},
		{[]string{"\n\xff"}, `exec /bin/sh "\n\xff"`},
	} {
		c := newExec(t, ExecOptions{Command: "/bin/sh", Args: tt.args})
		if c.Name() != tt.want || c.Key() != tt.want || c.Kind() != "exec" || c.Port() != 8443 {
			t.Errorf("kind %s, port %d, name %s, key %s, want %s", c.Kind(), c.Port(), c.Name(), c.Key(), tt.want)
		}
		if names[c.Name()] {
			t.Errorf("two checks are %s", c.Name())
		}
		names[c.Name()] = true
	}
}

func TestExecSearchPath(t *testing.T) {
	t.Setenv("PATH", "/x:/y")
	if got := searchPath(); got != "/x:/y" {
		t.Errorf("got %s", got)
	}
	t.Setenv("PATH", "")
	if got := searchPath(); !reflect.DeepEqual(strings.Split(got, ":")[4:], []string{"/sbin", "/bin"}) {
		t.Errorf("got %s", got)
	}
}

// FuzzExecWord writes two arguments as one text and as another: they never look the same unless they are.
func FuzzExecWord(f *testing.F) {
	f.Add("a b", "a", "b")
	f.Add(`a\ b`, `"a`, `b"`)
	f.Add("\n", `"\n"`, "")
	f.Fuzz(func(t *testing.T, one, first, second string) {
		if execWord(one) == execWord(first)+" "+execWord(second) {
			t.Errorf("%q is written like %q and %q", one, first, second)
		}
		if first != second && execWord(first) == execWord(second) {
			t.Errorf("%q is written like %q", first, second)
		}
		if strings.ContainsAny(execWord(one), "\n\r\x00") {
			t.Errorf("%q", execWord(one))
		}
	})
}
