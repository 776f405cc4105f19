package test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// facts are what was ordered, as the API tells it: what it is about, and what it says.
type facts map[string]string

// facts reads what is in force.
func (s *coredns) facts(t *testing.T) facts {
	t.Helper()
	f := facts{}
	for _, p := range decode[[]api.Pool](t, s.order(t, "GET /v1/pools?limit=1000", nil).is(t, 200)) {
		if p.Source == "api" {
			f["pool "+p.Name] = fmt.Sprintf("ttl %d", p.TTL)
		}
		for _, m := range p.Members {
			if m.Source == "api" || m.Source == "registration" {
				f["member "+p.Name+" "+m.ID] = fmt.Sprintf("%s %s weight %d", m.Source, m.Addresses[0].Address, m.Weight)
			}
			if m.Drain != nil {
				f["drain "+p.Name+" "+m.ID] = m.Drain.Owner
			}
		}
	}
	for _, b := range decode[[]api.Block](t, s.order(t, "GET /v1/blocklist", nil).is(t, 200)) {
		f["block "+b.Address] = b.Reason
	}
	return f
}

// differs says where facts differ from others; empty: nowhere.
func (f facts) differs(other facts) string {
	var lines []string
	for key := range maps.Keys(f) {
		if other[key] != f[key] {
			lines = append(lines, fmt.Sprintf("%s: %q, not %q", key, f[key], other[key]))
		}
	}
	for key := range other {
		if _, found := f[key]; !found {
			lines = append(lines, fmt.Sprintf("%s: missing, not %q", key, other[key]))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// drop takes out all that begins so.
func (f facts) drop(prefixes ...string) {
	maps.DeleteFunc(f, func(key, _ string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	})
}

// change is an order, and what it makes of the facts when it succeeds.
type change struct {
	request string
	body    any
	then    func(facts)
}

const steady = "www.lb.example.org."

// randomChange makes up a change that succeeds.
func randomChange(random *rand.Rand, f facts) change {
	pool := fmt.Sprintf("p%d.lb.example.org.", random.IntN(3))
	n := 1 + random.IntN(5)
	in := steady
	if _, there := f["pool "+pool]; there && random.IntN(2) == 0 {
		in = pool
	}
	id, addr, weight := fmt.Sprintf("m%d", n), fmt.Sprintf("127.31.1.%d", 10+n), 1+random.IntN(9)
	key := in + " " + id
	_, there := f["member "+key]
	switch random.IntN(10) {
	case 0, 1:
		ttl := 10 + random.IntN(20)
		return change{"PUT /v1/pools/" + pool + "?force=1", api.PoolSpec{Lines: []string{fmt.Sprintf("ttl %ds", ttl)}}, func(f facts) {
			f["pool "+pool] = fmt.Sprintf("ttl %d", ttl)
		}}
	case 2:
		return change{"DELETE /v1/pools/" + pool + "?force=1", nil, func(f facts) {
			f.drop("pool "+pool, "member "+pool, "drain "+pool)
		}}
	case 3, 4:
		if strings.HasPrefix(f["member "+key], "registration") {
			break
		}
		return change{"PUT /v1/pools/" + in + "/members/" + id + "?force=1", api.MemberSpec{Addresses: []string{addr}, Weight: &weight}, func(f facts) {
			f["member "+key] = fmt.Sprintf("api %s weight %d", addr, weight)
		}}
	case 5:
		return change{"DELETE /v1/pools/" + in + "/members/" + id + "?force=1", nil, func(f facts) {
			f.drop("member "+key, "drain "+key)
		}}
	case 6:
		if there {
			break
		}
		spec := api.RegistrationSpec{ID: id, TTL: "1h", MemberSpec: memberAt(addr)}
		return change{"POST /v1/pools/" + in + "/registrations", spec, func(f facts) {
			f["member "+key] = fmt.Sprintf("registration %s weight 1", addr)
		}}
	case 7:
		if !there {
			key, id = steady+" c1", "c1"
			in = steady
		}
		owner := fmt.Sprintf("o%d", random.IntN(3))
		return change{"PUT /v1/pools/" + in + "/members/" + id + "/drain?force=1", api.DrainSpec{Owner: owner}, func(f facts) {
			f["drain "+key] = owner
		}}
	case 8:
		if _, drained := f["drain "+key]; !drained {
			break
		}
		return change{"DELETE /v1/pools/" + in + "/members/" + id + "/drain?force=1", nil, func(f facts) { f.drop("drain " + key) }}
	}
	if random.IntN(3) == 0 {
		return change{"DELETE /v1/blocklist/" + url.PathEscape(addr), nil, func(f facts) { delete(f, "block "+addr) }}
	}
	reason := fmt.Sprintf("reason %d", random.IntN(100))
	return change{"POST /v1/blocklist?force=1", []api.Block{{Address: addr, Reason: reason}}, func(f facts) { f["block "+addr] = reason }}
}

// answered are the addresses that answers for the steady pool name by these facts.
func answered(f facts) (addrs []string) {
	all := map[string]string{"c1": "127.31.1.1", "c2": "127.31.1.2"}
	for n := 1; n <= 5; n++ {
		if id := fmt.Sprintf("m%d", n); f["member "+steady+" "+id] != "" {
			all[id] = fmt.Sprintf("127.31.1.%d", 10+n)
		}
	}
	for id, addr := range all {
		_, drained := f["drain "+steady+" "+id]
		_, blocked := f["block "+addr]
		if !drained && !blocked {
			addrs = append(addrs, addr)
		}
	}
	slices.Sort(addrs)
	return addrs
}

// What was answered with success is there after kill -9, and what was refused is not; of the one order that was under way, nobody knows.
func TestChangesSurviveKill(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	s := startCoreDNS(t, operated(`
		answers all
		pool www.lb.example.org {
			member 127.31.1.1 id c1
			member 127.31.1.2 id c2
		}`), "{web}", web.port)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	now, total := facts{}, 0
	for range 10 {
		var killed atomic.Bool
		timer := time.AfterFunc(time.Duration(20+random.IntN(250))*time.Millisecond, func() {
			killed.Store(true)
			_ = s.cmd.Process.Kill()
		})
		var perhaps facts // with the order under way
		e := s.lasting()
		for {
			c := randomChange(random, now)
			perhaps = maps.Clone(now)
			c.then(perhaps)
			r, err := e.tryOrder(c.request, c.body)
			if err != nil && killed.Load() {
				break
			}
			if err != nil || r.status/100 != 2 {
				timer.Stop()
				t.Fatalf("%s %s: %v %d %s", c.request, inJSON(c.body), err, r.status, r.body)
			}
			now = perhaps
			total++
		}
		e.client.CloseIdleConnections()
		<-s.ended

		s.launch(t)
		first := addresses(s.firstAnswer(t, steady))
		if !s.serves() {
			t.Fatal("CoreDNS does not start again")
		}
		is := s.facts(t)
		switch {
		case is.differs(now) == "":
		case is.differs(perhaps) == "":
			now = perhaps
		default:
			t.Fatalf("after %d changes, what is in force differs from what was acknowledged:\n%s\nand from that with the last order:\n%s",
				total, is.differs(now), is.differs(perhaps))
		}
		if expected := answered(now); len(expected) > 0 && !slices.Equal(first, expected) {
			t.Fatalf("the first answer names %v, not %v: %v", first, expected, now)
		}
	}
	t.Logf("%d changes", total)
}

// A member that is drained is in no answer, from the first one of the new process on.
func drainSurvivesKill(t *testing.T) {
	web := startMany(t)
	s := startCoreDNS(t, operated(`
		ttl 2s
		pool www.lb.example.org {
			member 127.31.2.1
			member 127.31.2.2
			member 127.31.2.3
		}`), "{web}", web.port)
	s.order(t, "PUT /v1/pools/www.lb.example.org/members/127.31.2.2/drain", api.DrainSpec{Owner: "ann", Reason: "new disk"}).is(t, 200)
	for range 3 {
		s.kill(t)
		s.launch(t)
		first := addresses(s.firstAnswer(t, steady))
		check(t, want(slices.Equal(first, []string{"127.31.2.1", "127.31.2.3"}), "the first answer names %v", first))
		must(t, s.dig(t, steady).names("127.31.2.1", "127.31.2.3"))
	}
	m, _ := s.shownMember(t, steady, "127.31.2.2")
	if d := m.Drain; d == nil || d.Owner != "ann" || d.Reason != "new disk" || !d.Out || d.Since.After(time.Now()) {
		t.Fatalf("the drain is %+v", d)
	}
	eventually(t, func() error {
		m, _ := s.shownMember(t, steady, "127.31.2.2")
		return want(m.Drain.Safe, "not safe: %+v", m.Drain)
	})
	s.order(t, "DELETE /v1/pools/www.lb.example.org/members/127.31.2.2/drain?owner=ann", nil).is(t, 200, `"changed":true`)
	must(t, s.dig(t, steady).names("127.31.2.1", "127.31.2.2", "127.31.2.3"))
}

// Renewals are not written down, so after a restart a lease runs one whole ttl, however little was left of it.
func leaseAfterRestart(t *testing.T) {
	web := startMany(t)
	s := startCoreDNS(t, operated("all_down nodata\npool www.lb.example.org {\n}\n"), "{web}", web.port)
	const path = "/v1/pools/www.lb.example.org/registrations"
	const ttl = 4 * time.Second
	spec := api.RegistrationSpec{ID: "web-1", TTL: ttl.String(), MemberSpec: memberAt("127.31.3.1")}
	secret := decode[api.Registration](t, s.order(t, "POST "+path, spec).is(t, 201)).Secret
	left := func() time.Duration {
		m, found := s.shownMember(t, steady, "web-1")
		if !found {
			return 0
		}
		return time.Until(m.Lease.Until)
	}
	eventually(t, func() error { return want(left() < ttl/2, "%v is left", left()) })
	s.kill(t)
	launched := time.Now()
	s.again(t)
	m, found := s.shownMember(t, steady, "web-1")
	if !found || m.Lease == nil || m.Lease.TTL != ttl.Seconds() || m.Lease.Until.Before(launched.Add(ttl-time.Millisecond)) {
		t.Fatalf("want a whole lease from %v on, got %+v", launched, m.Lease)
	}
	must(t, s.dig(t, steady).names("127.31.3.1"))

	t.Log("the secret is the one of before")
	s.order(t, "PUT "+path+"/web-1", nil, "Registration-Secret: another").isProblem(t, 403)
	r := decode[api.Registration](t, s.order(t, "PUT "+path+"/web-1", nil, "Registration-Secret: "+secret).is(t, 200))
	renewed := time.Now()
	check(t, want(r.Served && r.Lease.Until.After(m.Lease.Until), "%+v", r))

	t.Log("and then it lapses")
	eventually(t, func() error { return s.dig(t, steady).isNegative("NOERROR", "lb.example.org.") })
	check(t, want(time.Since(renewed) > ttl-time.Second, "it has lapsed after %v", time.Since(renewed)))
	s.order(t, "PUT "+path+"/web-1", nil, "Registration-Secret: "+secret).isProblem(t, 404)
	s.kill(t)
	s.again(t)
	check(t, s.dig(t, steady).isNegative("NOERROR", "lb.example.org."))
}
