package answer

import (
	"net"
	"net/netip"

	"github.com/cespare/xxhash/v2"
)

// Source returns the address a query came from, without the text in between that net.Addr invites to.
func Source(remote net.Addr) netip.Addr {
	switch a := remote.(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	case interface{ Unwrap() net.Addr }: // an address that proxyproto has put its own around
		return Source(a.Unwrap())
	case nil:
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// The part of a client's address that the hash policy looks at: what resolvers send at most as client subnet (RFC 7871 section 11.1).
const (
	maskBits4 = 24
	maskBits6 = 56
)

// Client is whom an answer is for.
type Client struct {
	addr   netip.Addr
	subnet *Subnet // what the resolver said of the client, when it is believed
}

// NewClient returns the client behind a query from source, for whom a believed resolver may have said a subnet, else nil.
func NewClient(source netip.Addr, subnet *Subnet) Client {
	c := Client{addr: source, subnet: subnet}
	if subnet != nil && subnet.prefix.Bits() > 0 {
		c.addr = subnet.prefix.Addr()
	}
	return c
}

// Key returns a hash of the client's network: the /24 or /56 that it is in.
func (c Client) Key() uint64 {
	if !c.addr.IsValid() {
		return 0
	}
	network, _ := c.addr.Prefix(maskBits(c.addr))
	bytes := network.Addr().As16()
	return xxhash.Sum64(bytes[:])
}

func maskBits(addr netip.Addr) int {
	if addr.Is4() {
		return maskBits4
	}
	return maskBits6
}

// scope returns the shortest prefix length of the client for which an answer that depends on Key holds.
func (c Client) scope() uint8 {
	return uint8(min(c.subnet.prefix.Bits(), maskBits(c.subnet.prefix.Addr())))
}
