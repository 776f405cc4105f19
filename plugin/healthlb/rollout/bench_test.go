package rollout

import (
	"testing"
	"time"
)

// BenchmarkNext is a tick with the largest pool, in which one member is under way and nothing happens.
func BenchmarkNext(b *testing.B) {
	v := View{make([]MemberView, MaxMembers)}
	for i, id := range names(MaxMembers) {
		v.Members[i] = well(id)
	}
	r, err := Start("r1", "www.", Spec{}, v, start)
	if err != nil {
		b.Fatal(err)
	}
	r, _, _ = r.Next(v, start)
	v.Members[0].Drained, v.Members[0].SafeAfter = true, start.Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, changed := r.Next(v, start); changed {
			b.Fatal("changed")
		}
	}
}
