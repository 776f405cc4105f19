package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/healthlb/plugin/healthlb/health"
)

// nothingLeft has the test fail if it leaves processes, zombies or descriptors behind. Orphans are adopted, as by process 1 of a container,
// so that none can hide.
func nothingLeft(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("without /proc nobody sees what a command leaves behind")
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	t.Cleanup(func() {
		eventually(t, "every process is gone and reaped", func() bool { return len(children(t)) == 0 })
		eventually(t, "every place is free", func() bool { return len(commandPlaces) == 0 })
		eventually(t, "every descriptor is closed", func() bool { return openFiles(t) <= before })
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// children returns this process's children, dead ones that were not reaped included.
func children(t *testing.T) (pids []int) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range processes {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it is gone
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // state, parent, ...: proc_pid_stat(5)
		if parent, _ := strconv.Atoi(fields[1]); parent != os.Getpid() {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// A command gets what it needs, and none of the secrets that a process may have in its environment.
func TestExecEnvironment(t *testing.T) {
	nothingLeft(t)
	t.Setenv("HEALTHLB_TEST_SECRET", "secret")
	for to, want := range map[string][]string{
		"192.0.2.1:80":       {"PATH=" + os.Getenv("PATH"), "HEALTHLB_ADDRESS=192.0.2.1", "HEALTHLB_PORT=80"},
		"[2001:db8::1]:8443": {"PATH=" + os.Getenv("PATH"), "HEALTHLB_ADDRESS=2001:db8::1", "HEALTHLB_PORT=8443"},
		"192.0.2.1:0":        {"PATH=" + os.Getenv("PATH"), "HEALTHLB_ADDRESS=192.0.2.1"},
	} {
		file := filepath.Join(t.TempDir(), "environ")
		wantResult(t, shell(t, `cat /proc/$$/environ >"$1"`, file), netip.MustParseAddrPort(to), enough, health.Pass, "")
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if words := strings.Split(strings.TrimSuffix(string(got), "\x00"), "\x00"); !slices.Equal(words, want) {
			t.Errorf("%s: got %q, want %q", to, words, want)
		}
	}
}

// A command does not get what this process has open, and has nothing to read.
func TestExecDescriptors(t *testing.T) {
	nothingLeft(t)
	secret, err := os.Create(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	list := `ls -l /proc/$$/fd >"$1"; test "$(readlink /proc/$$/fd/0)" = /dev/null`
	file := filepath.Join(t.TempDir(), "list")
	wantResult(t, shell(t, list, file), somewhere, enough, health.Pass, "")
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got, []byte("pipe:")) || bytes.Contains(got, []byte(secret.Name())) || bytes.Contains(got, []byte("eventpoll")) {
		t.Errorf("got %s", got)
	}
}

// What has made a session of its own cannot be found and killed. It does not hold the probe either.
func TestExecEscaped(t *testing.T) {
	setsid, err := exec.LookPath("setsid")
	if err != nil {
		t.Skip("without setsid nothing can escape")
	}
	for name, tt := range map[string]struct {
		end     string
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		"pass":    {"exit 0", enough, health.Pass, ""},
		"fail":    {"echo word; exit 1", enough, health.Fail, "exit status 1: word"},
		"timeout": {"sleep 1000", 2 * time.Second, health.Fail, `timeout after [\d.]+s \(killed\)`},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			file := filepath.Join(t.TempDir(), "pid")
			c := shell(t, `"$2" sh -c 'echo $$ >"$1"; exec sleep 1000' sh "$1" & while ! test -s "$1"; do sleep 0.01; done; `+tt.end, file, setsid)
			wantResult(t, c, somewhere, tt.timeout, tt.outcome, tt.reason)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil || !slices.Contains(children(t), pid) {
				t.Fatalf("process %d is not there to be ended: %v", pid, err)
			}
			syscall.Kill(pid, syscall.SIGKILL)
			syscall.Wait4(pid, nil, 0, nil)
		})
	}
}

// holdOn is the argument with which this test's binary is a command that becomes root, if it may, and waits for a file.
const holdOn = "be-a-command-that-holds-on"

func init() {
	if len(os.Args) != 3 || os.Args[1] != holdOn {
		return
	}
	if err := syscall.Setuid(0); err != nil {
		os.Exit(77)
	}
	fmt.Println("root")
	for end := time.Now().Add(2 * enough); time.Now().Before(end) && !exists(os.Args[2]); {
		time.Sleep(10 * time.Millisecond)
	}
	os.Exit(0)
}

// A command that has become another user, as with sudo, cannot be killed. The probe ends all the same; the command's place is given back
// when it ends.
func TestExecThatCannotBeKilled(t *testing.T) {
	if dir := os.Getenv("HEALTHLB_TEST_HOLD"); dir != "" {
		t.Run("as nobody", func(t *testing.T) { testUnkillable(t, dir) })
		return
	}
	if os.Getuid() != 0 {
		t.Skip("only root can make a command that becomes root")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"test": 0o755, "command": 0o755 | os.ModeSetuid} {
		copyOfThis(t, filepath.Join(dir, name), mode)
	}
	shared := filepath.Join(dir, "shared")
	if err := os.Mkdir(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	run := exec.Command(filepath.Join(dir, "test"), "-test.run=^TestExecThatCannotBeKilled$", "-test.v", "-test.timeout=2m")
	run.Env = append(os.Environ(), "HEALTHLB_TEST_HOLD="+dir)
	run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("%s", out)
	}
}

// testUnkillable runs as nobody, with a command that becomes root.
func testUnkillable(t *testing.T, dir string) {
	nothingLeft(t)
	file := filepath.Join(dir, "shared", "end")
	c := newExec(t, ExecOptions{Command: filepath.Join(dir, "command"), Args: []string{holdOn, file}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	switch got := c.Probe(ctx, Route{To: somewhere}); {
	case got.Reason == "exit status 77":
		t.Skip("no command becomes root here (nosuid)")
	case got.Outcome != health.Fail || !regexp.MustCompile(`^timeout after [\d.]+s \(it cannot be killed\)$`).MatchString(got.Reason):
		t.Errorf("got %v %q", got.Outcome, got.Reason)
	}
	if len(children(t)) != 1 || len(commandPlaces) != 1 {
		t.Errorf("%d commands hold %d places, want 1 and 1", len(children(t)), len(commandPlaces))
	}
	if err := os.WriteFile(file, []byte("end"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// copyOfThis copies the binary that runs now.
func copyOfThis(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	copied, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(copied, self); err != nil {
		t.Fatal(err)
	}
	if err := copied.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkExec runs a command that ends at once.
func BenchmarkExec(b *testing.B) {
	c := newExec(b, ExecOptions{Command: "/bin/true"})
	b.ReportAllocs()
	for b.Loop() {
		if r := c.Probe(b.Context(), Route{To: somewhere}); r.Outcome != health.Pass {
			b.Fatal(r.Reason)
		}
	}
}
