package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"example.org/healthlb/bench/peer"
)

// startResult is what a server answers in its first seconds, while one of two members refuses connections.
type startResult struct {
	Server  string  `json:"server"`
	First   []delay `json:"first_answer_seconds"` // of each start, from the moment at which it is executed
	Answers []int   `json:"answers"`
	Wrong   []int   `json:"answers_with_the_dead_member"`
}

// measureStarts starts the servers again and again, half a second after each other, as starting takes CPU time.
func (t *failoverTrial) measureStarts() ([]startResult, error) {
	fmt.Fprintf(os.Stderr, "failover: first answers, %d starts\n", t.starts)
	var starting []*watcher
	var results []startResult
	for _, w := range t.watchers {
		if w.starts {
			starting, results = append(starting, w), append(results, startResult{Server: w.Name})
		}
	}
	failed := make([]error, len(starting))
	for round := range t.starts {
		var all sync.WaitGroup
		for i, w := range starting {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Second / 2)
				failed[i] = t.startOnce(w, filepath.Join(t.options.dir, fmt.Sprintf("start%d-%d", round, i)), &results[i])
			})
		}
		all.Wait()
		if err := errors.Join(failed...); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (t *failoverTrial) startOnce(w *watcher, dir string, result *startResult) error {
	port, err := peer.FreePort()
	if err != nil {
		return err
	}
	dead := netip.AddrFrom4([4]byte{127, 5, 1, 1})
	pool := peer.WatchedPool{Name: "www", Members: []netip.Addr{dead, t.healthy(0)}}
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	o, err := observe(at, []string{pool.Name}, []netip.Addr{dead}, 5*time.Millisecond)
	if err != nil {
		return err
	}
	begin := time.Now()
	p, err := w.Watch(peer.Watch{Binary: t.options.binary, Dir: dir, Port: port, Pools: []peer.WatchedPool{pool}, Members: t.port})
	if err != nil {
		o.stop()
		return fmt.Errorf("%s: %w", w.Name, err)
	}
	time.Sleep(time.Until(begin.Add(t.startFor)))
	started := watcher{Watcher: w.Watcher, process: p}
	err, silent := started.runs(), o.silent(silence) >= 0
	o.stop()
	p.Stop()
	if err != nil {
		return err
	}
	seen := o.look(0)
	if seen.answers == 0 {
		return fmt.Errorf("%s answers nothing within %v of its start; it wrote last:\n%s", w.Name, t.startFor, lastLines(p.Log()))
	}
	if silent {
		return fmt.Errorf("%s has ceased to answer within %v of its start; it wrote last:\n%s", w.Name, t.startFor, lastLines(p.Log()))
	}
	result.First = append(result.First, delay(seen.first.Sub(begin)))
	result.Answers = append(result.Answers, seen.answers)
	result.Wrong = append(result.Wrong, seen.naming)
	return nil
}
