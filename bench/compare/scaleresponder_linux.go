package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/bench/peer"
)

// responder is bin/coredns with pools of a shape.
type responder struct {
	scaleShape
	process *peer.Process
	dir     string
	state   string // its state directory
	at      netip.AddrPort
	admin   http.Client
}

// startResponder starts one in a folder, with another one for its state, both of which it makes, and tells how long that took until the
// first answer.
func startResponder(binary, dir, state string, core int, s scaleShape) (r *responder, took time.Duration, err error) {
	port, err := peer.FreePort()
	if err != nil {
		return nil, 0, err
	}
	r = &responder{scaleShape: s, dir: dir, state: state, at: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
	r.admin.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "admin.sock"))
	}}
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Mkdir(state, 0o755), r.configure(0)); err != nil {
		r.stop()
		return nil, 0, err
	}
	began := time.Now()
	if r.process, err = peer.Start(dir, core, binary, "-conf", "Corefile"); err != nil {
		r.stop()
		return nil, 0, err
	}
	seen, err := r.until(scalePool(0), isAnswered)
	if err != nil {
		r.stop()
		return nil, 0, err
	}
	return r, seen.Sub(began), nil
}

// patience is how long is waited for what is taken to be broken then. Reloads of 100,000 pools have taken 112 s on a machine with much else
// to do.
const patience = 5 * time.Minute

// memoryDir is a folder of which nothing is on a disk, if there is one: then an order waits for no disk.
func memoryDir() string {
	const shm = "/dev/shm"
	if _, err := os.Stat(shm); err != nil {
		return ""
	}
	return shm
}

func (r *responder) stop() {
	if r.process != nil {
		r.process.Stop()
	}
	r.admin.CloseIdleConnections()
	os.RemoveAll(r.state)
	os.RemoveAll(r.dir)
}

// configure writes a Corefile with the pools of the shape, and a certain one besides if added is not 0.
func (r *responder) configure(added int) error {
	return os.WriteFile(filepath.Join(r.dir, "Corefile"), []byte(r.corefile(added)), 0o644)
}

func (r *responder) corefile(added int) string {
	var w strings.Builder
	fmt.Fprintf(&w, `example.org:%d {
    bind %v
    healthlb {
        state %s
        admin unix:admin.sock
        check up
        interval 1h
        policy %s
        answers %d
        min_up 100%%
        all_down addresses %s
`, r.at.Port(), r.at.Addr(), r.state, r.Policy, r.Answers, sorry)
	n := 0
	for i := range r.Pools {
		fmt.Fprintf(&w, "        pool %s {\n", scalePool(i))
		for range r.Members {
			fmt.Fprintf(&w, "            member %s weight %d\n", scaleMember(n), 1+n%4)
			n++
		}
		w.WriteString("        }\n")
	}
	if added != 0 {
		fmt.Fprintf(&w, "        pool %s {\n            member 192.0.2.2\n        }\n", addedPool(added))
	}
	w.WriteString("    }\n}\n")
	return w.String()
}

// sorry is the address that a pool answers with while one of its members is blocked.
const sorry = "192.0.2.1"

func scalePool(i int) string { return fmt.Sprintf("p%d.example.org", i) }
func addedPool(i int) string { return fmt.Sprintf("added%d.example.org", i) }

// scaleMember is another address for each member of all pools.
func scaleMember(n int) string { return fmt.Sprintf("10.%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff) }

// reload sends the signal to take the Corefile over, and tells how long it took until the added pool answered.
func (r *responder) reload(added int) (time.Duration, error) {
	began := time.Now()
	if err := r.process.Signal(syscall.SIGUSR1); err != nil {
		return 0, err
	}
	seen, err := r.until(addedPool(added), isAnswered)
	return seen.Sub(began), err
}

// block has an operator forbid the first member of the first pool.
func (r *responder) block() error {
	return r.order(http.MethodPost, "/v1/blocklist?force=1", scaleMember(0))
}

// unblock allows it again.
func (r *responder) unblock() error {
	return r.order(http.MethodDelete, "/v1/blocklist/"+scaleMember(0), "")
}

func (r *responder) order(method, path, body string) error {
	request, err := http.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := r.admin.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	told, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s\n%s", method, path, response.Status, told)
	}
	return err
}

// until asks until a reply is as expected, and tells when that one came.
func (r *responder) until(name string, expected func(*dns.Msg) bool) (time.Time, error) {
	query := peer.Question(name, dns.TypeA)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		reply, err := peer.Ask(r.at, query, 100*time.Millisecond)
		if err == nil && expected(reply) {
			return time.Now(), nil
		}
		select {
		case <-r.process.Ended():
			return time.Time{}, fmt.Errorf("it ended\n%s", r.process.Log())
		default:
		}
	}
	return time.Time{}, fmt.Errorf("%s is not answered as it should be\n%s", name, r.process.Log())
}

// isAnswered says whether a reply names members.
func isAnswered(reply *dns.Msg) bool {
	return reply.Rcode == dns.RcodeSuccess && len(reply.Answer) > 0 && !isSorry(reply)
}

// isSorry says whether a reply is that of a pool that is all down.
func isSorry(reply *dns.Msg) bool {
	if len(reply.Answer) != 1 {
		return false
	}
	a, ok := reply.Answer[0].(*dns.A)
	return ok && a.A.String() == sorry
}

// queries asks for many of the pools, the same ones each time.
func (r *responder) queries() [][]byte {
	of := make([][]byte, r.Pools)
	for i := range of {
		of[i] = peer.Question(scalePool(i), dns.TypeA)
	}
	if r.Pools == 1 {
		return of
	}
	random := rand.New(rand.NewPCG(1, 2))
	queries := make([][]byte, 1<<16)
	for i := range queries {
		queries[i] = of[random.IntN(r.Pools)]
	}
	return queries
}

// wantAnswers is how many records each reply has to have.
func (r *responder) wantAnswers() int { return min(r.Members, r.Answers) }

// settle waits until it has nothing left to do, such as first probes of many members, of which a start does not wait for all.
func (r *responder) settle() error {
	const short, idle = 200 * time.Millisecond, 10 * time.Millisecond
	was, err := r.process.CPU()
	for deadline := time.Now().Add(patience); err == nil; {
		time.Sleep(short)
		var is time.Duration
		is, err = r.process.CPU()
		if err == nil && is-was <= idle {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("it is busy though nobody asks")
		}
		was = is
	}
	return err
}

// dropped is how many queries the kernel has dropped so far: the responder came too late to read them, and the socket's buffer was full.
func (r *responder) dropped() (sum int, err error) {
	table, err := os.ReadFile("/proc/net/udp")
	port := fmt.Sprintf(":%04X", r.at.Port())
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line) // see proc(5): the local address is the second, the drops are the last
		if err != nil || len(fields) < 3 || !strings.HasSuffix(fields[1], port) {
			continue
		}
		var n int
		n, err = strconv.Atoi(fields[len(fields)-1])
		sum += n
	}
	return sum, err
}

// memory is its resident set size, in MB.
func (r *responder) memory() (float64, error) {
	bytes, err := r.process.Memory()
	return float64(bytes) / 1e6, err
}

// most is the highest resident set size that it has had, in MB.
func (r *responder) most() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.process.ID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			return float64(kib) * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in:\n%s", status)
}
