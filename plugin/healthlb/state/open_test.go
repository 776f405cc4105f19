package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func TestDirectoryAndFileAreMadePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	b := open(t, dir)
	if err := put(b, "a", "x", "1"); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, FileName): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
}

func TestReopening(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		b := open(t, dir)
		if all, revision := contents(t, b, "a"); len(all) != i || revision != uint64(i) {
			t.Errorf("round %d: %v at revision %d", i, all, revision)
		}
		if err := put(b, "a", padded(i), "1"); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhereNothingCanBeOpened(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dirForFile := t.TempDir()
	if err := os.Mkdir(filepath.Join(dirForFile, FileName), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, dir string }{
		{"a file for a directory", file}, {"below a file", filepath.Join(file, "x")},
		{"a directory for a file", dirForFile},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := OpenBolt(test.dir, 0)
			if err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(test.dir, "/x")) {
				t.Errorf("error %v, want one that names %s", err, test.dir)
			}
		})
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := filepath.Join(os.TempDir(), filepath.Base(t.TempDir())+fmt.Sprint("-readonly-", os.Getpid())) // the parents of TempDir are private
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	p := start(t, "open", dir, func(cmd *exec.Cmd) {
		if os.Geteuid() == 0 { // root may write everywhere
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			cmd.Path = readable(t)
		}
	})
	if got := p.line(t); !strings.HasPrefix(got, "error:") || !strings.Contains(got, "permission denied") || !strings.Contains(got, dir) {
		t.Errorf("the child says %q", got)
	}
}

// readable is a copy of the test binary where everybody can start it.
func readable(t *testing.T) string {
	t.Helper()
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.CreateTemp("", "healthlb-state-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(to.Name()) })
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Chmod(0o755), to.Close()); err != nil {
		t.Fatal(err)
	}
	return to.Name()
}

func justOpen(dir string) error {
	b, err := OpenBolt(dir, 0)
	if err != nil {
		return err
	}
	return b.Close()
}

func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	holder := start(t, "hold", dir)
	if got := holder.line(t); got != "held" {
		t.Fatal(got)
	}
	_, err := OpenBolt(dir, 3*lockRetry)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), filepath.Join(dir, FileName)) {
		t.Fatalf("error %v, want one that says that %s is in use", err, filepath.Join(dir, FileName))
	}

	opened := make(chan error)
	go func() {
		b, err := OpenBolt(dir, patience)
		if err == nil {
			err = b.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("opened what another process holds: %v", err)
	case <-time.After(3 * lockRetry):
	}
	holder.kill()
	if err := <-opened; err != nil {
		t.Errorf("not opened when the other was gone: %v", err)
	}
}

// hold holds a store until its standard input ends.
func hold(dir string) error {
	if _, err := OpenBolt(dir, 0); err != nil {
		return err
	}
	fmt.Println("held")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func TestAcknowledgedChangesSurviveKill9(t *testing.T) {
	dir := t.TempDir()
	last := -1
	for round := range 6 {
		p := start(t, "write", dir)
		for range 5 + 7*round {
			last = number(t, p.line(t))
		}
		p.Process.Kill()
		for p.out.Scan() { // acknowledged before it died
			last = number(t, p.out.Text())
		}
		p.Wait()

		b := open(t, dir)
		all, revision := contents(t, b, "a")
		for i := range last + 1 {
			if all["a/"+padded(i)] != "acknowledged" {
				t.Fatalf("round %d: %d of %d acknowledged is lost", round, i, last)
			}
		}
		if len(all) > last+2 || revision != uint64(len(all)) { // one may be written and not yet acknowledged
			t.Errorf("round %d: %d records at revision %d, %d acknowledged", round, len(all), revision, last+1)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// writeForEver writes one record after the other, and says which when the store has acknowledged it.
func writeForEver(dir string) error {
	b, err := OpenBolt(dir, patience)
	if err != nil {
		return err
	}
	var next int
	if err := b.View(func(r Reader) error { next = int(r.Revision()); return nil }); err != nil {
		return err
	}
	for ; ; next++ {
		if err := put(b, "a", padded(next), "acknowledged"); err != nil {
			return err
		}
		fmt.Println(padded(next))
	}
}

func TestWriteErrorChangesNothing(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "limit", dir)
	if got := p.line(t); got != "ok" {
		t.Fatal(got)
	}
	want(t, open(t, dir), "a/before=1 a/after=1", "a")
}

// runIntoLimit lets a write fail because the file may not grow, and then goes on.
func runIntoLimit(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	b, err := OpenBolt(dir, 0)
	if err != nil {
		return err
	}
	if err := put(b, "a", "before", "1"); err != nil {
		return err
	}
	b.Watch(func(c Change) {
		if c.Keys[0].Key == "big" {
			panic("a change that failed is told")
		}
	})
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(info.Size()), Max: limit.Max}); err != nil {
		return err
	}
	for range 3 {
		if err := put(b, "a", "big", strings.Repeat("x", 1<<20)); err == nil || !strings.Contains(err.Error(), "not written") {
			return fmt.Errorf("written beyond the limit: %v", err)
		}
		err := b.View(func(r Reader) error {
			if r.Get("a", "big") != nil || r.Revision() != 1 {
				return errors.New("half of a transaction is there")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := put(b, "a", "after", "1"); err != nil {
		return err
	}
	fmt.Println("ok")
	return b.Close()
}

func TestErrnoThatBoltReducesToText(t *testing.T) {
	err := withErrno(fmt.Errorf("file resize error: %s", &os.PathError{Op: "truncate", Path: "x", Err: syscall.ENOSPC}))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v is not ENOSPC", err)
	}
	if err := withErrno(syscall.EIO); errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v is ENOSPC", err)
	}
}

func TestFormats(t *testing.T) {
	for _, test := range []struct {
		name, want string
		make       func(*bbolt.Tx) error
	}{
		{"newer", "2, where this healthlb knows up to 1", func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket(metaBucket)
			if err != nil {
				return err
			}
			return b.Put(headKey, binary.BigEndian.AppendUint64(nil, format+1))
		}},
		{"of another program", "not healthlb's", func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("x")); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			db, err := bbolt.Open(filepath.Join(dir, FileName), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.Update(test.make), db.Close()); err != nil {
				t.Fatal(err)
			}
			_, err = OpenBolt(dir, 0)
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestProcessKilledWhileMakingTheStore(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"a file under another name": func(path string) error { return os.WriteFile(path+".new-1", nil, 0o600) },
		"an empty database": func(path string) error {
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := prepare(filepath.Join(dir, FileName)); err != nil {
				t.Fatal(err)
			}
			b := open(t, dir)
			if err := put(b, "a", "x", "1"); err != nil {
				t.Fatal(err)
			}
			want(t, b, "a/x=1", "a")
		})
	}
}

// TestFileOfNoLength checks that a file that was cut to nothing is not taken for a new one.
func TestFileOfNoLength(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBolt(dir, 0); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
	if info, err := os.Stat(filepath.Join(dir, FileName)); err != nil || info.Size() != 0 {
		t.Errorf("the file was changed: %v, %v", info, err)
	}
}
