package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Grace is how long a command that is to end has for it, between SIGTERM and SIGKILL.
const Grace = 5 * time.Second

// afterwards is how long output is still awaited from what a command has left running, once it has ended itself.
const afterwards = 2 * time.Second

// Run runs a command by /bin/sh -c, with variables ("NAME=VALUE") beside those of this process, and returns nil when it ends with status
// 0. It has a process group of its own: a Ctrl-C at the terminal does not reach it, and when ctx is done the whole group gets SIGTERM and,
// after the grace, SIGKILL. The command has no standard input.
func Run(ctx context.Context, command string, variables []string, stdout, stderr io.Writer) error {
	return run(ctx, command, variables, stdout, stderr, Grace)
}

func run(ctx context.Context, command string, variables []string, stdout, stderr io.Writer, grace time.Duration) error {
	if ctx.Err() != nil {
		return fmt.Errorf("was not begun: %w", context.Cause(ctx))
	}
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Env = append(os.Environ(), variables...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = afterwards
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot be run: %w", err)
	}

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	group := -cmd.Process.Pid // a process group has the number of its leader
	select {
	case err := <-ended:
		return outcome(err)
	case <-ctx.Done():
	}
	end(group, ended, grace)
	return fmt.Errorf("was ended: %w", context.Cause(ctx))
}

// end ends a process group. The leader's end is told by ended; the others may need longer than it, as a shell does not wait for what it
// has started.
func end(group int, ended <-chan error, grace time.Duration) {
	_ = syscall.Kill(group, syscall.SIGTERM)
	_ = syscall.Kill(group, syscall.SIGCONT) // what has been stopped, such as by asking a terminal, is not there for SIGTERM
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for leader := true; leader || syscall.Kill(group, 0) == nil; {
		select {
		case <-ended:
			leader, ended = false, nil
		case <-look.C:
		case <-deadline.C:
			_ = syscall.Kill(group, syscall.SIGKILL)
			if leader {
				<-ended
			}
			return
		}
	}
}

// outcome says how a command has ended.
func outcome(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it ended well, and something that it has started holds on to its output
		return nil
	case !errors.As(err, &exit):
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Errorf("ended by signal %d (%s)", status.Signal(), status.Signal())
	}
	return fmt.Errorf("ended with status %d", exit.ExitCode())
}
