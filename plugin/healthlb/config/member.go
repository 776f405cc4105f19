package config

import (
	"net/netip"

	"example.org/healthlb/plugin/healthlb/pool"
)

// member is a member with the line that says it.
type member struct {
	pool.Member
	at    pos
	words []string
}

func (m *member) fail(f fault) error { return m.at.fail(show(m.words), f) }

var memberDirectives = table[pool.Member]{
	"id": {parse: func(a *args, m *pool.Member) (err error) {
		m.ID, err = take(a, "ID", parseID)
		return err
	}},
	"region": {parse: func(a *args, m *pool.Member) (err error) {
		m.Region, err = take(a, "REGION", parseID)
		return err
	}},
	"port": {parse: func(a *args, m *pool.Member) (err error) {
		m.Port, err = take(a, "PORT", parsePort)
		return err
	}},
	"weight": {parse: func(a *args, m *pool.Member) (err error) {
		m.Weight, err = take(a, "N", numberIn(0, maxWeight))
		return err
	}},
	"priority": {parse: func(a *args, m *pool.Member) (err error) {
		m.Priority, err = take(a, "N", numberIn(1, maxPriority))
		return err
	}},
	"probe_address": {many: true, parse: parseProbeAddress},
}

// The largest weight and priority are those of SRV records (RFC 2782).
const (
	maxWeight   = 65535
	maxPriority = 65535
)

// parseMember parses ADDR [ADDR] [OPTIONS]. The addresses come first, so that the options can be checked against them.
func parseMember(a *args) (member, error) {
	m := pool.Member{Weight: 1}
	first, err := take(a, "ADDR", parseServerAddr)
	if err != nil {
		return member{}, err
	}
	put(&m.V4, &m.V6, first)
	for a.more() && looksLikeAddr(a.words[a.next]) {
		addr, err := take(a, "ADDR", parseServerAddr)
		if err != nil {
			return member{}, err
		}
		if !put(&m.V4, &m.V6, addr) {
			return member{}, a.fail(fault{
				"is a second " + family(addr) + " address",
				"a member is one server with at most one address of each family; write another member",
			})
		}
	}
	if err := memberDirectives.options(a, "for a member", &m); err != nil {
		return member{}, err
	}
	if m.ID == "" {
		m.ID = first.String()
	}
	return member{m, a.at, a.words}, nil
}

// put sets the address of a family, and says whether there was none before.
func put(v4, v6 *netip.Addr, addr netip.Addr) bool {
	place := v6
	if addr.Is4() {
		place = v4
	}
	if place.IsValid() {
		return false
	}
	*place = addr
	return true
}

func parseProbeAddress(a *args, m *pool.Member) error {
	addr, err := take(a, "ADDR", parseServerAddr)
	if err != nil {
		return err
	}
	if addr.Is4() && !m.V4.IsValid() || addr.Is6() && !m.V6.IsValid() {
		return a.fail(fault{
			"stands for an address that the member does not have",
			"give the member its " + family(addr) + " address, or leave this out",
		})
	}
	if !put(&m.Probe4, &m.Probe6, addr) {
		return a.fail(fault{"is a second " + family(addr) + " address to probe", "write at most one of each family"})
	}
	return nil
}

// roster sees to it that the members of a pool go together.
type roster struct {
	checks int // how many checks the pool has
	ids    map[string]pos
	addrs  map[netip.Addr]pos
}

func newRoster(checks int) *roster {
	return &roster{checks, map[string]pos{}, map[netip.Addr]pos{}}
}

// add takes in one more member, or says why it cannot be.
func (r *roster) add(m *member) error {
	if m.Port != 0 && r.checks != 1 {
		return m.fail(fault{"has a port, but the pool has several checks, each with its own", "leave the port out"})
	}
	for _, addr := range [...]netip.Addr{m.V4, m.V6} {
		if !addr.IsValid() {
			continue
		}
		if at, known := r.addrs[addr]; known {
			return m.fail(fault{"has the address " + addr.String() + " of the member at " + at.String(), "leave one out"})
		}
		r.addrs[addr] = m.at
	}
	if at, known := r.ids[m.ID]; known {
		return m.fail(fault{"is the second member with the id " + m.ID + ", after " + at.String(), "give it another id"})
	}
	r.ids[m.ID] = m.at
	return nil
}
