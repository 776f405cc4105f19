package healthlb

import (
	"sync"
	"time"

	"example.org/healthlb/plugin/healthlb/answer"
)

// serials are the serials of the zones' SOA records. They outlive the Corefile, so that none ever goes back.
type serials struct {
	mu   sync.Mutex           // guards what follows, and visible of every zone
	last map[string]published // by a zone's key
}

// published is what a zone showed last, and under which serial.
type published struct {
	serial  uint32
	visible uint64
}

// publish gives a zone its serial: the one it had before, or when it shows something else now, the next one.
func (s *serials) publish(z *zone, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, known := s.last[z.key]
	if !known || p.visible != z.visible {
		p = published{answer.NextSerial(p.serial, now), z.visible}
	}
	if s.last == nil {
		s.last = make(map[string]published)
	}
	s.last[z.key] = p
	z.setSerial(p.serial)
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
