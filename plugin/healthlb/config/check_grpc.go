package config

// parseGRPC parses the options of check grpc.
func parseGRPC(a *args, port uint16) (buildCheck, error) {
	return nil, a.fail(fault{"is not here yet", "use tcp or tls"})
}
