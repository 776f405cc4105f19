package isolation

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/health"
)

// The timing of the simulation is the default one of a pool.
const (
	simInterval = 5 * time.Second
	simTimeout  = 1250 * time.Millisecond
	simConfirm  = time.Second
	simPools    = 10
	simMembers  = 100 // of each pool
	simThaw     = simInterval*5/4 + simTimeout + simConfirm + simTimeout
)

var simThresholds = health.Thresholds{Min: 3, Fall: 3, Rise: 2}

// world is 1,000 members that are probed as the scheduler and the pools do it, by a clock that is moved.
type world struct {
	guard   *Guard
	rand    *rand.Rand
	now     time.Time
	members []*simMember
	queue   simQueue
	freezes []Freeze
	told    State

	cut       func(i int) bool // whether a member cannot be reached now
	hangs     bool             // then a probe of it runs into its timeout; else it is refused at once
	witnesses bool             // whether the witnesses fail
	mostOut   int              // members out of the answers at once
}

type simMember struct {
	index  int
	target *Target
	record health.Record
	fell   time.Time
	begun  time.Time // when the probe under way began; zero: none is
	failed bool      // what it will find
	at     time.Time // when its next event is
}

func newWorld(r Rule, networks int) *world {
	w := &world{rand: rand.New(rand.NewPCG(1, 2)), now: moment, cut: func(int) bool { return false }}
	w.guard = New(r, func() {})
	for i := range simPools * simMembers {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i % networks), byte(i / networks)}), 443)
		if networks == 1 {
			to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, 0, byte(i)}), uint16(1000+i))
		}
		pool := fmt.Sprint("p", i/simMembers)
		if networks == 1 {
			pool = "p"
		}
		m := &simMember{index: i, record: health.New(), at: w.now.Add(time.Duration(w.rand.Float64() * float64(simInterval)))}
		m.target = w.guard.Add(What{To: to, Check: "tcp"}, simInterval*5/4+simTimeout, pool)
		w.members = append(w.members, m)
		heap.Push(&w.queue, m)
	}
	return w
}

// run lets time pass.
func (w *world) run(d time.Duration, until func() bool) {
	for end := w.now.Add(d); ; {
		m := w.queue[0]
		if m.at.After(end) {
			w.now = end
			return
		}
		w.now = m.at
		w.step(m)
		heap.Fix(&w.queue, 0)
		if until != nil && until() {
			return
		}
	}
}

func (w *world) step(m *simMember) {
	if m.begun.IsZero() {
		m.begun, m.failed, m.at = w.now, w.cut(m.index), w.now.Add(time.Millisecond)
		if m.failed && w.hangs {
			m.at = w.now.Add(simTimeout)
		}
		return
	}
	confirm := w.report(m)
	m.begun = time.Time{}
	if m.at = w.now.Add(simConfirm); !confirm {
		m.at = w.now.Add(time.Duration(float64(simInterval) * (0.75 + 0.5*w.rand.Float64())))
	}
}

func (w *world) report(m *simMember) (confirm bool) {
	withheld := m.target.Result(m.failed, m.begun, w.now)
	if w.witnesses && w.guard.Doubts(w.now) {
		w.guard.WitnessesFailed(w.now)
	}
	s := w.guard.State()
	switch {
	case s.Episode != w.told.Episode:
		w.freezes = append(w.freezes, Freeze{Since: s.Since, Begun: s.Begun})
	case w.told.Isolated && !s.Isolated:
		w.freezes[len(w.freezes)-1].Ended = s.Ended
	}
	w.told = s
	if withheld {
		return false
	}
	o := health.Pass
	if m.failed {
		o = health.Fail
	}
	before := m.record.State
	m.record = m.record.Next(o, simThresholds)
	if before.Serving() && !m.record.State.Serving() {
		m.fell = w.now
	}
	w.mostOut = max(w.mostOut, w.out())
	return m.record.Confirming(simThresholds)
}

// out counts the members that are not answered with.
func (w *world) out() (n int) {
	since := Frozen(w.freezes, simThaw, w.now)
	for _, m := range w.members {
		if !m.record.State.Serving() && (since.IsZero() || m.fell.Before(since)) {
			n++
		}
	}
	return n
}

type simQueue []*simMember

func (q simQueue) Len() int           { return len(q) }
func (q simQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q simQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *simQueue) Push(x any)        { *q = append(*q, x.(*simMember)) }
func (q *simQueue) Pop() any          { panic("nobody leaves the queue") }

func everybody(int) bool { return true }
func nobody(int) bool    { return false }

// TestSimulatedCut cuts a responder off from 1,000 members for a minute.
func TestSimulatedCut(t *testing.T) {
	for _, test := range []struct {
		name      string
		share     float64
		networks  int
		hangs     bool
		witnesses bool
	}{
		{"60%, packets are dropped", 0.6, 4, true, false},
		{"60%, refused at once", 0.6, 4, false, false},
		{"90%, packets are dropped", 0.9, 4, true, false},
		{"90%, refused at once", 0.9, 4, false, false},
		{"60%, one pool, witnesses fail", 0.6, 1, true, true},
	} {
		w := newWorld(Rule{test.share, test.witnesses}, test.networks)
		w.hangs, w.witnesses = test.hangs, test.witnesses
		w.run(20*time.Second, nil)
		if w.out() != 0 {
			t.Fatalf("%s: %d are out before", test.name, w.out())
		}
		w.mostOut, w.cut = 0, everybody
		cut := w.now
		w.run(time.Minute, func() bool { return w.guard.State().Isolated })
		begun, before := w.now.Sub(cut), w.mostOut
		w.mostOut = 0
		w.run(time.Minute, nil)
		meanwhile := w.mostOut
		w.cut = nobody
		back := w.now
		w.run(time.Minute, func() bool { return !w.guard.State().Isolated })
		ended := w.now.Sub(back)
		w.mostOut = 0
		w.run(time.Minute, nil)
		t.Logf("%s: isolated after %v, %d of 1000 out until then, %d while isolated; over %v after the cut was, %d out from then on",
			test.name, begun.Round(time.Millisecond), before, meanwhile, ended.Round(time.Millisecond), w.mostOut)
		if most := time.Duration(test.share*float64(simInterval*5/4)) + simTimeout; begun > most {
			t.Errorf("%s: isolated after %v, want at most %v", test.name, begun, most)
		}
		if meanwhile > 0 {
			t.Errorf("%s: %d members were out while isolated", test.name, meanwhile)
		}
		if ended > simInterval*5/4 {
			t.Errorf("%s: isolation lasted %v longer than the cut", test.name, ended)
		}
		if w.mostOut > 0 {
			t.Errorf("%s: %d members were out when it was over", test.name, w.mostOut)
		}
		if s := w.guard.State(); s.Episode != 1 || s.Since.Before(cut) {
			t.Errorf("%s: %+v, cut at %v", test.name, s, cut)
		}
	}
}

// TestSimulatedFailures has members fail without any cut.
func TestSimulatedFailures(t *testing.T) {
	for _, test := range []struct {
		name     string
		networks int
		fail     func(i int) bool
	}{
		{"30% fail", 4, func(i int) bool { return i%10 < 3 }},
		{"exactly 60% fail", 4, func(i int) bool { return i%10 < 6 }},
		{"one pool, all of it", 1, everybody},
	} {
		for _, hangs := range []bool{true, false} {
			w := newWorld(Rule{Share: 0.6}, test.networks)
			w.hangs = hangs
			w.run(20*time.Second, nil)
			w.cut = test.fail
			w.run(time.Minute, nil)
			want := 0
			for i := range w.members {
				if test.fail(i) {
					want++
				}
			}
			if s := w.guard.State(); s.Episode != 0 || w.out() != want {
				t.Errorf("%s, hangs %t: %d times isolated, %d of %d out", test.name, hangs, s.Episode, w.out(), want)
			}
		}
	}
}

// TestSimulatedFlapping cuts the responder off again and again, at the worst times: each time as soon as it has found the way back.
func TestSimulatedFlapping(t *testing.T) {
	w := newWorld(Rule{Share: 0.6}, 4)
	w.run(20*time.Second, nil)
	w.mostOut = 0
	for range 10 {
		w.cut = everybody
		w.run(time.Minute, func() bool { return w.guard.State().Isolated })
		w.run(10*time.Second, nil)
		w.cut = nobody
		w.run(time.Minute, func() bool { return !w.guard.State().Isolated })
	}
	w.run(time.Minute, nil)
	t.Logf("%d times isolated, at most %d of 1000 out", w.guard.State().Episode, w.mostOut)
	if n := w.guard.State().Episode; n != 10 || w.out() != 0 {
		t.Errorf("%d times isolated, want 10; %d out at the end", n, w.out())
	}
}
