package pool

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"pgregory.net/rapid"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/policy"
)

func TestSetMembers(t *testing.T) {
	p := newPool(t, spec(3))
	for _, m := range []string{"m1", "m2", "m3"} {
		p.tell(m, pass)
	}
	before := p.Slots()
	members := slices.Delete(p.Members(), 1, 2)
	added, gone := p.SetMembers(append(members, spec(4).Members[3]), start)
	members[0].ID = "the list is the caller's" // and the pool does not mind
	p.rebuild()
	if got := p.ask(A); !slices.Equal(got.hosts, []int{1, 3}) {
		t.Errorf("got %v, want 1 and 3 at once", got)
	}
	if len(added) != 2 || added[0].member.ID != "m4" || added[0].Known() {
		t.Errorf("slots added: %v, want the two of m4, of which nothing is known", added)
	}
	if !slices.Equal(gone, before[2:4]) {
		t.Errorf("slots gone: %v, want those of m2", gone)
	}
	for _, s := range before {
		changed := s.Observe(Observation{Outcome: fail, At: start}).Transition
		if counts := changed != nil; counts != (s.member.ID != "m2") {
			t.Errorf("a result for a slot of before, of %s, changed %v", s.member.ID, changed)
		}
	}
	if got := p.Members(); len(got) != 3 || got[0].ID != "m1" || got[1].ID != "m3" || got[2].ID != "m4" {
		t.Errorf("members: %v", got)
	}
	if added, gone = p.SetMembers(p.Members(), start); len(added)+len(gone) > 0 {
		t.Errorf("the same members again: added %v, gone %v", added, gone)
	}
	if _, gone = p.SetMembers(nil, start); len(gone) != 6 || len(p.Slots()) != 0 {
		t.Errorf("no members at all: gone %v", gone)
	}
}

// TestSetMembersForgets: members that stay do not keep the lists of before in memory.
func TestSetMembersForgets(t *testing.T) {
	p := newPool(t, spec(1))
	p.SetMembers(spec(2).Members, start)
	old := weak.Make(p.members[0].Member)
	p.SetMembers(spec(3).Members, start)
	runtime.GC()
	if old.Value() != nil {
		t.Error("the list of before is still there")
	}
	runtime.KeepAlive(p)
}

// drawnMembers is a list that has some of these, perhaps changed, perhaps in another order, and perhaps others.
func drawnMembers(r *rapid.T, members []Member) []Member {
	next := slices.DeleteFunc(slices.Clone(members), func(Member) bool { return rapid.IntRange(0, 3).Draw(r, "leaves") == 0 })
	for i := range next {
		m := &next[i]
		switch rapid.IntRange(0, 9).Draw(r, "change") {
		case 0:
			m.Weight++
		case 1:
			m.V4 = v4(100 + rapid.IntRange(0, 99).Draw(r, "address"))
		case 2:
			m.Port = uint16(rapid.IntRange(0, 2).Draw(r, "port"))
		case 3:
			m.Priority = rapid.IntRange(0, 2).Draw(r, "priority")
		case 4:
			m.Region = rapid.SampledFrom([]string{"", "eu", "us"}).Draw(r, "region")
		}
	}
	for _, m := range spec(16).Members[12:] {
		stays := slices.ContainsFunc(next, func(o Member) bool { return o.ID == m.ID })
		if !stays && rapid.Bool().Draw(r, "joins") {
			next = append(next, m)
		}
	}
	if rapid.Bool().Draw(r, "shuffled") {
		next = rapid.Permutation(next).Draw(r, "order")
	}
	return next
}

// TestSetMembersLikeReload: whatever members come, go and change, a pool at work becomes the same as one that is made anew with what was
// known; and the slots of those that stay as they are stay, with all results that come in meanwhile.
func TestSetMembersLikeReload(t *testing.T) {
	table := places(t)
	rapid.Check(t, func(r *rapid.T) {
		s := drawnSpec(r)
		p := newPool(t, s)
		_, by := drawnStates(r, p, table)
		slots := make(map[*Slot]bool)
		for _, s := range p.Slots() {
			slots[s] = true
		}
		for step := range rapid.IntRange(1, 6).Draw(r, "steps") {
			now := start.Add(time.Duration(step) * time.Hour)
			before, was := p.Slots(), p.Members()
			next := drawnMembers(r, was)
			reloaded := s
			reloaded.Members = next
			q, err := New(&reloaded, p, now)
			if err != nil {
				r.Fatal(err)
			}
			added, gone := p.SetMembers(next, now)
			for _, s := range gone {
				if !slots[s] {
					r.Fatalf("a slot of %s is gone that was not there", s.member.ID)
				}
				delete(slots, s)
			}
			for _, s := range added {
				if slots[s] {
					r.Fatalf("a slot of %s is added that was there", s.member.ID)
				}
				slots[s] = true
			}
			if now := p.Slots(); len(now) != len(slots) || slices.ContainsFunc(now, func(s *Slot) bool { return !slots[s] }) {
				r.Fatalf("there are %d slots; by what is added and gone %d", len(now), len(slots))
			}
			for _, s := range before {
				same := slices.Contains(was, *s.member.Member) && slices.Contains(next, *s.member.Member)
				if slots[s] != same {
					r.Fatalf("the slot of %+v stays: %v", *s.member.Member, slots[s])
				}
			}
			if !slices.Equal(p.Members(), next) {
				r.Fatalf("members %v, want %v", p.Members(), next)
			}
			for _, pool := range []*Pool{p, q} {
				pool.Rebuild(func() (Around, time.Time) { return by, now })
			}
			if got, want := viewText(p, by, now), viewText(q, by, now); got != want {
				r.Fatalf("the pool is\n%s\nmade anew\n%s", got, want)
			}
			for _, client := range clients {
				q := Query{Client: client, Name: p.Name}
				e := p.Explain(A, q, by, "", 0, now)
				for _, m := range e.Members {
					if m.In && len(e.Answer) == 0 {
						r.Fatalf("%+v is in, and the answer is empty", m)
					}
				}
			}
			p.Tell()
			before = p.Slots()
			if len(before) > 0 {
				s := rapid.SampledFrom(before).Draw(r, "slot")
				for range rapid.SampledFrom([]int{1, 1, 3}).Draw(r, "results") {
					s.Observe(Observation{
						Outcome: rapid.SampledFrom([]health.Outcome{pass, fail, lameDuck}).Draw(r, "outcome"), At: now,
						Excused: rapid.Bool().Draw(r, "excused"), Percent: rapid.SampledFrom([]int{-1, 0, 50, 120}).Draw(r, "percent"),
						NotAfter: now.Add(time.Hour),
					})
				}
				s.SetStale(rapid.Bool().Draw(r, "stale"))
			}
		}
	})
}

// viewText writes down what there is to see of a pool, but for the slots, which no two pools share.
func viewText(p *Pool, by Around, now time.Time) string {
	v := p.View(by, now)
	for _, m := range v.Members {
		for _, a := range m.Addresses {
			for i := range a.Checks {
				a.Checks[i].Slot = nil
			}
		}
	}
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		panic(err)
	}
	return string(text)
}

// TestSetMembersWhileAtWork has results, queries, views and other members come all at once.
func TestSetMembersWhileAtWork(t *testing.T) {
	for _, name := range policy.Names {
		p := newPool(t, spec(8, func(s *Spec) { s.Policy.Name, s.Prefer = name, Prefer{true, 1} }))
		all := spec(12).Members
		stop, done := make(chan struct{}), make(chan struct{})
		work := []func(i int){
			func(int) {
				for _, s := range p.Slots() {
					s.Observe(Observation{Outcome: pass, At: start, Percent: rand.IntN(3)})
				}
				p.rebuild()
			},
			func(int) {
				for _, s := range p.Slots() {
					s.SetStale(true)
				}
			},
			func(int) { p.ask(A) },
			func(i int) { p.View(Around{}, start); p.SafeAfter(fmt.Sprint("m", 1+i%12)) },
			func(int) { p.Explain(A, Query{Client: anybody}, Around{}, "", 10, start) },
		}
		for _, do := range work {
			go func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						done <- struct{}{}
						return
					default:
						do(i)
					}
				}
			}()
		}
		for i := range 60 {
			p.SetMembers(all[i%6:6+i%7], start)
			p.rebuild()
		}
		close(stop)
		for range work {
			<-done
		}
		stay := p.Slots()
		p.SetMembers(all, start)
		if now := p.Slots(); len(now) != 24 || !slices.Contains(now, stay[0]) {
			t.Errorf("%s: %d slots, want 24, those of before among them", name, len(now))
		}
	}
}
