package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/bench/peer"
)

// The servers of the part express, beside whoami and the echo in Go.
const (
	ordinary     = "healthlb"
	small        = "express"
	manyMembers  = "express 10000 members"
	manyPools    = "express 100000 pools"
	handedOn     = "express SOA"
	ordinarySOA  = "healthlb SOA"
	echoInGo     = "echo in Go"
	expressPools = 100_000
	poolMembers  = 10_000
)

// lane is a server with the pools that it gets.
type lane struct {
	peer.Server
	pools, members int
}

// lanes are healthlb with and without express, small and large.
func lanes(short bool) (list []lane) {
	add := func(base peer.Server, name string, pools, members int, change func(*peer.Server)) {
		base.Name = name
		if change != nil {
			change(&base)
		}
		list = append(list, lane{base, pools, members})
	}
	soa := func(s *peer.Server) { s.Type, s.Answers = dns.TypeSOA, 0 }
	add(peer.Echo("Go"), echoInGo, 1, 4, nil)
	add(peer.Whoami(), whoami, 1, 4, nil)
	add(peer.Healthlb(), ordinary, 1, 4, nil)
	add(peer.Express(), small, 1, 4, nil)
	if !short {
		add(peer.Express(), manyMembers, 1, poolMembers, nil)
		add(peer.Express(), manyPools, expressPools, 4, func(s *peer.Server) { s.Pools = expressPools })
	}
	add(peer.Healthlb(), ordinarySOA, 1, 4, soa)
	add(peer.Express(), handedOn, 1, 4, soa)
	return list
}

// express measures answers of express beside a bare echo, and what it hands on beside the ordinary way. Members are not probed.
func express(o *options) error {
	e := o.effort(5)
	list := lanes(o.short)
	var servers []peer.Server
	for _, l := range list {
		servers = append(servers, l.Server)
	}
	all := o.find(servers)
	inTurn("start", 1, all, func(r *runner, _ int) error {
		l := list[slices.IndexFunc(list, func(l lane) bool { return l.Name == r.Name })]
		return r.start(o, peer.Setup{Pools: peer.Pools(l.pools*l.members, l.members), Every: time.Hour})
	})
	defer func() {
		for _, r := range all {
			r.stop()
		}
	}()
	e.closed(o, all)
	half := halfOf(named(all, ordinary))
	e.open(o, all, half)
	targets := expressTargets(all)
	printExpress(all, half)
	o.printTargets(targets)
	data := answersData{Machine: machine(), Effort: e, Window: window, Targets: targets}
	for _, r := range all {
		data.Samples = slices.Concat(data.Samples, r.closed, r.open)
	}
	return o.writeWhole("express", data, broken(all))
}

// expressTargets are the figures that are asked of express.
func expressTargets(all []*runner) (targets []target) {
	for _, name := range []string{small, manyMembers, manyPools} {
		targets = append(targets, atMost("CPU per query of "+name+", to the "+echoInGo, 1.15, toPeer(all, name, echoInGo, closedOf, cpuOf)))
	}
	return append(targets,
		atLeast("queries/s, to "+whoami, 2, toPeer(all, small, whoami, closedOf, rateOf)),
		atMost("CPU per query of what is handed on, to the ordinary way", 1.05, toPeer(all, handedOn, ordinarySOA, closedOf, cpuOf)),
		atMost("p99.9 at half of the ordinary way's rate, to that", 1, toPeer(all, small, ordinary, openOf, p999Of)))
}

func printExpress(runners []*runner, half float64) {
	var rows [][]string
	for _, r := range runners {
		if len(r.closed) == 0 || len(r.open) == 0 {
			continue
		}
		middle := func(figure func(sample) float64) string {
			return fmt.Sprintf("%.0f us", medianOf(figures(r.open, figure)))
		}
		rows = append(rows, []string{
			r.Name, thousands(medianOf(figures(r.closed, rateOf))), lost(r.closed),
			fmt.Sprintf("%.2f us", medianOf(figures(r.closed, cpuOf))),
			show(toPeer(runners, r.Name, echoInGo, closedOf, cpuOf)), show(toPeer(runners, r.Name, whoami, closedOf, cpuOf)),
			fmt.Sprintf("%.1f MB", medianOf(figures(r.closed, memoryOf))),
			middle(func(s sample) float64 { return s.P50 }), middle(p99Of), middle(p999Of),
			lost(r.open), fmt.Sprint(r.seen.Bytes), busy(r.closed),
		})
	}
	printTable(fmt.Sprintf("Express, as fast as it answers; latencies at %s queries/s, half of what healthlb reaches without.\n%s",
		thousands(half), busyNote),
		[]string{"server", "queries/s", "lost", "CPU/query", "CPU to the echo", "CPU to whoami", "RSS", "p50", "p99", "p99.9", "lost then",
			"bytes", "client busy"}, rows)
}
