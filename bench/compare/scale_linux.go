package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"example.org/healthlb/bench/load"
)

// scaleShape is how large a configuration is, and how its pools answer.
type scaleShape struct {
	Pools   int    `json:"pools"`
	Members int    `json:"members"` // of each pool
	Policy  string `json:"policy"`
	Answers int    `json:"answers"`
}

func (s scaleShape) String() string {
	return fmt.Sprintf("%d x %d members, %s", s.Pools, s.Members, s.picks())
}

// picks is how a pool picks its answers.
func (s scaleShape) picks() string { return fmt.Sprintf("%s, answers %d", s.Policy, s.Answers) }

// scaleReference is measured in turn with every other shape, as the machine is not as fast at all times.
var scaleReference = scaleShape{1, 4, "round_robin", 4}

// scalePoint is what was measured of a shape: medians, if nothing else is said. Each responder has one core.
type scalePoint struct {
	scaleShape
	Rate            float64      `json:"answers_per_second"`
	CPU             float64      `json:"cpu_us_per_query"`
	RateToReference float64      `json:"answers_to_reference"`
	CPUToReference  float64      `json:"cpu_to_reference"`
	Start           float64      `json:"start_s"`             // from exec to the first answer
	Memory          float64      `json:"start_memory_mb"`     // resident set size after that
	Change          float64      `json:"change_s"`            // from an order that changes a pool to the first answer that shows it
	Rebuild         float64      `json:"rebuild_s,omitempty"` // in the process: what such a change costs; 0: not measured
	Reload          *scaleReload `json:"reload,omitempty"`
}

// scaleReload is what SIGUSR1s did.
type scaleReload struct {
	Took      []float64 `json:"took_s"`    // from the signal to the first answer of the new configuration
	Without   asking    `json:"without"`   // after each of them, for the same time, but no longer than withoutAtMost
	Meanwhile asking    `json:"meanwhile"` // from before the signal until after the old configuration is taken down
	Dropped   int       `json:"dropped"`   // of those lost meanwhile: by the kernel, as the responder was late to read them
	Memory    float64   `json:"memory_mb"` // resident set size after them
	Most      float64   `json:"most_mb"`   // the highest resident set size since the start
}

// asking is what became of queries at scaleRate.
type asking struct {
	Sent    int     `json:"sent"`
	Lost    int     `json:"lost"`             // not answered within a second, or with an error
	Slowest float64 `json:"slowest_answer_s"` // from when the query was due
}

// scaleRate is how many queries a second are asked during reloads. A socket's default buffer holds some 277 of them, 55 ms at this rate:
// a responder that does not read for that long loses queries. At 2,000 a second it would be 140 ms, and the longest pauses were all that
// is seen. 5,000 a second is less than a tenth of what one core answers, so that whoever runs healthlb on one core may well have it.
const scaleRate = 5000

// withoutAtMost is for how long is asked without a reload at most, to see what is lost anyway.
const withoutAtMost = 10 * time.Second

// scaleEffort is how much is measured.
type scaleEffort struct {
	Round   time.Duration `json:"round_ns"` // how long answers are counted; four times that from 10,000 pools on, see scaleMeter.answers
	Rounds  int           `json:"rounds"`
	Changes int           `json:"changes"`
	Times   int           `json:"times"` // of starts and of reloads, unless one takes more than a second
}

// scale measures how answers, memory, starts, reloads and changes grow with the number of members of a pool, and with that of pools.
func scale(o *options) error {
	members, pools := []int{1, 4, 16, 100, 1000, 10000}, []int{1, 10, 100, 1000, 10000, 100000}
	picks := []scaleShape{{1, 0, "round_robin", 4}, {1, 0, "round_robin", 1}, {1, 0, "weighted", 1}, {1, 0, "hash", 1}}
	m := &scaleMeter{options: o, scaleEffort: scaleEffort{Round: 500 * time.Millisecond, Rounds: 3, Changes: 20, Times: 3}}
	if o.short {
		members, pools, picks = []int{4, 100}, []int{1, 1000}, picks[:1]
		m.scaleEffort = scaleEffort{Round: 300 * time.Millisecond, Rounds: 1, Changes: 3, Times: 1}
	}
	var err error
	if m.memory, err = os.MkdirTemp(memoryDir(), "healthlb-scale"); err != nil {
		return err
	}
	o.remove(m.memory)
	if m.reference, _, err = m.start(scaleReference); err != nil {
		return err
	}
	defer m.reference.stop()

	data := scaleData{Machine: machine(), Effort: m.scaleEffort, About: scaleAbout}
	rebuilds, err := m.rebuilds()
	if err != nil {
		return fmt.Errorf("rebuilds: %w", err)
	}
	for _, s := range picks {
		for _, s.Members = range members {
			p, err := m.measure(s, s.Answers == scaleReference.Answers)
			if err != nil {
				return fmt.Errorf("%v: %w", s, err)
			}
			if s.picks() == scaleReference.picks() {
				p.Rebuild = rebuilds[s.Members]
			}
			data.Members = append(data.Members, p)
		}
	}
	for _, n := range pools {
		s := scaleReference
		s.Pools = n
		if same := data.ofMembers(s); same >= 0 {
			data.Pools = append(data.Pools, data.Members[same])
			continue
		}
		p, err := m.measure(s, true)
		if err != nil {
			return fmt.Errorf("%v: %w", s, err)
		}
		data.Pools = append(data.Pools, p)
	}
	return data.report(o)
}

// scaleMeter measures points.
type scaleMeter struct {
	*options
	scaleEffort
	memory    string // a folder for state directories, see memoryDir
	reference *responder
	started   int // so many responders
}

// measure measures a shape, all of it or all but reloads.
func (m *scaleMeter) measure(s scaleShape, reloads bool) (p scalePoint, err error) {
	fmt.Fprintf(os.Stderr, "scale: %v\n", s)
	p.scaleShape = s
	var r *responder
	var starts []float64
	for m.again(starts) {
		if r != nil {
			r.stop()
		}
		var took time.Duration
		if r, took, err = m.start(s); err != nil {
			return p, err
		}
		starts = append(starts, took.Seconds())
	}
	defer r.stop()
	p.Start = medianOf(starts)
	if err := r.settle(); err != nil {
		return p, err
	}
	if p.Memory, err = r.memory(); err != nil {
		return p, err
	}
	if err := m.answers(r, &p); err != nil {
		return p, err
	}
	if p.Change, err = m.change(r); err != nil {
		return p, fmt.Errorf("changes: %w", err)
	}
	if reloads {
		if p.Reload, err = m.reload(r); err != nil {
			return p, fmt.Errorf("reloads: %w", err)
		}
	}
	return p, nil
}

// again says whether what took so many seconds is to be done once more.
func (m *scaleMeter) again(took []float64) bool {
	return len(took) == 0 || len(took) < m.Times && took[0] < 1
}

// start starts a responder, and tells how long that took until the first answer.
func (m *scaleMeter) start(s scaleShape) (*responder, time.Duration, error) {
	m.started++
	name := fmt.Sprintf("scale-%d", m.started)
	return startResponder(m.binary, filepath.Join(m.dir, name), filepath.Join(m.memory, name), m.serverCore, s)
}

// answers asks the responder and the reference in turn, as fast as they answer.
func (m *scaleMeter) answers(r *responder, p *scalePoint) error {
	round := m.Round
	if p.Pools >= 10000 {
		round *= 4 // with much memory, collections of garbage come rarely and take long
	}
	var rates, cpus, referenceRates, referenceCPUs []float64
	queries := r.queries()
	for range m.Rounds {
		rate, cpu, err := m.load(r, queries, round)
		if err != nil {
			return err
		}
		referenceRate, referenceCPU, err := m.load(m.reference, m.reference.queries(), m.Round)
		if err != nil {
			return fmt.Errorf("the reference: %w", err)
		}
		rates, cpus = append(rates, rate), append(cpus, cpu)
		referenceRates, referenceCPUs = append(referenceRates, referenceRate), append(referenceCPUs, referenceCPU)
	}
	p.Rate, p.RateToReference = medianOf(rates), medianOf(ratios(rates, referenceRates))
	p.CPU, p.CPUToReference = medianOf(cpus), medianOf(ratios(cpus, referenceCPUs))
	return nil
}

// load returns answers a second, and microseconds of CPU time a query.
func (m *scaleMeter) load(r *responder, queries [][]byte, d time.Duration) (rate, cpu float64, err error) {
	spec := load.Spec{Server: r.at, Queries: queries, For: d / 5, Window: window, Core: m.clientCore, WantAnswers: r.wantAnswers()}
	if _, err := load.Run(spec); err != nil { // to be warm
		return 0, 0, err
	}
	spec.For = d
	before, err := r.process.CPU()
	if err != nil {
		return 0, 0, err
	}
	result, err := load.Run(spec)
	if err != nil {
		return 0, 0, err
	}
	after, err := r.process.CPU()
	if err != nil {
		return 0, 0, err
	}
	if result.Answered == 0 || result.Failed > 0 {
		return 0, 0, fmt.Errorf("of %d queries %d were answered, %d of them wrongly\n%s",
			result.Sent, result.Answered, result.Failed, r.process.Log())
	}
	if 100*result.Lost > result.Sent {
		return 0, 0, fmt.Errorf("of %d queries %d were lost, though only %d are under way at once\n%s",
			result.Sent, result.Lost, window, r.process.Log())
	}
	return result.Rate(), micros(after-before) / float64(result.Answered), nil
}

// change blocks a member, and measures how long it takes to come back: with min_up 100% the pool is all down meanwhile, which one answer
// tells.
func (m *scaleMeter) change(r *responder) (float64, error) {
	var took []float64
	for range m.Changes {
		if err := r.block(); err != nil {
			return 0, err
		}
		if _, err := r.until(scalePool(0), isSorry); err != nil {
			return 0, err
		}
		began := time.Now()
		done := make(chan error, 1)
		go func() { done <- r.unblock() }()
		seen, err := r.until(scalePool(0), isAnswered)
		if err := errors.Join(<-done, err); err != nil {
			return 0, err
		}
		took = append(took, seen.Sub(began).Seconds())
	}
	return medianOf(took), nil
}

// reload has the responder take over configurations that have one other pool each, while it is asked.
func (m *scaleMeter) reload(r *responder) (*scaleReload, error) {
	spec := load.Spec{Server: r.at, Queries: r.queries(), For: time.Second, Rate: scaleRate, Core: m.clientCore, WantAnswers: r.wantAnswers()}
	var f scaleReload
	for m.again(f.Took) {
		n := len(f.Took) + 1
		if err := r.configure(n); err != nil {
			return nil, err
		}
		var took time.Duration
		done := make(chan error, 1)
		go func() {
			time.Sleep(spec.For / 5)
			var err error
			took, err = r.reload(n)
			time.Sleep(spec.For / 2) // while the old configuration is taken down
			done <- err
		}()
		before, err1 := r.dropped()
		askedBefore := f.Meanwhile.Sent
		if err := errors.Join(err1, f.Meanwhile.askUntil(done, spec)); err != nil {
			return nil, err
		}
		after, err := r.dropped()
		f.Dropped += after - before
		f.Took = append(f.Took, took.Seconds())
		if err := errors.Join(err, r.settle()); err != nil {
			return nil, err
		}
		without := spec
		without.For = min(time.Duration(f.Meanwhile.Sent-askedBefore)*time.Second/scaleRate, withoutAtMost)
		if err := f.Without.ask(without); err != nil {
			return nil, err
		}
	}
	var err1, err2 error
	f.Memory, err1 = r.memory()
	f.Most, err2 = r.most()
	return &f, errors.Join(err1, err2)
}

// beyond is how many queries more were lost in reloads than would have been in the same time without.
func (f *scaleReload) beyond() float64 {
	anyway := 0.0
	if f.Without.Sent > 0 {
		anyway = float64(f.Without.Lost) * float64(f.Meanwhile.Sent) / float64(f.Without.Sent)
	}
	return max(0, float64(f.Meanwhile.Lost)-anyway)
}

// askUntil asks until something is done, and returns its error.
func (a *asking) askUntil(done <-chan error, spec load.Spec) error {
	for {
		if err := a.ask(spec); err != nil {
			return err
		}
		select {
		case err := <-done:
			return err
		default:
		}
	}
}

// ask asks for the time of the spec.
func (a *asking) ask(spec load.Spec) error {
	result, err := load.Run(spec)
	a.Sent += result.Sent
	a.Lost += result.Lost + result.Failed
	a.Slowest = max(a.Slowest, result.Max.Seconds())
	return err
}
