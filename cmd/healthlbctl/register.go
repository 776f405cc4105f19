package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"example.org/healthlb/client"
)

func (a *app) registerCommand() *cobra.Command {
	var m memberFlags
	var addresses []string
	var ttl, secretFile string
	cmd := &cobra.Command{
		Use:   "register POOL",
		Short: "Register this server, and keep it registered",
		Long: `Registers a server with a pool of which the Corefile says dynamic, and keeps it registered until
SIGTERM or Ctrl-C; then it leaves at once, and the command ends with 0. If the command dies, the
server is taken out when its TTL is over. While the responder is away the command keeps trying. What
happens is told on standard error.

With --secret-file, a command that was killed and is started again goes on with its registration. Without,
it has to wait until the lease of before is over.

The addresses are those that packets to the responder leave from, or those that --address says; on
the responder's own machine they have to be said. A token with the role register is enough.`,
		Example: `  healthlbctl register www.lb.example.org --token-file /etc/healthlb/register.token
  healthlbctl register www.lb.example.org --address 192.0.2.13 --address 2001:db8::13 --id web-4 --ttl 20s`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(poolNames),
	}
	cmd.RunE = a.call(func(ctx context.Context, s *session, args []string) error {
		spec, err := m.spec(cmd, addresses)
		if err != nil {
			return err
		}
		lifetime, err := parseLength("ttl", ttl, time.Second, 24*time.Hour)
		if err != nil {
			return err
		}
		secret, err := readSecret(secretFile)
		if err != nil {
			return err
		}
		return a.register(ctx, secretFile, client.Registration{
			Client: s.Client, Pool: args[0], ID: m.id, Addresses: spec.Addresses, Weight: spec.Weight, Priority: spec.Priority,
			Region: spec.Region, Port: spec.Port, TTL: lifetime, Secret: secret,
		})
	})
	m.add(a, cmd)
	cmd.Flags().StringSliceVar(&addresses, "address", nil, "the server's address; once for each family")
	cmd.Flags().StringVar(&secretFile, "secret-file", "", "where the secret of the registration is kept")
	cmd.Flags().StringVar(&ttl, "ttl", "30s", "how long it stays when no more is heard of it, 1s to 24h")
	for _, flag := range []string{"address", "ttl"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
	return cmd
}

// register keeps a server registered until it is interrupted, which is a good end.
func (a *app) register(ctx context.Context, secretFile string, r client.Registration) error {
	r.OnChange = func(c client.Change) {
		a.say("%s %s", a.now().In(a.zone).Format(time.DateTime), oneLine(c.String()))
	}
	if secretFile != "" {
		r.OnSecret = func(secret string) {
			if err := writeSecret(secretFile, secret); err != nil {
				a.say("the secret is not kept: %s", oneLine(err.Error()))
			}
		}
	}
	lease, err := client.Register(ctx, r)
	if err != nil {
		return err
	}
	select {
	case <-lease.Done():
		return lease.Err()
	case <-a.killed.Done():
		return failed(exitInterrupted, "interrupted before it has left; the server is taken out when its TTL is over")
	}
}
