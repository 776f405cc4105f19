package healthlb

import (
	"fmt"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/probe"
)

// warnAgain is how long after a warning the next one of the same target may come, unless it is of a certificate that ends sooner. Behind one
// address there may be many servers, each with its own, or one that shows another each time.
const warnAgain = time.Hour

// warning is what was warned of last.
type warning struct {
	end int64         // when the certificate runs out, in seconds since 1970; 0: there was none
	at  time.Duration // when that was told, since started
}

// lookAtCertificate tells that a certificate will run out within the check's expiry, once for each, and not too often. The caller holds
// t.mu.
func (t *target) lookAtCertificate() {
	until := t.last.NotAfter
	if until.IsZero() || until.Unix() == t.warned.end || !expiresSoon(t.check, until, time.Now()) {
		return
	}
	if now := time.Since(started); t.warned.end == 0 || until.Unix() < t.warned.end || now-t.warned.at >= warnAgain {
		t.warned = warning{until.Unix(), now}
		t.warn(until)
	}
}

// warn tells of it. The caller holds t.mu.
func (t *target) warn(until time.Time) {
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
