package test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// stream is a reader of server-sent events.
type stream struct {
	lines  *bufio.Scanner
	resp   *http.Response
	cancel context.CancelFunc
}

// follow opens a stream of events behind one; 0: with the history.
func (s *coredns) follow(t *testing.T, after uint64) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1:"+s.ports["admin"]+"/v1/events", nil)
	must(t, err)
	if after > 0 {
		req.Header.Set("Last-Event-ID", strconv.FormatUint(after, 10))
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	must(t, err)
	st := &stream{bufio.NewScanner(resp.Body), resp, cancel}
	t.Cleanup(st.close)
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	return st
}

func (st *stream) close() {
	st.cancel()
	st.resp.Body.Close()
}

// next returns the next event, and false at the end.
func (st *stream) next(t *testing.T) (e api.Event, ok bool) {
	t.Helper()
	id, kind := "", ""
	for st.lines.Scan() {
		name, value, _ := strings.Cut(st.lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			must(t, json.Unmarshal([]byte(value), &e))
		}
		if st.lines.Text() == "" && id != "" {
			check(t, want(fmt.Sprint(e.ID) == id && e.Type == kind && e.Text != "" && !e.Time.IsZero(), "id %s, event %s, data %+v", id, kind, e))
			return e, true
		}
	}
	return e, false
}

// until reads up to an event of a type and a member or address.
func (st *stream) until(t *testing.T, kind, of string) (seen []api.Event) {
	t.Helper()
	timer := time.AfterFunc(pollFor, st.close)
	defer timer.Stop()
	for {
		e, ok := st.next(t)
		if !ok {
			t.Fatalf("the stream has ended without %s of %s: %+v", kind, of, seen)
		}
		if seen = append(seen, e); e.Type == kind && (e.Member == of || e.Address == of) {
			return seen
		}
	}
}

func rise(t *testing.T, ids []uint64) {
	t.Helper()
	check(t, want(slices.IsSorted(ids) && len(slices.Compact(slices.Clone(ids))) == len(ids), "the ids do not rise: %v", ids))
}

func idsOf(events []api.Event) (ids []uint64) {
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestEvents(t *testing.T) {
	t.Parallel()
	web := startMany(t)
	corefile := operated("pool www.lb.example.org {\n member 127.37.1.1\n member 127.37.1.2\n}\n")
	s := startCoreDNS(t, corefile, "{web}", web.port)
	const path = "/v1/pools/www.lb.example.org/members/"
	first := s.follow(t, 0)
	s.order(t, "PUT "+path+"m", memberAt("127.37.1.3")).is(t, 200)
	s.order(t, "PUT "+path+"m/drain", api.DrainSpec{Owner: "ann", Reason: "disk"}).is(t, 200)
	s.order(t, "PUT "+path+"m/drain", api.DrainSpec{Owner: "ann"}).is(t, 200, `"changed":false`) // which is no news
	s.order(t, "DELETE "+path+"m/drain?owner=ann", nil).is(t, 200)
	s.order(t, "PUT "+path+"m", api.MemberSpec{Addresses: []string{"127.37.1.3"}, Region: "eu"}).is(t, 200)
	s.order(t, "DELETE "+path+"m", nil).is(t, 200)
	s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "127.37.1.9", Owner: "bob", Reason: "test"}}).is(t, 200)
	s.order(t, "PUT /v1/blocklist?dry_run=1", []api.Block{}).is(t, 200)
	s.order(t, "PUT /v1/blocklist", []api.Block{}).is(t, 200)
	s.order(t, "PUT /v1/pools/made.lb.example.org", lines()).is(t, 200)
	s.order(t, "PUT /v1/pools/made.lb.example.org", lines("ttl 3s")).is(t, 200)
	s.order(t, "DELETE /v1/pools/made.lb.example.org", nil).is(t, 200)
	s.reload(t, corefile)
	s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "127.37.1.10"}}).is(t, 200)
	seen := first.until(t, "block", "127.37.1.10")
	rise(t, idsOf(seen))
	var orders []string
	for _, e := range seen {
		if e.Type == "transition" {
			check(t, want(e.Pool == steady && e.Member != "" && e.From != e.To && e.To != "" && e.Family == "A" && e.By == "", "%+v", e))
			continue
		}
		orders = append(orders, e.Type)
		check(t, want(e.Type == "reload" || strings.HasPrefix(e.By, "127.0.0.1:"), "%+v", e))
	}
	expected := "member_added drain undrain member_changed member_removed block unblock pool_added pool_changed pool_removed reload block"
	check(t, want(strings.Join(orders, " ") == expected, "the orders were %v", orders))
	drain := told(t, seen, "drain", steady)
	check(t, want(drain.Owner == "ann" && drain.Reason == "disk" && drain.Member == "m", "%+v", drain))

	t.Log("the history says the same")
	history := s.happened(t)
	check(t, want(slices.Equal(idsOf(history)[:len(seen)], idsOf(seen)), "%v", idsOf(history)))
	some := decode[[]api.Event](t, s.order(t, "GET /v1/events?pool=made.lb.example.org&after="+fmt.Sprint(seen[0].ID), nil, "Accept: application/json").is(t, 200))
	for _, e := range some {
		check(t, want(e.Pool == "made.lb.example.org." || e.Pool == "", "%+v", e))
	}

	t.Log("cut off and resumed all the time, nothing is lost and nothing comes twice")
	last := s.happened(t)[len(s.happened(t))-1].ID
	end := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		e := s.lasting()
		defer e.client.CloseIdleConnections()
		for i := 0; !isClosed(end); i++ {
			r, err := e.tryOrder("PUT /v1/blocklist", []api.Block{{Address: fmt.Sprintf("192.0.2.%d", i%200)}})
			check(t, want(err == nil && r.status == 200, "%v %d %s", err, r.status, r.body))
		}
	})
	var got []uint64
	for range 20 {
		after := last
		if len(got) > 0 {
			after = got[len(got)-1]
		}
		st := s.follow(t, after)
		for range 30 {
			e, ok := st.next(t)
			if !ok {
				break
			}
			got = append(got, e.ID)
		}
		st.close()
	}
	close(end)
	busy.Wait()
	rise(t, got)
	check(t, want(got[0] == last+1 && got[len(got)-1] == last+uint64(len(got)), "from %d to %d, %d events", got[0], got[len(got)-1], len(got)))

	t.Log("over a restart ids go on rising, and whoever comes back learns that he may have missed something")
	newest := s.happened(t)[len(s.happened(t))-1].ID
	s.kill(t)
	s.again(t)
	st := s.follow(t, newest)
	s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "127.37.1.11"}}).is(t, 200)
	after := st.until(t, "block", "127.37.1.11")
	check(t, want(after[0].Type == "gap" && after[0].ID > newest, "%+v", after[0]))
	rise(t, idsOf(after))
	for _, bad := range []string{"Last-Event-ID: x", "Last-Event-ID: -1"} {
		s.order(t, "GET /v1/events", nil, bad).isProblem(t, 400)
	}
}

// Readers who do not read are cut off; nobody waits for them.
func slowReaderIsCutOff(t *testing.T) {
	web := startMany(t)
	s := startCoreDNS(t, operated("pool www.lb.example.org {\n member 127.37.2.1\n member 127.37.2.2\n}\n", "pprof 127.0.0.1:{pprof}"), "{web}", web.port)
	var list []api.Block
	for i := range 100 {
		list = append(list, api.Block{Address: fmt.Sprintf("192.0.2.%d", i), Reason: strings.Repeat("x", 256)})
	}
	e := s.lasting()
	fill := func(times int) {
		t.Helper()
		for range times {
			e.order(t, "PUT /v1/blocklist", list).is(t, 200)
			e.order(t, "PUT /v1/blocklist", []api.Block{}).is(t, 200)
		}
	}
	fill(50) // 10,000 events, some 8 MB: more than sockets hold
	for range 5 {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.ports["admin"])
		must(t, err)
		defer conn.Close()
		must(t, conn.(*net.TCPConn).SetReadBuffer(4096))
		_, err = conn.Write([]byte("GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"))
		must(t, err)
	}
	streams := func() (n int) {
		for _, g := range s.goroutines(t) {
			if strings.Contains(g, "admin.(*service).stream") {
				n++
			}
		}
		return n
	}
	eventually(t, func() error { return want(streams() == 5, "%d streams are open", streams()) })
	reads := s.follow(t, 0)
	load := s.startLoad(t, "www.lb.example.org", "X-Nothing: at all", s.lasting())
	fill(5)
	s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "127.37.2.9"}}).is(t, 200)
	rise(t, idsOf(reads.until(t, "block", "127.37.2.9")))
	load.goesOn(t)
	reads.close()
	eventually(t, func() error { return want(streams() == 0, "%d streams are open", streams()) })
	load.stop(t)
}
