//go:build !linux

package stamp

import "io/fs"

// touched would say whether a file was changed although its size and time are the same; here that is not looked at.
func touched(fs.FileInfo, fs.FileInfo) bool { return false }
