package rollout

import (
	"testing"
	"time"
)

func TestOneAfterTheOther(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.tick()
	l.want("running: a draining* b waiting")
	l.wait(ttl - time.Second)
	l.want("running: a draining* b waiting")
	l.wait(time.Second)
	l.want("running: a safe* b waiting")
	l.report("a", ResultStarted, "")
	l.wait(time.Minute)
	l.want("running: a replacing* b waiting")
	l.report("a", ResultDone, "")
	l.tick()
	l.want("running: a returning* b waiting") // the probe passed before
	l.now = l.now.Add(time.Second)
	l.servers["a"].probed, l.servers["a"].faded = l.now, false
	l.tick()
	l.want("running: a returning b waiting")
	l.tick()
	l.want("running: a returning b waiting")
	l.put("a")
	l.tick()
	l.want("running: a done b draining*")
	l.bring("b", StepDone)
	l.want("done: a done b done")
	l.wantReason("2 replaced")
	if l.r.Open() || !l.r.Ended.Equal(l.now) || !l.r.Lease.IsZero() {
		t.Errorf("not at its end: %+v", l.r)
	}
}

func TestCanariesGoAlone(t *testing.T) {
	l := newLab(t, Spec{Canary: 2, Parallel: 3}, names(7)...)
	l.tick()
	l.want("running: m00 draining* m01 waiting m02 waiting m03 waiting m04 waiting m05 waiting m06 waiting")
	l.bring("m00", StepDone)
	l.want("running: m00 done m01 draining* m02 waiting m03 waiting m04 waiting m05 waiting m06 waiting")
	l.bring("m01", StepReturning)
	l.want("running: m00 done m01 returning* m02 waiting m03 waiting m04 waiting m05 waiting m06 waiting")
	l.bring("m01", StepDone)
	l.want("running: m00 done m01 done m02 draining* m03 draining* m04 draining* m05 waiting m06 waiting")
	l.bring("m03", StepDone)
	l.want("running: m00 done m01 done m02 safe* m03 done m04 safe* m05 draining* m06 waiting")
}

func TestACanaryThatLeavesIsNone(t *testing.T) {
	l := newLab(t, Spec{Canary: 1, Parallel: 2}, "a", "b", "c", "d")
	l.remove("a")
	l.put("z")
	l.tick()
	l.want("running: a released b draining* c waiting d waiting")
	l.bring("b", StepDone)
	l.want("running: a released b done c draining* d draining*")
}

func TestNoneBeginsWhenThePoolIsNotWhole(t *testing.T) {
	for _, test := range []struct {
		rule  string
		spoil func(*lab)
		waits string
	}{
		{"one is down", func(l *lab) { l.servers["c"].up = false }, "c is not up"},
		{"the next itself is down", func(l *lab) { l.servers["b"].up = false }, "b is not up"},
		{"one is blocked", func(l *lab) { l.servers["a"].blocked = true }, "a is blocked"},
		{"one fades in", func(l *lab) { l.servers["a"].faded = false }, "a is fading in"},
		{"one is drained", func(l *lab) { l.drains["c"] = order{foreign: true} }, "c is drained"},
		{"one has left", func(l *lab) { l.remove("a") }, "the pool has 2 members of 3"},
		{"a new one is down", func(l *lab) { l.put("n"); l.servers["n"].up = false }, "n is not up"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			l := newLab(t, Spec{}, "a", "b", "c")
			l.bring("a", StepReturning)
			l.now = l.now.Add(time.Second)
			l.put("a")
			l.tick()
			l.steer(Rollout.Pause)
			l.tick()
			l.want("paused: a done b waiting c waiting")
			test.spoil(l)
			l.steer(Rollout.Resume)
			l.tick()
			l.want("running: a done b waiting c waiting")
			if got := l.r.Waits(l.view()); got != test.waits {
				t.Errorf("waits for %q, not %q", got, test.waits)
			}
			l.wait(DefaultTimeout - time.Second)
			l.want("running: a done b waiting c waiting")
			l.wait(time.Second)
			l.want("failed: a done b released c released")
			l.wantReason("b could not begin for 30m0s: " + test.waits)
		})
	}
}

func TestThoseUnderWayDoNotCountForOthers(t *testing.T) {
	l := newLab(t, Spec{Parallel: 2}, "a", "b", "c", "d")
	l.bring("a", StepReplacing)
	l.report("b", ResultStarted, "")
	l.want("running: a replacing* b replacing* c waiting d waiting")
	l.remove("a", "b")
	l.report("a", ResultDone, "")
	l.wait(time.Minute)
	l.want("running: a returning* b replacing* c waiting d waiting")
	if got, want := l.r.Waits(l.view()), "a is returning: the pool has 2 members of 3 (without 1 under way or failed), "+
		"b is replacing: its command has not ended"; got != want {
		t.Errorf("waits for %q\nwant      %q", got, want)
	}
	l.put("e") // in the stead of one of them: it cannot be for both
	l.tick()
	l.want("running: a done b replacing* c draining* d waiting")
	l.report("b", ResultDone, "")
	l.wait(time.Minute)
	l.want("running: a done b returning* c safe* d waiting")
	l.put("f")
	l.tick()
	l.want("running: a done b done c safe* d draining*")
	for _, id := range []string{"c", "d"} {
		l.bring(id, StepReplacing)
		l.remove(id)
		l.report(id, ResultDone, "")
	}
	l.put("g")
	l.tick()
	l.want("running: a done b done c done d returning*")
	l.put("h")
	l.tick()
	l.want("done: a done b done c done d done")
}

func TestNewMembersAreNotReplaced(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.bring("a", StepReplacing)
	l.remove("a")
	l.report("a", ResultDone, "")
	l.tick()
	l.put("n")
	l.servers["n"].faded = false
	l.tick()
	l.want("running: a returning* b waiting")
	l.servers["n"].faded = true
	l.tick()
	l.want("running: a done b draining*")
	l.bring("b", StepReplacing)
	l.remove("b")
	l.report("b", ResultDone, "")
	l.put("o")
	l.tick()
	l.want("done: a done b done")
}

func TestTheOldOneHasToGoWhenANewOneCame(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.bring("a", StepReplacing)
	l.put("n")
	l.servers["a"].up, l.servers["a"].probed = false, time.Time{} // its registration has not lapsed yet
	l.report("a", ResultDone, "")
	l.wait(time.Minute)
	l.want("running: a returning* b waiting")
	l.remove("a")
	l.tick()
	l.want("running: a done b draining*")
}

func TestOnlyTheRegionCounts(t *testing.T) {
	l := newLab(t, Spec{Region: "eu"}, "eu/a", "eu/b", "us/c")
	l.servers["us/c"].up = false
	l.bring("eu/a", StepReplacing)
	l.remove("eu/a")
	l.put("us/d")
	l.report("eu/a", ResultDone, "")
	l.wait(time.Minute)
	l.want("running: eu/a returning* eu/b waiting")
	l.put("eu/e")
	l.tick()
	l.want("running: eu/a done eu/b draining*")
	l.servers["eu/b"].region = "us"
	l.tick()
	l.want("done: eu/a done eu/b released")
}

func TestAMemberThatMovesAway(t *testing.T) {
	l := newLab(t, Spec{Region: "eu"}, "eu/a", "eu/b")
	l.bring("eu/a", StepReturning)
	l.wait(time.Second)
	l.put("eu/a")
	l.servers["eu/a"].region = "us"
	l.wait(time.Minute)
	l.want("running: eu/a returning eu/b waiting") // let back in, where it is
	if got, want := l.r.Waits(l.view()), "eu/a is returning: region eu has 1 member of 2"; got != want {
		t.Errorf("waits for %q, not %q", got, want)
	}
	l.put("eu/c")
	l.tick()
	l.want("running: eu/a done eu/b draining*")
}

func TestWaits(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	want := func(want string) {
		t.Helper()
		if got := l.r.Waits(l.view()); got != want {
			t.Errorf("%s: waits for %q, not %q", l.steps(), got, want)
		}
	}
	want("")
	l.tick()
	want("a is draining: safe after 2026-05-04T12:00:30Z")
	a := *l.servers["a"]
	l.remove("a")
	want("a is draining: it is not in the pool")
	l.servers["a"] = &a
	l.bring("a", StepSafe)
	want("a is safe: its client has not started its command")
	l.bring("a", StepReturning)
	want("a is returning: a has not passed its checks since its command ended")
	l.steer(Rollout.Cancel)
	want("")
}

func TestAnsweredInTheLead(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.bring("a", StepDraining)
	l.drains["a"] = order{lead: true}
	l.wait(time.Minute)
	l.want("running: a draining* b waiting")
	if got, want := l.r.Waits(l.view()), "a is draining: answers still name it"; got != want {
		t.Errorf("waits for %q, not %q", got, want)
	}
}

func TestThePoolHasTheTimeoutAfterAFailure(t *testing.T) {
	l := newLab(t, Spec{MaxFailures: 1}, "a", "b", "c")
	l.bring("a", StepReplacing)
	l.wait(DefaultTimeout / 2)
	l.servers["c"].up = false
	l.report("a", ResultFailed, "boom")
	l.wait(DefaultTimeout - 1)
	l.want("running: a failed* b waiting c waiting")
	l.wait(1)
	l.want("failed: a failed* b released c released")
	l.wantReason("b could not begin for 30m0s: c is not up")
}

func TestLateNewsWhileOthersGoOn(t *testing.T) {
	l := newLab(t, Spec{MaxFailures: 1}, "a", "b", "c")
	l.bring("a", StepReplacing)
	l.wait(DefaultTimeout - ttl)
	l.want("running: a failed* b draining* c waiting")
	l.refused("a is failed: no end of its command is awaited", "a", ResultDone) // it counts already
	l.steer(Rollout.Cancel)
	l.report("a", ResultDone, "")
	l.tick()
	l.tick()
	l.want("cancelled: a done b released c released")
}

func TestTimeouts(t *testing.T) {
	for _, test := range []struct {
		rule, step string
		spoil      func(*lab)
		want       string
		drained    bool // still, at the end
	}{
		{"draining", "draining", func(l *lab) { l.drains["a"] = order{safe: start.Add(time.Hour)} },
			"after 1m0s still draining: safe after 2026-05-04T13:00:00Z", false},
		{"draining, and somebody has taken the drain back", "draining", func(l *lab) { delete(l.drains, "a"); l.servers["b"].up = false },
			"after 1m0s still draining: its drain is not in force", false},
		{"safe", "safe", func(*lab) {}, "after 1m0s still safe: its client has not started its command", false},
		{"replacing", "replacing", func(*lab) {}, "after 1m0s still replacing: its command has not ended", true},
		{"returning without a probe", "returning", func(*lab) {},
			"after 1m0s still returning: a has not passed its checks since its command ended", true},
		{"returning and down", "returning", func(l *lab) { l.now = l.now.Add(time.Second); l.put("a"); l.servers["a"].up = false },
			"after 1m0s still returning: a is not up", false},
		{"returning while another is down", "returning", func(l *lab) { l.now = l.now.Add(time.Second); l.put("a"); l.servers["b"].up = false },
			"after 1m0s still returning: b is not up", false},
		{"returning without a successor", "returning", func(l *lab) { l.remove("a") },
			"after 1m0s still returning: the pool has 2 members of 3", true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			l := newLab(t, Spec{Timeout: time.Minute}, "a", "b", "c")
			l.bring("a", Step(test.step))
			test.spoil(l)
			l.wait(start.Add(time.Minute - time.Millisecond).Sub(l.now))
			if got := l.step("a"); got != Step(test.step) {
				t.Fatalf("too soon: %s", l.steps())
			}
			l.wait(time.Millisecond)
			l.tick()
			star := ""
			if test.drained {
				star = "*"
			}
			l.want("failed: a failed" + star + " b released c released")
			l.wantError("a", test.want)
			l.wantReason("a failed: " + test.want)
			if l.r.Open() {
				t.Error("is open")
			}
		})
	}
}

func TestInTimeAtTheLastMoment(t *testing.T) {
	l := newLab(t, Spec{Timeout: time.Minute}, "a", "b")
	l.bring("a", StepReturning)
	l.now = l.now.Add(time.Second)
	l.put("a")
	l.tick()
	l.want("running: a returning b waiting")
	l.now = start.Add(time.Minute)
	l.report("", "", "")
	l.tick()
	l.want("running: a done b draining*")
}

func TestFailures(t *testing.T) {
	t.Run("one is too many", func(t *testing.T) {
		l := newLab(t, Spec{}, "a", "b")
		l.bring("a", StepReplacing)
		l.report("a", ResultFailed, "exit status 1\n")
		l.want("failed: a failed* b released")
		l.wantReason("a failed: exit status 1")
		l.tick()
		l.want("failed: a failed* b released")
	})
	t.Run("as many as may", func(t *testing.T) {
		l := newLab(t, Spec{MaxFailures: 1}, "a", "b", "c", "d")
		l.bring("a", StepReplacing)
		l.servers["a"].up = false
		l.report("a", ResultFailed, "")
		l.wantError("a", "its command failed")
		l.tick()
		l.want("running: a failed* b draining* c waiting d waiting") // the failed one is not expected to be up
		l.bring("b", StepReplacing)
		l.remove("b")
		l.report("b", ResultDone, "")
		l.wait(time.Minute)
		l.want("running: a failed* b returning* c waiting d waiting") // the failed one is none of the three that remain
		l.put("n")
		l.tick()
		l.want("running: a failed* b done c draining* d waiting")
		l.bring("c", StepReplacing)
		l.report("c", ResultFailed, "boom")
		l.want("failed: a failed* b done c failed* d released")
		l.wantReason("2 members failed, at most 1 may: c: boom")
	})
	t.Run("done with some failed", func(t *testing.T) {
		l := newLab(t, Spec{MaxFailures: 1}, "a", "b", "c")
		l.bring("a", StepReplacing)
		l.report("a", ResultFailed, "boom")
		l.bring("b", StepDone)
		l.remove("c")
		l.tick()
		l.want("done: a failed* b done c released")
		l.wantReason("1 replaced, 1 failed, 1 left before that")
	})
	t.Run("a canary", func(t *testing.T) {
		l := newLab(t, Spec{MaxFailures: 9, Canary: 1}, "a", "b")
		l.bring("a", StepReplacing)
		l.report("a", ResultFailed, "boom")
		l.want("failed: a failed* b released")
		l.wantReason("canary a failed: boom")
	})
	t.Run("after the canaries", func(t *testing.T) {
		l := newLab(t, Spec{MaxFailures: 1, Canary: 1}, "a", "b", "c")
		l.bring("a", StepDone)
		l.bring("b", StepReplacing)
		l.report("b", ResultFailed, "boom")
		l.tick()
		l.want("running: a done b failed* c draining*")
	})
	t.Run("others under way go on", func(t *testing.T) {
		l := newLab(t, Spec{Parallel: 4}, names(6)...)
		for _, id := range names(3) {
			l.bring(id, StepReplacing)
		}
		l.report("m00", ResultDone, "")
		l.report("m01", ResultFailed, "boom")
		l.want("failed: m00 returning* m01 failed* m02 replacing* m03 released* m04 released m05 released")
		l.tick()
		l.tick()
		l.want("failed: m00 done m01 failed* m02 replacing* m03 released m04 released m05 released")
		if !l.r.Open() || l.r.Active() || l.r.Lease.IsZero() {
			t.Error("nobody waits for the command that runs")
		}
		l.report("m02", ResultDone, "")
		l.tick()
		l.tick()
		l.want("failed: m00 done m01 failed* m02 done m03 released m04 released m05 released")
		if l.r.Open() || !l.r.Lease.IsZero() {
			t.Error("still open")
		}
	})
}

func TestMembersThatLeave(t *testing.T) {
	for _, step := range []Step{StepDraining, StepSafe} {
		t.Run(string(step), func(t *testing.T) {
			l := newLab(t, Spec{}, "a", "b", "c")
			l.bring("a", step)
			l.remove("a")
			l.tick()
			l.want("running: a released b waiting c waiting")
			l.wantError("a", "it left the pool before its command")
			l.put("a") // comes back: it is not drained any more, and another one's turn
			l.tick()
			l.want("running: a released b draining* c waiting")
		})
	}
	t.Run("replacing", func(t *testing.T) { // as it is destroyed, or registers anew under its id
		l := newLab(t, Spec{}, "a", "b")
		l.bring("a", StepReplacing)
		l.remove("a")
		l.wait(time.Minute)
		l.want("running: a replacing* b waiting")
		l.put("a")
		l.tick()
		l.want("running: a replacing* b waiting")
		l.bring("a", StepDone)
		l.want("running: a done b draining*")
	})
	t.Run("all", func(t *testing.T) {
		l := newLab(t, Spec{}, "a", "b")
		l.remove("a", "b")
		l.tick()
		l.want("done: a released b released")
		l.wantReason("0 replaced, 2 left before that")
	})
}

func TestADrainThatSomebodyTakesBack(t *testing.T) {
	for _, step := range []Step{StepDraining, StepSafe} {
		l := newLab(t, Spec{}, "a", "b")
		l.bring("a", step)
		delete(l.drains, "a")

		l.tick()
		l.want("running: a draining* b waiting")
		l.bring("a", StepDone)
	}
}
