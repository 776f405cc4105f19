package healthlb

import (
	"sync"
	"time"

	"example.org/healthlb/plugin/healthlb/answer"
)

// serials are the serials of the zones' SOA records. They outlive the Corefile, so that none ever goes back.
type serials struct {
	after func(time.Duration, func(now time.Time))

	mu   sync.Mutex           // guards what follows, and of every zone visible, published, official and waits
	last map[string]published // of the zones that count, by their keys
}

// published is what a zone showed, and under which serial.
type published struct {
	serial  uint32
	visible uint64
}

// publish gives a zone its SOA record. The serial stays while what the zone shows stays, over reloads too, and changes once a second
// at most: so it is never ahead of the clock, and a restart, which begins with the time, does not take it back.
func (s *serials) publish(z *zone, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last[z.key]
	newest := last.serial
	if later(z.published.serial, newest) {
		newest = z.published.serial
	}
	switch {
	case last.serial != 0 && last.visible == z.visible:
		z.published = last
	case z.published.visible == z.visible && newest == z.published.serial:
	case newest == uint32(now.Unix()):
		s.publishLater(z, newest, now)
		return
	default:
		z.published = published{answer.NextSerial(newest, now), z.visible}
	}
	z.setSerial(z.published.serial)
	if z.official {
		s.last[z.key] = z.published
	}
}

// publishLater publishes a zone when the second is over, with what it shows by then. Until then it has the serial of before.
func (s *serials) publishLater(z *zone, serial uint32, now time.Time) {
	if z.soa.Load() == nil {
		z.setSerial(serial)
	}
	if z.waits {
		return
	}
	z.waits = true
	s.after(now.Truncate(time.Second).Add(time.Second).Sub(now), func(now time.Time) {
		s.mu.Lock()
		z.waits = false
		s.mu.Unlock()
		s.publish(z, now)
	})
}

// afterFunc calls f with the time then.
func afterFunc(d time.Duration, f func(now time.Time)) {
	time.AfterFunc(d, func() { f(time.Now()) })
}

// makeOfficial has a zone count: what it shows is what the next one with its key is compared with. A zone of a Corefile that never came
// into force leaves no trace.
func (s *serials) makeOfficial(z *zone, now time.Time) {
	s.mu.Lock()
	if s.last == nil {
		s.last = make(map[string]published)
	}
	z.official = true
	isPublic := z.soa.Load() != nil
	s.mu.Unlock()
	if isPublic {
		s.publish(z, now)
	}
}

// changed takes a change of what the zone shows in, and publishes it, unless the zone has not been published at all yet.
func (s *serials) changed(z *zone, by uint64, now time.Time) {
	if by == 0 {
		return
	}
	s.mu.Lock()
	z.visible += by
	isPublic := z.soa.Load() != nil
	s.mu.Unlock()
	if isPublic {
		s.publish(z, now)
	}
}

// later compares serials as RFC 1982 does, with 0 for none.
func later(a, b uint32) bool { return a != 0 && (b == 0 || int32(a-b) > 0) }
