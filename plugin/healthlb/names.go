package healthlb

import (
	"net/netip"
	"slices"

	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
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

	// For express; else nil. Names are in wire form.
	packed *index
	others map[string]bool // zones of other server blocks inside these
}

// node is a name that exists: a pool, a name server, the apex of a zone, or a name with names below it and no records (an empty
// non-terminal).
type node struct {
	zone     *zone
	apex     bool
	pool     *pool.Pool
	packed   []byte // the pool's name in wire form
	glue     *glue
	wildcard *node // the pool *.NAME
}

// newZones makes the zones of a block, with the addresses of their name servers.
func newZones(b *config.Block) map[string]*zone {
	zones := make(map[string]*zone, len(b.Zones))
	for _, apex := range b.Zones {
		zones[apex] = newZone(apex, b)
	}
	for _, ns := range b.NS {
		if z := closestZone(zones, ns.Name); z != nil {
			z.glue = append(z.glue, &glue{name: ns.Name, addrs: ns.Addrs})
		}
	}
	return zones
}

// closestZone returns the longest zone that a name is in, nil when it is in none.
func closestZone(zones map[string]*zone, name string) *zone {
	for at, ok := name, true; ok; at, ok = parentOf(at) {
		if z := zones[at]; z != nil {
			return z
		}
	}
	return nil
}

// newNames makes the names of a block with its zones, for the pools that it has at the moment.
func newNames(b *config.Block, zones map[string]*zone, pools []*livePool) *names {
	n := &names{zones: b.Zones, nodes: make(map[string]*node, len(pools)+len(b.Zones)+len(b.NS))}
	if b.Fallthrough {
		n.fall.SetZonesFromArgs(b.FallthroughZones)
	}
	for apex, z := range zones {
		n.nodes[apex] = &node{zone: z, apex: true}
	}
	for _, p := range pools {
		nd := n.add(p.Name, p.zone)
		nd.pool, nd.packed = p.Pool, answer.PackName(p.Name)
		if parent, ok := wildcardParent(p.Name); ok {
			n.add(parent, p.zone).wildcard = nd
		}
		for _, prefix := range p.ECS {
			if !slices.Contains(n.believed, prefix) {
				n.believed = append(n.believed, prefix)
			}
		}
	}
	for _, z := range zones {
		for _, g := range z.glue {
			if nd := n.add(g.name, z); nd.pool == nil {
				nd.glue = g
			}
		}
	}
	if b.Express > 0 {
		n.pack(b.ExpressNot)
	}
	return n
}

// pack makes the names ready for express.
func (n *names) pack(others []string) {
	n.packed, n.others = newIndex(n.nodes), make(map[string]bool, len(others))
	for _, zone := range others {
		n.others[string(answer.PackName(zone))] = true
	}
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
