package webhook

import (
	"time"

	"example.org/healthlb/plugin/healthlb/stamp"
)

// watched is what was made of a file. It is made again, on use, when the file has changed; what cannot be read leaves the old value in
// force. It is used by one goroutine.
type watched[T any] struct {
	file   string // empty: it stays as it is
	warn   func(format string, args ...any)
	read   func(file string) (T, error)
	value  T
	looked time.Time
	stamps stamp.Files
	warned string // the last error, "" when the value is that of the file
}

// settled is the age from which a file's time tells all its changes: below it, a second write may have the time of the first, as file
// systems count in steps (2s on FAT, 1s on old ones, 10ms on ext4 and XFS).
const settled = 2 * time.Second

// watch reads a file for the first time.
func watch[T any](file string, warn func(string, ...any), read func(string) (T, error)) (*watched[T], error) {
	w := &watched[T]{file: file, warn: warn, read: read, looked: time.Now()}
	w.stamps = stamp.Of([]string{file}) // before reading: a change in between is then seen as one
	var err error
	w.value, err = read(file)
	return w, err
}

// get returns the value in force, and looks at the file before: that is little beside a post.
func (w *watched[T]) get() T {
	if w.file == "" {
		return w.value
	}
	stamps := stamp.Of([]string{w.file})
	changed := !stamps.Equal(w.stamps) || w.fresh()
	w.looked = time.Now()
	if !changed {
		return w.value
	}
	value, err := w.read(w.file)
	if err == nil {
		w.value, w.stamps, w.warned = value, stamps, ""
	} else if err.Error() != w.warned { // and tried again the next time, as the reason may pass
		w.warned = err.Error()
		w.warn("on_change: what was read before stays in force: %v", err)
	}
	return w.value
}

// fresh tells whether the file was so young when it was last looked at that it may have changed since with the same time.
func (w *watched[T]) fresh() bool {
	info := w.stamps[0]
	return info != nil && w.looked.Sub(info.ModTime()) < settled
}
