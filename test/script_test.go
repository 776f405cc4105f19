package test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptsAtOnce is how many scripts run at the same time. They mostly wait, for TTLs and leases, so that it has little to do with the
// number of cores.
const scriptsAtOnce = 12

// TestScripts runs the sessions of operators in the folder scripts. Beside the commands of testscript they have these:
//
//	coredns FILE             starts CoreDNS; FILE has the lines of its healthlb block, or is a whole Corefile
//	coredns kill|start|stop  ends it with SIGKILL; starts it again; ends it with SIGTERM
//	coredns reload FILE      puts another file in force
//	coredns log PATTERN      waits until its log has this
//	servers ADDR...          starts servers behind {web}, the port of the checks
//	servers stop ADDR...     ends them
//	certificates             makes ca.pem, and a NAME.pem with its NAME.key for admin, ann and stranger, the last one of another CA
//	dig [-ttl] NAME [TYPE]   prints the addresses in the answer, in their order, or its status when there are none
//	healthlbctl ARG...       runs it; with &NAME& at the end in the background
//	exits CODE COMMAND...    runs a command that ends with this code
//	eventually PATTERN COMMAND...
//	                         repeats a command until it succeeds and its standard output matches
//	says NAME PATTERN        waits until what the background command has written matches
//	signal SIGNAL NAME       sends it INT, TERM, KILL, STOP or CONT
//	ended CODE NAME          waits for its end; the CODE of one that SIGKILL has ended is killed
//	renewed POOL ID          waits until a registration has outlived the lease that it has now
//	appears FILE             waits until there is such a file
//	touch FILE...            makes files
//
// In Corefiles {work} is the script's folder, {dir} CoreDNS's own, and {dns} and {admin} are free ports; in scripts $DIR, $ADMIN and $WEB
// are what {dir}, {admin} and {web} stand for, and $OWN_ADDRESS is an address of this machine that is not loopback, if [network] says that
// it has one.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("scripts/*.txtar")
	must(t, err)
	bin := t.TempDir()
	program, err := filepath.Abs(ctl)
	must(t, err)
	must(t, os.Symlink(program, filepath.Join(bin, "healthlbctl")))

	params := testscript.Params{
		Files: files, WorkdirRoot: t.TempDir(), RequireUniqueNames: true, Cmds: map[string]func(*testscript.TestScript, bool, []string){},
	}
	params.Deadline, _ = t.Deadline()
	params.Setup = func(env *testscript.Env) error {
		env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
		env.Setenv("TZ", "UTC")
		env.Setenv("GORACE", "atexit_sleep_ms=0")
		env.Setenv("HEALTHLB_OWNER", "ann")
		s := newSession(env.T().(scriptT).T, env)
		env.Values[(*session)(nil)] = s
		env.Defer(s.endAll)
		return nil
	}
	for name, run := range sessionCommands {
		params.Cmds[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("%s cannot be negated: say how it ends by exits", name)
			}
			s := ts.Value((*session)(nil)).(*session)
			s.t.Helper()
			done := run(s, ts, args)
			_, _ = ts.Stdout().Write([]byte(done.stdout))
			_, _ = ts.Stderr().Write([]byte(done.stderr))
			if done.err != nil {
				ts.Fatalf("%s: %v", strings.Join(append([]string{name}, args...), " "), done.err)
			}
		}
	}

	params.Condition = func(name string) (bool, error) {
		return ownAddress() != "", want(name == "network", "there is no condition %s", name)
	}
	var running sync.WaitGroup
	testscript.RunT(scriptT{t, &running, make(chan struct{}, scriptsAtOnce)}, params)
	running.Wait()
}

// scriptT has scripts run at the same time, but not as parallel tests do: of these, no more run than there are cores.
type scriptT struct {
	*testing.T
	running *sync.WaitGroup
	room    chan struct{}
}

func (s scriptT) Run(name string, script func(testscript.T)) {
	s.running.Go(func() {
		s.room <- struct{}{}
		defer func() { <-s.room }()
		s.T.Run(name, func(t *testing.T) { script(scriptT{T: t}) })
	})
}

func (scriptT) Parallel()     {}
func (scriptT) Verbose() bool { return testing.Verbose() }
