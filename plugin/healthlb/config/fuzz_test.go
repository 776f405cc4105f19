package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/pool"
)

// FuzzPool puts any text into a pool. What is accepted keeps every promise of the package.
func FuzzPool(f *testing.F) {
	for _, c := range rightSettings {
		f.Add(c.lines)
	}
	for _, tables := range [][]wrong{wrongSettings, wrongChecks, wrongMembers} {
		for _, c := range tables {
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
	for _, c := range rightZoneLines {
		f.Add(c.lines)
	}
	for _, tables := range [][]wrong{wrongZoneLines, wrongProcessLines, wrongPools, wrongWildcards} {
		for _, c := range tables {
			f.Add(c.lines)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parseIn(inBlock(text))
		if err != nil {
			return
		}
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
		members, err := parseMembersFile(strings.NewReader(text), "members", newRoster(1))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "members:") {
				t.Errorf("no place in %v", err)
			}
			return
		}
		checkMembers(t, members, 1)
	})
}
