package healthlb

import (
	"fmt"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/probe"
)

// lookAtCertificate tells, once for each certificate, that it will run out within the check's expiry. The caller holds t.mu.
func (t *target) lookAtCertificate() {
	until := t.last.NotAfter
	if until.IsZero() || until.Unix() == t.warned || !expiresSoon(t.check, until, time.Now()) {
		return
	}
	t.warned = until.Unix()
	word := "runs out"
	if until.Before(time.Now()) {
		word = "ran out"
	}
	for s, p := range t.wanted.all() {
		text := fmt.Sprintf("Pool %s member %s: the certificate at %s %s %s", p.Name, s.Member(), s.Probe, word, until.UTC().Format(time.RFC3339))
		log.Warning(text)
		t.hub.events.Tell(api.Event{Type: "certificate", Pool: p.Name, Member: s.Member(), Address: s.Probe.Addr().String(), Text: text})
	}
}

// expiresSoon says whether a certificate that runs out at a time is near enough to it that the check's expiry asks for a warning.
func expiresSoon(check probe.Check, until, now time.Time) bool {
	e, ok := check.(probe.Expirer)
	return ok && e.Expiry() > 0 && until.Sub(now) < e.Expiry()
}
