package healthlb

import (
	"bytes"
	"hash/maphash"
	"math/bits"

	"example.org/healthlb/plugin/healthlb/answer"
)

// index finds nodes by their names in wire form. It is a hash table in which many names can be looked up together, so that they wait for
// memory together, as fetch does; those of a map wait one after the other. It is immutable.
type index struct {
	slots []slot // a power of two of them, at most half of them taken
	names []byte // all names, side by side
}

// slot is a name, at the first free place from that on which its hash says.
type slot struct {
	hash uint32 // the upper half of it
	name uint32 // where it begins in names
	node *node  // nil: the slot is free
}

var indexSeed = maphash.MakeSeed()

// hashName is the hash of a name in wire form.
func hashName(name []byte) uint64 { return maphash.Bytes(indexSeed, name) }

// newIndex makes an index of nodes, which are given by their names as text.
func newIndex(nodes map[string]*node) *index {
	x := &index{slots: make([]slot, 1<<bits.Len(uint(2*len(nodes))))}
	for name, nd := range nodes {
		packed := nd.packed
		if packed == nil {
			packed = answer.PackName(name)
		}
		hash := hashName(packed)
		at := hash
		for x.slot(at).node != nil {
			at++
		}
		*x.slot(at) = slot{uint32(hash >> 32), uint32(len(x.names)), nd}
		x.names = append(x.names, packed...)
	}
	return x
}

func (x *index) slot(at uint64) *slot { return &x.slots[at&uint64(len(x.slots)-1)] }

// find returns the node of a name with a hash, nil when there is none. That a name begins where another does means that they are the same, as
// each ends with the root.
func (x *index) find(name []byte, hash uint64) *node {
	for at := hash; ; at++ {
		s := x.slot(at)
		if s.node == nil || s.hash == uint32(hash>>32) && bytes.HasPrefix(x.names[s.name:], name) {
			return s.node
		}
	}
}

// fetch looks at what find will look at for names with these hashes, see pool.Fetch. What it returns means nothing.
func (x *index) fetch(hashes []uint64) (sum uint64) {
	for _, hash := range hashes {
		sum += uint64(x.slot(hash).hash)
	}
	for _, hash := range hashes {
		if s := x.slot(hash); s.node != nil {
			sum += uint64(x.names[s.name])
			if s.node.apex {
				sum++
			}
		}
	}
	return sum
}
