package healthlb

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/healthlb/plugin/healthlb/config"
)

// warnings returns what is allowed in a generation's blocks, and yet is probably not meant.
func (g *generation) warnings() (warnings []string) {
	for _, b := range g.blocks {
		warnings = append(warnings, b.Warnings...)
		for i := range b.Pools {
			p := &b.Pools[i]
			if at := g.hiddenBy(p); at != "" {
				warnings = append(warnings, fmt.Sprintf("%s: pool %s may never be asked for: the zone at %s is nearer to it", p.Where, p.Name, at))
			}
			if family := neverUp(p); family != "" {
				warnings = append(warnings, fmt.Sprintf("%s: pool %s is always all down in %s: min_up %d is more than it has members", p.Where, p.Name, family, p.MinUp.N))
			}
			if d := p.FadeIn.Over; d > 0 && time.Duration(p.TTL)*time.Second > d/10 {
				warnings = append(warnings, fmt.Sprintf("%s: pool %s: a ttl of %ds is more than a tenth of fade_in %s, so members that come up get their share in few large steps: make it %ds or less, or fade_in longer",
					p.Where, p.Name, p.TTL, d, max(1, int(d.Seconds()/10))))
			}
			if region := foreign(b, p); region != "" {
				warnings = append(warnings, fmt.Sprintf("%s: pool %s prefers the client's region, but no client is ever in %s: %s", p.Where, p.Name, region, toldBy(b)))
			}
			if tooLong(p) {
				warnings = append(warnings, fmt.Sprintf("%s: pool %s has more members than a DNS message has room for, and would name all: say answers N", p.Where, p.Name))
			}
		}
	}
	return warnings
}

// hiddenBy returns where another block has a zone that is longer than the pool's own, so that queries for the pool go there.
func (g *generation) hiddenBy(p *config.Pool) (where string) {
	if len(g.blocks) < 2 {
		return ""
	}
	for name, ok := p.Name, true; ok && name != p.Zone; name, ok = parentOf(name) {
		for _, b := range g.blocks {
			if slices.Contains(b.Zones, name) {
				return b.Where
			}
		}
	}
	return ""
}

// foreign returns the region of a member that no client is in, so that the member is never preferred; empty if there is none.
func foreign(b *config.Block, p *config.Pool) string {
	if !p.Prefer.Region {
		return ""
	}
	for _, m := range p.Members {
		known := m.Region == "" || geoIPCode(m.Region)
		if b.GeoIP == "" {
			known = m.Region == "" || slices.Contains(b.Places.Regions(), m.Region)
		}
		if !known {
			return m.Region
		}
	}
	return ""
}

// geoIPCode says whether a region is written as geoip tells continents and countries: two capital letters (ISO 3166-1 alpha-2).
func geoIPCode(region string) bool {
	return len(region) == 2 && strings.Trim(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func toldBy(b *config.Block) string {
	if b.GeoIP != "" {
		return "geoip tells regions by two capital letters, for example EU or DE"
	}
	return "no place names it"
}

// tooLong says whether an answer with all that it may name is longer than any DNS message: 65,535 bytes (RFC 1035 section 4.2.2), of which
// an A record takes 16 and an AAAA record 28, with the owner compressed.
func tooLong(p *config.Pool) bool {
	v4, v6 := count(p)
	if p.Answers > 0 {
		v4, v6 = min(v4, p.Answers), min(v6, p.Answers)
	}
	const room = 65535 - 512 // for the header, the question and the OPT record
	return v4*16 > room || v6*28 > room
}

// neverUp returns a family that has members, and fewer than min_up; empty if there is none.
func neverUp(p *config.Pool) string {
	v4, v6 := count(p)
	switch {
	case v4 > 0 && p.MinUp.Of(v4) > v4:
		return "A"
	case v6 > 0 && p.MinUp.Of(v6) > v6:
		return "AAAA"
	default:
		return ""
	}
}

// count returns how many members have an address of each family.
func count(p *config.Pool) (v4, v6 int) {
	for _, m := range p.Members {
		if m.V4.IsValid() {
			v4++
		}
		if m.V6.IsValid() {
			v6++
		}
	}
	return v4, v6
}
