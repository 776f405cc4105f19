package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"example.org/healthlb/bench/load"
	"example.org/healthlb/bench/peer"
)

const (
	// window is how many queries are under way at once when a server shows how fast it is. It is dnsperf's default.
	window = 100
	// startTime is how long a server may take to its first right answer. PowerDNS takes 5 s: the first round of its checks.
	startTime = time.Minute
	// catchUpTime is how long a server may take to its next right answer after a measurement, as it may have a buffer full of queries left.
	catchUpTime = 10 * time.Second
	// mayLose is the share of queries that a server may lose that is asked as fast as it answers, and mayPause how often all that are
	// under way may be lost besides, as the machine has paused for a second; more are taken to be breakage. At a fixed rate a pause loses
	// many more than that, as the socket's buffer is full after some ms.
	mayLose  = 0.01
	mayPause = 10
)

// sample is what was measured of a server in one round.
type sample struct {
	Server  string  `json:"server"`
	Targets int     `json:"targets,omitempty"`           // that are probed
	Every   float64 `json:"every_s,omitempty"`           // how often each is
	Probes  float64 `json:"probes_per_second,omitempty"` // that members have accepted meanwhile
	Round   int     `json:"round"`
	Asked   float64 `json:"asked_per_second"` // 0: as fast as it answers
	Rate    float64 `json:"answered_per_second"`
	Sent    int     `json:"sent"`
	Lost    int     `json:"lost"`
	CPU     float64 `json:"cpu_us_per_query"`
	Memory  float64 `json:"memory_mb"` // resident set size
	Bytes   int     `json:"reply_bytes"`
	P50     float64 `json:"p50_us"`
	P99     float64 `json:"p99_us"`
	P999    float64 `json:"p99.9_us"`
	Max     float64 `json:"max_us"`
	Client  float64 `json:"client_busy"` // the share of the time in which the client had something to do
}

// figures takes one figure out of the samples of all rounds.
func figures(samples []sample, figure func(sample) float64) (list []float64) {
	for _, s := range samples {
		list = append(list, figure(s))
	}
	return list
}

func rateOf(s sample) float64   { return s.Rate }
func cpuOf(s sample) float64    { return s.CPU }
func memoryOf(s sample) float64 { return s.Memory }
func clientOf(s sample) float64 { return s.Client }
func p99Of(s sample) float64    { return s.P99 }
func p999Of(s sample) float64   { return s.P999 }

// runner is a server in the comparison.
type runner struct {
	peer.Server
	setup   peer.Setup
	process *peer.Process
	seen    peer.Seen // of its replies

	closed []sample // asked as fast as it answers, one of each round
	open   []sample // asked at a fixed rate, one of each round
	broken error    // it takes part no more
}

// find makes runners of those servers that are wanted and installed, and says which are not.
func (o *options) find(servers []peer.Server) (runners []*runner) {
	for _, server := range servers {
		if !o.wanted(server.Name) {
			continue
		}
		if _, err := server.Find(); server.Command != "" && err != nil {
			fmt.Printf("%s is left out: %s is not installed. Debian has it in %s.\n", server.Name, server.Command, server.Package)
			continue
		}
		runners = append(runners, &runner{Server: server})
	}
	return runners
}

// start starts it, and waits until it answers as it should.
func (r *runner) start(o *options, setup peer.Setup) (err error) {
	setup.Binary, setup.Core = o.binary, o.serverCore
	if setup.Port, err = peer.FreePort(); err != nil {
		return err
	}
	setup.Dir = filepath.Join(o.dir, strconv.Itoa(int(setup.Port)))
	r.setup = setup
	if r.process, err = r.Start(setup); err != nil {
		return err
	}
	r.seen, err = r.Check(r.process, setup.At(), startTime)
	return err
}

func (r *runner) stop() {
	if r.process != nil {
		r.process.Stop()
	}
	r.process = nil
	os.RemoveAll(r.setup.Dir)
}

// measure asks for a while, after a while that does not count; at a rate, or as fast as it answers.
func (r *runner) measure(o *options, round int, length, warm time.Duration, rate float64) (s sample, err error) {
	spec := load.Spec{
		Server: r.setup.At(), Queries: r.Queries(), Window: window, Rate: rate, Core: o.clientCore, WantAnswers: r.seen.Records,
	}
	spec.For = warm
	if _, err := load.Run(spec); err != nil {
		return s, err
	}
	spec.For = length
	before, err := r.process.CPU()
	if err != nil {
		return s, err
	}
	result, err := load.Run(spec)
	if err != nil {
		return s, err
	}
	if err := r.process.Alive(); err != nil {
		return s, err
	}
	after, err := r.process.CPU()
	if err != nil {
		return s, err
	}
	memory, err := r.process.Memory()
	if err != nil {
		return s, err
	}
	if result.Answered == 0 || result.Failed > 0 {
		return s, fmt.Errorf("of %d queries %d were answered, %d of them wrongly", result.Sent, result.Answered, result.Failed)
	}
	if rate == 0 && float64(result.Lost) > mayPause*window+mayLose*float64(result.Sent) {
		return s, fmt.Errorf("%d of %d queries were lost", result.Lost, result.Sent)
	}
	if r.seen, err = r.Check(r.process, r.setup.At(), catchUpTime); err != nil {
		return s, err
	}
	return sample{
		Server: r.Name, Round: round + 1,
		Asked: rate, Rate: result.Rate(), Sent: result.Sent, Lost: result.Lost,
		CPU:    micros(after-before) / float64(result.Answered),
		Memory: float64(memory) / 1e6, Bytes: r.seen.Bytes,
		P50: micros(result.P50), P99: micros(result.P99), P999: micros(result.P999), Max: micros(result.Max),
		Client: result.Busy,
	}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// inTurn has each runner do something in so many rounds, in one order and then in the other, so that a machine that becomes slower
// favours nobody. Who breaks is left out from then on.
func inTurn(what string, rounds int, runners []*runner, do func(r *runner, round int) error) {
	for round := range rounds {
		order := slices.Clone(runners)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, r := range order {
			if r.broken != nil {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s, round %d of %d: %s\n", what, round+1, rounds, r.Name)
			if err := do(r, round); err != nil {
				r.broken = fmt.Errorf("%s, round %d of %s: %w", r.Name, round+1, what, err)
				fmt.Fprintln(os.Stderr, r.broken)
			}
		}
	}
}

// broken tells what is broken of all of them.
func broken(runners []*runner) error {
	var errs []error
	for _, r := range runners {
		errs = append(errs, r.broken)
	}
	return errors.Join(errs...)
}

// named is the runner of that name, if it takes part.
func named(runners []*runner, name string) *runner {
	for _, r := range runners {
		if r.Name == name {
			return r
		}
	}
	return nil
}
