package config

// parseHTTP parses the options of check http.
func parseHTTP(a *args, port uint16) (buildCheck, error) {
	return nil, a.fail(fault{"is not here yet", "use tcp or tls"})
}

// parseHTTPS parses the options of check https.
func parseHTTPS(a *args, port uint16) (buildCheck, error) {
	return nil, a.fail(fault{"is not here yet", "use tcp or tls"})
}
