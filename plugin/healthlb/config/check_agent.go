package config

import "example.org/healthlb/plugin/healthlb/probe"

// agentOptions are those of probe.NewAgent, comparable.
type agentOptions struct{ send string }

var agentDirectives = table[agentOptions]{
	"send": {parse: func(a *args, o *agentOptions) (err error) {
		o.send, err = take(a, "what to send", unescape)
		return err
	}},
}

// parseAgent parses the options of check agent.
func parseAgent(a *args, port uint16) (buildCheck, error) {
	var o agentOptions
	err := agentDirectives.options(a, "in check agent", &o)
	return func(c checkCache, _ string) (probe.Check, error) { return c.newAgent(port, o) }, err
}

func (c checkCache) newAgent(port uint16, o agentOptions) (probe.Check, error) {
	type key struct {
		port uint16
		agentOptions
	}
	return c.get(key{port, o}, func() (probe.Check, error) {
		return probe.NewAgent(port, probe.AgentOptions{Send: []byte(o.send)}), nil
	})
}
