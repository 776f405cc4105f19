//go:build unix

package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// command is a process that was started, in a process group of its own, with all that it starts and that stays in that group.
type command struct {
	pid     int
	process *os.Process
	output  *os.File      // what it writes; read only by wait
	over    chan struct{} // closed when it has ended; then err and status are set
	err     error         // its end could not be waited for
	status  syscall.WaitStatus

	mu   sync.Mutex // guards gone; held while the process is killed, or reaped
	gone bool       // the process was reaped; not yet: its pid is its own
}

// killWithin is how long a killed process has until it is taken to be one that cannot be killed. It needs milliseconds, and more on a
// machine that is busy.
const killWithin = 2 * time.Second

// startCommand starts a process with nothing to read, in the root directory. ended is called once: when nothing is left of it that this
// process would have to wait for, or when it could not be started.
func startCommand(path string, argv, env []string, ended func()) (*command, error) {
	c, err := start(path, argv, env)
	if err != nil {
		ended()
		return nil, err
	}
	go func() {
		defer ended()
		c.err = c.reap()
		close(c.over)
		c.output.SetReadDeadline(longAgo) // others may hold the pipe open
		reapGroup(c.pid)
	}()
	return c, nil
}

func start(path string, argv, env []string) (*command, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	output, written, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer written.Close()
	process, err := os.StartProcess(path, argv, &os.ProcAttr{
		Dir:   "/",
		Env:   env,
		Files: []*os.File{null, written, written},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		output.Close()
		return nil, err
	}
	return &command{pid: process.Pid, process: process, output: output, over: make(chan struct{})}, nil
}

// reapFirst waits for the end of the process, takes its exit status, and ends what is left of its group. While something is left, nobody
// else can have the group's number. When nothing is, the number would have to be given to a new group between the two calls for that one
// to be ended by mistake.
func (c *command) reapFirst() error {
	state, err := c.process.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	syscall.Kill(-c.pid, syscall.SIGKILL)
	return c.ended(state, err)
}

// ended takes down the exit status of the process, which nobody can kill any more. The caller holds mu.
func (c *command) ended(state *os.ProcessState, err error) error {
	c.gone = true
	if err == nil {
		c.status = state.Sys().(syscall.WaitStatus)
	}
	return err
}

// reapGroup waits for processes of a group that have become children of this one when their parents ended, as those of init do and those
// of a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): in a container CoreDNS may be process 1. They have been killed.
func reapGroup(group int) {
	var err error
	for err == nil || err == syscall.EINTR {
		_, err = syscall.Wait4(-group, nil, 0, nil)
	}
}

// kill ends the process, and has wait give up on it when that does not help within killWithin.
func (c *command) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return
	}
	c.signal()
	c.output.SetReadDeadline(time.Now().Add(killWithin))
}

// signal ends the process and all of its group. What it has started and has left that group cannot be found any more, and goes on.
func (c *command) signal() {
	syscall.Kill(-c.pid, syscall.SIGKILL)
	syscall.Kill(c.pid, syscall.SIGKILL) // in case it has moved to another group
}

// maxOutput is how many bytes of what a command writes are kept, for its first line.
const maxOutput = 4 << 10

// wait reads what the process writes until it has ended, and returns the beginning of it. When the context, with which the process is
// killed, has ended and the process has not, over is false.
func (c *command) wait(ctx context.Context) (output []byte, over bool) {
	output = make([]byte, maxOutput)
	n, err := io.ReadFull(c.output, output)
	if err == nil {
		_, err = io.Copy(io.Discard, c.output)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) { // it has closed its output, and may go on
		select {
		case <-c.over:
		case <-ctx.Done():
			select {
			case <-c.over:
			case <-time.After(killWithin):
			}
		}
	}
	select {
	case <-c.over:
		return c.rest(output[:n]), true
	default:
		return output[:n], false
	}
}

// rest appends to output, up to its capacity, what is in the pipe now. It does not wait for more: others may hold the pipe open.
func (c *command) rest(output []byte) []byte {
	pipe, err := c.output.SyscallConn()
	if err != nil {
		return output
	}
	pipe.Control(func(fd uintptr) { // unlike pipe.Read this asks for no deadline, which has passed
		for len(output) < cap(output) {
			n, err := syscall.Read(int(fd), output[len(output):cap(output)])
			if err == syscall.EINTR {
				continue
			}
			if n <= 0 {
				return
			}
			output = output[:len(output)+n]
		}
	})
	return output
}

// abandon is called when nobody reads any more.
func (c *command) abandon() { c.output.Close() }

// ending says how the process ended.
func (c *command) ending() string {
	switch {
	case c.err != nil:
		return "lost: " + errnoText(c.err)
	case c.status.Signaled():
		return fmt.Sprintf("killed by signal %d (%v)", c.status.Signal(), c.status.Signal())
	default:
		return fmt.Sprintf("exit status %d", c.status.ExitStatus())
	}
}

// firstLine returns the first line that is not blank.
func firstLine(output []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(output), []byte("\n"))
	return string(bytes.TrimSpace(line))
}
