package config

// parseDNS parses the options of check dns.
func parseDNS(a *args, port uint16) (buildCheck, error) {
	return nil, a.fail(fault{"is not here yet", "use tcp or tls"})
}
