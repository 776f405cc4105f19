package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/place"
	"example.org/healthlb/plugin/healthlb/policy"
	"example.org/healthlb/plugin/healthlb/pool"
)

// FuzzPool puts any text into a pool. What is accepted keeps every promise of the package.
func FuzzPool(f *testing.F) {
	for _, table := range [][]right[*Pool]{rightSettings, rightPolicies, rightPreferences, rightMembers, rightHTTPChecks, rightGRPCChecks, rightDNSChecks} {
		for _, c := range table {
			f.Add(c.lines)
		}
	}
	for _, table := range [][]wrong{
		wrongSettings, wrongPolicies, wrongPreferences, wrongMembers,
		wrongChecks, wrongHTTPChecks, wrongGRPCChecks, wrongDNSChecks, wrongExecChecks, wrongAgentChecks, wrongStaticChecks,
	} {
		for _, c := range table {
			f.Add(c.lines)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parseIn(inPool(text))
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error says nothing")
			}
			return
		}
		for i := range b.Pools {
			checkPool(t, &b.Pools[i])
		}
	})
}

// FuzzBlock puts any text into a healthlb block.
func FuzzBlock(f *testing.F) {
	for _, table := range [][]right[*Block]{rightZoneLines, rightPlaces, rightOnChange} {
		for _, c := range table {
			f.Add(c.lines)
		}
	}
	f.Add("prefer region min 2\nplace eu 10.0.0.0/8\nfade_in 1m\nshard 2")
	for _, tables := range [][]wrong{wrongZoneLines, wrongProcessLines, wrongOnChange, wrongPools, wrongWildcards, wrongPlaces, wrongPreferences} {
		for _, c := range tables {
			f.Add(c.lines)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parseIn(inBlock(text))
		if err != nil {
			return
		}
		checkPlaces(t, b)
		names := map[string]bool{}
		for i := range b.Pools {
			checkPool(t, &b.Pools[i])
			if names[b.Pools[i].Name] {
				t.Errorf("two pools are %s", b.Pools[i].Name)
			}
			names[b.Pools[i].Name] = true
		}
		for _, ns := range b.NS {
			if _, err := parseName(ns.Name); err != nil || len(ns.Addrs) > 0 && names[ns.Name] {
				t.Errorf("name server %+v", ns)
			}
		}
		if min(b.SOA.Refresh, b.SOA.Retry, b.SOA.Expire, b.SOA.Negative) < 1 {
			t.Errorf("SOA %+v", b.SOA)
		}
		if ad := b.Process.Admin; ad != nil && !ad.local() && ad.TokenFile == "" && ad.ClientCA == "" {
			t.Errorf("admin %+v", ad)
		}
		if _, err := Combine([]*Block{b}); err != nil {
			t.Errorf("a block does not agree with itself: %v", err)
		}
	})
}

func checkPool(t *testing.T, p *Pool) {
	t.Helper()
	for rule, holds := range map[string]bool{
		"name in zone":           within(p.Name, p.Zone) && p.Name == strings.ToLower(p.Name),
		"interval":               p.Interval >= 100*time.Millisecond && p.Interval <= time.Hour,
		"timeout up to interval": p.Timeout > 0 && p.Timeout <= p.Interval,
		"confirm up to interval": p.Confirm >= 10*time.Millisecond && p.Confirm <= p.Interval,
		"failures":               p.Min >= 1 && p.Max > p.Min && p.Max <= 1_000_000,
		"rise":                   p.Rise >= 1 && p.Rise <= 1000,
		"answers":                p.Answers >= 0 && p.Answers <= 65535,
		"ttl":                    p.LowTTL >= 1 && p.LowTTL <= p.TTL && p.TTL <= 86400,
		"min_up":                 p.MinUp.N >= 1 && (!p.MinUp.Percent || p.MinUp.N <= 100),
		"all_down addresses":     (p.AllDown.Mode == pool.AllDownAddresses) == (len(p.AllDown.Addresses) > 0),
		"a probe for each check": len(p.Checks) > 0 && len(p.Checks) == len(p.Probes),
		"a member":               len(p.Members) > 0,
		"failover budget":        p.FailoverBudget() > p.Interval,
		"prefer":                 p.Prefer == pool.Prefer{} || p.Prefer.Region && p.Prefer.Min >= 1,
		"fade_in": p.FadeIn == pool.FadeIn{} || p.FadeIn.Over >= time.Second && p.FadeIn.Over <= 24*time.Hour &&
			p.FadeIn.Exponent >= 0.1 && p.FadeIn.Exponent <= 10,
		"policy": checkPolicy(p.Policy),
	} {
		if !holds {
			t.Errorf("%s does not hold: %+v", rule, p)
		}
	}
	for _, e := range p.ECS {
		if e != e.Masked() || e.Addr().Is4In6() {
			t.Errorf("ecs %s", e)
		}
	}
	checkMembers(t, p.Members, len(p.Checks))
}

// checkPolicy says whether a policy is there, with only what it understands.
func checkPolicy(s policy.Spec) bool {
	if _, err := policy.New(s); err != nil {
		return false
	}
	inRange := s.Bits4 >= 0 && s.Bits4 <= 32 && s.Bits6 >= 0 && s.Bits6 <= 128 && s.Shard >= 0 && s.Shard <= 64 &&
		(s.Factor == 0 || s.Factor >= 1 && s.Factor <= 100) && s.Report >= 0 && s.Report <= time.Hour
	plain := policy.Spec{Name: s.Name, Bits4: 24, Bits6: 56, Shard: s.Shard}
	switch {
	case s.Name == "hash":
		return inRange && s.Report == 0
	case s.Name == "least":
		plain.Report = s.Report
	}
	return inRange && s == plain
}

func checkPlaces(t *testing.T, b *Block) {
	t.Helper()
	if b.GeoIP != "" && b.Places != nil || (b.GeoIP != "") != (b.geoIPAt != pos{}) || len(b.PlacesFiles) > 0 && b.Places == nil {
		t.Errorf("places %v, %v, geoip %q at %q", b.Places, b.PlacesFiles, b.GeoIP, b.geoIPAt)
	}
	for i := range b.Pools {
		if b.Pools[i].Prefer.Region && b.Places == nil && b.GeoIP == "" {
			t.Errorf("%s prefers a region, and nothing knows where clients are", b.Pools[i].Name)
		}
	}
	if b.Places != nil && len(b.Places.Regions()) > place.MaxRegions {
		t.Errorf("%d regions", len(b.Places.Regions()))
	}
}

func checkMembers(t *testing.T, members []pool.Member, checks int) {
	t.Helper()
	ids, addrs := map[string]bool{}, map[netip.Addr]bool{}
	for _, m := range members {
		if _, err := parseID(m.ID); err != nil || ids[m.ID] {
			t.Errorf("id of %+v", m)
		}
		ids[m.ID] = true
		if !m.V4.IsValid() && !m.V6.IsValid() || m.Probe4.IsValid() && !m.V4.IsValid() || m.Probe6.IsValid() && !m.V6.IsValid() {
			t.Errorf("addresses of %+v", m)
		}
		for _, a := range []netip.Addr{m.V4, m.Probe4} {
			if a.IsValid() && (!a.Is4() || unfit(a) != "") {
				t.Errorf("IPv4 address of %+v", m)
			}
		}
		for _, a := range []netip.Addr{m.V6, m.Probe6} {
			if a.IsValid() && (!a.Is6() || unfit(a) != "") {
				t.Errorf("IPv6 address of %+v", m)
			}
		}
		for _, a := range []netip.Addr{m.V4, m.V6} {
			if a.IsValid() && addrs[a] {
				t.Errorf("%s is there twice", a)
			}
			addrs[a] = true
		}
		if m.Weight < 0 || m.Weight > 65535 || m.Priority < 0 || m.Priority > 65535 {
			t.Errorf("weight or priority of %+v", m)
		}
		if m.Port != 0 && checks != 1 {
			t.Errorf("port of %+v", m)
		}
	}
}

// FuzzMembersFile reads any text as a members file.
func FuzzMembersFile(f *testing.F) {
	f.Add("192.0.2.1 2001:db8::1 id a # comment\r\n\r\n\ufeff192.0.2.2 port 80")
	for _, c := range append(rightMembers, right[*Pool]{lines: "member 192.0.2.1 192.0.2.2"}) {
		f.Add(strings.ReplaceAll(c.lines, "member ", ""))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var members []pool.Member
		if err := membersFiles.readLines(strings.NewReader(text), "members", newRoster(1).reader(&members)); err != nil {
			if !strings.HasPrefix(err.Error(), "members:") {
				t.Errorf("no place in %v", err)
			}
			return
		}
		checkMembers(t, members, 1)
	})
}

// FuzzPlacesFile reads any text as a places file.
func FuzzPlacesFile(f *testing.F) {
	f.Add("\ufeffeu 10.0.0.0/8 2001:db8::/32 # comment\r\n\r\nus 10.1.0.0/16 10.1.2.3\n")
	for _, c := range rightPlaces {
		f.Add(strings.ReplaceAll(c.lines, "place ", ""))
	}
	for _, c := range wrongPlaces {
		f.Add(strings.ReplaceAll(c.lines, "place ", ""))
	}
	f.Fuzz(func(t *testing.T, text string) {
		g := newGazetteer()
		err := placesFiles.readLines(strings.NewReader(text), "places", g.read)
		var table *place.Table
		if err == nil {
			table, err = g.table()
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "places:") {
				t.Errorf("no place in %v", err)
			}
			return
		}
		for _, e := range g.entries {
			if e.Prefix != e.Prefix.Masked() || !slices.Contains(table.Regions(), e.Region) {
				t.Errorf("entry %+v", e)
			}
		}
	})
}
