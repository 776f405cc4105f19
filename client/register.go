package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"example.org/healthlb/api"
)

// Registration says which member a server is, and of which pool.
type Registration struct {
	Settings         // of the responder
	Client   *Client // instead of Settings, when there is one already

	Pool      string
	ID        string        // empty: its first address
	Addresses []string      // one IPv4 and/or one IPv6; empty: as OwnAddresses finds
	Weight    *int          // nil: 1
	Priority  int           // 0: 1, the best
	Region    string        // empty: none
	Port      int           // 0: the one of the pool's check
	TTL       time.Duration // how long it stays when no more is heard of it, 1s to 24h; 0: 30s
	Secret    string        // of an earlier registration that may still be there; empty: none

	// OnSecret, when not nil, is told the secret of each new registration, for who wants to keep it: see Secret.
	OnSecret func(secret string)

	// OnChange, when not nil, is told when something changes. Its calls come one after the other, and hold the renewals up.
	OnChange func(Change)
}

// Change is a change in how a registration stands.
type Change struct {
	Registered   bool             // false: not, or no longer, as far as is known
	Left         bool             // it is over: the server has left, or what was asked for can never be
	Registration api.Registration // as the responder said last; its secret is left out
	Err          error            // what is in the way, tried again in a while unless Left
}

// String is the change in one line.
func (c Change) String() string {
	r := c.Registration
	r.Pool = strings.TrimSuffix(r.Pool, ".")
	var b strings.Builder
	switch {
	case c.Left && c.Err == nil && r.ID != "":
		b.WriteString("left the pool " + r.Pool)
		if r.SafeAfter != nil {
			b.WriteString("; safe to stop after " + r.SafeAfter.Format(time.RFC3339))
		}
	case c.Registered:
		fmt.Fprintf(&b, "registered as %s in the pool %s", r.ID, r.Pool)
		if !r.Served {
			b.WriteString(", not served")
			if r.Why != "" {
				b.WriteString(": " + r.Why)
			}
		}
	default:
		b.WriteString("not registered in the pool " + r.Pool)
	}
	if c.Err != nil {
		b.WriteString(": " + c.Err.Error())
	}
	return b.String()
}

// same tells whether nothing worth telling is different.
func (c Change) same(other Change) bool {
	return c.Registered == other.Registered && c.Left == other.Left && sameTrouble(c.Err, other.Err) &&
		reflect.DeepEqual(c.lasting(), other.lasting())
}

// lasting is the registration without what each renewal changes.
func (c Change) lasting() api.Registration {
	r := c.Registration
	r.Lease, r.Changed = nil, false
	return r
}

// Register registers a server with a pool and keeps it registered until ctx ends or Leave is called, and then leaves at once. It renews
// its lease, registers anew when the responder has lost it, and keeps trying when the responder is away or says that it cannot be now.
// The first try is made before Register returns. Err is for what can never be, such as a wrong address or a wrong token; a pool that is
// not there may still come.
func Register(ctx context.Context, r Registration) (*Lease, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, own := r.Client, false
	if c == nil {
		var err error
		if c, err = New(r.Settings); err != nil {
			return nil, err
		}
		own = true
	}
	l := newLease(ctx, c, own, r)
	err := l.step()
	if l.never(err) {
		l.end()
		return nil, err
	}
	l.tell(err)
	go l.keep(err)
	return l, nil
}

// The bounds of a lease, as the responder has them.
const (
	defaultTTL = 30 * time.Second
	minTTL     = time.Second
	maxTTL     = 24 * time.Hour
)

// check finds what is wrong before anybody is asked.
func (r Registration) check() error {
	switch {
	case r.Client != nil && r.Settings != Settings{}:
		return errors.New("both a client and settings for one: want one of them")
	case r.Pool == "":
		return errors.New("the pool is missing: name the one to register with")
	case r.TTL != 0 && (r.TTL < minTTL || r.TTL > maxTTL):
		return fmt.Errorf("TTL %v is out of range: want %v to %v, or 0 for %v", r.TTL, minTTL, maxTTL, defaultTTL)
	case len(r.Addresses) > 2:
		return fmt.Errorf("%d addresses: want one IPv4 and/or one IPv6 address", len(r.Addresses))
	}
	for _, address := range r.Addresses {
		if _, err := netip.ParseAddr(address); err != nil {
			return fmt.Errorf("address %q is no IP address", address)
		}
	}
	return nil
}

// spec is what the responder is told, with the member's addresses.
func (r Registration) spec(addresses []string) api.RegistrationSpec {
	return api.RegistrationSpec{
		MemberSpec: api.MemberSpec{
			Addresses: addresses, Weight: r.Weight, Priority: r.Priority, Region: r.Region, Port: r.Port,
		},
		ID: r.ID, TTL: r.TTL.String(),
	}
}
