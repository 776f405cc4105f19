package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// turmoil is several who operate a CoreDNS at once, each on things of his own.
type turmoil struct {
	t       *testing.T
	s       *coredns
	end     chan struct{}
	running sync.WaitGroup
	orders  atomic.Int64

	mu sync.Mutex
	is facts // that were acknowledged
}

// every has something done again and again, with a number that rises, until the end or an error.
func (m *turmoil) every(pause time.Duration, do func(e endpoint, turn int) error) {
	m.running.Go(func() {
		e := m.s.lasting()
		defer e.client.CloseIdleConnections()
		for turn := 0; !isClosed(m.end); turn++ {
			if err := do(e, turn); err != nil {
				m.t.Error(err)
				return
			}
			time.Sleep(pause) // nobody waits for what is done
		}
	})
}

// order gives an order that must succeed, and writes down what holds from then on.
func (m *turmoil) order(e endpoint, request string, body any, then func(facts), headers ...string) (response, error) {
	r, err := e.tryOrder(request, body, headers...)
	if err == nil && r.status/100 != 2 {
		err = fmt.Errorf("%d %s", r.status, r.body)
	}
	if err != nil {
		return r, fmt.Errorf("%s %s: %w", request, inJSON(body), err)
	}
	m.orders.Add(1)
	if then != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		then(m.is)
	}
	return r, nil
}

// without asks until nobody can say that the answer is of before, and wants an address in none.
func (m *turmoil) without(addr string) error {
	a, err := m.s.asker()
	if err != nil {
		return err
	}
	defer a.conn.Close()
	for range 10 {
		for _, name := range []string{"www.lb.example.org", "hash.lb.example.org"} {
			addrs, err := a.names(name)
			if err != nil {
				return err
			}
			if slices.Contains(addrs, addr) {
				return fmt.Errorf("%s is out, and %s is answered with %v", addr, name, addrs)
			}
		}
	}
	return nil
}

func (m *turmoil) members(e endpoint, turn int) error {
	id := fmt.Sprintf("m%d", turn%7)
	key, path := "member www.lb.example.org. "+id, "/v1/pools/www.lb.example.org/members/"+id
	if turn%3 == 2 {
		_, err := m.order(e, "DELETE "+path, nil, func(f facts) { delete(f, key) })
		return err
	}
	addr := fmt.Sprintf("127.40.1.%d", 10+turn%7)
	weight := 1 + turn%5
	_, err := m.order(e, "PUT "+path, api.MemberSpec{Addresses: []string{addr}, Weight: &weight}, func(f facts) {
		f[key] = fmt.Sprintf("api %s weight %d", addr, weight)
	})
	return err
}

func (m *turmoil) drains(e endpoint, turn int) error {
	id := fmt.Sprintf("c%d", 1+turn%2)
	path := "/v1/pools/www.lb.example.org/members/" + id + "/drain"
	_, err := m.order(e, "PUT "+path, api.DrainSpec{Owner: "ann", Lead: false}, func(f facts) { f["drain www.lb.example.org. "+id] = "ann" })
	if err != nil {
		return err
	}
	if err := m.withoutIn("www.lb.example.org", "127.40.1."+id[1:]); err != nil {
		return err
	}
	_, err = m.order(e, "DELETE "+path+"?owner=ann", nil, func(f facts) { delete(f, "drain www.lb.example.org. "+id) })
	return err
}

// withoutIn is without for one pool.
func (m *turmoil) withoutIn(name, addr string) error {
	a, err := m.s.asker()
	if err != nil {
		return err
	}
	defer a.conn.Close()
	for range 10 {
		addrs, err := a.names(name)
		if err != nil {
			return err
		}
		if slices.Contains(addrs, addr) {
			return fmt.Errorf("%s is drained, and %s is answered with %v", addr, name, addrs)
		}
	}
	return nil
}

func (m *turmoil) blocks(e endpoint, turn int) error {
	addr := fmt.Sprintf("127.40.1.%d", []int{3, 10, 11, 12, 30}[turn%5])
	reason := fmt.Sprint(turn)
	if _, err := m.order(e, "POST /v1/blocklist", []api.Block{{Address: addr, Reason: reason}}, func(f facts) { f["block "+addr] = reason }); err != nil {
		return err
	}
	if err := m.without(addr); err != nil {
		return err
	}
	_, err := m.order(e, "DELETE /v1/blocklist/"+addr, nil, func(f facts) { delete(f, "block "+addr) })
	return err
}

// registrations has servers register themselves, renew, and leave or stay.
func (m *turmoil) registrations() func(e endpoint, turn int) error {
	secrets := map[string]string{}
	return func(e endpoint, turn int) error {
		id := fmt.Sprintf("self-%d", turn%5)
		key := "member www.lb.example.org. " + id
		secret, known := secrets[id]
		switch {
		case !known:
			addr := fmt.Sprintf("127.40.1.%d", 30+turn%5)
			r, err := m.order(e, "POST "+registrations, registrationOf(id, addr, "1h"), func(f facts) { f[key] = "registration " + addr + " weight 1" })
			if err != nil {
				return err
			}
			_, secret, _ = strings.Cut(r.body, `"secret":"`)
			secrets[id], _, _ = strings.Cut(secret, `"`)
			return nil
		case turn%4 == 3:
			delete(secrets, id)
			_, err := m.order(e, "DELETE "+registrations+"/"+id, nil, func(f facts) { delete(f, key) }, secretOf(secret))
			return err
		}
		_, err := m.order(e, "PUT "+registrations+"/"+id, nil, nil, secretOf(secret))
		return err
	}
}

func (m *turmoil) pools(e endpoint, turn int) error {
	name := fmt.Sprintf("made%d.lb.example.org.", turn%3)
	if turn%5 == 4 {
		_, err := m.order(e, "DELETE /v1/pools/"+name+"?force=1", nil, func(f facts) { f.drop("pool "+name, "member "+name) })
		return err
	}
	ttl := 10 + turn%4
	if _, err := m.order(e, "PUT /v1/pools/"+name, lines(fmt.Sprintf("ttl %ds", ttl)), func(f facts) { f["pool "+name] = fmt.Sprintf("ttl %d", ttl) }); err != nil {
		return err
	}
	_, err := m.order(e, "PUT /v1/pools/"+name+"/members/one", memberAt("127.40.1.60"), func(f facts) {
		f["member "+name+" one"] = "api 127.40.1.60 weight 1"
	})
	return err
}

// rollouts runs one after the other, some to their end, some not.
func (m *turmoil) rollouts(e endpoint, turn int) error {
	const path = "/v1/pools/roll.lb.example.org/rollout"
	r, err := e.tryOrder("PUT "+path, api.RolloutSpec{})
	if err != nil || r.status != 200 && r.status != 409 { // the pool may not be whole yet after the one before
		return fmt.Errorf("PUT %s: %v %d %s", path, err, r.status, r.body)
	}
	for step := 0; r.status == 200 && step < 40 && !isClosed(m.end); step++ {
		if r, err = m.order(e, "GET "+path, nil, nil); err != nil {
			return err
		}
		now, done := rolloutOf(r.body)
		if done {
			break
		}
		for _, member := range now.Members {
			result := map[string]string{"safe": "started", "replacing": "done"}[member.Step]
			if result != "" {
				if _, err := e.tryOrder("POST "+path+"/report", api.RolloutReport{Rollout: now.ID, Member: member.ID, Result: result}); err != nil {
					return err
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	if turn%2 == 0 {
		_, err = m.order(e, "POST "+path+"/cancel", nil, nil)
		if r, e := e.try("POST "+path+"/cancel", ""); err != nil && e == nil && r.status == 404 {
			err = nil // none has begun yet
		}
	}
	return err
}

func rolloutOf(body string) (r api.Rollout, ended bool) {
	if err := unmarshal(body, &r); err != nil {
		return r, true
	}
	return r, r.Status != "running" && r.Status != "paused"
}

// All at once: Corefiles are reloaded, members, pools, drains, blocks, registrations and rollouts come and go, a server flaps, and queries
// are asked. Meanwhile none is without an answer, and none names who is blocked, drained or down; in the end all is as it was ordered,
// after kill -9 too, and nothing is left over.
func TestOperateInTurmoil(t *testing.T) {
	t.Parallel()
	web, flaky := startMany(t), startMembers(t, "127.40.1.40")
	corefile := operated(`
		ttl 1s
		pool www.lb.example.org {
			answers all
			member 127.40.1.1 id c1
			member 127.40.1.2 id c2
			member 127.40.1.3 id c3
			member 127.40.1.4 id c4
			member 127.40.1.40 id flaps port {flaky}
			member 127.40.1.41 id dead port {closed}
		}
		pool hash.lb.example.org {
			policy hash
			answers 3
			member 127.40.1.3
			member 127.40.1.4
			member 127.40.1.5
			member 127.40.1.41 port {closed}
		}
		pool roll.lb.example.org {
			member 127.40.1.50 id a
			member 127.40.1.51 id b
			member 127.40.1.52 id c
		}`, "pprof 127.0.0.1:{pprof}")
	other := strings.NewReplacer("policy hash", "policy least", "answers all", "answers all\nfade_in 1s", "failures 2", "failures 3").Replace(corefile)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{flaky}", flaky.port, "{closed}", freePort(t))
	ours := func() (n int) {
		for _, stack := range s.goroutines(t) {
			if strings.Contains(stack, "example.org/healthlb") && !strings.Contains(stack, "pprof") {
				n++
			}
		}
		return n
	}
	least := func() int { // a probe or two may be under way
		n := ours()
		for range 10 {
			n = min(n, ours())
		}
		return n
	}
	s.reload(t, other)
	s.reload(t, corefile)
	was := least()

	m := &turmoil{t: t, s: s, end: make(chan struct{}), is: facts{}}
	m.every(time.Millisecond, m.members)
	m.every(time.Millisecond, m.drains)
	m.every(time.Millisecond, m.blocks)
	m.every(2*time.Millisecond, m.registrations())
	m.every(5*time.Millisecond, m.pools)
	m.every(50*time.Millisecond, m.rollouts)
	m.every(150*time.Millisecond, func(_ endpoint, turn int) error {
		if turn%2 == 0 {
			flaky.stop("127.40.1.40")
			return nil
		}
		return flaky.listen("127.40.1.40")
	})
	var queries atomic.Int64
	for range 2 {
		m.running.Go(func() {
			a, err := s.asker()
			if err != nil {
				t.Error(err)
				return
			}
			defer a.conn.Close()
			for !isClosed(m.end) {
				for _, name := range []string{"www.lb.example.org", "hash.lb.example.org", "roll.lb.example.org"} {
					addrs, err := a.names(name)
					queries.Add(1)
					if err != nil {
						t.Error(err)
						return
					}
					if slices.Contains(addrs, "127.40.1.41") {
						t.Errorf("127.40.1.41 is down, and %s is answered with %v", name, addrs)
						return
					}
				}
			}
		})
	}
	m.every(0, func(e endpoint, _ int) error {
		_, err := m.order(e, "GET /v1/pools", nil, nil)
		return err
	})
	reloads := 0
	for began := time.Now(); time.Since(began) < 20*time.Second && !t.Failed(); reloads++ {
		s.reload(t, other)
		s.reload(t, corefile)
		if reloads%4 == 3 {
			s.reloadFails(t, strings.Replace(corefile, "policy", "polcy", 1), "polcy")
		}
	}
	close(m.end)
	m.running.Wait()
	t.Logf("%d orders, %d queries, %d reloads", m.orders.Load(), queries.Load(), 2*reloads)
	if t.Failed() {
		return
	}

	s.order(t, "POST /v1/pools/roll.lb.example.org/rollout/cancel", nil).is(t, 200)
	eventually(t, func() error { // a command that was started and never ended
		for _, member := range s.rollout(t, "roll.lb.example.org").Members {
			if member.Step == "replacing" {
				s.order(t, "POST /v1/pools/roll.lb.example.org/rollout/report",
					api.RolloutReport{Rollout: s.rollout(t, "roll.lb.example.org").ID, Member: member.ID, Result: "done"})
			}
		}
		p := s.shown(t, "roll.lb.example.org")
		return want(p.Status == "full", "%+v", p)
	})
	is := s.facts(t)
	check(t, want(is.differs(m.is) == "", "in force is not what was acknowledged:\n%s", is.differs(m.is)))
	eventually(t, func() error { n := least(); return want(n <= was, "%d goroutines of healthlb, and %d before", n, was) })

	s.kill(t)
	s.write(t, corefile) // the last reload may have been the bad one
	s.again(t)
	is = s.facts(t)
	check(t, want(is.differs(m.is) == "", "after kill -9 not what was acknowledged:\n%s", is.differs(m.is)))
	t.Logf("%d facts: %v", len(is), slices.Sorted(maps.Keys(is)))
}
