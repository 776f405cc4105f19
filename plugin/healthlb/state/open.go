package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// FileName is the name of the store's file in its directory.
const FileName = "healthlb.db"

// The errors of OpenBolt that a caller may want to tell from others.
var (
	ErrInUse   = errors.New("in use by another process")
	ErrDamaged = errors.New("damaged")
	ErrFormat  = errors.New("of an unknown format")
)

// lockRetry is the wait between two tries to lock the file. A process that ends releases its lock at once, so a short wait only costs
// a few system calls.
const lockRetry = 20 * time.Millisecond

// OpenBolt opens the store in dir, and makes both when they are missing. It waits at most lockWait for another process to let go of the
// file: a restart may start the new process before the old one is gone.
//
// The whole file is checked before anything is written to it. A damaged one is an error, and stays as it is.
func OpenBolt(dir string, lockWait time.Duration) (*Bolt, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	path := filepath.Join(dir, FileName)
	if err := create(path); err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	db, err := openChecked(path, lockWait)
	switch {
	case err == nil:
		return &Bolt{db: db}, nil
	case errors.Is(err, ErrInUse):
		return nil, fmt.Errorf("state file %s is %w (waited %s): stop that process, or say another state directory", path, err, lockWait)
	case errors.Is(err, ErrDamaged):
		return nil, fmt.Errorf("state file %s is %w; nothing in it was changed: restore a copy of it, or move it away to start with "+
			"nothing blocked", path, err)
	case errors.Is(err, ErrFormat):
		return nil, fmt.Errorf("state file %s is %w: start the healthlb that wrote it, or say another state directory", path, err)
	}
	return nil, fmt.Errorf("state file: %w", err)
}

// create makes an empty store, if there is no file yet. It is whole from the first moment on under its own name, so that a file of no
// length is one that was cut, and not one that was about to be made.
func create(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), FileName+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := file.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(file.Name(), 0o600, &bbolt.Options{Timeout: lockRetry})
	if err != nil {
		return err
	}
	if err := errors.Join(initialise(db), db.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) { // it exists: another process was quicker
		return err
	}
	return syncDir(filepath.Dir(path))
}

// openChecked opens the file so that it is locked first, then read without bbolt (which maps it into memory, and crashes on bad
// offsets), and only then given to bbolt.
func openChecked(path string, lockWait time.Duration) (db *bbolt.DB, err error) {
	var file *os.File
	defer func() {
		if r := recover(); r != nil { // bbolt asserts by panic
			err = fmt.Errorf("%w (%v)", ErrDamaged, r)
		}
		if err != nil && file != nil {
			file.Close() // also when bbolt has closed it already
		}
	}()

	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockRetry, // never waited for: the lock that lockFile takes is that of the same open file
		OpenFile: func(path string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(path, flag, mode)
			if err != nil {
				return nil, err
			}
			file = f
			if err := lockFile(file, lockWait); err != nil {
				return nil, err
			}
			info, err := file.Stat()
			if err != nil {
				return nil, err
			}
			if info.Size() == 0 {
				return nil, fmt.Errorf("%w (it is empty)", ErrDamaged) // which bbolt would take for new
			}
			return file, checkPages(file, info.Size())
		},
	})
	if err != nil {
		return nil, err
	}
	for _, step := range []func(*bbolt.DB) error{checkKeys, checkHead, initialise} {
		if err := step(db); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// lockFile takes the lock that bbolt uses, flock(2), for this open file.
func lockFile(file *os.File, wait time.Duration) error {
	for deadline := time.Now().Add(wait); ; time.Sleep(lockRetry) {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("flock %s: %w", file.Name(), err)
		case !time.Now().Before(deadline):
			return ErrInUse
		}
	}
}

// checkKeys runs bbolt's own check, which after checkPages has the order of keys to add.
func checkKeys(db *bbolt.DB) error {
	return db.View(func(tx *bbolt.Tx) error {
		var first error
		for err := range tx.Check() {
			if first == nil {
				first = fmt.Errorf("%w (%w)", ErrDamaged, err)
			}
		}
		return first
	})
}

// checkHead compares what the store says of itself with what is in it.
func checkHead(db *bbolt.DB) error {
	return db.View(func(tx *bbolt.Tx) error {
		if key, _ := tx.Cursor().First(); key == nil { // from a process killed before initialise
			return nil
		}
		data := tx.Bucket(dataBucket)
		h, err := readHead(tx)
		if err != nil {
			return err
		}
		if data == nil {
			return fmt.Errorf("%w (its records are missing)", ErrDamaged)
		}
		var contents uint64
		if err := data.ForEach(func(k, v []byte) error { contents += recordSum(k, v); return nil }); err != nil {
			return err
		}
		if contents != h.contents {
			return fmt.Errorf("%w (its records are not those that were written)", ErrDamaged)
		}
		return nil
	})
}

// initialise fills a new store.
func initialise(db *bbolt.DB) error {
	err := db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(metaBucket) != nil {
			return errKeep
		}
		if _, err := tx.CreateBucket(dataBucket); err != nil {
			return err
		}
		if _, err := tx.CreateBucket(metaBucket); err != nil {
			return err
		}
		return writeHead(tx, head{})
	})
	if err == errKeep {
		return nil
	}
	return err
}

// syncDir makes a new file's name in its directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
