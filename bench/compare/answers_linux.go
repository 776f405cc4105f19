package main

import (
	"fmt"
	"slices"
	"time"

	"example.org/healthlb/bench/peer"
)

// answersEffort is how much is measured.
type answersEffort struct {
	Closed int           `json:"rounds_as_fast_as_it_answers"`
	Open   int           `json:"rounds_at_a_fixed_rate"`
	Length time.Duration `json:"length_ns"` // of each measurement
	Warm   time.Duration `json:"warm_up_ns"`
}

// answersData is the data file.
type answersData struct {
	Machine map[string]string `json:"machine"`
	Effort  answersEffort     `json:"effort"`
	Window  int               `json:"window"`
	Samples []sample          `json:"samples"`
	Signed  []sample          `json:"signed"`
	Targets []target          `json:"targets"`
}

// effort is how much is measured of answers, with so many rounds as fast as they come.
func (o *options) effort(closed int) answersEffort {
	if o.short {
		return answersEffort{Closed: 1, Open: 1, Length: 500 * time.Millisecond, Warm: 50 * time.Millisecond}
	}
	return answersEffort{Closed: closed, Open: 3, Length: 2 * time.Second, Warm: 300 * time.Millisecond}
}

// closed has runners asked as fast as they answer.
func (e answersEffort) closed(o *options, runners []*runner) {
	inTurn("as fast as they answer", e.Closed, runners, func(r *runner, round int) error {
		s, err := r.measure(o, round, e.Length, e.Warm, 0)
		if err == nil {
			r.closed = append(r.closed, s)
		}
		return err
	})
}

// open has runners asked at a rate, or at half of their own.
func (e answersEffort) open(o *options, runners []*runner, rate float64) {
	inTurn("at a fixed rate", e.Open, runners, func(r *runner, round int) error {
		s, err := r.measure(o, round, e.Length, e.Warm, r.rate(rate))
		if err == nil {
			r.open = append(r.open, s)
		}
		return err
	})
}

// plainServers are those of the part answers, but for the signing ones.
func plainServers() []peer.Server {
	return []peer.Server{
		peer.Healthlb(), peer.Express(), peer.Whoami(), peer.Hosts(), peer.File(), peer.FileLoadbalance(),
		peer.Gdnsd(), peer.PowerDNS(true), peer.PowerDNS(false), peer.NSD(), peer.Knot(),
		peer.Echo("Go"), peer.Echo("C"),
	}
}

func signedServers() []peer.Server {
	return []peer.Server{peer.HealthlbSigned("round_robin"), peer.HealthlbSigned("hash"), peer.FileSigned()}
}

// answers measures what an answer costs, side by side with other servers and with the least that a server can do.
func answers(o *options) error {
	e := o.effort(5)
	members, err := peer.StartMembers(o.clientCore)
	if err != nil {
		return err
	}
	defer members.Stop()

	plain, signed := o.find(plainServers()), o.find(signedServers())
	all := slices.Concat(plain, signed)
	inTurn("start", 1, all, func(r *runner, _ int) error {
		n := max(4, r.Answers)
		return r.start(o, peer.Setup{Pools: peer.Pools(n, n), Members: members.Port})
	})
	defer func() {
		for _, r := range all {
			r.stop()
		}
	}()
	e.closed(o, all)
	half := halfOf(named(plain, whoami))
	e.open(o, plain, half)

	targets := answerTargets(plain, signed)
	printCosts(plain)
	printLatencies(plain, half)
	printSigned(signed)
	o.printTargets(targets)
	data := answersData{Machine: machine(), Effort: e, Window: window, Targets: targets}
	for _, r := range plain {
		data.Samples = slices.Concat(data.Samples, r.closed, r.open)
	}
	for _, r := range signed {
		data.Signed = slices.Concat(data.Signed, r.closed)
	}
	return o.writeWhole("answers", data, broken(all))
}

// halfOf is half of the rate that a server reached, 0 if it was not measured.
func halfOf(r *runner) float64 {
	if r == nil || len(r.closed) == 0 {
		return 0
	}
	return medianOf(figures(r.closed, rateOf)) / 2
}

// rate is at what rate it is asked: the same for all, but half of its own for a server that is too slow for that.
func (r *runner) rate(common float64) float64 {
	own := halfOf(r)
	if common == 0 || 2*own*tooSlow < common {
		return own
	}
	return common
}

// tooSlow is the share of its highest rate up to which a server's latencies are its own, and not that of a queue.
const tooSlow = 0.9

// answerTargets are the figures that are asked of healthlb here.
func answerTargets(plain, signed []*runner) []target {
	cost := func(asked float64, to string) target {
		return atMost("CPU per query, to "+to, asked, toPeer(plain, "healthlb", to, closedOf, cpuOf))
	}
	return []target{
		cost(0.80, whoami),
		cost(0.60, "file"),
		cost(0.50, "file + loadbalance"),
		cost(1.0/4, "PowerDNS LUA shared"),
		cost(1.0/50, "PowerDNS LUA"),
		atMost("p99 at the same rate, to "+whoami, 1.2, toPeer(plain, "healthlb", whoami, openOf, p99Of)),
		atMost("signed, CPU per query of rotating answers to a fixed one", 1.15, toPeer(signed, rotating, fixed, closedOf, cpuOf)),
		atMost("the same to the fixed one of *file*", 1.15, toPeer(signed, rotating, "file signed", closedOf, cpuOf)),
	}
}

const (
	whoami   = "whoami"
	rotating = "healthlb round_robin signed"
	fixed    = "healthlb hash signed"
)

func closedOf(r *runner) []sample { return r.closed }
func openOf(r *runner) []sample   { return r.open }

// toPeer is a server's figure divided by another one's, round by round.
func toPeer(runners []*runner, name, to string, samples func(*runner) []sample, figure func(sample) float64) []float64 {
	r, by := named(runners, name), named(runners, to)
	if r == nil || by == nil {
		return nil
	}
	return ratios(figures(samples(r), figure), figures(samples(by), figure))
}

// floor is the CPU time per query of the faster echo, round by round.
func floor(runners []*runner) (list []float64) {
	for _, name := range []string{"echo in Go", "echo in C"} {
		r := named(runners, name)
		if r == nil {
			continue
		}
		for i, s := range r.closed {
			if i == len(list) {
				list = append(list, s.CPU)
			}
			list[i] = min(list[i], s.CPU)
		}
	}
	return list
}

func printCosts(runners []*runner) {
	least := floor(runners)
	var rows [][]string
	for _, r := range runners {
		if len(r.closed) == 0 {
			continue
		}
		cpu := figures(r.closed, cpuOf)
		rows = append(rows, []string{
			r.Name, thousands(medianOf(figures(r.closed, rateOf))), lost(r.closed), fmt.Sprintf("%.2f us", medianOf(cpu)),
			show(toPeer(runners, r.Name, whoami, closedOf, cpuOf)), show(ratios(cpu, least)),
			fmt.Sprintf("%.1f MB", medianOf(figures(r.closed, memoryOf))), fmt.Sprint(r.seen.Bytes), busy(r.closed),
		})
	}
	printTable(fmt.Sprintf("As fast as they answer, %d queries under way (medians of the rounds; ratios are made within a round).\n%s",
		window, busyNote),
		[]string{"server", "queries/s", "lost", "CPU/query", "CPU to whoami", "CPU to the faster echo", "RSS", "bytes",
			"client busy"}, rows)
}

func printLatencies(runners []*runner, half float64) {
	var rows [][]string
	for _, r := range runners {
		if len(r.open) == 0 {
			continue
		}
		middle := func(figure func(sample) float64) string {
			return fmt.Sprintf("%.0f us", medianOf(figures(r.open, figure)))
		}
		ratio := "-"
		if r.open[0].Asked == half {
			ratio = show(toPeer(runners, r.Name, whoami, openOf, p99Of))
		}
		rows = append(rows, []string{
			r.Name, thousands(r.open[0].Asked), lost(r.open), middle(func(s sample) float64 { return s.P50 }), middle(p99Of),
			middle(func(s sample) float64 { return s.P999 }), middle(func(s sample) float64 { return s.Max }), ratio, middle(cpuOf),
		})
	}
	printTable("At a fixed rate, half of what whoami reaches, or of what a server that is too slow for that reaches itself:",
		[]string{"server", "queries/s", "lost", "p50", "p99", "p99.9", "slowest answer", "p99 to whoami", "CPU/query"}, rows)
}

func printSigned(runners []*runner) {
	var rows [][]string
	for _, r := range runners {
		if len(r.closed) == 0 {
			continue
		}
		rows = append(rows, []string{
			r.Name, thousands(medianOf(figures(r.closed, rateOf))), lost(r.closed), fmt.Sprintf("%.2f us", medianOf(figures(r.closed, cpuOf))),
			show(toPeer(runners, r.Name, fixed, closedOf, cpuOf)), show(toPeer(runners, r.Name, "file signed", closedOf, cpuOf)),
			fmt.Sprint(r.seen.Bytes), busy(r.closed),
		})
	}
	printTable("16 members, signed by *dnssec*, as fast as they answer. Under `hash` a client always gets the same answer.\n"+busyNote,
		[]string{"server", "queries/s", "lost", "CPU/query", "CPU to healthlb hash", "CPU to file", "bytes", "client busy"}, rows)
}

// busy is the share of the time in which the client had something to do.
func busy(samples []sample) string {
	return fmt.Sprintf("%.0f%%", 100*medianOf(figures(samples, clientOf)))
}

const busyNote = "Bytes: of a reply. Where the client is busy for more than 90% of the time, queries/s are its limit, not the server's:"

// lost is the share of queries without an answer in all rounds.
func lost(samples []sample) string {
	var sent, lost int
	for _, s := range samples {
		sent, lost = sent+s.Sent, lost+s.Lost
	}
	if lost == 0 {
		return "0"
	}
	return fmt.Sprintf("%.3f%%", 100*float64(lost)/float64(sent))
}

// show writes the spread of ratios, if there are any.
func show(values []float64) string {
	if len(values) == 0 {
		return "-"
	}
	return spreadOf(values).String()
}
