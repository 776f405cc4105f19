package probe

import "time"

// connector runs the probes that the loop begins, and holds tripwires. There are two: one on Linux, in whose loop connections are made
// without a goroutine each, and a portable one.
//
// Its methods are called by the loop, runs, rouse and grain excepted. They are called without a lock held, rouse and grain excepted.
type connector interface {
	// runs says whether the probes of an entry are run by the loop, and not in goroutines.
	runs(e *Entry) bool

	// begin begins a probe, which was due at the given time. When it has ended, Scheduler.finish is called.
	begin(e *Entry, due time.Duration)

	// drop ends the probe of an entry, if the loop runs it. It returns whether it did: then Scheduler.finish is the caller's to call.
	drop(e *Entry) bool

	// hold makes a tripwire. Scheduler.wireHeld follows, if it can be made, and wireEnded in any case.
	hold(w *wire)

	// release closes a tripwire, or gives up making it.
	release(w *wire)

	// sleep waits until rouse was called since the last sleep, until that long has passed, or until there was something to do for a probe,
	// and does it. With never it waits for one of the others; with 0 or less it does what there is to do.
	sleep(wait time.Duration)

	// rouse ends the sleep of the loop.
	rouse()

	// grain is how much later than due the loop may wake, so that several probes share one wake-up.
	grain() time.Duration

	// close gives up all that sleep would have waited for.
	close()
}
