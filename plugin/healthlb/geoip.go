package healthlb

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"

	"example.org/healthlb/plugin/healthlb/config"
)

// checkGeoIP says what is wrong with a block that has the geoip plugin tell clients' regions: it must be there, and so must metadata,
// which carries what it tells. Told to look at client subnets, geoip believes those of any source; it is then for the operator to say
// whose are to be believed.
func checkGeoIP(b *config.Block, others map[string][]caddyfile.Token) error {
	if b.GeoIP == "" {
		return nil
	}
	for _, plugin := range []string{"geoip", "metadata"} {
		if len(others[plugin]) == 0 {
			return fmt.Errorf("%s: place geoip %s: the server block does not have the plugin %s; add it", b.GeoIPAt, b.GeoIP, plugin)
		}
	}
	if !slices.ContainsFunc(others["geoip"], func(t caddyfile.Token) bool { return t.Text == "edns-subnet" }) {
		return nil
	}
	for i := range b.Pools {
		if p := &b.Pools[i]; p.Prefer.Region && len(p.ECS) == 0 {
			return fmt.Errorf("%s: place geoip %s: geoip with edns-subnet believes the client subnet of anyone, and pool %s (%s) does not say whose it believes; "+
				"add a line: ecs CIDR..., or leave edns-subnet out", b.GeoIPAt, b.GeoIP, p.Name, p.Where)
		}
	}
	return nil
}

// checkGeoIP looks at the plugins beside each healthlb block that geoip tells regions to.
func (g *generation) checkGeoIP() error {
	if !slices.ContainsFunc(g.blocks, func(b *config.Block) bool { return b.GeoIP != "" }) {
		return nil
	}
	serverBlocks, err := g.corefile()
	if err != nil {
		return err
	}
	for i, b := range g.blocks {
		if at := g.serverBlocks[i]; at < len(serverBlocks) {
			if err := checkGeoIP(b, serverBlocks[at].Tokens); err != nil {
				return err
			}
		}
	}
	return nil
}

// corefile returns the server blocks of the Corefile that the generation belongs to.
func (g *generation) corefile() ([]caddyfile.ServerBlock, error) {
	for _, inst := range caddy.Instances() {
		inst.StorageMu.RLock()
		own := inst.Storage[generationKey{}] == g
		inst.StorageMu.RUnlock()
		if own {
			in := inst.Caddyfile()
			return caddyfile.Parse(in.Path(), bytes.NewReader(in.Body()), caddy.ValidDirectives(in.ServerType()))
		}
	}
	return nil, nil
}
