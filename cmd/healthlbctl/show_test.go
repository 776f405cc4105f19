package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/spf13/cobra"

	"example.org/healthlb/api"
)

func TestPools(t *testing.T) {
	f := newFake(t)
	full := threeMembers()
	full.Name, full.Status, full.Reason, full.Members = "api.lb.example.org.", "full", "", full.Members[:1]
	f.on("GET /pools", 200, []api.Pool{full, threeMembers()})
	ctl(t, f, "pools").check(t, 0, `
POOL                STATUS    UP   REASON
api.lb.example.org  full      1/1
www.lb.example.org  degraded  1/3  web-3 is down
`, "")
}

func TestNoPools(t *testing.T) {
	f := newFake(t)
	f.on("GET /pools", 200, []api.Pool{})
	ctl(t, f, "pools").check(t, 0, "", "there is no pool\n")
	ctl(t, f, "pools", "-o", "json").check(t, 0, "[]\n", "")
}

func TestPool(t *testing.T) {
	f := newFake(t)
	f.on("GET /pools/www.lb.example.org", 200, threeMembers())
	ctl(t, f, "pool", "www.lb.example.org").check(t, 0, `
www.lb.example.org: degraded (web-3 is down)
policy round_robin, answers 8
ttl 30s, low 5s
A: 1 of 3 eligible, min_up 1

ID     ADDRESS     STATE       SINCE  LAST ERROR               NEXT PROBE  SHARE       SAFE AFTER
web-1  192.0.2.10  up          3m12s                           in 1.2s     52% / 100%  12:00:35 (30s)
web-2  192.0.2.11  up,drained  1d2h                            in 1.2s     48% / 0%    12:00:35 (30s)
web-3  192.0.2.12  down        5s     connection refused?[31m  now         0% / 0%     now
`, "")
}

// For programs it is what the endpoint says, and nothing else.
func TestOutputIsTheAPIs(t *testing.T) {
	f := newFake(t)
	want := threeMembers()
	f.on("GET /pools/www.lb.example.org", 200, want)
	for _, c := range []struct {
		output string
		parse  func([]byte, any) error
	}{{"json", json.Unmarshal}, {"yaml", func(data []byte, to any) error { return yaml.UnmarshalStrict(data, to) }}} {
		o := ctl(t, f, "pool", "www.lb.example.org", "-o", c.output)
		var got api.Pool
		if err := c.parse([]byte(o.out), &got); err != nil || o.code != 0 {
			t.Fatalf("%s: %v, exit code %d, %s", c.output, err, o.code, o.err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", c.output, got, want)
		}
	}
}

func TestColours(t *testing.T) {
	f := newFake(t)
	f.on("GET /pools", 200, []api.Pool{threeMembers()})
	for _, c := range []struct {
		name     string
		terminal bool
		noColour string
		want     bool
	}{{"terminal", true, "", true}, {"terminal, NO_COLOR", true, "1", false}, {"pipe", false, "", false}} {
		console := newConsole(t, f)
		console.outIsTerminal = c.terminal
		console.env["NO_COLOR"] = c.noColour
		if o := console.do("pools"); strings.Contains(o.out, "\x1b[33mdegraded\x1b[0m  1/3") != c.want || strings.Contains(o.out, "\x1b") != c.want {
			t.Errorf("%s: %q", c.name, o.out)
		}
	}
}

func TestExplain(t *testing.T) {
	f := newFake(t)
	f.do("GET /explain", func(r *http.Request, _ []byte) (int, any) {
		if got, want := r.URL.RawQuery, "client=203.0.113.7&name=www.lb.example.org&region=eu&type=A&without=web-2"; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
		return 200, api.Explanation{
			Name: pool, Pool: pool, Type: "A", Client: "203.0.113.7", Region: "eu", Without: "web-2", Policy: "hash", EligibleCount: 2, MinUp: 1,
			Answer: api.ExplainAnswer{RCode: "NOERROR", TTL: 30, Addresses: []string{"192.0.2.10"}, Scope: 24}, Draws: 1000,
			Members: []api.ExplainMember{
				{ID: "web-1", Address: "192.0.2.10", In: true, Stage: "answer", Why: "picked", Share: 1},
				{ID: "web-3", Address: "192.0.2.12", Stage: "health", Why: "down for 5s"},
			},
		}
	})
	ctl(t, f, "explain", "www.lb.example.org", "--client", "203.0.113.7", "--without", "web-2", "--region", "eu").check(t, 0, `
www.lb.example.org A asked by 203.0.113.7 in eu, without web-2
answer: 192.0.2.10, ttl 30s, NOERROR, scope /24
pool www.lb.example.org: policy hash, 2 eligible, min_up 1

ID     ADDRESS     IN   STAGE   SHARE  WHY
web-1  192.0.2.10  yes  answer  100%   picked
web-3  192.0.2.12  no   health  0%     down for 5s
`, "")
}

func TestEvents(t *testing.T) {
	f := newFake(t)
	events := []api.Event{
		{ID: 7, Time: noon, Type: "transition", Pool: pool, Text: "web-3 is down: connection refused"},
		{ID: 8, Time: noon, Type: "drain", Pool: pool, By: "token operate", Text: "web-2 drained\nby bob"},
	}
	f.do("GET /events", func(r *http.Request, _ []byte) (int, any) {
		if r.URL.Query().Get("pool") == "" {
			t.Errorf("asked %s, without the pool", r.URL)
		}
		return 200, events
	})
	ctl(t, f, "events", "--pool", "www.lb.example.org").check(t, 0, `
2026-11-21 12:00:05  transition      web-3 is down: connection refused
2026-11-21 12:00:05  drain           web-2 drained by bob
`, "")
	o := ctl(t, f, "events", "--pool", "www.lb.example.org", "-o", "json")
	if lines := strings.Split(strings.TrimSpace(o.out), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[1], `{"id":8,`) {
		t.Errorf("got %s", o.out)
	}
	if o := ctl(t, f, "events", "--pool", "www.lb.example.org", "-o", "yaml"); strings.Count(o.out, "---\n") != 2 {
		t.Errorf("got %s", o.out)
	}
}

func TestEventsFollow(t *testing.T) {
	f := newFake(t)
	f.do("GET /events", func(r *http.Request, _ []byte) (int, any) {
		if r.Header.Get("Last-Event-ID") == "7" || r.URL.Query().Get("after") == "7" {
			return 200, "id: 8\nevent: drain\ndata: {\"id\":8,\"time\":\"2026-11-21T12:00:05Z\",\"type\":\"drain\",\"text\":\"b\"}\n\n"
		}
		return 200, "id: 7\nevent: drain\ndata: {\"id\":7,\"time\":\"2026-11-21T12:00:05Z\",\"type\":\"drain\",\"text\":\"a\"}\n\n"
	})
	c := newConsole(t, f)
	ended := make(chan outcome, 1)
	go func() { ended <- c.do("events", "--follow") }()
	within(t, "both events", func() bool { return strings.Contains(c.out.String(), "  b\n") })
	c.signals <- os.Interrupt
	if o := <-ended; o.code != 0 || !strings.HasPrefix(o.out, "2026-11-21 12:00:05  drain           a\n") {
		t.Errorf("got %+v", o)
	}
}

func TestVersion(t *testing.T) {
	version, commit = "1.2.3", "0123abc"
	defer func() { version, commit = "", "" }()
	if o := ctl(t, nil, "version"); !strings.HasPrefix(o.out, "healthlbctl 1.2.3 (commit 0123abc, go1") || o.code != 0 {
		t.Errorf("got %+v", o)
	}
	var v versionInfo
	if o := ctl(t, nil, "version", "-o", "json"); json.Unmarshal([]byte(o.out), &v) != nil || v.Version != "1.2.3" || v.Commit != "0123abc" {
		t.Errorf("got %+v", o)
	}
}

// Every command that is shown says what it is, at length, and with an example that it would take.
func TestHelp(t *testing.T) {
	c := newConsole(t, nil)
	root := c.rootCommand()
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Name() == "help" || slices.Contains([]string{"completion"}, cmd.Name()) {
			return
		}
		if cmd.Short == "" || cmd.Long == "" || !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s: want Short, Long and an Example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if len(strings.TrimRight(line, "\n")) > 110 {
				t.Errorf("%s: a line of the help is too long: %s", cmd.CommandPath(), line)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
	if o := ctl(t, nil); o.code != 0 || !strings.Contains(o.out, "Exit codes:\n") {
		t.Errorf("without arguments: %+v", o)
	}
}

func TestMan(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for _, folder := range []string{one, two} {
		c := newConsole(t, nil)
		c.env["SOURCE_DATE_EPOCH"] = "1795262405"
		c.do("man", folder).check(t, 0, "", "")
	}
	files, err := os.ReadDir(one)
	if err != nil || len(files) < 20 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	for _, file := range files {
		a, _ := os.ReadFile(filepath.Join(one, file.Name()))
		b, _ := os.ReadFile(filepath.Join(two, file.Name()))
		if string(a) != string(b) || !strings.Contains(string(a), `"Nov 2026"`) {
			t.Errorf("%s is not reproducible, or has no date: %.100s", file.Name(), a)
		}
	}
	if page, _ := os.ReadFile(filepath.Join(one, "healthlbctl.1")); !strings.Contains(string(page), "Exit codes") {
		t.Error("the first page lacks the exit codes")
	}
}
