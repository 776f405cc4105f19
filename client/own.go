package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// errNoOwn is that of OwnAddresses when no other try will do better.
var errNoOwn = errors.New("this machine's own address cannot be told by a responder on it: say which it is (Addresses, or --address)")

// OwnAddresses finds the addresses of this machine that a responder sees it by: the source addresses of packets to it, of each family
// that the responder has. None is sent. A responder on this machine itself does not tell, which is an error.
func OwnAddresses(ctx context.Context, server string) ([]string, error) {
	to, err := parseServer(server)
	if err != nil {
		return nil, err
	}
	if to.loopback() {
		return nil, fmt.Errorf("healthlb at %s: %w", to, errNoOwn)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", to.host)
	if err != nil {
		return nil, fmt.Errorf("healthlb at %s: no address to find this machine's own by: %w", to, err)
	}
	own, err := ownTowards(ctx, ips, cmp.Or(to.port, "443"))
	if err != nil {
		return nil, fmt.Errorf("healthlb at %s: %w", to, err)
	}
	return own, nil
}

// ownTowards returns the source addresses towards the first address of each family that there is a way to.
func ownTowards(ctx context.Context, ips []netip.Addr, port string) (own []string, err error) {
	var has4, has6, local bool
	for _, ip := range ips {
		ip = ip.Unmap()
		if ip.Is4() && has4 || ip.Is6() && has6 {
			continue
		}
		source, sourceErr := sourceTowards(ctx, net.JoinHostPort(ip.String(), port))
		switch {
		case sourceErr != nil:
			err = errors.Join(err, sourceErr)
		case source.IsLoopback():
			local = true
		case source.IsLinkLocalUnicast():
			err = errors.Join(err, fmt.Errorf("this machine's own address towards %s is link-local, which no client can use", ip))
		default:
			own = append(own, source.String())
			has4, has6 = has4 || source.Is4(), has6 || source.Is6()
		}
	}
	switch {
	case len(own) > 0:
		return own, nil
	case local:
		return nil, errNoOwn
	case err == nil:
		err = errors.New("it has no address")
	}
	return nil, fmt.Errorf("this machine's own address cannot be found: %w", err)
}

// sourceTowards is the source address of packets to an address. Connecting a UDP socket sends none, but asks the system for the way.
func sourceTowards(ctx context.Context, address string) (netip.Addr, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", address)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone(""), nil
}
