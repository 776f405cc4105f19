package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"
)

// failoverSeed makes the random moments of failures the same in each run.
const failoverSeed = 6

// failoverSettings are how much is measured, and the settings that the servers have in common.
type failoverSettings struct {
	samples  int // pools, and so failures of each kind
	interval time.Duration
	confirm  time.Duration
	failures int
	rise     int
	patience time.Duration // how long is waited for a server
	hold     time.Duration // how long it is watched whether a member stays away
	starts   int
	startFor time.Duration // how long answers are looked at after a start
}

var (
	failoverFull = failoverSettings{
		samples: 20, interval: 5 * time.Second, confirm: time.Second, failures: 3, rise: 2,
		patience: 45 * time.Second, hold: 3 * time.Second, starts: 5, startFor: 5 * time.Second,
	}
	// failoverShort has the shortest interval that gdnsd takes.
	failoverShort = failoverSettings{
		samples: 4, interval: 2 * time.Second, confirm: 200 * time.Millisecond, failures: 1, rise: 1,
		patience: 6 * time.Second, hold: time.Second / 2, starts: 1, startFor: 2 * time.Second,
	}
)

// failover measures how long answers go on naming a member that has failed, and how long they do not yet name one that is back.
func failover(o *options) error {
	alone := ""
	if !isApart() {
		why, err := o.apart()
		if why == "" {
			return err
		}
		alone = why
	} else if err := ip("link set lo up"); err != nil {
		return err
	}
	t := &failoverTrial{options: o, failoverSettings: failoverFull}
	if o.short {
		t.failoverSettings = failoverShort
	}
	defer t.stop()
	if err := t.start(alone); err != nil {
		return err
	}
	var slow sync.WaitGroup
	var slowErr error
	if t.slow != nil {
		slow.Go(func() { slowErr = t.measure(t.slow, 4*time.Minute) })
	}
	starts, err := t.measureAll()
	t.broken.Store(err != nil)
	slow.Wait()
	if err := errors.Join(err, slowErr); err != nil {
		return err
	}
	for _, w := range t.watchers {
		if err := w.runs(); err != nil {
			return err
		}
	}
	return t.report(starts)
}

// measureAll goes through the ways to fail one after another, so that none has an effect on the others. Those who are killed come last: by
// then their tripwires are not new any more.
func (t *failoverTrial) measureAll() ([]startResult, error) {
	for _, w := range t.ways {
		if err := t.measure(w, t.patience); err != nil {
			return nil, err
		}
	}
	return t.measureStarts()
}

// measure has the members of a way fail, and come back. How long that takes to be seen is only measured of those that were killed.
func (t *failoverTrial) measure(w *way, patience time.Duration) error {
	if err := t.watch(w, w.name, patience, w.fail, false); err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	if w.name == killed {
		return t.watch(w, restarted, patience, w.restore, true)
	}
	for i := range w.failing {
		if err := w.restore(i); err != nil {
			return err
		}
	}
	return nil
}

// watch does something to each member of a way, at random moments within an interval, and notes how long it takes until answers name it,
// or do so no more.
func (t *failoverTrial) watch(w *way, what string, patience time.Duration, do func(i int) error, named bool) error {
	fmt.Fprintf(os.Stderr, "failover: %d members are %s\n", len(w.failing), what)
	var watching []*watcher
	var observers []*observer
	for _, server := range t.watchers {
		if server.slow != (w == t.slow) {
			continue
		}
		o, err := observe(server.at, w.names(), w.failing, w.every)
		if err != nil {
			return err
		}
		defer o.stop()
		watching, observers = append(watching, server), append(observers, o)
	}
	time.Sleep(10 * w.every) // all have been asked for

	before, after, err := atRandom(len(w.failing), w.interval, w.pools+" "+what, do)
	if err != nil {
		return err
	}
	// A failure counts from before it is brought about: what cuts an address off is a command of some milliseconds, and nobody knows when
	// in them it happens. That is the same for all servers, as each failure is one for all of them; so it favours none. A member that
	// comes back counts from when it listens.
	moments := before
	if named {
		moments = after
	} else if w.name == blackHoled {
		t.cut = delay(longestBetween(before, after))
	}
	waiting := func() bool {
		for i, o := range observers {
			if watching[i].patient && w.name != killed {
				continue
			}
			if delays, _ := o.delays(moments, named); slices.Contains(delays, never) {
				return true
			}
		}
		return false
	}
	for end := time.Now().Add(patience); waiting() && time.Now().Before(end) && !t.broken.Load(); {
		time.Sleep(50 * time.Millisecond)
		for _, server := range watching {
			if err := server.runs(); err != nil {
				return err
			}
		}
	}
	time.Sleep(t.hold)
	watched := delay(time.Since(slices.MaxFunc(moments, time.Time.Compare)))
	for i, o := range observers {
		if err := watching[i].runs(); err != nil {
			return err
		}
		if name := o.silent(silence); name >= 0 {
			return fmt.Errorf("%s has not answered for %s for more than %v; it wrote last:\n%s",
				watching[i].Name, w.pool(name), silence, lastLines(watching[i].process.Log()))
		}
		delays, unfit := o.delays(moments, named)
		t.note(failoverResult{watching[i].Name, watching[i].Settings, what, delays, unfit, watched})
	}
	return nil
}

// silence is for how long a server that works may leave a name without an answer: each is asked for many times in it.
const silence = time.Second

// atRandom does something for each of n, in random order and at random moments within an interval. It tells the moments right before and
// right after each was done. What has another name has other moments.
func atRandom(n int, interval time.Duration, name string, do func(i int) error) (before, after []time.Time, err error) {
	stream := fnv.New64a()
	stream.Write([]byte(name))
	random := rand.New(rand.NewPCG(failoverSeed, stream.Sum64()))
	waits, order := make([]time.Duration, n), random.Perm(n)
	for i := range waits {
		waits[i] = time.Duration(random.Int64N(int64(interval)))
	}
	slices.Sort(waits)
	before, after = make([]time.Time, n), make([]time.Time, n)
	begin := time.Now()
	for turn, i := range order {
		time.Sleep(time.Until(begin.Add(waits[turn])))
		before[i] = time.Now()
		if err := do(i); err != nil {
			return nil, nil, err
		}
		after[i] = time.Now()
	}
	return before, after, nil
}

// longestBetween is the longest time between two moments of the same index.
func longestBetween(before, after []time.Time) (most time.Duration) {
	for i := range before {
		most = max(most, after[i].Sub(before[i]))
	}
	return most
}
