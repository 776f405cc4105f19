// Package block is the operators' block list: orders not to answer with an address or a network, in one pool or in all, until an expiry.
package block

import (
	"net/netip"
	"time"
)

// Mode says what a block forbids.
type Mode string

// The modes of a block.
const (
	Omit       Mode = "omit"        // the address is in no answer
	NoRegister Mode = "no-register" // the address may stay, but not register anew
)

// Entry is one order. Its key is (Prefix, Pool, Owner).
type Entry struct {
	Prefix netip.Prefix // a single address is a prefix of full length; never with host bits, never IPv4-mapped IPv6
	Pool   string       // lower-case FQDN; empty: all pools
	Owner  string       // who gave the order; may be empty
	Reason string
	Mode   Mode
	Until  time.Time // UTC; the zero Time: for ever
}
