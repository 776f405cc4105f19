package answer

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// Subnet is a client subnet option of a query (RFC 7871 section 6).
type Subnet struct {
	option *dns.EDNS0_SUBNET
	prefix netip.Prefix
}

// The ways in which a client subnet can be malformed that the DNS library lets through. RFC 7871 section 7.2.1 wants FORMERR for each.
var (
	errSubnetScope = errors.New("the client subnet of a query has a scope")
	errSubnetBits  = errors.New("the client subnet has bits beyond its prefix")
	errSubnetTwice = errors.New("the query has two client subnets")
)

// ReadSubnet returns the client subnet of a query's OPT record, nil when there is none, or an error when it is malformed.
func ReadSubnet(opt *dns.OPT) (*Subnet, error) {
	var found *dns.EDNS0_SUBNET
	for _, option := range opt.Option {
		if s, ok := option.(*dns.EDNS0_SUBNET); ok {
			if found != nil {
				return nil, errSubnetTwice
			}
			found = s
		}
	}
	if found == nil {
		return nil, nil
	}
	if found.SourceScope != 0 {
		return nil, errSubnetScope
	}
	addr, _ := netip.AddrFromSlice(found.Address)
	if found.Family != 2 { // 1 is IPv4; 0 stands without an address, and then its length must be 0, which the library checks
		addr = addr.Unmap()
	}
	prefix := netip.PrefixFrom(addr, int(found.SourceNetmask))
	if !prefix.IsValid() || prefix != prefix.Masked() {
		return nil, errSubnetBits
	}
	return &Subnet{option: found, prefix: prefix}, nil
}

// HasSubnet says whether a query has a client subnet option, believed or not.
func HasSubnet(query *dns.Msg) bool {
	opt := query.IsEdns0()
	return opt != nil && slices.ContainsFunc(opt.Option, func(o dns.EDNS0) bool { return o.Option() == dns.EDNS0SUBNET })
}

// EchoSubnet puts the client subnet of the query into the reply, if it was believed. scope is the length of the shortest prefix of the
// client's address of which every address gets the same answer; where the resolver has said nothing of the client it is 0, since the
// answer is then the resolver's own (RFC 7871 section 7.2.1).
func (r *Reply) EchoSubnet(c Client, scope int) {
	if c.subnet == nil {
		return
	}
	echo := *c.subnet.option
	echo.SourceScope = 0
	if c.subnet.prefix.Bits() > 0 {
		echo.SourceScope = uint8(scope)
	}
	r.AddOption(&echo)
}
