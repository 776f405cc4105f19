package peer

import (
	"fmt"

	"github.com/miekg/dns"
)

// HealthlbSigned is Healthlb with 16 answers, signed by the dnssec plugin.
func HealthlbSigned(policy string) Server {
	return signed("healthlb "+policy+" signed", func(s Setup) string { return s.healthlb("policy "+policy, "answers 16") })
}

// FileSigned is File with 16 answers, signed by the dnssec plugin.
func FileSigned() Server {
	return signed("file signed", func(Setup) string { return "file db.example.org" })
}

// signed is bin/coredns with the plugins given behind dnssec.
func signed(name string, lines func(Setup) string) Server {
	server := plugins(name, 16, func(s Setup) string { return "dnssec {\n        key file " + keyFile + "\n    }\n    " + lines(s) })
	server.Signed = true
	start := server.Start
	server.Start = func(s Setup) (*Process, error) {
		if err := s.writeKey(); err != nil {
			return nil, err
		}
		return start(s)
	}
	return server
}

// keyFile is where the zone's key is: the public one in .key, the private one in .private.
const keyFile = "Kexample.org"

// writeKey makes a key for the zone, which signs all its records: CoreDNS takes a single key signing key for the zone's records as well.
func (s Setup) writeKey() error {
	key := &dns.DNSKEY{
		Hdr:       dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags:     dns.ZONE | dns.SEP,
		Protocol:  3,
		Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		return fmt.Errorf("a key for dnssec: %w", err)
	}
	return s.write(map[string]string{keyFile + ".key": key.String() + "\n", keyFile + ".private": key.PrivateKeyString(private)})
}
