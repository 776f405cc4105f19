package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	for _, c := range []struct{ name, command, out, failure string }{
		{"done", "echo a; echo b >&2", "a\nb\n", ""},
		{"variables", `echo "$POOL"`, "www\n", ""},
		{"status", "exit 3", "", "ended with status 3"},
		{"not found", "/nonexistent/x 2>/dev/null", "", "ended with status 127"},
		{"signal", "kill -9 $$", "", "ended by signal 9 (killed)"},
		{"no input", "cat; echo end", "end\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			failure := ""
			if err := Run(t.Context(), c.command, []string{"POOL=www"}, &out, &out); err != nil {
				failure = err.Error()
			}
			if out.String() != c.out || failure != c.failure {
				t.Errorf("got %q and %q, want %q and %q", out.String(), failure, c.out, c.failure)
			}
		})
	}
}

// A command that leaves something behind which holds on to its output has ended all the same.
func TestRunLeavingADaemon(t *testing.T) {
	var out bytes.Buffer
	if err := Run(t.Context(), "sleep 100 & echo $!", nil, &out, &out); err != nil {
		t.Error(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

var errEnough = errors.New("enough")

// When its context is done the command is ended, with all that it has started.
func TestRunEndsTheGroup(t *testing.T) {
	for _, c := range []struct{ name, command string }{
		{"willing", "sleep 100 & echo $!; wait"},
		{"deaf", "trap '' TERM; sleep 100 & echo $!; wait"},
		{"deaf child", "(trap '' TERM; sleep 100) & echo $!; wait"},
		{"stopped", "sleep 100 & echo $!; kill -STOP $!; wait"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			out := newPipe()
			ended := make(chan error, 1)
			go func() { ended <- run(ctx, c.command, nil, out, out, 300*time.Millisecond) }()
			pid, err := strconv.Atoi(strings.TrimSpace(out.line()))
			if err != nil {
				t.Fatal(err)
			}
			cancel(errEnough)
			err = <-ended
			if err == nil || err.Error() != "was ended: enough" || !errors.Is(err, errEnough) {
				t.Errorf("got %v", err)
			}
			within(t, func() bool { return gone(pid) })
		})
	}
}

func TestRunNotBegun(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnough)
	if err := Run(ctx, "true", nil, nil, nil); !errors.Is(err, errEnough) {
		t.Errorf("got %v", err)
	}
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	var lock sync.Mutex
	l := NewLines(&out, &lock, "web-1: ")
	for _, s := range []string{"a", "b\nc\n", "", "\n", "d"} {
		fmt.Fprint(l, s)
	}
	_ = l.Close()
	_ = l.Close()
	if got, want := out.String(), "web-1: ab\nweb-1: c\nweb-1: \nweb-1: d\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLinesAreBounded(t *testing.T) {
	var out bytes.Buffer
	var lock sync.Mutex
	l := NewLines(&out, &lock, "")
	data := bytes.Repeat([]byte("x"), 3*longestLine+1)
	if n, err := l.Write(data); n != len(data) || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if got := bytes.Count(out.Bytes(), []byte("\n")); got != 3 {
		t.Errorf("%d lines passed on, want 3", got)
	}
	_ = l.Close()
	if out.Len() != len(data)+4 {
		t.Errorf("%d bytes passed on, want %d", out.Len(), len(data)+4)
	}
}

// gone tells whether a process has ended. Nobody may be there to reap it, as its parent has ended too.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func within(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time")
		}
	}
}

// pipe holds what was written until it is read.
type pipe struct{ lines chan string }

func newPipe() pipe { return pipe{make(chan string, 100)} }

func (p pipe) Write(data []byte) (int, error) {
	p.lines <- string(data)
	return len(data), nil
}

func (p pipe) line() string { return <-p.lines }
