package pool

import (
	"net/netip"
	"time"

	"example.org/healthlb/plugin/healthlb/policy"
)

// Member is one server of a pool, as its operator wrote it down.
type Member struct {
	ID     string     // unique in the pool
	V4     netip.Addr // the zero Addr when it has none
	V6     netip.Addr
	Probe4 netip.Addr // where probes of V4 go instead; the zero Addr for V4 itself
	Probe6 netip.Addr
	Region string // empty: none
	Port   uint16 // replaces the port of the pool's only check; 0: does not

	Weight   int // 0..65535; 0: a standby
	Priority int // 1..65535, 1 is best; 0: not said
}

// addresses returns the member's addresses by family.
func (m *Member) addresses() [Families]netip.Addr { return [Families]netip.Addr{A: m.V4, AAAA: m.V6} }

// Probed returns what is probed for a check of the member in one family.
func (m *Member) Probed(f Family, c Check) netip.AddrPort {
	addr := [Families]netip.Addr{A: m.Probe4, AAAA: m.Probe6}[f]
	if !addr.IsValid() {
		addr = m.addresses()[f]
	}
	if m.Port != 0 {
		return netip.AddrPortFrom(addr, m.Port)
	}
	return netip.AddrPortFrom(addr, c.Port)
}

// Check is what a pool knows of one of its checks.
type Check struct {
	Name string // the check without its port, as in probe.Check
	Port uint16
}

// Spec is a pool as its Corefile says it, with every default filled in.
type Spec struct {
	Name    string // lower-case FQDN; may begin with "*."
	Zone    string // the zone it is in, lower-case FQDN
	Members []Member
	Checks  []Check

	Min, Max, Rise int    // thresholds; see health.Thresholds
	Region         string // the responder's own region; empty: everyone is judged by Min

	Percents bool          // some check may ask for a percentage of a member's weight
	Flap     time.Duration // how long a member that flaps is held down at first; 0: it is not

	Policy  policy.Spec
	Prefer  Prefer
	FadeIn  FadeIn
	Answers int    // members an answer names at most; 0: all
	TTL     uint32 // seconds
	LowTTL  uint32 // seconds; for answers that name a suspect, and for all_down
	AllDown AllDown
	MinUp   MinUp
	ECS     []netip.Prefix // sources whose client subnet is believed
}

// Prefer says whether clients are answered with the members of their own region.
type Prefer struct {
	Region bool
	Min    int // how many of them must be eligible, at least 1; else all members count
}

// FadeIn says how a member that comes up takes its share: (age/Over)^Exponent of it.
type FadeIn struct {
	Over     time.Duration // 0: at once
	Exponent float64       // above 0; 1: linear
}

// AllDownMode says what is answered when fewer than min_up members are eligible.
type AllDownMode uint8

// The modes of all_down.
const (
	AllDownAll       AllDownMode = iota // every member that is not blocked; see Spec
	AllDownNodata                       // an empty answer
	AllDownServfail                     // SERVFAIL
	AllDownRefused                      // REFUSED
	AllDownAddresses                    // fixed addresses
)

// AllDown is the answer when fewer than min_up members are eligible.
type AllDown struct {
	Mode      AllDownMode
	Addresses []netip.Addr // with AllDownAddresses
}

// MinUp is how many members of a family must be eligible, else the family counts as all down.
type MinUp struct {
	N       int  // a count, or with Percent a percentage of all members of the family, rounded up
	Percent bool // N is 1..100
}

// Of returns the count that MinUp means for a family of n members.
func (m MinUp) Of(n int) int {
	if !m.Percent {
		return m.N
	}
	return (n*m.N + 99) / 100
}
