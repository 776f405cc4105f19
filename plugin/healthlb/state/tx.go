package state

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.etcd.io/bbolt"
)

// reader implements Reader on a transaction of bbolt.
type reader struct {
	head head
	data *bbolt.Bucket
}

func newReader(tx *bbolt.Tx) (reader, error) {
	h, err := readHead(tx)
	return reader{h, tx.Bucket(dataBucket)}, err
}

// recordPrefix is how the keys of a bucket's records begin in the file. The zero byte ends the bucket's name, and is not in it.
func recordPrefix(bucket string) ([]byte, error) {
	if bucket == "" || strings.Contains(bucket, "\x00") {
		return nil, fmt.Errorf("state: bad name of a bucket %q: want one that is not empty and has no zero byte", bucket)
	}
	return []byte(bucket + "\x00"), nil
}

// recordKey is the key of a record in the file.
func recordKey(bucket, key string) ([]byte, error) {
	prefix, err := recordPrefix(bucket)
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, fmt.Errorf("state: empty key in bucket %q", bucket)
	}
	return append(prefix, key...), nil
}

func (r reader) Revision() uint64 { return r.head.revision }

func (r reader) Get(bucket, key string) []byte {
	k, err := recordKey(bucket, key)
	if err != nil {
		return nil
	}
	return r.get(k)
}

// get returns a copy of a value: not nil, be it empty, when the record exists.
func (r reader) get(record []byte) []byte {
	if found, v := r.data.Cursor().Seek(record); bytes.Equal(found, record) {
		return append([]byte{}, v...)
	}
	return nil
}

func (r reader) Each(bucket string, visit func(key string, value []byte) error) error {
	prefix, err := recordPrefix(bucket)
	if err != nil {
		return err
	}
	c := r.data.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if err := visit(string(k[len(prefix):]), append([]byte{}, v...)); err != nil {
			return err
		}
	}
	return nil
}

// writer implements Writer.
type writer struct {
	reader
	written map[string]*written // by record key
	writes  int
}

// written is a record that the transaction has written.
type written struct {
	bucket, key   string
	before, after []byte // nil: there is none
	turn          int    // of the last write, counted through the transaction
}

func (w *writer) Put(bucket, key string, value []byte) error {
	return w.write(bucket, key, append([]byte{}, value...))
}

func (w *writer) Delete(bucket, key string) error {
	return w.write(bucket, key, nil)
}

func (w *writer) write(bucket, key string, value []byte) error {
	record, err := recordKey(bucket, key)
	if err != nil {
		return err
	}
	rec := w.written[string(record)]
	if rec == nil {
		before := w.get(record)
		rec = &written{bucket: bucket, key: key, before: before, after: before}
		w.written[string(record)] = rec
	}
	if value == nil {
		err = w.data.Delete(record)
	} else {
		err = w.data.Put(record, value)
	}
	if err != nil {
		return fmt.Errorf("state: bucket %q, key %q: %w", bucket, key, err)
	}
	w.writes++
	rec.after, rec.turn = value, w.writes
	return nil
}

// Each visits what was there when it was called: visit may write, which a cursor of bbolt does not survive.
func (w *writer) Each(bucket string, visit func(key string, value []byte) error) error {
	type pair struct {
		key   string
		value []byte
	}
	var pairs []pair
	err := w.reader.Each(bucket, func(key string, value []byte) error {
		pairs = append(pairs, pair{key, value})
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if err := visit(p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

// changes returns what the transaction changes in the end, in the order of the last writes.
func (w *writer) changes() []KeyChange {
	var keys []KeyChange
	for _, rec := range slices.SortedFunc(maps.Values(w.written), func(a, b *written) int { return cmp.Compare(a.turn, b.turn) }) {
		if !rec.same() {
			keys = append(keys, KeyChange{Bucket: rec.bucket, Key: rec.key, Value: rec.after})
		}
	}
	return keys
}

// same tells whether the record is as it was. An empty value is not the same as none.
func (rec *written) same() bool {
	return bytes.Equal(rec.before, rec.after) && (rec.before == nil) == (rec.after == nil)
}

// contents is the head's sum after the transaction.
func (w *writer) contents() uint64 {
	total := w.head.contents
	for record, rec := range w.written {
		if rec.before != nil {
			total -= recordSum([]byte(record), rec.before)
		}
		if rec.after != nil {
			total += recordSum([]byte(record), rec.after)
		}
	}
	return total
}
