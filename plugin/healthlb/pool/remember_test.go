package pool

import (
	"net/netip"
	"testing"
	"time"
)

// Who comes back, under a shorter TTL, is not safe before caches have forgotten it.
func TestSafeAfterOutlivesTheMember(t *testing.T) {
	one := Member{ID: "a", V4: netip.MustParseAddr("192.0.2.1"), Weight: 1}
	two := Member{ID: "b", V4: netip.MustParseAddr("192.0.2.2"), Weight: 1}
	made := func(former *Pool, ttl uint32, members ...Member) *Pool {
		s := spec(2)
		s.TTL, s.Members = ttl, members
		p, err := New(&s, former, start)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := made(nil, 300, one, two)
	p.SetMembers([]Member{two}, start)
	long, _, _ := p.SafeAfter("b")

	short := made(p, 10, two)
	short.SetMembers([]Member{two, one}, start.Add(5*time.Second))
	if at, _, known := short.SafeAfter("a"); !known || at.Before(long) {
		t.Errorf("added again under a shorter TTL: safe after %v, want %v", at, long)
	}
	again := made(made(made(nil, 300, one, two), 10, two), 10, one, two)
	if at, _, _ := again.SafeAfter("a"); at.Before(long) {
		t.Errorf("come back by reloads: safe after %v, want %v", at, long)
	}
	short.SetMembers([]Member{two}, start.Add(time.Hour))
	if len(short.left) != 0 {
		t.Errorf("what is over is remembered: %v", short.left)
	}
}
