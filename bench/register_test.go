package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What is measured: as many servers as register themselves in a large installation, each renewing three times a lease of 30 s.
const (
	registered    = 1000
	renewEvery    = 10 * time.Second
	renewFor      = 30 * time.Second
	renewalsLease = "30s"
)

// registrar is a server that registers itself, over a connection of its own as a real one would.
type registrar struct {
	client *http.Client
	base   string // of the pool's registrations
	id     string
	secret string
}

func (r *registrar) call(method, path, body string, status int) error {
	req, err := http.NewRequest(method, r.base+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if r.secret != "" {
		req.Header.Set("Registration-Secret", r.secret)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != status {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	var told struct{ Secret string }
	if err := json.Unmarshal(text, &told); err == nil && told.Secret != "" {
		r.secret = told.Secret
	}
	return nil
}

// BenchmarkRenewals tells what 1,000 registered servers cost that renew every 10 s: the CPU time of the process over 30 s, user and
// system, in per cent of one core. Their probes are not in it: these come once an hour. It runs as long as it runs: use -benchtime=1x.
func BenchmarkRenewals(b *testing.B) {
	b.Run("kept-connections", func(b *testing.B) { benchmarkRenewals(b, false) })
	b.Run("new-connections", func(b *testing.B) { benchmarkRenewals(b, true) }) // one for each renewal
}

func benchmarkRenewals(b *testing.B, anew bool) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	admin := free.Addr().String()
	free.Close()
	state := filepath.Join(b.TempDir(), "state")
	web, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		b.Fatal(err)
	}
	defer web.Close()
	s := start(b, fmt.Sprintf(`healthlb {
		state %s
		admin %s
		interval 1h
		timeout 1s
		check tcp %d
		pool www.example.org {
			dynamic
			member 127.0.0.1
		}
	}`, state, admin, web.Addr().(*net.TCPAddr).Port))

	servers := make([]*registrar, registered)
	for i := range servers {
		servers[i] = &registrar{
			client: &http.Client{Transport: &http.Transport{DisableKeepAlives: anew}, Timeout: 10 * time.Second},
			base:   "http://" + admin + "/v1/pools/www.example.org/registrations", id: fmt.Sprintf("web-%d", i),
		}
		spec := fmt.Sprintf(`{"id": %q, "addresses": ["127.1.%d.%d"], "ttl": %q}`, servers[i].id, i/250, 1+i%250, renewalsLease)
		if err := servers[i].call("POST", "", spec, http.StatusCreated); err != nil {
			b.Fatal(err)
		}
	}
	store, err := filepath.Glob(filepath.Join(state, "*.db"))
	if err != nil || len(store) != 1 {
		b.Fatal(err, store)
	}
	before, err := os.ReadFile(store[0])
	if err != nil {
		b.Fatal(err)
	}

	renew := func(d time.Duration) (n int) {
		began := time.Now()
		var mu sync.Mutex
		var clients sync.WaitGroup
		for i, r := range servers {
			clients.Go(func() {
				// Evenly over the time, as servers that were started at all times would.
				for next := began.Add(renewEvery * time.Duration(i) / registered); next.Before(began.Add(d)); next = next.Add(renewEvery) {
					time.Sleep(time.Until(next))
					if err := r.call("PUT", "/"+r.id, "", http.StatusOK); err != nil {
						b.Error(err)
						return
					}
					mu.Lock()
					n++
					mu.Unlock()
				}
			})
		}
		clients.Wait()
		return n
	}
	var used time.Duration
	renewals := 0
	for b.Loop() {
		renew(renewEvery) // connections are made, and what is done once is done
		was := s.cpu(b)
		renewals += renew(renewFor)
		used += s.cpu(b) - was
	}
	after, err := os.ReadFile(store[0])
	if err != nil {
		b.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		b.Error("the store was written")
	}
	b.ReportMetric(0, "ns/op") // a round takes what it is given
	b.ReportMetric(100*used.Seconds()/(renewFor.Seconds()*float64(b.N)), "%-of-a-core")
	b.ReportMetric(float64(used.Microseconds())/float64(renewals), "cpu-us/renewal")
}
