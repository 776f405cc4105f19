package config

import (
	"slices"
	"time"

	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

// check is one check line. What it does may depend on the pool that it is for.
type check struct {
	line
	build buildCheck
}

// buildCheck makes the check for one pool.
type buildCheck func(c checkCache, poolName string) (probe.Check, error)

// checkKind is what may stand behind the word check.
type checkKind struct {
	port  uint16 // when none is said
	parse func(a *args, port uint16) (buildCheck, error)
}

var checkKinds = map[string]checkKind{
	"tcp":   {443, parseTCP},
	"tls":   {443, parseTLS},
	"http":  {80, parseHTTP},
	"https": {443, parseHTTPS},
	"grpc":  {443, parseGRPC},
	"dns":   {53, parseDNS},
	"exec":  {0, parseExec},
	"agent": {3333, parseAgent}, // where loadbalancer.org's feedback agent for HAProxy listens
	"up":    {0, parseUp},
	"down":  {0, parseDown},
}

// defaultCheck is "check tcp 443".
var defaultCheck = check{build: func(c checkCache, _ string) (probe.Check, error) { return c.newTCP(443, tcpOptions{}) }}

// parseCheck parses KIND [PORT] [OPTIONS].
func parseCheck(a *args) (check, error) {
	kind, err := take(a, "KIND", func(s string) (checkKind, error) {
		k, ok := checkKinds[s]
		if !ok {
			return k, unknown(s, "as a kind of check", keys(checkKinds))
		}
		return k, nil
	})
	if err != nil {
		return check{}, err
	}
	port := kind.port
	if a.number() {
		if port, err = take(a, "PORT", parsePort); err != nil {
			return check{}, err
		}
	}
	build, err := kind.parse(a, port)
	return check{a.line, build}, err
}

// tcpOptions are those of probe.NewTCP, comparable.
type tcpOptions struct{ send, expect string }

var tcpDirectives = table[tcpOptions]{
	"send": {parse: func(a *args, o *tcpOptions) (err error) {
		o.send, err = take(a, "what to send", unescape)
		return err
	}},
	"expect": {parse: func(a *args, o *tcpOptions) (err error) {
		o.expect, err = take(a, "what to expect", unescape)
		return err
	}},
}

func parseTCP(a *args, port uint16) (buildCheck, error) {
	var o tcpOptions
	err := tcpDirectives.options(a, "in check tcp", &o)
	return func(c checkCache, _ string) (probe.Check, error) { return c.newTCP(port, o) }, err
}

var tlsDirectives = table[probe.TLSOptions]{
	"sni": {parse: func(a *args, o *probe.TLSOptions) (err error) {
		o.ServerName, err = take(a, "NAME", parseServerName)
		return err
	}},
	"ca": {parse: func(a *args, o *probe.TLSOptions) (err error) {
		o.CAFile, err = a.file("FILE")
		return err
	}},
	"cert": {parse: func(a *args, o *probe.TLSOptions) (err error) {
		o.CertFile, o.KeyFile, err = takeKeyPair(a)
		return err
	}},
	"insecure": {parse: func(_ *args, o *probe.TLSOptions) error {
		o.Insecure = true
		return nil
	}},
	"expiry": {parse: func(a *args, o *probe.TLSOptions) (err error) {
		o.Expiry, err = take(a, aDuration, durationIn(time.Hour, 365*day))
		return err
	}},
}

// takeKeyPair takes the names of two files: a certificate and its key.
func takeKeyPair(a *args) (cert, key string, err error) {
	if cert, err = a.file("the certificate's FILE"); err != nil {
		return "", "", err
	}
	key, err = a.file("the KEY's file")
	return cert, key, err
}

func parseTLS(a *args, port uint16) (buildCheck, error) {
	var o probe.TLSOptions
	err := tlsDirectives.options(a, "in check tls", &o)
	return func(c checkCache, poolName string) (probe.Check, error) {
		o := o
		if o.ServerName == "" && !isWildcard(poolName) {
			o.ServerName = poolName[:len(poolName)-1]
		}
		if o.ServerName == "" && !o.Insecure {
			return nil, fault{"does not say what name to verify, and a wildcard pool has none of its own", "add sni NAME, or insecure"}
		}
		return c.newTLS(port, o)
	}, err
}

// checkCache makes equal checks once: many pools may share them, and making one may mean reading files.
type checkCache map[any]probe.Check

func (c checkCache) newTCP(port uint16, o tcpOptions) (probe.Check, error) {
	type key struct {
		port uint16
		tcpOptions
	}
	return c.get(key{port, o}, func() (probe.Check, error) {
		return probe.NewTCP(port, probe.TCPOptions{Send: []byte(o.send), Expect: []byte(o.expect)}), nil
	})
}

func (c checkCache) newTLS(port uint16, o probe.TLSOptions) (probe.Check, error) {
	type key struct {
		port uint16
		probe.TLSOptions
	}
	return c.get(key{port, o}, func() (probe.Check, error) { return probe.NewTLS(port, o) })
}

func (c checkCache) get(key any, build func() (probe.Check, error)) (probe.Check, error) {
	if known, ok := c[key]; ok {
		return known, nil
	}
	made, err := build()
	if err == nil {
		c[key] = made
	}
	return made, err
}

// buildChecks makes the checks of a pool.
func (p *Pool) buildChecks(checks []check, cache checkCache) error {
	if len(checks) == 0 {
		checks = []check{defaultCheck}
	}
	p.Checks = make([]pool.Check, 0, len(checks))
	p.Probes = make([]probe.Check, 0, len(checks))
	for _, c := range checks {
		made, err := c.build(cache, p.Name)
		if err != nil {
			return c.at.fail(show(c.words)+" (pool "+p.Name+" at "+p.Where+")", err)
		}
		spec := pool.Check{Name: made.Name(), Port: made.Port()}
		if i := slices.Index(p.Checks, spec); i >= 0 {
			return c.at.fail(show(c.words), fault{"is the same check as at " + checks[i].at.String(), "leave one out"})
		}
		p.Checks = append(p.Checks, spec)
		p.Percents = p.Percents || made.Kind() == "agent"
		p.Probes = append(p.Probes, made)
	}
	return nil
}
