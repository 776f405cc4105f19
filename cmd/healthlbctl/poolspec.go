package main

import (
	"bufio"
	"bytes"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

func (a *app) addPoolCommand() *cobra.Command {
	var o client.Options
	var file string
	cmd := &cobra.Command{
		Use:   "add-pool POOL [LINE]...",
		Short: "Make a pool at run time",
		Long: `Makes a pool at run time, in a zone of which the Corefile says dynamic, or gives it other lines.

Each LINE is a line as in a pool's block of the Corefile, in quotes for the shell. Lines that name
members or files have no place here: members come by add and register. A pool of the Corefile is the
Corefile's, and is not changed.`,
		Example: `  healthlbctl add-pool api.lb.example.org 'check https 443 path /healthz' 'policy hash' 'ttl 20s'
  healthlbctl add-pool api.lb.example.org --lines-file api.pool`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.complete(poolNames),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			lines, err := a.poolLines(ctx, args[1:], file)
			if err != nil {
				return err
			}
			done, err := s.PutPool(ctx, args[0], api.PoolSpec{Lines: lines}, o)
			if err != nil {
				return err
			}
			return a.tell(s.settings, o, change{
				value: done, effect: done.Effect, done: short(args[0]) + " is a pool now", undone: short(args[0]) + " is such a pool already",
			})
		}),
	}
	addChangeFlags(cmd, &o)
	cmd.Flags().StringVar(&file, "lines-file", "", "a file with more lines; - is standard input")
	_ = cmd.MarkFlagFilename("lines-file")
	return cmd
}

// poolLines are the lines of the command line and those of a file. Never none: the API wants a list.
func (a *app) poolLines(ctx context.Context, lines []string, file string) ([]string, error) {
	all := append([]string{}, lines...)
	if file == "" {
		return all, nil
	}
	data, err := a.readInput(ctx, file)
	if err != nil {
		return nil, err
	}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, maxInput+1)
	for scanner.Scan() {
		if line := strings.TrimSpace(scanner.Text()); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all, scanner.Err()
}

func (a *app) removePoolCommand() *cobra.Command {
	var o client.Options
	cmd := &cobra.Command{
		Use:   "remove-pool POOL",
		Short: "Take a pool away that was made at run time",
		Long: `Takes a pool away that was made at run time, with its members. A pool of the Corefile is the
Corefile's, and stays.`,
		Example:           `  healthlbctl remove-pool api.lb.example.org --dry-run`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(poolNames),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			done, err := s.DeletePool(ctx, args[0], o)
			if err != nil {
				return err
			}
			return a.tell(s.settings, o, change{
				value: done, effect: done.Effect, done: short(args[0]) + " removed", undone: "there is no pool " + short(args[0]),
			})
		}),
	}
	addChangeFlags(cmd, &o)
	return cmd
}
