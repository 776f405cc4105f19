package healthlb

import (
	"net/netip"
	"slices"

	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/pool"
)

// names is all that one healthlb block answers for: every name that exists in its zones. It is immutable, but for what its nodes
// point at.
type names struct {
	zones    []string
	nodes    map[string]*node
	fall     fall.F
	believed []netip.Prefix // sources whose client subnet is believed by some pool
}

// node is a name that exists: a pool, a name server, the apex of a zone, or a name with names below it and no records (an empty
// non-terminal).
type node struct {
	zone     *zone
	apex     bool
	pool     *pool.Pool
	glue     *glue
	wildcard *node // the pool *.NAME
}

// newNames makes the names of a block. pools has each of the block's pools.
func newNames(b *config.Block, pools map[string]*pool.Pool) *names {
	n := &names{zones: b.Zones, nodes: make(map[string]*node, len(b.Pools)+len(b.Zones)+len(b.NS))}
	if b.Fallthrough {
		n.fall.SetZonesFromArgs(b.FallthroughZones)
	}
	for _, apex := range b.Zones {
		n.nodes[apex] = &node{zone: newZone(apex, b), apex: true}
	}
	for i := range b.Pools {
		spec := &b.Pools[i]
		nd := n.add(spec.Name, n.nodes[spec.Zone].zone)
		nd.pool = pools[spec.Name]
		nd.zone.pools = append(nd.zone.pools, nd.pool)
		if parent, ok := wildcardParent(spec.Name); ok {
			n.add(parent, nd.zone).wildcard = nd
		}
		for _, prefix := range spec.ECS {
			if !slices.Contains(n.believed, prefix) {
				n.believed = append(n.believed, prefix)
			}
		}
	}
	for _, ns := range b.NS {
		if zone := n.find(ns.Name).zone; zone != nil {
			nd := n.add(ns.Name, zone)
			if nd.pool == nil {
				nd.glue = &glue{name: ns.Name, addrs: ns.Addrs}
				zone.glue = append(zone.glue, nd.glue)
			}
		}
	}
	return n
}

// add returns the node of a name, made if need be with those between it and the apex of its zone.
func (n *names) add(name string, z *zone) *node {
	if nd, ok := n.nodes[name]; ok {
		return nd
	}
	nd := &node{zone: z}
	n.nodes[name] = nd
	if parent, ok := parentOf(name); ok {
		n.add(parent, z)
	}
	return nd
}

// match is what is known about a name that was asked for. The zero match is a name outside the zones.
type match struct {
	zone     *zone
	node     *node // nil: the name does not exist
	wildcard bool  // the node is a wildcard's, and not the name asked for itself
}

// find looks a lower-case name up.
func (n *names) find(name string) match {
	if nd, ok := n.nodes[name]; ok {
		return match{nd.zone, nd, false}
	}
	return n.closest(name)
}

// closest looks a name up that does not exist itself. A wildcard speaks for it only directly below its closest encloser, the longest
// existing name above it (RFC 4592 section 3.3.1).
func (n *names) closest(name string) match {
	for parent, ok := parentOf(name); ok; parent, ok = parentOf(parent) {
		if nd, exists := n.nodes[parent]; exists {
			return match{nd.zone, nd.wildcard, nd.wildcard != nil}
		}
	}
	return match{}
}

// parentOf returns the name without its first label, and false for the root.
func parentOf(name string) (string, bool) {
	if name == "." {
		return "", false
	}
	if next, end := dns.NextLabel(name, 0); !end {
		return name[next:], true
	}
	return ".", true
}

// wildcardParent returns what stands behind the "*." of a wildcard.
func wildcardParent(name string) (string, bool) {
	if len(name) < 2 || name[:2] != "*." {
		return "", false
	}
	return parentOf(name)
}
