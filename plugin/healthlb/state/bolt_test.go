package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestUpdateAndView(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	want(t, b, "", "a", "b")
	err := b.Update(func(w Writer) error {
		return errors.Join(w.Put("a", "x", []byte("1")), w.Put("a", "y", []byte("2")), w.Put("ab", "x", []byte("3")), w.Put("b", "x", nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, b, "a/x=1 a/y=2 b/x=", "a", "b")
	err = b.View(func(r Reader) error {
		if v := r.Get("b", "x"); v == nil {
			t.Error("an empty value reads as none")
		}
		if v := r.Get("b", "y"); v != nil {
			t.Errorf("nothing reads as %q", v)
		}
		if v := r.Get("c", "y"); v != nil {
			t.Errorf("nothing in no bucket reads as %q", v)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestValuesAreCopies(t *testing.T) {
	b := open(t, t.TempDir())
	value := []byte("1")
	err := b.Update(func(w Writer) error {
		if err := w.Put("a", "x", value); err != nil {
			return err
		}
		value[0] = '2'
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = b.View(func(r Reader) error {
		r.Get("a", "x")[0] = '3'
		return r.Each("a", func(_ string, value []byte) error { value[0] = '4'; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, b, "a/x=1", "a")
}

func TestWriterReadsWhatItWrote(t *testing.T) {
	b := open(t, t.TempDir())
	if err := b.Update(func(w Writer) error { return errors.Join(put1(w, "x"), put1(w, "y"), put1(w, "z")) }); err != nil {
		t.Fatal(err)
	}
	err := b.Update(func(w Writer) error {
		seen := ""
		err := w.Each("a", func(key string, _ []byte) error { // a change below its feet
			seen += key
			return errors.Join(w.Delete("a", key), w.Put("a", "new "+key, []byte("1")))
		})
		if seen != "xyz" {
			t.Errorf("visited %q", seen)
		}
		if w.Get("a", "x") != nil || w.Get("a", "new x") == nil || w.Revision() != 1 {
			t.Error("does not read what it wrote")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all, revision := contents(t, b, "a")
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, []string{"a/new x", "a/new y", "a/new z"}) || revision != 2 {
		t.Errorf("%v at revision %d", got, revision)
	}
}

func put1(w Writer, key string) error { return w.Put("a", key, []byte("1")) }

func TestErrorOfAChangeUndoesIt(t *testing.T) {
	b := open(t, t.TempDir())
	b.Watch(func(c Change) { t.Errorf("watched %v", c) })
	mine := errors.New("mine")
	err := b.Update(func(w Writer) error {
		if err := put1(w, "x"); err != nil {
			return err
		}
		return mine
	})
	if err != mine {
		t.Errorf("error %v", err)
	}
	func() {
		defer func() { recover() }()
		_ = b.Update(func(w Writer) error { _ = put1(w, "y"); panic("change") })
	}()
	visitErr := b.Update(func(w Writer) error {
		return errors.Join(put1(w, "z"), w.Each("a", func(string, []byte) error { return mine }))
	})
	if !errors.Is(visitErr, mine) {
		t.Errorf("error of a visit: %v", visitErr)
	}
	all, revision := contents(t, b, "a")
	if len(all) > 0 || revision != 0 {
		t.Errorf("%v at revision %d", all, revision)
	}
}

func TestBadNames(t *testing.T) {
	b := open(t, t.TempDir())
	for _, test := range []struct{ name, bucket, key string }{
		{"empty key", "a", ""}, {"empty bucket", "", "x"}, {"zero byte in a bucket", "a\x00", "x"}, {"long key", "a", strings.Repeat("x", 1<<15)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := put(b, test.bucket, test.key, "1"); err == nil {
				t.Error("accepted")
			}
		})
	}
	if err := put(b, "a", "b\x00c", "1"); err != nil { // a zero byte in a key is one like others
		t.Fatal(err)
	}
	err := b.View(func(r Reader) error {
		return r.Each("a\x00b", func(key string, _ []byte) error { return fmt.Errorf("bucket a has %q for another", key) })
	})
	if err == nil || strings.Contains(err.Error(), "for another") {
		t.Errorf("Each of a bad bucket: %v", err)
	}
}

func TestOnlyChangesCount(t *testing.T) {
	b := open(t, t.TempDir())
	if err := put(b, "a", "x", "1"); err != nil {
		t.Fatal(err)
	}
	var watched []Change
	b.Watch(func(c Change) { watched = append(watched, c) })
	for name, change := range map[string]func(Writer) error{
		"nothing":                 func(Writer) error { return nil },
		"what is there":           func(w Writer) error { return put1(w, "x") },
		"deletes what is not":     func(w Writer) error { return w.Delete("a", "y") },
		"there and back":          func(w Writer) error { return errors.Join(w.Put("a", "x", []byte("2")), put1(w, "x")) },
		"made and deleted":        func(w Writer) error { return errors.Join(put1(w, "y"), w.Delete("a", "y")) },
		"deleted and put back":    func(w Writer) error { return errors.Join(w.Delete("a", "x"), put1(w, "x")) },
		"reads through the write": func(w Writer) error { w.Get("a", "x"); return nil },
	} {
		if err := b.Update(change); err != nil {
			t.Fatal(err)
		}
		if _, revision := contents(t, b, "a"); revision != 1 || len(watched) > 0 {
			t.Errorf("%s: revision %d, watched %v", name, revision, watched)
		}
	}

	err := b.Update(func(w Writer) error {
		return errors.Join(w.Put("a", "z", nil), put1(w, "y"), w.Delete("a", "x"), w.Put("a", "y", []byte("2")), put1(w, "gone"), w.Delete("a", "gone"))
	})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", watched)
	if wanted := "[{Revision:2 Keys:[{Bucket:a Key:z Value:[]} {Bucket:a Key:x Value:[]} {Bucket:a Key:y Value:[50]}]}]"; got != wanted {
		t.Errorf("watched %s\nwant    %s", got, wanted)
	}
	if keys := watched[0].Keys; keys[0].Value == nil || keys[1].Value != nil {
		t.Error("an empty value and a deleted one are not told apart")
	}
}

func TestWatchersSeeACommittedChangeInTurn(t *testing.T) {
	b := open(t, t.TempDir())
	var order []string
	for _, name := range []string{"first", "second"} {
		b.Watch(func(c Change) {
			if _, revision := contents(t, b, "a"); revision != c.Revision {
				t.Errorf("%s sees revision %d while told of %d", name, revision, c.Revision)
			}
			order = append(order, name)
		})
	}
	if err := put(b, "a", "x", "1"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(order, []string{"first", "second"}) {
		t.Errorf("called %v", order)
	}
}

func TestWatchOrderIsRevisionOrder(t *testing.T) {
	b := open(t, t.TempDir())
	var seen []uint64 // no lock: the store promises that watchers run one after the other
	applied := map[string]string{}
	b.Watch(func(c Change) {
		seen = append(seen, c.Revision)
		for _, k := range c.Keys {
			applied[k.Bucket+"/"+k.Key] = string(k.Value)
		}
	})
	var wg sync.WaitGroup
	const writers, writes = 8, 10
	for i := range writers {
		wg.Go(func() {
			for j := range writes {
				if err := put(b, "a", fmt.Sprint(j), fmt.Sprint(i, j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i, revision := range seen {
		if revision != uint64(i+1) {
			t.Fatalf("revision %d came as number %d", revision, i+1)
		}
	}
	all, revision := contents(t, b, "a")
	if !maps.Equal(all, applied) || revision != writers*writes {
		t.Errorf("stored %v at %d, applied %v", all, revision, applied)
	}
}

func TestViewIsOnePicture(t *testing.T) {
	b := open(t, t.TempDir())
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				all, _ := contents(t, b, "a", "b")
				if all["a/x"] != all["b/x"] {
					t.Errorf("half of a transaction: %v", all)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 30 {
		value := []byte(fmt.Sprint(i, strings.Repeat("x", i*300))) // grows the file, and so moves its mapping
		if err := b.Update(func(w Writer) error { return errors.Join(w.Put("a", "x", value), w.Put("b", "x", value)) }); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}

func TestClosed(t *testing.T) {
	b := open(t, t.TempDir())
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := put(b, "a", "x", "1"); err == nil {
		t.Error("a closed store takes a change")
	}
	if err := b.View(func(Reader) error { return nil }); err == nil {
		t.Error("a closed store is read")
	}
}

func TestStoreAgainstAMap(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	rapid.Check(t, func(t *rapid.T) {
		model := map[string]string{}
		var before uint64
		err := b.Update(func(w Writer) error { // the store is the one of the last round
			before = w.Revision()
			return w.Each("a", func(key string, value []byte) error { model[key] = string(value); return nil })
		})
		if err != nil {
			t.Fatal(err)
		}
		was := maps.Clone(model)
		var change Change
		fail := rapid.Bool().Draw(t, "fail")
		err = b.Update(func(w Writer) error {
			for range rapid.IntRange(0, 6).Draw(t, "writes") {
				key := rapid.StringMatching(`[a-c]{1,2}`).Draw(t, "key")
				if rapid.Bool().Draw(t, "put") {
					value := rapid.StringOfN(rapid.Rune(), 0, 3, -1).Draw(t, "value")
					model[key] = value
					if err := w.Put("a", key, []byte(value)); err != nil {
						return err
					}
					continue
				}
				delete(model, key)
				if err := w.Delete("a", key); err != nil {
					return err
				}
			}
			if fail {
				return errors.New("changed my mind")
			}
			return nil
		})
		if fail != (err != nil) {
			t.Fatal(err)
		}
		if fail {
			model = was
		}
		got := map[string]string{}
		err = b.View(func(r Reader) error {
			change.Revision = r.Revision()
			return r.Each("a", func(key string, value []byte) error { got[key] = string(value); return nil })
		})
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, model) || (change.Revision != before) == maps.Equal(was, model) {
			t.Fatalf("got %q, want %q; revision %d -> %d", got, model, before, change.Revision)
		}
	})
}
