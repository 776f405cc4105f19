package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// tell tells events of a pool, numbered in their reasons.
func (f *fake) tell(pool string, n int) {
	for i := range n {
		f.Events().Tell(api.Event{Type: "transition", Pool: pool, Reason: strconv.Itoa(i), Text: "a\nline"})
	}
}

func TestHistory(t *testing.T) {
	f := new(fake)
	c := clientOf(t, serve(t, Settings{}, f))
	history := func(query string, headers ...string) (events []api.Event) {
		t.Helper()
		r := c.do(t, "GET", "/v1/events"+query, "", append(headers, acceptJSON)...)
		r.want(t, 200)
		if err := json.Unmarshal([]byte(r.body), &events); err != nil || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Vary") != "Accept" {
			t.Fatalf("%v: %v %s", err, r.Header, r.body)
		}
		return events
	}
	if r := c.do(t, "GET", "/v1/events", "", acceptJSON); r.body != "[]\n" {
		t.Errorf("an empty history is %q", r.body)
	}
	f.tell("a.", 3)
	f.tell("b.", 2)
	f.tell("", 1)
	all := history("")
	if len(all) != 6 || all[0].Reason != "0" || all[3].Pool != "b." {
		t.Fatalf("history %+v", all)
	}
	id := func(i int) string { return strconv.FormatUint(all[i].ID, 10) }
	for _, test := range []struct {
		name, query, header string
		want                []api.Event
	}{
		{"after one", "?after=" + id(1), "", all[2:]}, {"after the last", "?after=" + id(5), "", nil}, {"after 0", "?after=0", "", all},
		{"behind what was seen", "", "Last-Event-ID: " + id(3), all[4:]}, {"the header counts more", "?after=" + id(0), "Last-Event-ID: " + id(4), all[5:]},
		{"to come", "?after=18446744073709551615", "", nil}, {"of one pool and of all", "?pool=A", "", []api.Event{all[0], all[1], all[2], all[5]}},
		{"of another", "?pool=b.&after=" + id(3), "", all[4:]}, {"of nobody", "?pool=nobody", "", all[5:]},
	} {
		if test.header == "" {
			test.header = "X: y"
		}
		if got := history(test.query, test.header); fmt.Sprint(got) != fmt.Sprint(test.want) && len(got)+len(test.want) > 0 {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	f.tell("a.", 200) // more than are kept
	if got := history("?pool=b.&after=" + id(5)); len(got) != 1 || got[0].Type != "gap" {
		t.Errorf("behind a gap: %+v", got)
	}
}

func TestBadEventQueries(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	for _, test := range []struct{ query, header, want string }{
		{"?after=x", "", `after: "x" is no id of an event: want a number`}, {"?after=", "", `after: "" is no id`}, {"?after=-1", "", `after: "-1" is no id`},
		{"?after=%2B1", "", `after: "+1" is no id`}, {"?after=18446744073709551616", "", "after: "}, {"?after=" + strings.Repeat("9", 100), "", `after: "` + strings.Repeat("9", 40) + `..." is no id`},
		{"", "Last-Event-ID: x", `Last-Event-ID: "x" is no id`}, {"?after=1", "Last-Event-ID: ", `Last-Event-ID: "" is no id`},
		{"?pool=", "", "the pool is empty"}, {"?pool=a..b", "", `pool "a..b" is no domain name`}, {"?follow=1", "", `unknown query parameter "follow": want pool or after`},
	} {
		if test.header == "" {
			test.header = "X: y"
		}
		for _, accept := range []string{acceptJSON, "Accept: text/event-stream"} {
			p := c.do(t, "GET", "/v1/events"+test.query, "", test.header, accept).problem(t, 400)
			if !strings.HasPrefix(p.Detail, test.want) {
				t.Errorf("%s %s: %q, want %q", test.query, test.header, p.Detail, test.want)
			}
		}
	}
	c.do(t, "GET", "/v1/events", "", "Last-Event-ID: 1", "Last-Event-ID: 2").problem(t, 400)
}

func TestFormOfEvents(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	for accept, want := range map[string]string{
		"": mediaStream, "*/*": mediaStream, "text/event-stream": mediaStream, "text/html": mediaStream, "application/json, text/event-stream": mediaStream,
		"application/json": mediaJSON, "application/*": mediaJSON, "application/json, text/event-stream;q=0.5": mediaJSON, "application/json, */*;q=0.1": mediaJSON,
	} {
		r := c.do(t, "HEAD", "/v1/events", "", "Accept: "+accept)
		if r.want(t, 200); r.Header.Get("Content-Type") != want {
			t.Errorf("%q: %s, want %s", accept, r.Header.Get("Content-Type"), want)
		}
	}
}

// within serves a fake with limits that tests can wait for.
func within(t *testing.T, settings Settings, f *fake, change func(*limits)) *Server {
	t.Helper()
	limit := standard
	limit.beat = 10 * time.Millisecond
	change(&limit)
	s, err := listen(mustLoad(t, settings), f, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s) })
	return s
}

// following is a stream that is read.
type following struct {
	*http.Response
	lines *bufio.Reader
}

func follow(t *testing.T, c client, query string, headers ...string) following {
	t.Helper()
	req, err := http.NewRequest("GET", c.base+"/v1/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Add(name, value)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != mediaStream || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%v %v", res.Status, res.Header)
	}
	return following{res, bufio.NewReader(res.Body)}
}

// next returns the fields of the next event, or a comment as the field "".
func (f following) next() (fields map[string]string, err error) {
	fields = make(map[string]string)
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line == "\n" {
			return fields, nil
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		fields[name] = value
	}
}

// events returns so many events.
func (f following) events(t *testing.T, n int) (events []api.Event) {
	t.Helper()
	for len(events) < n {
		fields, err := f.next()
		if err != nil {
			t.Fatal(err)
		}
		if _, comment := fields[""]; comment {
			continue
		}
		var e api.Event
		if err := json.Unmarshal([]byte(fields["data"]), &e); err != nil || len(fields) != 3 || fields["id"] != strconv.FormatUint(e.ID, 10) || fields["event"] != e.Type {
			t.Fatalf("%v: %v", err, fields)
		}
		events = append(events, e)
	}
	return events
}

// end reads to the end, and returns the last comment.
func (f following) end(t *testing.T) (last string) {
	t.Helper()
	for {
		fields, err := f.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("the stream ends with %v", err)
			}
			return last
		}
		if comment, found := fields[""]; found {
			last = comment
		}
	}
}

func TestStream(t *testing.T) {
	f := new(fake)
	s := within(t, Settings{}, f, func(*limits) {})
	c := clientOf(t, s)
	f.tell("a.", 2)
	first := follow(t, c, "")
	got := first.events(t, 2)
	f.tell("b.", 1)
	f.tell("a.", 1)
	got = append(got, first.events(t, 2)...)
	if got[0].Reason+got[1].Reason+got[2].Pool+got[3].Pool != "01b.a." || got[0].Text != "a\nline" {
		t.Errorf("told %+v", got)
	}

	again := follow(t, c, "?after=1", "Last-Event-ID: "+strconv.FormatUint(got[1].ID, 10))
	if more := again.events(t, 2); fmt.Sprint(more) != fmt.Sprint(got[2:]) {
		t.Errorf("after coming back: %+v, want %+v", more, got[2:])
	}

	one := follow(t, c, "?pool=a")
	if mine := one.events(t, 3); mine[2].ID != got[3].ID {
		t.Errorf("of one pool: %+v", mine)
	}
	f.tell("b.", 50)
	f.tell("a.", 1)
	if e := one.events(t, 1)[0]; e.Pool != "a." {
		t.Errorf("of one pool, later: %+v", e)
	}
	one.Body.Close()
}

// TestStreamOutlivesLimits checks that no limit for requests cuts a stream off.
func TestStreamOutlivesLimits(t *testing.T) {
	f := new(fake)
	s := within(t, Settings{}, f, func(l *limits) {
		l.read, l.write, l.idle = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	})
	stream := follow(t, clientOf(t, s), "")
	for range 20 { // beats of 10 ms
		if fields, err := stream.next(); err != nil || len(fields) != 1 {
			t.Fatal(fields, err)
		}
	}
	f.tell("a.", 1)
	stream.events(t, 1)
}

func TestWithdrawnTokenEndsStream(t *testing.T) {
	dir, f := t.TempDir(), new(fake)
	s := within(t, Settings{TokenFile: writeFile(t, dir, "tokens", tokenFile)}, f, func(*limits) {})
	stays := follow(t, clientOf(t, s), "", "Authorization: Bearer "+operateToken)
	stream := follow(t, clientOf(t, s), "", "Authorization: Bearer "+readToken)
	f.tell("a.", 1)
	stream.events(t, 1)
	writeFile(t, dir, "tokens", operateToken)
	if last := stream.end(t); last != "the end: come again, and show who you are" {
		t.Errorf("last words %q", last)
	}
	stays.events(t, 1)
	// other settings count at once, too
	s.Configure(mustLoad(t, Settings{TokenFile: writeFile(t, dir, "others", readToken)}), f)
	stays.end(t)
}

func TestReplacedClientCAEndsStream(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	dir, f := t.TempDir(), new(fake)
	settings := secured(t, dir, ca)
	settings.ClientCA = writeFile(t, dir, "ca", ca.pem())
	s := within(t, settings, f, func(*limits) {})
	stream := follow(t, overTLS(t, s, ca, ca.client(t, "ops")), "")
	f.tell("a.", 1)
	stream.events(t, 1)
	writeFile(t, dir, "ca", other.pem())
	stream.end(t)

	s.Configure(mustLoad(t, Settings{}), f)
	plain := follow(t, clientOf(t, s), "")
	plain.events(t, 1)
	s.Configure(mustLoad(t, secured(t, t.TempDir(), ca)), f) // with TLS, as it is not
	plain.end(t)
}

func TestStreamsAreCounted(t *testing.T) {
	f := new(fake)
	s := within(t, Settings{}, f, func(l *limits) { l.streams, l.beat = 2, 7*time.Second })
	c := clientOf(t, s)
	first, second := follow(t, c, ""), follow(t, c, "")
	r := c.do(t, "GET", "/v1/events", "")
	if r.problem(t, 503); r.Header.Get("Retry-After") != "7" {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	c.do(t, "GET", "/v1/events", "", acceptJSON).want(t, 200)
	second.Body.Close()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // until the server has seen that it is gone
		if len(s.streams) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a stream that was left holds its place")
		}
	}
	third := follow(t, c, "")
	f.tell("a.", 1)
	first.events(t, 1)
	third.events(t, 1)
}

// stuck reads one event of a stream, and no more while so many are told. Each is of 64 KiB; the buffers between two sockets have room for
// some MiB.
func stuck(t *testing.T, s *Server, f *fake, events int) following {
	t.Helper()
	conn := dialRaw(t, s)
	if _, err := conn.Write([]byte("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(conn.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	stream := following{res, bufio.NewReader(res.Body)}
	f.tell("a.", 1)
	stream.events(t, 1)
	for range events {
		f.tellLong()
	}
	return stream
}

var long = strings.Repeat("x", 64<<10)

func (f *fake) tellLong() { f.Events().Tell(api.Event{Type: "transition", Pool: "long.", Text: long}) }

func TestReaderWhoStopsIsCutOff(t *testing.T) {
	f := new(fake)
	ended := make(chan int, 1)
	settings := Settings{Observe: func(_ string, code int) { ended <- code }}
	s := within(t, settings, f, func(l *limits) { l.eventSend = 50 * time.Millisecond })
	stuck(t, s, f, 0)
	for alive := true; alive; {
		f.tellLong()
		select {
		case code := <-ended:
			alive = false
			if code != 200 {
				t.Errorf("status %d", code)
			}
		case <-time.After(time.Millisecond):
		}
	}
}

func TestReaderWhoLosesEventsIsToldAndCutOff(t *testing.T) {
	f := new(fake)
	s := within(t, Settings{}, f, func(l *limits) { l.eventSend = patience })
	stream := stuck(t, s, f, 500) // 100 of which are kept
	if last := stream.end(t); last != "the end: too slow: events were lost before they were taken" {
		t.Errorf("last words %q", last)
	}
}

func TestCloseEndsStreams(t *testing.T) {
	f := new(fake)
	limit := standard
	limit.eventSend, limit.beat = time.Hour, time.Hour
	s, err := listen(mustLoad(t, Settings{}), f, limit)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	reads := follow(t, c, "?pool=a.")
	f.tell("a.", 1)
	reads.events(t, 1)
	stuck(t, s, f, 500)
	closeServer(t, s) // within less than the hour
	reads.end(t)
}

func TestStreamThroughTLSAndSocket(t *testing.T) {
	ca, f := newAuthority(t, "ca"), new(fake)
	f.tell("a.", 1)
	s := serve(t, secured(t, t.TempDir(), ca), f)
	follow(t, overTLS(t, s, ca), "").events(t, 1)
	dir, err := os.MkdirTemp("", "s") // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s = serve(t, Settings{Network: "unix", Address: dir + "/s"}, f)
	follow(t, clientOf(t, s), "").events(t, 1)
}

func FuzzEventQuery(f *testing.F) {
	for _, seed := range [][2]string{
		{"pool=www.lb.example&after=1", ""}, {"", "18446744073709551615"}, {"after=x", "1"}, {"after=1&after=2", ""}, {"pool=", "-1"}, {"limit=1&after=", "0x1"},
		{"%zz", "1\n2"}, {"pool=*.A&after=007", "007"}, {"dry_run=1", ""}, {"limit=1000&dry_run=True", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, raw, last string) {
		query, err := parseQuery(&http.Request{URL: &url.URL{RawQuery: raw}}, "pool", "after", "limit", "dry_run")
		if err != nil {
			wantBad(t, err)
			return
		}
		header := make(http.Header)
		if last != "" {
			header.Set(lastEvent, last)
		}
		q, err := parseEvents(header, query)
		if err != nil {
			wantBad(t, err)
			if q != (eventQuery{}) {
				t.Fatalf("%q %q: %+v with %v", raw, last, q, err)
			}
		} else {
			if q.pool != "" && (!strings.HasSuffix(q.pool, ".") || strings.ContainsAny(q.pool, " \n\x00\"")) {
				t.Fatalf("%q is taken as pool %q", raw, q.pool)
			}
			if n, err := strconv.ParseUint(last, 10, 64); last != "" && (err != nil || n != q.after) {
				t.Fatalf("%q is taken as %d", last, q.after)
			}
			if !q.matches(api.Event{}) || !q.matches(api.Event{Pool: q.pool}) || q.pool != "" && q.matches(api.Event{Pool: q.pool + "x."}) {
				t.Fatalf("%q lets the wrong events pass", raw)
			}
		}
		if n, err := parseCount(query, limitOf, usualPage); err != nil {
			wantBad(t, err)
		} else if n < 1 || n > maxPage {
			t.Fatalf("%q is taken as limit %d", raw, n)
		}
		if on, err := parseFlag(query, "dry_run"); err != nil {
			wantBad(t, err)
		} else if on && query["dry_run"] != "1" && query["dry_run"] != "true" {
			t.Fatalf("%q is on", raw)
		}
	})
}

// wantBad demands a problem of status 400 that says something.
func wantBad(t *testing.T, err error) {
	t.Helper()
	var p *Problem
	if !errors.As(err, &p) || p.Status != http.StatusBadRequest || p.Detail == "" {
		t.Fatalf("error %v", err)
	}
}
