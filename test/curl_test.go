package test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// endpoint is where HTTP requests go.
type endpoint struct {
	base   string
	client *http.Client
}

// response is an answer over HTTP.
type response struct {
	status int
	header http.Header
	body   string
}

func plainClient() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
}

// at is the HTTP endpoint at one of CoreDNS's ports.
func (s *coredns) at(port string) endpoint {
	return endpoint{"http://127.0.0.1:" + s.ports[port], plainClient()}
}

// curl sends a request such as "GET /v1/pools" to the admin endpoint, with headers such as "If-Match: *".
func (s *coredns) curl(t *testing.T, request, body string, headers ...string) response {
	t.Helper()
	return s.at("admin").curl(t, request, body, headers...)
}

func (e endpoint) curl(t *testing.T, request, body string, headers ...string) response {
	t.Helper()
	r, err := e.try(request, body, headers...)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	return r
}

func (e endpoint) try(request, body string, headers ...string) (response, error) {
	method, path, _ := strings.Cut(request, " ")
	req, err := http.NewRequest(method, e.base+path, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, string(text)}, err
}

// is wants a status.
func (r response) is(t *testing.T, status int, words ...string) response {
	t.Helper()
	if r.status != status || !hasAll(r.body, words...) {
		t.Fatalf("want %d with %q, got %d: %s", status, words, r.status, r.body)
	}
	return r
}

// decode reads a JSON body.
func decode[T any](t *testing.T, r response) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return v
}

// These are the parts of the API's documents that the tests look at, spelled as DESIGN.md and the manual do.
type (
	poolDoc struct {
		Name    string
		Status  string
		Members []struct {
			ID        string
			Addresses []addressDoc
		}
	}
	addressDoc struct {
		Address  string
		Family   string
		State    string
		Since    time.Time
		Reason   string
		Eligible bool
		Checks   []struct {
			Failures  int
			LastProbe *time.Time `json:"last_probe"`
		}
		LastAnswered *time.Time `json:"last_answered"`
		SafeAfter    *time.Time `json:"safe_after"`
	}
	blockDoc struct {
		Address, Pool, Reason, Owner, Mode string
		Until                              *time.Time
	}
	effectDoc struct {
		Changed bool
		DryRun  bool `json:"dry_run"`
		Pools   []struct {
			Pool           string
			Family         string
			EligibleBefore int `json:"eligible_before"`
			EligibleAfter  int `json:"eligible_after"`
		}
		Addresses []struct {
			Pool      string
			Address   string
			SafeAfter *time.Time `json:"safe_after"`
		}
	}
	problemDoc struct {
		Type, Title, Detail string
		Status              int
	}
)

// member returns what the API says of an address of a pool.
func (s *coredns) member(t *testing.T, pool, addr string) addressDoc {
	t.Helper()
	doc := decode[poolDoc](t, s.curl(t, "GET /v1/pools/"+pool, "").is(t, 200))
	for _, m := range doc.Members {
		for _, a := range m.Addresses {
			if a.Address == addr {
				return a
			}
		}
	}
	t.Fatalf("the pool %s has no %s: %+v", pool, addr, doc)
	return addressDoc{}
}

// metrics returns the samples that CoreDNS shows, as name{labels} to value.
func (s *coredns) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	samples := map[string]float64{}
	for line := range strings.Lines(s.at("metrics").curl(t, "GET /metrics", "").is(t, 200).body) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			value, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
			must(t, err)
			samples[line[:i]] = value
		}
	}
	return samples
}
