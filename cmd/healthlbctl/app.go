package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is one run of the command, with all that it touches of the world.
type app struct {
	in       io.Reader
	out, err io.Writer
	signals  <-chan os.Signal
	getenv   func(string) string
	now      func() time.Time
	zone     *time.Location // times are shown in it

	outIsTerminal, errIsTerminal bool

	systemConfig string // read when the user has no configuration of his own

	began bool // a command has begun to do something; what was wrong before that is wrong with the command line

	// interrupted ends with the first signal and killed with the second one: in between is the time to tidy up.
	interrupted, killed context.Context

	writing sync.Mutex // guards out and err while several goroutines write lines to them

	configured *settings // once they have been read
}

// errInterrupted is the cause of the contexts' end.
var errInterrupted = errors.New("interrupted")

func newApp() *app {
	return &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, now: time.Now, zone: time.Local,
		outIsTerminal: term.IsTerminal(int(os.Stdout.Fd())), errIsTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		systemConfig: "/etc/healthlb/ctl.yaml",
	}
}

// run carries out a command line and returns the exit code.
func (a *app) run(args []string) int {
	stop := a.watchSignals()
	defer stop()
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	cmd, err := root.ExecuteContextC(a.interrupted)
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // a reader such as head has enough
		return int(exitDone)
	case !a.began && codeOf(err) == exitError:
		err = usage("%s; see %s --help", strings.TrimSuffix(oneLine(err.Error()), "."), cmd.CommandPath())
	}
	if text := errorText(err); text != "" {
		a.say("healthlbctl: %s", text)
	}
	return int(codeOf(err))
}

// watchSignals makes the contexts of the first and the second signal.
func (a *app) watchSignals() (stop func()) {
	interrupted, interrupt := context.WithCancelCause(context.Background())
	killed, kill := context.WithCancelCause(context.Background())
	a.interrupted, a.killed = interrupted, killed
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for _, end := range []context.CancelCauseFunc{interrupt, kill} {
			select {
			case <-a.signals:
				end(errInterrupted)
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		watching.Wait()
		interrupt(nil)
		kill(nil)
	}
}

// do makes the function of a command of one that may say only what it does.
func (a *app) do(what func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.began = true
		return what(cmd.Context(), args)
	}
}

// say tells people something, on a line of standard error.
func (a *app) say(format string, args ...any) {
	a.writing.Lock()
	defer a.writing.Unlock()
	fmt.Fprintf(a.err, format+"\n", args...)
}

// line is a line of the result, on standard output.
func (a *app) line(format string, args ...any) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	_, err := fmt.Fprintf(a.out, format+"\n", args...)
	return err
}

// maxOwner is the longest name of an owner that the endpoint takes, in bytes.
const maxOwner = 64

// me is who gives orders if nothing else is said: USER@HOST, without what an owner may not have.
func (a *app) me() string {
	name := a.getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	owner := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune("\"'`", r) {
			return '-'
		}
		return r
	}, name+"@"+host)
	return owner[:min(len(owner), maxOwner)]
}
