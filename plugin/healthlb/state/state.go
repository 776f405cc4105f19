// Package state keeps what must survive a restart. It knows buckets, keys and values, and nothing of what they mean.
package state

// Store is a transactional store with a watch. Whoever applies what is stored does it as it comes out of the watch, so that a change
// made here and one made elsewhere take the same way.
type Store interface {
	// View runs read on one consistent picture of the store.
	View(read func(Reader) error) error

	// Update runs change in one transaction. When change returns an error, nothing is changed and that error is returned. Otherwise
	// the change is durable, and every watcher has returned from it, when Update returns nil. Updates run one after the other.
	Update(change func(Writer) error) error

	// Watch has apply called with every change from now on, in order. apply must not call Update.
	Watch(apply func(Change))

	// Close releases the store, after updates under way.
	Close() error
}

// Reader reads one consistent picture of the store.
type Reader interface {
	// Revision counts the transactions that changed something since the store was made.
	Revision() uint64
	// Get returns a copy of the value, or nil when there is none.
	Get(bucket, key string) []byte
	// Each calls visit with every key of a bucket in byte order, until it returns an error, which Each returns.
	Each(bucket string, visit func(key string, value []byte) error) error
}

// Writer also changes the store. What it wrote, it reads back.
type Writer interface {
	Reader
	Put(bucket, key string, value []byte) error
	Delete(bucket, key string) error
}

// Change is what one transaction did.
type Change struct {
	Revision uint64
	Keys     []KeyChange // in the order in which they were written
}

// KeyChange is a key's new value.
type KeyChange struct {
	Bucket, Key string
	Value       []byte // nil: deleted
}
