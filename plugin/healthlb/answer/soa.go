package answer

import (
	"time"

	"github.com/miekg/dns"
)

// NewSOA returns the SOA record of a zone. Its TTL is its MINIMUM: how long a negative answer may be cached (RFC 2308 sections 3 and 5).
func NewSOA(apex, mname, mbox string, serial, refresh, retry, expire, negative uint32) *dns.SOA {
	return &dns.SOA{
		Hdr: header(apex, dns.TypeSOA, negative),
		Ns:  mname, Mbox: mbox, Serial: serial, Refresh: refresh, Retry: retry, Expire: expire, Minttl: negative,
	}
}

// NextSerial returns the serial that follows prev when what a zone shows changes at now: the time in seconds, or one more than before
// when that is later. Neither ever goes back, in the arithmetic of RFC 1982; 0 is left out, as some take it for "none".
func NextSerial(prev uint32, now time.Time) uint32 {
	next := prev + 1
	if unix := uint32(now.Unix()); prev == 0 || int32(unix-next) > 0 {
		next = unix
	}
	return max(next, 1)
}
