package stamp

import (
	"sync"
	"sync/atomic"
	"time"
)

// Watched is what was read from files. It is read again, on use, when they have changed; what cannot be read leaves the old value in
// force. Renames and swaps of symbolic links count as changes, as the files are looked at through their names.
type Watched[T any] struct {
	what  string // whose files they are, for warnings
	files []string
	every time.Duration
	warn  func(format string, args ...any)
	read  func() (T, error)
	value atomic.Pointer[T]

	mu     sync.Mutex // guards what follows; held while the files are looked at
	looked time.Time
	stamps Files  // of files
	warned string // the last error, "" when the value is that of the files
}

// settled is the age from which a file's time tells all its changes: below it, a second write may have the time of the first, as file
// systems count in steps (2s on FAT, 1s on old ones, 10ms on ext4 and XFS).
const settled = 2 * time.Second

// Watch reads the files for the first time. Afterwards they are looked at when the value is asked for, once in every at most. What cannot be
// read then is told to warn, with what in front. Without files the value stays as it is.
func Watch[T any](what string, files []string, every time.Duration, warn func(string, ...any), read func() (T, error)) (*Watched[T], error) {
	w := &Watched[T]{what: what, files: files, every: every, warn: warn, read: read, looked: time.Now()}
	w.stamps = Of(w.files) // before reading: a change in between is then seen as one
	value, err := read()
	if err != nil {
		return nil, err
	}
	w.value.Store(&value)
	return w, nil
}

// Get returns the value in force.
func (w *Watched[T]) Get() T {
	if w.mu.TryLock() { // whoever comes while another looks takes the old value instead of waiting
		if now := time.Now(); now.Sub(w.looked) >= w.every {
			w.look(now)
		}
		w.mu.Unlock()
	}
	return *w.value.Load()
}

func (w *Watched[T]) look(now time.Time) {
	stamps := Of(w.files)
	changed := !stamps.Equal(w.stamps)
	if !changed && !w.fresh() {
		w.looked = now
		return
	}
	w.looked = now
	value, err := w.read()
	if err == nil {
		w.value.Store(&value)
		w.stamps, w.warned = stamps, "" // only now: what cannot be read is tried again, as the reason may pass
		return
	}
	if err.Error() != w.warned {
		w.warned = err.Error()
		w.warn("%s: what was read before stays in force: %v", w.what, err)
	}
}

// fresh tells whether some file was so young when it was last looked at that it may have changed since with the same time.
func (w *Watched[T]) fresh() bool {
	for _, info := range w.stamps {
		if info != nil && w.looked.Sub(info.ModTime()) < settled {
			return true
		}
	}
	return false
}
