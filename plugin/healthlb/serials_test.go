package healthlb

import (
	"testing"
	"time"

	"github.com/miekg/dns"
)

func (z *zone) serial() uint32 { return z.soa.Load().rrs[0].(*dns.SOA).Serial }

func TestSerials(t *testing.T) {
	const begin = 1700000000
	var then func(time.Time)
	s := serials{after: func(_ time.Duration, f func(time.Time)) { then = f }}
	now := time.Unix(begin, 0)
	newZone := func(visible uint64) *zone {
		return &zone{apex: "example.org.", key: "example.org. 1", visible: visible}
	}
	check := func(what string, z *zone, want uint32) {
		t.Helper()
		if got := z.serial(); got != want {
			t.Errorf("%s: serial %d, want %d", what, got, want)
		}
	}

	first := newZone(7)
	s.makeOfficial(first, now)
	s.changed(first, 1, now)
	s.publish(first, now)
	check("the first", first, begin)
	s.changed(first, 0, now.Add(time.Second))
	check("nothing visible has changed", first, begin)
	s.changed(first, 2, now)
	s.changed(first, 2, now)
	check("two changes within the second wait for its end", first, begin)
	then(now.Add(time.Second))
	check("and then count as one", first, begin+1)
	s.changed(first, 1, now.Add(10*time.Second))
	check("a later change", first, begin+10)

	failed := newZone(99)
	s.publish(failed, now.Add(11*time.Second))
	check("a Corefile with another pool", failed, begin+11)
	same := newZone(first.visible)
	s.publish(same, now.Add(12*time.Second))
	s.makeOfficial(same, now.Add(12*time.Second))
	check("after that one failed, a Corefile that shows the same as the first", same, begin+10)

	other := newZone(100)
	s.publish(other, now.Add(20*time.Second))
	s.changed(same, 1, now.Add(21*time.Second))
	check("the old zone changes while a new one is made", same, begin+21)
	s.makeOfficial(other, now.Add(22*time.Second))
	check("the new one then counts on", other, begin+22)
	s.makeOfficial(other, now.Add(23*time.Second))
	check("once", other, begin+22)
	soon := newZone(101)
	s.publish(soon, now.Add(22*time.Second))
	s.makeOfficial(soon, now.Add(22*time.Second))
	check("a Corefile within the second has the serial of before", soon, begin+22)
	then(now.Add(23 * time.Second))
	check("until its end", soon, begin+23)
	s.changed(soon, 1, now)
	check("when the clock goes back, the serial counts on", soon, begin+24)
}
