package state

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt maps its file into memory and follows the offsets in it without a look at their bounds. A damaged file would therefore not be an
// error but a crash: a fault in the mapping behind a truncated file, an address out of a page, a page that is its own parent. So
// the file is walked once, by plain reads, before bbolt gets it.
//
// The layout is bbolt's version 2 (its internal/common, unchanged since 2014), in the byte order of the machine:
//
//	page header      id 8, flags 2, count 2, overflow 4 bytes; overflow is the number of pages that follow as part of this one
//	meta page        header, magic 4, version 4, page size 4, flags 4, root bucket 16, freelist 8, end 8, txid 8, checksum 8
//	branch element   pos 4, ksize 4, page 8; pos counts from the element's start, as in a leaf
//	leaf element     flags 4, pos 4, ksize 4, vsize 4
//	bucket           root page 8, sequence 8; a root of 0 means that a leaf page follows inline
//	freelist page    header, page ids of 8; a count of 0xFFFF means that the first one is the count
const (
	pageHeader  = 16
	element     = 16
	bucketSize  = 16
	metaSize    = 64
	metaSummed  = 56 // the bytes of a meta that its checksum covers
	pageBranch  = 0x01
	pageLeaf    = 0x02
	pageFree    = 0x10
	leafBucket  = 0x01 // the flag of a leaf element whose value is a bucket
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	minPageSize, maxPageSize = 1 << 10, 1 << 24 // what bbolt looks for when it opens a file
)

var order = binary.NativeEndian

// meta is what a meta page says.
type meta struct {
	pageSize             int64
	root, freelist, size uint64 // pages; size is the number of pages in use, and the first one beyond
	txid                 uint64
}

// pages walks a file.
type pages struct {
	file io.ReaderAt
	meta
	claimed []bool // by page: it has been met
}

// checkPages tells whether bbolt can read a file of this size without harm. Every page must be met once: in the tree, as the list of
// free pages, or in that list.
func checkPages(file io.ReaderAt, size int64) error {
	m, err := readMetas(file)
	if err != nil {
		return err
	}
	if m.size > uint64(size/m.pageSize) {
		return damaged("it should have %d pages of %d bytes, and has %d bytes", m.size, m.pageSize, size)
	}
	p := &pages{file: file, meta: m, claimed: make([]bool, m.size)}
	if m.size < 4 { // two metas, freelist and root
		return damaged("it has only %d pages", m.size)
	}
	p.claimed[0], p.claimed[1] = true, true
	if err := p.tree(m.root); err != nil {
		return err
	}
	if err := p.free(); err != nil {
		return err
	}
	for id, claimed := range p.claimed {
		if !claimed {
			return damaged("page %d is lost", id)
		}
	}
	return nil
}

// readMetas reads both meta pages, and returns the younger one. bbolt makes do with one of them, as the other may be half written when
// the power fails. But both fit into one sector, which disks write whole; and the younger one holds what was answered with success, so
// falling back to the older would silently undo an order.
func readMetas(file io.ReaderAt) (meta, error) {
	a, err := readMeta(file, 0)
	if err != nil {
		return meta{}, err
	}
	b, err := readMeta(file, a.pageSize)
	if err != nil {
		return meta{}, err
	}
	if a.pageSize != b.pageSize {
		return meta{}, damaged("its two meta pages say %d and %d bytes a page", a.pageSize, b.pageSize)
	}
	switch { // each transaction writes one of the two, in turn: the even ones the first
	case a.txid%2 == 0 && b.txid == a.txid+1:
		return b, nil
	case a.txid%2 == 0 && b.txid == a.txid-1:
		return a, nil
	}
	return meta{}, damaged("its two meta pages are of transactions %d and %d, which do not follow each other", a.txid, b.txid)
}

func readMeta(file io.ReaderAt, at int64) (meta, error) {
	var b [pageHeader + metaSize]byte
	if err := readAt(file, b[:], at); err != nil {
		return meta{}, err
	}
	m := b[pageHeader:]
	if magic := order.Uint32(m); magic != boltMagic {
		return meta{}, damaged("no bbolt meta page at byte %d", at)
	}
	h := fnv.New64a()
	h.Write(m[:metaSummed])
	if order.Uint64(m[metaSummed:]) != h.Sum64() {
		return meta{}, damaged("the meta page at byte %d has a wrong checksum", at)
	}
	if version := order.Uint32(m[4:]); version != boltVersion {
		return meta{}, fmt.Errorf("%w: bbolt's version %d, where this healthlb knows %d", ErrFormat, version, boltVersion)
	}
	size := int64(order.Uint32(m[8:]))
	if size < minPageSize || size > maxPageSize || size&(size-1) != 0 {
		return meta{}, damaged("the meta page at byte %d says %d bytes a page", at, size)
	}
	return meta{
		pageSize: size, root: order.Uint64(m[16:]), freelist: order.Uint64(m[32:]), size: order.Uint64(m[40:]), txid: order.Uint64(m[48:]),
	}, nil
}

// claim reads a page with all that belongs to it.
func (p *pages) claim(id uint64) ([]byte, error) {
	if id < 2 || id >= p.size {
		return nil, damaged("page %d of %d is asked for", id, p.size)
	}
	var header [pageHeader]byte
	if err := readAt(p.file, header[:], int64(id)*p.pageSize); err != nil {
		return nil, err
	}
	if own := order.Uint64(header[:]); own != id {
		return nil, damaged("page %d says it is %d", id, own)
	}
	end := id + 1 + uint64(order.Uint32(header[12:]))
	if end > p.size {
		return nil, damaged("page %d reaches up to %d of %d", id, end, p.size)
	}
	for i := id; i < end; i++ {
		if p.claimed[i] {
			return nil, damaged("page %d has two uses", i)
		}
		p.claimed[i] = true
	}
	b := make([]byte, int64(end-id)*p.pageSize)
	return b, readAt(p.file, b, int64(id)*p.pageSize)
}

// tree walks the pages below one, itself included. As no page is claimed twice, it comes to an end.
func (p *pages) tree(id uint64) error {
	b, err := p.claim(id)
	if err != nil {
		return err
	}
	switch flags := order.Uint16(b[8:]); flags {
	case pageLeaf:
		return p.leaf(id, b)
	case pageBranch:
		count := int(order.Uint16(b[10:]))
		if count == 0 || pageHeader+count*element > len(b) {
			return damaged("page %d has %d elements", id, count)
		}
		for at := pageHeader; at < pageHeader+count*element; at += element {
			if !fits(b, at, order.Uint32(b[at:]), order.Uint32(b[at+4:]), 0) {
				return damaged("a key of page %d is out of it", id)
			}
			if err := p.tree(order.Uint64(b[at+8:])); err != nil {
				return err
			}
		}
		return nil
	default:
		return damaged("page %d has the type %#x", id, flags)
	}
}

// leaf checks a leaf page, or the one inside an inline bucket.
func (p *pages) leaf(id uint64, b []byte) error {
	count := int(order.Uint16(b[10:]))
	if pageHeader+count*element > len(b) {
		return damaged("page %d has %d elements", id, count)
	}
	for at := pageHeader; at < pageHeader+count*element; at += element {
		pos, ksize, vsize := order.Uint32(b[at+4:]), order.Uint32(b[at+8:]), order.Uint32(b[at+12:])
		if !fits(b, at, pos, ksize, vsize) {
			return damaged("a record of page %d is out of it", id)
		}
		if order.Uint32(b[at:])&leafBucket == 0 {
			continue
		}
		value := b[at+int(pos)+int(ksize):][:vsize]
		if err := p.bucket(id, value); err != nil {
			return err
		}
	}
	return nil
}

// bucket checks a bucket in a leaf of page id, and what is below it.
func (p *pages) bucket(id uint64, value []byte) error {
	if len(value) < bucketSize {
		return damaged("a bucket of page %d is cut off", id)
	}
	if root := order.Uint64(value); root != 0 {
		return p.tree(root)
	}
	inline := value[bucketSize:]
	if len(inline) < pageHeader || order.Uint16(inline[8:]) != pageLeaf {
		return damaged("a bucket of page %d has no leaf", id)
	}
	return p.leaf(id, inline)
}

// fits tells whether a record whose element is at some place of a page lies within the page. No key is empty.
func fits(b []byte, at int, pos, ksize, vsize uint32) bool {
	return ksize > 0 && uint64(at)+uint64(pos)+uint64(ksize)+uint64(vsize) <= uint64(len(b))
}

// free claims the list of free pages, and the pages in it.
func (p *pages) free() error {
	b, err := p.claim(p.freelist)
	if err != nil {
		return err
	}
	if flags := order.Uint16(b[8:]); flags != pageFree {
		return damaged("page %d has the type %#x, and should list the free pages", p.freelist, flags)
	}
	ids, count := b[pageHeader:], uint64(order.Uint16(b[10:]))
	if count == 0xFFFF {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return damaged("page %d lists %d free pages, and has no room for them", p.freelist, count)
	}
	for ; count > 0; count, ids = count-1, ids[8:] {
		id := order.Uint64(ids)
		if id < 2 || id >= p.size || p.claimed[id] {
			return damaged("page %d is listed as free", id)
		}
		p.claimed[id] = true
	}
	return nil
}

// readAt fills b. The end of the file is damage; another error is none of the file's.
func readAt(file io.ReaderAt, b []byte, at int64) error {
	switch n, err := file.ReadAt(b, at); {
	case n == len(b):
		return nil
	case err == io.EOF:
		return damaged("it ends at byte %d", at+int64(n))
	default:
		return err
	}
}

func damaged(why string, args ...any) error {
	return fmt.Errorf("%w (%s)", ErrDamaged, fmt.Sprintf(why, args...))
}
