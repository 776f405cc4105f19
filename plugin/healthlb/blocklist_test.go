package healthlb

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/state"
)

// startWithState starts an instance with the pool www of 127.0.0.1 and 127.0.0.2, both up, and a state directory.
func startWithState(t *testing.T, dir string, lines ...string) *instance {
	t.Helper()
	m := newMember(t, "127.0.0.1:0")
	newMember(t, fmt.Sprintf("127.0.0.2:%d", m.port()))
	return startInstance(t, corefile("state "+dir,
		poolText("www", m, append(lines, "member 127.0.0.2")...)))
}

func omitEntry(prefix string) block.Entry {
	return block.Entry{Prefix: netip.MustParsePrefix(prefix), Mode: block.Omit}
}

func add(entries ...block.Entry) admin.BlockChange {
	return admin.BlockChange{Op: admin.BlockAdd, Entries: entries}
}

func TestBlocksOutliveTheProcess(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	t.Run("block", func(t *testing.T) {
		i := startWithState(t, state)
		if _, err := theHub.ChangeBlocklist(add(omitEntry("127.0.0.1/32"))); err != nil {
			t.Fatal(err)
		}
		if got := i.lookup(t, "www.example.org."); !slices.Equal(got, []string{"127.0.0.2"}) {
			t.Errorf("blocked: %v", got)
		}
	})
	t.Run("start again", func(t *testing.T) {
		i := startWithState(t, state)
		if got := i.lookup(t, "www.example.org."); !slices.Equal(got, []string{"127.0.0.2"}) {
			t.Errorf("after a start: %v", got)
		}
		remove := admin.BlockChange{Op: admin.BlockRemove, Remove: omitEntry("127.0.0.1/32")}
		for _, want := range []bool{true, false} {
			if effect, err := theHub.ChangeBlocklist(remove); err != nil || effect.Changed != want {
				t.Errorf("removing: changed %v, %v; want %v", effect.Changed, err, want)
			}
		}
		if got := i.lookup(t, "www.example.org."); len(got) != 2 {
			t.Errorf("unblocked: %v", got)
		}
	})
}

// TestBlockedToTheEnd checks that a block holds while the process ends: queries are still answered when all else has ended.
func TestBlockedToTheEnd(t *testing.T) {
	i := startWithState(t, t.TempDir())
	if _, err := theHub.ChangeBlocklist(add(omitEntry("127.0.0.1/32"))); err != nil {
		t.Fatal(err)
	}
	p := theHub.pool("www.example.org.")
	for _, err := range i.ShutdownCallbacks() {
		t.Error(err)
	}
	theHub.rebuild(p) // as a probe that was in flight may still cause
	if got := i.lookup(t, "www.example.org."); !slices.Equal(got, []string{"127.0.0.2"}) {
		t.Errorf("while the process ends: %v", got)
	}
}

func TestInterlock(t *testing.T) {
	startWithState(t, t.TempDir(), "min_up 2")
	one := add(omitEntry("127.0.0.1/32"))

	dry := one
	dry.DryRun = true
	if effect, err := theHub.ChangeBlocklist(dry); err != nil || effect.Pools[0].Refused == "" || !effect.DryRun {
		t.Errorf("a dry run tells %+v, %v; want a refusal", effect, err)
	}
	var refusal *admin.InterlockError
	if _, err := theHub.ChangeBlocklist(one); !errors.As(err, &refusal) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if e := refusal.Effect; e.Changed || len(e.Addresses) != 1 {
		t.Errorf("effect of what was refused: %+v", e)
	}
	if p := refusal.Effect.Pools[0]; p.EligibleBefore != 2 || p.EligibleAfter != 1 || p.MinUp != 2 {
		t.Errorf("effect %+v", p)
	}
	if entries, _ := theHub.Blocklist(); len(entries) != 0 {
		t.Fatalf("what was refused was done: %v", entries)
	}

	one.Force = true
	if _, err := theHub.ChangeBlocklist(one); err != nil {
		t.Fatal(err)
	}
	// The pool is below min_up now, which does not refuse what leaves someone to name ...
	if _, err := theHub.ChangeBlocklist(add(omitEntry("127.0.0.9/32"))); err != nil {
		t.Errorf("a change that does not touch the pool: %v", err)
	}
	// ... but to name no one at all does.
	if _, err := theHub.ChangeBlocklist(add(omitEntry("127.0.0.2/32"))); !errors.As(err, &refusal) {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestBlocklistPreconditions(t *testing.T) {
	startWithState(t, t.TempDir())
	_, tag := theHub.Blocklist()
	change := add(omitEntry("127.0.0.1/32"))
	change.IfMatch = []string{tag}
	effect, err := theHub.ChangeBlocklist(change)
	if err != nil {
		t.Fatal(err)
	}
	if _, now := theHub.Blocklist(); now != effect.ETag || now == tag {
		t.Errorf("tag before %s, told %s, now %s", tag, effect.ETag, now)
	}
	if _, err := theHub.ChangeBlocklist(change); !errors.Is(err, admin.ErrPrecondition) {
		t.Errorf("with the old tag: %v", err)
	}
	change.IfMatch = []string{}
	if _, err := theHub.ChangeBlocklist(change); !errors.Is(err, admin.ErrPrecondition) {
		t.Errorf("with no tag that may match: %v", err)
	}
	change.IfMatch = []string{"*"}
	if effect, err := theHub.ChangeBlocklist(change); err != nil || effect.Changed {
		t.Errorf("any tag, nothing new: changed %v, %v", effect.Changed, err)
	}
}

func TestBlocksEnd(t *testing.T) {
	i := startWithState(t, t.TempDir())
	e := omitEntry("127.0.0.1/32")
	e.Until = time.Now().Add(time.Second)
	if _, err := theHub.ChangeBlocklist(add(e)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the block has ended", func() bool { return len(i.lookup(t, "www.example.org.")) == 2 })
	if entries, _ := theHub.Blocklist(); len(entries) != 0 {
		t.Errorf("still listed: %v", entries)
	}
	if time.Now().Before(e.Until) {
		t.Error("it ended before its time")
	}
}

// TestBlocksEndWithoutStore checks that blocks end in memory when there is no store to end them in.
func TestBlocksEndWithoutStore(t *testing.T) {
	h := newHub()
	e := omitEntry("192.0.2.1/32")
	e.Until = time.Now().Add(-time.Second)
	h.blocks.Store(block.NewSet([]block.Entry{e, omitEntry("192.0.2.2/32")}))
	h.endBlocks(time.Now())
	if n := h.blocks.Load().Len(); n != 1 {
		t.Errorf("%d blocks are left, want 1", n)
	}
}

func TestExpiredBlocksAreForgotten(t *testing.T) {
	dir := t.TempDir()
	t.Run("block", func(t *testing.T) {
		startWithState(t, dir)
		e := omitEntry("127.0.0.1/32")
		e.Until = time.Now().Add(-time.Second) // as if it had expired while nobody looked
		store := theHub.store.Load()
		if err := store.Update(writeEntry(e)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("start again", func(t *testing.T) {
		i := startWithState(t, dir)
		if got := i.lookup(t, "www.example.org."); len(got) != 2 {
			t.Errorf("the expired block is in force: %v", got)
		}
		if kept := storedBlocks(t); kept != 0 {
			t.Errorf("%d blocks are kept", kept)
		}
	})
}

func TestReplaceIsAllOrNothing(t *testing.T) {
	startWithState(t, t.TempDir())
	list := func(prefixes ...string) admin.BlockChange {
		c := admin.BlockChange{Op: admin.BlockReplace}
		for _, p := range prefixes {
			c.Entries = append(c.Entries, omitEntry(p))
		}
		return c
	}
	if _, err := theHub.ChangeBlocklist(list("192.0.2.0/24", "127.0.0.1/32")); err != nil {
		t.Fatal(err)
	}
	if _, err := theHub.ChangeBlocklist(list("127.0.0.0/8")); err == nil {
		t.Fatal("a list that leaves no one to name was taken")
	}
	entries, _ := theHub.Blocklist()
	if len(entries) != 2 || storedBlocks(t) != 2 {
		t.Errorf("after a refused list: %v, %d kept", entries, storedBlocks(t))
	}
	if _, err := theHub.ChangeBlocklist(list()); err != nil {
		t.Fatal(err)
	}
	if entries, _ := theHub.Blocklist(); len(entries) != 0 || storedBlocks(t) != 0 {
		t.Errorf("after an empty list: %v, %d kept", entries, storedBlocks(t))
	}
}

func TestUnknownPoolsAreWarnedOf(t *testing.T) {
	startWithState(t, t.TempDir())
	e := omitEntry("127.0.0.1/32")
	e.Pool = "typo.example.org."
	effect, err := theHub.ChangeBlocklist(add(e))
	if err != nil || len(effect.Warnings) != 1 || !strings.Contains(effect.Warnings[0], "typo.example.org.") {
		t.Errorf("got %v, %v; want a warning", effect.Warnings, err)
	}
}

func TestWithoutStateNothingCanBeChanged(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	startInstance(t, corefile(poolText("www", m)))
	if _, err := theHub.ChangeBlocklist(add(omitEntry("127.0.0.1/32"))); !errors.Is(err, admin.ErrReadOnly) {
		t.Errorf("got %v, want ErrReadOnly", err)
	}
}

func TestStateCannotBeChangedByAReload(t *testing.T) {
	i := startWithState(t, t.TempDir())
	m := newMember(t, "127.0.0.1:0")
	for _, line := range []string{"state " + t.TempDir(), ""} {
		if err := i.reload(t, corefile(line, poolText("www", m))); err == nil || !strings.Contains(err.Error(), "by a reload") {
			t.Errorf("state line %q: %v", line, err)
		}
	}
	if _, err := theHub.ChangeBlocklist(add(omitEntry("127.0.0.1/32"))); err != nil {
		t.Errorf("the store no longer works: %v", err)
	}
}

// TestStateByReload checks that a state directory can be added by a reload, and that a reload that fails does not leave it open.
func TestStateByReload(t *testing.T) {
	m := newMember(t, "127.0.0.1:0")
	i := startInstance(t, corefile(poolText("www", m)))
	state := "state " + t.TempDir()
	if err := i.reload(t, corefile(state, "admin "+m.Addr().String(), poolText("www", m))); err == nil {
		t.Fatal("a busy admin port was accepted")
	}
	if theHub.store.Load() != nil {
		t.Error("the failed reload left the store open")
	}
	if err := i.reload(t, corefile(state, poolText("www", m))); err != nil {
		t.Fatal(err)
	}
	if _, err := theHub.ChangeBlocklist(add(omitEntry("192.0.2.1/32"))); err != nil {
		t.Error(err)
	}
}

func writeEntry(e block.Entry) func(state.Writer) error {
	return func(w state.Writer) error {
		value, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return w.Put(blocksBucket, e.Key(), value)
	}
}

// storedBlocks returns how many blocks the store keeps.
func storedBlocks(t *testing.T) (n int) {
	t.Helper()
	err := theHub.store.Load().View(func(r state.Reader) error {
		return eachBlock(r, func(block.Entry) { n++ })
	})
	if err != nil {
		t.Error(err)
	}
	return n
}
