package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

// addChangeFlags makes the flags that all changes have which can take a pool below min_up.
func addChangeFlags(cmd *cobra.Command, o *client.Options) {
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "only tell what it would do")
	cmd.Flags().BoolVar(&o.Force, "force", false, "do it even if it leaves a pool with too few members, or if it is another owner's")
}

// change is the answer to a change, and how people are told of it.
type change struct {
	value  any // as the endpoint said it
	effect api.Effect
	done   string // what has been done
	undone string // why nothing was to be done
	more   string // something that is to be known besides; may be empty
}

// tell shows a change. A dry run of what would be refused ends like the refusal.
func (a *app) tell(c *settings, o client.Options, done change) error {
	err := a.show(c, done.value, func() error { return a.tellPeople(done) })
	if err != nil {
		return err
	}
	if refusals := refusalsOf(&done.effect); done.effect.DryRun && !o.Force && len(refusals) > 0 {
		return failed(exitRefused, "this would be refused: %s; --force does it all the same", strings.Join(refusals, "; "))
	}
	return nil
}

// aFew is how many families of pools still make a readable line.
const aFew = 2

func (a *app) tellPeople(c change) error {
	for _, warning := range c.effect.Warnings {
		a.say("warning: %s", oneLine(warning))
	}
	prefix := ""
	if c.effect.DryRun {
		prefix = "dry run: "
	}
	if !c.effect.Changed {
		return a.line("%sunchanged: %s", prefix, c.undone)
	}
	parts := []string{c.done}
	var families []string
	for _, f := range c.effect.Pools {
		families = append(families, fmt.Sprintf("%s %s: %d -> %d eligible (min_up %d)",
			short(f.Pool), printable(f.Family), f.EligibleBefore, f.EligibleAfter, f.MinUp))
	}
	below := ""
	if len(families) <= aFew {
		parts = append(parts, families...)
	} else {
		below = "\n  " + strings.Join(families, "\n  ")
	}
	if c.more != "" {
		parts = append(parts, c.more)
	}
	if len(c.effect.Addresses) > 0 {
		parts = append(parts, a.safeAfter(lastSafe(c.effect.Addresses)))
	}
	return a.line("%s%s%s", prefix, strings.Join(parts, "; "), below)
}

// lastSafe is when the last one of the addresses has run out of caches.
func lastSafe(addresses []api.AddressEffect) (last time.Time) {
	for _, a := range addresses {
		if a.SafeAfter.After(last) {
			last = a.SafeAfter
		}
	}
	return last
}

func (a *app) safeAfter(t time.Time) string {
	if t.After(a.now()) {
		return "safe after " + a.ahead(t, "")
	}
	return "safe now"
}
