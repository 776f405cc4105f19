package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

func (a *app) blocklistCommand() *cobra.Command {
	cmd := a.group(&cobra.Command{
		Use:     "blocklist",
		Short:   "Show, replace or clear the block list",
		Long:    `Shows the block list, or makes it another one as a whole.`,
		Example: `  healthlbctl blocklist show`,
	})
	cmd.AddCommand(a.blocklistShowCommand(), a.blocklistLoadCommand(), a.blocklistClearCommand())
	return cmd
}

func (a *app) blocklistShowCommand() *cobra.Command {
	var text bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the block list",
		Long: `Shows all entries of the block list, those of other owners too. With --text they come in the form
that load reads.`,
		Example: `  healthlbctl blocklist show
  healthlbctl blocklist show --text > blocks.txt`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.call(func(ctx context.Context, s *session, _ []string) error {
			if text {
				list, err := s.BlocklistText(ctx)
				if err != nil {
					return err
				}
				_, err = a.out.Write(list)
				return err
			}
			entries, _, err := s.Blocklist(ctx)
			if err != nil {
				return err
			}
			if entries == nil {
				entries = []api.Block{}
			}
			return a.show(s.settings, entries, func() error { return a.blocklistTable(entries) })
		}),
	}
	cmd.Flags().BoolVar(&text, "text", false, "one entry a line, as load reads them")
	return cmd
}

func (a *app) blocklistTable(entries []api.Block) error {
	if len(entries) == 0 {
		a.say("nothing is blocked")
		return nil
	}
	rows := make([][]string, len(entries))
	for i, e := range entries {
		pool, until := "(all)", "never"
		if e.Pool != "" {
			pool = short(e.Pool)
		}
		if e.Until != "" {
			until = printable(e.Until)
			if t, err := time.Parse(time.RFC3339, e.Until); err == nil {
				until = a.ahead(t, "now")
			}
		}
		mode := e.Mode
		if mode == "" {
			mode = blockModes[0]
		}
		rows[i] = []string{printable(e.Address), printable(pool), printable(mode), until, printable(e.Owner), a.text(e.Reason)}
	}
	return a.table([]string{"address", "pool", "mode", "ends", "owner", "reason"}, rows)
}

func (a *app) blocklistLoadCommand() *cobra.Command {
	var o client.Options
	cmd := &cobra.Command{
		Use:   "load FILE",
		Short: "Replace the whole block list by a file",
		Long: `Makes the block list what a file says, one entry a line; - is standard input. Entries that are not
in the file go, those of other owners too. Either all of the file is taken or, when a line is wrong,
nothing.

  ADDR|CIDR [pool=NAME] [for=D] [reason=TEXT] [owner=NAME] [mode=omit|no-register]

A TEXT with spaces stands in double quotes; what follows a # is a comment.`,
		Example: `  healthlbctl blocklist load blocks.txt --dry-run
  echo '192.0.2.10 for=1h reason="bad memory"' | healthlbctl blocklist load -`,
		Args: cobra.ExactArgs(1),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			list, err := a.readInput(ctx, args[0])
			if err != nil {
				return err
			}
			return a.putBlocklist(ctx, s, list, o, "the block list is that of "+args[0]+" now")
		}),
	}
	addChangeFlags(cmd, &o)
	return cmd
}

func (a *app) blocklistClearCommand() *cobra.Command {
	var o client.Options
	cmd := &cobra.Command{
		Use:               "clear",
		Short:             "Remove all entries of the block list",
		Long:              `Removes all entries of the block list, those of other owners too.`,
		Example:           `  healthlbctl blocklist clear --dry-run`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.call(func(ctx context.Context, s *session, _ []string) error {
			return a.putBlocklist(ctx, s, []byte{}, o, "the block list is empty now")
		}),
	}
	addChangeFlags(cmd, &o)
	return cmd
}

func (a *app) putBlocklist(ctx context.Context, s *session, list []byte, o client.Options, done string) error {
	effect, err := s.PutBlocklistText(ctx, list, o)
	if err != nil {
		return err
	}
	return a.tell(s.settings, o, change{value: effect, effect: effect, done: done, undone: "the block list was so already"})
}
