package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
)

func (a *app) poolCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pool POOL",
		Short: "Show a pool and each of its members",
		Long: `Shows how a pool is set up, and a line for each address of each member:

  STATE       up, suspect, lame, down or unknown; behind it blocked, no-register (it may not register
              anew), drained, or draining (still answered with, at the low TTL)
  SINCE       for how long it has been up, down and so on
  LAST ERROR  what the last probe that did not pass said
  SHARE       of the family's answers: in the last five minutes / as it is configured to be now
  SAFE AFTER  when the last answer with it has run out of the caches that keep to TTL

Below it is what else there is to tell of some: who is held down as it flaps, a certificate that runs
out soon, a weight that an agent asks for, a tripwire that is missing, a check that is stale.`,
		Example: `  healthlbctl pool www.lb.example.org
  healthlbctl pool www.lb.example.org -o yaml`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(poolNames),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			pool, err := s.Pool(ctx, args[0])
			if err != nil {
				return err
			}
			return a.show(s.settings, pool, func() error { return a.poolTable(pool) })
		}),
	}
}

func (a *app) poolTable(p api.Pool) error {
	lines := []string{
		fmt.Sprintf("%s: %s", printable(short(p.Name)), a.paint(p.Status)),
		"policy " + policyText(p),
		fmt.Sprintf("ttl %ds, low %ds", p.TTL, p.LowTTL),
	}
	if reason := reasonText(p); reason != "" {
		lines[0] += " (" + printable(reason) + ")"
	}
	if p.Budget > 0 {
		lines = append(lines, "failover budget "+seconds(p.Budget))
	}
	for _, f := range p.Families {
		line := fmt.Sprintf("%s: %d of %d eligible, min_up %d", f.Family, f.Eligible, f.Members, f.MinUp)
		if f.AllDown {
			line += ", all_down"
		}
		lines = append(lines, line)
	}
	if err := a.line("%s", strings.Join(lines, "\n")); err != nil || len(p.Members) == 0 {
		return err
	}
	var rows [][]string
	for _, m := range p.Members {
		for _, address := range m.Addresses {
			rows = append(rows, []string{
				printable(m.ID), printable(address.Address), a.paint(stateText(m, address)), a.age(address.Since), a.text(address.Reason),
				a.nextProbe(address), percent(address.ShareServed) + " / " + percent(address.ShareConfigured),
				a.ahead(safeAfter(m, address), "now"),
			})
		}
	}
	if err := a.line(""); err != nil {
		return err
	}
	err := a.table([]string{"id", "address", "state", "since", "last error", "next probe", "share", "safe after"}, rows)
	if notes := a.memberNotes(p); err == nil && len(notes) > 0 {
		err = a.line("\n%s", strings.Join(notes, "\n"))
	}
	return err
}

// seconds is a number of seconds for people: 16.5s, 1m30s.
func seconds(n float64) string {
	return time.Duration(n * float64(time.Second)).Round(time.Millisecond).String()
}

// policyText is the policy with what goes with it, as the Corefile has it.
func policyText(p api.Pool) string {
	text := printable(p.Policy)
	if p.Shard > 0 {
		text += fmt.Sprintf(", shard %d", p.Shard)
	}
	if p.Prefer != "" {
		text += ", prefer " + printable(p.Prefer)
	}
	if p.FadeIn > 0 {
		text += ", fade_in " + seconds(p.FadeIn)
	}
	if p.Answers > 0 {
		return text + fmt.Sprintf(", answers %d", p.Answers)
	}
	return text + ", answers all"
}

// stateText is an address's health, and which orders stand against it.
func stateText(m api.Member, address api.Address) string {
	text := address.State
	switch {
	case omitted(address):
		text += ",blocked"
	case address.Block != nil:
		text += ",no-register"
	}
	switch {
	case m.Drain == nil:
	case m.Drain.Out:
		text += ",drained"
	default:
		text += ",draining"
	}
	return text
}

// safeAfter is when a server can be stopped, as far as this address goes. An order with a lead looks ahead.
func safeAfter(m api.Member, address api.Address) time.Time {
	if m.Drain != nil && m.Drain.SafeAfter.After(address.SafeAfter) {
		return m.Drain.SafeAfter
	}
	return address.SafeAfter
}

// nextProbe is when the next of an address's checks is due.
func (a *app) nextProbe(address api.Address) string {
	var next time.Time
	for _, check := range address.Checks {
		if check.NextProbe == nil {
			return "now"
		}
		if next.IsZero() || check.NextProbe.Before(next) {
			next = *check.NextProbe
		}
	}
	if next.IsZero() {
		return ""
	}
	return a.soon(next)
}
