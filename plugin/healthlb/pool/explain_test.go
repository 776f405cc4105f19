package pool

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/policy"
)

// TestExplainStages has one member leave at each stage.
func TestExplainStages(t *testing.T) {
	s := spec(9, func(s *Spec) {
		s.Policy = policy.Spec{Name: "weighted", Bits4: 24, Bits6: 56, Shard: 1}
		s.Prefer, s.FadeIn, s.Answers = Prefer{true, 1}, oneMinute, 1
		for i := range s.Members {
			s.Members[i].Region = "eu"
		}
		s.Members[3].Weight = 0
		s.Members[4].Priority = 2
		s.Members[5].Region = "us"
	})
	p := newPool(t, s)
	for i := range 9 {
		o := pass
		switch i {
		case 1:
			o = lameDuck
		case 2:
			o = fail
		}
		p.tellAt(start, fmt.Sprint("m", i+1), []Family{A}, o)
	}
	by := Around{
		Blocks: block.NewSet([]block.Entry{{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Mode: block.Omit, Reason: "maintenance"}}),
		Places: places(t),
	}
	e := p.Explain(A, Query{Client: clients["eu"], Name: p.Name}, by, "m9", 1000, start)
	want := map[string][2]string{
		"m1": {"blocked", "maintenance"},
		"m2": {"lame", "lame since 2026-01-02T03:04:05Z"},
		"m3": {"health", "down since 2026-01-02T03:04:05Z"},
		"m4": {"standby", "weight 0, and others are eligible"},
		"m5": {"priority", "in tier 2, and tier 1 answers"},
		"m6": {"region", "in region us, and the client's region eu has members enough"},
		"m9": {"without", "left out as the question asks"},
	}
	in, shard := 0, 0
	for _, m := range e.Members {
		switch w, out := want[m.ID]; {
		case out:
			if m.In || m.Stage != w[0] || !strings.Contains(m.Why, w[1]) || m.Share != 0 {
				t.Errorf("%+v, want out at %v", m, w)
			}
		case m.In:
			in++
			if m.Stage != "policy" || m.Share != 1 || len(e.Answer) != 1 || m.Addr != e.Answer[0] {
				t.Errorf("%+v is in, the answer is %v", m, e.Answer)
			}
		default:
			shard++
			if m.Stage != "shard" || m.Why != "not one of the 1 members that this client sees" {
				t.Errorf("%+v, want out by its shard", m)
			}
		}
	}
	if in != 1 || shard != 1 || e.Region != "eu" || e.Scope != 24 || e.TTL != 30 || e.Eligible != 4 || e.MinUp != 1 || e.AllDown {
		t.Errorf("%d are in, %d out by their shard: %+v", in, shard, e)
	}
}

// TestExplainChangesNothing: turns, leases and notes are as they were.
func TestExplainChangesNothing(t *testing.T) {
	for _, s := range []policy.Spec{{Name: "round_robin"}, {Name: "least"}, {Name: "hash", Bits4: 24, Factor: 1.25}} {
		p := newPool(t, spec(3, func(sp *Spec) { sp.Policy, sp.Answers = s, 1 }))
		for i := range 3 {
			p.tellAt(start, fmt.Sprint("m", i+1), []Family{A}, pass)
		}
		p.rebuildAt(start)
		p.askAs(anybody, p.Name, start)
		before, turns := fmt.Sprintf("%+v", p.View(Around{}, start)), p.stats.turns[A].Load()
		p.Explain(A, Query{Client: anybody}, Around{}, "", 1000, start)
		if after := fmt.Sprintf("%+v", p.View(Around{}, start)); after != before || p.stats.turns[A].Load() != turns {
			t.Errorf("%s: after explaining\n%s\nbefore\n%s", s.Name, after, before)
		}
	}
}

// TestShares compares the shares that members are meant to have with those that they had.
func TestShares(t *testing.T) {
	for _, name := range policy.Names {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, spec(3, func(s *Spec) {
				s.Policy, s.Answers = policy.Spec{Name: name, Bits4: 24, Bits6: 56}, 1
				s.Members[0].Weight = 2
				for i := range s.Members {
					s.Members[i].Priority = 1
				}
			}))
			for i := range 3 {
				p.tellAt(start, fmt.Sprint("m", i+1), []Family{A}, pass)
			}
			p.rebuildAt(start)
			want := []float64{1. / 3, 1. / 3, 1. / 3}
			switch name {
			case "weighted", "hash", "least":
				want = []float64{.5, .25, .25}
			case "failover":
				want = []float64{1, 0, 0}
			}
			const queries = 6000
			for i := range queries {
				p.askAs(clientNumber(i), p.Name, start)
			}
			total := uint64(0)
			for i, m := range p.View(Around{}, start.Add(time.Minute)).Members {
				a := m.Addresses[0]
				total += a.Answers
				if math.Abs(a.Configured-want[i]) > 1e-9 {
					t.Errorf("member %d: configured %.3f, want %.3f", i, a.Configured, want[i])
				}
				// The points of a ring spread by 1/sqrt(160), 8% of a share.
				if math.Abs(a.Served-want[i]) > 0.08 || math.Abs(a.Served-float64(a.Answers)/queries) > 1e-9 {
					t.Errorf("member %d: served %.3f, %d answers, want %.3f", i, a.Served, a.Answers, want[i])
				}
			}
			if total != queries {
				t.Errorf("%d answers are counted, want %d", total, queries)
			}
			if a := p.View(Around{}, start.Add(time.Hour)).Members[0].Addresses[0]; a.Served != 0 || a.Configured == 0 {
				t.Errorf("an hour later: %+v", a)
			}
		})
	}
}

// TestServedSlides: what counts slides over the last minutes.
func TestServedSlides(t *testing.T) {
	n := notes{usage: &usage{}}
	n.usage.notes = &n
	window := int64(1_000_000) // any
	at := func(offset int64) int64 { return window*windowSeconds + offset }
	note := func(now int64) {
		n.note(now, now+31)
		n.answers.Add(1)
	}
	for range 100 {
		note(at(0))
	}
	for _, tc := range []struct {
		now  int64
		want float64
	}{{at(10), 100}, {at(299), 100}, {at(300), 100}, {at(450), 50}, {at(599), 100. / 300}, {at(600), 0}, {at(9000), 0}} {
		if got := n.usage.recent(tc.now); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("after %d s: %.2f, want %.2f", tc.now-at(0), got, tc.want)
		}
	}
	for range 10 {
		note(at(330))
	}
	if got := n.usage.recent(at(450)); math.Abs(got-60) > 1e-9 {
		t.Errorf("with answers in both windows: %.2f, want 60", got)
	}
}
