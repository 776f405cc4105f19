// Package healthlb makes CoreDNS a health-aware authoritative responder.
package healthlb

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
)

func init() { plugin.Register("healthlb", setup) }

func setup(_ *caddy.Controller) error { return nil }
