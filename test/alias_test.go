package test

import (
	"testing"

	"github.com/miekg/dns"
)

// TestAliases: other plugins ask the server itself for the targets of aliases. They, and not the client, get what is answered there.
func TestAliases(t *testing.T) {
	t.Parallel()
	for name, beside := range map[string]string{"plain": "", "observed": "prometheus 127.0.0.1:{metrics}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := prepare(t, "lb.example.org:{dns} {\n bind 127.0.0.1\n "+beside+"healthlb {\n  check up\n  fallthrough\n  pool www.lb.example.org {\n   member 127.72.1.1\n  }\n }\n file {dir}/below\n}\n"+
				"example.org:{dns} {\n bind 127.0.0.1\n "+beside+"template IN A up.example.org {\n  answer \"{{ .Name }} 30 IN CNAME www.lb.example.org.\"\n  upstream\n }\n file {dir}/beside\n}\n")
			const soa = "@ 30 IN SOA ns hostmaster 1 60 15 86400 5\n@ NS ns\nns A 192.0.2.53\n"
			writeFile(t, s.dir+"/beside", "$ORIGIN example.org.\n"+soa+"www 30 CNAME www.lb.example.org.\n")
			writeFile(t, s.dir+"/below", "$ORIGIN lb.example.org.\n"+soa+"alias 30 CNAME www.lb.example.org.\n")
			s.launch(t)
			if !s.serves() {
				t.Fatalf("CoreDNS does not start:\n%s", s.log)
			}
			for _, alias := range []string{"www.example.org", "alias.lb.example.org", "up.example.org"} {
				r := s.ask(t, question(alias, dns.TypeA))
				var told []string
				for _, rr := range r.Answer {
					told = append(told, rr.String())
				}
				check(t, want(r.Question[0].Name == alias+"." && len(told) == 2 && addresses(r)[0] == "127.72.1.1", "%s: %v", alias, r))
			}
		})
	}
}
