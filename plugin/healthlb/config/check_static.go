package config

import "example.org/healthlb/plugin/healthlb/probe"

// parseUp parses nothing: check up has no options.
func parseUp(a *args, port uint16) (buildCheck, error) { return parseStatic(a, port, true) }

// parseDown parses nothing: check down has no options.
func parseDown(a *args, port uint16) (buildCheck, error) { return parseStatic(a, port, false) }

func parseStatic(a *args, port uint16, up bool) (buildCheck, error) {
	if port != 0 {
		return nil, a.fail(fault{"is a port, and this check asks nobody", "leave it out"})
	}
	if a.more() {
		a.next++
		return nil, a.fail(fault{"is one word too many", "this check has no options"})
	}
	return func(checkCache, string) (probe.Check, error) { return probe.NewStatic(up), nil }, nil
}
