package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"example.org/healthlb/api"
)

// session is what a script works with.
type session struct {
	t          *testing.T
	work       string // the folder with the script's files
	vars       []string
	dns        *coredns // nil: not started yet
	web        *members
	background map[string]*process
}

// outcome is what a command has done.
type outcome struct {
	stdout, stderr string
	err            error
}

func wrong(format string, args ...any) outcome { return outcome{err: fmt.Errorf(format, args...)} }

type sessionCommand func(s *session, ts *testscript.TestScript, args []string) outcome

// sessionCommands are filled in by init: some run others.
var sessionCommands map[string]sessionCommand

func init() {
	sessionCommands = map[string]sessionCommand{
		"coredns": (*session).coredns, "servers": (*session).servers, "certificates": (*session).certificates, "dig": (*session).dig,
		"healthlbctl": (*session).healthlbctl, "exits": (*session).exits, "eventually": (*session).eventually, "says": (*session).says,
		"signal": (*session).signal, "ended": (*session).ended, "appears": (*session).appears, "touch": (*session).touch,
		"renewed": (*session).renewed,
	}
}

func newSession(t *testing.T, env *testscript.Env) *session {
	s := &session{t: t, work: env.WorkDir, web: startMembers(t), background: map[string]*process{}}
	s.vars = []string{"{work}", s.work, "{web}", s.web.port}
	env.Setenv("WEB", s.web.port)
	if own := ownAddress(); own != "" {
		env.Setenv("OWN_ADDRESS", own)
		s.vars = append(s.vars, "{own}", own)
	}
	return s
}

// scriptFor is how long a script waits for what it awaits: longer than the longest lease of the product's, that of a rollout's client.
const scriptFor = 60 * time.Second

// await waits until done says so.
func await(done func() bool) bool {
	for deadline := time.Now().Add(scriptFor); time.Now().Before(deadline); time.Sleep(pollEvery) {
		if done() {
			return true
		}
	}
	return false
}

func (s *session) coredns(ts *testscript.TestScript, args []string) outcome {
	switch {
	case len(args) == 2 && args[0] == "reload":
		said, err := s.dns.tryReload(s.t, s.readCorefile(ts, args[1]))
		return outcome{stderr: said, err: err}
	case len(args) == 2 && args[0] == "log":
		pattern := regexp.MustCompile(args[1])
		if !await(func() bool { return pattern.MatchString(s.dns.log.String()) }) {
			return wrong("the log has nothing like that:\n%s", s.dns.log)
		}
		return outcome{}
	case len(args) != 1:
		return wrong("want FILE, reload FILE, log PATTERN, kill, start or stop")
	}
	switch args[0] {
	case "kill":
		s.dns.kill(s.t)
	case "stop":
		s.dns.stop(s.t)
	case "start":
		s.dns.launch(s.t)
		if !s.dns.serves() {
			return wrong("CoreDNS does not start:\n%s", s.dns.log)
		}
	default:
		s.dns = startCoreDNS(s.t, s.readCorefile(ts, args[0]), s.vars...)
		ts.Setenv("DIR", s.dns.dir)
		if port := s.dns.ports["admin"]; port != "" {
			ts.Setenv("ADMIN", port)
			ts.Setenv("HEALTHLB_SERVER", "http://127.0.0.1:"+port)
		}
	}
	return outcome{}
}

// readCorefile reads a Corefile, or makes one of the lines of a healthlb block.
func (s *session) readCorefile(ts *testscript.TestScript, name string) string {
	text := ts.ReadFile(name)
	if strings.Contains(text, "healthlb {") {
		return text
	}
	return lb(text)
}

func (s *session) servers(_ *testscript.TestScript, args []string) outcome {
	if len(args) > 0 && args[0] == "stop" {
		s.web.stop(args[1:]...)
	} else {
		s.web.start(s.t, args...)
	}
	return outcome{}
}

func (s *session) certificates(*testscript.TestScript, []string) outcome {
	ca := newAuthority(s.t)
	ca.write(s.t, filepath.Join(s.work, "ca.pem"))
	for name, of := range map[string]*authority{"admin": ca, "ann": ca, "stranger": newAuthority(s.t)} {
		file := filepath.Join(s.work, name)
		writePair(s.t, of.issue(s.t, tomorrow(), name+".example.org", "127.0.0.1"), file+".pem", file+".key")
	}
	return outcome{}
}

func (s *session) dig(_ *testscript.TestScript, args []string) outcome {
	withTTL := len(args) > 0 && args[0] == "-ttl"
	if withTTL {
		args = args[1:]
	}
	args = append([]string{"@127.0.0.1", "-p", s.dns.ports["dns"], "+tries=1", "+time=5", "+nocookie"}, args...)
	out, err := exec.Command("dig", args...).CombinedOutput()
	r := parseDig(string(out))
	if err != nil || r.status == "" {
		return wrong("%v\n%s", err, out)
	}
	text := strings.Join(r.data(), " ")
	switch {
	case text == "" && r.status == "NOERROR":
		text = "NODATA"
	case text == "":
		text = r.status
	case withTTL:
		text += " ttl " + strings.Trim(r.ttls(), "[]")
	}
	return outcome{stdout: text + "\n"}
}

// inherited are the variables of the script that programs get.
var inherited = []string{
	"PATH", "HOME", "TMPDIR", "TZ", "GORACE", "WORK", "XDG_CONFIG_HOME", "HEALTHLB_CONFIG", "HEALTHLB_SERVER", "HEALTHLB_TOKEN_FILE",
	"HEALTHLB_CA_FILE", "HEALTHLB_CERT_FILE", "HEALTHLB_KEY_FILE", "HEALTHLB_TIMEOUT", "HEALTHLB_OUTPUT", "HEALTHLB_OWNER",
}

// process is a command that runs.
type process struct {
	cmd         *exec.Cmd
	out, err    *logs
	ended       chan struct{}
	waitOutcome error // once ended is closed
}

// start starts healthlbctl.
func (s *session) start(ts *testscript.TestScript, args []string) (*process, error) {
	p := &process{cmd: exec.Command(ctl, args...), out: &logs{}, err: &logs{}, ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = ts.MkAbs("."), p.out, p.err
	for _, name := range inherited {
		if value := ts.Getenv(name); value != "" {
			p.cmd.Env = append(p.cmd.Env, name+"="+value)
		}
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.waitOutcome = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// outcome is that of a process that has ended.
func (p *process) outcome() outcome {
	<-p.ended
	o := outcome{p.out.String(), p.err.String(), p.waitOutcome}
	if strings.Contains(o.stderr, "DATA RACE") || strings.Contains(o.stderr, "panic:") {
		o.err = errors.New("healthlbctl is broken")
	}
	return o
}

func (s *session) healthlbctl(ts *testscript.TestScript, args []string) outcome {
	name, inBackground := "", false
	if n := len(args); n > 0 && len(args[n-1]) > 2 && args[n-1][0] == '&' {
		name, inBackground = strings.Trim(args[n-1], "&"), true
		args = args[:n-1]
	}
	p, err := s.start(ts, args)
	if err != nil {
		return outcome{err: err}
	}
	if inBackground {
		s.background[name] = p
		return outcome{}
	}
	late := time.AfterFunc(scriptFor, func() { _ = p.cmd.Process.Signal(syscall.SIGABRT) }) // shows what every goroutine is at
	defer late.Stop()
	return p.outcome()
}

// endAll ends what the script has left running.
func (s *session) endAll() {
	for name, p := range s.background {
		if !isClosed(p.ended) {
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
		if s.t.Failed() {
			s.t.Logf("%s has written:\n%s%s", name, p.out, p.err)
		}
	}
}

func (s *session) exits(ts *testscript.TestScript, args []string) outcome {
	if len(args) < 2 || sessionCommands[args[1]] == nil {
		return wrong("want CODE COMMAND...")
	}
	return hasCode(sessionCommands[args[1]](s, ts, args[2:]), args[0])
}

// hasCode makes an outcome a good one if it is with this code.
func hasCode(o outcome, code string) outcome {
	got := "0"
	var exit *exec.ExitError
	switch {
	case errors.As(o.err, &exit) && exit.ExitCode() >= 0:
		got = strconv.Itoa(exit.ExitCode())
	case errors.As(o.err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		got = "killed"
	case o.err != nil:
		return o
	}
	o.err = want(got == code, "want the code %s, got %s", code, got)
	return o
}

func (s *session) eventually(ts *testscript.TestScript, args []string) (last outcome) {
	if len(args) < 2 || sessionCommands[args[1]] == nil {
		return wrong("want PATTERN COMMAND...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	ok := await(func() bool {
		last = sessionCommands[args[1]](s, ts, args[2:])
		return last.err == nil && pattern.MatchString(last.stdout)
	})
	if !ok && last.err == nil {
		last.err = fmt.Errorf("no match for %q after %v", args[0], scriptFor)
	}
	return last
}

// running finds a command in the background.
func (s *session) running(name string) (*process, error) {
	p := s.background[name]
	if p == nil {
		return nil, fmt.Errorf("nothing in the background is called %s", name)
	}
	return p, nil
}

func (s *session) says(_ *testscript.TestScript, args []string) outcome {
	if len(args) != 2 {
		return wrong("want NAME PATTERN")
	}
	p, err := s.running(args[0])
	if err != nil {
		return outcome{err: err}
	}
	pattern := regexp.MustCompile("(?m)" + args[1])
	said := func() bool { return pattern.MatchString(p.out.String()) || pattern.MatchString(p.err.String()) }
	ok := await(func() bool { return said() || isClosed(p.ended) }) && said()
	return outcome{p.out.String(), p.err.String(), want(ok, "it has not said that")}
}

var signals = map[string]syscall.Signal{
	"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
}

func (s *session) signal(_ *testscript.TestScript, args []string) outcome {
	if len(args) != 2 || signals[args[0]] == 0 {
		return wrong("want SIGNAL NAME")
	}
	p, err := s.running(args[1])
	if err == nil {
		err = p.cmd.Process.Signal(signals[args[0]])
	}
	return outcome{err: err}
}

func (s *session) ended(_ *testscript.TestScript, args []string) outcome {
	if len(args) != 2 {
		return wrong("want CODE NAME")
	}
	p, err := s.running(args[1])
	if err != nil {
		return outcome{err: err}
	}
	if !await(func() bool { return isClosed(p.ended) }) {
		_ = p.cmd.Process.Signal(syscall.SIGABRT)
		<-p.ended
		return outcome{p.out.String(), p.err.String(), errors.New("it still runs")}
	}
	return hasCode(p.outcome(), args[0])
}

func (s *session) appears(ts *testscript.TestScript, args []string) outcome {
	if len(args) != 1 {
		return wrong("want FILE")
	}
	ok := await(func() bool {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil
	})
	return outcome{err: want(ok, "it does not appear")}
}

func (s *session) touch(ts *testscript.TestScript, args []string) outcome {
	for _, name := range args {
		if err := os.WriteFile(ts.MkAbs(name), nil, 0o600); err != nil {
			return outcome{err: err}
		}
	}
	return outcome{}
}

func (s *session) renewed(_ *testscript.TestScript, args []string) outcome {
	if len(args) != 2 {
		return wrong("want POOL ID")
	}
	var first, now time.Time
	renewed := await(func() bool {
		now = s.leaseOf(args[0], args[1])
		if first.IsZero() {
			first = now
		}
		return now.IsZero() || time.Now().After(first)
	}) && now.After(first)
	return outcome{err: want(renewed, "the lease was until %v first, and then until %v", first, now)}
}

// leaseOf returns the end of a registration's lease; zero when there is none.
func (s *session) leaseOf(pool, id string) time.Time {
	p := decode[api.Pool](s.t, s.dns.curl(s.t, "GET /v1/pools/"+pool, "").is(s.t, 200))
	for _, m := range p.Members {
		if m.ID == id && m.Lease != nil {
			return m.Lease.Until
		}
	}
	return time.Time{}
}
