package main

import (
	"context"
	"fmt"
	"regexp"

	"example.org/healthlb/api"
	"example.org/healthlb/cmd/healthlbctl/shell"
)

// memberID is what the endpoint lets an id be.
var memberID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,63}$`)

// run runs the operator's command for a member.
func (r *rolloutRun) run(ctx context.Context, pool string, m api.RolloutMember) error {
	values, err := placeholders(m)
	if err != nil {
		return err
	}
	stdout := shell.NewLines(r.people, &r.writing, m.ID+": ")
	stderr := shell.NewLines(r.err, &r.writing, m.ID+": ")
	defer stdout.Close()
	defer stderr.Close()
	err = shell.Run(ctx, shell.Expand(r.command, values), []string{
		"HEALTHLB_POOL=" + short(pool), "HEALTHLB_MEMBER=" + m.ID, "HEALTHLB_ADDRESS=" + values["address"],
	}, stdout, stderr)
	if err != nil {
		return fmt.Errorf("the command %w", err)
	}
	return nil
}

// placeholders are what stands for a member in the operator's command. It is checked here once more, as quotes alone do not help where the
// operator has put a placeholder inside quotes of his own: a server that says anything else is not to run anything on this machine.
func placeholders(m api.RolloutMember) (map[string]string, error) {
	if !memberID.MatchString(m.ID) {
		return nil, fmt.Errorf("the server names a member %q, for which no command is run: want 1 to 63 of A-Z a-z 0-9 . _ : -", m.ID)
	}
	values := map[string]string{"id": m.ID, "address": "", "address4": "", "address6": ""}
	for i, s := range m.Addresses {
		address, err := parseAddress(s)
		if err != nil {
			return nil, fmt.Errorf("the server says of the member %s: %w", m.ID, err)
		}
		if i == 0 {
			values["address"] = address
		}
		if isIPv6(address) {
			values["address6"] = address
		} else {
			values["address4"] = address
		}
	}
	return values, nil
}
