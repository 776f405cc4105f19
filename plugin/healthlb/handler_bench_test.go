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

// sink is a writer that drops replies, so that only the handler is measured.
type sink struct{ dns.ResponseWriter }

var sinkAddr = &net.UDPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 53}

func (sink) RemoteAddr() net.Addr        { return sinkAddr }
func (sink) WriteMsg(*dns.Msg) error     { return nil }
func (sink) Write(b []byte) (int, error) { return len(b), nil }

// benchCorefile has pools of equally many members each, named p0, p1 and so on.
func benchCorefile(pools, members int, lines string) string {
	var b strings.Builder
	b.WriteString("healthlb {\n" + lines + "\n")
	for p := range pools {
		fmt.Fprintf(&b, "pool p%d.example.org {\n", p)
		for m := range members {
			fmt.Fprintf(&b, "member 10.%d.%d.%d\n", m/65536, m/256%256, m%256)
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// BenchmarkServeDNS measures the handler alone: CoreDNS's reading, packing and sending are not in it.
func BenchmarkServeDNS(b *testing.B) {
	for _, policy := range []string{"round_robin", "random", "hash"} {
		for _, size := range []struct{ pools, members int }{{1, 4}, {1, 10000}, {100000, 4}} {
			if size.pools > 1 && policy != "round_robin" {
				continue
			}
			for _, edns := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/pools=%d/members=%d/edns=%v", policy, size.pools, size.members, edns), func(b *testing.B) {
					h := newTestHandler(b, benchCorefile(size.pools, size.members, "answers 4\npolicy "+policy))
					q := query(fmt.Sprintf("p%d.example.org.", size.pools/2), dns.TypeA)
					if edns {
						q.SetEdns0(1232, false)
					}
					ctx, w := context.Background(), sink{}
					b.ReportAllocs()
					for b.Loop() {
						if _, err := h.ServeDNS(ctx, w, q); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

func BenchmarkServeDNSParallel(b *testing.B) {
	h := newTestHandler(b, benchCorefile(1, 4, "answers 4"))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		q, w := query("p0.example.org.", dns.TypeA), sink{}
		for pb.Next() {
			if _, err := h.ServeDNS(context.Background(), w, q); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRebuild measures what a change of one member's health costs.
func BenchmarkRebuild(b *testing.B) {
	for _, policy := range []string{"round_robin", "random", "weighted", "hash", "hash balance 1.25", "least", "failover"} {
		for _, members := range []int{4, 10000} {
			b.Run(fmt.Sprintf("%s/members=%d", policy, members), func(b *testing.B) {
				h := newTestHandler(b, benchCorefile(1, members, "answers 4\npolicy "+policy))
				p := h.names.nodes["p0.example.org."].pool
				b.ReportAllocs()
				for b.Loop() {
					p.Rebuild(func() pool.Around { return pool.Around{} }, time.Now())
				}
			})
		}
	}
}
