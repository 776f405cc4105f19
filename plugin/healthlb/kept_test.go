package healthlb

import (
	"strings"
	"testing"

	"example.org/healthlb/plugin/healthlb/state"
)

func TestKept(t *testing.T) {
	k := newKept()
	var tt touched
	take := func(bucket, key, value string) error {
		c := state.KeyChange{Bucket: bucket, Key: key}
		if value != "" {
			c.Value = []byte(value)
		}
		return k.take(c, &tt)
	}
	for _, step := range []struct {
		bucket, key, value string
		members, drains    int
	}{
		{membersBucket, "a. web-1", `{"addresses":["192.0.2.1"]}`, 1, 0},
		{membersBucket, "a. web-1", `{"addresses":["192.0.2.2"]}`, 1, 0},
		{membersBucket, "b. web-1", `{"addresses":["192.0.2.1"],"registered":{"ttl":30000000000,"secret":"eA=="}}`, 2, 0},
		{drainsBucket, "a. web-1", `{"since":"2030-01-01T00:00:00Z","out":"2030-01-01T00:00:00Z"}`, 2, 1},
		{membersBucket, "a. nobody", "", 2, 1},
		{drainsBucket, "a. web-1", "", 2, 0},
		{drainsBucket, "a. web-1", "", 2, 0},
		{membersBucket, "a. web-1", "", 1, 0},
	} {
		if err := take(step.bucket, step.key, step.value); err != nil {
			t.Fatal(err)
		}
		if k.countMembers != step.members || k.countDrains != step.drains {
			t.Errorf("after %v: %d members, %d drains", step, k.countMembers, k.countDrains)
		}
	}
	if len(k.members) != 1 || len(k.drains) != 0 || !tt.members["a."] || !tt.drains["a."] || tt.pools != nil {
		t.Errorf("%+v, %+v", k, tt)
	}
	err := take(membersBucket, "b. web-1", `{"addresses":`)
	if err == nil || !strings.Contains(err.Error(), `"b. web-1" in members cannot be read: `) || k.countMembers != 1 {
		t.Errorf("a damaged value: %v", err)
	}
}

// Whatever the store holds, it is read or refused.
func FuzzKept(f *testing.F) {
	for _, value := range []string{"", "{}", `{"addresses":["192.0.2.1"]}`, `{"lines":["ttl 5s"]}`, `{"out":"2030-01-01T00:00:00Z"}`,
		`{"id":"x","status":"running","members":[{"id":"a","step":"safe"}]}`, "null", "[]"} {
		f.Add("www.example.org. web-1", []byte(value))
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		k := newKept()
		for _, bucket := range []string{poolsBucket, membersBucket, drainsBucket, rolloutsBucket} {
			var tt touched
			if err := k.take(state.KeyChange{Bucket: bucket, Key: key, Value: value}, &tt); err != nil {
				continue
			}
			if err := k.take(state.KeyChange{Bucket: bucket, Key: key}, &tt); err != nil {
				t.Errorf("%s: %v", bucket, err)
			}
		}
		if k.countMembers != 0 || k.countDrains != 0 || len(k.pools)+len(k.members)+len(k.drains)+len(k.rollouts) != 0 {
			t.Errorf("%q %q leave %+v", key, value, k)
		}
	})
}
