package pool

import (
	"strconv"
	"strings"
)

// reason returns why the address is in its state: what the last probe said of a check that makes the state, or that the address is held
// down.
func (a *address) reason() string {
	if a.held {
		return a.flapText() + " although it passes"
	}
	for i := range a.slots {
		if s := &a.slots[i]; s.record.State == a.state && s.last.Reason != "" {
			return s.reason()
		}
	}
	return ""
}

// whyNow returns why the address has just come into its state by a result of this slot, which counts before others. held says that a fall
// holds it down.
func (s *Slot) whyNow(held bool) string {
	a := s.address
	if a.held || s.record.State != a.state {
		return a.reason()
	}
	why := s.reason()
	if held && a.fell {
		why = strings.TrimPrefix(why+"; ", "; ") + a.flapText() + " at least"
	}
	return why
}

// reason returns what the last probe said, and of which check it was when there are several.
func (s *Slot) reason() string {
	if s.last.Reason == "" || len(s.address.slots) == 1 {
		return s.last.Reason
	}
	return s.checkText() + ": " + s.last.Reason
}

// checkText names the check: its kind, and the port where it has one.
func (s *Slot) checkText() string {
	kind, _, _ := strings.Cut(s.Pool.Checks[s.Check].Name, " ")
	if port := s.Probe.Port(); port != 0 {
		kind += " " + strconv.Itoa(int(port))
	}
	return kind
}
