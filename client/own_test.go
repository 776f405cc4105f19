package client

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestOwnAddressesNearby(t *testing.T) {
	for _, server := range []string{"", "http://127.0.0.1:8053", "http://[::1]:8053", "unix:/run/healthlb.sock", "http://localhost:1"} {
		if own, err := OwnAddresses(t.Context(), server); !errors.Is(err, errNoOwn) || own != nil {
			t.Errorf("%q: %v, %v", server, own, err)
		}
	}
	if _, err := OwnAddresses(t.Context(), "lb"); err == nil || !strings.Contains(err.Error(), wantServer) {
		t.Error(err)
	}
}

// TestOwnAddresses asks for the way to each address of this machine, which is from that address itself.
func TestOwnAddresses(t *testing.T) {
	ifaces, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, iface := range ifaces {
		prefix, err := netip.ParsePrefix(iface.String())
		if err != nil || prefix.Addr().IsLoopback() || prefix.Addr().IsLinkLocalUnicast() {
			continue
		}
		host := prefix.Addr().String()
		own, err := OwnAddresses(t.Context(), "http://"+net.JoinHostPort(host, "8053"))
		if err != nil || len(own) != 1 || own[0] != host {
			t.Errorf("%s: %v, %v", host, own, err)
		}
		tried++
	}
	if tried == 0 {
		t.Skip("this machine has loopback addresses only")
	}
}

func TestOwnTowards(t *testing.T) {
	loopback4, loopback6 := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	if _, err := ownTowards(t.Context(), []netip.Addr{loopback4, loopback6}, "1"); !errors.Is(err, errNoOwn) {
		t.Error(err)
	}
	if _, err := ownTowards(t.Context(), nil, "1"); err == nil || errors.Is(err, errNoOwn) {
		t.Error(err)
	}
	if _, err := ownTowards(t.Context(), []netip.Addr{loopback4}, "no port"); err == nil || errors.Is(err, errNoOwn) {
		t.Error(err)
	}
}
