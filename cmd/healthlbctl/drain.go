package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

func (a *app) drainCommand() *cobra.Command {
	var o client.Options
	var spec api.DrainSpec
	var wait bool
	cmd := &cobra.Command{
		Use:   "drain POOL ID",
		Short: "Take a member out, and tell when its clients are gone",
		Long: `Takes a member out of new answers, and says when the last answer with it has run out of the caches
that keep to TTL: then it is safe to stop the server. It is still probed, and is back with undrain.

With --lead it is answered with for one more TTL, at the low TTL, and only then no more: its clients
go less suddenly. With --wait the command returns when it is safe to stop the server. Ctrl-C ends
the waiting, not the drain.`,
		Example: `  healthlbctl drain www.lb.example.org web-2 --reason 'new kernel'
  healthlbctl drain www.lb.example.org web-2 --wait && ssh web-2 reboot`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.complete(poolNames, memberIDs),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			spec.Owner = s.owner
			done, err := s.Drain(ctx, args[0], args[1], spec, o)
			if err != nil {
				return err
			}
			told := change{
				value: done, effect: done.Effect, done: args[1] + " drained",
				undone: args[1] + " is drained already" + a.drainText(done.Drain), more: a.outText(done),
			}
			if !wait {
				return a.tell(s.settings, o, told)
			}
			if s.output == "table" {
				if err := a.tellPeople(told); err != nil {
					return err
				}
			}
			return a.waitForDrain(ctx, s, args[0], args[1], done)
		}),
	}
	addChangeFlags(cmd, &o)
	cmd.Flags().BoolVar(&wait, "wait", false, "return when it is safe to stop the server")
	cmd.Flags().BoolVar(&spec.Lead, "lead", false, "answer with it at the low TTL for one TTL first")
	cmd.Flags().StringVar(&spec.Reason, "reason", "", "why, for those who look")
	cmd.MarkFlagsMutuallyExclusive("wait", "dry-run")
	_ = cmd.RegisterFlagCompletionFunc("reason", cobra.NoFileCompletions)
	return cmd
}

// outText says what is not in the effect of a drain: until when a lead goes on, and, when no address is in the effect, when it is safe.
func (a *app) outText(done api.DrainChange) string {
	switch d := done.Drain; {
	case d == nil:
		return ""
	case !d.Out && d.OutAt.After(a.now()):
		return fmt.Sprintf("answered with at the low TTL until %s, %s", a.clock(up(d.OutAt)), a.safeAfter(d.SafeAfter))
	case len(done.Addresses) == 0:
		return a.safeAfter(d.SafeAfter)
	}
	return ""
}

// drainText is whose order a drain is, and why.
func (a *app) drainText(d *api.Drain) string {
	if d == nil {
		return ""
	}
	text := ""
	if d.Owner != "" {
		text += " by " + printable(d.Owner)
	}
	if !d.Since.IsZero() {
		text += " since " + a.clock(d.Since)
	}
	if d.Reason != "" {
		text += " (" + printable(d.Reason) + ")"
	}
	return text + "; " + a.safeAfter(d.SafeAfter)
}

func (a *app) undrainCommand() *cobra.Command {
	var o client.Options
	cmd := &cobra.Command{
		Use:   "undrain POOL ID",
		Short: "Let a drained member back in",
		Long: `Takes a drain back, so that the member is answered with again as soon as it is up. Another owner's
drain, such as that of a rollout, stays unless --force is said.`,
		Example: `  healthlbctl undrain www.lb.example.org web-2
  healthlbctl undrain www.lb.example.org web-2 --owner alice@desk`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.complete(poolNames, drainedIDs),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			o.Owner = s.owner
			done, err := s.Undrain(ctx, args[0], args[1], o)
			if err != nil {
				return err
			}
			return a.tell(s.settings, o, change{
				value: done, effect: done.Effect, done: args[1] + " is drained no more", undone: args[1] + " is not drained",
			})
		}),
	}
	addChangeFlags(cmd, &o)
	return cmd
}
