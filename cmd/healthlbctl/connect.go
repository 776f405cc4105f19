package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

// session is what a command works with: the settings that count, and who answers it.
type session struct {
	*settings
	*client.Client
}

// connect makes a client of the settings. It connects to nobody yet.
func (a *app) connect(cmd *cobra.Command) (*session, error) {
	c, err := a.settings(cmd.Root().PersistentFlags())
	if err != nil {
		return nil, err
	}
	caller, err := client.New(client.Settings{
		Server: c.server, TokenFile: c.tokenFile, CAFile: c.caFile, CertFile: c.certFile, KeyFile: c.keyFile, Timeout: c.timeout,
		UserAgent: "healthlbctl/" + versionNow().Version,
	})
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return &session{c, caller}, nil
}

// call makes the function of a command of one that calls the endpoint.
func (a *app) call(what func(ctx context.Context, s *session, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.began = true
		s, err := a.connect(cmd)
		if err != nil {
			return err
		}
		defer s.Close()
		return what(cmd.Context(), s, args)
	}
}

// problemOf is what the endpoint refused with; nil when it did not answer.
func problemOf(err error) *api.Problem {
	var refused *client.Error
	if errors.As(err, &refused) {
		return &refused.Problem
	}
	return nil
}
