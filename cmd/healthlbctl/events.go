package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

func (a *app) eventsCommand() *cobra.Command {
	var q client.EventQuery
	var follow bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened, and what happens",
		Long: `Shows the events that the server still has, one on a line, the latest last, and ends. With --follow
it goes on with those to come until Ctrl-C, and resumes by itself when the server was away; an event
of the type gap says that some are lost.

With -o json there is one JSON object a line; with -o yaml one document for each event.`,
		Example: `  healthlbctl events --pool www.lb.example.org
  healthlbctl events --follow -o json | jq -r 'select(.type == "transition") | .text'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.call(func(ctx context.Context, s *session, _ []string) error {
			if follow {
				return a.followEvents(ctx, s, q)
			}
			events, err := s.History(ctx, q)
			if err != nil {
				return err
			}
			for _, e := range events {
				if err := a.event(s.settings, e); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with the events to come")
	cmd.Flags().StringVar(&q.Pool, "pool", "", "only those of this pool")
	_ = cmd.RegisterFlagCompletionFunc("pool", a.complete(nil, poolNames))
	return cmd
}

// followEvents shows events until it is interrupted, which is a good end.
func (a *app) followEvents(ctx context.Context, s *session, q client.EventQuery) error {
	q.OnBreak = func(err error) { a.say("events: %s; trying again", errorText(err)) }
	for e, err := range s.Events(ctx, q) {
		if err == nil {
			err = a.event(s.settings, e)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (a *app) event(c *settings, e api.Event) error {
	switch c.output {
	case "json":
		return a.showJSON(e, "")
	case "yaml":
		if err := a.line("---"); err != nil {
			return err
		}
		return a.showYAML(e)
	}
	return a.line("%s  %-14s  %s", e.Time.In(a.zone).Format(time.DateTime), printable(e.Type), oneLine(e.Text))
}
