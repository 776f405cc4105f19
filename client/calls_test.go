package client

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.org/healthlb/api"
)

// TestCalls says what each method sends.
func TestCalls(t *testing.T) {
	weight := 3
	all := Options{DryRun: true, Force: true, RequireHealthy: true, Owner: "me & you", IfMatch: `"v1"`}
	for _, test := range []struct {
		name   string
		do     func(context.Context, *Client) (any, error)
		call   string // METHOD and URL
		body   string
		header string // one that must be there
		answer string
	}{
		{"pool", func(ctx context.Context, c *Client) (any, error) { return c.Pool(ctx, "*.lb.example.") },
			"GET /v1/pools/%2A.lb.example.", "", "Accept: application/json", `{}`},
		{"put pool", func(ctx context.Context, c *Client) (any, error) {
			return c.PutPool(ctx, "www.", api.PoolSpec{Lines: []string{"ttl 5s"}}, Options{DryRun: true})
		}, "PUT /v1/pools/www.?dry_run=1", `{"lines":["ttl 5s"]}`, "Content-Type: application/json", `{}`},
		{"delete pool", func(ctx context.Context, c *Client) (any, error) {
			return c.DeletePool(ctx, "www.", Options{Force: true})
		},
			"DELETE /v1/pools/www.?force=1", "", "", `{}`},
		{"put member", func(ctx context.Context, c *Client) (any, error) {
			return c.PutMember(ctx, "www.", "a", api.MemberSpec{Addresses: []string{"::1"}, Weight: &weight}, Options{RequireHealthy: true})
		}, "PUT /v1/pools/www./members/a?require_healthy=1", `{"addresses":["::1"],"weight":3}`, "", `{}`},
		{"delete member", func(ctx context.Context, c *Client) (any, error) {
			return c.DeleteMember(ctx, "www.", "2001:db8::1", Options{})
		}, "DELETE /v1/pools/www./members/2001:db8::1", "", "", `{}`},
		{"words that are steps of a path", func(ctx context.Context, c *Client) (any, error) {
			return c.DeleteMember(ctx, ".", "..", Options{})
		}, "DELETE /v1/pools/%2E/members/%2E%2E", "", "", `{}`},
		{"words with all sorts of things", func(ctx context.Context, c *Client) (any, error) {
			return c.DeleteMember(ctx, "a/b?c#d", "%2F é;", Options{})
		}, "DELETE /v1/pools/a%2Fb%3Fc%23d/members/%252F%20%C3%A9%3B", "", "", `{}`},
		{"load", func(ctx context.Context, c *Client) (any, error) { return c.ReportLoad(ctx, "www.", "a", 0.7) },
			"PUT /v1/pools/www./members/a/load", `{"load":0.7}`, "Content-Type: application/json", `{}`},
		{"drain", func(ctx context.Context, c *Client) (any, error) {
			return c.Drain(ctx, "www.", "a", api.DrainSpec{Lead: true, Owner: "me"}, Options{})
		}, "PUT /v1/pools/www./members/a/drain", `{"lead":true,"owner":"me"}`, "", `{}`},
		{"undrain", func(ctx context.Context, c *Client) (any, error) {
			return c.Undrain(ctx, "www.", "a", Options{Owner: "me", DryRun: true})
		}, "DELETE /v1/pools/www./members/a/drain?dry_run=1&owner=me", "", "", `{}`},
		{"blocklist in text", func(ctx context.Context, c *Client) (any, error) { return c.BlocklistText(ctx) },
			"GET /v1/blocklist", "", "Accept: text/plain", ``},
		{"add blocks", func(ctx context.Context, c *Client) (any, error) {
			return c.AddBlocks(ctx, []api.Block{{Address: "192.0.2.1", For: "5m"}}, Options{IfMatch: `"v1"`})
		}, "POST /v1/blocklist", `[{"address":"192.0.2.1","for":"5m"}]`, `If-Match: "v1"`, `{}`},
		{"add no blocks", func(ctx context.Context, c *Client) (any, error) { return c.AddBlocks(ctx, nil, Options{}) },
			"POST /v1/blocklist", `[]`, "", `{}`},
		{"put a list in text", func(ctx context.Context, c *Client) (any, error) {
			return c.PutBlocklistText(ctx, []byte("192.0.2.1 for=5m\n"), Options{Force: true})
		}, "PUT /v1/blocklist?force=1", "192.0.2.1 for=5m\n", "Content-Type: text/plain; charset=utf-8", `{}`},
		{"put an empty list", func(ctx context.Context, c *Client) (any, error) { return c.PutBlocklistText(ctx, nil, Options{}) },
			"PUT /v1/blocklist", "", "Content-Type: text/plain; charset=utf-8", `{}`},
		{"unblock", func(ctx context.Context, c *Client) (any, error) {
			return c.RemoveBlock(ctx, "2001:db8::/32", "www.", Options{Owner: "me"})
		}, "DELETE /v1/blocklist/2001:db8::%2F32?owner=me&pool=www.", "", "", `{}`},
		{"unblock for all pools", func(ctx context.Context, c *Client) (any, error) {
			return c.RemoveBlock(ctx, "::", "", Options{})
		}, "DELETE /v1/blocklist/::", "", "", `{}`},
		{"register", func(ctx context.Context, c *Client) (any, error) {
			spec := api.RegistrationSpec{MemberSpec: api.MemberSpec{Addresses: []string{"192.0.2.1"}}, ID: "a", TTL: "30s"}
			return c.PostRegistration(ctx, "www.", spec, "s")
		}, "POST /v1/pools/www./registrations", `{"addresses":["192.0.2.1"],"id":"a","ttl":"30s"}`, "Registration-Secret: s", `{}`},
		{"renew", func(ctx context.Context, c *Client) (any, error) { return c.RenewRegistration(ctx, "www.", "a", "s") },
			"PUT /v1/pools/www./registrations/a", "", "Registration-Secret: s", `{}`},
		{"leave", func(ctx context.Context, c *Client) (any, error) { return c.DeleteRegistration(ctx, "www.", "a", "s") },
			"DELETE /v1/pools/www./registrations/a", "", "Registration-Secret: s", `{}`},
		{"rollout", func(ctx context.Context, c *Client) (any, error) { return c.Rollout(ctx, "www.") },
			"GET /v1/pools/www./rollout", "", "", `{}`},
		{"start", func(ctx context.Context, c *Client) (any, error) {
			return c.StartRollout(ctx, "www.", api.RolloutSpec{Canary: 1, Timeout: "5m"}, Options{DryRun: true})
		}, "PUT /v1/pools/www./rollout?dry_run=1", `{"canary":1,"timeout":"5m"}`, "", `{}`},
		{"pause", func(ctx context.Context, c *Client) (any, error) { return c.SteerRollout(ctx, "www.", PauseRollout) },
			"POST /v1/pools/www./rollout/pause", "", "", `{}`},
		{"resume", func(ctx context.Context, c *Client) (any, error) { return c.SteerRollout(ctx, "www.", ResumeRollout) },
			"POST /v1/pools/www./rollout/resume", "", "", `{}`},
		{"cancel", func(ctx context.Context, c *Client) (any, error) { return c.SteerRollout(ctx, "www.", CancelRollout) },
			"POST /v1/pools/www./rollout/cancel", "", "", `{}`},
		{"report", func(ctx context.Context, c *Client) (any, error) {
			return c.ReportRollout(ctx, "www.", api.RolloutReport{Rollout: "r", Member: "a", Result: "started"})
		}, "POST /v1/pools/www./rollout/report", `{"rollout":"r","member":"a","result":"started"}`, "", `{}`},
		{"history", func(ctx context.Context, c *Client) (any, error) {
			return c.History(ctx, EventQuery{Pool: "www.", After: 7})
		}, "GET /v1/events?after=7&pool=www.", "", "Accept: application/json", `[]`},
		{"explain", func(ctx context.Context, c *Client) (any, error) {
			return c.Explain(ctx, ExplainQuery{Name: "www.", Client: "192.0.2.0/24", Type: "AAAA", Without: "a", Region: "r"})
		}, "GET /v1/explain?client=192.0.2.0%2F24&name=www.&region=r&type=AAAA&without=a", "", "", `{}`},
		{"probe", func(ctx context.Context, c *Client) (any, error) { return c.Probe(ctx, "www.", "") },
			"POST /v1/pools/www./probe", "", "", `{}`},
		{"probe one", func(ctx context.Context, c *Client) (any, error) { return c.Probe(ctx, "www.", "a/b") },
			"POST /v1/pools/www./probe?member=a%2Fb", "", "", `{}`},
		{"all options", func(ctx context.Context, c *Client) (any, error) { return c.DeletePool(ctx, "www.", all) },
			"DELETE /v1/pools/www.?dry_run=1&force=1&owner=me+%26+you&require_healthy=1", "", `If-Match: "v1"`, `{}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
				_, _ = io.WriteString(w, test.answer)
			})
			c := clientOf(t, Settings{Server: url, Token: "0123456789abcdef", UserAgent: "test/1"})
			if _, err := test.do(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if call := got.Method + " " + got.RequestURI; call != test.call {
				t.Errorf("%s, want %s", call, test.call)
			}
			if string(body) != test.body || got.ContentLength != int64(len(body)) {
				t.Errorf("body %s of %d bytes, want %s", body, got.ContentLength, test.body)
			}
			name, value, _ := strings.Cut(test.header, ": ")
			if got.Header.Get(name) != value || got.Header.Get("Authorization") != "Bearer 0123456789abcdef" || got.UserAgent() != "test/1" {
				t.Errorf("header %v", got.Header)
			}
			if (got.Header.Get("Content-Type") == "") != (test.body == "" && test.name != "put an empty list") {
				t.Errorf("Content-Type %q", got.Header.Get("Content-Type"))
			}
		})
	}
}

// TestAnswers says what comes back, in one example of each kind.
func TestAnswers(t *testing.T) {
	answers := map[string]string{
		"/v1/pools/www.":       `{"name":"www.","later":"what a newer responder may say"}`,
		"/v1/blocklist":        `[{"address":"192.0.2.1","mode":"omit"}]`,
		"/v1/pools/www./probe": `{"pool":"www.","passed":false,"probes":[{"member":"a","steps":[{"step":"connect","took_seconds":0.001}]}]}`,
		"/v1/events":           `[{"id":18446744073709551615,"type":"reload","text":"all of it"}]`,
	}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v7"`)
		_, _ = io.WriteString(w, answers[r.URL.Path])
	})
	c := clientOf(t, Settings{Server: url + "/"})
	if p, err := c.Pool(t.Context(), "www."); err != nil || p.Name != "www." {
		t.Errorf("%v, %v", p, err)
	}
	if b, etag, err := c.Blocklist(t.Context()); err != nil || etag != `"v7"` || len(b) != 1 || b[0].Address != "192.0.2.1" {
		t.Errorf("%v, %v, %v", b, etag, err)
	}
	if text, err := c.BlocklistText(t.Context()); err != nil || string(text) != answers["/v1/blocklist"] {
		t.Errorf("%s, %v", text, err)
	}
	if e, err := c.History(t.Context(), EventQuery{}); err != nil || len(e) != 1 || e[0].ID != 1<<64-1 {
		t.Errorf("%v, %v", e, err)
	}
	if p, err := c.Probe(t.Context(), "www.", ""); err != nil || len(p.Probes) != 1 || len(p.Probes[0].Steps) != 1 || p.Probes[0].Steps[0].Step != "connect" {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := c.ReportLoad(t.Context(), "www.", "a", func() float64 { var zero float64; return zero / zero }()); err == nil {
		t.Error("NaN is no load")
	}
}
