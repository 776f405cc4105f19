package healthlb

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/express"
)

// batches asks an Answerer in full batches, as a socket does that has always something to do.
type batches struct {
	answerer express.Answerer
	queries  [express.BatchSize]express.Query
	packed   *answer.Packed
	asked    [][]byte // queries, side by side
	at       int
}

func newBatches(of *express.Server, asked [][]byte) *batches {
	return &batches{answerer: of.Answerer(), packed: answer.NewPacked(), asked: asked}
}

// next has the next batch answered, and returns how many replies there were.
func (b *batches) next() (replies int) {
	now, client := time.Now(), netip.MustParseAddr("203.0.113.1")
	for i := range b.queries {
		q := &b.queries[i]
		if b.at++; b.at == len(b.asked) {
			b.at = 0
		}
		q.Read(b.asked[b.at])
		q.Client, q.Now = client, now
	}
	b.answerer.Find(b.queries[:])
	for i := range b.queries {
		if express.Reply(b.answerer, &b.queries[i], i, b.packed) != nil {
			replies++
		}
	}
	return replies
}

// benchExpress returns a server of express for so many pools, and queries for each of them in a random order.
func benchExpress(b *testing.B, pools, members, sockets int, policy string) (*express.Server, [][]byte) {
	corefile := benchCorefile(pools, members, "answers 4\n"+policy)
	h := newTestHandler(b, strings.Replace(corefile, "healthlb {", "healthlb {\nexpress", 1))
	queries, all := make([][]byte, pools), make([]byte, 0, 64*pools)
	for at, i := range rand.Perm(pools) {
		one, err := query(fmt.Sprintf("p%d.example.org.", i), dns.TypeA).Pack()
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, one...)
		queries[at] = all[len(all)-len(one):]
	}
	return expressOf(h, sockets), queries
}

// BenchmarkExpress is a query, in full batches; reading and sending are not in it.
func BenchmarkExpress(b *testing.B) {
	for _, of := range []struct{ pools, members, sockets int }{{1, 4, 1}, {1, 4, 2}, {1, 10000, 1}, {1, 10000, 2}, {100000, 4, 1}, {100000, 4, 2}} {
		b.Run(fmt.Sprintf("pools=%d/members=%d/sockets=%d", of.pools, of.members, of.sockets), func(b *testing.B) {
			all := newBatches(benchExpress(b, of.pools, of.members, of.sockets, "policy round_robin"))
			b.ReportAllocs()
			replies, n := 0, 0
			for b.Loop() {
				if n%express.BatchSize == 0 {
					replies += all.next()
				}
				n++
			}
			if replies < n {
				b.Errorf("%d replies to %d queries", replies, n)
			}
		})
	}
}

// BenchmarkExpressParallel has each core ask a socket of its own for one name. With one socket nothing is kept apart.
func BenchmarkExpressParallel(b *testing.B) {
	for _, policy := range benchPolicies {
		for _, sockets := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/sockets=%d", benchName(policy), sockets), func(b *testing.B) {
				server, queries := benchExpress(b, 1, 100, sockets, policy)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					all := newBatches(server, queries)
					for n := 0; pb.Next(); n++ {
						if n%express.BatchSize == 0 {
							all.next()
						}
					}
				})
			})
		}
	}
}
