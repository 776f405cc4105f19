package test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// rollout is a pool's rollout as the API tells it.
func (s *coredns) rollout(t *testing.T, pool string) api.Rollout {
	t.Helper()
	return decode[api.Rollout](t, s.order(t, "GET /v1/pools/"+pool+"/rollout", nil).is(t, 200))
}

// stepOf is how far a member of a rollout is.
func stepOf(r api.Rollout, id string) string {
	i := slices.IndexFunc(r.Members, func(m api.RolloutMember) bool { return m.ID == id })
	if i < 0 {
		return "none"
	}
	return r.Members[i].Step
}

// reaches waits until a member of a rollout has come to a step.
func (s *coredns) reaches(t *testing.T, pool, id, step string) {
	t.Helper()
	eventually(t, func() error {
		r := s.rollout(t, pool)
		return want(stepOf(r, id) == step, "%s is %s, not %s: %+v", id, stepOf(r, id), step, r)
	})
}

// runner is the client of a rollout: it says what an operator's command would have done.
type runner struct {
	s        *coredns
	pool, id string
}

// startRollout begins a rollout.
func (s *coredns) startRollout(t *testing.T, pool string, spec api.RolloutSpec) *runner {
	t.Helper()
	r := decode[api.Rollout](t, s.order(t, "PUT /v1/pools/"+pool+"/rollout", spec).is(t, 200))
	if r.ID == "" || r.Status != "running" || r.Lease == nil {
		t.Fatalf("%+v", r)
	}
	return &runner{s, pool, r.ID}
}

// say reports, whatever comes of it.
func (r *runner) say(t *testing.T, member, result string) response {
	t.Helper()
	return r.s.order(t, "POST /v1/pools/"+r.pool+"/rollout/report", api.RolloutReport{Rollout: r.id, Member: member, Result: result})
}

// report reports, and returns what became of the rollout.
func (r *runner) report(t *testing.T, member, result string) api.Rollout {
	t.Helper()
	return decode[api.Rollout](t, r.say(t, member, result).is(t, 200))
}

// steer pauses, resumes or cancels.
func (r *runner) steer(t *testing.T, do string) api.Rollout {
	t.Helper()
	return decode[api.Rollout](t, r.s.order(t, "POST /v1/pools/"+r.pool+"/rollout/"+do, nil).is(t, 200))
}

func (r *runner) now(t *testing.T) api.Rollout {
	t.Helper()
	return r.s.rollout(t, r.pool)
}

// replace takes one member from safe to the end of its command.
func (r *runner) replace(t *testing.T, id string) {
	t.Helper()
	r.s.reaches(t, r.pool, id, "safe")
	r.report(t, id, "started")
	r.report(t, id, "done")
}

// ends does what is to be done until the rollout has ended with a status.
func (r *runner) ends(t *testing.T, status string) (end api.Rollout) {
	t.Helper()
	eventually(t, func() error {
		end = r.now(t)
		for _, m := range end.Members {
			switch {
			case end.Status != "running":
			case m.Step == "safe":
				r.say(t, m.ID, "started") // a moment later it may not be safe any more
			case m.Step == "replacing":
				r.say(t, m.ID, "done")
			}
		}
		return want(end.Status == status, "want %s: %+v", status, end)
	})
	check(t, want(end.Ended != nil && end.Reason != "", "%+v", end))
	return end
}

// all wants a pool to answer with all of its members.
func (s *coredns) all(t *testing.T, pool string) {
	t.Helper()
	eventually(t, func() error {
		p := s.shown(t, pool)
		return want(p.Status == "full", "%+v", p)
	})
}

func rolloutCourse(t *testing.T) {
	web := startMany(t)
	flaky := startMembers(t, "127.35.1.1", "127.35.1.2", "127.35.1.3", "127.35.1.4")
	corefile := operated(`
		ttl 1s
		answers all
		pool www.lb.example.org {
			check tcp {flaky}
			member 127.35.1.1 id a region eu
			member 127.35.1.2 id b region eu
			member 127.35.1.3 id c region us
			member 127.35.1.4 id d region us
		}
		pool fade.lb.example.org {
			fade_in 3s
			member 127.35.1.5 id a
			member 127.35.1.6 id b
		}
		pool two.lb.example.org {
			min_up 2
			member 127.35.1.7 id a
			member 127.35.1.8 id b
		}
		pool six.lb.example.org {
			min_up 1
			member 127.35.1.7 id a
			member 127.35.1.8 id b
			member ::1 id c
		}
		pool raise.lb.example.org {
			min_up 1
			member 127.35.1.7 id a
			member 127.35.1.8 id b
		}
		pool canary.lb.example.org {
			member 127.35.1.7 id a
			member 127.35.1.8 id b
			member 127.35.1.9 id c
		}`)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{flaky}", flaky.port)
	const pool = "/v1/pools/www.lb.example.org"
	s.order(t, "GET "+pool+"/rollout", nil).isProblem(t, 404)
	s.order(t, "GET /v1/pools/nobody.lb.example.org/rollout", nil).isProblem(t, 404)
	s.order(t, "POST "+pool+"/rollout/cancel", nil).isProblem(t, 404)

	t.Log("the preflight")
	s.order(t, "PUT "+pool+"/members/d/drain", nil).is(t, 200)
	s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "127.35.1.3"}}).is(t, 200)
	s.order(t, "PUT "+pool+"/rollout", api.RolloutSpec{}).isProblem(t, 409, "c is blocked", "d is drained")
	s.order(t, "PUT "+pool+"/rollout?dry_run=1", api.RolloutSpec{Region: "us"}).isProblem(t, 409, "c is blocked", "d is drained")
	s.order(t, "PUT "+pool+"/rollout", api.RolloutSpec{Region: "nowhere"}).isProblem(t, 409, "at least 2")
	s.order(t, "PUT /v1/pools/two.lb.example.org/rollout", api.RolloutSpec{}).isProblem(t, 409, "min_up")
	s.order(t, "PUT /v1/pools/six.lb.example.org/rollout", api.RolloutSpec{}).isProblem(t, 409, "spare c", "min_up")
	for _, bad := range []api.RolloutSpec{{Timeout: "1"}, {Timeout: "1ms"}, {Canary: -1}, {Parallel: -1}, {Owner: "a b"}} {
		s.order(t, "PUT "+pool+"/rollout", bad).isProblem(t, 400)
	}
	dry := decode[api.Rollout](t, s.order(t, "PUT "+pool+"/rollout?dry_run=1", api.RolloutSpec{Region: "eu"}).is(t, 200))
	check(t, want(len(dry.Members) == 2, "%+v", dry))
	s.order(t, "GET "+pool+"/rollout", nil).isProblem(t, 404)

	t.Log("a region, whatever becomes of the other; the others go along")
	run := s.startRollout(t, "www.lb.example.org", api.RolloutSpec{Region: "eu", Owner: "ann", Command: "make disk"})
	fade := s.startRollout(t, "fade.lb.example.org", api.RolloutSpec{Canary: 1, Parallel: 2})
	raise := s.startRollout(t, "raise.lb.example.org", api.RolloutSpec{})
	canary := s.startRollout(t, "canary.lb.example.org", api.RolloutSpec{Canary: 1, MaxFailures: 2})
	s.order(t, "PUT "+pool+"/rollout", api.RolloutSpec{Region: "us"}).isProblem(t, 409, "ann", "running")
	for _, early := range []string{"started", "done", "failed"} {
		run.say(t, "b", early).isProblem(t, 409, "waiting")
		run.say(t, "c", early).isProblem(t, 409, "no member")
	}
	(&runner{s, run.pool, fade.id}).say(t, "a", "started").isProblem(t, 409, "another")
	run.say(t, "a", "exploded").isProblem(t, 400)

	s.reaches(t, run.pool, "a", "safe")
	check(t, s.dig(t, steady).names("127.35.1.2")) // c is blocked, d is drained
	m, _ := s.shownMember(t, steady, "a")
	check(t, want(m.Drain != nil && m.Drain.Safe && !m.Drain.SafeAfter.After(time.Now()), "%+v", m.Drain))
	s.order(t, "DELETE "+pool+"/members/a/drain", nil).isProblem(t, 409)
	s.order(t, "DELETE "+pool+"/members/a/drain?owner=ann", nil).isProblem(t, 409)
	check(t, want(stepOf(run.report(t, "a", "started"), "a") == "replacing", "a is not being replaced"))
	run.say(t, "a", "started").isProblem(t, 409)

	t.Log("it comes back when it has passed a probe that began after that, and no sooner")
	flaky.stop("127.35.1.1")
	eventually(t, func() error {
		m, _ := s.shownMember(t, steady, "a")
		return want(m.Addresses[0].State == "down", "%+v", m)
	})
	check(t, want(stepOf(run.report(t, "a", "done"), "a") == "returning", "a does not return"))
	mark := flaky.count("127.35.1.2")
	eventually(t, func() error { return want(flaky.count("127.35.1.2") > mark+2, "no probes") })
	check(t, want(stepOf(run.now(t), "a") == "returning" && stepOf(run.now(t), "b") == "waiting", "%+v", run.now(t)))
	check(t, s.dig(t, steady).names("127.35.1.2"))
	flaky.start(t, "127.35.1.1")
	s.reaches(t, run.pool, "a", "done")
	end := run.ends(t, "done")
	check(t, want(strings.Contains(end.Reason, "2 replaced") && end.Owner == "ann" && end.Command == "make disk" && end.Lease == nil, "%+v", end))
	must(t, s.dig(t, steady).names("127.35.1.1", "127.35.1.2"))
	run.say(t, "a", "started").isProblem(t, 409)
	cancelled := run.steer(t, "cancel")
	check(t, want(cancelled.Status == "done", "what has ended is %s", cancelled.Status))
	s.order(t, "POST "+pool+"/rollout/pause", nil).isProblem(t, 409)
	s.order(t, "POST "+pool+"/rollout/resume", nil).isProblem(t, 409)

	t.Log("fade_in is waited for")
	fade.replace(t, "a")
	eventually(t, func() error {
		m, _ := s.shownMember(t, fade.pool, "a")
		r := fade.now(t)
		if m.Drain == nil && m.Addresses[0].Fade < 1 && stepOf(r, "a") == "done" {
			t.Fatalf("a is done with %v of its share", m.Addresses[0].Fade)
		}
		return want(stepOf(r, "a") == "done", "%+v", r)
	})
	m, _ = s.shownMember(t, fade.pool, "a")
	check(t, want(m.Addresses[0].Fade == 1, "%+v", m))
	fade.steer(t, "cancel")

	t.Log("min_up forbids a drain in the middle")
	s.reaches(t, raise.pool, "a", "safe")
	s.reload(t, strings.Replace(corefile, "raise.lb.example.org {\n\t\t\tmin_up 1", "raise.lb.example.org {\n\t\t\tmin_up 2", 1))
	end = raise.ends(t, "failed")
	check(t, want(stepOf(end, "a") == "done" && stepOf(end, "b") == "released", "%+v", end))
	check(t, want(hasAll(end.Reason, "b cannot be drained", "min_up"), "the reason is %q", end.Reason))
	s.all(t, raise.pool)

	t.Log("a canary that fails stops all, and stays drained")
	s.reaches(t, canary.pool, "a", "safe")
	canary.report(t, "a", "started")
	s.order(t, "POST /v1/pools/canary.lb.example.org/rollout/report",
		api.RolloutReport{Rollout: canary.id, Member: "a", Result: "failed", Error: "exit status 3\nno \x1b[31mdisk"}).is(t, 200)
	end = canary.ends(t, "failed")
	check(t, want(stepOf(end, "a") == "failed" && stepOf(end, "b") == "released" && hasAll(end.Members[0].Error, "exit status 3", "disk"), "%+v", end))
	check(t, s.dig(t, canary.pool).names("127.35.1.8", "127.35.1.9"))
	s.order(t, "DELETE /v1/pools/canary.lb.example.org/members/a/drain?force=1", nil).is(t, 200)
	s.all(t, canary.pool)

	t.Log("what happened, in its order")
	var steps []string
	for _, e := range s.happened(t) {
		if e.Type == "rollout" && e.Pool == steady && e.Member != "" {
			steps = append(steps, e.Member+" "+e.To)
		}
	}
	expected := "[a draining a safe a replacing a returning a done b draining b safe b replacing b returning b done]"
	check(t, want(fmt.Sprint(steps) == expected, "the steps were %v", steps))
}

// rolloutSteering pauses and cancels at every step.
func rolloutSteering(t *testing.T) {
	web := startMany(t)
	var pools strings.Builder
	steps := []string{"draining", "safe", "replacing", "returning"}
	for _, do := range []string{"pause", "cancel"} {
		for _, step := range steps {
			fmt.Fprintf(&pools, "pool %s-%s.lb.example.org {\n member 127.35.2.1 id a\n member 127.35.2.2 id b\n", do, step)
			if step == "returning" {
				pools.WriteString("fade_in 2s\n") // so that it takes a while
			}
			if step == "draining" {
				pools.WriteString("ttl 3s\n")
			}
			pools.WriteString("}\n")
		}
	}
	s := startCoreDNS(t, operated("ttl 1s\nanswers all\n"+pools.String()), "{web}", web.port)
	runs := map[string]*runner{}
	for _, do := range []string{"pause", "cancel"} {
		for _, step := range steps {
			runs[do+step] = s.startRollout(t, do+"-"+step+".lb.example.org", api.RolloutSpec{})
		}
	}
	for _, step := range steps {
		p, c := runs["pause"+step], runs["cancel"+step]
		for _, run := range []*runner{p, c} {
			run.bring(t, "a", step)
		}
		paused := p.steer(t, "pause")
		check(t, want(paused.Status == "paused" && paused.Reason != "", "%+v", paused))
		s.order(t, "POST /v1/pools/"+p.pool+"/rollout/pause", nil).is(t, 200, `"status":"paused"`)

		end := c.steer(t, "cancel")
		check(t, want(end.Status == "cancelled" && end.Reason != "" && stepOf(end, "b") == "released", "%s: %+v", step, end))
		switch step {
		case "draining", "safe": // let back in at once
			check(t, want(stepOf(end, "a") == "released", "%s: %+v", step, end))
			eventually(t, func() error { return s.dig(t, c.pool).names("127.35.2.1", "127.35.2.2") })
		case "replacing": // nobody knows what it is like, until its command has ended
			check(t, want(stepOf(end, "a") == "replacing", "%s: %+v", step, end))
			check(t, s.dig(t, c.pool).names("127.35.2.2"))
			s.order(t, "PUT /v1/pools/"+c.pool+"/rollout", api.RolloutSpec{}).isProblem(t, 409)
			c.report(t, "a", "done")
		case "returning":
			check(t, want(slices.Contains([]string{"returning", "done"}, stepOf(end, "a")), "%s: %+v", step, end))
		}
		s.reachesOne(t, c.pool, "a", "released", "done")
		s.all(t, c.pool)
		check(t, want(c.now(t).Status == "cancelled", "%+v", c.now(t)))
		again := c.steer(t, "cancel")
		check(t, want(again.Status == "cancelled" && again.Ended.Equal(*end.Ended), "%+v", again))
	}
	t.Log("what was paused goes on to where the pool is whole, and begins nothing")
	for _, step := range steps {
		run := runs["pause"+step]
		switch step {
		case "draining", "safe":
			s.reaches(t, run.pool, "a", "safe")
			run.say(t, "a", "started").isProblem(t, 409, "paused")
		case "replacing":
			run.report(t, "a", "done")
			s.reaches(t, run.pool, "a", "done")
		case "returning":
			s.reaches(t, run.pool, "a", "done")
		}
		r := run.now(t)
		check(t, want(r.Status == "paused" && stepOf(r, "b") == "waiting", "%+v", r))
		r = run.steer(t, "resume")
		check(t, want(r.Status == "running", "%+v", r))
	}
	for _, step := range steps {
		runs["pause"+step].ends(t, "done")
		s.all(t, runs["pause"+step].pool)
	}
	check(t, want(len(s.facts(t)) == 0, "drains stay: %v", s.facts(t)))
}

// bring takes a member to a step.
func (r *runner) bring(t *testing.T, id, step string) {
	t.Helper()
	switch step {
	case "replacing", "returning":
		r.s.reaches(t, r.pool, id, "safe")
		r.report(t, id, "started")
		if step == "returning" {
			r.report(t, id, "done")
		}
	}
	r.s.reaches(t, r.pool, id, step)
}

// reachesOne waits until a member of a rollout has come to one of these steps.
func (s *coredns) reachesOne(t *testing.T, pool, id string, steps ...string) {
	t.Helper()
	eventually(t, func() error {
		r := s.rollout(t, pool)
		return want(slices.Contains(steps, stepOf(r, id)), "%s is not %v: %+v", id, steps, r)
	})
}

// rolloutKill kills the responder while rollouts are at every step.
func rolloutKill(t *testing.T) {
	web := startMany(t)
	flaky := startMembers(t, "127.35.3.1", "127.35.3.2")
	var pools strings.Builder
	steps := []string{"draining", "safe", "replacing", "returning"}
	for _, step := range steps {
		fmt.Fprintf(&pools, "pool %s.lb.example.org {\n member 127.35.3.1 id a\n member 127.35.3.2 id b\n", step)
		if step == "returning" {
			pools.WriteString("check tcp {flaky}\n")
		}
		if step == "draining" {
			pools.WriteString("ttl 4s\n")
		}
		pools.WriteString("}\n")
	}
	s := startCoreDNS(t, operated("ttl 1s\nanswers all\n"+pools.String()), "{web}", web.port, "{flaky}", flaky.port)
	runs := map[string]*runner{}
	for _, step := range []string{"safe", "replacing", "returning", "draining"} {
		run := s.startRollout(t, step+".lb.example.org", api.RolloutSpec{Owner: "ann"})
		runs[step] = run
		if step != "returning" {
			run.bring(t, "a", step)
			continue
		}
		run.bring(t, "a", "replacing")
		flaky.stop("127.35.3.1")
		run.report(t, "a", "done")
	}
	s.kill(t)
	s.launch(t)
	first := addresses(s.firstAnswer(t, "safe.lb.example.org"))
	check(t, want(slices.Equal(first, []string{"127.35.3.2"}), "the first answer names %v", first))
	if !s.serves() {
		t.Fatal("CoreDNS does not start again")
	}
	for _, step := range steps {
		run := runs[step]
		r := run.now(t)
		check(t, want(r.ID == run.id && r.Status == "paused" && hasAll(r.Reason, "started anew") && r.Lease != nil && r.Owner == "ann", "%s: %+v", step, r))
		check(t, s.dig(t, run.pool).names("127.35.3.2"))
		for _, id := range []string{"a", "b"} {
			run.say(t, id, "started").isProblem(t, 409)
		}
	}
	check(t, want(stepOf(runs["returning"].now(t), "a") == "returning", "%+v", runs["returning"].now(t)))
	check(t, want(stepOf(runs["replacing"].now(t), "a") == "replacing", "%+v", runs["replacing"].now(t)))
	runs["replacing"].report(t, "a", "done") // also while it is paused
	flaky.start(t, "127.35.3.1")
	for _, step := range steps {
		r := runs[step].steer(t, "resume")
		check(t, want(r.Status == "running", "%+v", r))
	}
	for _, step := range steps {
		end := runs[step].ends(t, "done")
		check(t, want(strings.Contains(end.Reason, "2 replaced"), "%s: %+v", step, end))
		s.all(t, runs[step].pool)
	}
	t.Log("and what has ended is there as it ended")
	s.kill(t)
	s.again(t)
	for _, step := range steps {
		r := runs[step].now(t)
		check(t, want(r.Status == "done" && r.ID == runs[step].id, "%+v", r))
	}
	check(t, want(len(s.facts(t)) == 0, "drains stay: %v", s.facts(t)))
}

// rolloutLosses takes away what a rollout is of.
func rolloutLosses(t *testing.T) {
	web := startMany(t)
	corefile := operated(`
		ttl 1s
		answers all
		pool members.lb.example.org {
			member 127.35.4.1 id a
			member 127.35.4.2 id b
		}
		pool corefile.lb.example.org {
			member 127.35.4.1 id a
			member 127.35.4.2 id b
		}`)
	s := startCoreDNS(t, corefile, "{web}", web.port)
	s.order(t, "PUT /v1/pools/made.lb.example.org", lines()).is(t, 200)
	for id, addr := range map[string]string{"a": "127.35.4.1", "b": "127.35.4.2"} {
		s.order(t, "PUT /v1/pools/made.lb.example.org/members/"+id+"?require_healthy=1", memberAt(addr)).is(t, 200)
	}
	for id, addr := range map[string]string{"c": "127.35.4.3", "d": "127.35.4.4"} {
		s.order(t, "PUT /v1/pools/members.lb.example.org/members/"+id+"?require_healthy=1", memberAt(addr)).is(t, 200)
	}
	made := s.startRollout(t, "made.lb.example.org", api.RolloutSpec{})
	members := s.startRollout(t, "members.lb.example.org", api.RolloutSpec{})
	gone := s.startRollout(t, "corefile.lb.example.org", api.RolloutSpec{})

	t.Log("members: one that waits, and one that is drained")
	s.reaches(t, members.pool, "a", "draining")
	s.order(t, "DELETE /v1/pools/members.lb.example.org/members/d", nil).is(t, 200)
	s.reaches(t, members.pool, "d", "released")
	members.replace(t, "a")
	check(t, want(stepOf(members.now(t), "b") == "waiting", "%+v", members.now(t)))
	s.order(t, "PUT /v1/pools/members.lb.example.org/members/e?require_healthy=1", memberAt("127.35.4.5")).is(t, 200) // in its stead
	members.replace(t, "b")
	s.reaches(t, members.pool, "c", "draining")
	s.order(t, "DELETE /v1/pools/members.lb.example.org/members/c?force=1", nil).is(t, 200)
	end := members.ends(t, "done")
	check(t, want(stepOf(end, "c") == "released" && stepOf(end, "e") == "none" && hasAll(end.Reason, "2 replaced", "2 left"), "%+v", end))
	must(t, s.dig(t, members.pool).names("127.35.4.1", "127.35.4.2", "127.35.4.5"))
	s.order(t, "PUT /v1/pools/members.lb.example.org/members/c?require_healthy=1", memberAt("127.35.4.3")).is(t, 200)
	must(t, s.dig(t, members.pool).names("127.35.4.1", "127.35.4.2", "127.35.4.3", "127.35.4.5")) // no drain is left of it

	t.Log("a pool made at run time")
	s.reaches(t, made.pool, "a", "safe")
	s.order(t, "DELETE /v1/pools/made.lb.example.org", nil).isProblem(t, 409)
	s.order(t, "DELETE /v1/pools/made.lb.example.org?force=1", nil).is(t, 200)
	s.order(t, "GET /v1/pools/made.lb.example.org/rollout", nil).isProblem(t, 404)
	made.say(t, "a", "started").isProblem(t, 404)
	s.order(t, "PUT /v1/pools/made.lb.example.org", lines()).is(t, 200)
	s.order(t, "PUT /v1/pools/made.lb.example.org/members/a?require_healthy=1", memberAt("127.35.4.1")).is(t, 200)
	must(t, s.dig(t, made.pool).names("127.35.4.1"))

	t.Log("a pool of the Corefile")
	s.reaches(t, gone.pool, "a", "safe")
	s.reload(t, strings.Replace(corefile, "pool corefile.", "pool another.", 1))
	s.reaches(t, gone.pool, "a", "released")
	gone.say(t, "a", "started").isProblem(t, 409)
	s.reload(t, corefile)
	s.all(t, gone.pool)
	check(t, want(gone.now(t).Status != "running" && gone.now(t).Status != "paused", "%+v", gone.now(t)))
	check(t, want(!strings.Contains(fmt.Sprint(s.facts(t)), "drain"), "drains stay: %v", s.facts(t)))
}

// rolloutAbandoned starts rollouts whose client is never heard of again.
func rolloutAbandoned(t *testing.T) {
	web := startMany(t)
	flaky := startMembers(t, "127.35.5.1", "127.35.5.2")
	s := startCoreDNS(t, operated(`
		ttl 1s
		answers all
		pool safe.lb.example.org {
			member 127.35.5.1 id a
			member 127.35.5.2 id b
		}
		pool replacing.lb.example.org {
			member 127.35.5.1 id a
			member 127.35.5.2 id b
		}
		pool returning.lb.example.org {
			check tcp {flaky}
			member 127.35.5.1 id a
			member 127.35.5.2 id b
		}
		pool heard.lb.example.org {
			member 127.35.5.1 id a
			member 127.35.5.2 id b
		}`), "{web}", web.port, "{flaky}", flaky.port)
	runs := map[string]*runner{}
	for _, step := range []string{"safe", "replacing", "returning"} {
		runs[step] = s.startRollout(t, step+".lb.example.org", api.RolloutSpec{})
	}
	heard := s.startRollout(t, "heard.lb.example.org", api.RolloutSpec{})
	s.reaches(t, heard.pool, "a", "safe")
	runs["returning"].bring(t, "a", "replacing")
	flaky.stop("127.35.5.1")
	runs["returning"].report(t, "a", "done")
	runs["replacing"].bring(t, "a", "replacing")
	runs["safe"].bring(t, "a", "safe")
	over := make(chan struct{})
	var alive sync.WaitGroup
	alive.Go(func() {
		for e := s.lasting(); !isClosed(over); time.Sleep(time.Second) {
			r, err := e.tryOrder("POST /v1/pools/heard.lb.example.org/rollout/report", api.RolloutReport{Rollout: heard.id})
			check(t, want(err == nil && r.status == 200, "%v %d %s", err, r.status, r.body))
		}
	})
	t.Cleanup(func() {
		close(over)
		alive.Wait()
	})
	for lease := *runs["safe"].now(t).Lease; time.Now().Before(lease); time.Sleep(10 * pollEvery) {
		r := runs["safe"].now(t)
		check(t, want(r.Status == "running" || !time.Now().Before(lease), "%+v", r))
	}
	s.reaches(t, "safe.lb.example.org", "a", "released")
	for step, run := range runs {
		eventually(t, func() error { return want(run.now(t).Status == "abandoned", "%s: %+v", step, run.now(t)) })
	}
	s.all(t, "safe.lb.example.org")
	check(t, want(stepOf(runs["replacing"].now(t), "a") == "failed", "%+v", runs["replacing"].now(t)))
	check(t, s.dig(t, "replacing.lb.example.org").names("127.35.5.2"))
	runs["replacing"].report(t, "a", "done") // late news are news
	s.all(t, "replacing.lb.example.org")
	flaky.start(t, "127.35.5.1")
	s.all(t, "returning.lb.example.org")
	check(t, want(heard.now(t).Status == "running" && stepOf(heard.now(t), "a") == "safe", "%+v", heard.now(t)))
	heard.steer(t, "cancel")
	s.all(t, heard.pool)
	check(t, want(len(s.facts(t)) == 0, "drains stay: %v", s.facts(t)))
}
