package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
)

// completionTime bounds what a completion asks the server: nobody waits longer for the tab key.
const completionTime = 1500 * time.Millisecond

// suggester finds the words that can stand in one place. args are the words before it, the pool first.
type suggester func(ctx context.Context, s *session, args []string) ([]string, error)

// complete makes a completion: of the argument with the same index, or for a flag when the first one is nil. It is silent when it cannot
// find out.
func (a *app) complete(places ...suggester) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		suggest := places[min(len(args), len(places)-1)]
		if forFlag := places[0] == nil; forFlag {
			suggest = places[1]
		} else if len(args) >= len(places) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		s, err := a.connect(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer s.Close()
		ctx, cancel := context.WithTimeout(context.Background(), completionTime)
		defer cancel()
		words, _ := suggest(ctx, s, args)
		words = slices.DeleteFunc(words, func(word string) bool { return printable(word) != word })
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

func poolNames(ctx context.Context, s *session, _ []string) (names []string, err error) {
	for pool, err := range s.Pools(ctx) {
		if err != nil {
			return names, err
		}
		names = append(names, short(pool.Name))
	}
	return names, nil
}

// membersOf goes through the members of the pool that was named, or of all pools.
func membersOf(ctx context.Context, s *session, args []string) (members []api.Member, err error) {
	if len(args) > 0 {
		pool, err := s.Pool(ctx, args[0])
		return pool.Members, err
	}
	for pool, err := range s.Pools(ctx) {
		if err != nil {
			return members, err
		}
		members = append(members, pool.Members...)
	}
	return members, nil
}

// words are what a function finds in members, each once.
func words(members []api.Member, of func(api.Member) []string) (found []string) {
	for _, m := range members {
		for _, word := range of(m) {
			if word != "" {
				found = append(found, word)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func memberIDs(ctx context.Context, s *session, args []string) ([]string, error) {
	members, err := membersOf(ctx, s, args)
	return words(members, func(m api.Member) []string { return []string{m.ID} }), err
}

func drainedIDs(ctx context.Context, s *session, args []string) ([]string, error) {
	members, err := membersOf(ctx, s, args)
	return words(members, func(m api.Member) []string {
		if m.Drain == nil {
			return nil
		}
		return []string{m.ID}
	}), err
}

func regionNames(ctx context.Context, s *session, args []string) ([]string, error) {
	members, err := membersOf(ctx, s, args)
	return words(members, func(m api.Member) []string { return []string{m.Region} }), err
}

func allAddresses(ctx context.Context, s *session, _ []string) ([]string, error) {
	members, err := membersOf(ctx, s, nil)
	return words(members, func(m api.Member) (addresses []string) {
		for _, address := range m.Addresses {
			addresses = append(addresses, address.Address)
		}
		return addresses
	}), err
}

func blockedAddresses(ctx context.Context, s *session, _ []string) (addresses []string, err error) {
	entries, _, err := s.Blocklist(ctx)
	for _, e := range entries {
		addresses = append(addresses, e.Address)
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), err
}
