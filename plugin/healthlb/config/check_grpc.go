package config

import (
	"strings"

	"example.org/healthlb/plugin/healthlb/probe"
)

// grpcOptions are those of check grpc.
type grpcOptions struct {
	probe.GRPCOptions
	needsTLS error // what to say of the first option that has no meaning without tls; nil: there was none
}

var grpcDirectives = both(table[grpcOptions]{
	"service": {parse: func(a *args, o *grpcOptions) (err error) {
		o.Service, err = take(a, "NAME", parseServiceName)
		return err
	}},
	"tls": {parse: func(_ *args, o *grpcOptions) error {
		o.TLS = true
		return nil
	}},
}, onlyOverTLS(lift(tlsDirectives, func(o *grpcOptions) *probe.TLSOptions { return &o.Handshake })))

// onlyOverTLS notes which of the options was said first.
func onlyOverTLS(tb table[grpcOptions]) table[grpcOptions] {
	noting := make(table[grpcOptions], len(tb))
	for word, d := range tb {
		parse := d.parse
		d.parse = func(a *args, o *grpcOptions) error {
			if o.needsTLS == nil {
				o.needsTLS = a.fail(fault{"is about TLS, and this check speaks plain text", "add tls"})
			}
			return parse(a, o)
		}
		noting[word] = d
	}
	return noting
}

// parseGRPC parses the options of check grpc.
func parseGRPC(a *args, port uint16) (buildCheck, error) {
	var o grpcOptions
	err := grpcDirectives.options(a, "in check grpc", &o)
	if err == nil && !o.TLS {
		err = o.needsTLS
	}
	return func(c checkCache, poolName string) (probe.Check, error) {
		o := o.of(poolName)
		if o.TLS && o.Handshake.ServerName == "" && !o.Handshake.Insecure {
			return nil, fault{"does not say what name to verify, and a wildcard pool has none of its own", "add sni NAME, or insecure"}
		}
		return c.newGRPC(port, o)
	}, err
}

// of returns the options for one pool. Requests are for the pool's name; a wildcard pool has none, and then for the one that is verified.
func (o grpcOptions) of(poolName string) probe.GRPCOptions {
	own := ""
	if !isWildcard(poolName) {
		own = strings.TrimSuffix(poolName, ".")
	}
	if o.TLS && o.Handshake.ServerName == "" {
		o.Handshake.ServerName = own
	}
	o.Authority = own
	if own == "" {
		o.Authority = o.Handshake.ServerName
	}
	return o.GRPCOptions
}

// parseServiceName parses the name that a health service knows a service by: its full name in a .proto file, or what else was agreed on.
func parseServiceName(s string) (string, error) {
	if s == "" || len(s) > 255 || !isWord(s, "._-/:") {
		return "", fault{"is no name of a service",
			"use 1 to 255 of A-Z a-z 0-9 . _ - / : (to ask about the server as a whole, leave service out)"}
	}
	return s, nil
}

func (c checkCache) newGRPC(port uint16, o probe.GRPCOptions) (probe.Check, error) {
	type key struct {
		port uint16
		probe.GRPCOptions
	}
	return c.get(key{port, o}, func() (probe.Check, error) { return probe.NewGRPC(port, o) })
}
