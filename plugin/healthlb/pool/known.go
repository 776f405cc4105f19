package pool

import "net/netip"

// slotKey is what a state belongs to.
type slotKey struct {
	member string
	addr   netip.AddrPort
	check  string
}

// key returns what the slot's state belongs to. The port counts, the address that is probed instead does not.
func (s *Slot) key() slotKey {
	return slotKey{s.member.ID, netip.AddrPortFrom(s.address.addr, s.Probe.Port()), s.Pool.Checks[s.Check].Name}
}

// known is what is known of the members of a pool.
type known struct {
	slots     map[slotKey]*Slot
	addresses map[usageKey]*address
}

// usageKey is what the notes on the answers with an address, and its falls, belong to, whatever is checked: caches hold it, and it flaps.
type usageKey struct {
	member string
	addr   netip.Addr
}

// knownOf returns what is known of some members. The caller holds the lock of their pool.
func knownOf(members []*member) known {
	k := known{make(map[slotKey]*Slot), make(map[usageKey]*address)}
	for s := range slotsOf(members) {
		k.slots[s.key()] = s
		k.addresses[usageKey{s.member.ID, s.address.addr}] = s.address
	}
	return k
}
