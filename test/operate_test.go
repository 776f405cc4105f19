package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"example.org/healthlb/api"
)

const asJSON = "Content-Type: application/json"

// operated returns a Corefile that takes changes: pools and members can be made at run time. The members' port is {web}.
func operated(lines string, plugins ...string) string {
	return lb("state {dir}/state\nadmin 127.0.0.1:{admin}\ndynamic\ncheck tcp {web}\n"+lines, plugins...)
}

// startMany starts a server at every address of 127.0.0.0/8.
func startMany(t *testing.T) *members { return startMembers(t, "0.0.0.0") }

// inJSON is a body; nil is none.
func inJSON(body any) string {
	if body == nil {
		return ""
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // it is one of the API's types
	}
	return string(text)
}

// order sends a request with a body in JSON.
func (e endpoint) order(t *testing.T, request string, body any, headers ...string) response {
	t.Helper()
	r, err := e.tryOrder(request, body, headers...)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	return r
}

// tryOrder is order for where a test cannot be ended, and for those that may fail.
func (e endpoint) tryOrder(request string, body any, headers ...string) (response, error) {
	if body != nil {
		headers = append(slices.Clone(headers), asJSON)
	}
	return e.try(request, inJSON(body), headers...)
}

func (s *coredns) order(t *testing.T, request string, body any, headers ...string) response {
	t.Helper()
	return s.at("admin").order(t, request, body, headers...)
}

// isProblem wants a problem document of a status.
func (r response) isProblem(t *testing.T, status int, words ...string) {
	t.Helper()
	r.is(t, status, words...)
	p := decode[api.Problem](t, r)
	check(t, want(r.header.Get("Content-Type") == "application/problem+json" && p.Status == status && p.Detail != "", "%v %s", r.header, r.body))
}

// shown is a pool as the API tells it.
func (s *coredns) shown(t *testing.T, pool string) api.Pool {
	t.Helper()
	return decode[api.Pool](t, s.order(t, "GET /v1/pools/"+pool, nil).is(t, 200))
}

// shownMember is a member as the API tells it.
func (s *coredns) shownMember(t *testing.T, pool, id string) (m api.Member, found bool) {
	t.Helper()
	members := s.shown(t, pool).Members
	i := slices.IndexFunc(members, func(m api.Member) bool { return m.ID == id })
	if i < 0 {
		return m, false
	}
	return members[i], true
}

// memberAt is a member with an address.
func memberAt(addrs ...string) api.MemberSpec { return api.MemberSpec{Addresses: addrs} }

// again starts the process anew with the same Corefile, after it has ended.
func (s *coredns) again(t *testing.T) {
	t.Helper()
	s.launch(t)
	if !s.serves() {
		t.Fatalf("CoreDNS does not start again:\n%s", s.log)
	}
}

// happened is the history of events.
func (s *coredns) happened(t *testing.T) []api.Event {
	t.Helper()
	return decode[[]api.Event](t, s.order(t, "GET /v1/events", nil, "Accept: application/json").is(t, 200))
}

// told returns the last event of a type and a pool.
func told(t *testing.T, events []api.Event, kind, pool string) api.Event {
	t.Helper()
	for _, e := range slices.Backward(events) {
		if e.Type == kind && e.Pool == pool {
			return e
		}
	}
	t.Fatalf("no event %s of %q in %+v", kind, pool, events)
	return api.Event{}
}

// serial is the serial of the zone.
func (s *coredns) serial(t *testing.T) string {
	t.Helper()
	return strings.Fields(s.dig(t, "lb.example.org", "SOA").answer[0].data)[2]
}

// asker asks over one socket.
type asker struct {
	client *dns.Client
	conn   *dns.Conn
}

func (s *coredns) asker() (*asker, error) {
	client := &dns.Client{Timeout: 10 * time.Second}
	conn, err := client.Dial("127.0.0.1:" + s.ports["dns"])
	return &asker{client, conn}, err
}

// names asks for the addresses of a name, which must have some.
func (a *asker) names(name string) ([]string, error) {
	r, _, err := a.client.ExchangeWithConn(question(name, dns.TypeA), a.conn)
	if err != nil {
		return nil, err
	}
	if r.Rcode != dns.RcodeSuccess || len(r.Answer) == 0 {
		return nil, fmt.Errorf("no answer for %s:\n%v", name, r)
	}
	return addresses(r), nil
}

// lasting is the admin endpoint over connections that stay open.
func (s *coredns) lasting() endpoint {
	e := s.at("admin")
	e.client.Transport = &http.Transport{}
	return e
}

// unmarshal reads JSON where a test cannot be ended.
func unmarshal(text string, v any) error { return json.Unmarshal([]byte(text), v) }
