package pool

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.org/healthlb/plugin/healthlb/block"
)

func TestCompare(t *testing.T) {
	blocked := func(addr string) *block.Set {
		return block.NewSet([]block.Entry{{Prefix: netip.MustParsePrefix(addr), Mode: block.Omit}})
	}
	out := func(ids ...string) map[string]Drain {
		ds := make(map[string]Drain)
		for _, id := range ids {
			ds[id] = Drain{Out: start}
		}
		return ds
	}
	later := map[string]Drain{"m1": {Out: start.Add(time.Hour)}}
	both := func(s *Spec) {}
	half := func(s *Spec) { s.MinUp = MinUp{50, true} }
	lone := func(s *Spec) { s.Members[1].V6 = netip.Addr{} }
	for _, tc := range []struct {
		rule          string
		change        func(*Spec)
		before, after Around
		without       string
		want          string // by family: eligible before and after, min_up, who is omitted
	}{
		{"nothing", both, Around{}, Around{}, "", ""},
		{"a block", both, Around{}, Around{Blocks: blocked("192.0.2.1/32")}, "", "A 2->1 of 1 [1]"},
		{"a drain", both, Around{}, Around{Drains: out("m1")}, "", "A 2->1 of 1 [1] AAAA 2->1 of 1 [1]"},
		{"a drain of both, who are named all the same", both, Around{}, Around{Drains: out("m1", "m2")}, "",
			"A 2->0 of 1 [1 2] AAAA 2->0 of 1 [1 2]"},
		{"a drain that is still to come", both, Around{}, Around{Drains: later}, "", ""},
		{"which comes", both, Around{Drains: later}, Around{Drains: out("m1")}, "", "A 2->1 of 1 [1] AAAA 2->1 of 1 [1]"},
		{"the end of a drain", both, Around{Drains: out("m1")}, Around{}, "", "A 1->2 of 1 [] AAAA 1->2 of 1 []"},
		{"a block of who is drained", both, Around{Drains: out("m1")}, Around{Drains: out("m1"), Blocks: blocked("192.0.2.1/32")}, "", "A 1->1 of 1 [1]"},
		{"a drain of who is blocked", both, Around{Blocks: blocked("192.0.2.1/32")}, Around{Drains: out("m1"), Blocks: blocked("192.0.2.1/32")}, "",
			"AAAA 2->1 of 1 [1]"},
		{"a member goes", both, Around{}, Around{}, "m1", "A 2->1 of 1 [1] AAAA 2->1 of 1 [1]"},
		{"a member goes that is drained", both, Around{Drains: out("m1")}, Around{}, "m1", "A 1->1 of 1 [1] AAAA 1->1 of 1 [1]"},
		{"a percentage is of those left", half, Around{}, Around{}, "m2", "A 2->1 of 1 [2] AAAA 2->1 of 1 [2]"},
		{"a member goes that is alone in a family", lone, Around{}, Around{}, "m1", "A 2->1 of 1 [1] AAAA 1->0 of 1 [1] none"},
		{"nobody of that id", both, Around{}, Around{}, "m9", ""},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			p := newPool(t, spec(2, tc.change))
			for _, id := range []string{"m1", "m2"} {
				p.tellAt(start, id, []Family{A, AAAA}, pass)
			}
			got := ""
			for _, e := range p.Compare(tc.before, tc.after, tc.without, start) {
				var hosts []int
				for _, o := range e.Omitted {
					as16 := o.Addr.As16()
					hosts = append(hosts, int(as16[15]))
					if !o.SafeAfter().Equal(start.Add(31 * time.Second)) {
						t.Errorf("%s is safe after %s", o.Addr, o.SafeAfter())
					}
				}
				got += fmt.Sprintf(" %s %d->%d of %d %v", e.Family, e.Before, e.After, e.MinUp, hosts)
				if e.NamesBefore && !e.NamesAfter {
					got += " none"
				}
			}
			if got != tc.want && got != " "+tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestCompareForesees: what Compare tells of any change is what there is to see when it is made.
func TestCompareForesees(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := drawnSpec(r)
		for i := range s.Members {
			if rapid.IntRange(0, 2).Draw(r, "family") == 0 {
				s.Members[i].V6 = netip.Addr{}
			}
		}
		p := newPool(t, s)
		_, before := drawnStates(r, p, nil)
		_, after := drawnStates(r, p, nil)
		without := rapid.SampledFrom([]string{"", "m1", "m2"}).Draw(r, "without")
		effects := p.Compare(before, after, without, start)

		was := p.View(before, start)
		p.SetMembers(slices.DeleteFunc(p.Members(), func(m Member) bool { return m.ID == without }), start)
		is := p.View(after, start)
		p.rebuildAround(after)
		for f := range Families {
			before, after := was.Families[f], is.Families[f]
			i := slices.IndexFunc(effects, func(e Effect) bool { return e.Family == Family(f) })
			if i < 0 {
				if before.Eligible != after.Eligible || before.Members != after.Members {
					r.Fatalf("%s changes from %+v to %+v, and nothing is told of it", Family(f), before, after)
				}
				continue
			}
			e := effects[i]
			if e.Before != before.Eligible || e.After != after.Eligible || e.MinUp != after.MinUp || e.AllDownBefore != before.AllDown {
				r.Fatalf("%s changes from %+v to %+v, and what is told of it is %+v", Family(f), before, after, e)
			}
			if f == int(A) && e.NamesAfter != (len(p.ask(A).hosts) > 0) {
				r.Fatalf("it is told that answers name someone: %v", e.NamesAfter)
			}
		}
	})
}

// TestRetire: what a pool adds to what its zone shows is gone when the pool is, and stays gone.
func TestRetire(t *testing.T) {
	p, err := New(&[]Spec{spec(2)}[0], nil, start)
	if err != nil {
		t.Fatal(err)
	}
	if changed := p.Retire(); changed != 0 {
		t.Error("a pool that has shown nothing takes something back")
	}
	p = newPool(t, spec(2))
	fresh, err := New(p.Spec, nil, start)
	if err != nil {
		t.Fatal(err)
	}
	visible, _ := fresh.Rebuild(func() (Around, time.Time) { return Around{}, start })
	p.tellAt(start, "m1", []Family{A}, pass)
	changed, _ := p.Rebuild(func() (Around, time.Time) { return Around{}, start })
	if visible += changed; visible == 0 || changed == 0 {
		t.Fatal("the pool shows nothing")
	}
	if visible += p.Retire(); visible != 0 {
		t.Errorf("%x is left of what the pool showed", visible)
	}
	p.tellAt(start, "m2", []Family{A}, pass)
	if changed, _ := p.Rebuild(func() (Around, time.Time) { return Around{}, start }); changed != 0 || p.Retire() != 0 {
		t.Error("a pool that is gone changes what its zone shows")
	}
}
