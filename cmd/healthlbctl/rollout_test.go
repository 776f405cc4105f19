package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// rolloutServer carries out the responder's side of a rollout in the simplest way: all is safe, and whole again, at once.
type rolloutServer struct {
	mu      sync.Mutex
	r       api.Rollout
	reports []string
}

func newRolloutServer(f *fake, members ...string) *rolloutServer {
	s := &rolloutServer{r: api.Rollout{ID: "r1", Pool: pool, Status: "running", Started: noon, Timeout: 1800, Parallel: 1}}
	for i, id := range members {
		s.r.Members = append(s.r.Members, api.RolloutMember{ID: id, Addresses: []string{fmt.Sprintf("192.0.2.%d", 10+i), "2001:db8::1"}, Step: "waiting"})
	}
	const path = " /pools/www/rollout"
	f.do("PUT"+path, func(_ *http.Request, body []byte) (int, any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var spec api.RolloutSpec
		if err := json.Unmarshal(body, &spec); err != nil {
			return 400, problem(400, err.Error())
		}
		s.r.Owner, s.r.Command = spec.Owner, spec.Command
		s.next()
		return 200, s.r
	})
	full := " /pools/" + pool + "/rollout"
	f.do("GET"+full, func(*http.Request, []byte) (int, any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return 200, s.r
	})
	f.do("POST"+full+"/cancel", func(*http.Request, []byte) (int, any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.end("cancelled", "by alice@desk")
		return 200, s.r
	})
	f.do("POST"+full+"/report", func(_ *http.Request, body []byte) (int, any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var report api.RolloutReport
		if err := json.Unmarshal(body, &report); err != nil {
			return 400, problem(400, err.Error())
		}
		s.take(report)
		return 200, s.r
	})
	return s
}

func (s *rolloutServer) take(report api.RolloutReport) {
	s.r.Members = slices.Clone(s.r.Members) // the one before may still be on its way out
	for i := range s.r.Members {
		if m := &s.r.Members[i]; m.ID == report.Member {
			s.reports = append(s.reports, strings.TrimSpace(m.ID+" "+report.Result+" "+report.Error))
			switch report.Result {
			case "started":
				m.Step = "replacing"
			case "done":
				m.Step = "done"
				s.next()
			case "failed":
				m.Step, m.Error = "failed", report.Error
				s.end("failed", m.ID+" failed")
			}
		}
	}
}

// next gives the next member its turn.
func (s *rolloutServer) next() {
	for i := range s.r.Members {
		if m := &s.r.Members[i]; m.Step == "waiting" {
			if s.r.Status == "running" {
				m.Step = "safe"
			}
			return
		}
	}
	s.end("done", "")
}

func (s *rolloutServer) end(status, reason string) {
	if s.r.Ended == nil {
		s.r.Status, s.r.Reason, s.r.Ended = status, reason, ptr(noon)
	}
}

func (s *rolloutServer) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reports)
}

func TestRolloutByCommand(t *testing.T) {
	f := newFake(t)
	s := newRolloutServer(f, "web-1", "web-2")
	o := ctl(t, f, "rollout", "start", "www", "--exec",
		`echo {id} "{address}" {address4} {address6} $HEALTHLB_POOL $HEALTHLB_MEMBER $HEALTHLB_ADDRESS; echo trouble >&2`)
	o.check(t, 0, `
12:00:05 rollout of www: 2 members, each by: echo {id} "{address}" {address4} {address6} $HEALTHLB_POOL $HEALTHLB_MEMBER $HEALTHLB_ADDRESS; echo trouble >&2
12:00:05 web-1 (192.0.2.10 2001:db8::1) safe
12:00:05 web-1 (192.0.2.10 2001:db8::1) replacing
web-1: web-1 192.0.2.10 192.0.2.10 2001:db8::1 www.lb.example.org web-1 192.0.2.10
12:00:05 web-1 (192.0.2.10 2001:db8::1) done
12:00:05 web-2 (192.0.2.11 2001:db8::1) safe
12:00:05 web-2 (192.0.2.11 2001:db8::1) replacing
web-2: web-2 192.0.2.11 192.0.2.11 2001:db8::1 www.lb.example.org web-2 192.0.2.11
12:00:05 web-2 (192.0.2.11 2001:db8::1) done
12:00:05 done
`, "web-1: trouble\nweb-2: trouble\n")
	if got, want := s.told(), []string{"web-1 started", "web-1 done", "web-2 started", "web-2 done"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestRolloutFails(t *testing.T) {
	f := newFake(t)
	s := newRolloutServer(f, "web-1", "web-2")
	o := ctl(t, f, "rollout", "start", "www", "--exec", "exit 4", "-o", "json")
	var last api.Rollout
	if err := json.Unmarshal([]byte(o.out), &last); err != nil || last.Status != "failed" || o.code != 6 {
		t.Errorf("got %+v, %v", o, err)
	}
	if !strings.HasSuffix(o.err, "12:00:05 web-1 (192.0.2.10 2001:db8::1) failed: the command ended with status 4\n"+
		"healthlbctl: the rollout is failed: web-1 failed\n") {
		t.Errorf("got %s", o.err)
	}
	if got, want := s.told(), []string{"web-1 started", "web-1 failed the command ended with status 4"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestRolloutRefused(t *testing.T) {
	f := newFake(t)
	f.on("PUT /pools/www/rollout", 409, problem(409, "the pool is not whole"))
	ctl(t, f, "rollout", "start", "www").check(t, 3, "", "healthlbctl: refused: the pool is not whole\n")
	for _, args := range []string{"--timeout 5", "--timeout 48h", "--canary -1", "--parallel -1"} {
		if o := ctl(t, f, append([]string{"rollout", "start", "www"}, strings.Fields(args)...)...); o.code != 2 {
			t.Errorf("%s: %+v", args, o)
		}
	}
}

// When a member's timeout is over its command is ended, with all that it has started.
func TestRolloutTimeout(t *testing.T) {
	f := newFake(t)
	s := newRolloutServer(f, "web-1")
	s.r.Timeout = 1
	c := newConsole(t, f)
	c.now = time.Now
	if o := c.do("rollout", "start", "www", "--exec", "sleep 100"); o.code != 6 {
		t.Errorf("got %+v", o)
	}
	if got, want := s.told(), []string{"web-1 started", "web-1 failed the command was ended: the member's timeout of 1s is over"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// The first Ctrl-C cancels and waits for the command.
func TestRolloutInterrupted(t *testing.T) {
	f := newFake(t)
	s := newRolloutServer(f, "web-1", "web-2")
	gate := filepath.Join(t.TempDir(), "gate")
	c := newConsole(t, f)
	ended := make(chan outcome, 1)
	go func() {
		ended <- c.do("rollout", "start", "www", "--exec", "echo begun; while [ ! -e "+gate+" ]; do sleep 0.05; done; echo over")
	}()
	within(t, "the command", func() bool { return strings.Contains(c.out.String(), "web-1: begun") })
	c.signals <- os.Interrupt
	within(t, "the message", func() bool {
		return strings.Contains(c.err.String(), "cancelling the rollout; waiting for 1 command to end, Ctrl-C again ends them")
	})
	writeFile(t, gate, "")
	o := <-ended
	if o.code != 130 || !strings.HasSuffix(o.err, "healthlbctl: interrupted; the rollout is cancelled: by alice@desk\n") || !strings.Contains(o.out, "web-1: over\n") {
		t.Errorf("got %+v", o)
	}
	if got, want := s.told(), []string{"web-1 started", "web-1 done"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// The second one ends the command.
func TestRolloutKilled(t *testing.T) {
	f := newFake(t)
	s := newRolloutServer(f, "web-1")
	c := newConsole(t, f)
	ended := make(chan outcome, 1)
	go func() { ended <- c.do("rollout", "start", "www", "--exec", "echo begun; exec sleep 100") }()
	within(t, "the command", func() bool { return strings.Contains(c.out.String(), "web-1: begun") })
	c.signals <- os.Interrupt
	c.signals <- os.Interrupt
	if o := <-ended; o.code != 130 {
		t.Errorf("got %+v", o)
	}
	if got, want := s.told(), []string{"web-1 started", "web-1 failed the command was ended: interrupted"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// Without a command people are asked; the end of the input is no answer.
func TestRolloutByHand(t *testing.T) {
	f := newFake(t)
	s := newRolloutServer(f, "web-1", "web-2")
	c := newConsole(t, f)
	in, hand := io.Pipe()
	c.in = in
	ended := make(chan outcome, 1)
	go func() { ended <- c.do("rollout", "start", "www") }()
	within(t, "the question", func() bool {
		return c.err.String() == "web-1 (192.0.2.10 2001:db8::1) is safe to stop: replace it, then press Enter\n"
	})
	fmt.Fprintln(hand)
	within(t, "the next question", func() bool { return strings.Contains(c.err.String(), "web-2 (192.0.2.11 2001:db8::1) is safe to stop") })
	hand.Close()
	if o := <-ended; o.code != 6 {
		t.Errorf("got %+v", o)
	}
	want := []string{"web-1 started", "web-1 done", "web-2 started", "web-2 failed nobody has said that it is replaced: standard input has ended"}
	if got := s.told(); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// A server that names members so that a shell would run their names runs nothing here.
func TestHostileMembers(t *testing.T) {
	for _, m := range []api.RolloutMember{
		{ID: "$(touch x)", Addresses: []string{"192.0.2.10"}},
		{ID: "a;b", Addresses: []string{"192.0.2.10"}},
		{ID: "", Addresses: []string{"192.0.2.10"}},
		{ID: "a", Addresses: []string{"`id`"}},
		{ID: "a", Addresses: []string{"fe80::1%$(id)"}},
	} {
		if values, err := placeholders(m); err == nil {
			t.Errorf("%+v: %v", m, values)
		}
	}
}

func TestRolloutStatus(t *testing.T) {
	f := newFake(t)
	r := api.Rollout{
		ID: "r1", Pool: pool, Owner: "alice@desk", Region: "eu", Canary: 1, Parallel: 2, Timeout: 1800, Command: "./replace {id}", Status: "failed",
		Reason: "web-1 failed", Started: noon.Add(-time.Minute), Ended: ptr(noon),
		Members: []api.RolloutMember{
			{ID: "web-1", Addresses: []string{"192.0.2.10", "2001:db8::10"}, Step: "failed", Since: noon.Add(-5 * time.Second), Error: "status 4"},
			{ID: "web-2", Addresses: []string{"192.0.2.11"}, Step: "draining", Since: noon, SafeAfter: ptr(noon.Add(9 * time.Second))},
		},
	}
	f.on("GET /pools/www/rollout", 200, r)
	ctl(t, f, "rollout", "status", "www").check(t, 6, `
www.lb.example.org: failed (web-1 failed)
started 11:59:05 by alice@desk, ended 12:00:05
region eu, canary 1, parallel 2, max_failures 0, timeout 30m0s
command ./replace {id}

ID     ADDRESSES                STEP      SINCE  SAFE AFTER     ERROR
web-1  192.0.2.10 2001:db8::10  failed    5s                    status 4
web-2  192.0.2.11               draining  0s     12:00:14 (9s)
`, "")
	r.Status = "running"
	f.on("GET /pools/www/rollout", 200, r)
	if o := ctl(t, f, "rollout", "status", "www", "-o", "yaml"); o.code != 0 || !regexp.MustCompile(`(?m)^status: running$`).MatchString(o.out) {
		t.Errorf("got %+v", o)
	}
	if o := ctl(t, f, "rollout", "status", "api"); o.code != 5 {
		t.Errorf("got %+v", o)
	}
}
