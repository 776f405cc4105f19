package config

// parseUp parses the options of check up.
func parseUp(a *args, port uint16) (buildCheck, error) {
	return nil, a.fail(fault{"is not here yet", "use tcp or tls"})
}

// parseDown parses the options of check down.
func parseDown(a *args, port uint16) (buildCheck, error) {
	return nil, a.fail(fault{"is not here yet", "use tcp or tls"})
}
