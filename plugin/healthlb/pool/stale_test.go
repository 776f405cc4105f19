package pool

import (
	"net/netip"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/health"
)

// TestStale: only the answers that name a stale address tell of it, and the next result of its check ends that.
func TestStale(t *testing.T) {
	p := newPool(t, spec(3, func(s *Spec) {
		s.Answers, s.Checks = 1, []Check{{"tcp", 80}, {"tcp", 81}}
	}))
	for _, id := range []string{"m1", "m2"} {
		p.tell(id, pass)
	}
	check := func(rule string, id int, told answer.Notes, checks int) {
		t.Helper()
		p.rebuild()
		for range 6 {
			hosts, ttl, did := p.askAs(anybody, p.Name, start)
			want, low := answer.Notes(0), uint32(30)
			if hosts[0] == id {
				want = told
			}
			if want != 0 {
				low = 5
			}
			if did.Notes != want || ttl != low {
				t.Errorf("%s: the answer that names %v has the notes %b and TTL %d", rule, hosts, did.Notes, ttl)
			}
		}
		if got := p.View(Around{}, start).Stale; got != checks {
			t.Errorf("%s: %d checks are stale, want %d", rule, got, checks)
		}
	}
	slots := p.slotsOf("m2", A)
	check("none", 2, 0, 0)
	if !slots[0].SetStale(true) || slots[0].SetStale(true) {
		t.Error("news, and then no news")
	}
	check("one check", 2, answer.Stale, 1)
	if slots[1].SetStale(true) {
		t.Error("the address was stale already, and is said to have changed")
	}
	check("both checks", 2, answer.Stale, 2)
	if did := slots[1].Observe(Observation{Outcome: pass, At: start}); did.Rebuild {
		t.Errorf("the other check is still stale: %+v", did)
	}
	if did := slots[0].Observe(Observation{Outcome: health.Inconclusive, At: start}); did.Rebuild {
		t.Errorf("an inconclusive result: %+v", did)
	}
	check("one check again", 2, answer.Stale, 1)

	next := *p.Spec
	q, err := New(&next, p, start)
	if err != nil {
		t.Fatal(err)
	}
	if got := q.View(Around{}, start).Stale; got != 1 {
		t.Errorf("after a reload %d checks are stale, want 1", got)
	}
	if did := slots[0].Observe(Observation{Outcome: pass, At: start}); !did.Rebuild || did.Transition != nil {
		t.Errorf("the next result: %+v", did)
	}
	check("none again", 2, 0, 0)
	if slots[0].SetStale(false) || !slots[0].SetStale(true) || !slots[0].SetStale(false) {
		t.Error("it is set and unset, and not told")
	}
	p.slotsOf("m3", A)[0].SetStale(true)
	check("one who is not named", 3, answer.Stale, 1)
	p.SetMembers(spec(1).Members, start)
	if slots[0].SetStale(true) {
		t.Error("a slot that is gone changes the pool")
	}
}

// TestStaleAllDown: an all_down answer tells of stale members that it names, and not of fixed addresses.
func TestStaleAllDown(t *testing.T) {
	for mode, want := range map[AllDownMode]answer.Notes{
		AllDownAll: answer.AllDown | answer.Stale, AllDownNodata: answer.AllDown, AllDownAddresses: answer.AllDown,
	} {
		p := newPool(t, spec(1, func(s *Spec) { s.AllDown = AllDown{mode, []netip.Addr{v4(1)}} }))
		p.tell("m1", fail)
		p.slotsOf("m1", A)[0].SetStale(true)
		p.rebuild()
		if _, _, did := p.askAs(anybody, p.Name, start); did.Notes != want {
			t.Errorf("mode %d: the notes are %b, want %b", mode, did.Notes, want)
		}
	}
}

// TestCertificate: the end of the certificate that was seen last stays when a result shows none.
func TestCertificate(t *testing.T) {
	p := newPool(t, spec(1))
	until := start.Add(time.Hour)
	s := p.slotsOf("m1", A)[0]
	see := func(p *Pool) time.Time { return p.View(Around{}, start).Members[0].Addresses[A].Checks[0].NotAfter }
	if got := see(p); !got.IsZero() {
		t.Errorf("before any result: %s", got)
	}
	s.Observe(Observation{Outcome: pass, At: start, NotAfter: until})
	s.Observe(Observation{Outcome: fail, At: start})
	s.Observe(Observation{Outcome: health.Inconclusive, At: start})
	if got := see(p); !got.Equal(until) {
		t.Errorf("after a refused connection: %s, want %s", got, until)
	}
	next := *p.Spec
	q, err := New(&next, p, start)
	if err != nil {
		t.Fatal(err)
	}
	if got := see(q); !got.Equal(until) {
		t.Errorf("after a reload: %s, want %s", got, until)
	}
	s.Observe(Observation{Outcome: fail, Excused: true, At: start, NotAfter: until.Add(time.Hour)})
	if got := see(p); !got.Equal(until.Add(time.Hour)) {
		t.Errorf("with another certificate: %s", got)
	}
}
