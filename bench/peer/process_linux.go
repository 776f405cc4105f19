// Package peer runs what is measured side by side: CoreDNS with healthlb, and what people would use instead. Each is a real server in
// processes of its own, on a core of its own, with a configuration that does the same as the others' as nearly as it can.
package peer

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a server under measurement, with all processes that it has started.
type Process struct {
	cmd  *exec.Cmd
	log  locked
	done chan struct{} // closed when it has ended
}

// AnyCore lets a process run wherever the system wants.
const AnyCore = -1

// Start runs a command in dir until Stop, on one core (0 is the first) or on AnyCore. It is killed when this process dies.
func Start(dir string, core int, name string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		// A process gets the cores of the thread that starts it, and is sent its death signal when that thread ends: this one stays.
		runtime.LockOSThread()
		if core != AnyCore {
			if err := Pin(core); err != nil {
				started <- err
				return
			}
		}
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// Pin has the calling thread run on one core from now on; so it should be locked to its goroutine.
func Pin(core int) error {
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("core %d: %w", core, err)
	}
	return nil
}

// Cores returns the cores that this process may run on.
func Cores() (cores []int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, err
	}
	for core := range len(set) * strconv.IntSize {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// ID is the process id.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Signal sends it a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Alive is an error with its last words when the process has ended.
func (p *Process) Alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("it has ended: %v; it wrote last:\n%s", p.cmd.ProcessState, p.lastWords())
	default:
		return nil
	}
}

// Log returns what it has written so far.
func (p *Process) Log() string { return p.log.String() }

// Stop ends it, and what it has started: gently at first, then by force.
func (p *Process) Stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(2 * time.Second):
	}
	syscall.Kill(-p.ID(), syscall.SIGKILL) // its process group, which outlives it when it has left children
	<-p.done
}

// CPU returns the CPU time, user and system, that its processes have used, to the nanosecond: what /proc tells comes in steps of 10 ms.
func (p *Process) CPU() (sum time.Duration, err error) {
	family, err := p.family()
	for _, id := range family {
		var used unix.Timespec
		if unix.ClockGettime(cpuClock(id), &used) == nil { // or it has ended
			sum += time.Duration(used.Nano())
		}
	}
	return sum, err
}

// cpuClock is the clock of a process that clock_getcpuclockid(3) finds: the one by which the scheduler counts, of all its threads.
func cpuClock(id int) int32 {
	const sched = 2
	return int32(^id<<3 | sched)
}

// Memory returns how much memory its processes have, in bytes: the sum of their resident set sizes. Pages that several of them share count
// for each.
func (p *Process) Memory() (sum int64, err error) {
	family, err := p.family()
	if err != nil {
		return 0, err
	}
	for _, id := range family {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id))
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
				if err != nil {
					return 0, err
				}
				sum += kib << 10
			}
		}
	}
	return sum, nil
}

// family finds the process and all that it has started, those of its process group, and returns their ids.
func (p *Process) family() (ids []int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	group := strconv.Itoa(p.ID())
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:])) // from the third on, see proc_pid_stat(5)
		if fields[2] != group {
			continue
		}
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// locked is a buffer for two.
type locked struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
