package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

// memberFlags say what a member is beside its addresses, whether it is added or registers itself.
type memberFlags struct {
	id, region             string
	weight, priority, port int
	probe                  []string
}

func (m *memberFlags) add(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&m.id, "id", "", "the member's name; its first address if it is not said")
	flags.IntVar(&m.weight, "weight", 1, "its share relative to the others', 0 to 65535")
	flags.IntVar(&m.priority, "priority", 0, "its tier, 1 to 65535; 1 is the best, and what it has if it is not said")
	flags.StringVar(&m.region, "region", "", "where it is")
	flags.IntVar(&m.port, "port", 0, "the port that is probed, instead of that of the pool's only check")
	_ = cmd.RegisterFlagCompletionFunc("region", a.complete(nil, regionNames))
	for _, flag := range []string{"id", "weight", "priority", "port"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
}

// spec is what was said, once it is checked. A weight that was not said is left to the server.
func (m *memberFlags) spec(cmd *cobra.Command, addresses []string) (spec api.MemberSpec, err error) {
	if spec.Addresses, err = parseAddresses(addresses); err != nil {
		return spec, err
	}
	if spec.ProbeAddresses, err = parseAddresses(m.probe); err != nil {
		return spec, err
	}
	for _, number := range []struct {
		flag        string
		value, from int
	}{{"weight", m.weight, 0}, {"priority", m.priority, 1}, {"port", m.port, 1}} {
		if cmd.Flags().Changed(number.flag) && (number.value < number.from || number.value > 65535) {
			return spec, usage("--%s: %d is out of range: want %d to 65535", number.flag, number.value, number.from)
		}
	}
	if cmd.Flags().Changed("weight") {
		spec.Weight = &m.weight
	}
	spec.Priority, spec.Region, spec.Port = m.priority, m.region, m.port
	return spec, nil
}

func (a *app) addCommand() *cobra.Command {
	var o client.Options
	var m memberFlags
	cmd := &cobra.Command{
		Use:   "add POOL ADDR [ADDR]",
		Short: "Add a member at run time",
		Long: `Adds a member with one IPv4 and/or one IPv6 address to a pool of which the Corefile says dynamic, or
makes it another one.

A new member is in no answer until it has passed its first probe. With --require-healthy it is
probed first, and is not added when that fails. A member of the Corefile is the Corefile's, and is
not changed.`,
		Example: `  healthlbctl add www.lb.example.org 192.0.2.13 2001:db8::13 --id web-4 --weight 2
  healthlbctl add www.lb.example.org 192.0.2.13 --require-healthy`,
		Args:              cobra.RangeArgs(2, 3),
		ValidArgsFunction: a.complete(poolNames),
	}
	cmd.RunE = a.call(func(ctx context.Context, s *session, args []string) error {
		spec, err := m.spec(cmd, args[1:])
		if err != nil {
			return err
		}
		id := m.id
		if id == "" {
			id = spec.Addresses[0]
		}
		done, err := s.PutMember(ctx, args[0], id, spec, o)
		if err != nil {
			return err
		}
		return a.tell(s.settings, o, change{
			value: done, effect: done.Effect, done: fmt.Sprintf("%s is a member of %s now", id, short(args[0])),
			undone: fmt.Sprintf("%s is such a member of %s already", id, short(args[0])), more: firstPass(done.Member),
		})
	})
	addChangeFlags(cmd, &o)
	m.add(a, cmd)
	cmd.Flags().StringSliceVar(&m.probe, "probe-address", nil, "an address that is probed instead of its own; once for each family")
	_ = cmd.RegisterFlagCompletionFunc("probe-address", cobra.NoFileCompletions)
	cmd.Flags().BoolVar(&o.RequireHealthy, "require-healthy", false, "probe it first, and do not add it when that fails")
	return cmd
}

// firstPass says that a member has still to pass its first probe.
func firstPass(m *api.Member) string {
	if m == nil {
		return ""
	}
	for _, address := range m.Addresses {
		if address.State == "unknown" {
			return "it waits for its first pass"
		}
	}
	return ""
}

func (a *app) removeCommand() *cobra.Command {
	var o client.Options
	cmd := &cobra.Command{
		Use:   "remove POOL ID",
		Short: "Take a member away that came at run time",
		Long: `Takes a member away that was added or has registered itself, and says when its clients are gone.

A member of the Corefile is the Corefile's, and stays; it can be drained or blocked.`,
		Example:           `  healthlbctl remove www.lb.example.org web-4`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.complete(poolNames, memberIDs),
		RunE: a.call(func(ctx context.Context, s *session, args []string) error {
			done, err := s.DeleteMember(ctx, args[0], args[1], o)
			if err != nil {
				return err
			}
			return a.tell(s.settings, o, change{
				value: done, effect: done.Effect, done: fmt.Sprintf("%s removed from %s", args[1], short(args[0])),
				undone: fmt.Sprintf("%s is no member of %s", args[1], short(args[0])),
			})
		}),
	}
	addChangeFlags(cmd, &o)
	return cmd
}
