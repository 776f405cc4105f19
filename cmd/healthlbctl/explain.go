package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

func (a *app) explainCommand() *cobra.Command {
	var q client.ExplainQuery
	cmd := &cobra.Command{
		Use:   "explain POOL --client ADDR",
		Short: "Tell what a client would be answered, and why",
		Long: `Tells what a client would be answered now, and what became of each member on the way. Nothing is
counted or moved by it. POOL can be any name that clients ask for.

With --without it tells what would be if a member were not there; with --region, what a client in
that region gets.`,
		Example: `  healthlbctl explain www.lb.example.org --client 203.0.113.7
  healthlbctl explain www.lb.example.org --client 2001:db8:7::/56 --type AAAA --without web-2`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(poolNames),
		RunE: a.call(func(ctx context.Context, s *session, args []string) (err error) {
			if q.Client, err = parseTarget(q.Client); err != nil {
				return err
			}
			q.Name = args[0]
			if q.Type = strings.ToUpper(q.Type); q.Type != "A" && q.Type != "AAAA" {
				return usage("--type: %q is not answered from pools: want A or AAAA", q.Type)
			}
			e, err := s.Explain(ctx, q)
			if err != nil {
				return err
			}
			return a.show(s.settings, e, func() error { return a.explanationTable(e) })
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&q.Client, "client", "", "the address or network that asks")
	flags.StringVar(&q.Type, "type", "A", "A or AAAA")
	flags.StringVar(&q.Without, "without", "", "as if this member were not there")
	flags.StringVar(&q.Region, "region", "", "as if the client were in this region")
	_ = cmd.MarkFlagRequired("client")
	_ = cmd.RegisterFlagCompletionFunc("client", cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions([]string{"A", "AAAA"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("without", a.complete(nil, memberIDs))
	_ = cmd.RegisterFlagCompletionFunc("region", a.complete(nil, regionNames))
	return cmd
}

func (a *app) explanationTable(e api.Explanation) error {
	asked := fmt.Sprintf("%s %s asked by %s", short(e.Name), printable(e.Type), printable(e.Client))
	if e.Region != "" {
		asked += " in " + printable(e.Region)
	}
	if e.Without != "" {
		asked += ", without " + printable(e.Without)
	}
	answer := "no address"
	if len(e.Answer.Addresses) > 0 {
		answer = printable(strings.Join(e.Answer.Addresses, " "))
	}
	lines := []string{
		asked,
		fmt.Sprintf("answer: %s, ttl %ds, %s, scope /%d", answer, e.Answer.TTL, printable(e.Answer.RCode), e.Answer.Scope),
		fmt.Sprintf("pool %s: policy %s, %d eligible, min_up %d", printable(short(e.Pool)), printable(e.Policy), e.EligibleCount, e.MinUp),
	}
	if e.AllDown {
		lines[2] += ", all_down"
	}
	if err := a.line("%s\n", strings.Join(lines, "\n")); err != nil {
		return err
	}
	rows := make([][]string, len(e.Members))
	for i, m := range e.Members {
		in := "no"
		if m.In {
			in = "yes"
		}
		rows[i] = []string{printable(m.ID), printable(m.Address), in, printable(m.Stage), percent(m.Share), printable(m.Why)}
	}
	return a.table([]string{"id", "address", "in", "stage", "share", "why"}, rows)
}
