package pool

import (
	"net/netip"
	"slices"
)

// fixedAddresses returns whom an all_down answer names with all_down addresses: no one who is blocked, and a member that is drained only
// when no one else is left.
func (p *Pool) fixedAddresses(f Family, v verdict, by Around) []netip.Addr {
	var addrs, left []netip.Addr
	for _, addr := range p.AllDown.Addresses {
		if FamilyOf(addr) != f || omits(by.Blocks, addr, p.Name) {
			continue
		}
		addrs = append(addrs, addr)
		if !v.drains(addr) {
			left = append(left, addr)
		}
	}
	if len(left) == 0 {
		return addrs
	}
	return left
}

// drains says whether an address is that of a member that is drained.
func (v verdict) drains(addr netip.Addr) bool {
	return len(v.present) < len(v.allowed) && slices.ContainsFunc(v.allowed, func(c candidate) bool {
		return c.address.addr == addr && !has(v.present, c)
	})
}

// notesOf returns the notes of the members that have these addresses, so that it is known of them when they were last named; nil when no
// member has one.
func (v verdict) notesOf(addrs []netip.Addr) []*notes {
	var named []*notes
	for _, c := range v.all {
		i := slices.Index(addrs, c.address.addr)
		if i < 0 {
			continue
		}
		if named == nil {
			named = make([]*notes, len(addrs))
		}
		named[i] = c.address.usage.notes
	}
	for i, n := range named {
		if n == nil { // nobody asks after the others
			named[i] = &notes{usage: new(usage)}
		}
	}
	return named
}
