package client

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// responder is a stand-in for healthlb, as far as the client sees it: it keeps registrations, blocks, events and one rollout. It can be
// killed and started anew at the same address.
type responder struct {
	t       *testing.T
	network string
	address string
	server  *http.Server
	ended   chan struct{}

	mu      sync.Mutex // guards what follows
	token   string     // empty: none is asked for
	calls   []string   // METHOD PATH of all calls
	fault   func(r *http.Request) int
	lose    func(r *http.Request) bool // of a call that is carried out: its answer never comes
	noPool  bool
	taken   bool // ids are registered by somebody else
	leases  map[string]*api.Registration
	secrets int
	blocks  []api.Block // with until in RFC 3339 with fractions
	events  []api.Event
	wake    chan struct{} // closed when there are more events
	cut     chan struct{} // closed to cut the streams off
	rollout *api.Rollout
	beats   int
	reports []string // of the rollout: MEMBER RESULT
}

func newResponder(t *testing.T) *responder {
	r := &responder{
		t: t, network: "tcp", address: "127.0.0.1:0", leases: map[string]*api.Registration{},
		wake: make(chan struct{}), cut: make(chan struct{}),
	}
	return r
}

// start begins to serve, again or for the first time.
func (r *responder) start() *responder {
	r.t.Helper()
	var listener net.Listener
	soon(r.t, "to listen at "+r.address, func() (ok bool) {
		var err error
		listener, err = net.Listen(r.network, r.address)
		return err == nil
	})
	r.address = listener.Addr().String()
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(*http.Request) (int, any){
		"POST /v1/pools/{pool}/registrations":        r.register,
		"PUT /v1/pools/{pool}/registrations/{id}":    r.renew,
		"DELETE /v1/pools/{pool}/registrations/{id}": r.leave,
		"GET /v1/blocklist":                          r.blocklist,
		"POST /v1/blocklist":                         r.block,
		"DELETE /v1/blocklist/{prefix...}":           r.unblock,
		"GET /v1/pools/{pool}/rollout":               r.getRollout,
		"POST /v1/pools/{pool}/rollout/cancel":       r.cancel,
		"POST /v1/pools/{pool}/rollout/report":       r.report,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, q *http.Request) { r.carryOut(w, q, do) })
	}
	mux.HandleFunc("GET /v1/events", r.stream)
	server := &http.Server{Handler: mux}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	r.server, r.ended = server, ended
	r.t.Cleanup(r.kill)
	return r
}

// kill ends it as kill -9 does.
func (r *responder) kill() {
	r.server.Close()
	<-r.ended
}

func (r *responder) url() string {
	if r.network == "unix" {
		return "unix:" + r.address
	}
	return "http://" + r.address
}

// change does something to its state.
func (r *responder) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// holds tells whether something is true of its state.
func (r *responder) holds(f func() bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f()
}

// heard is how often a call was made.
func (r *responder) heard(call string) (n int) {
	r.change(func() {
		for _, c := range r.calls {
			if c == call {
				n++
			}
		}
	})
	return n
}

func (r *responder) carryOut(w http.ResponseWriter, q *http.Request, do func(*http.Request) (int, any)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	status, answer := r.admit(q)
	if status == 0 {
		status, answer = do(q)
	}
	if r.lose != nil && r.lose(q) {
		panic(http.ErrAbortHandler)
	}
	if status >= 300 {
		w.Header().Set("Content-Type", "application/problem+json")
		answer = api.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprint(answer)}
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// admit is what comes before a call; 0: nothing is in its way.
func (r *responder) admit(q *http.Request) (int, any) {
	r.calls = append(r.calls, q.Method+" "+q.URL.Path)
	if r.token != "" && q.Header.Get("Authorization") != "Bearer "+r.token {
		return http.StatusUnauthorized, "the token is not in the token file"
	}
	if r.fault != nil {
		if status := r.fault(q); status != 0 {
			return status, "fault"
		}
	}
	if r.noPool && strings.HasPrefix(q.URL.Path, "/v1/pools/") {
		return http.StatusNotFound, "there is no pool"
	}
	return 0, nil
}

func (r *responder) read(q *http.Request, into any) {
	dec := json.NewDecoder(q.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil || q.Header.Get("Content-Type") != "application/json" {
		r.t.Errorf("%s %s: %v, Content-Type %q", q.Method, q.URL, err, q.Header.Get("Content-Type"))
	}
}

func (r *responder) register(q *http.Request) (int, any) {
	var spec api.RegistrationSpec
	r.read(q, &spec)
	ttl, err := time.ParseDuration(spec.TTL)
	if err != nil {
		return http.StatusBadRequest, "ttl: " + err.Error()
	}
	if slices.Contains(spec.Addresses, "0.0.0.0") {
		return http.StatusBadRequest, "0.0.0.0 is not an address of a server"
	}
	if spec.ID == "" {
		spec.ID = spec.Addresses[0]
	}
	key := q.PathValue("pool") + "/" + spec.ID
	before := r.leases[key]
	if r.taken || before != nil && before.Secret != q.Header.Get("Registration-Secret") {
		return http.StatusConflict, spec.ID + " is registered by somebody else"
	}
	if before != nil {
		again := *before
		again.Changed, again.Secret = false, ""
		return http.StatusCreated, again
	}
	r.secrets++
	lease := &api.Registration{
		Pool: q.PathValue("pool") + ".", ID: spec.ID, Changed: true, Secret: "secret-" + strconv.Itoa(r.secrets),
		Lease: &api.Lease{TTL: ttl.Seconds(), Until: time.Now().Add(ttl)}, Why: "unknown until its first pass",
	}
	r.leases[key] = lease
	return http.StatusCreated, *lease
}

func (r *responder) own(q *http.Request) (lease *api.Registration, status int, why any) {
	if n, err := q.Body.Read(make([]byte, 1)); n > 0 {
		r.t.Errorf("%s %s has a body: %v", q.Method, q.URL, err)
	}
	lease = r.leases[q.PathValue("pool")+"/"+q.PathValue("id")]
	switch {
	case lease == nil:
		return nil, http.StatusNotFound, "there is no such registration"
	case lease.Secret != q.Header.Get("Registration-Secret"):
		return nil, http.StatusForbidden, "the secret is wrong"
	}
	return lease, 0, nil
}

func (r *responder) renew(q *http.Request) (int, any) {
	lease, status, why := r.own(q)
	if lease == nil {
		return status, why
	}
	answer := *lease
	answer.Secret, answer.Served, answer.Why = "", true, ""
	return http.StatusOK, answer
}

func (r *responder) leave(q *http.Request) (int, any) {
	lease, status, why := r.own(q)
	if status == http.StatusNotFound {
		return http.StatusOK, api.Registration{Pool: q.PathValue("pool"), ID: q.PathValue("id")}
	}
	if lease == nil {
		return status, why
	}
	delete(r.leases, q.PathValue("pool")+"/"+q.PathValue("id"))
	return http.StatusOK, api.Registration{Pool: lease.Pool, ID: lease.ID, Changed: true}
}

// lease is the registration of an id, or nil.
func (r *responder) lease(key string) *api.Registration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leases[key]
}

func (r *responder) inForce() []api.Block {
	return slices.DeleteFunc(slices.Clone(r.blocks), func(b api.Block) bool {
		until, err := time.Parse(time.RFC3339Nano, b.Until)
		return err == nil && !until.After(time.Now())
	})
}

func (r *responder) blocklist(*http.Request) (int, any) { return http.StatusOK, r.inForce() }

func (r *responder) block(q *http.Request) (int, any) {
	var entries []api.Block
	r.read(q, &entries)
	for _, e := range entries {
		if e.For != "" {
			d, err := time.ParseDuration(e.For)
			if err != nil || d <= 0 {
				return http.StatusBadRequest, "for " + e.For
			}
			e.For, e.Until = "", time.Now().Add(d).UTC().Format(time.RFC3339Nano)
		}
		r.blocks = slices.DeleteFunc(r.blocks, func(b api.Block) bool {
			return b.Address == e.Address && b.Pool == e.Pool && b.Owner == e.Owner
		})
		r.blocks = append(r.blocks, e)
	}
	return http.StatusOK, api.Effect{Changed: true, Pools: []api.FamilyEffect{}, Addresses: []api.AddressEffect{}}
}

func (r *responder) unblock(q *http.Request) (int, any) {
	prefix, pool, owner := q.PathValue("prefix"), q.URL.Query().Get("pool"), q.URL.Query().Get("owner")
	if _, err := netip.ParseAddr(prefix); err != nil {
		return http.StatusBadRequest, err
	}
	before := len(r.blocks)
	r.blocks = slices.DeleteFunc(r.blocks, func(b api.Block) bool {
		return b.Address == prefix && b.Pool == pool && (owner == "" || b.Owner == owner || b.Owner == "")
	})
	return http.StatusOK, api.Effect{Changed: len(r.blocks) < before, Pools: []api.FamilyEffect{}, Addresses: []api.AddressEffect{}}
}

// say adds an event.
func (r *responder) say(id uint64, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, api.Event{ID: id, Type: "transition", Pool: "www.lb.example.", Text: text})
	close(r.wake)
	r.wake = make(chan struct{})
}

// cutOff breaks the streams that are open.
func (r *responder) cutOff() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.cut)
	r.cut = make(chan struct{})
}

func (r *responder) stream(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	status, why := r.admit(q)
	cut := r.cut
	after, _ := strconv.ParseUint(q.URL.Query().Get("after"), 10, 64)
	if last := q.Header.Get("Last-Event-ID"); last != "" {
		after, _ = strconv.ParseUint(last, 10, 64)
		r.calls = append(r.calls, "resumed after "+last)
	}
	r.mu.Unlock()
	if status != 0 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(api.Problem{Status: status, Detail: fmt.Sprint(why)})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	fmt.Fprint(w, ": hello\n\n")
	for {
		r.mu.Lock()
		events, wake := slices.Clone(r.events), r.wake
		r.mu.Unlock()
		for _, e := range events {
			if e.ID > after {
				after = e.ID
				data, _ := json.Marshal(e)
				fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Type, data)
			}
		}
		w.(http.Flusher).Flush()
		select {
		case <-wake:
		case <-cut:
			panic(http.ErrAbortHandler)
		case <-q.Context().Done():
			return
		}
	}
}
