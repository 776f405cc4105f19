package config

import "github.com/coredns/caddy/caddyfile"

// NeedsNeighbours says whether it matters to a block what stands beside it in the Corefile; see CheckNeighbours.
func (b *Block) NeedsNeighbours() bool { return b.GeoIP != "" || b.Express > 0 }

// CheckNeighbours looks at what is beside each healthlb block in a Corefile, given as caddy parses it, with the order of CoreDNS's plugins and
// the port of server blocks that say none. Blocks whose clients' regions the plugin geoip tells need it, and metadata, which carries what it
// tells; which client subnets geoip believes is noted. Those with express stand no plugin that it would leave out.
func CheckNeighbours(blocks []*Block, corefile []caddyfile.ServerBlock, order []string, port string) error {
	for _, b := range blocks {
		if b.serverBlock >= len(corefile) {
			continue
		}
		if b.GeoIP != "" {
			if err := b.checkGeoIP(corefile[b.serverBlock].Tokens); err != nil {
				return err
			}
		}
		if b.Express > 0 {
			if err := b.checkExpress(corefile, order, port); err != nil {
				return err
			}
		}
	}
	return nil
}
