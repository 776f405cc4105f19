package pool

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/health"
)

// TestFrozen: while the responder takes itself to be cut off, who has fallen since counts as before, and nobody else does.
func TestFrozen(t *testing.T) {
	p := newPool(t, spec(6, flapping))
	minute := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	tell := func(n int, id string, outcomes ...health.Outcome) { p.tellAt(minute(n), id, []Family{A}, outcomes...) }
	for _, id := range []string{"m1", "m2", "m3", "m4", "m6"} {
		tell(0, id, pass)
	}
	tell(9, "m2", fail, fail, fail)  // fell before
	tell(10, "m3", fail, fail, fail) // fell just then
	tell(11, "m4", lameDuck)         // said that it wants no traffic
	tell(11, "m5", fail)             // was never up
	tell(11, "m6", fail, fail, fail) // fell again and again,
	tell(11, "m6", pass, pass, fail, fail, fail)
	tell(11, "m6", pass, pass, fail, fail, fail, pass, pass)
	now := minute(11)
	see := func(frozen time.Time) (hosts []int, notes answer.Notes) {
		p.Rebuild(func() (Around, time.Time) { return Around{Frozen: frozen}, now })
		hosts, ttl, did := p.askAs(anybody, p.Name, now)
		if low := !frozen.IsZero(); (ttl == 5) != low {
			t.Errorf("an answer that names %v has TTL %d", hosts, ttl)
		}
		slices.Sort(hosts)
		return hosts, did.Notes
	}
	if hosts, notes := see(time.Time{}); !slices.Equal(hosts, []int{1}) || notes != 0 {
		t.Errorf("not cut off: %v, notes %b", hosts, notes)
	}
	if hosts, notes := see(minute(10)); !slices.Equal(hosts, []int{1, 3, 6}) || notes != answer.Isolated {
		t.Errorf("cut off: %v, notes %b", hosts, notes)
	}
	if hosts, notes := see(minute(12)); !slices.Equal(hosts, []int{1}) || notes != answer.Isolated {
		t.Errorf("cut off later: %v, notes %b", hosts, notes)
	}

	by := Around{Frozen: minute(10)}
	e := p.Explain(A, Query{Client: anybody}, by, "", 0, now).Members[2]
	if !e.In || e.Stage != "policy" || !strings.HasSuffix(e.Why, "; it counts as before its fall, since the responder takes itself to be cut off") {
		t.Errorf("explained as %+v", e)
	}
	if s, _ := p.Standing("m3", by, now); !s.Served || s.Why != "" {
		t.Errorf("it stands as %+v", s)
	}
	if s, _ := p.Standing("m2", by, now); s.Served {
		t.Errorf("who fell before stands as %+v", s)
	}

	next := *p.Spec
	q, err := New(&next, p, now)
	if err != nil {
		t.Fatal(err)
	}
	if got := q.View(by, now); !got.Members[2].Addresses[A].Named || got.Members[1].Addresses[A].Named || got.Families[A].Able != 3 {
		t.Errorf("after a reload: %+v", got)
	}
}

// TestFrozenAllDown: the answer of a family of which nobody is left tells both.
func TestFrozenAllDown(t *testing.T) {
	p := newPool(t, spec(2, func(s *Spec) { s.AllDown.Mode = AllDownNodata }))
	p.Rebuild(func() (Around, time.Time) { return Around{Frozen: start}, start })
	if hosts, _, did := p.askAs(anybody, p.Name, start); len(hosts) > 0 || did.Notes != answer.AllDown|answer.Isolated {
		t.Errorf("got %v, notes %b", hosts, did.Notes)
	}
}
