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

// maxFor is the longest block with an end: 10 years. What should last longer is permanent.
const maxFor = 10 * 365 * 24 * time.Hour

// blockModes are what a block can forbid.
var blockModes = []string{"omit", "no-register"}

func (a *app) blockCommand() *cobra.Command {
	var o client.Options
	var entry api.Block
	var length string
	var detach bool
	cmd := &cobra.Command{
		Use:   "block ADDR|CIDR",
		Short: "Forbid answers with an address or a network",
		Long: `Forbids answers with an address or a network, in one pool or in all, from the next query on.

Without --for the block is permanent, and the command returns. With --for the command stays and
keeps the block alive for so long; Ctrl-C takes the block back before. If the command dies, the
block ends by itself within a minute or so. With --for and --detach the command returns, and the
block ends when the time is over.

An owner has one block for an address and a pool; other owners' are not touched. The modes are omit:
the address is in no answer; and no-register: the address may stay where it is registered, but
cannot register anew.`,
		Example: `  healthlbctl block 192.0.2.10 --reason 'bad memory'
  healthlbctl block 192.0.2.0/24 --pool www.lb.example.org --for 15m
  healthlbctl block 2001:db8::10 --for 72h --detach --mode no-register`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(allAddresses),
	}
	cmd.RunE = a.call(func(ctx context.Context, s *session, args []string) (err error) {
		if entry.Address, err = parseTarget(args[0]); err != nil {
			return err
		}
		entry.Owner = s.owner
		if entry.Mode != blockModes[0] && entry.Mode != blockModes[1] {
			return usage("--mode: there is no mode %q: want %s or %s", entry.Mode, blockModes[0], blockModes[1])
		}
		lasts := time.Duration(0)
		if cmd.Flags().Changed("for") {
			if lasts, err = parseLength("for", length, time.Second, maxFor); err != nil {
				return err
			}
		}
		hold := lasts > 0 && !detach && !o.DryRun
		if err := a.mayReplace(ctx, s, entry, lasts, hold, o); err != nil {
			return err
		}
		if lasts == 0 {
			return a.block(ctx, s, entry, o)
		}
		if !hold {
			entry.For = length
			return a.block(ctx, s, entry, o)
		}
		return a.holdBlock(ctx, s, entry, lasts, o)
	})
	addChangeFlags(cmd, &o)
	flags := cmd.Flags()
	flags.StringVar(&entry.Pool, "pool", "", "only in this pool")
	flags.StringVar(&length, "for", "", "how long, such as 15m")
	flags.BoolVar(&detach, "detach", false, "return at once, also with --for")
	flags.StringVar(&entry.Reason, "reason", "", "why, for those who look")
	flags.StringVar(&entry.Mode, "mode", blockModes[0], "omit or no-register")
	_ = cmd.RegisterFlagCompletionFunc("pool", a.complete(nil, poolNames))
	_ = cmd.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions(blockModes, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("reason", cobra.NoFileCompletions)
	return cmd
}

// aLease is more than what is left of a block that another run of this command holds.
const aLease = 65 * time.Second

// mayReplace refuses to put a weaker block in the place of one that the owner has already: an owner has one for an address and a pool, and the
// address would be answered with sooner than was ordered. A block that is held would take the other one along at its end.
func (a *app) mayReplace(ctx context.Context, s *session, entry api.Block, lasts time.Duration, hold bool, o client.Options) error {
	if o.Force {
		return nil
	}
	entries, _, err := s.Blocklist(ctx)
	if err != nil {
		return err
	}
	for _, there := range entries {
		if there.Address != entry.Address || there.Owner != entry.Owner || !strings.EqualFold(short(there.Pool), short(entry.Pool)) {
			continue
		}
		ends, err := time.Parse(time.RFC3339, there.Until)
		forGood := err != nil
		shorter := lasts > 0 && (forGood || ends.After(a.now().Add(lasts+time.Second)))
		held := hold && (forGood || ends.After(a.now().Add(aLease)))
		if shorter || held || there.Mode == blockModes[0] && entry.Mode != there.Mode {
			until := "for good"
			if !forGood {
				until = "until " + a.clock(ends)
			}
			return failed(exitRefused, "refused: %s is blocked %s in mode %s by %s already; --force puts this block in its place, --owner NAME beside it",
				blockText(entry), until, printable(there.Mode), printable(there.Owner))
		}
	}
	return nil
}

// blockText names a block.
func blockText(entry api.Block) string {
	if entry.Pool == "" {
		return entry.Address
	}
	return entry.Address + " in " + short(entry.Pool)
}

// block makes an entry and leaves it there.
func (a *app) block(ctx context.Context, s *session, entry api.Block, o client.Options) error {
	done, err := s.AddBlocks(ctx, []api.Block{entry}, o)
	if err != nil {
		return err
	}
	until := "for good"
	if entry.For != "" {
		until = "for " + entry.For
	}
	return a.tell(s.settings, o, change{
		value: done, effect: done, done: fmt.Sprintf("%s blocked %s", blockText(entry), until),
		undone: blockText(entry) + " is blocked like that already",
	})
}

// holdBlock keeps a block alive until its time is over or somebody interrupts. Both is a good end.
func (a *app) holdBlock(ctx context.Context, s *session, entry api.Block, length time.Duration, o client.Options) error {
	var telling error
	held, err := s.Hold(ctx, client.BlockHold{
		Block: entry, For: length, Force: o.Force,
		OnHold: func(e api.Effect) {
			telling = a.tell(s.settings, o, change{
				value: e, effect: e, done: fmt.Sprintf("%s blocked until %s", blockText(entry), a.clock(a.now().Add(length))),
				undone: fmt.Sprintf("%s is blocked already; this holds it until %s", blockText(entry), a.clock(a.now().Add(length))),
			})
			a.say("holding the block; Ctrl-C takes it back")
		},
		OnTrouble: func(err error) {
			if err != nil {
				a.say("the block cannot be renewed: %s", errorText(err))
			} else {
				a.say("the block is renewed again")
			}
		},
	})
	if held.Lapsed {
		a.say("warning: the block was not in force all the time, as it could not be renewed")
	}
	switch {
	case held.Taken:
		return failed(exitRefused, "%s is not held any more: somebody else has removed the block, or put another one in its place", blockText(entry))
	case err != nil && held.Until.IsZero():
		return err
	case err != nil:
		return failed(codeOf(err), "the block could not be taken back, and ends by itself at %s: %s", a.clock(up(held.Until)), errorText(err))
	case telling != nil:
		return telling
	}
	if held.Removed.Pools == nil { // there was nothing left to remove, so that the server was not asked
		held.Removed.Pools, held.Removed.Addresses = []api.FamilyEffect{}, []api.AddressEffect{}
	}
	return a.tell(s.settings, o, change{
		value: held.Removed, effect: held.Removed, done: blockText(entry) + " unblocked", undone: "the block was gone already",
	})
}

func (a *app) unblockCommand() *cobra.Command {
	var o client.Options
	var pool string
	cmd := &cobra.Command{
		Use:   "unblock ADDR|CIDR",
		Short: "Take a block back",
		Long: `Takes back the block of an address or a network: the one for all pools, or with --pool the one for
that pool. Another owner's block stays unless --force is said.`,
		Example: `  healthlbctl unblock 192.0.2.10
  healthlbctl unblock 192.0.2.0/24 --pool www.lb.example.org`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(blockedAddresses),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			address, err := parseTarget(args[0])
			if err != nil {
				return err
			}
			o.Owner = s.owner
			done, err := s.RemoveBlock(ctx, address, pool, o)
			if err != nil {
				return err
			}
			where := "for all pools"
			if pool != "" {
				where = "in " + short(pool)
			}
			return a.tell(s.settings, o, change{
				value: done, effect: done, done: fmt.Sprintf("%s unblocked %s", address, where),
				undone: fmt.Sprintf("there is no block of %s %s", address, where),
			})
		}),
	}
	addChangeFlags(cmd, &o)
	cmd.Flags().StringVar(&pool, "pool", "", "the block for this pool, not the one for all")
	_ = cmd.RegisterFlagCompletionFunc("pool", a.complete(nil, poolNames))
	return cmd
}
