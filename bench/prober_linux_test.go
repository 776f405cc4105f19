package bench

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"example.org/healthlb/plugin/healthlb/probe"
)

// proberSpec says what healthlb's scheduler has to probe.
type proberSpec struct {
	Port, Targets int
	Interval, For time.Duration
	CAFile        string // empty: the check is tcp, else tls
}

// proberResult is what that took.
type proberResult struct {
	FirstRound  time.Duration // from the first target that was added to the result of the last
	FirstPassed int

	// Of For, after the first round:
	Probes, Passed int
	CPU            time.Duration
	Lags           lags
	MostInFlight   int
	BytesPerTarget float64 // of the heap
}

type lags struct{ P50, P99, Max time.Duration }

// prober is what is counted.
type prober struct {
	mu           sync.Mutex // guards what follows
	late         samples
	passed, all  int
	mostInFlight int
	scheduler    *probe.Scheduler
}

func (p *prober) report(r probe.Result) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all++
	if r.Reason == "" {
		p.passed++
	}
	return false
}

func (p *prober) lag(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late.all = append(p.late.all, d)
	p.mostInFlight = max(p.mostInFlight, p.scheduler.InFlight())
}

// counted returns the counts, and begins to count anew.
func (p *prober) counted() (all, passed, mostInFlight int, late []time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, passed, mostInFlight, late = p.all, p.passed, p.mostInFlight, p.late.sorted()
	p.all, p.passed, p.mostInFlight, p.late.all = 0, 0, 0, make([]time.Duration, 0, len(late)+1)
	return all, passed, mostInFlight, late
}

// runHealthlb is the role of a process that probes as healthlb does.
func runHealthlb(text []byte) (any, error) {
	var spec proberSpec
	var result proberResult
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, err
	}
	check := probe.NewTCP(0, probe.TCPOptions{})
	if spec.CAFile != "" {
		var err error
		if check, err = probe.NewTLS(0, probe.TLSOptions{ServerName: tlsName, CAFile: spec.CAFile}); err != nil {
			return nil, err
		}
	}
	entries := make([]*probe.Entry, spec.Targets)
	p := new(prober)
	p.mu.Lock()
	p.scheduler = probe.NewScheduler(probe.Options{OnLag: p.lag})
	p.mu.Unlock()
	defer p.scheduler.Close()

	before, start := heapInUse(), time.Now()
	for i := range entries {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(i%memberHosts + 1), 1}), uint16(spec.Port))
		if spec.CAFile != "" {
			to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, 1}), uint16(spec.Port))
		}
		entries[i] = p.scheduler.Add(probe.Target{
			Route: probe.Route{To: to}, Check: check.Key(), Interval: spec.Interval, Timeout: min(spec.Interval/4, 2*time.Second), Confirm: time.Second,
		}, check, probe.Report(p.report), true)
	}
	for end := start.Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		all := p.all
		p.mu.Unlock()
		if all >= spec.Targets {
			break
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%d of %d targets probed in a minute", all, spec.Targets)
		}
	}
	result.FirstRound = time.Since(start)
	_, result.FirstPassed, _, _ = p.counted()
	result.BytesPerTarget = float64(heapInUse()-before) / float64(spec.Targets)

	cpu := cpuUsed()
	time.Sleep(spec.For)
	result.CPU = cpuUsed() - cpu
	var late []time.Duration
	result.Probes, result.Passed, result.MostInFlight, late = p.counted()
	if n := len(late); n > 0 {
		result.Lags = lags{late[n/2], late[n*99/100], late[n-1]}
	}
	runtime.KeepAlive(entries)
	return result, nil
}
