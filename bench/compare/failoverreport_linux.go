package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// delay is how long something took; never, when it was not seen while it was watched for.
type delay time.Duration

const never = delay(math.MaxInt64)

func (d delay) String() string {
	if d == never {
		return "never"
	}
	return fmt.Sprintf("%.2f s", time.Duration(d).Seconds())
}

// MarshalJSON writes seconds, and null for never.
func (d delay) MarshalJSON() ([]byte, error) {
	if d == never {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, time.Duration(d).Seconds(), 'f', 4, 64), nil
}

// halfway is the median.
func halfway(delays []delay) delay {
	if len(delays) == 0 {
		return never
	}
	sorted := slices.Sorted(slices.Values(delays))
	low, high := sorted[(len(sorted)-1)/2], sorted[len(sorted)/2]
	return low + (high-low)/2
}

// longest is the worst case.
func longest(delays []delay) delay {
	if len(delays) == 0 {
		return never
	}
	return slices.Max(delays)
}

// failoverResult is how long one server took to answer to what happened to the members.
type failoverResult struct {
	Server   string  `json:"server"`
	Settings string  `json:"settings"`
	Members  string  `json:"members"` // what happened to them
	Delays   []delay `json:"seconds"` // of each pool
	Unfit    int     `json:"unfit"`   // pools in which answers had named the member no more before it failed, or still did before it was back
	Watched  delay   `json:"watched"` // for how long at least
}

// say is a figure of the delays in words.
func (r *failoverResult) say(of func([]delay) delay) string {
	if r == nil {
		return ""
	}
	if len(r.Delays) == 0 {
		return "-"
	}
	d := of(r.Delays)
	text := d.String()
	if d > delay(time.Hour) { // never, or halfway to that
		text = "> " + r.Watched.String()
	}
	if r.Unfit > 0 {
		text += fmt.Sprintf(" (%d)", len(r.Delays))
	}
	return text
}

// enough says whether half of the pools count at least.
func (r *failoverResult) enough() bool { return len(r.Delays) > 0 && len(r.Delays) >= r.Unfit }

// asked is what this project wants to reach.
type asked struct {
	Asked   string `json:"asked"`
	Seen    string `json:"seen"`
	Outcome string `json:"outcome"` // as that of a target
}

// failoverData is the data file.
type failoverData struct {
	Machine map[string]string `json:"machine"`
	Seed    int               `json:"seed"`
	Results []failoverResult  `json:"results"`
	Starts  []startResult     `json:"starts"`
	Asked   []asked           `json:"asked"`
	Notes   []string          `json:"notes"`
}

// report prints the tables, and writes the data file.
func (t *failoverTrial) report(starts []startResult) error {
	what := []string{killed, restarted, hung, blackHoled}
	header, rows := []string{"server"}, [][]string{}
	for _, name := range what {
		header = append(header, name+": median", "worst")
	}
	for _, w := range t.watchers {
		row := []string{w.Name}
		for _, name := range what {
			r := t.result(w.Name, name)
			row = append(row, r.say(halfway), r.say(longest))
		}
		rows = append(rows, row)
	}
	printTable(fmt.Sprintf("Time to the first answer without a member that has failed, and with it again after a restart; of %d pools each, "+
		"or of as many as stand behind it:",
		t.samples), header, rows)

	rows = nil
	for _, r := range starts {
		answers, wrong := sum(r.Answers), sum(r.Wrong)
		rows = append(rows, []string{
			r.Server, halfway(r.First).String(), longest(r.First).String(), strconv.Itoa(answers), strconv.Itoa(wrong),
			fmt.Sprintf("%.1f%%", 100*float64(wrong)/float64(answers)), r.shares(),
		})
	}
	printTable(fmt.Sprintf("The first %v after a start, of %d starts each, with one of two members dead:", t.startFor, t.starts),
		[]string{"server", "first answer: median", "worst", "answers", "with the dead member", "share", "of each start"}, rows)

	rows = nil
	goals := t.asked(starts)
	for _, a := range goals {
		rows = append(rows, []string{a.Asked, a.Seen, a.Outcome})
	}
	printTable("What was asked for:", []string{"asked", "seen", ""}, rows)

	for _, w := range t.watchers {
		t.notes = append(t.notes, w.Name+": "+w.Settings+".")
	}
	t.notes = append(t.notes, fmt.Sprintf("The moments of failures are random (seed %d).", failoverSeed))
	if t.cut > 0 {
		t.notes = append(t.notes, fmt.Sprintf("Black-holed counts from before the command that cuts a member off, which took %d ms at most.",
			time.Duration(t.cut).Milliseconds()))
	}
	for _, r := range t.results {
		if r.Unfit > 0 {
			t.notes = append(t.notes, fmt.Sprintf("%s, %s: %d pools do not count, as their answers were so before.", r.Server, r.Members, r.Unfit))
		}
	}
	fmt.Println()
	for _, note := range t.notes {
		fmt.Println("- " + note)
	}
	return t.options.write("failover", failoverData{machine(), failoverSeed, t.results, starts, goals, t.notes})
}

// asked compares the results with what was asked for. The times of a killed member are asked for with the full settings only.
func (t *failoverTrial) asked(starts []startResult) (all []asked) {
	below := func(server, what, figure string, of func([]delay) delay, limit time.Duration) {
		if r := t.result(server, what); r != nil {
			outcome := reached(of(r.Delays) < delay(limit))
			if !r.enough() {
				outcome = "not measured"
			}
			all = append(all, asked{fmt.Sprintf("%s, %s: %s below %v", server, what, figure, delay(limit)), r.say(of), outcome})
		}
	}
	if !t.options.short {
		below("healthlb", killed, "median", halfway, 5500*time.Millisecond)
		below("healthlb", killed, "worst", longest, 8500*time.Millisecond)
	}
	below("healthlb tripwire", killed, "worst", longest, 300*time.Millisecond)
	below("healthlb tripwire 1h", killed, "worst", longest, 300*time.Millisecond)
	back := t.interval + 500*time.Millisecond
	below("healthlb", restarted, "worst", longest, back+time.Duration(t.rise)*t.confirm)
	below("healthlb tripwire", restarted, "worst", longest, back+time.Duration(t.rise)*50*time.Millisecond)
	for _, r := range starts {
		if r.Server == "healthlb" || r.Server == "healthlb tripwire" {
			wrong := sum(r.Wrong)
			all = append(all, asked{r.Server + ", after a start: no answer with the dead member", strconv.Itoa(wrong), reached(wrong == 0)})
		}
	}
	return all
}

func reached(ok bool) string {
	if ok {
		return "ok"
	}
	return "MISSED"
}

// shares is the range of the shares of wrong answers, over the starts.
func (r *startResult) shares() string {
	var shares []float64
	for i, wrong := range r.Wrong {
		shares = append(shares, 100*float64(wrong)/float64(r.Answers[i]))
	}
	return fmt.Sprintf("%.1f..%.1f%%", slices.Min(shares), slices.Max(shares))
}

// result is that of a server, or nil.
func (t *failoverTrial) result(server, what string) *failoverResult {
	i := slices.IndexFunc(t.results, func(r failoverResult) bool { return r.Server == server && r.Members == what })
	if i < 0 {
		return nil
	}
	return &t.results[i]
}

func sum(counts []int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}
