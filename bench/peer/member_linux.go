package peer

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
)

// memberRole is the first argument of a program that is to be a member.
const memberRole = "bench-member"

// A member is the program that measures, started again. It is told before anything else looks at the arguments, be it main or a test.
func init() {
	if len(os.Args) > 2 && os.Args[1] == memberRole {
		fmt.Fprintln(os.Stderr, serveMember(os.Args[2:]))
		os.Exit(1)
	}
}

// memberListens is what a member writes when it listens everywhere.
const memberListens = "listening\n"

// serveMember answers HTTP requests with 200 OK at all these addresses.
func serveMember(at []string) error {
	failed := make(chan error)
	for _, addr := range at {
		l, err := net.Listen("tcp4", addr)
		if err != nil {
			return err
		}
		go func() { failed <- http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) }()
	}
	fmt.Print(memberListens)
	return <-failed
}

// Member is a real server for probes over TCP and HTTP, in a process of its own, that can be made to fail.
type Member struct {
	at []string
	p  *Process
}

// StartMember starts a member, and returns when it listens at all the addresses.
func StartMember(at ...netip.AddrPort) (*Member, error) {
	m := &Member{}
	for _, addr := range at {
		m.at = append(m.at, addr.String())
	}
	return m, m.Restart()
}

// StartMemberApart starts a member in a network namespace of its own, where it listens at that port of all addresses that it is given
// later. Root may do that.
func StartMemberApart(port uint16) (*Member, error) {
	m := &Member{at: []string{fmt.Sprintf("0.0.0.0:%d", port)}}
	return m, m.start("unshare", "--net")
}

// Restart starts a member that was killed, and returns when it listens.
func (m *Member) Restart() error { return m.start() }

func (m *Member) start(command ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command = append(append(command, self, memberRole), m.at...)
	if m.p, err = Start("/", AnyCore, command[0], command[1:]...); err != nil {
		return err
	}
	for end := time.Now().Add(20 * time.Second); !strings.HasSuffix(m.p.Log(), memberListens); time.Sleep(time.Millisecond / 2) {
		select {
		case <-m.p.Ended():
			return fmt.Errorf("%v ended: %s", command, m.p.Log())
		default:
		}
		if time.Now().After(end) {
			m.Kill()
			return fmt.Errorf("%v does not listen: %s", command, m.p.Log())
		}
	}
	return nil
}

// ID is its process id.
func (m *Member) ID() int { return m.p.ID() }

// Kill ends it at once: its host refuses connections from now on.
func (m *Member) Kill() error { return m.p.Signal(syscall.SIGKILL) }

// Hang stops the process: its host accepts connections as before, and nobody answers on them.
func (m *Member) Hang() error { return m.p.Signal(syscall.SIGSTOP) }

// Wake lets a process go on that hangs.
func (m *Member) Wake() error { return m.p.Signal(syscall.SIGCONT) }
