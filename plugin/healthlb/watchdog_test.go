package healthlb

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

// watched returns a watchdog of a hub with two pools, a and b, that thinks what the test tells it of lateness, and all its targets.
func watched(t *testing.T, overdue func() lateness) (w *watchdog, a, b *livePool, all []probe.Target) {
	t.Helper()
	h, _ := showing(t, "healthlb {\npool a.example.org {\nmember 192.0.2.1\nmember 192.0.2.2\n}\npool b.example.org {\nmember 192.0.2.1\nmember 192.0.2.3\n}\n}")
	h.targets = make(map[probe.Target]*target)
	for _, p := range h.pools() {
		for _, s := range p.Slots() {
			key, _ := p.targetOf(s)
			if _, known := h.targets[key]; !known {
				h.targets[key] = nil
				all = append(all, key)
			}
		}
	}
	t.Cleanup(h.goroutines.Wait)
	stop := make(chan struct{})
	return newWatchdog(h, overdue, stop), h.pool("a.example.org."), h.pool("b.example.org."), all
}

// staleOf returns how many checks of pools are stale.
func staleOf(pools ...*livePool) (n []int) {
	for _, p := range pools {
		n = append(n, p.View(pool.Around{}, time.Now()).Stale)
	}
	return n
}

// wantStale holds what is stale against what should be: how many targets, and how many checks of both pools.
func wantStale(t *testing.T, what string, w *watchdog, targets int, a, b *livePool, checks ...int) {
	t.Helper()
	got := append([]int{int(w.hub.stale.Load())}, staleOf(a, b)...)
	if want := append([]int{targets}, checks...); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: targets, checks of a and of b are stale: %d, want %d", what, got, want)
	}
}

// texts returns the texts of all events of type stale.
func (w *watchdog) texts() (texts []string) {
	events, _ := w.hub.events.History(0)
	for _, e := range events {
		if e.Type == "stale" {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

func TestLateTargets(t *testing.T) {
	var now lateness
	w, a, b, all := watched(t, func() lateness { return now })
	moment := time.Now()
	w.look(moment)
	wantStale(t, "all in time", w, 0, a, b, 0, 0)
	now.late = all[:1] // 192.0.2.1, which both pools have
	w.look(moment)
	wantStale(t, "one late", w, 1, a, b, 1, 1)
	now.late = all[1:3]
	w.look(moment.Add(time.Second))
	wantStale(t, "two others late", w, 2, a, b, 1, 1)
	now = lateness{stalled: true}
	w.look(moment.Add(2 * time.Second))
	wantStale(t, "the scheduler stands still", w, 3, a, b, 2, 2)
	now = lateness{}
	w.look(moment.Add(3 * time.Second))
	wantStale(t, "all in time again", w, 0, a, b, 0, 0)
	now.late = all[:1]
	w.look(moment.Add(4 * time.Second)) // too soon for another episode
	now.late = nil
	for s := 5; s < 20; s++ {
		w.look(moment.Add(time.Duration(s) * time.Second))
	}
	want := []string{
		"Probes are late by more than an interval: stale targets: 1 of 3, one of them at 192.0.2.1:443. What is known of these members may be old",
		"Probes come in time again. Targets that were stale at once, at most: 3, for 4s",
	}
	if got := w.texts(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("told:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestOthersMarksStay: it is not for the watchdog alone to say that what is known is old.
func TestOthersMarksStay(t *testing.T) {
	var now lateness
	w, a, b, all := watched(t, func() lateness { return now })
	for _, s := range a.Slots() {
		if key, _ := a.targetOf(s); key == all[1] {
			s.SetStale(true)
		}
	}
	now.late = all[:1]
	w.look(time.Now())
	wantStale(t, "another one is late", w, 1, a, b, 2, 1)
	now.late = nil
	w.look(time.Now())
	wantStale(t, "that one is in time again", w, 0, a, b, 1, 0)
}

// TestSchedulerStandsStill while a reload hangs, too.
func TestSchedulerStandsStill(t *testing.T) {
	now := lateness{stalled: true}
	w, a, b, _ := watched(t, func() lateness { return now })
	w.look(time.Now())
	wantStale(t, "the scheduler stands still", w, 3, a, b, 2, 2)
	w.hub.mu.Lock()
	w.look(time.Now())
	w.hub.mu.Unlock()
	wantStale(t, "a reload hangs, too", w, 3, a, b, 2, 2)
	if got := w.texts(); len(got) != 1 || !strings.Contains(got[0], "the scheduler stands still, stale targets: all 3.") {
		t.Errorf("told: %q", got)
	}
	now.stalled = false
	w.look(time.Now())
	wantStale(t, "all in time", w, 0, a, b, 0, 0)
}

// ede returns the texts of the extended errors of a reply.
func ede(m *dns.Msg) (texts []string) {
	for _, o := range m.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			texts = append(texts, e.ExtraText)
		}
	}
	return texts
}

// exchange asks the instance with EDNS.
func (i *instance) exchange(t *testing.T, name string) *dns.Msg {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(name, dns.TypeA)
	q.SetEdns0(1232, false)
	m, err := dns.Exchange(q, i.Servers()[0].LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tellsOfStale says whether answers for a name tell that what is known may be old.
func (i *instance) tellsOfStale(t *testing.T, name string) bool {
	return slices.Contains(ede(i.exchange(t, name)), "stale")
}

// TestReportHangs has the report of a target hang that two pools share. Nobody else waits for it.
func TestReportHangs(t *testing.T) {
	shared, own := newMember(t, "127.0.0.1:0"), newMember(t, "127.0.0.1:0")
	i := startInstance(t, corefile(poolText("a", shared), poolText("b", shared), poolText("own", own)))
	p := theHub.pool("a.example.org.")
	key, _ := p.targetOf(p.Slots()[0])
	theHub.mu.Lock()
	hanging := theHub.targets[key]
	theHub.mu.Unlock()
	hanging.mu.Lock() // as a report does
	release := sync.OnceFunc(hanging.mu.Unlock)
	defer release()
	eventually(t, "the targets are stale", func() bool { return gaugeOf(t, "coredns_healthlb_stale_targets") == 1 })
	names := []string{"a.example.org.", "b.example.org."}
	for _, name := range names {
		eventually(t, "answers tell of it", func() bool { return i.tellsOfStale(t, name) })
	}
	if i.tellsOfStale(t, "own.example.org.") {
		t.Error("the other target is stale as well")
	}
	release()
	for _, name := range names {
		eventually(t, "it is over", func() bool { return theHub.stale.Load() == 0 && !i.tellsOfStale(t, name) })
	}
}
