package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"example.org/healthlb/plugin/healthlb/health"
)

// fake is a check that does as it is told.
type fake func(context.Context) Result

func (fake) Kind() string                                { return "fake" }
func (fake) Port() uint16                                { return 0 }
func (fake) Name() string                                { return "fake" }
func (fake) Key() string                                 { return "fake" }
func (f fake) Probe(ctx context.Context, _ Route) Result { return f(ctx) }

func pass(context.Context) Result { return Result{} }

// hang takes as long as it may.
func hang(ctx context.Context) Result {
	<-ctx.Done()
	return fail("timeout")
}

var target = Target{Interval: 4 * time.Second, Timeout: time.Second, Confirm: 500 * time.Millisecond}

// journal is a Report that remembers.
type journal struct {
	mu      sync.Mutex
	results []Result
	confirm bool
}

func (j *journal) report(r Result) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.results = append(j.results, r)
	return j.confirm
}

func (j *journal) read() []Result {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.results)
}

// starts returns when the probes began, counted from epoch.
func (j *journal) starts(epoch time.Time) []time.Duration {
	var starts []time.Duration
	for _, r := range j.read() {
		starts = append(starts, r.Start.Sub(epoch))
	}
	return starts
}

// cycle returns a jitter source that gives the numbers in turn.
func cycle(numbers ...float64) func() float64 {
	turn := -1
	return func() float64 {
		turn++
		return numbers[turn%len(numbers)]
	}
}

// scheduled runs a test under a fake clock, with a scheduler that is closed at its end. The fake clock needs a loop that sleeps by it.
func scheduled(t *testing.T, opts Options, test func(t *testing.T, s *Scheduler)) {
	opts.Portable = true
	synctest.Test(t, func(t *testing.T) {
		s := NewScheduler(opts)
		defer s.Close()
		test(t, s)
	})
}

func wantTimes(t *testing.T, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

const second = time.Second

func TestFirstProbeComesAtOnceAndTheNextAnywhereInTheInterval(t *testing.T) {
	// With 4 s: the wait after the first is 4 s x (1-0.25), the others 4 s x (0.75+0.5x).
	scheduled(t, Options{Jitter: cycle(0.25, 0, 0.5)}, func(t *testing.T, s *Scheduler) {
		var j journal
		epoch := time.Now()
		s.Add(target, fake(pass), Report(j.report), true)
		time.Sleep(12 * second)
		wantTimes(t, j.starts(epoch), 0, 3*second, 6*second, 10*second)
	})
}

func TestKnownTargetIsProbedWithinItsInterval(t *testing.T) {
	for jitter, want := range map[float64]time.Duration{0: 4 * second, 0.5: 2 * second, 0.75: second} {
		scheduled(t, Options{Jitter: cycle(jitter, 0.5)}, func(t *testing.T, s *Scheduler) {
			var j journal
			epoch := time.Now()
			s.Add(target, fake(pass), Report(j.report), false)
			time.Sleep(want + 4*second)
			synctest.Wait()
			wantTimes(t, j.starts(epoch), want, want+4*second)
		})
	}
}

func TestWaitBeginsWhenTheProbeEnds(t *testing.T) {
	scheduled(t, Options{Jitter: cycle(0.5)}, func(t *testing.T, s *Scheduler) {
		var j journal
		epoch := time.Now()
		s.Add(target, fake(hang), Report(j.report), false)
		time.Sleep(14 * second)
		wantTimes(t, j.starts(epoch), 2*second, 7*second, 12*second)
		if r := j.read()[0]; r.Took != target.Timeout || r.Outcome != health.Fail {
			t.Errorf("took %v, %v, want %v, fail", r.Took, r.Outcome, target.Timeout)
		}
	})
}

func TestConfirmIsNotJittered(t *testing.T) {
	scheduled(t, Options{}, func(t *testing.T, s *Scheduler) {
		j := journal{confirm: true}
		epoch := time.Now()
		s.Add(target, fake(pass), Report(j.report), true)
		time.Sleep(1600 * time.Millisecond)
		wantTimes(t, j.starts(epoch), 0, 500*time.Millisecond, second, 1500*time.Millisecond)
	})
}

func TestWaitsAreJitteredByAQuarter(t *testing.T) {
	scheduled(t, Options{}, func(t *testing.T, s *Scheduler) {
		var j journal
		epoch := time.Now()
		s.Add(target, fake(pass), Report(j.report), true)
		time.Sleep(time.Hour)
		starts := j.starts(epoch)
		if n := len(starts); n < 700 || n > 1200 {
			t.Errorf("%d probes in an hour", n)
		}
		least, most := time.Hour, time.Duration(0)
		for i := 2; i < len(starts); i++ {
			least, most = min(least, starts[i]-starts[i-1]), max(most, starts[i]-starts[i-1])
		}
		if least < 3*second || least > 3100*time.Millisecond || most >= 5*second || most < 4900*time.Millisecond {
			t.Errorf("waits of %v to %v, want all of [3s, 5s)", least, most)
		}
	})
}

func TestFirstRoundIsSpreadEvenly(t *testing.T) {
	for targets, takes := range map[int]time.Duration{
		1: 0, 2: firstGap, 1000: 999 * firstGap, 20_000: firstRoundMost, 40_000: firstRoundMost,
	} {
		t.Run(fmt.Sprint(targets), func(t *testing.T) {
			scheduled(t, Options{MaxInFlight: targets}, func(t *testing.T, s *Scheduler) {
				for range targets {
					s.Add(target, fake(pass), Report(func(Result) bool { return false }), true)
				}
				time.Sleep(takes / 2)
				synctest.Wait()
				if left := s.waitingForFirst(); targets > 2 && (left < targets*49/100 || left > targets*51/100) {
					t.Errorf("%d left at half time", left)
				}
				// The loop may have begun some at the full gap before all were added.
				time.Sleep(takes/2 + takes/100)
				synctest.Wait()
				if left := s.waitingForFirst(); left > 0 {
					t.Errorf("%d left after %v", left, takes)
				}
			})
		})
	}
}

func (s *Scheduler) waitingForFirst() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.first.queue)
}

func TestStoppedTargetsDoNotHoldUpTheFirstRound(t *testing.T) {
	scheduled(t, Options{}, func(t *testing.T, s *Scheduler) {
		var j journal
		epoch := time.Now()
		for range 1000 {
			s.Add(target, fake(pass), Report(j.report), true).Stop()
		}
		s.Add(target, fake(pass), Report(j.report), true)
		time.Sleep(second)
		// The loop may have begun the very first before it was stopped.
		if starts := j.starts(epoch); len(starts) == 0 || starts[0] > firstGap {
			t.Errorf("probed at %v", starts)
		}
	})
}

func TestSlowTargetsDelayNobody(t *testing.T) {
	var lags []time.Duration
	var mu sync.Mutex
	lag := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		lags = append(lags, d)
	}
	scheduled(t, Options{OnLag: lag}, func(t *testing.T, s *Scheduler) {
		var j journal
		for range 1000 {
			s.Add(target, fake(hang), Report(j.report), false)
			s.Add(target, fake(pass), Report(j.report), false)
		}
		time.Sleep(time.Minute)
	})
	if len(lags) < 20_000 || slices.Max(lags) != 0 {
		t.Errorf("%d probes, late by up to %v", len(lags), slices.Max(lags))
	}
}

func TestProbesInFlightAreBounded(t *testing.T) {
	var mu sync.Mutex
	var lags []time.Duration
	lag := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		lags = append(lags, d)
	}
	// Four are due 1 s, 2 s, 3 s and 4 s from now, each takes 10 s, and one may run: the others begin in order as it ends.
	scheduled(t, Options{MaxInFlight: 1, OnLag: lag, Jitter: cycle(0, 0.25, 0.5, 0.75)}, func(t *testing.T, s *Scheduler) {
		slow := target
		slow.Timeout = 10 * second
		var order []string
		for _, name := range []string{"fourth", "third", "second", "first"} {
			s.Add(slow, fake(func(ctx context.Context) Result {
				order = append(order, name)
				if n := s.InFlight(); n != 1 {
					t.Errorf("%d in flight", n)
				}
				return hang(ctx)
			}), Report(func(Result) bool { return false }), false)
		}
		time.Sleep(32 * second)
		synctest.Wait()
		if got, want := strings.Join(order, " "), "first second third fourth"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		mu.Lock()
		defer mu.Unlock()
		wantTimes(t, lags, 0, 9*second, 18*second, 27*second)
	})
}

func TestStopCancelsTheProbeInFlight(t *testing.T) {
	scheduled(t, Options{}, func(t *testing.T, s *Scheduler) {
		var j journal
		cancelled := false
		e := s.Add(target, fake(func(ctx context.Context) Result {
			<-ctx.Done()
			cancelled = ctx.Err() == context.Canceled
			return fail("cancelled")
		}), Report(j.report), true)
		synctest.Wait()
		if s.InFlight() != 1 || s.Len() != 1 {
			t.Fatalf("%d in flight of %d", s.InFlight(), s.Len())
		}
		e.Stop()
		e.Stop() // once more changes nothing
		synctest.Wait()
		if !cancelled || s.InFlight() != 0 || s.Len() != 0 {
			t.Errorf("cancelled %v, %d in flight of %d", cancelled, s.InFlight(), s.Len())
		}
		time.Sleep(time.Minute)
		if n := len(j.read()); n > 0 {
			t.Errorf("%d results after Stop", n)
		}
	})
}

// A report may come before Add has returned, and Stop may be called from it, with a lock held that the report needs.
func TestStopFromWithinReport(t *testing.T) {
	scheduled(t, Options{}, func(t *testing.T, s *Scheduler) {
		var mu sync.Mutex
		mu.Lock()
		reports := 0
		var e *Entry
		e = s.Add(target, fake(pass), Report(func(Result) bool {
			mu.Lock()
			defer mu.Unlock()
			reports++
			e.Stop()
			return true
		}), true)
		mu.Unlock()
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if reports != 1 || s.Len() != 0 {
			t.Errorf("%d reports, %d targets", reports, s.Len())
		}
	})
}

func TestCheckThatIgnoresItsContextRunsOnce(t *testing.T) {
	scheduled(t, Options{}, func(t *testing.T, s *Scheduler) {
		running := 0
		s.Add(target, fake(func(context.Context) Result {
			running++
			if running > 1 {
				t.Error("runs twice at once")
			}
			time.Sleep(time.Minute)
			running--
			return Result{}
		}), Report(func(Result) bool { return true }), true)
		time.Sleep(time.Hour)
	})
}

func TestCheckThatPanicsIsInconclusive(t *testing.T) {
	scheduled(t, Options{}, func(t *testing.T, s *Scheduler) {
		var j journal
		s.Add(target, fake(func(context.Context) Result { panic("index out of range") }), Report(j.report), true)
		time.Sleep(time.Minute)
		results := j.read()
		if len(results) < 10 {
			t.Fatalf("%d results in a minute: the schedule is lost", len(results))
		}
		want := "cannot probe: the fake check panicked: index out of range"
		if r := results[0]; r.Outcome != health.Inconclusive || r.Reason != want {
			t.Errorf("got %v %q, want inconclusive %q", r.Outcome, r.Reason, want)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewScheduler(Options{Portable: true})
		var j journal
		inFlight := s.Add(target, fake(hang), Report(j.report), true)
		waiting := s.Add(target, fake(pass), Report(j.report), false)
		synctest.Wait()
		s.Close()
		if s.Len() != 0 || s.InFlight() != 0 {
			t.Errorf("%d in flight of %d", s.InFlight(), s.Len())
		}
		inFlight.Stop()
		waiting.Stop()
		s.Add(target, fake(pass), Report(j.report), true).Stop()
		s.Close()
		time.Sleep(time.Minute)
		if n := len(j.read()); n > 0 {
			t.Errorf("%d results after Close", n)
		}
	})
}

// step is something that happens to a scheduler.
type step struct {
	Add   bool
	Took  time.Duration // what is added: how long its probes take, if they may
	First bool
	Stop  int // else: which target to stop; none if there are fewer
	Pause time.Duration
}

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		Add:   rapid.Bool().Draw(t, "add"),
		Took:  rapid.SampledFrom([]time.Duration{0, time.Millisecond, second, time.Minute}).Draw(t, "took"),
		First: rapid.Bool().Draw(t, "first"),
		Stop:  rapid.IntRange(0, 20).Draw(t, "stop"),
		Pause: time.Duration(rapid.IntRange(0, 3000).Draw(t, "pause")) * time.Millisecond,
	}
}), 1, 20)

// Whatever is added and stopped, and whenever: never more in flight than allowed, never two of one target, no result of a target that
// was stopped, and none that is forgotten.
func TestSchedulerHoldsItsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan, bound := steps.Draw(rt, "plan"), rapid.IntRange(1, 4).Draw(rt, "bound")
		var broken []string
		synctest.Test(t, func(t *testing.T) { broken = follow(plan, bound) })
		if len(broken) > 0 {
			rt.Fatal(strings.Join(broken, "\n"))
		}
	})
}

// follow runs a plan, and returns which promises were broken.
func follow(plan []step, bound int) (broken []string) {
	type subject struct {
		entry            *Entry
		running, stopped bool
		last             time.Time // when it was added, or reported
	}
	var (
		mu       sync.Mutex // guards all of this
		subjects []*subject
		inFlight int
	)
	blame := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	s := NewScheduler(Options{MaxInFlight: bound, Portable: true})
	defer s.Close()

	add := func(took time.Duration, first bool) {
		x := &subject{last: time.Now()}
		subjects = append(subjects, x)
		check := func(ctx context.Context) Result {
			mu.Lock()
			inFlight++
			if x.running || inFlight > bound {
				blame("running already: %v; in flight: %d", x.running, inFlight)
			}
			x.running = true
			mu.Unlock()
			select {
			case <-time.After(took):
			case <-ctx.Done():
			}
			mu.Lock()
			defer mu.Unlock()
			x.running = false
			inFlight--
			return Result{}
		}
		x.entry = s.Add(target, fake(check), Report(func(Result) bool {
			mu.Lock()
			defer mu.Unlock()
			if x.stopped {
				blame("a result after Stop")
			}
			x.last = time.Now()
			return took == 0
		}), first)
	}
	for _, step := range plan {
		time.Sleep(step.Pause)
		synctest.Wait() // so that no report is on its way
		mu.Lock()
		if step.Add {
			add(step.Took, step.First)
		} else if step.Stop < len(subjects) {
			x := subjects[step.Stop]
			x.stopped = true
			x.entry.Stop()
		}
		mu.Unlock()
	}

	time.Sleep(time.Minute)
	synctest.Wait()
	mu.Lock()
	defer mu.Unlock()
	live := 0
	for _, x := range subjects {
		if x.stopped {
			continue
		}
		live++
		// At worst all 20 take a second each, one after the other, after a wait of 5 s.
		if ago := time.Since(x.last); ago > 30*second {
			blame("no result for %v", ago)
		}
	}
	if s.Len() != live {
		blame("%d targets, want %d", s.Len(), live)
	}
	return broken
}

func TestLimitsLeaveRoom(t *testing.T) {
	for files, want := range map[int64]limits{
		0:         {1, 1, 0},
		64:        {1, 1, 0},
		100:       {36, 36, 18},
		256:       {192, 192, 96},
		1024:      {768, 768, 384},
		20_000:    {15_000, 15_000, 7500},
		1_000_000: {750_000, mostInFlight, 750_000 - mostInFlight},
		1 << 62:   {1 << 30, mostInFlight, 1 << 30},
	} {
		if got := limitsOf(files); got != want {
			t.Errorf("of %d descriptors: got %+v, want %+v", files, got, want)
		}
	}
	if descriptors() < 1 {
		t.Error("no descriptors")
	}
}
