package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"example.org/healthlb/api"
)

func (a *app) probeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "probe POOL [ID]",
		Short: "Probe the members of a pool at once, step by step",
		Long: `Has every check of each member made at once, or of one member, from where the responder is: those of
drained and blocked ones too. For each probe it shows

  MEMBER FAMILY ADDRESS CHECK: pass, fail, lame or inconclusive in TIME: why it did not pass

and below it the steps that the probe has gone, each with the time since the step before it. Nothing
follows from the results: states, counters and the schedule stay as they are.

The exit code is 7 if a probe did not pass. Of a pool with more than 1000 members, one must be named.
The responder takes up to 25s when many members hang, or the pool's timeout is long: --timeout is how
long the command waits for it.`,
		Example: `  healthlbctl probe www.lb.example.org
  healthlbctl probe www.lb.example.org web-2
  healthlbctl probe www.lb.example.org -o json | jq -r '.probes[] | select(.result != "pass") | .member'`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.complete(poolNames, memberIDs),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			id := ""
			if len(args) > 1 {
				if id = args[1]; id == "" {
					return usage("the ID is empty: name a member, or leave it out")
				}
			}
			done, err := s.Probe(ctx, args[0], id)
			if err != nil {
				return err
			}
			if err := a.show(s.settings, done, func() error { return a.probesText(done) }); err != nil {
				return err
			}
			return probesFailed(done)
		}),
	}
}

// probesFailed is the error of probes of which some did not pass.
func probesFailed(done api.Probes) error {
	failures := 0
	for _, p := range done.Probes {
		if p.Result != "pass" {
			failures++
		}
	}
	switch {
	case failures == 0:
		return nil
	case len(done.Probes) == 1:
		return failed(exitProbe, "the probe did not pass")
	}
	return failed(exitProbe, "%d of %d probes did not pass", failures, len(done.Probes))
}

// probesText shows each probe with its steps.
func (a *app) probesText(done api.Probes) error {
	if len(done.Probes) == 0 {
		a.say("%s has no member", short(done.Pool))
		return nil
	}
	names := checkNames(done.Probes)
	for i, p := range done.Probes {
		head := fmt.Sprintf("%s %s %s %s: %s in %s", printable(p.Member), printable(p.Family), printable(p.Address), printable(names[i]),
			a.paint(p.Result), took(p.Took))
		if p.Weight != nil {
			head += fmt.Sprintf(", weight %d%%", *p.Weight)
		}
		if p.Reason != "" {
			head += ": " + printable(p.Reason)
		}
		if steps := stepsTable(p.Steps); steps != "" {
			head += "\n" + steps
		}
		if err := a.line("%s", head); err != nil {
			return err
		}
	}
	return nil
}

// stepsTable is a line for each step, without a head.
func stepsTable(steps []api.ProbeStep) string {
	w := table.NewWriter()
	w.SetStyle(plain)
	w.SuppressTrailingSpaces()
	w.SetColumnConfigs([]table.ColumnConfig{{Number: 2, Align: text.AlignRight}})
	for _, s := range steps {
		w.AppendRow(table.Row{"  " + printable(s.Step), took(s.Took), printable(s.Detail)})
	}
	return w.Render()
}

// checkNames are the checks of probes: their kinds, and with their options where one kind stands for several.
func checkNames(probes []api.Probe) []string {
	kinds := map[string]map[string]bool{}
	names := make([]string, len(probes))
	for i, p := range probes {
		names[i] = withoutPort(p)
		kind, _, _ := strings.Cut(names[i], " ")
		if kinds[kind] == nil {
			kinds[kind] = map[string]bool{}
		}
		kinds[kind][names[i]] = true
	}
	for i, name := range names {
		if kind, _, _ := strings.Cut(name, " "); len(kinds[kind]) == 1 {
			names[i] = kind
		}
	}
	return names
}

// withoutPort is the check of a probe without its port, which the address has.
func withoutPort(p api.Probe) string {
	at, _ := netip.ParseAddrPort(p.Address)
	kind, rest, _ := strings.Cut(p.Check, " ")
	if port, options, _ := strings.Cut(rest, " "); port == strconv.Itoa(int(at.Port())) {
		rest = options
	}
	return strings.TrimSpace(kind + " " + rest)
}

// took is how long something took, to three digits.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms < 9.995:
		return fmt.Sprintf("%.2fms", ms)
	case ms < 99.95:
		return fmt.Sprintf("%.1fms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0fms", ms)
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}
