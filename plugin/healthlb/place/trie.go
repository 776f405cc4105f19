package place

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// key is the bits of an address from the first on; those of IPv4 are the first 32.
type key struct{ hi, lo uint64 }

func keyOf(addr netip.Addr) key {
	if addr.Is4() {
		b := addr.As4()
		return key{hi: uint64(binary.BigEndian.Uint32(b[:])) << 32}
	}
	b := addr.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// common returns how many leading bits two keys share.
func (k key) common(other key) int {
	if k.hi != other.hi {
		return bits.LeadingZeros64(k.hi ^ other.hi)
	}
	return 64 + bits.LeadingZeros64(k.lo^other.lo)
}

func (k key) bit(i int) int {
	if i < 64 {
		return int(k.hi >> (63 - i) & 1)
	}
	return int(k.lo >> (127 - i) & 1)
}

// item is a network with the number of its region.
type item struct {
	key    key
	bits   uint8
	region int16
}

// sorted returns the items in the order of their addresses, shorter prefixes first, without those that say the same twice; or two items
// that contradict each other.
func sorted(items []item) (unique []item, conflict []item) {
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.key.hi, b.key.hi), cmp.Compare(a.key.lo, b.key.lo), cmp.Compare(a.bits, b.bits))
	})
	for i := 1; i < len(items); i++ {
		a, b := items[i-1], items[i]
		if a.key == b.key && a.bits == b.bits && a.region != b.region {
			return nil, []item{a, b}
		}
	}
	return slices.Compact(items), nil
}

// prefixOf returns the network of an item as it is written.
func prefixOf(it item, length int) netip.Prefix {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], it.key.hi)
	binary.BigEndian.PutUint64(b[8:], it.key.lo)
	addr := netip.AddrFrom16(b)
	if length == 32 {
		addr = netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.PrefixFrom(addr, int(it.bits))
}

// node is a network that is divided: into its two halves, of which each may hold a smaller network that is a node again.
type node struct {
	key    key
	halves [2]int32 // the nodes in each half; none: the half is all in region
	labels int32    // of all addresses of the network, by number
	region int16    // of the addresses of the network that are in no node below
	bits   uint8    // the length of the network's prefix
}

const none = -1

// trie is a path-compressed binary trie of the networks of one family. The root is the network of all addresses.
type trie struct {
	nodes []node
	root  int32
	sets  []labels
}

func newTrie(items []item, length int, sets *interned) trie {
	t := trie{}
	if len(items) == 0 || items[0].bits > 0 {
		items = slices.Insert(items, 0, item{region: nowhere})
	}
	t.root = t.build(items, nowhere, length, sets)
	t.nodes = slices.Clip(t.nodes)
	return t
}

// build makes the node of items, which are sorted; outer is the region around them.
func (t *trie) build(items []item, outer int16, length int, sets *interned) int32 {
	first, last := items[0], items[len(items)-1]
	n := node{key: first.key, region: outer, halves: [2]int32{none, none}}
	if shared := first.key.common(last.key); int(first.bits) <= shared {
		n.bits, n.region, items = first.bits, first.region, items[1:]
	} else {
		n.bits = uint8(shared)
	}
	var l labels
	if int(n.bits) == length {
		l.add(n.region)
	} else {
		middle, _ := slices.BinarySearchFunc(items, 1, func(it item, one int) int { return it.key.bit(int(n.bits)) - one })
		for half, part := range [2][]item{items[:middle], items[middle:]} {
			if len(part) > 0 {
				child := t.build(part, n.region, length, sets)
				n.halves[half] = child
				l.merge(&sets.all[t.nodes[child].labels])
				if t.nodes[child].bits == n.bits+1 {
					continue
				}
			}
			l.add(n.region)
		}
	}
	n.labels = sets.of(l)
	t.nodes = append(t.nodes, n)
	return int32(len(t.nodes) - 1)
}

// find is Table.Find. It goes down until all addresses around k are alike: those of a node, those of a half of a node without a node in
// it, or those beside the node in a half.
func (t *trie) find(k key, own *Set) (region, bits int) {
	n := &t.nodes[t.root]
	class, same := t.sets[n.labels].class(own)
	if same {
		return class, 0
	}
	for {
		outer := classOf(n.region, own)
		half := n.halves[k.bit(int(n.bits))]
		if half == none {
			return outer, int(n.bits) + 1
		}
		child := &t.nodes[half]
		class, same = t.sets[child.labels].class(own)
		shared := min(k.common(child.key), int(child.bits))
		switch beside := child.bits > n.bits+1; {
		case same && beside && class == outer: // the whole half is alike
			return class, int(n.bits) + 1
		case shared < int(child.bits):
			return outer, shared + 1
		case same:
			return class, int(child.bits)
		}
		n = child
	}
}

// classOf is labels.class for one region.
func classOf(region int16, own *Set) int {
	if region == nowhere || !own.Has(int(region)) {
		return -1
	}
	return int(region)
}
