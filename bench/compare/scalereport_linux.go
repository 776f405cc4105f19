package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"example.org/healthlb/bench/plot"
)

// scaleData is the data file.
type scaleData struct {
	Machine map[string]string `json:"machine"`
	Effort  scaleEffort       `json:"effort"`
	About   string            `json:"about"`
	Members []scalePoint      `json:"by_members"` // of one pool
	Pools   []scalePoint      `json:"by_pools"`   // of 4 members
	Targets []target          `json:"targets"`
}

const scaleAbout = `Members have "check up" and "interval 1h": nobody is probed. Weights are 1 to 4. Queries go to all pools at random.
Each responder has one core, the client another one. The reference, measured in turn with each of the others, is one pool of 4 members
(round_robin, answers 4). Start: from exec to the first answer. Change: from an order that unblocks a member to the first answer that
shows it, with the state directory in memory. Rebuild: of it, what the change of one member's health costs within the process
(BenchmarkRebuild). Reload: from SIGUSR1 to the first answer of the new configuration, which has one more pool. Lost and slowest: of 5,000
queries a second that are asked meanwhile, beside the same without a reload, asked after each of them for as long (for 10 s at most);
dropped: by the kernel, as the responder came too late to read them. Memory: resident set size after the start, and after up to three
reloads; most: the highest one until then.`

// report prints tables, and writes the data and the plots.
func (d *scaleData) report(o *options) error {
	d.Targets = d.targets()
	fmt.Printf("\n%s\n", scaleAbout)
	what := []string{"answers/s", "to the reference", "CPU us/query", "to the reference", "start ms", "memory MB", "change ms", "rebuild us"}
	var rows [][]string
	for _, p := range d.Members {
		rows = append(rows, append([]string{p.picks(), thousands(float64(p.Members))}, p.cells()...))
	}
	printTable("Members of one pool:", append([]string{"policy", "members"}, what...), rows)
	rows = nil
	for _, p := range d.Pools {
		rows = append(rows, append([]string{p.picks(), thousands(float64(p.Pools))}, p.cells()...))
	}
	printTable("Pools of 4 members:", append([]string{"policy", "pools"}, what...), rows)

	rows = nil
	for i, p := range slices.Concat(d.Members, d.Pools) {
		twice := i >= len(d.Members) && d.ofMembers(p.scaleShape) >= 0
		if r := p.Reload; r != nil && !twice {
			rows = append(rows, []string{
				fmt.Sprintf("%s x %s", thousands(float64(p.Pools)), thousands(float64(p.Members))),
				inMillis(medianOf(r.Took)), inMillis(slices.Max(r.Took)),
				fmt.Sprintf("%d of %d", r.Meanwhile.Lost, r.Meanwhile.Sent), strconv.Itoa(r.Dropped),
				fmt.Sprintf("%d of %d", r.Without.Lost, r.Without.Sent),
				inMillis(r.Meanwhile.Slowest), inMillis(r.Without.Slowest),
				fmt.Sprintf("%.0f", r.Memory), fmt.Sprintf("%.0f", r.Most),
			})
		}
	}
	printTable("Reloads:", []string{"pools x members", "reload ms", "worst", "lost", "dropped", "without",
		"slowest ms", "without", "memory MB", "most MB"}, rows)
	printTargets(d.Targets)
	if o.out == "" {
		return nil
	}
	if err := o.write("scale", d); err != nil {
		return err
	}
	for name, plots := range d.plots() {
		if err := plot.Save(filepath.Join(o.out, name), plots...); err != nil {
			return err
		}
	}
	return nil
}

// ofMembers is the index of a shape in d.Members, -1 if it is not there.
func (d *scaleData) ofMembers(s scaleShape) int {
	return slices.IndexFunc(d.Members, func(p scalePoint) bool { return p.scaleShape == s })
}

func (p scalePoint) cells() []string {
	return []string{
		thousands(p.Rate), fmt.Sprintf("%.2f", p.RateToReference), fmt.Sprintf("%.2f", p.CPU), fmt.Sprintf("%.2f", p.CPUToReference),
		inMillis(p.Start), fmt.Sprintf("%.0f", p.Memory), inMillis(p.Change), p.rebuild(),
	}
}

// rebuild is in microseconds.
func (p scalePoint) rebuild() string {
	if p.Rebuild == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", 1e6*p.Rebuild)
}

// inMillis writes seconds as milliseconds, with two digits at least.
func inMillis(seconds float64) string {
	digits := 0
	if seconds < 0.01 {
		digits = 1
	}
	return strconv.FormatFloat(1000*seconds, 'f', digits, 64)
}

// targets are those for reloads of 10,000 pools.
func (d *scaleData) targets() []target {
	var worst, lost []float64
	for _, p := range d.Pools {
		if p.Pools == 10000 {
			worst, lost = []float64{slices.Max(p.Reload.Took)}, []float64{p.Reload.beyond()}
		}
	}
	return []target{
		atMost("reload of 10,000 pools, the worst, s", 2, worst),
		atMost("queries lost in reloads of 10,000 pools, beyond those without", 0, lost),
	}
}

// scaleFigure is something to plot of points; ok is false for a point that does not have it.
type scaleFigure func(scalePoint) (value float64, ok bool)

func (d *scaleData) plots() map[string][]plot.Plot {
	rate := func(p scalePoint) (float64, bool) { return p.Rate, true }
	cpu := func(p scalePoint) (float64, bool) { return p.CPUToReference, true }
	start := func(p scalePoint) (float64, bool) { return p.Start, true }
	memory := func(p scalePoint) (float64, bool) { return p.Memory, true }
	change := func(p scalePoint) (float64, bool) { return 1000 * p.Change, true }
	rebuild := func(p scalePoint) (float64, bool) { return 1000 * p.Rebuild, p.Rebuild > 0 }
	reload := ofReload(func(r *scaleReload) float64 { return medianOf(r.Took) })
	slowest := ofReload(func(r *scaleReload) float64 { return r.Meanwhile.Slowest })
	after := ofReload(func(r *scaleReload) float64 { return r.Memory })
	most := ofReload(func(r *scaleReload) float64 { return r.Most })

	members := func(title, unit string, lines ...[]plot.Line) plot.Plot {
		return plot.Plot{Title: title, X: "members of one pool", Y: unit, LogX: true, LogY: true, Lines: slices.Concat(lines...)}
	}
	pools := func(title, unit string, lines ...[]plot.Line) plot.Plot {
		return plot.Plot{Title: title, X: "pools of 4 members", Y: unit, LogX: true, LogY: true, Lines: slices.Concat(lines...)}
	}
	byMembers := func(what string, f scaleFigure) []plot.Line { return scaleLines(d.Members, what, membersOf, f) }
	byPools := func(what string, f scaleFigure) []plot.Line {
		lines := scaleLines(d.Pools, "", poolsOf, f)
		for i := range lines {
			lines[i].Name = cmp.Or(what, lines[i].Name) // all are picked alike
		}
		return lines
	}
	answers := func(p plot.Plot) plot.Plot {
		p.LogY = false
		return p
	}
	return map[string][]plot.Plot{
		"answers-members.svg": {
			answers(members("Answers a second", "", byMembers("", rate))),
			answers(members("CPU time of an answer, to that of the reference", "", byMembers("", cpu))),
		},
		"answers-pools.svg": {
			answers(pools("Answers a second", "", byPools("", rate))),
			answers(pools("CPU time of an answer, to that of the reference", "", byPools("", cpu))),
		},
		"memory.svg": {
			members("Memory", "MB", byMembers("", memory), byMembers("after reloads", after)),
			pools("Memory", "MB", byPools("after the start", memory), byPools("after reloads", after), byPools("the most", most)),
		},
		"start-reload.svg": {
			members("Start and reload", "s", byMembers("start", start), byMembers("reload", reload)),
			pools("Start and reload", "s", byPools("start", start), byPools("reload", reload), byPools("slowest answer", slowest)),
		},
		"change.svg": {
			members("From a change to the first answer that shows it", "ms", byMembers("", change), byMembers("rebuild in the process", rebuild)),
			pools("From a change to the first answer that shows it", "ms", byPools("", change)),
		},
	}
}

// ofReload is a figure of those points that have been reloaded.
func ofReload(value func(*scaleReload) float64) scaleFigure {
	return func(p scalePoint) (float64, bool) {
		if p.Reload == nil {
			return 0, false
		}
		return value(p.Reload), true
	}
}

func membersOf(p scalePoint) float64 { return float64(p.Members) }
func poolsOf(p scalePoint) float64   { return float64(p.Pools) }

// scaleLines is a line for each way to pick answers that has the figure.
func scaleLines(points []scalePoint, what string, size func(scalePoint) float64, f scaleFigure) (lines []plot.Line) {
	for _, p := range points {
		value, ok := f(p)
		if !ok {
			continue
		}
		name := fmt.Sprintf("%s, %d", p.Policy, p.Answers)
		if what != "" {
			name = what + ": " + name
		}
		i := slices.IndexFunc(lines, func(l plot.Line) bool { return l.Name == name })
		if i < 0 {
			i = len(lines)
			lines = append(lines, plot.Line{Name: name})
		}
		lines[i].Points = append(lines[i].Points, plot.Point{X: size(p), Y: value})
	}
	return lines
}
