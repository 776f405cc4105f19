package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
)

func (a *app) poolsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pools",
		Short: "List the pools and how they are",
		Long: `Lists all pools in the order of their names, each with its status:

  full      all addresses can be answered with
  degraded  some cannot
  down      some family has fewer than min_up
  empty     there is no member

UP counts the members of which every address is up and neither blocked nor drained, of all members.
REASON says why a pool is not full; before that, isolated: the responder takes itself to be cut off,
and answers as before that; stale: no news for longer than an interval, and states may be old.`,
		Example: `  healthlbctl pools
  healthlbctl pools -o json | jq -r '.[] | select(.status != "full") | .name'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.call(func(ctx context.Context, s *session, _ []string) error {
			pools := []api.Pool{}
			for pool, err := range s.Pools(ctx) {
				if err != nil {
					return err
				}
				pools = append(pools, pool)
			}
			return a.show(s.settings, pools, func() error { return a.poolsTable(pools) })
		}),
	}
}

func (a *app) poolsTable(pools []api.Pool) error {
	if len(pools) == 0 {
		a.say("there is no pool")
		return nil
	}
	rows := make([][]string, len(pools))
	for i, p := range pools {
		up := 0
		for _, m := range p.Members {
			if memberUp(m) {
				up++
			}
		}
		rows[i] = []string{printable(short(p.Name)), a.paint(p.Status), fmt.Sprintf("%d/%d", up, len(p.Members)), a.text(reasonText(p))}
	}
	return a.table([]string{"pool", "status", "up", "reason"}, rows)
}

// memberUp tells whether nothing forbids a member in any of its families. Whether its turn comes, as that of a standby does not, is not
// asked.
func memberUp(m api.Member) bool {
	for _, address := range m.Addresses {
		if address.State != "up" && address.State != "suspect" || omitted(address) {
			return false
		}
	}
	return m.Drain == nil || !m.Drain.Out
}

// omitted tells whether a block keeps an address out of answers.
func omitted(address api.Address) bool {
	return address.Block != nil && address.Block.Mode != "no-register"
}
