package webhook

import "golang.org/x/time/rate"

// sparingly passes on as many warnings as its limit lets through, and how many it kept back. It is used by one goroutine.
type sparingly struct {
	warn  func(format string, args ...any)
	limit *rate.Limiter
	kept  int
}

func (s *sparingly) say(format string, args ...any) {
	if !s.limit.Allow() {
		s.kept++
		return
	}
	if s.kept > 0 {
		format, args = format+" (%d more like it since the last warning)", append(args, s.kept)
		s.kept = 0
	}
	s.warn(format, args...)
}
