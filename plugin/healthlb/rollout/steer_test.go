package rollout

import (
	"testing"
	"time"
)

func TestCancelAtEachStep(t *testing.T) {
	for _, test := range []struct {
		step        Step
		at, settled string
	}{
		{StepWaiting, "cancelled: a released b released", "cancelled: a released b released"},
		{StepDraining, "cancelled: a released* b released", "cancelled: a released b released"},
		{StepSafe, "cancelled: a released* b released", "cancelled: a released b released"},
		{StepReplacing, "cancelled: a replacing* b released", "cancelled: a replacing* b released"},
		{StepReturning, "cancelled: a returning* b released", "cancelled: a done b released"},
		{StepDone, "cancelled: a done b released*", "cancelled: a done b released"},
	} {
		for _, paused := range []bool{false, true} {
			l := newLab(t, Spec{Command: "replace {id}"}, "a", "b")
			if test.step != StepWaiting {
				l.bring("a", test.step)
			}
			if paused {
				l.steer(Rollout.Pause)
			}
			l.steer(Rollout.Cancel)
			l.want(test.at)
			l.wantReason("cancelled by ann")
			l.tick()
			if test.step == StepReturning {
				l.want("cancelled: a returning b released") // until the view shows that it is let back in
			}
			l.tick()
			l.want(test.settled)
			if l.r.Open() != (test.step == StepReplacing) {
				t.Errorf("%s: open is %t", test.settled, l.r.Open())
			}
			ended := l.r
			l.now = l.now.Add(time.Second)
			l.steer(Rollout.Cancel)
			if l.r.Ended != ended.Ended {
				t.Error("cancelled twice")
			}
			if test.step == StepReplacing {
				l.report("a", ResultDone, "")
				l.tick()
				l.tick()
				l.want("cancelled: a done b released")
			}
		}
	}
	l := newLab(t, Spec{}, "a", "b")
	l.bring("a", StepReplacing)
	l.steer(Rollout.Cancel)
	l.report("a", ResultFailed, "boom")
	l.tick()
	l.want("cancelled: a failed* b released")
}

func TestPauseLetsNothingBegin(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.steer(Rollout.Pause)
	l.wantReason("paused by ann")
	l.wait(time.Hour)
	l.want("paused: a waiting b waiting")
	l.steer(Rollout.Resume)
	l.wantReason("")
	l.tick()
	l.want("running: a draining* b waiting")
	l.steer(Rollout.Pause)
	l.wait(time.Hour)
	l.want("paused: a safe* b waiting")
	l.steer(Rollout.Resume)
	l.report("a", ResultStarted, "")
	l.steer(Rollout.Pause)
	l.wait(time.Hour)
	l.want("paused: a replacing* b waiting")
	l.report("a", ResultDone, "")
	l.bring("a", StepDone)
	l.want("paused: a done b waiting")
	l.steer(Rollout.Resume)
	l.bring("b", StepReturning)
	l.steer(Rollout.Pause)
	l.bring("b", StepDone)
	l.want("done: a done b done") // nothing was left to begin
}

func TestThePausesAreGivenBack(t *testing.T) {
	l := newLab(t, Spec{Timeout: time.Minute}, "a", "b")
	l.bring("a", StepReplacing) // 30 s of its minute
	l.steer(Rollout.Pause)
	l.wait(time.Hour)
	l.steer(Rollout.Resume)
	l.wait(30*time.Second - 1)
	l.want("running: a replacing* b waiting")
	l.steer(Rollout.Pause)
	l.wait(time.Hour)
	l.steer(Rollout.Cancel) // is the pause's end too
	l.tick()
	l.want("cancelled: a replacing* b released")
	l.wait(1)
	l.want("cancelled: a failed* b released")
}

func TestThePauseIsGivenBackToThePoolToo(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.servers["b"].up = false
	l.tick()
	l.steer(Rollout.Pause)
	l.wait(time.Hour)
	l.steer(Rollout.Resume)
	l.wait(DefaultTimeout - 1)
	l.want("running: a waiting b waiting")
	l.wait(1)
	l.want("failed: a released b released")
}

func TestSteeringThatHasNoMeaning(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	wantErr := func(f steering, want string) {
		t.Helper()
		if err := l.trySteer(f); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	wantErr(Rollout.Resume, "the rollout is running: only one that is paused can be resumed")
	l.steer(Rollout.Pause)
	wantErr(Rollout.Pause, "the rollout is paused: only one that is running can be paused")
	l.steer(Rollout.Cancel)
	wantErr(Rollout.Pause, "the rollout is cancelled: only one that is running can be paused")
	wantErr(Rollout.Resume, "the rollout is cancelled: only one that is paused can be resumed")
}

func TestRefusedDrains(t *testing.T) {
	l := newLab(t, Spec{Parallel: 2}, "a", "b", "c")
	l.r.Parallel = 1 // so that one is under way before the pool can spare no more
	l.tick()
	l.r.Parallel = 2
	l.refuse = "1 of A would be eligible, min_up is 2"
	l.tick()
	l.want("running: a draining* b waiting c waiting")
	l.wantError("b", l.refuse)
	before := l.r
	l.now = l.now.Add(retry - 1)
	l.tick()
	if l.r.NoRoom != before.NoRoom {
		t.Error("asked again at once")
	}
	l.now = l.now.Add(1)
	l.tick()
	if l.r.NoRoom == before.NoRoom {
		t.Error("not asked again")
	}
	l.want("running: a draining* b waiting c waiting")
	l.refuse = ""
	l.wait(retry)
	l.bring("b", StepSafe)
	l.want("running: a safe* b safe* c waiting")
	l.r = l.r.Refused("a", "why", l.now).Refused("x", "why", l.now) // both make no sense
	l.want("running: a safe* b safe* c waiting")
	l.wantError("b", "")

	l = newLab(t, Spec{Parallel: 2}, "a", "b", "c")
	l.refuse = "0 of A would be eligible, min_up is 1"
	l.tick() // both are refused: the first has to wait for the second, and the second for nobody
	l.want("failed: a released b released c released")
	l.wantReason("b cannot be drained: 0 of A would be eligible, min_up is 1")
	if l.r.Open() {
		t.Error("open")
	}
	if r := l.r.Refused("a", "why", l.now); r.Reason != l.r.Reason {
		t.Error("refused after the end")
	}
}

func TestRestart(t *testing.T) {
	l := newLab(t, Spec{Timeout: 2 * time.Minute}, "a", "b")
	l.bring("a", StepReplacing)
	l.now = l.now.Add(time.Hour)
	l.restart()
	l.tick()
	l.want("paused: a replacing* b waiting")
	l.wantReason("the responder was started anew")
	l.silence(Lease - 1)
	l.report("a", ResultDone, "")
	l.tick()
	l.want("paused: a returning* b waiting")
	l.steer(Rollout.Resume)
	l.tick()
	l.want("running: a returning* b waiting") // the hour is given back
	l.bring("a", StepDone)
	l.want("running: a done b draining*")

	l.steer(Rollout.Pause)
	l.restart()
	l.wantReason("paused by ann")
	l.steer(Rollout.Resume)
	l.bring("b", StepReplacing)
	l.steer(Rollout.Cancel)
	l.now = l.now.Add(Lease)
	l.restart()
	l.tick()
	l.want("cancelled: a done b replacing*") // whose client has a whole lease, too
	l.silence(Lease)
	l.want("cancelled: a done b failed*")
	l.restart()
	if l.r.Open() || !l.r.Lease.IsZero() {
		t.Error("open")
	}
}

func TestRestartIsSafeAgainAfterATTL(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.bring("a", StepSafe)
	l.restart()
	l.drains["a"] = order{safe: l.now.Add(ttl)} // what the responder before this one answered is not known
	l.tick()
	l.want("paused: a safe* b waiting")
	l.steer(Rollout.Resume)
	l.refused("a is not safe to stop any more: safe after "+l.now.Add(ttl).Format(time.RFC3339), "a", ResultStarted)
	l.tick()
	l.want("running: a draining* b waiting")
	l.bring("a", StepDone)
}
