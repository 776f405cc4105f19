package healthlb

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/pool"
)

// sink is a writer that drops replies, so that only the handler is measured. Queries come from many clients in turn.
type sink struct {
	dns.ResponseWriter
	turn int
}

var sinkAddrs = func() (addrs [4096]*net.UDPAddr) {
	for i := range addrs {
		addrs[i] = &net.UDPAddr{IP: net.IPv4(10, byte(i>>8), byte(i), 9), Port: 53}
	}
	return addrs
}()

func (s *sink) RemoteAddr() net.Addr {
	s.turn++
	return sinkAddrs[s.turn%len(sinkAddrs)]
}

func (*sink) WriteMsg(*dns.Msg) error     { return nil }
func (*sink) Write(b []byte) (int, error) { return len(b), nil }

// benchCorefile has pools of equally many members each, named p0, p1 and so on. Weights differ where the policy looks at them.
func benchCorefile(pools, members int, lines string) string {
	weight := 0 // how many different ones there are beside 1
	if strings.Contains(lines, "weighted") || strings.Contains(lines, "hash") || strings.Contains(lines, "least") {
		weight = 3
	}
	var b strings.Builder
	b.WriteString("healthlb {\n" + lines + "\n")
	for p := range pools {
		fmt.Fprintf(&b, "pool p%d.example.org {\n", p)
		for m := range members {
			fmt.Fprintf(&b, "member 10.%d.%d.%d weight %d\n", m/65536, m/256%256, m%256, 1+m%(weight+1))
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// benchPolicies are the policies with the options that cost something.
var benchPolicies = []string{
	"policy round_robin", "policy random", "policy weighted", "policy hash", "policy hash balance 1.25", "policy least", "policy failover",
	"policy round_robin\nshard 8", "policy hash\nshard 8",
}

func benchName(policy string) string {
	return strings.ReplaceAll(strings.TrimPrefix(policy, "policy "), "\n", " ")
}

// serve measures packed replies.
func serve(b *testing.B, h *handler, q *dns.Msg) {
	h.way.Store(packedWay)
	serveAny(b, h, q)
}

func serveAny(b *testing.B, h *handler, q *dns.Msg) {
	ctx, w := context.Background(), &sink{}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.ServeDNS(ctx, w, q); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkServeDNS measures the handler alone: CoreDNS's reading, packing and sending are not in it.
func BenchmarkServeDNS(b *testing.B) {
	for _, policy := range benchPolicies {
		for _, answers := range []int{1, 4} {
			for _, members := range []int{4, 100, 10000} {
				b.Run(fmt.Sprintf("%s/answers=%d/members=%d", benchName(policy), answers, members), func(b *testing.B) {
					h := newTestHandler(b, benchCorefile(1, members, fmt.Sprintf("answers %d\n%s", answers, policy)))
					serve(b, h, query("p0.example.org.", dns.TypeA))
				})
			}
		}
	}
}

// BenchmarkServeDNSMessages is the same for replies that are messages. CoreDNS packs them afterwards, which is not in it.
func BenchmarkServeDNSMessages(b *testing.B) {
	for _, policy := range []string{"policy round_robin", "policy weighted", "policy hash"} {
		for _, members := range []int{4, 10000} {
			b.Run(fmt.Sprintf("%s/members=%d", benchName(policy), members), func(b *testing.B) {
				h := newTestHandler(b, benchCorefile(1, members, "answers 4\n"+policy))
				serveAny(b, h, query("p0.example.org.", dns.TypeA))
			})
		}
	}
}

// BenchmarkServeDNSPools is the same with many pools.
func BenchmarkServeDNSPools(b *testing.B) {
	for _, pools := range []int{1, 100000} {
		b.Run(fmt.Sprintf("pools=%d", pools), func(b *testing.B) {
			h := newTestHandler(b, benchCorefile(pools, 4, "answers 4"))
			serve(b, h, query(fmt.Sprintf("p%d.example.org.", pools/2), dns.TypeA))
		})
	}
}

// BenchmarkServeDNSRegion is the same for clients of a region, which a table of a thousand networks tells.
func BenchmarkServeDNSRegion(b *testing.B) {
	for _, members := range []int{4, 10000} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			var c strings.Builder
			c.WriteString("healthlb {\nprefer region\nanswers 4\n")
			for i := range 1000 {
				fmt.Fprintf(&c, "place r%d 10.%d.%d.0/24\n", i%10, i/256, i%256)
			}
			c.WriteString("pool p0.example.org {\n")
			for m := range members {
				fmt.Fprintf(&c, "member 10.%d.%d.%d region r%d\n", m/65536, m/256%256, m%256, m%10)
			}
			c.WriteString("}\n}\n")
			h := newTestHandler(b, c.String())
			serve(b, h, query("p0.example.org.", dns.TypeA))
		})
	}
}

// BenchmarkServeDNSParallel has all cores ask for one name.
func BenchmarkServeDNSParallel(b *testing.B) {
	for _, policy := range benchPolicies {
		b.Run(benchName(policy), func(b *testing.B) {
			h := newTestHandler(b, benchCorefile(1, 100, "answers 4\n"+policy))
			h.way.Store(packedWay)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				q, w := query("p0.example.org.", dns.TypeA), &sink{}
				for pb.Next() {
					if _, err := h.ServeDNS(context.Background(), w, q); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkRebuild measures what a change of one member's health costs.
func BenchmarkRebuild(b *testing.B) {
	for _, policy := range benchPolicies {
		sizes := []int{4, 10000}
		if policy == "policy round_robin" {
			sizes = []int{1, 4, 16, 100, 1000, 10000} // those of make compare, which shows how it grows
		}
		for _, members := range sizes {
			b.Run(fmt.Sprintf("%s/members=%d", benchName(policy), members), func(b *testing.B) {
				h := newTestHandler(b, benchCorefile(1, members, "answers 4\n"+policy))
				p := h.names.Load().nodes["p0.example.org."].pool
				b.ReportAllocs()
				for b.Loop() {
					p.Rebuild(func() (pool.Around, time.Time) { return pool.Around{}, time.Now() })
				}
			})
		}
	}
}
