package test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const blocksCorefile = `
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		ns ns1.lb.example.org 192.0.2.53 192.0.2.54
		pool www.lb.example.org {
			member 127.7.1.1
			member 127.7.1.2
			member 127.7.1.3
		}
		pool dead.lb.example.org {
			check tcp {closed}
			member 127.7.1.1
			member 127.7.1.2
			member 127.7.1.3
		}
		pool spare.lb.example.org {
			check tcp {closed}
			all_down addresses 192.0.2.98 192.0.2.99
			member 127.7.1.1
		}
`

func startBlocks(t *testing.T) *coredns {
	t.Helper()
	web := startMembers(t, "127.7.1.1", "127.7.1.2", "127.7.1.3")
	return startCoreDNS(t, lb(blocksCorefile), "{web}", web.port, "{closed}", freePort(t))
}

// listed are the addresses of the block list.
func (s *coredns) listed(t *testing.T) []string {
	t.Helper()
	list := []string{}
	for _, b := range decode[[]blockDoc](t, s.curl(t, "GET /v1/blocklist", "").is(t, 200)) {
		list = append(list, b.Address)
	}
	return list
}

func TestBlockList(t *testing.T) {
	t.Parallel()
	s := startBlocks(t)
	const list, json, text = "/v1/blocklist", "Content-Type: application/json", "Content-Type: text/plain"
	www := func(addrs ...string) {
		t.Helper()
		check(t, s.dig(t, "www.lb.example.org").names(addrs...))
	}
	listed := func(addrs ...string) {
		t.Helper()
		got := s.listed(t)
		check(t, want(slices.Equal(got, addrs), "want the list %v, got %v", addrs, got))
	}
	www("127.7.1.1", "127.7.1.2", "127.7.1.3")
	listed()

	t.Log("PUT of text")
	body := "# on call: ann\n127.7.1.1 reason=\"disk is full\" owner=ann\n\n127.7.1.2 pool=api.lb.example.org for=1h # another pool\n"
	effect := decode[effectDoc](t, s.curl(t, "PUT "+list, body, text).is(t, 200))
	www("127.7.1.2", "127.7.1.3")
	listed("127.7.1.1", "127.7.1.2")
	check(t, want(effect.Changed && !effect.DryRun && len(effect.Addresses) > 0 && effect.Addresses[0].Address == "127.7.1.1", "%+v", effect))
	for _, a := range effect.Addresses {
		left := time.Duration(0)
		if a.SafeAfter != nil {
			left = time.Until(*a.SafeAfter)
		}
		check(t, want(a.Pool != "www.lb.example.org." || left > 20*time.Second && left < 33*time.Second, "safe in %v: %+v", left, a))
	}
	for _, p := range effect.Pools {
		check(t, want(p.Pool != "www.lb.example.org." || p.EligibleBefore == 3 && p.EligibleAfter == 2, "%+v", p))
	}
	first := decode[[]blockDoc](t, s.curl(t, "GET "+list, "").is(t, 200))[0]
	check(t, want(first.Reason == "disk is full" && first.Owner == "ann" && first.Mode == "omit" && first.Until == nil, "%+v", first))

	t.Log("PUT of JSON, also of what GET has said")
	s.curl(t, "PUT "+list, `[{"address": "127.7.1.2", "pool": "www.lb.example.org", "for": "2h", "reason": "trial"}]`, json).is(t, 200)
	www("127.7.1.1", "127.7.1.3")
	got := s.curl(t, "GET "+list, "").is(t, 200)
	effect = decode[effectDoc](t, s.curl(t, "PUT "+list, got.body, json).is(t, 200))
	check(t, want(!effect.Changed, "the list put back has changed something: %+v", effect))

	t.Log("POST adds")
	s.curl(t, "POST "+list, "127.7.1.0/31\n", text).is(t, 200)
	www("127.7.1.3")
	listed("127.7.1.0/31", "127.7.1.2")

	t.Log("DELETE removes")
	check(t, want(!decode[effectDoc](t, s.curl(t, "DELETE "+list+"/127.7.1.2", "").is(t, 200)).Changed, "that block is the pool's own"))
	check(t, want(decode[effectDoc](t, s.curl(t, "DELETE "+list+"/127.7.1.2?pool=www.lb.example.org", "").is(t, 200)).Changed, "unchanged"))
	www("127.7.1.2", "127.7.1.3")
	s.curl(t, "DELETE "+list+"/127.7.1.0%2F31", "").is(t, 200)
	www("127.7.1.1", "127.7.1.2", "127.7.1.3")
	s.curl(t, "POST "+list, "127.7.1.2/31", text).is(t, 200)
	www("127.7.1.1")
	s.curl(t, "DELETE "+list+"/127.7.1.2/31", "").is(t, 200)
	www("127.7.1.1", "127.7.1.2", "127.7.1.3")
	listed()

	t.Log("a dry run only tells")
	effect = decode[effectDoc](t, s.curl(t, "PUT "+list+"?dry_run=1", "127.7.1.1", text).is(t, 200))
	check(t, want(effect.Changed && effect.DryRun && len(effect.Pools) > 0, "%+v", effect))
	www("127.7.1.1", "127.7.1.2", "127.7.1.3")
	listed()

	t.Log("the last one needs force")
	refused := s.curl(t, "PUT "+list, "127.7.1.0/30", text).is(t, 409, "www.lb.example.org.")
	check(t, want(refused.header.Get("Content-Type") == "application/problem+json", "%v", refused.header))
	check(t, want(decode[problemDoc](t, refused).Status == 409, "%s", refused.body))
	s.curl(t, "PUT "+list+"?dry_run=1", "127.7.1.0/30", text).is(t, 200, `"refused":"0 would be eligible, and min_up is 1"`)
	www("127.7.1.1", "127.7.1.2", "127.7.1.3")
	s.curl(t, "PUT "+list+"?force=1", "127.7.1.0/30", text).is(t, 200)
	check(t, s.dig(t, "www.lb.example.org").isNegative("NOERROR", "lb.example.org."))
	check(t, s.dig(t, "dead.lb.example.org").isNegative("NOERROR", "lb.example.org."))
	s.curl(t, "POST "+list, "127.7.1.1 owner=late", text).is(t, 200) // who is below already is not refused
	s.curl(t, "PUT "+list, "", text).is(t, 200)
	www("127.7.1.1", "127.7.1.2", "127.7.1.3")

	t.Log("If-Match")
	tag := s.curl(t, "GET "+list, "").is(t, 200).header.Get("ETag")
	s.curl(t, "PUT "+list, "127.7.1.1", text, "If-Match: "+tag).is(t, 200)
	s.curl(t, "PUT "+list, "127.7.1.2", text, "If-Match: "+tag).is(t, 412)
	s.curl(t, "DELETE "+list+"/127.7.1.1", "", "If-Match: "+tag).is(t, 412)
	listed("127.7.1.1")
	s.curl(t, "DELETE "+list+"/127.7.1.1", "", "If-Match: *").is(t, 200)

	t.Log("a block in all_down addresses and in glue")
	check(t, s.dig(t, "spare.lb.example.org").names("192.0.2.98", "192.0.2.99"))
	serial := strings.Fields(s.dig(t, "lb.example.org", "SOA").answer[0].data)[2]
	s.curl(t, "PUT "+list, "192.0.2.98\n192.0.2.53\n127.7.1.3", text).is(t, 200)
	check(t, s.dig(t, "spare.lb.example.org").names("192.0.2.99"))
	check(t, s.dig(t, "dead.lb.example.org").names("127.7.1.1", "127.7.1.2"))
	check(t, s.dig(t, "ns1.lb.example.org").names("192.0.2.54"))
	glue := dataOf(s.dig(t, "lb.example.org", "NS").additional)
	check(t, want(slices.Equal(glue, []string{"192.0.2.54"}), "glue %v", glue))
	eventually(t, func() error { // once a second at most
		after := strings.Fields(s.dig(t, "lb.example.org", "SOA").answer[0].data)[2]
		return want(after > serial, "the serial was %s and is %s", serial, after)
	})
	s.curl(t, "PUT "+list+"?force=1", "192.0.2.98/31\n192.0.2.53\n192.0.2.54", text).is(t, 200)
	check(t, s.dig(t, "spare.lb.example.org").isNegative("NOERROR", "lb.example.org."))
	check(t, s.dig(t, "ns1.lb.example.org").isNegative("NOERROR", "lb.example.org."))

	t.Log("no-register keeps nobody out of answers")
	s.curl(t, "PUT "+list, "127.7.1.1 mode=no-register", text).is(t, 200)
	www("127.7.1.1", "127.7.1.2", "127.7.1.3")

	t.Log("all or nothing")
	for _, bad := range []struct{ body, media, word string }{
		{"127.7.1.1\n127.7.1.2/30", text, "host bits"},
		{"127.7.1.1\nhello", text, "hello"},
		{"127.7.1.1 until=yesterday", text, "until"},
		{"127.7.1.1 why=so", text, "why"},
		{`[{"address": "127.7.1.1", "resaon": "x"}]`, json, "resaon"},
		{`[{"address": "127.7.1.1"}`, json, "JSON"},
		{`{"address": "127.7.1.1"}`, json, "array"},
	} {
		r := s.curl(t, "PUT "+list, bad.body, bad.media)
		check(t, want(r.status == 400 && strings.Contains(r.body, bad.word), "%q: %d %s", bad.body, r.status, r.body))
	}
	s.curl(t, "PUT "+list, strings.Repeat("# much\n", 1<<18), text).is(t, 413)
	s.curl(t, "PUT "+list+"?dryrun=1", "127.7.1.1", text).is(t, 400, "dryrun")
	www("127.7.1.1", "127.7.1.2", "127.7.1.3")
	listed("127.7.1.1")
}

// No answer names the address from the very next query on.
func TestBlockHoldsAtOnce(t *testing.T) {
	t.Parallel()
	s := startBlocks(t)
	e := s.at("admin")
	e.client.Transport = &http.Transport{}
	for i := range 50 {
		addr := fmt.Sprintf("127.7.1.%d", 1+i%3)
		e.curl(t, "PUT /v1/blocklist", addr).is(t, 200)
		for _, pool := range []string{"www", "dead"} {
			got := addresses(s.ask(t, question(pool+".lb.example.org", dns.TypeA)))
			if len(got) != 2 || slices.Contains(got, addr) {
				t.Fatalf("%s is blocked, and %s is answered with %v", addr, pool, got)
			}
		}
	}
}

func TestBlockExpires(t *testing.T) {
	t.Parallel()
	s := startBlocks(t)
	s.curl(t, "PUT /v1/blocklist", "127.7.1.1 for=2s\n127.7.1.2 for=1h").is(t, 200)
	blocked := time.Now()
	must(t, s.dig(t, "www.lb.example.org").names("127.7.1.3"))
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.7.1.1", "127.7.1.3") })
	if held := time.Since(blocked); held < 1900*time.Millisecond || held > 5*time.Second {
		t.Errorf("a block for 2s has held for %v", held)
	}
	check(t, want(slices.Equal(s.listed(t), []string{"127.7.1.2"}), "the list is %v", s.listed(t)))
}

func TestBlocksSurviveKill(t *testing.T) {
	t.Parallel()
	s := startBlocks(t)
	all := []string{"127.7.1.1", "127.7.1.2", "127.7.1.3"}
	for i, addr := range all {
		s.curl(t, "PUT /v1/blocklist", addr+" reason=test").is(t, 200)
		s.kill(t)
		s.launch(t)
		rest := slices.Delete(slices.Clone(all), i, i+1)
		if got := addresses(s.firstAnswer(t, "www.lb.example.org")); !slices.Equal(got, rest) {
			t.Errorf("%s was blocked, and after kill -9 the first answer names %v", addr, got)
		}
		check(t, want(slices.Equal(s.listed(t), []string{addr}), "the list is %v", s.listed(t)))
	}
	t.Log("and a normal restart")
	s.stop(t)
	s.launch(t)
	if got := addresses(s.firstAnswer(t, "www.lb.example.org")); !slices.Equal(got, all[:2]) {
		t.Errorf("127.7.1.3 was blocked, and the first answer names %v", got)
	}
}
