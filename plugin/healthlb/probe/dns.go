package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// DNSOptions say what is asked.
type DNSOptions struct {
	Name string // a domain name, with or without its last dot; needed
	Type uint16 // of the records; 0 stands for A
}

type dnsCheck struct {
	port  uint16
	name  string
	query dnsQuery
}

// NewDNS returns the check that asks a name server for a name: over UDP, and over TCP when the answer does not fit.
func NewDNS(port uint16, opts DNSOptions) (Check, error) {
	if opts.Name == "" {
		return nil, errors.New("dns: a name to ask for is needed")
	}
	if opts.Type == 0 {
		opts.Type = dns.TypeA
	}
	query, err := newDNSQuery(dns.Fqdn(strings.ToLower(opts.Name)), opts.Type)
	if err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	return &dnsCheck{port: port, name: "dns name " + query.name() + " type " + query.typeName(), query: query}, nil
}

func (*dnsCheck) Kind() string   { return "dns" }
func (c *dnsCheck) Port() uint16 { return c.port }
func (c *dnsCheck) Name() string { return c.name }
func (c *dnsCheck) Key() string  { return c.name }

func (c *dnsCheck) Probe(ctx context.Context, r Route) Result {
	a := begin(ctx, r)
	q := c.query.ask()
	reply, failure, ok := q.overUDP(a)
	if ok && reply.truncated() {
		reply, failure, ok = q.overTCP(a)
	}
	if !ok {
		return failure
	}
	return q.judge(reply)
}
