package client

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// diary keeps what OnChange is told.
type diary struct {
	mu      sync.Mutex
	changes []Change
}

func (d *diary) write(c Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes = append(d.changes, c)
}

// has tells whether a change reads like that.
func (d *diary) has(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.changes, func(c Change) bool { return strings.Contains(c.String(), text) })
}

func (d *diary) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.changes)
}

// web1 is a member to register, at the quick pace: a lease of a second.
func web1(t *testing.T, r *responder) (Registration, *diary) {
	d := new(diary)
	return Registration{
		Client: clientOf(t, Settings{Server: r.url()}), Pool: "www.lb.example", ID: "web1", Addresses: []string{"192.0.2.1", "2001:db8::1"},
		TTL: time.Second, OnChange: d.write,
	}, d
}

const (
	web1Key    = "www.lb.example/web1"
	registered = "POST /v1/pools/www.lb.example/registrations"
	renewed    = "PUT /v1/pools/www.lb.example/registrations/web1"
	left       = "DELETE /v1/pools/www.lb.example/registrations/web1"
)

func register(t *testing.T, ctx context.Context, m Registration) *Lease {
	t.Helper()
	lease, err := Register(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func TestRegister(t *testing.T) {
	r := newResponder(t).start()
	ctx, cancel := during(t)
	m, d := web1(t, r)
	lease := register(t, ctx, m)
	if r.lease(web1Key) == nil || lease.Secret() != "secret-1" || lease.Err() != nil {
		t.Errorf("not registered when Register returns; secret %q, %v", lease.Secret(), lease.Err())
	}
	now := lease.Now()
	if !now.Registered || now.Left || now.Registration.Secret != "" || now.Registration.ID != "web1" ||
		now.String() != "registered as web1 in the pool www.lb.example, not served: unknown until its first pass" {
		t.Errorf("%+v: %s", now, now)
	}
	soon(t, "renewals", func() bool { return r.heard(renewed) >= 3 })
	if now := lease.Now(); !now.Registered || !now.Registration.Served || now.String() != "registered as web1 in the pool www.lb.example" {
		t.Errorf("%+v: %s", now, now)
	}
	if n := d.len(); n != 2 {
		t.Errorf("%d changes told: %v", n, d.changes)
	}
	cancel()
	await(t, "the end", lease.Done())
	if err := lease.Leave(); err != nil || r.lease(web1Key) != nil || lease.Err() != nil || !d.has("left the pool www.lb.example") {
		t.Errorf("%v, %v", err, d.changes)
	}
	if r.heard(registered) != 1 || r.heard(left) != 1 {
		t.Errorf("calls %v", r.calls)
	}
}

func TestLeave(t *testing.T) {
	r := newResponder(t).start()
	m, _ := web1(t, r)
	lease := register(t, t.Context(), m)
	for range 2 {
		if err := lease.Leave(); err != nil {
			t.Error(err)
		}
	}
	if now := lease.Now(); r.lease(web1Key) != nil || r.heard(left) != 1 || !now.Left || now.Registered {
		t.Errorf("%v, calls %v", now, r.calls)
	}
}

func TestRegisterAnew(t *testing.T) {
	r := newResponder(t).start()
	m, d := web1(t, r)
	lease := register(t, t.Context(), m)
	defer lease.Leave()
	r.change(func() { clear(r.leases) }) // it lapsed, or was lost
	soon(t, "to be registered anew", func() bool { return r.lease(web1Key) != nil })
	soon(t, "the new secret", func() bool { return lease.Secret() == "secret-2" })
	if !d.has("not registered in the pool www.lb.example: healthlb at " + r.url() + ": 404") {
		t.Errorf("%v", d.changes)
	}

	// Somebody else has taken the place: until he goes, there is nothing to be done.
	r.change(func() { r.leases[web1Key].Secret = "another's" })
	soon(t, "to be told", func() bool { return d.has("409 Conflict: web1 is registered by somebody else") })
	if now := lease.Now(); now.Registered || now.Err == nil {
		t.Errorf("%v", now)
	}
	r.change(func() { clear(r.leases) })
	soon(t, "to be registered again", func() bool { return lease.Now().Registered && r.lease(web1Key).Secret == lease.Secret() })
}

func TestResponderIsAway(t *testing.T) {
	r := newResponder(t).start()
	m, d := web1(t, r)
	r.kill() // the address stays
	lease := register(t, t.Context(), m)
	defer lease.Leave()
	if now := lease.Now(); now.Registered || now.Err == nil || !d.has("does not answer") {
		t.Errorf("%v", now)
	}
	r.start()
	soon(t, "to be registered", func() bool { return lease.Now().Registered })

	r.kill()
	soon(t, "to be noticed", func() bool { return lease.Now().Err != nil })
	soon(t, "the lease to be over", func() bool { return !lease.Now().Registered })
	r.start() // with the registration: it was kept
	soon(t, "to be renewed", func() bool { return lease.Now().Registered && r.heard(renewed) > 0 })
	if r.heard(registered) != 1 {
		t.Errorf("calls %v", r.calls)
	}
	r.kill()
	if err := lease.Leave(); err == nil || !strings.Contains(err.Error(), "is left to lapse: healthlb at "+r.url()) {
		t.Errorf("leaving a responder that is away: %v", err)
	}
}

func TestTroublesThatPass(t *testing.T) {
	for _, status := range []int{404, 408, 409, 425, 429, 500, 501, 503, 507} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			r := newResponder(t).start()
			m, d := web1(t, r)
			r.change(func() { r.fault = func(*http.Request) int { return status } })
			lease := register(t, t.Context(), m)
			soon(t, "some tries", func() bool { return r.heard(registered) > 3 })
			if n := d.len(); n != 1 {
				t.Errorf("told %d times of one trouble", n)
			}
			r.change(func() { r.fault = nil })
			soon(t, "to be registered", func() bool { return lease.Now().Registered })

			// Once it was registered, no refusal ends it: the token may be about to be replaced.
			r.change(func() { r.token = "0123456789abcdef" })
			soon(t, "to be noticed", func() bool { return StatusOf(lease.Now().Err) == 401 })
			r.change(func() { r.token = "" })
			soon(t, "to be well again", func() bool { return lease.Now().Err == nil })
			if err := lease.Leave(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatCanNeverBe(t *testing.T) {
	r := newResponder(t).start()
	for _, status := range []int{307, 400, 401, 403, 405, 413, 415, 421, 422} {
		r.change(func() { r.fault = func(*http.Request) int { return status } })
		m, _ := web1(t, r)
		if lease, err := Register(t.Context(), m); StatusOf(err) != status || lease != nil {
			t.Errorf("%d: %v", status, err)
		}
	}

	// When that comes out only later, the lease ends.
	m, d := web1(t, r)
	r.kill()
	lease := register(t, t.Context(), m)
	r.start()
	await(t, "the end", lease.Done())
	if err := lease.Err(); StatusOf(err) != 422 || lease.Leave() != err || !lease.Now().Left || !d.has("422 Unprocessable Entity") {
		t.Errorf("%v", lease.Now())
	}
	if r.heard(left) > 0 {
		t.Error("who was never registered has left")
	}
}

func TestBadRegistrations(t *testing.T) {
	server := Settings{Server: "http://127.0.0.1:1"}
	for _, test := range []struct {
		m    Registration
		want string
	}{
		{Registration{Settings: server}, "the pool is missing"},
		{Registration{Settings: server, Pool: "www.", TTL: time.Millisecond}, "TTL 1ms is out of range: want 1s to 24h0m0s, or 0 for 30s"},
		{Registration{Settings: server, Pool: "www.", TTL: -1}, "out of range"},
		{Registration{Settings: server, Pool: "www.", TTL: 25 * time.Hour}, "out of range"},
		{Registration{Settings: server, Pool: "www.", Addresses: []string{"web1"}}, `address "web1" is no IP address`},
		{Registration{Settings: server, Pool: "www.", Addresses: []string{"::1", "::2", "::3"}}, "3 addresses"},
		{Registration{Settings: Settings{Server: "x"}, Pool: "www."}, wantServer},
		{Registration{Settings: server, Pool: "www."}, "say which it is (Addresses, or --address)"},
		{Registration{Settings: Settings{Server: "unix:/x"}, Pool: "www."}, "say which it is (Addresses, or --address)"},
		{Registration{Settings: server, Client: clientOf(t, server), Pool: "www."}, "both a client and settings"},
	} {
		if lease, err := Register(t.Context(), test.m); err == nil || !strings.Contains(err.Error(), test.want) || lease != nil {
			t.Errorf("%+v: %v, want %s", test.m, err, test.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Register(ended, Registration{Settings: server, Pool: "www.", Addresses: []string{"::1"}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestSecretOfBefore: a program that starts anew shows the secret of its last run.
func TestSecretOfBefore(t *testing.T) {
	r := newResponder(t).start()
	m, _ := web1(t, r)
	r.change(func() {
		r.leases[web1Key] = &api.Registration{Pool: "www.lb.example.", ID: "web1", Secret: "of before", Lease: &api.Lease{TTL: 1}}
	})
	m.Secret = "of before"
	lease := register(t, t.Context(), m)
	if now := lease.Now(); !now.Registered || lease.Secret() != "of before" {
		t.Errorf("%v", now)
	}
	if err := lease.Leave(); err != nil || r.lease(web1Key) != nil {
		t.Error(err)
	}
}

// TestEndInTheMiddle: when the end comes while the first call is under way, its answer is still heard, or nobody could leave.
func TestEndInTheMiddle(t *testing.T) {
	r := newResponder(t).start()
	ctx, cancel := context.WithCancel(t.Context())
	r.change(func() { r.fault = func(q *http.Request) int { cancel(); return 0 } })
	m, _ := web1(t, r)
	lease := register(t, ctx, m)
	if err := lease.Leave(); err != nil || r.lease(web1Key) != nil || r.heard(left) != 1 {
		t.Errorf("%v, calls %v", err, r.calls)
	}
}

// TestGoodbyeIsBounded: a responder that hangs does not keep a server from ending.
func TestGoodbyeIsBounded(t *testing.T) {
	r := newResponder(t).start()
	m, _ := web1(t, r)
	m.Client.pace.farewell = 20 * time.Millisecond
	lease := register(t, t.Context(), m)
	r.mu.Lock() // now all calls hang
	err := lease.Leave()
	r.mu.Unlock()
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestLostAnswer: a registration whose answer is lost cannot be renewed, as its secret is lost too, and lapses; then it goes on.
func TestLostAnswer(t *testing.T) {
	r := newResponder(t).start()
	m, d := web1(t, r)
	r.change(func() { r.lose = func(q *http.Request) bool { return q.Method == http.MethodPost } })
	lease := register(t, t.Context(), m)
	defer lease.Leave()
	r.change(func() { r.lose = nil })
	soon(t, "to be told", func() bool { return d.has("409") })
	r.change(func() { clear(r.leases) })
	soon(t, "to be registered", func() bool { return lease.Now().Registered })
}

// TestOverUnixSocketWithOwnSettings is the whole way without a client of the caller's.
func TestOverUnixSocketWithOwnSettings(t *testing.T) {
	r := newResponder(t)
	r.network, r.address = "unix", filepath.Join(t.TempDir(), "s")
	r.start()
	weight := 0
	lease := register(t, t.Context(), Registration{
		Settings: Settings{Server: r.url()}, Pool: "www.lb.example", Addresses: []string{"192.0.2.1"},
		Weight: &weight, Priority: 2, Region: "eu", Port: 8080,
	})
	if now := lease.Now(); now.Registration.ID != "192.0.2.1" || now.Registration.Lease.TTL != 30 {
		t.Errorf("%+v", now)
	}
	if err := lease.Leave(); err != nil {
		t.Error(err)
	}
}

func TestChangeInWords(t *testing.T) {
	r := api.Registration{Pool: "www.", ID: "a"}
	for want, c := range map[string]Change{
		"registered as a in the pool www, not served":     {Registered: true, Registration: r},
		"registered as a in the pool www, not served: x":  {Registered: true, Registration: r, Err: errors.New("x")},
		"not registered in the pool www: x":               {Registration: r, Err: errors.New("x")},
		"left the pool www":                               {Left: true, Registration: r},
		"not registered in the pool www: it was given up": {Left: true, Registration: r, Err: errors.New("it was given up")},
	} {
		if got := c.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
