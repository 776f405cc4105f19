package rollout

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestStartedIsForSafeMembersOfRunningRollouts(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.refused("a is waiting: only one that is safe is started", "a", ResultStarted)
	l.bring("a", StepDraining)
	l.refused("a is draining: only one that is safe is started", "a", ResultStarted)
	l.bring("a", StepSafe)
	l.steer(Rollout.Pause)
	l.refused("the rollout is paused: nothing is started", "a", ResultStarted)
	l.steer(Rollout.Resume)
	l.drains["a"] = order{safe: start.Add(time.Hour)} // answers have named it since: nothing else was left
	l.refused("a is not safe to stop any more: safe after 2026-05-04T13:00:00Z", "a", ResultStarted)
	l.tick()
	l.want("running: a draining* b waiting")
	l.drains["a"] = order{safe: l.now}
	l.tick()
	l.report("a", ResultStarted, "")
	l.want("running: a replacing* b waiting")
}

func TestReports(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.refused(`"x" is no member of this rollout`, "x", ResultStarted)
	l.refused(`result "gone" is unknown: want started, done or failed`, "a", "gone")
	l.refused("a is waiting: no end of its command is awaited", "a", ResultDone)
	l.bring("a", StepSafe)
	gone := *l.servers["a"]
	l.remove("a")
	l.refused("a has left the pool: it is not started", "a", ResultStarted)
	l.servers["a"] = &gone
	l.report("a", ResultStarted, "")
	l.refused("a is replacing: only one that is safe is started", "a", ResultStarted)
	l.report("a", ResultDone, "")
	l.refused("a is returning: no end of its command is awaited", "a", ResultDone)
	l.refused("a is returning: no end of its command is awaited", "a", ResultFailed)
	l.bring("a", StepDone)
	l.refused("a is done: no end of its command is awaited", "a", ResultDone)
	l.bring("b", StepReplacing)
	l.report("b", ResultFailed, "boom")
	l.refused("b is failed: no end of its command is awaited", "b", ResultDone)
	l.refused("the rollout is failed: nothing is started", "b", ResultStarted)
	before := l.r
	l.report("", "", "")
	if !l.r.Lease.Equal(before.Lease) {
		t.Error("a rollout that has ended has a lease")
	}
}

func TestAnEndFromSafe(t *testing.T) {
	l := newLab(t, Spec{MaxFailures: 1}, "a", "b", "c")
	l.bring("a", StepSafe)
	l.restart()
	l.report("a", ResultDone, "")
	l.tick()
	l.want("paused: a returning* b waiting c waiting")
	l.steer(Rollout.Resume)
	l.bring("a", StepDone)
	l.bring("b", StepSafe)
	l.report("b", ResultFailed, "boom")
	l.want("running: a done b failed* c waiting") // its command began, so it stays drained
	for _, id := range []string{"a", "b"} {
		if m := l.member(id); m.Started.IsZero() || m.Done.IsZero() {
			t.Errorf("got %+v", m)
		}
	}
}

func TestTheLease(t *testing.T) {
	l := newLab(t, Spec{Parallel: 4}, names(6)...)
	for _, id := range names(3) {
		l.bring(id, StepReplacing)
	}
	l.report("m00", ResultDone, "")
	l.silence(Lease - 1)
	l.want("running: m00 returning* m01 replacing* m02 replacing* m03 safe* m04 waiting m05 waiting")
	l.silence(1)
	l.tick()
	l.want("abandoned: m00 done m01 failed* m02 failed* m03 released m04 released m05 released")
	l.wantReason("its client has said nothing for 30s")
	l.wantError("m01", "its client is gone while its command ran: nobody knows how that ended")
	if l.r.Open() || !l.r.Lease.IsZero() {
		t.Error("still open")
	}
	// It was not dead, but cut off.
	l.report("m01", ResultDone, "")
	l.report("m02", ResultFailed, "boom")
	l.want("abandoned: m00 done m01 returning* m02 failed* m03 released m04 released m05 released")
	l.tick()
	l.tick()
	l.want("abandoned: m00 done m01 done m02 failed* m03 released m04 released m05 released")
	l.wantError("m01", "")
	l.wantError("m02", "boom")
	l.refused("m02 is failed: no end of its command is awaited", "m02", ResultDone)
	l.refused("m03 is released: no end of its command is awaited", "m03", ResultDone)
	if l.r.Open() {
		t.Error("still open")
	}
}

func TestTheLeaseHoldsWhilePaused(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.bring("a", StepSafe)
	l.steer(Rollout.Pause)
	l.wait(time.Hour)
	l.want("paused: a safe* b waiting")
	l.silence(Lease)
	l.tick()
	l.want("abandoned: a released b released")
}

func TestTheLeaseHoldsForCommandsAfterTheEnd(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.bring("a", StepReplacing)
	l.steer(Rollout.Cancel)
	l.wait(time.Minute)
	l.want("cancelled: a replacing* b released")
	l.silence(Lease)
	l.want("cancelled: a failed* b released")
	if l.r.Open() {
		t.Error("still open")
	}
}

func TestACommandThatNeverEndsAfterTheEnd(t *testing.T) {
	l := newLab(t, Spec{}, "a", "b")
	l.bring("a", StepReplacing)
	l.steer(Rollout.Cancel)
	l.wait(DefaultTimeout)
	l.want("cancelled: a failed* b released")
	l.wantReason("cancelled by ann")
	l.wantError("a", "after 30m0s still replacing: its command has not ended")
}

func TestTextsAreShortLines(t *testing.T) {
	for _, test := range []struct{ rule, text, want string }{
		{"lines", "  exit status 1\r\n\tno such host\n", "exit status 1 no such host"},
		{"control characters", "a\x1b[31mb\u202ec", "a [31mb c"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"long", strings.Repeat("x", 2000), strings.Repeat("x", 1021) + "..."},
		{"long, cut inside a character", strings.Repeat("é", 2000), strings.Repeat("é", 510) + "..."},
		{"long, and nothing of it UTF-8", strings.Repeat("\xff", 2000), "\uFFFD"},
	} {
		got := line(test.text)
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.rule, got, test.want)
		}
		if len(got) > maxText || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes", test.rule, len(got))
		}
	}
}
