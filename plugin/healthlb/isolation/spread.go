package isolation

import "net/netip"

// group is a pool or a network: what the targets in it may have in common when they fail.
type group struct {
	wanted int // how many slots or targets are in it
	fresh  int // how many targets in it are fresh failures
}

// enter puts one more into a group, which is made if need be.
func enter[K comparable](groups map[K]*group, key K) *group {
	g := groups[key]
	if g == nil {
		g = new(group)
		groups[key] = g
	}
	g.wanted++
	return g
}

// leave takes one out of a group, which is forgotten when it was the last.
func leave[K comparable](groups map[K]*group, key K) {
	g := groups[key]
	if g.wanted--; g.wanted == 0 {
		delete(groups, key)
	}
}

// hit counts the groups that fresh failures are in.
func hit[K comparable](groups map[K]*group) (n int) {
	for _, g := range groups {
		if g.fresh > 0 {
			n++
		}
	}
	return n
}

// networkOf returns the network that an address is taken to fail together with: an IPv4 /24, which is the longest prefix that is routed
// between networks, or an IPv6 /48, which is that too, and the most that one site has as a rule (RFC 6177).
func networkOf(addr netip.Addr) netip.Prefix {
	bits := 48
	if addr = addr.Unmap(); addr.Is4() {
		bits = 24
	}
	p, _ := addr.Prefix(bits) // of what is no address: the zero Prefix
	return p
}

// countFresh notes that a target becomes a fresh failure, or ceases to be one.
func (t *Target) countFresh(n int) {
	t.network.fresh += n
	for _, m := range t.pools {
		m.pool.fresh += n
	}
}

// spread says whether the fresh failures have nothing in common: no network holds them all, or no pool does. A pool shares targets with
// others, perhaps, so it is not enough that two pools are hit.
func (g *Guard) spread() bool {
	one := g.fresh[0]
	if one.network.fresh < len(g.fresh) {
		return true
	}
	for _, m := range one.pools {
		if m.pool.fresh == len(g.fresh) {
			return false
		}
	}
	return true
}
