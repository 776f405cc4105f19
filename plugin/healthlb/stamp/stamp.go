// Package stamp recognises files that have changed, without being told: looking works for files that are written in place, replaced by
// renaming, or reached by a symlink that is swapped, and on every file system.
package stamp

import (
	"io/fs"
	"os"
	"slices"
)

// Files is what some files look like from outside, in the order of their paths; nil for a file that is not there.
type Files []fs.FileInfo

// Of looks at files, through symlinks. Look before reading: what changes in between is then seen as a change the next time.
func Of(paths []string) Files {
	files := make(Files, len(paths))
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil {
			files[i] = info
		}
	}
	return files
}

// Equal says whether the files look the same: the same files, of the same size, last written at the same time.
func (f Files) Equal(other Files) bool { return slices.EqualFunc(f, other, same) }

// Replaced says whether all that differs from before are other files in the place of what was there: put there whole, and not being
// written.
func (f Files) Replaced(before Files) bool {
	return slices.EqualFunc(f, before, func(a, b fs.FileInfo) bool {
		return same(a, b) || a != nil && b != nil && !os.SameFile(a, b)
	})
}

func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && !touched(a, b)
}
