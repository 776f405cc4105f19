package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// operator is who runs a rollout, in a test.
type operator struct {
	c       *Client
	began   chan api.RolloutMember // by Replace
	proceed chan error             // what Replace is to return
	ended   chan error             // of RunRollout
	last    api.Rollout            // what it returned, after ended

	mu       sync.Mutex // guards what follows
	shown    []api.Rollout
	troubles []error
}

// runs begins to run a rollout.
func runs(t *testing.T, ctx context.Context, r *responder, rollout api.Rollout, change ...func(*RolloutRun)) *operator {
	o := &operator{
		c: clientOf(t, Settings{Server: r.url()}), began: make(chan api.RolloutMember, 100), proceed: make(chan error, 100), ended: make(chan error, 1),
	}
	run := RolloutRun{
		Rollout: rollout,
		Replace: func(ctx context.Context, m api.RolloutMember) error {
			o.began <- m
			select {
			case err := <-o.proceed:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		Show: func(r api.Rollout) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.shown = append(o.shown, r)
		},
		OnTrouble: func(err error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.troubles = append(o.troubles, err)
		},
	}
	for _, c := range change {
		c(&run)
	}
	go func() {
		var err error
		o.last, err = o.c.RunRollout(ctx, run)
		o.ended <- err
	}()
	return o
}

// saw tells whether a rollout like this has been shown.
func (o *operator) saw(like func(api.Rollout) bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.shown, like)
}

// steps are the steps of a rollout's members.
func steps(r api.Rollout) (steps []string) {
	for _, m := range r.Members {
		steps = append(steps, m.Step)
	}
	return steps
}

func (r *responder) reported() (reports []string) {
	r.change(func() { reports = slices.Clone(r.reports) })
	return reports
}

func TestRollout(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	o := runs(t, ctx, r, r.begin(1, 0, "1", "2"))
	for _, id := range []string{"1", "2"} {
		if m := await(t, "a turn", o.began); m.ID != id || m.Addresses[0] != "192.0.2."+id || m.Step != "safe" {
			t.Errorf("%+v", m)
		}
		beats := 0
		r.change(func() { beats = r.beats })
		soon(t, "signs of life", func() bool { return r.holds(func() bool { return r.beats > beats+2 }) })
		o.proceed <- nil
	}
	if err := await(t, "the end", o.ended); err != nil || o.last.Status != "done" || !slices.Equal(steps(o.last), []string{"done", "done"}) {
		t.Errorf("%v, %+v", err, o.last)
	}
	if want := []string{"1 started", "1 done", "2 started", "2 done"}; !slices.Equal(r.reported(), want) {
		t.Errorf("reports %v", r.reported())
	}
	var shown []string
	for _, s := range o.shown {
		shown = append(shown, strings.Join(steps(s), " "))
	}
	if want := []string{"safe waiting", "replacing waiting", "done safe", "done replacing", "done done"}; !slices.Equal(shown, want) || len(o.troubles) > 0 {
		t.Errorf("shown %q, troubles %v", shown, o.troubles)
	}
}

func TestParallelRollout(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	o := runs(t, ctx, r, r.begin(3, 0, "1", "2", "3", "4"))
	for range 3 {
		await(t, "a turn", o.began) // all at once
	}
	if len(o.began) > 0 {
		t.Error("a fourth at once")
	}
	for range 4 {
		o.proceed <- nil
	}
	if err := await(t, "the end", o.ended); err != nil || o.last.Status != "done" {
		t.Errorf("%v, %+v", err, o.last)
	}
}

func TestRolloutFails(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	o := runs(t, ctx, r, r.begin(1, 0, "1", "2"))
	await(t, "a turn", o.began)
	o.proceed <- errors.New("exit status 1\xff" + strings.Repeat("é", 600))
	err := await(t, "the end", o.ended)
	if err == nil || err.Error() != "rollout r1 of the pool www.lb.example.: failed: too many members failed" {
		t.Error(err)
	}
	if m := o.last.Members[0]; m.Step != "failed" || !strings.HasPrefix(m.Error, "exit status 1é") || len(m.Error) > maxError || o.last.Members[1].Step != "released" {
		t.Errorf("%+v", o.last)
	}
	if want := []string{"1 started", "1 failed"}; !slices.Equal(r.reported(), want) {
		t.Errorf("reports %v", r.reported())
	}
}

// TestRolloutIsCancelled: at each moment of a member's turn.
func TestRolloutIsCancelled(t *testing.T) {
	t.Run("before it", func(t *testing.T) {
		r := newResponder(t).start()
		ctx, cancel := during(t)
		rollout := r.begin(1, 0, "1", "2")
		cancel()
		o := runs(t, ctx, r, rollout)
		err := await(t, "the end", o.ended)
		if err == nil || !strings.Contains(err.Error(), "cancelled: by order") || !slices.Equal(steps(o.last), []string{"released", "released"}) ||
			len(r.reported()) > 0 {
			t.Errorf("%v, %+v", err, o.last)
		}
	})
	t.Run("while the command runs", func(t *testing.T) {
		r := newResponder(t).start()
		ctx, cancel := during(t)
		o := runs(t, ctx, r, r.begin(1, 0, "1", "2"))
		await(t, "a turn", o.began)
		cancel()
		soon(t, "to be shown", func() bool { return o.saw(func(r api.Rollout) bool { return r.Status == "cancelled" }) })
		select {
		case err := <-o.ended:
			t.Fatalf("it did not wait for the command: %v", err)
		default:
		}
		o.proceed <- nil
		if err := await(t, "the end", o.ended); err == nil || !slices.Equal(steps(o.last), []string{"done", "released"}) {
			t.Errorf("%v, %+v", err, o.last)
		}
	})
	t.Run("and then the command too", func(t *testing.T) {
		r := newResponder(t).start()
		ctx, cancel := during(t)
		commands, stop := during(t)
		o := runs(t, ctx, r, r.begin(1, 0, "1", "2"), func(run *RolloutRun) { run.Commands = commands })
		await(t, "a turn", o.began)
		cancel()
		stop()
		err := await(t, "the end", o.ended)
		if err == nil || !slices.Equal(steps(o.last), []string{"failed", "released"}) || o.last.Members[0].Error != "context canceled" {
			t.Errorf("%v, %+v", err, o.last)
		}
	})
	t.Run("by somebody else", func(t *testing.T) {
		r := newResponder(t).start()
		ctx, _ := during(t)
		o := runs(t, ctx, r, r.begin(1, 0, "1", "2"))
		await(t, "a turn", o.began)
		if _, err := o.c.SteerRollout(ctx, "www.lb.example.", CancelRollout); err != nil {
			t.Fatal(err)
		}
		soon(t, "to be shown", func() bool { return o.saw(func(r api.Rollout) bool { return r.Status == "cancelled" }) })
		o.proceed <- nil
		if err := await(t, "the end", o.ended); err == nil || !slices.Equal(steps(o.last), []string{"done", "released"}) {
			t.Errorf("%v, %+v", err, o.last)
		}
	})
	t.Run("while the responder is away", func(t *testing.T) {
		r := newResponder(t).start()
		ctx, cancel := during(t)
		rollout := r.begin(1, 0, "1", "2")
		r.kill()
		o := runs(t, ctx, r, rollout)
		soon(t, "trouble", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return len(o.troubles) > 0 })
		cancel()
		r.start()
		if err := await(t, "the end", o.ended); err == nil || o.last.Status != "cancelled" || len(r.reported()) > 0 {
			t.Errorf("%v, %+v, %v", err, o.last, r.reported())
		}
	})
	t.Run("while the responder is away for good", func(t *testing.T) {
		r := newResponder(t).start()
		ctx, cancel := during(t)
		rollout := r.begin(1, 0, "1", "2")
		r.kill()
		cancel()
		c := clientOf(t, Settings{Server: r.url()})
		c.pace.farewell = 10 * time.Millisecond
		_, err := c.RunRollout(ctx, RolloutRun{Rollout: rollout, Replace: func(context.Context, api.RolloutMember) error { panic("begun") }})
		if err == nil || !strings.Contains(err.Error(), "is left behind, running as far as is known") || !strings.Contains(err.Error(), r.url()) {
			t.Error(err)
		}
	})
}

// restart kills the responder and starts it anew, which pauses a rollout.
func (r *responder) restart(between func()) {
	r.kill()
	between()
	r.change(func() {
		if r.rollout.Status == "running" {
			r.rollout.Status, r.rollout.Reason = "paused", "the responder was started anew"
		}
	})
	r.start()
}

func TestRolloutOverARestart(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	o := runs(t, ctx, r, r.begin(2, 0, "1", "2", "3"))
	await(t, "a turn", o.began)
	await(t, "a turn", o.began)
	o.proceed <- nil // of one
	soon(t, "its report", func() bool { return len(r.reported()) >= 3 })
	await(t, "the third's turn", o.began)
	r.restart(func() {
		o.proceed <- nil
		soon(t, "trouble", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return len(o.troubles) > 0 })
	})
	soon(t, "the report of what ended in between", func() bool { return len(r.reported()) == 5 })
	soon(t, "to be shown", func() bool { return o.saw(func(r api.Rollout) bool { return r.Status == "paused" }) })
	beats := 0
	r.change(func() { beats = r.beats })
	soon(t, "signs of life", func() bool { return r.holds(func() bool { return r.beats > beats }) })
	o.proceed <- nil
	soon(t, "the last report", func() bool { return len(r.reported()) == 6 })
	r.change(func() { r.rollout.Status = "running"; r.move() })
	if err := await(t, "the end", o.ended); err != nil || o.last.Status != "done" {
		t.Errorf("%v, %+v", err, o.last)
	}
	if o.troubles[len(o.troubles)-1] != nil {
		t.Errorf("troubles %v", o.troubles)
	}
}

// TestPausedRollout: nothing is begun before it is resumed.
func TestPausedRollout(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	rollout := r.begin(1, 0, "1")
	r.change(func() { r.rollout.Status = "paused" })
	o := runs(t, ctx, r, r.copy())
	soon(t, "signs of life", func() bool { return r.holds(func() bool { return r.beats > 3 }) })
	if len(o.began) > 0 || rollout.Members[0].Step != "safe" {
		t.Error("begun while paused")
	}
	r.change(func() { r.rollout.Status = "running" })
	await(t, "a turn", o.began)
	o.proceed <- nil
	if err := await(t, "the end", o.ended); err != nil {
		t.Error(err)
	}
}

// TestLostReports: the answer to each report is lost once, and the command runs once all the same, and its end is known.
func TestLostReports(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	lost := map[int]bool{}
	r.change(func() {
		r.lose = func(q *http.Request) bool {
			n := len(r.reports)
			if !strings.HasSuffix(q.URL.Path, "/report") || n == 0 || lost[n] {
				return false
			}
			lost[n] = true
			return true
		}
	})
	o := runs(t, ctx, r, r.begin(1, 0, "1", "2"))
	for range 2 {
		await(t, "a turn", o.began)
		o.proceed <- nil
	}
	if err := await(t, "the end", o.ended); err != nil || len(o.began) > 0 {
		t.Errorf("%v; begun again: %d", err, len(o.began))
	}
	if want := []string{"1 started", "1 done", "2 started", "2 done"}; !slices.Equal(r.reported(), want) {
		t.Errorf("reports %v", r.reported())
	}
}

// TestRefusedStart: what the responder does not accept is not begun.
func TestRefusedStart(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	r.change(func() {
		r.fault = func(q *http.Request) int {
			if strings.HasSuffix(q.URL.Path, "/report") {
				return 409
			}
			return 0
		}
	})
	o := runs(t, ctx, r, r.begin(1, 0, "1"))
	soon(t, "some tries", func() bool { return r.heard("POST /v1/pools/www.lb.example./rollout/report") > 5 })
	if len(o.began) > 0 {
		t.Error("begun without leave")
	}
	r.change(func() { r.fault = nil })
	await(t, "a turn", o.began)
	o.proceed <- nil
	if err := await(t, "the end", o.ended); err != nil {
		t.Error(err)
	}
}

// TestLostStartAndCancel: a start that the responder has heard of, but whose answer was lost, is taken back when the end has come.
func TestLostStartAndCancel(t *testing.T) {
	r := newResponder(t).start()
	ctx, cancel := during(t)
	r.change(func() {
		r.lose = func(q *http.Request) bool {
			lose := strings.HasSuffix(q.URL.Path, "/report") && ctx.Err() == nil
			cancel()
			return lose
		}
	})
	o := runs(t, ctx, r, r.begin(1, 0, "1"))
	err := await(t, "the end", o.ended)
	if err == nil || len(o.began) > 0 || o.last.Members[0].Step != "failed" || !strings.Contains(o.last.Members[0].Error, "the command was not run") {
		t.Errorf("%v, %+v", err, o.last)
	}
}

func TestRolloutThatIsGone(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	o := runs(t, ctx, r, r.begin(1, 0, "1", "2"))
	await(t, "a turn", o.began)
	r.change(func() {
		r.rollout = &api.Rollout{ID: "r2", Pool: "www.lb.example.", Status: "running"}
		r.calls = nil
	})
	soon(t, "to be noticed", func() bool { return r.heard("GET /v1/pools/www.lb.example./rollout") > 0 })
	o.proceed <- nil
	err := await(t, "the end", o.ended)
	if err == nil || err.Error() != "rollout r1 of the pool www.lb.example. is lost: the responder has another one, r2, in its place" {
		t.Error(err)
	}

	rollout := r.begin(1, 0, "1")
	r.change(func() { r.noPool = true })
	c := clientOf(t, Settings{Server: r.url()})
	c.pace.gone = 10 * time.Millisecond
	_, err = c.RunRollout(ctx, RolloutRun{Rollout: rollout, Replace: func(context.Context, api.RolloutMember) error { panic("begun") }})
	if err == nil || StatusOf(err) != 404 || !strings.Contains(err.Error(), "is lost") {
		t.Error(err)
	}
}

// TestPoolIsAwayForAMoment: a responder that has just been started may not have all of its pools.
func TestPoolIsAwayForAMoment(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	o := runs(t, ctx, r, r.begin(1, 0, "1"))
	await(t, "a turn", o.began)
	r.change(func() { r.noPool = true })
	o.proceed <- nil
	calls := r.heard("POST /v1/pools/www.lb.example./rollout/report")
	soon(t, "some tries", func() bool { return r.heard("POST /v1/pools/www.lb.example./rollout/report") > calls+3 })
	r.change(func() { r.noPool = false })
	if err := await(t, "the end", o.ended); err != nil || o.last.Status != "done" {
		t.Errorf("%v, %+v", err, o.last)
	}
}

// TestMemberTimesOut: the responder has given a member up while its command still runs.
func TestMemberTimesOut(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	o := runs(t, ctx, r, r.begin(1, 0, "1"))
	await(t, "a turn", o.began)
	r.change(func() { r.rollout.Members[0].Step = "failed"; r.move() })
	soon(t, "to be shown", func() bool { return o.saw(func(r api.Rollout) bool { return r.Status == "failed" }) })
	o.proceed <- nil
	if err := await(t, "the end", o.ended); err == nil || !strings.Contains(err.Error(), "failed") {
		t.Error(err)
	}
}

// TestMemberGivenUp: the end of a command whose member was given up is told when the rollout has ended.
func TestMemberGivenUp(t *testing.T) {
	r := newResponder(t).start()
	ctx, _ := during(t)
	o := runs(t, ctx, r, r.begin(1, 1, "1", "2"))
	await(t, "a turn", o.began)
	r.change(func() { r.rollout.Members[0].Step, r.rollout.Members[0].Error = "failed", "timeout"; r.move() })
	await(t, "the next turn", o.began)
	o.proceed <- nil
	o.proceed <- nil
	if err := await(t, "the end", o.ended); err != nil || !slices.Equal(steps(o.last), []string{"failed", "done"}) {
		t.Errorf("%v, %+v", err, o.last)
	}
	if reports := r.reported(); len(reports) != 4 || reports[3] != "1 done late" {
		t.Errorf("reports %v", reports)
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct{ text, want string }{{"abc", "abc"}, {"abcdef", "abcd"}, {"abcé", "abc"}, {"a\xffb", "ab"}, {"", ""}} {
		if got := cut(test.text, 4); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}
