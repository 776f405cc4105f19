package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// taken is the effect of taking one of three members out.
func taken() api.Effect {
	return api.Effect{
		Changed:   true,
		Pools:     []api.FamilyEffect{{Pool: pool, Family: "A", MinUp: 1, EligibleBefore: 3, EligibleAfter: 2}},
		Addresses: []api.AddressEffect{{Pool: pool, Address: "192.0.2.11", SafeAfter: noon.Add(30 * time.Second)}},
	}
}

// What each change asks the endpoint, and what it says of it.
func TestChanges(t *testing.T) {
	none := api.Effect{Pools: []api.FamilyEffect{}, Addresses: []api.AddressEffect{}}
	forced, dry, warned := taken(), taken(), taken()
	dry.DryRun = true
	warned.Warnings = []string{"no pool has\nthis address"}
	many := taken()
	many.Pools = append(many.Pools, many.Pools[0], many.Pools[0])
	added := api.Effect{Changed: true, Pools: []api.FamilyEffect{}}
	drained := &api.Drain{Since: noon, Owner: "bob", Reason: "why", Out: true, SafeAfter: noon.Add(29 * time.Second)}
	leading := &api.Drain{Since: noon, OutAt: noon.Add(30 * time.Second), SafeAfter: noon.Add(35 * time.Second)}
	fresh := &api.Member{ID: "web-4", Addresses: []api.Address{{Address: "192.0.2.13", State: "unknown"}}}
	const member = " /pools/www.lb.example.org/members/web-2"
	for _, c := range []struct {
		name, args string
		call       string
		answer     any
		asks       string // METHOD URL BODY
		out, err   string
	}{
		{"drain", "drain www.lb.example.org web-2 --reason x", "PUT" + member + "/drain", api.DrainChange{Effect: taken()},
			"PUT" + member + `/drain {"owner":"alice@desk","reason":"x"}`,
			"web-2 drained; www.lb.example.org A: 3 -> 2 eligible (min_up 1); safe after 12:00:35 (30s)\n", ""},
		{"drain twice", "drain www.lb.example.org. web-2", "PUT" + strings.Replace(member, "org/", "org./", 1) + "/drain",
			api.DrainChange{Effect: none, Drain: drained},
			"PUT" + strings.Replace(member, "org/", "org./", 1) + `/drain {"owner":"alice@desk"}`,
			"unchanged: web-2 is drained already by bob since 12:00:05 (why); safe after 12:00:34 (29s)\n", ""},
		{"drain with a lead", "drain www.lb.example.org web-2 --lead --owner bob", "PUT" + member + "/drain",
			api.DrainChange{Effect: added, Drain: leading},
			"PUT" + member + `/drain {"lead":true,"owner":"bob"}`,
			"web-2 drained; answered with at the low TTL until 12:00:35, safe after 12:00:40 (35s)\n", ""},
		{"drain, dry run, by force", "drain www.lb.example.org web-2 --dry-run --force", "PUT" + member + "/drain", api.DrainChange{Effect: dry},
			"PUT" + member + `/drain?dry_run=1&force=1 {"owner":"alice@desk"}`,
			"dry run: web-2 drained; www.lb.example.org A: 3 -> 2 eligible (min_up 1); safe after 12:00:35 (30s)\n", ""},
		{"undrain", "undrain www.lb.example.org web-2", "DELETE" + member + "/drain", api.DrainChange{Effect: added},
			"DELETE" + member + "/drain?owner=alice%40desk", "web-2 is drained no more\n", ""},
		{"remove", "remove www.lb.example.org web-2", "DELETE" + member, api.MemberChange{Effect: taken()}, "DELETE" + member,
			"web-2 removed from www.lb.example.org; www.lb.example.org A: 3 -> 2 eligible (min_up 1); safe after 12:00:35 (30s)\n", ""},
		{"remove the unknown", "remove www.lb.example.org web-2", "DELETE" + member, api.MemberChange{Effect: none}, "DELETE" + member,
			"unchanged: web-2 is no member of www.lb.example.org\n", ""},
		{"add", "add www.lb.example.org 192.0.2.11 2001:DB8::11 --id web-2 --weight 0 --region eu --priority 2 --port 8443 --probe-address 10.0.0.1 --require-healthy",
			"PUT" + member, api.MemberChange{Effect: added, Member: fresh},
			"PUT" + member + `?require_healthy=1 {"addresses":["192.0.2.11","2001:db8::11"],"weight":0,"priority":2,"region":"eu","port":8443,"probe_addresses":["10.0.0.1"]}`,
			"web-2 is a member of www.lb.example.org now; it waits for its first pass\n", ""},
		{"add without an id", "add www.lb.example.org 2001:DB8::11", "PUT /pools/www.lb.example.org/members/2001:db8::11", api.MemberChange{Effect: none},
			`PUT /pools/www.lb.example.org/members/2001:db8::11 {"addresses":["2001:db8::11"]}`,
			"unchanged: 2001:db8::11 is such a member of www.lb.example.org already\n", ""},
		{"add a pool", "add-pool api.lb.example.org|check tcp 443|ttl 20s", "PUT /pools/api.lb.example.org", api.PoolChange{Effect: added},
			`PUT /pools/api.lb.example.org {"lines":["check tcp 443","ttl 20s"]}`, "api.lb.example.org is a pool now\n", ""},
		{"remove a pool", "remove-pool api.lb.example.org", "DELETE /pools/api.lb.example.org", api.PoolChange{Effect: none},
			"DELETE /pools/api.lb.example.org", "unchanged: there is no pool api.lb.example.org\n", ""},
		{"block", "block 192.0.2.11 --reason x", "POST /blocklist", warned,
			`POST /blocklist [{"address":"192.0.2.11","reason":"x","owner":"alice@desk","mode":"omit"}]`,
			"192.0.2.11 blocked for good; www.lb.example.org A: 3 -> 2 eligible (min_up 1); safe after 12:00:35 (30s)\n",
			"warning: no pool has this address\n"},
		{"block for a time", "block 192.0.2.0/24 --pool www.lb.example.org --for 15m --detach --mode no-register", "POST /blocklist", forced,
			`POST /blocklist [{"address":"192.0.2.0/24","pool":"www.lb.example.org","for":"15m","owner":"alice@desk","mode":"no-register"}]`,
			"192.0.2.0/24 in www.lb.example.org blocked for 15m; www.lb.example.org A: 3 -> 2 eligible (min_up 1); safe after 12:00:35 (30s)\n", ""},
		{"block in many pools", "block 192.0.2.11", "POST /blocklist", many, `POST /blocklist [{"address":"192.0.2.11","owner":"alice@desk","mode":"omit"}]`,
			"192.0.2.11 blocked for good; safe after 12:00:35 (30s)\n" + strings.Repeat("  www.lb.example.org A: 3 -> 2 eligible (min_up 1)\n", 3), ""},
		{"unblock", "unblock 192.0.2.11 --pool www.lb.example.org", "DELETE /blocklist/192.0.2.11", added,
			"DELETE /blocklist/192.0.2.11?owner=alice%40desk&pool=www.lb.example.org", "192.0.2.11 unblocked in www.lb.example.org\n", ""},
		{"unblock a network", "unblock 192.0.2.0/24", "DELETE /blocklist/192.0.2.0/24", none,
			"DELETE /blocklist/192.0.2.0%2F24?owner=alice%40desk", "unchanged: there is no block of 192.0.2.0/24 for all pools\n", ""},
		{"load", "blocklist load -", "PUT /blocklist", none, "PUT /blocklist 192.0.2.10 for=1h", "unchanged: the block list was so already\n", ""},
		{"clear", "blocklist clear", "PUT /blocklist", added, "PUT /blocklist", "the block list is empty now\n", ""},
		{"pause", "rollout pause www.lb.example.org", "POST /pools/www.lb.example.org/rollout/pause", api.Rollout{Status: "paused", Reason: "by alice"},
			"POST /pools/www.lb.example.org/rollout/pause", "the rollout of www.lb.example.org is paused: by alice\n", ""},
		{"cancel", "rollout cancel www.lb.example.org", "POST /pools/www.lb.example.org/rollout/cancel", api.Rollout{Status: "cancelled"},
			"POST /pools/www.lb.example.org/rollout/cancel", "the rollout of www.lb.example.org is cancelled\n", ""},
		{"rollout, dry run", "rollout start www.lb.example.org --dry-run", "PUT /pools/www.lb.example.org/rollout",
			api.Rollout{Members: []api.RolloutMember{{ID: "web-1"}, {ID: "web-2"}}},
			`PUT /pools/www.lb.example.org/rollout?dry_run=1 {"parallel":1,"timeout":"30m","owner":"alice@desk"}`,
			"dry run: the rollout of www.lb.example.org could begin: web-1, web-2\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.on(c.call, 200, c.answer)
			args := strings.Fields(c.args)
			if strings.Contains(c.args, "|") {
				words := strings.Split(c.args, "|")
				args = append(strings.Fields(words[0]), words[1:]...)
			}
			console := newConsole(t, f)
			console.in = strings.NewReader("192.0.2.10 for=1h\n")
			console.do(args...).check(t, 0, c.out, c.err)
			if got := f.changes(); len(got) != 1 || got[0] != c.asks {
				t.Errorf("asked %q, want %q", got, c.asks)
			}
			if o := ctl(t, f, append(args, "-o", "json")...); o.code != 0 || !json.Valid([]byte(o.out)) {
				t.Errorf("with -o json: %+v", o)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	refused := problem(409, "pool www: too few; add ?force=1 to do it all the same")
	withEffect := problem(409, "x")
	effect := taken()
	effect.Pools[0].Refused = "0 would be eligible, and min_up is 1"
	withEffect.Effect = &effect
	dry := effect
	dry.DryRun = true
	for _, c := range []struct {
		name, args string
		status     int
		answer     any
		code       int
		err        string
	}{
		{"refused", "drain www web-2", 409, refused, 3, "healthlbctl: refused: pool www: too few; add --force to do it all the same\n"},
		{"refused for its effect", "drain www web-2", 409, withEffect, 3,
			"healthlbctl: refused: www.lb.example.org A: 0 would be eligible, and min_up is 1; --force does it all the same\n"},
		{"would be refused", "drain www web-2 --dry-run", 200, api.DrainChange{Effect: dry}, 3,
			"healthlbctl: this would be refused: www.lb.example.org A: 0 would be eligible, and min_up is 1; --force does it all the same\n"},
		{"changed since", "drain www web-2", 412, problem(412, "read again"), 3, "healthlbctl: refused: read again\n"},
		{"unhealthy", "drain www web-2", 422, problem(422, "it is ill"), 3, "healthlbctl: refused: it is ill\n"},
		{"no token", "drain www web-2", 401, problem(401, "a token"), 4, "healthlbctl: not allowed: a token\n"},
		{"wrong token", "drain www web-2", 403, problem(403, "no"), 4, "healthlbctl: not allowed: no\n"},
		{"no pool", "drain www web-2", 404, problem(404, "no pool www"), 5, "healthlbctl: no pool www\n"},
		{"disk full", "drain www web-2", 507, problem(507, "the disk is full"), 1, "healthlbctl: the server answers 507: the disk is full\n"},
		{"bad request", "drain www web-2", 400, problem(400, "two\nlines\x1b[31m"), 2, "healthlbctl: two lines?[31m\n"},
		{"no such command", "drian www", 0, nil, 2, "healthlbctl: there is no command healthlbctl drian; did you mean drain; see healthlbctl --help\n"},
		{"no such subcommand", "rollout strat www", 0, nil, 2,
			"healthlbctl: there is no command healthlbctl rollout strat; did you mean start; see healthlbctl rollout --help\n"},
		{"no subcommand", "blocklist", 0, nil, 2, "healthlbctl: healthlbctl blocklist needs another word: clear, load, show; see healthlbctl blocklist --help\n"},
		{"no such flag", "pools --wat", 0, nil, 2, "healthlbctl: unknown flag: --wat; see healthlbctl pools --help\n"},
		{"an argument too few", "drain www", 0, nil, 2, "healthlbctl: accepts 2 arg(s), received 1; see healthlbctl drain --help\n"},
		{"flags that do not go together", "drain www web-2 --wait --dry-run", 0, nil, 2,
			"healthlbctl: if any flags in the group [wait dry-run] are set none of the others can be; [dry-run wait] were all set; see healthlbctl drain --help\n"},
		{"no client", "explain www", 0, nil, 2, "healthlbctl: required flag(s) \"client\" not set; see healthlbctl explain --help\n"},
		{"no address", "block web-1", 0, nil, 2, "healthlbctl: \"web-1\" is neither an address nor a network: want one such as 192.0.2.10 or 192.0.2.0/24\n"},
		{"host bits", "block 192.0.2.1/24", 0, nil, 2, "healthlbctl: 192.0.2.1/24 has host bits: want 192.0.2.0/24\n"},
		{"mode", "block 192.0.2.1 --mode x", 0, nil, 2, "healthlbctl: --mode: there is no mode \"x\": want omit or no-register\n"},
		{"for", "block 192.0.2.1 --for 5", 0, nil, 2,
			"healthlbctl: --for: \"5\" is no time for this: want a number with a unit such as 90s, 15m or 72h, at least 1s and at most 87600h0m0s\n"},
		{"two of a family", "add www 192.0.2.1 192.0.2.2", 0, nil, 2,
			"healthlbctl: 192.0.2.1 and 192.0.2.2 are no addresses of one member: want one IPv4 and/or one IPv6 address\n"},
		{"weight", "add www 192.0.2.1 --weight 70000", 0, nil, 2, "healthlbctl: --weight: 70000 is out of range: want 0 to 65535\n"},
		{"priority", "add www 192.0.2.1 --priority 0", 0, nil, 2, "healthlbctl: --priority: 0 is out of range: want 1 to 65535\n"},
		{"type", "explain www --client 192.0.2.1 --type MX", 0, nil, 2, "healthlbctl: --type: \"MX\" is not answered from pools: want A or AAAA\n"},
		{"output", "pools -o xml", 0, nil, 2, "healthlbctl: --output: there is no output \"xml\": want table, json, yaml\n"},
		{"server", "pools --server ftp://x", 0, nil, 2, ""},
		{"token file", "pools --token-file /nonexistent/token", 0, nil, 2, ""},
		{"nobody there", "pools --server http://127.0.0.1:1", 0, nil, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.on("PUT /pools/www/members/web-2/drain", c.status, c.answer)
			o := ctl(t, f, strings.Fields(c.args)...)
			if o.code != c.code || c.err != "" && o.err != c.err {
				t.Errorf("got %d and %q, want %d and %q", o.code, o.err, c.code, c.err)
			}
			if strings.Count(o.err, "\n") != 1 || !strings.HasPrefix(o.err, "healthlbctl: ") {
				t.Errorf("not one line: %q", o.err)
			}
		})
	}
}

func TestBlocklistShow(t *testing.T) {
	f := newFake(t)
	f.do("GET /blocklist", func(r *http.Request, _ []byte) (int, any) {
		if strings.HasPrefix(r.Header.Get("Accept"), "text/plain") {
			return 200, "192.0.2.10 for=1h\n"
		}
		return 200, []api.Block{
			{Address: "192.0.2.10", Owner: "bob", Reason: "bad memory", Mode: "omit"},
			{Address: "192.0.2.0/24", Pool: pool, Until: "2026-11-21T12:15:05Z", Mode: "no-register"},
			{Address: "192.0.2.9", Until: "2026-11-23T12:15:05Z"},
		}
	})
	ctl(t, f, "blocklist", "show").check(t, 0, `
ADDRESS       POOL                MODE         ENDS                        OWNER  REASON
192.0.2.10    (all)               omit         never                       bob    bad memory
192.0.2.0/24  www.lb.example.org  no-register  12:15:05 (15m0s)
192.0.2.9     (all)               omit         2026-11-23 12:15:05 (2d0h)
`, "")
	ctl(t, f, "blocklist", "show", "--text").check(t, 0, "192.0.2.10 for=1h\n", "")
}

func TestBlocklistLoadFiles(t *testing.T) {
	f := newFake(t)
	f.on("PUT /blocklist", 200, taken())
	name := writeFile(t, filepath.Join(t.TempDir(), "blocks"), "192.0.2.11\n")
	if o := ctl(t, f, "blocklist", "load", name); o.code != 0 || !strings.HasPrefix(o.out, "the block list is that of "+name+" now; ") {
		t.Errorf("got %+v", o)
	}
	writeFile(t, name, strings.Repeat("#", maxInput+1))
	if o := ctl(t, f, "blocklist", "load", name); o.code != 1 || !strings.Contains(o.err, "more than 1048576 bytes") {
		t.Errorf("got %+v", o)
	}
	if o := ctl(t, f, "blocklist", "load", name+".none"); o.code != 1 || !strings.Contains(o.err, "no such file") {
		t.Errorf("got %+v", o)
	}
}

// Who waits for standard input can be interrupted.
func TestBlocklistLoadInterrupted(t *testing.T) {
	c := newConsole(t, newFake(t))
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in = in
	c.signals <- os.Interrupt
	c.do("blocklist", "load", "-").check(t, 130, "", "healthlbctl: interrupted\n")
	feed.Close() // or the reader is left
}

func TestPoolLinesFromAFile(t *testing.T) {
	f := newFake(t)
	f.on("PUT /pools/api", 200, api.PoolChange{})
	name := writeFile(t, filepath.Join(t.TempDir(), "lines"), "# comment\n\n  check tcp 443\n")
	ctl(t, f, "add-pool", "api", "--lines-file", name, "ttl 5s").check(t, 0, "unchanged: api is such a pool already\n", "")
	if got, want := f.changes(), []string{`PUT /pools/api {"lines":["ttl 5s","check tcp 443"]}`}; !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// The command returns as soon as it is safe to stop the server, and bears a server that is away for a while.
func TestDrainWait(t *testing.T) {
	f := newFake(t)
	f.on("PUT /pools/www/members/web-2/drain", 200, api.DrainChange{Effect: taken()})
	looks := 0
	f.do("GET /pools/www", func(*http.Request, []byte) (int, any) {
		looks++
		p := threeMembers()
		p.Members[1].Drain.Safe = looks > 2
		if looks == 2 {
			return 503, problem(503, "it starts")
		}
		return 200, p
	})
	c := newConsole(t, f)
	c.errIsTerminal = true
	o := c.do("drain", "www", "web-2", "--wait")
	if o.code != 0 || !strings.HasPrefix(o.out, "web-2 drained; ") || !strings.HasSuffix(o.out, "\nweb-2 is safe to stop\n") {
		t.Errorf("got %+v", o)
	}
	for _, part := range []string{"waiting for caches to forget web-2: safe after 12:00:35 (30s)", "waiting for the server to answer again: the server answers 503: it starts"} {
		if !strings.Contains(o.err, part) {
			t.Errorf("%q is not in %q", part, o.err)
		}
	}
	var done api.DrainChange
	if o := ctl(t, f, "drain", "www", "web-2", "--wait", "-o", "json"); json.Unmarshal([]byte(o.out), &done) != nil || !done.Drain.Safe || o.err != "" {
		t.Errorf("got %+v", o)
	}
}

func TestDrainWaitEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		pool func(*api.Pool)
		code int
		err  string
	}{
		{"undrained", func(p *api.Pool) { p.Members[1].Drain = nil }, 3, "healthlbctl: the drain of web-2 was taken back by somebody else\n"},
		{"removed", func(p *api.Pool) { p.Members = p.Members[:1] }, 5, "healthlbctl: web-2 is no member of www.lb.example.org any more\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.on("PUT /pools/www/members/web-2/drain", 200, api.DrainChange{Effect: taken()})
			p := threeMembers()
			c.pool(&p)
			f.on("GET /pools/www", 200, p)
			if o := ctl(t, f, "drain", "www", "web-2", "--wait"); o.code != c.code || o.err != c.err {
				t.Errorf("got %+v", o)
			}
		})
	}
	t.Run("pool removed", func(t *testing.T) {
		f := newFake(t)
		f.on("PUT /pools/www/members/web-2/drain", 200, api.DrainChange{Effect: taken()})
		if o := ctl(t, f, "drain", "www", "web-2", "--wait"); o.code != 5 {
			t.Errorf("got %+v", o)
		}
	})
}

// Ctrl-C ends the waiting and not the drain.
func TestDrainWaitInterrupted(t *testing.T) {
	f := newFake(t)
	f.on("PUT /pools/www/members/web-2/drain", 200, api.DrainChange{Effect: taken()})
	looked := make(chan bool, 100)
	f.do("GET /pools/www", func(*http.Request, []byte) (int, any) {
		looked <- true
		return 200, threeMembers()
	})
	c := newConsole(t, f)
	ended := make(chan outcome, 1)
	go func() { ended <- c.do("drain", "www", "web-2", "--wait") }()
	<-looked
	c.signals <- os.Interrupt
	o := <-ended
	if want := "healthlbctl: interrupted; the drain stays in force (`healthlbctl undrain www web-2` takes it back)\n"; o.code != 130 || o.err != want {
		t.Errorf("got %+v", o)
	}
	if got := f.changes(); len(got) != 1 {
		t.Errorf("asked %q", got)
	}
}

// A block with --for is there while the command is, and goes with it.
func TestHoldBlock(t *testing.T) {
	f := newFake(t)
	f.on("POST /blocklist", 200, taken())
	f.on("GET /blocklist", 200, []api.Block{{Address: "192.0.2.11", Owner: "alice@desk", Mode: "omit", Until: "2026-11-21T12:00:30Z"}})
	f.on("DELETE /blocklist/192.0.2.11", 200, api.Effect{Changed: true})
	c := newConsole(t, f)
	ended := make(chan outcome, 1)
	go func() { ended <- c.do("block", "192.0.2.11", "--for", "15m") }()
	within(t, "the block", func() bool { return strings.Contains(c.err.String(), "holding the block") })
	c.signals <- os.Interrupt
	(<-ended).check(t, 0, `
192.0.2.11 blocked until 12:15:05; www.lb.example.org A: 3 -> 2 eligible (min_up 1); safe after 12:00:35 (30s)
192.0.2.11 unblocked
`, "holding the block; Ctrl-C takes it back\n")
	if got := f.changes(); len(got) != 2 || got[1] != "DELETE /blocklist/192.0.2.11?owner=alice%40desk" {
		t.Errorf("asked %q", got)
	}
}

func TestHoldBlockFails(t *testing.T) {
	f := newFake(t)
	f.on("POST /blocklist", 409, problem(409, "no"))
	ctl(t, f, "block", "192.0.2.11", "--for", "15m").check(t, 3, "", "healthlbctl: refused: no\n")

	f.on("POST /blocklist", 200, taken())
	c := newConsole(t, f)
	ended := make(chan outcome, 1)
	go func() { ended <- c.do("block", "192.0.2.11", "--for", "15m") }()
	within(t, "the block", func() bool { return strings.Contains(c.err.String(), "holding the block") })
	f.on("GET /blocklist", 507, problem(507, "the disk is full"))
	c.signals <- os.Interrupt
	if o := <-ended; o.code != 1 || !strings.Contains(o.err, "could not be taken back, and ends by itself at") {
		t.Errorf("got %+v", o)
	}
}

// A server is registered until it is interrupted, and then leaves.
func TestRegister(t *testing.T) {
	f := newFake(t)
	lease := &api.Lease{TTL: 30, Until: noon.Add(30 * time.Second)}
	f.on("POST /pools/www/registrations", 201, api.Registration{Pool: pool, ID: "web-4", Changed: true, Secret: "s3cret", Lease: lease, Served: true})
	f.on("DELETE /pools/www/registrations/web-4", 200, api.Registration{Pool: pool, ID: "web-4", Changed: true})
	c := newConsole(t, f)
	ended := make(chan outcome, 1)
	go func() {
		ended <- c.do("register", "www", "--address", "192.0.2.13", "--id", "web-4", "--weight", "3", "--region", "eu")
	}()
	within(t, "the registration", func() bool { return strings.Contains(c.err.String(), "web-4") })
	c.signals <- os.Interrupt
	o := <-ended
	if o.code != 0 || !strings.HasPrefix(o.err, "2026-11-21 12:00:05 ") || strings.Contains(o.err, "s3cret") {
		t.Errorf("got %+v", o)
	}
	if got := f.changes(); len(got) != 2 || !strings.HasSuffix(got[0], `{"addresses":["192.0.2.13"],"weight":3,"region":"eu","id":"web-4","ttl":"30s"}`) {
		t.Errorf("asked %q", got)
	}
}

func TestRegisterNever(t *testing.T) {
	f := newFake(t)
	f.on("POST /pools/www/registrations", 403, problem(403, "not with this token"))
	ctl(t, f, "register", "www", "--address", "192.0.2.13").check(t, 4, "", "healthlbctl: not allowed: not with this token\n")
}

// What was ordered already is not made weaker by the way.
func TestBlockDoesNotReplaceAStrongerOne(t *testing.T) {
	const good, long, lease = "", "2026-11-21T13:00:00Z", "2026-11-21T12:00:50Z"
	for _, test := range []struct {
		until, mode, line string
		refused           bool
	}{
		{good, "omit", "block 192.0.2.11", false},
		{good, "omit", "block 192.0.2.11 --for 10m --detach", true},
		{good, "omit", "block 192.0.2.11 --for 10m --detach --force", false},
		{good, "omit", "block 192.0.2.11 --for 10m --detach --owner bob", false},
		{good, "omit", "block 192.0.2.11 --for 10m", true},
		{good, "omit", "block 192.0.2.11 --mode no-register", true},
		{good, "no-register", "block 192.0.2.11", false},
		{good, "omit", "block 192.0.2.11 --pool www", false},
		{long, "omit", "block 192.0.2.11", false},
		{long, "omit", "block 192.0.2.11 --for 10m --detach", true},
		{long, "omit", "block 192.0.2.11 --for 2h --detach", false},
		{long, "omit", "block 192.0.2.11 --for 2h", true},
		{lease, "omit", "block 192.0.2.11 --for 2h --detach", false},
	} {
		f := newFake(t)
		f.on("GET /blocklist", 200, []api.Block{{Address: "192.0.2.11", Owner: "alice@desk", Mode: test.mode, Until: test.until}})
		f.on("POST /blocklist", 200, taken())
		o := ctl(t, f, strings.Fields(test.line)...)
		if refused := o.code == 3 && strings.Contains(o.err, "refused: 192.0.2.11 is blocked"); refused != test.refused || !refused && o.code != 0 {
			t.Errorf("%s until %q in mode %s: %+v", test.line, test.until, test.mode, o)
		}
		if test.refused && len(f.changes()) > 0 {
			t.Errorf("%s: asked %q", test.line, f.changes())
		}
	}
}

// Nothing that a server says steers the terminal.
func TestEscapedJSON(t *testing.T) {
	if got := string(escaped([]byte("{\"a\": \"x\u009b\u202e\U000e0001 \u00e9\"}\n"))); got != "{\"a\": \"x\\u009b\\u202e\\udb40\\udc01 \u00e9\"}\n" {
		t.Errorf("got %s", got)
	}
}
