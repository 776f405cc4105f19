package state

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"

	"go.etcd.io/bbolt"
)

// Bolt is a Store in one file.
type Bolt struct {
	db *bbolt.DB

	// writing is held from the start of a transaction until its last watcher has returned, so that the order of what watchers see is
	// the order of revisions. It guards the fields below.
	writing  sync.Mutex
	watchers []func(Change)
	broken   error // set when nobody can know what is on the disk; only a restart finds out
}

var _ Store = (*Bolt)(nil)

// errKeep ends a transaction that changes nothing.
var errKeep = errors.New("nothing to write")

// View implements Store. read must not call Update.
func (b *Bolt) View(read func(Reader) error) error {
	return b.db.View(func(tx *bbolt.Tx) error {
		r, err := newReader(tx)
		if err != nil {
			return err
		}
		return read(r)
	})
}

// Update implements Store. change must not call View or Update.
func (b *Bolt) Update(change func(Writer) error) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	if b.broken != nil {
		return b.broken
	}

	var done Change
	refused := false // by change itself
	err := b.db.Update(func(tx *bbolt.Tx) error {
		r, err := newReader(tx)
		if err != nil {
			return err
		}
		done.Revision = r.head.revision + 1
		w := &writer{reader: r, written: make(map[string]*written)}
		if err := change(w); err != nil {
			refused = true
			return err
		}
		if done.Keys = w.changes(); len(done.Keys) == 0 {
			return errKeep
		}
		return writeHead(tx, head{revision: done.Revision, contents: w.contents()})
	})
	switch {
	case refused:
		return err
	case err == errKeep:
		return nil
	case err != nil:
		return b.failed(done.Revision, err)
	}
	for _, apply := range b.watchers {
		apply(done)
	}
	return nil
}

// failed is the error of a transaction that could not be written. bbolt undoes it, unless the very last step failed, the sync of the meta
// page: then the change may be read already, while nobody knows whether it is on the disk. To go on would be to answer later changes
// on the ground of one that was refused and never applied.
func (b *Bolt) failed(revision uint64, err error) error {
	err = fmt.Errorf("state file %s: not written: %w", b.db.Path(), withErrno(err))
	if revision == 0 {
		return err
	}
	var visible uint64
	if viewErr := b.View(func(r Reader) error { visible = r.Revision(); return nil }); viewErr != nil || visible >= revision {
		b.broken = fmt.Errorf("no changes until a restart, as an earlier one failed half way: %w", err)
	}
	return err
}

// withErrno gives a full disk its errno back, which bbolt reduces to its text when it fails to grow the file.
func withErrno(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && strings.HasSuffix(err.Error(), syscall.ENOSPC.Error()) {
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	return err
}

// Watch implements Store. It waits for a transaction under way, so apply must not call it.
func (b *Bolt) Watch(apply func(Change)) {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.watchers = append(b.watchers, apply)
}

// Close implements Store.
func (b *Bolt) Close() error {
	b.writing.Lock()
	defer b.writing.Unlock()
	return b.db.Close()
}
