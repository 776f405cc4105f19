//go:build unix

package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type execCheck struct {
	port    uint16
	command string
	args    []string
	name    string
	path    string // the environment's PATH=...
}

// NewExec returns the check that runs a command: exit status 0 is a pass. That the command can be run now is looked at here; what it is
// when a probe runs it is up to its owner.
func NewExec(port uint16, opts ExecOptions) (Check, error) {
	if info, err := os.Stat(opts.Command); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	if _, err := exec.LookPath(opts.Command); err != nil {
		return nil, errors.New(errnoText(err))
	}
	return &execCheck{port: port, command: opts.Command, args: slices.Clone(opts.Args), name: execName(opts), path: "PATH=" + searchPath()}, nil
}

// searchPath is where commands look for other commands: as this process does, else in the usual places.
func searchPath() string {
	if path := os.Getenv("PATH"); path != "" {
		return path
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

func (*execCheck) Kind() string   { return "exec" }
func (c *execCheck) Port() uint16 { return c.port }
func (c *execCheck) Name() string { return c.name }
func (c *execCheck) Key() string  { return c.name }

// commandPlaces bounds how many commands run at once, whatever the pools. A command is a process or several, and commonly wants a
// processor: many more of them than processors would slow down each other, and the answers.
var commandPlaces = newPlaces(max(8, 4*runtime.GOMAXPROCS(0)))

// Probe implements Check. There is one exception to its promise to leave no process and no goroutine behind: a command that cannot be
// killed, be it because it has become another user or because it waits for a device, is waited for by a goroutine, and keeps its place.
func (c *execCheck) Probe(ctx context.Context, r Route) Result {
	a := begin(ctx, r)
	var late time.Duration // how long it had to wait for a place
	if !commandPlaces.try() {
		if !commandPlaces.wait(ctx) {
			return inconclusive(fmt.Sprintf("cannot probe: %d commands are running already", cap(commandPlaces)))
		}
		late = time.Since(a.start)
	}
	cmd, err := startCommand(c.command, c.argv(r), c.environment(r), commandPlaces.leave)
	if err != nil {
		return inconclusive("cannot run " + c.command + ": " + errnoText(err))
	}
	if a.trace != nil {
		a.trace.step("run", "process %d", cmd.pid)
	}
	defer cmd.abandon()
	defer context.AfterFunc(ctx, cmd.kill)()
	output, over := cmd.wait(ctx)
	if !over {
		return a.commandTimeout(late, "it cannot be killed")
	}
	if a.trace != nil {
		a.trace.step("exit", "%s", cmd.ending())
	}
	return a.judgeCommand(cmd, output, late)
}

// judgeCommand is the result of a command that has ended.
func (a attempt) judgeCommand(cmd *command, output []byte, late time.Duration) Result {
	switch {
	case cmd.err != nil: // somebody else in this process has waited for it
		return inconclusive("cannot probe: the command's exit status is lost: " + errnoText(cmd.err))
	case a.ctx.Err() != nil && cmd.status.Signaled() && cmd.status.Signal() == syscall.SIGKILL:
		return a.commandTimeout(late, "killed")
	case cmd.status.Exited() && cmd.status.ExitStatus() == 0:
		return Result{}
	}
	reason := cmd.ending()
	if line := firstLine(output); line != "" {
		reason += ": " + line
	}
	return fail(reason)
}

// commandTimeout is the result of a command that had not ended when the context did. When more than a tenth of its time went by while it
// waited for a place, it is not the member that has failed.
func (a attempt) commandTimeout(late time.Duration, how string) Result {
	if errors.Is(a.ctx.Err(), context.Canceled) {
		return a.failed("run", a.ctx.Err())
	}
	total := a.waited()
	if late > total/10 {
		late = late.Truncate(time.Millisecond)
		return inconclusive(fmt.Sprintf("cannot probe: the command began after %v of %v, since %d were running", late, total, cap(commandPlaces)))
	}
	return fail(fmt.Sprintf("timeout after %v (%s)", total, how))
}

// argv returns the command and its arguments for a member.
func (c *execCheck) argv(r Route) []string {
	member := strings.NewReplacer(AddressWord, r.To.Addr().String(), PortWord, strconv.Itoa(int(r.To.Port())))
	argv := make([]string, 1, 1+len(c.args))
	argv[0] = c.command
	for _, arg := range c.args {
		argv = append(argv, member.Replace(arg))
	}
	return argv
}

// environment returns all that the command gets of one: what this process has in its own may be secret.
func (c *execCheck) environment(r Route) []string {
	env := []string{c.path, "HEALTHLB_ADDRESS=" + r.To.Addr().String()}
	if port := r.To.Port(); port != 0 {
		env = append(env, "HEALTHLB_PORT="+strconv.Itoa(int(port)))
	}
	return env
}

// errnoText is what the kernel said, without the names of calls and files around it.
func errnoText(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}
