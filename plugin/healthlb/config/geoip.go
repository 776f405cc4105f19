package config

import (
	"slices"

	"github.com/coredns/caddy/caddyfile"
)

// checkGeoIP looks at the plugins of the block's server block. Told to look at client subnets, geoip believes those of any source; it is
// then for the operator to say whose are to be believed.
func (b *Block) checkGeoIP(others map[string][]caddyfile.Token) error {
	said := "place " + geoIP + " " + b.GeoIP
	for _, plugin := range []string{geoIP, "metadata"} {
		if len(others[plugin]) == 0 {
			return b.geoIPAt.fail(said, fault{"needs the plugin " + plugin, "add it to the server block"})
		}
	}
	b.GeoIPBySubnet = slices.ContainsFunc(others[geoIP], func(t caddyfile.Token) bool { return t.Text == "edns-subnet" })
	if !b.GeoIPBySubnet {
		return nil
	}
	for i := range b.Pools {
		if p := &b.Pools[i]; p.Prefer.Region && len(p.ECS) == 0 {
			return b.geoIPAt.fail(said, fault{
				"goes with geoip's edns-subnet, which believes the client subnet of anyone, and the pool " + p.Name + " at " + p.Where +
					" does not say whose it believes",
				"add a line: ecs CIDR..., or leave edns-subnet out",
			})
		}
	}
	return nil
}
