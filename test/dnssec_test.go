package test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// zoneKey writes a key for the dnssec plugin, and returns its base name.
func zoneKey(t *testing.T, dir, zone string) (*dns.DNSKEY, string) {
	t.Helper()
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: zone, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	must(t, err)
	base := fmt.Sprintf("%s/K%s+%03d+%05d", dir, zone, key.Algorithm, key.KeyTag())
	writeFile(t, base+".key", key.String()+"\n")
	writeFile(t, base+".private", key.PrivateKeyString(private))
	return key, base
}

// signed wants each RRset of a section to have a signature that is good, and returns the types of the sets.
func signed(key *dns.DNSKEY, section []dns.RR) ([]string, error) {
	sets := map[uint16][]dns.RR{}
	signatures := map[uint16]*dns.RRSIG{}
	for _, rr := range section {
		if sig, ok := rr.(*dns.RRSIG); ok {
			signatures[sig.TypeCovered] = sig
		} else {
			sets[rr.Header().Rrtype] = append(sets[rr.Header().Rrtype], rr)
		}
	}
	var types []string
	for kind, set := range sets {
		types = append(types, dns.TypeToString[kind])
		sig := signatures[kind]
		if sig == nil {
			return nil, fmt.Errorf("no signature of %v", set)
		}
		if err := sig.Verify(key, set); err != nil || !sig.ValidityPeriod(time.Now()) {
			return nil, fmt.Errorf("the signature of %v is bad: %v", set, err)
		}
	}
	slices.Sort(types)
	return types, nil
}

func TestDNSSEC(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.17.1.1", "127.17.1.2", "127.17.1.3")
	key, base := zoneKey(t, t.TempDir(), "lb.example.org.")
	s := startCoreDNS(t, lb(`
		check tcp {web}
		ns ns1.lb.example.org 192.0.2.53
		pool www.lb.example.org {
			answers 2
			member 127.17.1.1
			member 127.17.1.2
			member 127.17.1.3
		}
		pool down.lb.example.org {
			check tcp {closed}
			all_down nodata
			member 127.17.1.1
		}
		pool *.wild.lb.example.org {
			member 127.17.1.1
		}`, "dnssec {\n\t\tkey file {key}\n\t}"), "{web}", web.port, "{closed}", freePort(t), "{key}", base)

	// A validating resolver says DO.
	ask := func(name string, qtype uint16) *dns.Msg {
		t.Helper()
		m := question(name, qtype)
		m.SetEdns0(4096, true)
		return s.ask(t, m)
	}
	t.Run("positive", func(t *testing.T) {
		for _, tc := range []struct {
			name string
			kind uint16
		}{
			{"www.lb.example.org", dns.TypeA},
			{"x.wild.lb.example.org", dns.TypeA},
			{"lb.example.org", dns.TypeSOA},
			{"lb.example.org", dns.TypeNS},
			{"lb.example.org", dns.TypeDNSKEY},
			{"ns1.lb.example.org", dns.TypeA},
		} {
			for range 6 { // all rotations
				r := ask(tc.name, tc.kind)
				types, err := signed(key, r.Answer)
				check(t, err)
				check(t, want(slices.Equal(types, []string{dns.TypeToString[tc.kind]}) && r.Rcode == dns.RcodeSuccess, "%v", r))
			}
		}
	})
	t.Run("negative", func(t *testing.T) {
		for _, tc := range []struct {
			name string
			kind uint16
		}{
			{"www.lb.example.org", dns.TypeAAAA},
			{"www.lb.example.org", dns.TypeTXT},
			{"lb.example.org", dns.TypeA},
			{"lb.example.org", dns.TypeDS},
			{"wild.lb.example.org", dns.TypeA}, // an empty non-terminal
			{"down.lb.example.org", dns.TypeA},
			{"nobody.lb.example.org", dns.TypeA}, // as NODATA: dnssec tells black lies
			{"x.www.lb.example.org", dns.TypeA},
		} {
			r := ask(tc.name, tc.kind)
			types, err := signed(key, r.Ns)
			check(t, err)
			check(t, want(slices.Equal(types, []string{"NSEC", "SOA"}) && len(r.Answer) == 0 && r.Rcode == dns.RcodeSuccess, "%v", r))
			for _, rr := range r.Ns {
				if nsec, ok := rr.(*dns.NSEC); ok {
					check(t, want(nsec.Hdr.Name == dns.Fqdn(tc.name) && !slices.Contains(nsec.TypeBitMap, tc.kind), "%v", nsec))
				}
			}
		}
	})
	t.Run("who does not ask for signatures gets none", func(t *testing.T) {
		r := s.dig(t, "www.lb.example.org")
		check(t, want(len(r.answer) == 2, "%s", r.text))
		check(t, s.dig(t, "nobody.lb.example.org").isNegative("NXDOMAIN", "lb.example.org."))
	})
	t.Run("all at once", func(t *testing.T) { // appending to what is shared would be a race
		done := make(chan error)
		for range 4 {
			go func() {
				var err error
				client := &dns.Client{Timeout: 10 * time.Second, UDPSize: 4096}
				for range 50 {
					m := question("www.lb.example.org", dns.TypeA)
					m.SetEdns0(4096, true)
					r, _, asked := client.Exchange(m, "127.0.0.1:"+s.ports["dns"])
					if err = asked; err == nil {
						_, err = signed(key, r.Answer)
					}
					if err != nil {
						break
					}
				}
				done <- err
			}()
		}
		for range 4 {
			check(t, <-done)
		}
	})
}
