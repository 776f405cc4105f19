package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"

	"go.etcd.io/bbolt"
)

// The file has two buckets of bbolt. Data holds all records, each under its bucket's name, a zero byte, and its key. Meta holds one
// value, the head.
var (
	dataBucket = []byte("data")
	metaBucket = []byte("meta")
	headKey    = []byte("head")
)

// format is the version of this layout. A change that an older healthlb would misread gets the next number.
const format = 1

// head is what the store says of itself. bbolt has no checksums but those of its two meta pages, so the head keeps one of all records:
// a block that a bit of bad luck has turned into another address must not go unnoticed.
type head struct {
	revision uint64
	contents uint64 // the sum of the records' recordSum, modulo 2^64: a change of one record needs no look at the others
}

// On disk the head is four big-endian numbers: format, revision, contents and the sum of these 24 bytes.
const headSize = 4 * 8

func readHead(tx *bbolt.Tx) (head, error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return head{}, fmt.Errorf("%w (a bbolt database, but not healthlb's)", ErrFormat)
	}
	b := meta.Get(headKey)
	if len(b) < 8 {
		return head{}, fmt.Errorf("%w (its head is missing)", ErrDamaged)
	}
	if f := binary.BigEndian.Uint64(b); f > format {
		return head{}, fmt.Errorf("%w: %d, where this healthlb knows up to %d", ErrFormat, f, format)
	}
	if len(b) != headSize || binary.BigEndian.Uint64(b[24:]) != sum(b[:24]) {
		return head{}, fmt.Errorf("%w (its head has a wrong checksum)", ErrDamaged)
	}
	return head{revision: binary.BigEndian.Uint64(b[8:]), contents: binary.BigEndian.Uint64(b[16:])}, nil
}

func writeHead(tx *bbolt.Tx, h head) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return errors.New("the store has no head")
	}
	b := make([]byte, 0, headSize)
	b = binary.BigEndian.AppendUint64(b, format)
	b = binary.BigEndian.AppendUint64(b, h.revision)
	b = binary.BigEndian.AppendUint64(b, h.contents)
	b = binary.BigEndian.AppendUint64(b, sum(b))
	return meta.Put(headKey, b)
}

// recordSum is the checksum of one record. The length of the key keeps a byte from moving between key and value unseen.
func recordSum(key, value []byte) uint64 {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(key)))
	return sum(length[:], key, value)
}

// sum is FNV-1a of 64 bits: against accidents, not against attackers.
func sum(parts ...[]byte) uint64 {
	h := fnv.New64a()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum64()
}
