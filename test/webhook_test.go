package test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/healthlb/api"
)

const hookSecret = "hook-secret-0123456789"

// receiver takes posts of events.
type receiver struct {
	port   string
	server *http.Server

	mu     sync.Mutex
	status int
	posts  int // also those that were answered with another status than 200
	events map[string][]api.Event
	faults []string
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: 200, events: map[string][]api.Event{}}
	r.start(t)
	t.Cleanup(func() {
		r.stop()
		check(t, want(len(r.faults) == 0, "%v", r.faults))
	})
	return r
}

func (r *receiver) start(t *testing.T) {
	t.Helper()
	var l net.Listener
	err := errors.New("no port yet")
	for try := 0; err != nil && try < 10; try++ {
		if r.port == "" || try > 0 && r.server == nil { // another process may take the port at this very moment
			r.port = freePort(t)
		}
		l, err = net.Listen("tcp", "127.0.0.1:"+r.port)
	}
	must(t, err)
	server := &http.Server{Handler: r}
	r.server = server
	go server.Serve(l)
}

func (r *receiver) stop() { _ = r.server.Close() }

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	text, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts++
	if r.status != 200 {
		w.WriteHeader(r.status)
		return
	}
	var body struct{ Events []api.Event }
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	at, signature, _ := strings.Cut(req.Header.Get("Healthlb-Signature"), ",v1=")
	at = strings.TrimPrefix(at, "t=")
	mac := hmac.New(sha256.New, []byte(hookSecret))
	fmt.Fprintf(mac, "%s.%s", at, text)
	if err != nil || signature != hex.EncodeToString(mac.Sum(nil)) || req.Method != "POST" || req.Header.Get("Content-Type") != "application/json" {
		r.faults = append(r.faults, fmt.Sprintf("%v %s %v %s", err, req.Method, req.Header, text))
	}
	if seconds := mustInt(at); time.Since(time.Unix(int64(seconds), 0)).Abs() > time.Minute {
		r.faults = append(r.faults, "signed at "+at)
	}
	r.events[req.URL.Path] = append(r.events[req.URL.Path], body.Events...)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posts
}

func (r *receiver) at(path string) []api.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events[path])
}

// has waits until the block of an address was posted.
func (r *receiver) has(t *testing.T, path, addr string) {
	t.Helper()
	eventually(t, func() error {
		found := slices.ContainsFunc(r.at(path), func(e api.Event) bool { return e.Type == "block" && e.Address == addr })
		return want(found, "%s is not posted to %s: %+v", addr, path, r.at(path))
	})
}

func webhookRetries(t *testing.T) {
	web, hook := startMany(t), startReceiver(t)
	files := t.TempDir()
	writeFile(t, files+"/secret", hookSecret+"\n")
	corefile := operated(`
		on_change http://127.0.0.1:{hook}/a secret {files}/secret
		pool www.lb.example.org {
			member 127.38.1.1
			member 127.38.1.2
		}`)
	s := startCoreDNS(t, corefile, "{web}", web.port, "{hook}", hook.port, "{files}", files)
	e := s.lasting()
	blocks := 0
	block := func() (addr string) {
		t.Helper()
		blocks++
		addr = fmt.Sprintf("192.0.2.%d", blocks)
		e.order(t, "POST /v1/blocklist", []api.Block{{Address: addr}}).is(t, 200)
		return addr
	}
	hook.has(t, "/a", block())

	t.Log("what fails for a while is posted again, in its order")
	hook.answer(500)
	before := hook.count()
	for range 5 {
		block()
	}
	eventually(t, func() error { return want(hook.count() >= before+2, "%d posts", hook.count()-before) })
	must(t, s.dig(t, steady).names("127.38.1.1", "127.38.1.2"))
	hook.answer(200)
	hook.has(t, "/a", block())

	t.Log("nobody is there for a while")
	hook.stop()
	mark := s.log.mark()
	for range 5 {
		block()
	}
	eventually(t, func() error {
		return want(strings.Contains(s.log.String(), "on_change: http://127.0.0.1:"+hook.port), "no warning in\n%s", s.log.since(mark))
	})
	hook.start(t)
	hook.has(t, "/a", block())

	t.Log("a reload with another path, while events come, goes on where it was")
	end := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		e := s.lasting()
		defer e.client.CloseIdleConnections()
		for i := 0; !isClosed(end); i++ {
			r, err := e.tryOrder("POST /v1/blocklist", []api.Block{{Address: "198.51.100.1", Reason: fmt.Sprint(i)}})
			check(t, want(err == nil && r.status == 200, "%v %d %s", err, r.status, r.body))
		}
	})
	more := len(hook.at("/a")) + 5
	eventually(t, func() error { return want(len(hook.at("/a")) > more, "no events") })
	s.reload(t, strings.Replace(corefile, "}/a", "}/b", 1))
	eventually(t, func() error { return want(len(hook.at("/b")) > 5, "no events") })
	close(end)
	busy.Wait()
	hook.has(t, "/b", block())
	all := append(hook.at("/a"), hook.at("/b")...)
	ids := slices.Compact(idsOf(all)) // those that were under way at the reload may come twice
	slices.Sort(ids)
	ids = slices.Compact(ids)
	history := s.happened(t)
	check(t, want(slices.Equal(ids, idsOf(history)[len(history)-len(ids):]), "posted were %v,\nand there are %v", ids, idsOf(history)))
	for _, path := range []string{"/a", "/b"} {
		rise(t, slices.Compact(idsOf(hook.at(path))))
	}
	for i := range blocks {
		addr := fmt.Sprintf("192.0.2.%d", i+1)
		check(t, want(slices.ContainsFunc(all, func(e api.Event) bool { return e.Address == addr }), "%s was never posted", addr))
	}

	t.Log("without on_change nothing more is posted")
	s.reload(t, strings.Replace(corefile, "on_change http://127.0.0.1:{hook}/a secret {files}/secret", "", 1))
	quiet := hook.count()
	block()
	check(t, want(hook.count() == quiet, "%d posts more", hook.count()-quiet))
	s.reload(t, corefile)
	hook.has(t, "/a", block())
}

// A receiver that hangs is in nobody's way.
func webhookHangs(t *testing.T) {
	web, dumb := startMany(t), startMembers(t, "127.0.0.1") // it never answers
	s := startCoreDNS(t, operated(`
		on_change http://127.0.0.1:{dumb}/
		pool www.lb.example.org {
			member 127.38.2.1
			member 127.38.2.2
		}`), "{web}", web.port, "{dumb}", dumb.port)
	s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "192.0.2.1"}}).is(t, 200)
	eventually(t, func() error { return want(dumb.count("127.0.0.1") > 0, "no post") })
	load := s.startLoad(t, steady, "X-Nothing: at all", s.lasting())
	for range 5 {
		s.order(t, "PUT /v1/blocklist", []api.Block{{Address: "127.38.2.1"}}).is(t, 200)
		must(t, s.dig(t, steady).names("127.38.2.2"))
		s.order(t, "PUT /v1/blocklist", []api.Block{}).is(t, 200)
		must(t, s.dig(t, steady).names("127.38.2.1", "127.38.2.2"))
	}
	load.goesOn(t)
	load.stop(t)
	began := time.Now()
	s.stop(t)
	t.Logf("it ended within %v", time.Since(began))
}
