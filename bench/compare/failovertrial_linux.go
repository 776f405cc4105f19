package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/bench/peer"
)

// What happens to members, as it is called in the tables.
const (
	killed     = "killed"      // the process is gone: its host refuses connections
	hung       = "hung"        // the process is stopped: its host accepts connections, nobody answers
	blackHoled = "black-holed" // what is sent to the host is dropped
	restarted  = "restarted"   // after having been killed
)

// failoverTrial is all that takes part in the measurement: members that fail, and servers that watch all of them at the same time.
type failoverTrial struct {
	options *options
	failoverSettings
	port     uint16         // of all members
	standing []*peer.Member // those that do not fail, and the host behind the cable
	ways     []*way
	slow     *way // for servers that need minutes
	watchers []*watcher
	running  []*peer.Process
	notes    []string    // what was left out, and why
	broken   atomic.Bool // so what is slow need not be waited for
	cut      delay       // how long the commands took at most that black-hole members

	mu      sync.Mutex // guards results, and running while the servers start
	results []failoverResult
}

// way is a way to fail, with a pool for each of its members.
type way struct {
	name          string
	pools         string // the pools' names, but for the number
	http          bool   // the members are asked for a page
	failing       []netip.Addr
	members       []*peer.Member // those at failing, where each is a process of its own
	fail, restore func(i int) error
	interval      time.Duration // the failures are spread over it
	every         time.Duration // how often each name is asked for
}

// pool is the first label of a pool's name.
func (w *way) pool(i int) string { return fmt.Sprintf("%s%d", w.pools, i) }

func (w *way) names() (names []string) {
	for i := range w.failing {
		names = append(names, w.pool(i))
	}
	return names
}

// watcher is a server that takes part.
type watcher struct {
	peer.Watcher
	slow    bool // it needs minutes, and watches members of its own
	patient bool // it hardly probes, so nobody waits until it finds what its tripwires do not
	starts  bool // its first seconds are looked at, too
	at      netip.AddrPort
	process *peer.Process
}

// runs is an error if the server has ended before its time.
func (w *watcher) runs() error {
	select {
	case <-w.process.Ended():
		return fmt.Errorf("%s has ended before its time; it wrote last:\n%s", w.Name, lastLines(w.process.Log()))
	default:
		return nil
	}
}

// lastLines are the last ones of a log.
func lastLines(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// failoverWatchers are the servers. Their settings are as alike as they can be: gdnsd and PowerDNS count in seconds, and have no confirm.
func failoverWatchers(s failoverSettings) []*watcher {
	failures, rise, seconds := fmt.Sprintf("failures %d", s.failures), fmt.Sprintf("rise %d", s.rise), int(s.interval.Seconds())
	interval := fmt.Sprintf("interval %v", s.interval)
	return []*watcher{
		{Watcher: peer.WatchHealthlb("healthlb", interval, failures, fmt.Sprintf("confirm %v", s.confirm), rise), starts: true},
		{Watcher: peer.WatchHealthlb("healthlb tripwire", interval, failures, "confirm 50ms", rise, "tripwire"), starts: true},
		{Watcher: peer.WatchHealthlb("healthlb tripwire 1h", "interval 1h", failures, "confirm 50ms", rise, "tripwire"), patient: true},
		{Watcher: peer.WatchGdnsd("gdnsd", fmt.Sprintf("interval %d", seconds), "timeout 1", fmt.Sprintf("down_thresh %d", s.failures),
			fmt.Sprintf("up_thresh %d", s.rise)), starts: true},
		{Watcher: peer.WatchGdnsd("gdnsd fastest", "interval 2", "timeout 1", "down_thresh 1", "up_thresh 1")},
		{Watcher: peer.WatchGdnsd("gdnsd defaults"), slow: true},
		{Watcher: peer.WatchPowerDNS("PowerDNS", seconds), starts: true},
	}
}

// start starts members and servers, and returns when all servers answer with all members. It is told why it has no network for itself,
// if that is so.
func (t *failoverTrial) start(alone string) (err error) {
	for _, w := range failoverWatchers(t.failoverSettings) {
		if !t.options.wanted(w.Name) || w.slow && t.options.short {
			continue
		}
		if _, err := w.Find(); w.Command != "" && err != nil {
			t.notes = append(t.notes, fmt.Sprintf("%s is left out: there is no %s here. Debian has it in %s.", w.Name, w.Command, w.Package))
			continue
		}
		t.watchers = append(t.watchers, w)
	}
	if len(t.watchers) == 0 {
		return errors.New("there is no server to measure")
	}
	if t.port, err = peer.FreePort(); err != nil {
		return err
	}
	if err := t.startMembers(alone); err != nil {
		return err
	}
	started := make([]error, len(t.watchers))
	var all sync.WaitGroup
	for i, w := range t.watchers {
		all.Go(func() { started[i] = t.startWatcher(w, filepath.Join(t.options.dir, fmt.Sprintf("watcher%d", i))) })
	}
	all.Wait()
	time.Sleep(t.interval) // tripwires are made meanwhile
	return errors.Join(started...)
}

// startMembers starts the members of all ways to fail, and those that do not fail.
func (t *failoverTrial) startMembers(alone string) error {
	var healthy []netip.AddrPort
	for i := range t.samples {
		healthy = append(healthy, netip.AddrPortFrom(t.healthy(i), t.port))
	}
	m, err := peer.StartMember(healthy...)
	if err != nil {
		return err
	}
	t.standing = append(t.standing, m)

	if alone == "" {
		w := t.way(blackHoled, "silent", 10, 98)
		cable, err := layCable(t.port, w.failing)
		if err == nil {
			t.standing = append(t.standing, cable.host)
			w.fail = func(i int) error { return cable.silence(w.failing[i]) }
			w.restore = func(i int) error { return cable.restore(w.failing[i]) }
			t.ways = append(t.ways, w)
		} else {
			alone = err.Error()
		}
	}
	if alone != "" && os.Getenv("HEALTHLB_NEEDS_NETWORK") != "" {
		return fmt.Errorf("no black-holed members, though HEALTHLB_NEEDS_NETWORK is set: %s", alone)
	}
	if alone != "" {
		t.notes = append(t.notes, "Black-holed members are left out: "+alone+".")
	}

	hanging := t.way(hung, "hung", 127, 3)
	hanging.http = true
	hanging.fail = func(i int) error { return hanging.members[i].Hang() }
	hanging.restore = func(i int) error { return hanging.members[i].Wake() }
	for _, w := range []*way{hanging, t.way(killed, "killed", 127, 1)} {
		t.ways = append(t.ways, w)
		if err := t.startFailing(w); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(t.watchers, func(w *watcher) bool { return w.slow }) {
		t.slow = t.way(killed, "slow", 127, 4)
		t.slow.every, t.slow.interval = 100*time.Millisecond, 10*time.Second // gdnsd's default
		return t.startFailing(t.slow)
	}
	return nil
}

// way is a way to fail, with members at a.b.1.1, a.b.2.1 and so on. They are killed, unless other functions are set.
func (t *failoverTrial) way(name, pools string, a, b byte) *way {
	w := &way{name: name, pools: pools, interval: t.interval, every: 20 * time.Millisecond}
	for i := range t.samples {
		w.failing = append(w.failing, netip.AddrFrom4([4]byte{a, b, byte(i + 1), 1}))
	}
	w.fail = func(i int) error { return w.members[i].Kill() }
	w.restore = func(i int) error { return w.members[i].Restart() }
	return w
}

// startFailing starts a process for each member of a way.
func (t *failoverTrial) startFailing(w *way) error {
	for _, addr := range w.failing {
		m, err := peer.StartMember(netip.AddrPortFrom(addr, t.port))
		if err != nil {
			return err
		}
		w.members = append(w.members, m)
	}
	return nil
}

// healthy is the address of that member of the i-th pools that does not fail.
func (t *failoverTrial) healthy(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 2, byte(i + 1), 1})
}

// startWatcher starts a server, and asks for all names until all members are in its answers. PowerDNS begins to check with that.
func (t *failoverTrial) startWatcher(w *watcher, dir string) error {
	port, err := peer.FreePort()
	if err != nil {
		return err
	}
	w.at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	task := peer.Watch{Binary: t.options.binary, Dir: dir, Port: port, Members: t.port}
	ways := t.ways
	if w.slow {
		ways = []*way{t.slow}
	}
	for _, way := range ways {
		for i, addr := range way.failing {
			task.Pools = append(task.Pools, peer.WatchedPool{Name: way.pool(i), Members: []netip.Addr{addr, t.healthy(i)}, HTTP: way.http})
		}
	}
	p, err := w.Watch(task)
	if err != nil {
		return fmt.Errorf("%s: %w", w.Name, err)
	}
	t.mu.Lock()
	t.running = append(t.running, p)
	t.mu.Unlock()
	w.process = p

	if err := peer.WaitAnswer(p, w.at, task.Pools[0].Name+".example.org", dns.TypeA, 20*time.Second); err != nil {
		return err
	}
	for _, pool := range task.Pools {
		_, _ = peer.Ask(w.at, peer.Question(pool.Name+".example.org", dns.TypeA), time.Second)
	}
	for _, pool := range task.Pools {
		query := peer.Question(pool.Name+".example.org", dns.TypeA)
		err := peer.WaitReply(p, w.at, query, 30*time.Second, func(reply *dns.Msg) error {
			for _, member := range pool.Members {
				if !namesMember(reply, member) {
					return fmt.Errorf("%v is not in this answer:\n%v", member, reply)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	return nil
}

// note keeps a result.
func (t *failoverTrial) note(r failoverResult) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.results = append(t.results, r)
}

// stop ends all that was started.
func (t *failoverTrial) stop() {
	for _, p := range t.running {
		p.Stop()
	}
	members := t.standing
	for _, w := range append(t.ways, t.slow) {
		if w != nil {
			members = append(members, w.members...)
		}
	}
	for _, m := range members {
		_ = m.Kill() // it may be dead
	}
}
