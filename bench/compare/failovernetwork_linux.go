package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"example.org/healthlb/bench/peer"
)

// apartVariable is set for the process that runs in a network namespace of its own.
const apartVariable = "HEALTHLB_COMPARE_APART"

// apart runs this part again in a network namespace of its own, in which a cable can be laid to members that fall silent. Where that is
// not possible it says why, and has run nothing.
func (o *options) apart() (why string, err error) {
	for _, command := range []string{"ip", "nsenter", "unshare"} {
		if _, err := exec.LookPath(command); err != nil {
			return fmt.Sprintf("%v (Debian's packages iproute2 and util-linux)", err), nil
		}
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	args := []string{"-out", o.out, "-only", o.only, "failover"}
	if o.short {
		args = append([]string{"-short"}, args...)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), apartVariable+"=yes", "HEALTHLB_COREDNS="+o.binary)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	runtime.LockOSThread() // whose end would be the signal
	defer runtime.UnlockOSThread()
	err = cmd.Start()
	if errors.Is(err, syscall.EPERM) {
		return "only root can make network namespaces", nil
	}
	if err != nil {
		return "", err
	}
	return "", cmd.Wait()
}

// isApart says that this process is the one in the namespace.
func isApart() bool { return os.Getenv(apartVariable) != "" }

// cable is a line to a host with silent members. They have addresses of their own behind the host's, so that one that goes is not missed by
// ARP: packets for it are dropped, and nobody tells.
type cable struct {
	host *peer.Member
}

const (
	nearAddr = "10.99.0.1"
	farAddr  = "10.99.0.2"
)

// layCable makes the host and the members' addresses.
func layCable(port uint16, members []netip.Addr) (*cable, error) {
	host, err := peer.StartMemberApart(port)
	if err != nil {
		return nil, err
	}
	c := &cable{host}
	near := []string{
		"link add near type veth peer name far netns " + strconv.Itoa(host.ID()),
		"addr add " + nearAddr + "/24 dev near",
		"link set near up",
		"route add 10.98.0.0/16 via " + farAddr,
	}
	far := []string{
		"link set lo up", "addr add " + farAddr + "/24 dev far", "link set far up",
		"route add blackhole 10.98.0.0/16", // for addresses that the host has no more
	}
	for _, member := range members {
		far = append(far, fmt.Sprintf("addr add %v/32 dev lo", member))
	}
	for _, words := range near {
		err = errors.Join(err, ip(words))
	}
	for _, words := range far {
		err = errors.Join(err, c.far(words))
	}
	if err != nil {
		_ = c.host.Kill()
		return nil, err
	}
	return c, nil
}

// silence takes a member's address away from its host.
func (c *cable) silence(member netip.Addr) error {
	return c.far(fmt.Sprintf("addr del %v/32 dev lo", member))
}

// restore gives it back.
func (c *cable) restore(member netip.Addr) error {
	return c.far(fmt.Sprintf("addr add %v/32 dev lo", member))
}

// far runs ip on the host.
func (c *cable) far(words string) error {
	return runWords(append([]string{"nsenter", "-t", strconv.Itoa(c.host.ID()), "-n", "ip"}, strings.Fields(words)...))
}

// ip runs ip on this end.
func ip(words string) error { return runWords(append([]string{"ip"}, strings.Fields(words)...)) }

func runWords(words []string) error {
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", words, err, out)
	}
	return nil
}
