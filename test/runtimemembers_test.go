package test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// Members come from the Corefile, from files and from calls, all into one pool; the Corefile and its files have the last word.
func TestMembersOfAllSources(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	files := t.TempDir()
	writeFile(t, files+"/members", "127.36.1.2 id file-2\n127.36.1.3 id file-3\n")
	corefile := operated(`
		answers all
		pool www.lb.example.org {
			member 127.36.1.1 id core-1
			members {files}/members
		}`)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{files}", files)
	const path = "/v1/pools/www.lb.example.org/members/"
	www := func(last ...string) {
		t.Helper()
		var addrs []string
		for _, n := range last {
			addrs = append(addrs, "127.36.1."+n)
		}
		eventually(t, func() error { return s.dig(t, steady).names(slices.Clone(addrs)...) })
	}
	sources := func() string {
		var all []string
		for _, m := range s.shown(t, steady).Members {
			all = append(all, m.ID+" "+m.Source)
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	}

	s.order(t, "PUT "+path+"api-4?require_healthy=1", memberAt("127.36.1.4")).is(t, 200)
	s.order(t, "PUT "+path+"api-5?require_healthy=1", memberAt("127.36.1.5")).is(t, 200)
	r := s.register(t, "self-6", "127.36.1.6", "1h")
	www("1", "2", "3", "4", "5", "6")
	expected := "api-4 api, api-5 api, core-1 corefile, file-2 file, file-3 file, self-6 registration"
	check(t, want(sources() == expected, "the members are %s", sources()))

	t.Log("the same again, another weight, and what cannot be")
	again := decode[api.MemberChange](t, s.order(t, "PUT "+path+"api-4?require_healthy=1", memberAt("127.36.1.4")).is(t, 200))
	check(t, want(!again.Changed && again.Member != nil, "%+v", again))
	since := again.Member.Addresses[0].Since
	weight := 7
	heavier := decode[api.MemberChange](t, s.order(t, "PUT "+path+"api-4", api.MemberSpec{Addresses: []string{"127.36.1.4"}, Weight: &weight}).is(t, 200))
	a := heavier.Member.Addresses[0]
	check(t, want(heavier.Changed && heavier.Member.Weight == 7 && a.State == "up" && a.Since.Equal(since), "its state is lost: %+v", heavier.Member))
	www("1", "2", "3", "4", "5", "6")
	for _, clash := range []struct{ id, addr string }{
		{"core-1", "127.36.1.9"}, {"file-2", "127.36.1.9"}, {"x", "127.36.1.1"}, {"x", "127.36.1.2"}, {"x", "127.36.1.4"}, {"self-6", "127.36.1.6"},
	} {
		s.order(t, "PUT "+path+clash.id, memberAt(clash.addr)).isProblem(t, 409)
	}
	for _, id := range []string{"core-1", "file-2"} {
		s.order(t, "DELETE "+path+id+"?force=1", nil).isProblem(t, 409, "Corefile")
	}
	unfit := s.order(t, "PUT "+path+"x?require_healthy=1", api.MemberSpec{Addresses: []string{"127.36.1.9"}, Port: mustInt(freePort(t))})
	unfit.isProblem(t, 422, "refused")
	dry := decode[api.MemberChange](t, s.order(t, "PUT "+path+"x?dry_run=1", memberAt("127.36.1.9")).is(t, 200))
	check(t, want(dry.Changed && dry.DryRun && dry.Member == nil, "%+v", dry))
	unknown := decode[api.MemberChange](t, s.order(t, "DELETE "+path+"x", nil).is(t, 200))
	check(t, want(!unknown.Changed, "%+v", unknown))
	check(t, want(sources() == expected, "the members are %s", sources()))

	t.Log("the file changes, and takes an id and an address that came at run time")
	s.order(t, "PUT "+path+"file-3/drain", nil).is(t, 200)
	mark := s.log.mark()
	replaceFile(t, files+"/members", "127.36.1.7 id api-4\n127.36.1.5 id file-5\n127.36.1.3 id file-3\n")
	www("1", "5", "6", "7")
	check(t, want(hasAll(s.log.since(mark), "[WARNING]", "api-4", "api-5"), "no warnings in\n%s", s.log.since(mark)))
	check(t, want(sources() == "api-4 file, core-1 corefile, file-3 file, file-5 file, self-6 registration", "the members are %s", sources()))
	s.order(t, "PUT "+path+"api-4", memberAt("127.36.1.4")).isProblem(t, 409)

	t.Log("what was left out for that can be taken away, and the rest comes back")
	s.order(t, "DELETE "+path+"api-5", nil).is(t, 200, `"changed":true`)
	replaceFile(t, files+"/members", "127.36.1.2 id file-2\n")
	www("1", "2", "4", "6")
	replaceFile(t, files+"/members", "127.36.1.2 id file-2\n127.36.1.3 id file-3\n")
	eventually(t, func() error { return want(strings.Contains(sources(), "file-3"), "the members are %s", sources()) })
	www("1", "2", "4", "6") // the drain is an order about the id, whoever brings it
	s.order(t, "DELETE "+path+"file-3/drain", nil).is(t, 200, `"changed":true`)
	www("1", "2", "3", "4", "6")

	t.Log("so does the Corefile")
	s.reload(t, strings.Replace(corefile, "member 127.36.1.1 id core-1", "member 127.36.1.1 id core-1\nmember 127.36.1.6\nmember 127.36.1.8 id api-4", 1))
	must(t, s.dig(t, steady).names("127.36.1.1", "127.36.1.2", "127.36.1.3", "127.36.1.6", "127.36.1.8"))
	renewed := decode[api.Registration](t, s.order(t, "PUT "+registrations+"/self-6", nil, secretOf(r.Secret)).is(t, 200))
	check(t, want(!renewed.Served && strings.Contains(renewed.Why, "Corefile"), "%+v", renewed))
	s.reload(t, corefile)
	must(t, s.dig(t, steady).names("127.36.1.1", "127.36.1.2", "127.36.1.3", "127.36.1.4", "127.36.1.6"))
	s.kill(t)
	s.launch(t)
	first := addresses(s.firstAnswer(t, steady))
	check(t, want(slices.Equal(first, []string{"127.36.1.1", "127.36.1.2", "127.36.1.3", "127.36.1.4", "127.36.1.6"}), "the first answer is %v", first))
}

func mustInt(s string) (n int) {
	if _, err := fmt.Sscan(s, &n); err != nil {
		panic(err)
	}
	return n
}

// Two who want the same id get one order of things, and it is the one that is stored.
func TestSameMemberAtOnce(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	s := startCoreDNS(t, operated("all_down nodata\npool www.lb.example.org {\n}\n"), "{web}", web.port)
	const path = "/v1/pools/www.lb.example.org/members/same"
	var callers sync.WaitGroup
	var added, removed atomic.Int64
	for n := range 4 {
		callers.Go(func() {
			e := s.lasting()
			defer e.client.CloseIdleConnections()
			for i := range 60 {
				request, body := "PUT "+path+"?force=1", any(memberAt(fmt.Sprintf("127.36.2.%d", 1+n%2)))
				if i%2 == 1 {
					request, body = "DELETE "+path+"?force=1", nil
				}
				r, err := e.tryOrder(request, body)
				if err != nil || r.status != 200 {
					t.Errorf("%s: %v %d %s", request, err, r.status, r.body)
					return
				}
				if strings.Contains(r.body, `"changed":true`) {
					map[bool]*atomic.Int64{true: &removed, false: &added}[i%2 == 1].Add(1)
				}
			}
		})
	}
	callers.Wait()
	var events []string
	for _, e := range s.happened(t) {
		if strings.HasPrefix(e.Type, "member_") {
			events = append(events, e.Type)
		}
	}
	check(t, want(int64(len(events)) == added.Load()+removed.Load(), "%d added, %d removed, and %d events", added.Load(), removed.Load(), len(events)))
	before := s.facts(t)
	s.kill(t)
	s.again(t)
	check(t, want(s.facts(t).differs(before) == "", "%s", s.facts(t).differs(before)))
	s.order(t, "DELETE "+path+"?force=1", nil).is(t, 200)
	check(t, s.dig(t, steady).isNegative("NOERROR", "lb.example.org."))
}

// goners are addresses that were taken out, and since when.
type goners struct {
	mu    sync.Mutex
	since map[string]time.Time
}

func (g *goners) add(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since[addr] = time.Now()
}

func (g *goners) delete(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.since, addr)
}

// named returns the addresses that were gone before a query was sent, and are in its answer.
func (g *goners) named(addrs []string, sent time.Time) (named []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, addr := range addrs {
		if since, gone := g.since[addr]; gone && since.Before(sent) {
			named = append(named, addr)
		}
	}
	return named
}

// Members come and go while queries are asked as fast as they are answered: none is lost, and none names who is gone, or never was up.
func TestMembersComeAndGoUnderLoad(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	policies := []string{"round_robin", "hash", "least", "weighted"}
	var pools strings.Builder
	for _, policy := range policies {
		fmt.Fprintf(&pools, "pool %s.lb.example.org {\n policy %s\n answers 4\n member 127.36.3.1\n member 127.36.3.2\n}\n",
			strings.ReplaceAll(policy, "_", "-"), policy)
	}
	s := startCoreDNS(t, operated(pools.String()), "{web}", web.port)
	closed := mustInt(freePort(t))

	gone := &goners{since: map[string]time.Time{}}
	end := make(chan struct{})
	var clients, callers sync.WaitGroup
	var queries atomic.Int64
	seen := make([]map[string]bool, 4)
	for n := range 4 {
		seen[n] = map[string]bool{}
		clients.Go(func() {
			a, err := s.asker()
			if err != nil {
				t.Error(err)
				return
			}
			defer a.conn.Close()
			for i := n; !isClosed(end); i++ {
				sent := time.Now()
				addrs, err := a.names(strings.ReplaceAll(policies[i%4], "_", "-") + ".lb.example.org")
				queries.Add(1)
				if err != nil {
					t.Error(err)
					return
				}
				for _, addr := range addrs {
					seen[n][addr] = true
				}
				if named := gone.named(addrs, sent); len(named) > 0 {
					t.Errorf("%v are in an answer, and were taken out before it was asked for", named)
					return
				}
			}
		})
	}
	for n, policy := range policies {
		callers.Go(func() {
			e := s.lasting()
			defer e.client.CloseIdleConnections()
			path := "/v1/pools/" + strings.ReplaceAll(policy, "_", "-") + ".lb.example.org/members/"
			order := func(request string, body any) bool {
				r, err := e.tryOrder(request, body)
				if err != nil || r.status != 200 || !strings.Contains(r.body, `"changed":true`) {
					t.Errorf("%s: %v %d %s", request, err, r.status, r.body)
					return false
				}
				return true
			}
			for i := range 50 {
				id, addr := fmt.Sprintf("m%d", i%10), fmt.Sprintf("127.36.%d.%d", 10+n, 1+i%10)
				spec := memberAt(addr)
				query := "?require_healthy=1"
				if i%10 == 9 {
					spec.Port, query = closed, "" // it is never up
				}
				gone.delete(addr)
				if !order("PUT "+path+id+query, spec) {
					return
				}
				if i%3 == 0 {
					if !order("PUT "+path+id+"/drain", nil) {
						return
					}
					gone.add(addr)
				}
				if !order("DELETE "+path+id, nil) {
					return
				}
				gone.add(addr)
			}
		})
	}
	callers.Wait()
	more := queries.Load() + 1000
	eventually(t, func() error { return want(queries.Load() > more || t.Failed(), "queries stand still") })
	close(end)
	clients.Wait()
	all := map[string]bool{}
	for _, some := range seen {
		for addr := range some {
			all[addr] = true
			check(t, want(!strings.HasSuffix(addr, ".10"), "%s was never up, and is in an answer", addr))
		}
	}
	t.Logf("%d queries, which named %d addresses", queries.Load(), len(all))
	for _, policy := range policies {
		check(t, want(len(s.shown(t, strings.ReplaceAll(policy, "_", "-")+".lb.example.org").Members) == 2, "%s has more than its 2", policy))
	}
}

// A hash ring gives a member that comes and goes only its own clients.
func TestHashKeepsOverRunTimeMembers(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	s := startCoreDNS(t, operated(`
		pool www.lb.example.org {
			policy hash
			ecs 127.0.0.0/8
			member 127.36.4.1
			member 127.36.4.2
			member 127.36.4.3
		}`), "{web}", web.port)
	clients := map[string]string{}
	ask := func(client string) string { return s.one(t, withSubnet(question(steady, 1), client)) }
	for range 100 {
		client := fmt.Sprintf("198.51.%d.0/24", rand.IntN(256))
		clients[client] = ask(client)
	}
	const path = "/v1/pools/www.lb.example.org/members/"
	s.order(t, "PUT "+path+"new?require_healthy=1", memberAt("127.36.4.4")).is(t, 200)
	moved := 0
	for client, before := range clients {
		now := ask(client)
		if now != before {
			moved++
			check(t, want(now == "127.36.4.4", "%s has moved from %s to %s", client, before, now))
		}
	}
	check(t, want(moved > 0 && moved < len(clients)*2/3, "%d of %d have moved", moved, len(clients)))
	s.order(t, "DELETE "+path+"new", nil).is(t, 200)
	for client, before := range clients {
		check(t, want(ask(client) == before, "%s has not come back to %s", client, before))
	}
}
