package healthlb

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/rollout"
	"example.org/healthlb/plugin/healthlb/state"
)

// Where the store keeps what comes at run time, beside the block list. The keys are the pool's name, and behind a space the member's id.
const (
	poolsBucket    = "pools"
	membersBucket  = "members"
	drainsBucket   = "drains"
	rolloutsBucket = "rollouts"
)

// The bounds of what comes at run time, for the whole process. With 100,000 pools, members and drains
// the store had 124 MB.
const (
	maxRuntimePools   = 100_000
	maxRuntimeMembers = 100_000
	maxDrains         = 100_000
)

// keptPool is a pool made at run time.
type keptPool struct {
	Lines []string `json:"lines"`
}

// keptMember is a member added at run time.
type keptMember struct {
	api.MemberSpec
	Registered *registered `json:"registered,omitempty"` // nil: an operator added it
}

// registered is what makes a member one that registered itself. Its lease is not kept: after a restart it runs one full TTL.
type registered struct {
	TTL    time.Duration `json:"ttl"`
	Secret []byte        `json:"secret"` // SHA-256 of it
}

// digest returns what is kept of a secret: who reads the store cannot renew with it.
func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// keptDrain is an order to drain a member.
type keptDrain struct {
	Since  time.Time `json:"since"`
	Out    time.Time `json:"out"` // when answers cease to name it
	Owner  string    `json:"owner,omitempty"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
}

// kept is what came at run time, as the store has it. It is changed as the changes come out of the store's watch.
type kept struct {
	pools    map[string]keptPool
	members  map[string]map[string]keptMember // by pool and id
	drains   map[string]map[string]keptDrain  // by pool and id
	rollouts map[string]rollout.Rollout       // by pool

	countMembers, countDrains int
}

func newKept() *kept {
	return &kept{
		pools: make(map[string]keptPool), members: make(map[string]map[string]keptMember),
		drains: make(map[string]map[string]keptDrain), rollouts: make(map[string]rollout.Rollout),
	}
}

// touched is which pools a change concerns, and in what.
type touched struct {
	pools, members, drains map[string]bool
}

// take takes in a key's new value. It returns an error when the value cannot be read; then nothing is changed.
func (k *kept) take(c state.KeyChange, t *touched) error {
	name, id, _ := strings.Cut(c.Key, " ")
	switch c.Bucket {
	case poolsBucket:
		mark(&t.pools, name)
		return takeOne(k.pools, name, c)
	case membersBucket:
		mark(&t.members, name)
		return takeNested(k.members, &k.countMembers, name, id, c)
	case drainsBucket:
		mark(&t.drains, name)
		return takeNested(k.drains, &k.countDrains, name, id, c)
	case rolloutsBucket:
		return takeOne(k.rollouts, name, c)
	}
	return nil
}

func mark(m *map[string]bool, name string) {
	if *m == nil {
		*m = make(map[string]bool)
	}
	(*m)[name] = true
}

func takeOne[T any](m map[string]T, name string, c state.KeyChange) error {
	if c.Value == nil {
		delete(m, name)
		return nil
	}
	var v T
	if err := json.Unmarshal(c.Value, &v); err != nil {
		return unreadable(c, err)
	}
	m[name] = v
	return nil
}

func takeNested[T any](m map[string]map[string]T, count *int, name, id string, c state.KeyChange) error {
	if c.Value == nil {
		if _, found := m[name][id]; found {
			*count--
		}
		if delete(m[name], id); len(m[name]) == 0 {
			delete(m, name)
		}
		return nil
	}
	var v T
	if err := json.Unmarshal(c.Value, &v); err != nil {
		return unreadable(c, err)
	}
	if m[name] == nil {
		m[name] = make(map[string]T)
	}
	if _, found := m[name][id]; !found {
		*count++
	}
	m[name][id] = v
	return nil
}

func unreadable(c state.KeyChange, err error) error {
	return fmt.Errorf("%q in %s cannot be read: %w; restore a copy of the store, or move it away to start without", c.Key, c.Bucket, err)
}

// readKept takes in what a store holds, when the process starts: each lease runs one full TTL from now, and rollouts are paused. The caller
// holds h.mu.
func (h *hub) readKept(store state.Store, now time.Time) error {
	k, err := readAll(store)
	if err != nil {
		return err
	}
	h.leases.clear()
	for name, members := range k.members {
		for id, m := range members {
			if m.Registered != nil {
				h.leases.set(memberKey(name, id), now.Add(m.Registered.TTL))
				wake(h.lapses)
			}
		}
	}
	for name, r := range k.rollouts {
		k.rollouts[name] = r.Restarted(now)
	}
	h.keeping.Lock()
	defer h.keeping.Unlock()
	h.kept = k
	return nil
}

func readAll(store state.Store) (*kept, error) {
	k := newKept()
	err := store.View(func(r state.Reader) error {
		for _, bucket := range []string{poolsBucket, membersBucket, drainsBucket, rolloutsBucket} {
			err := r.Each(bucket, func(key string, value []byte) error {
				return k.take(state.KeyChange{Bucket: bucket, Key: key, Value: value}, new(touched))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return k, err
}

// put writes a value into the store.
func put(w state.Writer, bucket, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return w.Put(bucket, key, text)
}

// memberKey is the key of a member, and of its drain.
func memberKey(pool, id string) string { return pool + " " + id }

// text is the member as a line of a Corefile would say it.
func (m keptMember) text(id string) config.MemberText {
	return config.MemberText{
		ID: id, Addresses: m.Addresses, ProbeAddresses: m.ProbeAddresses, Region: m.Region,
		Weight: m.Weight, Priority: m.Priority, Port: m.Port,
	}
}

// source is who added the member, as the API tells it.
func (m keptMember) source() string {
	if m.Registered != nil {
		return "registration"
	}
	return "api"
}

// drainsOf returns the drains of a pool as the pool wants them.
func (k *kept) drainsOf(name string) map[string]pool.Drain {
	if len(k.drains[name]) == 0 {
		return nil
	}
	drains := make(map[string]pool.Drain, len(k.drains[name]))
	for id, d := range k.drains[name] {
		drains[id] = pool.Drain{Out: d.Out}
	}
	return drains
}
