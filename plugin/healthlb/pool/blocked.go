package pool

import (
	"net/netip"

	"example.org/healthlb/plugin/healthlb/block"
)

// unblocked leaves out what an operator has blocked.
func unblocked(cs []candidate, blocks *block.Set, pool string) []candidate {
	if blocks.Len() == 0 {
		return cs
	}
	return keep(cs, func(c candidate) bool { return !omits(blocks, c.address.addr, pool) })
}

func omits(blocks *block.Set, addr netip.Addr, pool string) bool {
	_, omitted := blocks.Omits(addr, pool)
	return omitted
}
