package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// coredns is a running CoreDNS.
type coredns struct {
	dir   string            // {dir} in its Corefile
	ports map[string]string // {dns}, {admin} ... in its Corefile
	vars  []string          // pairs of a further placeholder and what it stands for
	log   *logs
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has
}

// portNames are the placeholders that stand for a free port of 127.0.0.1 each.
var portNames = regexp.MustCompile(`\{(dns|admin|metrics|ready|pprof)[0-9]?\}`)

// lb returns a server block of lb.example.org: healthlb with these lines, quick to judge, without a memory for members that fall often, and
// the other plugins.
func lb(healthlb string, plugins ...string) string {
	return `
lb.example.org:{dns} {
	bind 127.0.0.1
	errors
	` + strings.Join(plugins, "\n\t") + `
	healthlb {
		interval 400ms
		timeout 400ms
		confirm 20ms
		failures 2
		` + healthlb + `
		flap off
	}
}
`
}

// startCoreDNS starts a CoreDNS and waits until it serves. vars are pairs of a placeholder and what it stands for.
func startCoreDNS(t *testing.T, corefile string, vars ...string) *coredns {
	t.Helper()
	for range 5 {
		s := prepare(t, corefile, vars...)
		s.launch(t)
		if s.serves() {
			return s
		}
		if !strings.Contains(s.log.String(), "address already in use") {
			t.Fatalf("CoreDNS does not start:\n%s", s.log)
		}
	}
	t.Fatal("CoreDNS finds no free port")
	return nil
}

// prepare writes a Corefile.
func prepare(t *testing.T, corefile string, vars ...string) *coredns {
	t.Helper()
	s := &coredns{dir: t.TempDir(), ports: map[string]string{}}
	s.write(t, corefile, vars...)
	return s
}

func (s *coredns) corefile() string { return filepath.Join(s.dir, "Corefile") }

// write fills the placeholders in and writes the Corefile. They stay what they are from one Corefile to the next.
func (s *coredns) write(t *testing.T, corefile string, vars ...string) {
	t.Helper()
	if len(vars) > 0 {
		s.vars = vars
	}
	text := strings.NewReplacer(append(slices.Clone(s.vars), "{dir}", s.dir)...).Replace(corefile)
	text = portNames.ReplaceAllStringFunc(text, func(name string) string { return s.port(t, name) })
	if os.Getenv(onExpress) != "" {
		text = withExpress(t, text)
	}
	writeFile(t, s.corefile(), text)
}

// onExpress, when set, has all tests run with express in every healthlb block, where that may be.
const onExpress = "HEALTHLB_EXPRESS"

// ordinaryOnly is a comment in a Corefile that is to stay without express.
const ordinaryOnly = "# without express\n"

var (
	endOfLB       = regexp.MustCompile(`(\n\t\tflap off)(\n\t\}\n\}\n)`)
	healthlbBlock = regexp.MustCompile(`(?m)^(\s*healthlb \{)[ \t]*$`)
	notOnExpress  = regexp.MustCompile(`(?m)^\s*(acl|bufsize|cache|dns64|dnssec|dnstap|dynupdate|header|loadbalance|local|log|minimal|nsid|rewrite|shed|template|trace|tsig|view|place geoip|express)\b`)
)

// withExpress puts express into every healthlb block of a Corefile, but for those that may not have it: its own tests say that.
func withExpress(t *testing.T, corefile string) string {
	t.Helper()
	if strings.Contains(corefile, ordinaryOnly) {
		return corefile
	}
	if found := notOnExpress.FindStringSubmatch(corefile); found != nil {
		t.Logf("Without express, with which there may be no %s", found[1])
		return corefile
	}
	corefile = endOfLB.ReplaceAllString(corefile, "$1\n\t\texpress 2$2") // at the end, as tests name the lines of mistakes
	if strings.Contains(corefile, "express") {
		return corefile
	}
	return healthlbBlock.ReplaceAllString(corefile, "$1\n\texpress 2")
}

func (s *coredns) port(t *testing.T, name string) string {
	name = strings.Trim(name, "{}")
	if s.ports[name] == "" {
		s.ports[name] = freePort(t)
	}
	return s.ports[name]
}

// launch starts the process. At the end of the test it is ended, and looked at.
func (s *coredns) launch(t *testing.T) {
	t.Helper()
	s.log, s.ended = &logs{}, make(chan struct{})
	s.cmd = exec.Command(binary, "-conf", s.corefile())
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Dir = s.dir
	s.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // else the race detector adds a second to every end
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended, log := s.cmd, s.ended, s.log
	go func() {
		_ = cmd.Wait() // the state of the process says it all
		close(ended)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Corefile and log of %s:\n%s\n%s", filepath.Base(s.dir), readFile(t, s.corefile()), log)
		}
	})
	t.Cleanup(func() { end(t, cmd, ended, log) })
}

// end ends a process that is still running as an operator would, and wants it to go in peace.
func end(t *testing.T, cmd *exec.Cmd, ended chan struct{}, log *logs) {
	t.Helper()
	if !isClosed(ended) {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(pollFor):
			_ = cmd.Process.Signal(syscall.SIGABRT) // Go then shows in the log what every goroutine is at
			t.Errorf("CoreDNS has not ended %v after SIGTERM", pollFor)
			<-ended
		}
		if code := cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("CoreDNS has ended with %v", cmd.ProcessState)
		}
	}
	for _, word := range []string{"DATA RACE", "panic:", "[PANIC]", "Recovered from panic"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("CoreDNS has logged %q:\n%s", word, log)
		}
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// serves waits until CoreDNS has opened its ports, which is when it says its version. It returns false when it ended instead.
func (s *coredns) serves() bool {
	for deadline := time.Now().Add(pollFor); time.Now().Before(deadline); time.Sleep(pollEvery) {
		if strings.Contains(s.log.String(), "\nCoreDNS-") {
			return true
		}
		if isClosed(s.ended) {
			return false
		}
	}
	return false
}

// stop ends the process with SIGTERM.
func (s *coredns) stop(t *testing.T) {
	t.Helper()
	end(t, s.cmd, s.ended, s.log)
}

// kill ends the process as a crash would.
func (s *coredns) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.ended
}

// refusesToStart starts a CoreDNS that must end with an error by itself, and returns its log.
func (s *coredns) refusesToStart(t *testing.T, words ...string) {
	t.Helper()
	s.launch(t)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		t.Fatalf("CoreDNS still runs:\n%s", s.log)
	}
	if s.cmd.ProcessState.ExitCode() == 0 {
		t.Errorf("CoreDNS has ended without an error:\n%s", s.log)
	}
	if !hasAll(s.log.String(), words...) {
		t.Errorf("want a log with %q, got:\n%s", words, s.log)
	}
}

// reload puts another Corefile in force.
func (s *coredns) reload(t *testing.T, corefile string, vars ...string) {
	t.Helper()
	if said, err := s.tryReload(t, corefile, vars...); err != nil {
		t.Fatalf("%v:\n%s", err, said)
	}
}

// reloadFails gives CoreDNS a Corefile that it must refuse with these words.
func (s *coredns) reloadFails(t *testing.T, corefile string, words ...string) {
	t.Helper()
	said, err := s.tryReload(t, corefile)
	if err == nil {
		t.Fatalf("the reload went well, but wanted is an error with %q", words)
	}
	if !hasAll(said, words...) {
		t.Errorf("want a log with %q, got:\n%s", words, said)
	}
}

var errReload = errors.New("the reload has failed")

// tryReload has CoreDNS read a Corefile, and waits until it says how that went. It returns what it said meanwhile.
func (s *coredns) tryReload(t *testing.T, corefile string, vars ...string) (said string, err error) {
	t.Helper()
	s.write(t, corefile, vars...)
	mark := s.log.mark()
	var sent time.Time
	eventually(t, func() error {
		// CoreDNS may serve a moment before it listens for signals, and Go ignores this one until then: it is sent until it is heard.
		heard := strings.Contains(s.log.since(mark), "[INFO] SIGUSR1: Reloading")
		if !heard && time.Since(sent) > 2*time.Second {
			sent = time.Now()
			if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
				t.Fatal(err)
			}
		}
		said = s.log.since(mark)
		switch {
		case strings.Contains(said, "[INFO] Reloading complete"):
			err = nil
		case strings.Contains(said, "[ERROR] SIGUSR1: "):
			err = errReload
		default:
			return fmt.Errorf("no end of the reload in the log")
		}
		return nil
	})
	return said, err
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replaceFile puts another file in the place of one, as careful tools do.
func replaceFile(t *testing.T, name, text string) {
	t.Helper()
	writeFile(t, name+".new", text)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func makeDir(t *testing.T, name string) {
	t.Helper()
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
}
