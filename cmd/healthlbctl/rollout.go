package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

func (a *app) rolloutCommand() *cobra.Command {
	cmd := a.group(&cobra.Command{
		Use:   "rollout",
		Short: "Replace the members of a pool one after the other",
		Long: `Replaces the members of a pool one after the other: each is drained, replaced as soon as it is safe
to stop, and waited for until the pool is whole and healthy again. A pool has one rollout at a time.`,
		Example: `  healthlbctl rollout start www.lb.example.org --exec 'ssh -o BatchMode=yes root@{address} reboot-and-wait'`,
	})
	cmd.AddCommand(a.rolloutStartCommand(), a.rolloutStatusCommand(),
		a.steerCommand(client.PauseRollout, "Let no further member begin",
			`Lets no further member begin. What has been begun is brought to its end.`),
		a.steerCommand(client.ResumeRollout, "Go on with a paused rollout",
			`Goes on with a rollout that was paused, by pause or because the responder has been started anew.
The healthlbctl that began it must still run.`),
		a.steerCommand(client.CancelRollout, "End a rollout",
			`Ends a rollout: members that wait to be replaced are let back in; those that are being replaced
are let back in when that has ended well.`))
	return cmd
}

func (a *app) rolloutStartCommand() *cobra.Command {
	var o client.Options
	var spec api.RolloutSpec
	cmd := &cobra.Command{
		Use:   "start POOL",
		Short: "Begin a rollout, and carry it out",
		Long: `Begins a rollout and carries it out; it ends when the rollout has ended.

When it is safe to stop a member, the command of --exec is run by /bin/sh -c on this machine. In it
{id}, {address} (the first one), {address4} and {address6} stand for the member's, quoted for the
shell; HEALTHLB_POOL, HEALTHLB_MEMBER and HEALTHLB_ADDRESS are in its environment. It has no
standard input. Its output is passed on behind the member's id. Status 0 means that the member is
replaced, any other that this has failed. Without --exec you are asked to do it, and to press Enter.

The first Ctrl-C cancels the rollout and waits for the commands that run, the second one ends them.
--timeout is for one member here, from the drain until the pool is whole again; when it is over, the
member's command is ended. That of one request is then said by HEALTHLB_TIMEOUT or in the
configuration file.`,
		Example: `  healthlbctl rollout start www.lb.example.org --canary 1 --timeout 20m --exec './replace {id} {address}'
  healthlbctl rollout start www.lb.example.org --region eu-west --parallel 2
  healthlbctl rollout start www.lb.example.org --dry-run`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(poolNames),
	}
	cmd.RunE = a.call(func(ctx context.Context, s *session, args []string) error {
		for flag, n := range map[string]int{"canary": spec.Canary, "parallel": spec.Parallel, "max-failures": spec.MaxFailures} {
			if n < 0 {
				return usage("--%s: %d is out of range: want 0 or more", flag, n)
			}
		}
		if _, err := parseLength("timeout", spec.Timeout, time.Second, 24*time.Hour); err != nil {
			return err
		}
		spec.Owner = s.owner
		if o.DryRun {
			return a.preflight(ctx, s, args[0], spec, o)
		}
		return a.rollout(ctx, s, args[0], spec)
	})
	flags := cmd.Flags()
	flags.BoolVar(&o.DryRun, "dry-run", false, "only tell whether it could begin")
	flags.StringVar(&spec.Region, "region", "", "only the members of this region")
	flags.IntVar(&spec.Canary, "canary", 0, "so many first ones are replaced one at a time, and a failure among them stops all")
	flags.IntVar(&spec.Parallel, "parallel", 1, "how many are under way at once, after the canaries")
	flags.IntVar(&spec.MaxFailures, "max-failures", 0, "how many may fail before all stops")
	flags.StringVar(&spec.Timeout, "timeout", "30m", "for one member, from the drain until the pool is whole again")
	flags.StringVar(&spec.Command, "exec", "", "the command that replaces a member")
	_ = cmd.RegisterFlagCompletionFunc("region", a.complete(nil, regionNames))
	for _, flag := range []string{"canary", "parallel", "max-failures", "timeout"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
	return cmd
}

// preflight tells whether a rollout could begin.
func (a *app) preflight(ctx context.Context, s *session, pool string, spec api.RolloutSpec, o client.Options) error {
	r, err := s.StartRollout(ctx, pool, spec, o)
	if err != nil {
		return err
	}
	return a.show(s.settings, r, func() error {
		var ids []string
		for _, m := range r.Members {
			ids = append(ids, printable(m.ID))
		}
		return a.line("dry run: the rollout of %s could begin: %s", short(pool), strings.Join(ids, ", "))
	})
}

func (a *app) rolloutStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status POOL",
		Short: "Show how far a rollout is",
		Long: `Shows the rollout of a pool, the last one when none is under way, with a line for each member in the
order of their turns. It ends with 6 when the rollout has ended otherwise than done.`,
		Example:           `  healthlbctl rollout status www.lb.example.org`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(poolNames),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			r, err := s.Rollout(ctx, args[0])
			if err != nil {
				return err
			}
			if err := a.show(s.settings, r, func() error { return a.rolloutTable(r) }); err != nil {
				return err
			}
			if rolloutOver(r) && r.Status != client.RolloutDone {
				return &failure{code: exitRollout}
			}
			return nil
		}),
	}
}

// rolloutOver tells whether a rollout has ended in any way.
func rolloutOver(r api.Rollout) bool {
	return r.Status != client.RolloutRunning && r.Status != client.RolloutPaused
}

func (a *app) rolloutTable(r api.Rollout) error {
	head := fmt.Sprintf("%s: %s", printable(short(r.Pool)), a.paint(r.Status))
	if r.Reason != "" {
		head += " (" + printable(r.Reason) + ")"
	}
	head += fmt.Sprintf("\nstarted %s", a.clock(r.Started))
	if r.Owner != "" {
		head += " by " + printable(r.Owner)
	}
	if r.Ended != nil {
		head += fmt.Sprintf(", ended %s", a.clock(*r.Ended))
	}
	var how []string
	if r.Region != "" {
		how = append(how, "region "+printable(r.Region))
	}
	how = append(how, fmt.Sprintf("canary %d, parallel %d, max_failures %d, timeout %s",
		r.Canary, r.Parallel, r.MaxFailures, time.Duration(r.Timeout*float64(time.Second))))
	head += "\n" + strings.Join(how, ", ")
	if r.Command != "" {
		head += "\ncommand " + printable(r.Command)
	}
	if err := a.line("%s\n", head); err != nil {
		return err
	}
	rows := make([][]string, len(r.Members))
	for i, m := range r.Members {
		safe := ""
		if m.Step == "draining" && m.SafeAfter != nil {
			safe = a.ahead(*m.SafeAfter, "now")
		}
		rows[i] = []string{printable(m.ID), printable(strings.Join(m.Addresses, " ")), a.paint(m.Step), a.age(m.Since), safe, a.text(m.Error)}
	}
	return a.table([]string{"id", "addresses", "step", "since", "safe after", "error"}, rows)
}

func (a *app) steerCommand(how client.Steering, what, long string) *cobra.Command {
	return &cobra.Command{
		Use:               string(how) + " POOL",
		Short:             what,
		Long:              long,
		Example:           fmt.Sprintf("  healthlbctl rollout %s www.lb.example.org", how),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(poolNames),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			r, err := s.SteerRollout(ctx, args[0], how)
			if err != nil {
				return err
			}
			return a.show(s.settings, r, func() error { return a.line("the rollout of %s is %s", short(args[0]), statusText(r)) })
		}),
	}
}

// statusText is a rollout's status, with the reason.
func statusText(r api.Rollout) string {
	if r.Reason == "" {
		return r.Status
	}
	return r.Status + ": " + oneLine(r.Reason)
}
