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

// ClientIn returns the client that a believed resolver would say is in a network.
func ClientIn(network netip.Prefix) Client {
	return NewClient(network.Addr(), &Subnet{prefix: network})
}

// Addr returns the client's address, or the first one of its network, as far as it is known: invalid when nothing is.
func (c Client) Addr() netip.Addr { return c.addr }

// HasSubnet says whether a believed resolver has said a subnet of the client.
func (c Client) HasSubnet() bool { return c.subnet != nil }

// Key returns a hash of the network that the client is in: of as many leading bits of its address as are given for its family.
func (c Client) Key(bits4, bits6 int) uint64 {
	if !c.addr.IsValid() {
		return 0
	}
	network, _ := c.addr.Prefix(bitsFor(c.addr, bits4, bits6))
	bytes := network.Addr().As16()
	return xxhash.Sum64(bytes[:])
}

// KeyBits returns the length of the shortest prefix of the client's subnet for which an answer that depends on Key holds.
func (c Client) KeyBits(bits4, bits6 int) int {
	return min(c.SourceBits(), bitsFor(c.addr, bits4, bits6))
}

// SourceBits returns the length of the prefix that the resolver said of the client, 0 when it said none.
func (c Client) SourceBits() int {
	if c.subnet == nil {
		return 0
	}
	return c.subnet.prefix.Bits()
}

func bitsFor(addr netip.Addr, bits4, bits6 int) int {
	if addr.Is4() {
		return bits4
	}
	return bits6
}
