package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"example.org/healthlb/bench/peer"
)

const (
	manyTargets = 30000
	fewTargets  = 1000
	eachPool    = 4 // how many members a pool has, all of which an answer names
)

// prober is a server with so many targets.
type prober struct {
	*runner
	members int           // of all pools
	every   time.Duration // how often each is probed; 0: not at all
	base    *prober       // the same server without probing, or nearly so
	length  time.Duration // of a measurement; 0: as of the others
}

// probingData is the data file.
type probingData struct {
	Machine map[string]string `json:"machine"`
	Effort  answersEffort     `json:"effort"`
	Window  int               `json:"window"`
	Samples []sample          `json:"samples"`
	Targets []target          `json:"targets"`
}

// probing measures what is left for answers while many targets are probed over TCP. One server runs at a time, as those that wait would
// probe as well.
func probing(o *options) error {
	e := o.effort(3)
	members, err := peer.StartMembers(o.clientCore)
	if err != nil {
		return err
	}
	defer members.Stop()

	probers := o.probers()
	var runners []*runner
	for _, p := range probers {
		runners = append(runners, p.runner)
	}
	inTurn("probing", e.Closed, runners, func(r *runner, round int) error {
		defer r.stop()
		return probers[slices.Index(runners, r)].measure(o, e, members, round)
	})

	targets := probingTargets(probers)
	printProbing(probers)
	o.printTargets(targets)
	data := probingData{Machine: machine(), Effort: e, Window: window, Targets: targets}
	for _, p := range probers {
		data.Samples = slices.Concat(data.Samples, p.closed, p.open)
	}
	return o.writeWhole("probing", data, broken(runners))
}

func probedServers() []peer.Server {
	return []peer.Server{peer.Healthlb(), peer.Gdnsd(), peer.PowerDNS(true)}
}

// probers are the servers that take part. Each comes without probing first.
func (o *options) probers() (list []*prober) {
	add := func(r *runner, base *prober, members int, every time.Duration) *prober {
		p := &prober{runner: &runner{Server: r.Server}, members: members, every: every, base: base}
		p.Pools = members / eachPool // each is asked for, or a cache would have the answer for all but a few queries
		if p.base == nil {
			p.base = p
		}
		list = append(list, p)
		return p
	}
	found := o.find(probedServers())
	if r := named(found, "healthlb"); r != nil {
		base := add(r, nil, manyTargets, 0)
		if !o.short {
			add(r, base, eachPool, 0)
			add(r, base, fewTargets, 10*time.Second)
			add(r, base, manyTargets, 10*time.Second)
		}
		add(r, base, manyTargets, 5*time.Second)
	}
	if r := named(found, "gdnsd"); r != nil {
		base := add(r, nil, eachPool, 0)
		add(r, base, fewTargets, 10*time.Second)
		if many := gdnsdTargets(); !o.short {
			add(r, base, many, 10*time.Second)
			add(r, base, many, 5*time.Second)
		}
	}
	if r := named(found, "PowerDNS LUA shared"); r != nil {
		const every = 5 * time.Second // its default
		base := add(r, nil, eachPool, every)
		few := add(r, base, fewTargets, every)
		if !o.short {
			base.length, few.length = every, every // it probes all at once, which each measurement has to see
		}
	}
	return list
}

// gdnsdTargets is how many targets gdnsd can have: it opens a connection to each of them at once when it starts, and members for which it
// has no file left are down.
func gdnsdTargets() int {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Max >= manyTargets+fewTargets {
		return manyTargets
	}
	n := int(files.Max)/1000*1000 - fewTargets
	fmt.Printf("gdnsd gets %s targets instead of %s: it needs a file for each at its start, and a process may have %s here.\n",
		thousands(float64(n)), thousands(manyTargets), thousands(float64(files.Max)))
	return n
}

// measure starts the server and measures it once, as fast as it answers and at half of what it answers without probing.
func (p *prober) measure(o *options, e answersEffort, members *peer.Members, round int) error {
	setup := peer.Setup{Pools: peer.Pools(p.members, eachPool), Every: p.every}
	if p.every > 0 {
		setup.Members = members.Port
	}
	if err := p.start(o, setup); err != nil {
		return err
	}
	for i := range setup.Pools { // PowerDNS probes whom it has been asked for
		if _, err := peer.Ask(p.setup.At(), peer.Question(peer.PoolName(i)+".example.org", dns.TypeA), 5*time.Second); err != nil {
			return fmt.Errorf("pool %d: %w", i, err)
		}
	}
	if err := p.CheckPools(p.process, p.setup, startTime); err != nil {
		return err
	}
	closed, err := p.sample(o, e, members, round, 0)
	if err != nil {
		return err
	}
	p.closed = append(p.closed, closed)
	half := halfOf(p.base.runner)
	if half == 0 {
		return errors.New("there is no rate without probing to compare with")
	}
	open, err := p.sample(o, e, members, round, half)
	if err != nil {
		return err
	}
	p.open = append(p.open, open)
	return nil
}

// sample measures it, and counts the probes meanwhile.
func (p *prober) sample(o *options, e answersEffort, members *peer.Members, round int, rate float64) (sample, error) {
	before, err := members.Accepted()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	s, err := p.runner.measure(o, round, max(e.Length, p.length), e.Warm, rate)
	if err != nil {
		return s, err
	}
	took := time.Since(start)
	after, err := members.Accepted()
	if err != nil {
		return s, err
	}
	s.Probes = float64(after-before) / took.Seconds()
	s.Targets, s.Every = p.targets(), p.every.Seconds()
	return s, nil
}

// targets is how many members are probed.
func (p *prober) targets() int {
	if p.every == 0 {
		return 0
	}
	return p.members
}

// share is its rate as a share of that without probing, round by round.
func (p *prober) share() []float64 {
	return ratios(figures(p.closed, rateOf), figures(p.base.closed, rateOf))
}

// probingTargets compares with two that do not probe: the same members, and so few that they cost nothing.
func probingTargets(probers []*prober) (targets []target) {
	rates := func(members int, every time.Duration) []float64 {
		for _, p := range probers {
			if p.Name == "healthlb" && p.members == members && p.every == every {
				return figures(p.closed, rateOf)
			}
		}
		return nil
	}
	for _, asked := range []struct {
		every time.Duration
		share float64
	}{{10 * time.Second, 0.85}, {5 * time.Second, 0.70}} {
		probing := rates(manyTargets, asked.every)
		what := fmt.Sprintf("queries/s with %s targets every %v, to those with ", thousands(manyTargets), asked.every)
		targets = append(targets,
			atLeast(what+"as many members and no probes", asked.share, ratios(probing, rates(manyTargets, 0))),
			atLeast(what+"4 members and no probes", asked.share, ratios(probing, rates(eachPool, 0))))
	}
	return targets
}

func printProbing(probers []*prober) {
	var rows [][]string
	for _, p := range probers {
		if len(p.open) == 0 {
			continue
		}
		every, probes := "-", "-"
		if p.every > 0 {
			due := float64(p.members) / p.every.Seconds()
			seen := medianOf(append(figures(p.closed, probesOf), figures(p.open, probesOf)...))
			every, probes = p.every.String(), fmt.Sprintf("%s (%.0f%%)", thousands(seen), 100*seen/due)
		}
		rows = append(rows, []string{
			p.Name, thousands(float64(p.members)), every, probes,
			thousands(medianOf(figures(p.closed, rateOf))), show(p.share()), lost(p.closed),
			fmt.Sprintf("%.2f us", medianOf(figures(p.closed, cpuOf))),
			fmt.Sprintf("%.0f us", medianOf(figures(p.open, p99Of))), lost(p.open),
			show(ratios(figures(p.open, p99Of), figures(p.base.open, p99Of))),
			fmt.Sprintf("%.1f MB", medianOf(figures(p.closed, memoryOf))),
		})
	}
	printTable("While members are probed over TCP, in pools of 4. The first line of a server is what its others are compared with.\n"+
		"In brackets: the share of the probes that are due. CPU includes the probes; p99 is at half of the rate of the first line:",
		[]string{"server", "members", "every", "probes/s", "queries/s", "share", "lost", "CPU/query", "p99", "lost then", "p99 to the first",
			"RSS"}, rows)
}

func probesOf(s sample) float64 { return s.Probes }
