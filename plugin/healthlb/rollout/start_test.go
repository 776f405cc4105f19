package rollout

import (
	"strings"
	"testing"
	"time"
)

// well is a member with nothing wrong.
func well(id string) MemberView {
	return MemberView{ID: id, Addresses: []string{"192.0.2.1", "2001:db8::1"}, Up: true, Faded: true}
}

func TestStartSaysAllThatIsWrong(t *testing.T) {
	down := func(m MemberView) MemberView { m.Up, m.Faded = false, false; return m }
	blocked := func(m MemberView) MemberView { m.Blocked = true; return m }
	drained := func(m MemberView) MemberView { m.Drained, m.Foreign = true, true; return m }
	fading := func(m MemberView) MemberView { m.Faded = false; return m }
	in := func(region string, m MemberView) MemberView { m.Region = region; return m }
	var many []MemberView
	for _, id := range names(12) {
		many = append(many, blocked(well(id)))
	}
	for _, test := range []struct {
		rule    string
		spec    Spec
		members []MemberView
		want    string
	}{
		{"two are enough", Spec{}, []MemberView{well("a"), well("b")}, ""},
		{"of the region only", Spec{Region: "eu"}, []MemberView{in("eu", well("a")), in("eu", well("b")), in("us", down(well("c")))}, ""},
		{"none", Spec{}, nil, "the rollout cannot begin: the pool has 0 members up of 0: want at least 2"},
		{"one cannot be spared", Spec{}, []MemberView{well("a")},
			"the rollout cannot begin: the pool has 1 member up of 1: want at least 2"},
		{"one of the region cannot", Spec{Region: "eu"}, []MemberView{in("eu", well("a")), well("b")},
			"the rollout cannot begin: region eu has 1 member up of 1: want at least 2"},
		{"one of two up cannot", Spec{}, []MemberView{well("a"), down(well("b"))},
			"the rollout cannot begin: the pool has 1 member up of 2: want at least 2, b is not up"},
		{"each reason, by id", Spec{},
			[]MemberView{well("x"), well("y"), fading(well("d")), drained(blocked(down(well("c")))), blocked(well("a"))},
			"the rollout cannot begin: a is blocked, c is not up and blocked and drained, d is fading in"},
		{"the first ten", Spec{}, many, "the rollout cannot begin: m00 is blocked, m01 is blocked, m02 is blocked, m03 is blocked, " +
			"m04 is blocked, m05 is blocked, m06 is blocked, m07 is blocked, m08 is blocked, m09 is blocked and 2 more"},
		{"negative canary", Spec{Canary: -1}, nil, "canary -1 is out of range: want 0 or more"},
		{"negative parallel", Spec{Parallel: -2}, nil, "parallel -2 is out of range: want 0 or more"},
		{"negative failures", Spec{MaxFailures: -3}, nil, "max_failures -3 is out of range: want 0 or more"},
		{"short timeout", Spec{Timeout: time.Millisecond}, nil, "timeout 1ms is out of range: want 1s to 24h0m0s"},
		{"long timeout", Spec{Timeout: 25 * time.Hour}, nil, "timeout 25h0m0s is out of range: want 1s to 24h0m0s"},
		{"negative timeout", Spec{Timeout: -time.Hour}, nil, "timeout -1h0m0s is out of range: want 1s to 24h0m0s"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			r, err := Start("r1", "www.", test.spec, View{test.members}, start)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if err == nil && (r.Status != StatusRunning || r.Count != 2 || r.Parallel != 1 || r.Timeout != DefaultTimeout ||
				!r.Lease.Equal(start.Add(Lease))) {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestStartIsBounded(t *testing.T) {
	v := View{make([]MemberView, MaxMembers+1)}
	for i := range v.Members {
		v.Members[i] = well(strings.Repeat("x", i%7+1))
	}
	want := "the rollout cannot begin: the pool has 10001 members: want at most 10000"
	if _, err := Start("r1", "www.", Spec{}, v, start); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	v.Members = v.Members[1:]
	if _, err := Start("r1", "www.", Spec{}, v, start); err != nil {
		t.Error(err)
	}
}

func TestTurnsGoById(t *testing.T) {
	l := newLab(t, Spec{}, "c", "a", "b")
	l.want("running: a waiting b waiting c waiting")
}
