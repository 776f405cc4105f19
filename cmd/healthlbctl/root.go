package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) rootCommand() *cobra.Command {
	root := a.group(&cobra.Command{
		Use:   "healthlbctl",
		Short: "Operate healthlb: pools, members, blocks, drains, rollouts",
		Long: `healthlbctl operates healthlb, the load balancer in the DNS, through its admin endpoint.

Pools are named with or without the trailing dot. What is said for every command can be said in
three places, of which the first one counts: a flag, a variable of the environment (HEALTHLB_SERVER,
HEALTHLB_TOKEN_FILE, ...), the configuration file. That is the file of --config or HEALTHLB_CONFIG,
else $XDG_CONFIG_HOME/healthlb/ctl.yaml (~/.config/healthlb/ctl.yaml), else /etc/healthlb/ctl.yaml,
in YAML:

  server: https://lb1.example.org:8053
  token_file: token
  ca_file: ca.pem
  cert_file: me.pem
  key_file: me.key
  timeout: 10s
  output: table
  owner: alice

Files in it are relative to it.

` + exitHelp,
		Example: `  healthlbctl pools
  healthlbctl drain www.lb.example.org web-2 --wait
  healthlbctl block 192.0.2.10 --for 15m --reason 'looks slow'`,
		SilenceErrors: true,
		SilenceUsage:  true,
	})
	addSettings(root.PersistentFlags())
	for _, s := range allSettings {
		switch {
		case s.path:
			_ = root.MarkPersistentFlagFilename(s.flag())
		case s.word == "output":
			_ = root.RegisterFlagCompletionFunc(s.flag(), cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
		default:
			_ = root.RegisterFlagCompletionFunc(s.flag(), cobra.NoFileCompletions)
		}
	}
	_ = root.MarkPersistentFlagFilename("config", "yaml", "yml")
	root.AddCommand(
		a.poolsCommand(), a.poolCommand(), a.addPoolCommand(), a.removePoolCommand(), a.addCommand(), a.removeCommand(),
		a.drainCommand(), a.undrainCommand(), a.blockCommand(), a.unblockCommand(), a.blocklistCommand(), a.registerCommand(),
		a.rolloutCommand(), a.eventsCommand(), a.explainCommand(), a.probeCommand(), a.versionCommand(), a.manCommand(),
	)
	return root
}

// group makes a command that does nothing itself. The root's help is what somebody without a word wants; the others miss one.
func (a *app) group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2 // letters
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			text := "there is no command " + strings.TrimSpace(cmd.CommandPath()+" "+args[0])
			if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				text += "; did you mean " + strings.Join(like, " or ")
			}
			return errors.New(text)
		}
		if !cmd.HasParent() {
			return cmd.Help()
		}
		var words []string
		for _, sub := range cmd.Commands() {
			words = append(words, sub.Name())
		}
		return errors.New(cmd.CommandPath() + " needs another word: " + strings.Join(words, ", "))
	}
	return cmd
}
