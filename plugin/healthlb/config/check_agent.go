package config

// parseAgent parses the options of check agent.
func parseAgent(a *args, port uint16) (buildCheck, error) {
	return nil, a.fail(fault{"is not here yet", "use tcp or tls"})
}
