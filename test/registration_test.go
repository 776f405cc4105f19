package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/healthlb/api"
)

const registrations = "/v1/pools/www.lb.example.org/registrations"

func secretOf(secret string) string { return "Registration-Secret: " + secret }

func registrationOf(id, addr, ttl string) api.RegistrationSpec {
	return api.RegistrationSpec{ID: id, TTL: ttl, MemberSpec: memberAt(addr)}
}

// register registers a server, and returns what it is told.
func (s *coredns) register(t *testing.T, id, addr, ttl string) api.Registration {
	t.Helper()
	r := decode[api.Registration](t, s.order(t, "POST "+registrations, registrationOf(id, addr, ttl)).is(t, 201))
	if r.Secret == "" || r.Lease == nil || r.ID != id || !r.Changed {
		t.Fatalf("%+v", r)
	}
	return r
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	s := startCoreDNS(t, operated(`
		all_down nodata
		pool www.lb.example.org {
		}
		pool static.lb.example.org {
			member 127.34.1.9
		}`), "{web}", web.port)

	t.Log("without an id it is the first address")
	r := s.order(t, "POST "+registrations, api.RegistrationSpec{MemberSpec: memberAt("127.34.1.1")}).is(t, 201)
	first := decode[api.Registration](t, r)
	check(t, want(first.ID == "127.34.1.1" && first.Lease.TTL == 30 && first.Changed, "%+v", first))
	check(t, want(r.header.Get("Location") == "/v1/pools/www.lb.example.org./registrations/127.34.1.1", "%v", r.header))
	second := s.register(t, "web-2", "127.34.1.2", "1h")
	eventually(t, func() error { return s.dig(t, steady).names("127.34.1.1", "127.34.1.2") })

	t.Log("the secret: none, a wrong one, another's")
	for _, headers := range [][]string{nil, {secretOf("wrong")}, {secretOf(second.Secret)}, {secretOf("")}} {
		s.order(t, "PUT "+registrations+"/127.34.1.1", nil, headers...).isProblem(t, 403)
		s.order(t, "DELETE "+registrations+"/127.34.1.1", nil, headers...).isProblem(t, 403)
		s.order(t, "POST "+registrations, registrationOf("127.34.1.1", "127.34.1.7", "1h"), headers...).isProblem(t, 409)
	}
	must(t, s.dig(t, steady).names("127.34.1.1", "127.34.1.2"))

	t.Log("with it")
	renewed := decode[api.Registration](t, s.order(t, "PUT "+registrations+"/127.34.1.1", nil, secretOf(first.Secret)).is(t, 200))
	check(t, want(renewed.Served && renewed.Secret == "" && !renewed.Lease.Until.Before(first.Lease.Until), "%+v", renewed))
	same := decode[api.Registration](t, s.order(t, "POST "+registrations, registrationOf("web-2", "127.34.1.2", "1h"), secretOf(second.Secret)).is(t, 201))
	check(t, want(!same.Changed && same.Secret == "", "%+v", same))
	moved := decode[api.Registration](t, s.order(t, "POST "+registrations, registrationOf("web-2", "127.34.1.3", "2h"), secretOf(second.Secret)).is(t, 201))
	check(t, want(moved.Changed && moved.Lease.TTL == 7200, "%+v", moved))
	eventually(t, func() error { return s.dig(t, steady).names("127.34.1.1", "127.34.1.3") })

	t.Log("what is another's")
	s.order(t, "POST "+registrations, registrationOf("web-3", "127.34.1.1", "1h")).isProblem(t, 409)
	s.order(t, "PUT /v1/pools/www.lb.example.org/members/op", memberAt("127.34.1.4")).is(t, 200)
	s.order(t, "POST "+registrations, registrationOf("op", "127.34.1.5", "1h")).isProblem(t, 409)
	s.order(t, "PUT "+registrations+"/op", nil, secretOf(first.Secret)).isProblem(t, 404)
	s.order(t, "PUT /v1/pools/www.lb.example.org/members/web-2", memberAt("127.34.1.3")).isProblem(t, 409)
	s.order(t, "POST /v1/pools/static.lb.example.org/registrations", registrationOf("127.34.1.9", "127.34.1.8", "1h")).isProblem(t, 409)
	s.order(t, "POST /v1/pools/nobody.lb.example.org/registrations", registrationOf("x", "127.34.1.8", "1h")).isProblem(t, 404)
	for _, ttl := range []string{"0s", "-1s", "999ms", "25h", "30", "soon"} {
		s.order(t, "POST "+registrations, registrationOf("x", "127.34.1.8", ttl)).isProblem(t, 400)
	}

	t.Log("blocked it registers, and is not served")
	s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "127.34.1.6", Reason: "on fire"}}).is(t, 200)
	blocked := s.register(t, "web-6", "127.34.1.6", "1h")
	check(t, want(!blocked.Served && len(blocked.Blocks) == 1 && blocked.Blocks[0].Reason == "on fire" && blocked.Why != "", "%+v", blocked))
	eventually(t, func() error {
		m, _ := s.shownMember(t, steady, "web-6")
		return want(m.Addresses[0].State == "up", "it is not probed: %+v", m)
	})
	must(t, s.dig(t, steady).names("127.34.1.1", "127.34.1.3", "127.34.1.4"))

	t.Log("no-register keeps out who is not there, and nobody else")
	s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "127.34.1.0/24", Mode: "no-register", Reason: "moving out"}}).is(t, 200)
	s.order(t, "POST "+registrations, registrationOf("web-7", "127.34.1.7", "1h")).isProblem(t, 409, "moving out")
	s.order(t, "PUT "+registrations+"/web-6", nil, secretOf(blocked.Secret)).is(t, 200, `"served":true`)
	s.order(t, "DELETE "+registrations+"/web-6", nil, secretOf(blocked.Secret)).is(t, 200, `"changed":true`)
	s.order(t, "POST "+registrations, registrationOf("web-6", "127.34.1.6", "1h"), secretOf(blocked.Secret)).isProblem(t, 409, "moving out")

	t.Log("it leaves at once, and twice is once")
	s.order(t, "DELETE "+registrations+"/127.34.1.1", nil, secretOf(first.Secret)).is(t, 200, `"changed":true`)
	must(t, s.dig(t, steady).names("127.34.1.3", "127.34.1.4"))
	s.order(t, "DELETE "+registrations+"/127.34.1.1", nil, secretOf(first.Secret)).is(t, 200, `"changed":false`)
	s.order(t, "PUT "+registrations+"/127.34.1.1", nil, secretOf(first.Secret)).isProblem(t, 404)

	t.Log("an operator can take it out")
	s.order(t, "DELETE /v1/pools/www.lb.example.org/members/web-2", nil).is(t, 200, `"changed":true`)
	s.order(t, "PUT "+registrations+"/web-2", nil, secretOf(second.Secret)).isProblem(t, 404)
	must(t, s.dig(t, steady).names("127.34.1.4"))

	t.Log("a lease that is not renewed lapses; then anybody may have the id")
	s.order(t, "PUT /v1/blocklist", []api.Block{}).is(t, 200)
	began := time.Now()
	brief := s.register(t, "web-8", "127.34.1.8", "1s")
	eventually(t, func() error {
		r := s.order(t, "PUT "+registrations+"/web-8", nil, secretOf("wrong"))
		return want(r.status == 404, "%d %s", r.status, r.body)
	})
	check(t, want(time.Since(began) >= time.Second, "it has lapsed after %v", time.Since(began)))
	s.order(t, "PUT "+registrations+"/web-8", nil, secretOf(brief.Secret)).isProblem(t, 404)
	s.register(t, "web-8", "127.34.1.8", "1h")
	lapsed := told(t, s.happened(t), "lapsed", steady)
	check(t, want(lapsed.Member == "web-8" && lapsed.By == "", "%+v", lapsed))
	for kind, member := range map[string]string{"registered": "web-8", "left": "127.34.1.1"} {
		e := told(t, s.happened(t), kind, steady)
		check(t, want(e.Member == member && strings.HasPrefix(e.By, "127.0.0.1:"), "%+v", e))
	}
	check(t, want(!strings.Contains(s.log.String(), first.Secret) && !strings.Contains(s.log.String(), second.Secret), "a secret is in the log"))
	store := readFile(t, s.store(t))
	check(t, want(!strings.Contains(store, first.Secret) && !strings.Contains(store, second.Secret), "a secret is in the store"))
}

// store is the file with the state.
func (s *coredns) store(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "state", "*.db"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("the stores are %v", files)
	}
	return files[0]
}

// Renewals keep a member, and write nothing to the disk.
func renewalsWriteNothing(t *testing.T) {
	web := startMany(t)
	s := startCoreDNS(t, operated("pool www.lb.example.org {\n}\n"), "{web}", web.port)
	secrets := map[string]string{}
	for i := range 20 {
		id := fmt.Sprintf("web-%d", i)
		secrets[id] = s.register(t, id, fmt.Sprintf("127.34.2.%d", 1+i), "3s").Secret
	}
	before, err := os.Stat(s.store(t))
	must(t, err)
	was := readFile(t, s.store(t))

	began := time.Now()
	var clients sync.WaitGroup
	for id, secret := range secrets {
		clients.Go(func() {
			e := s.lasting()
			defer e.client.CloseIdleConnections()
			for time.Since(began) < 7*time.Second { // more than two leases
				r, err := e.tryOrder("PUT "+registrations+"/"+id, nil, secretOf(secret))
				if err != nil || r.status != 200 {
					t.Errorf("%s: %v %d %s", id, err, r.status, r.body)
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		})
	}
	clients.Wait()
	after, err := os.Stat(s.store(t))
	must(t, err)
	check(t, want(after.ModTime().Equal(before.ModTime()), "the store was written at %v, and before at %v", after.ModTime(), before.ModTime()))
	check(t, want(readFile(t, s.store(t)) == was, "the store is another one"))
	check(t, want(len(s.shown(t, steady).Members) == 20, "there are %d members", len(s.shown(t, steady).Members)))
	eventually(t, func() error { n := len(s.shown(t, steady).Members); return want(n == 0, "%d members stay", n) })
}

// When the Corefile takes the id of a registration, what is ordered about that id is about the Corefile's member. The end of the
// registration does not undo it.
func lapseLeavesDrainOfAnother(t *testing.T) {
	web := startMany(t)
	corefile := operated("pool www.lb.example.org {\n member 127.34.3.1\n}\n")
	s := startCoreDNS(t, corefile, "{web}", web.port)
	for id, ttl := range map[string]string{"lapses": "2s", "leaves": "1h"} {
		s.register(t, id, map[string]string{"lapses": "127.34.3.2", "leaves": "127.34.3.3"}[id], ttl)
	}
	const theirs = "member 127.34.3.1\nmember 127.34.3.4 id lapses\nmember 127.34.3.5 id leaves\n"
	s.reload(t, strings.Replace(corefile, "member 127.34.3.1\n", theirs, 1))
	for _, id := range []string{"lapses", "leaves"} {
		s.order(t, "PUT /v1/pools/www.lb.example.org/members/"+id+"/drain", api.DrainSpec{Owner: "ann"}).is(t, 200, `"changed":true`)
	}
	must(t, s.dig(t, steady).names("127.34.3.1"))
	eventually(t, func() error {
		return want(slices.ContainsFunc(s.happened(t), func(e api.Event) bool { return e.Type == "lapsed" }), "it has not lapsed")
	})
	s.order(t, "DELETE /v1/pools/www.lb.example.org/members/leaves", nil)
	check(t, s.dig(t, steady).names("127.34.3.1"))
	for _, id := range []string{"lapses", "leaves"} {
		m, _ := s.shownMember(t, steady, id)
		check(t, want(m.Drain != nil && m.Drain.Owner == "ann", "the drain of %s is gone", id))
	}
}

// Each server that registers itself may keep its connection from one renewal to the next, as clients do. That shuts nobody out, however
// many there are.
func TestManyKeptConnections(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	s := startCoreDNS(t, operated("pool www.lb.example.org {\n}\n"), "{web}", web.port)
	for i := range 300 {
		e := s.lasting()
		defer e.client.CloseIdleConnections()
		id := fmt.Sprintf("web-%d", i)
		r, err := e.tryOrder("POST "+registrations, registrationOf(id, fmt.Sprintf("127.34.%d.%d", 4+i/200, 1+i%200), "1h"))
		if err != nil || r.status != 201 {
			t.Fatalf("server %d cannot register: %v %d %s", i+1, err, r.status, r.body)
		}
		secret := decode[api.Registration](t, r).Secret
		e.order(t, "PUT "+registrations+"/"+id, nil, secretOf(secret)).is(t, 200)
	}
	s.order(t, "GET /v1/pools", nil).is(t, 200)
}
