package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/api"
)

func TestCompletion(t *testing.T) {
	f := newFake(t)
	f.on("GET /pools", 200, []api.Pool{threeMembers()})
	f.on("GET /pools/www.lb.example.org", 200, threeMembers())
	f.on("GET /blocklist", 200, []api.Block{{Address: "192.0.2.10"}, {Address: "192.0.2.10", Pool: pool}})
	for _, c := range []struct{ args, want string }{
		{"pool|", "www.lb.example.org"},
		{"drain|www.lb.example.org|", "web-1 web-2 web-3"},
		{"drain|www.lb.example.org|web-1|", ""},
		{"undrain|www.lb.example.org|", "web-2"},
		{"unblock|", "192.0.2.10"},
		{"block|", "192.0.2.10 192.0.2.11 192.0.2.12"},
		{"block|192.0.2.10|--pool|", "www.lb.example.org"},
		{"block|192.0.2.10|--mode|", "omit no-register"},
		{"rollout|start|www.lb.example.org|--region|", "eu us"},
		{"rollout|pause|", "www.lb.example.org"},
		{"explain|www.lb.example.org|--without|", "web-1 web-2 web-3"},
		{"probe|", "www.lb.example.org"},
		{"probe|www.lb.example.org|", "web-1 web-2 web-3"},
		{"probe|www.lb.example.org|web-1|", ""},
		{"pools|-o|", "table json yaml"},
		{"events|--pool|", "www.lb.example.org"},
		{"dr", "drain"},
	} {
		o := ctl(t, f, append([]string{"__completeNoDesc"}, strings.Split(c.args, "|")...)...)
		words := strings.Fields(o.out)
		if n := len(words); n == 0 || !strings.HasPrefix(words[n-1], ":") || o.code != 0 {
			t.Fatalf("%s: %+v", c.args, o)
		}
		if got := strings.Join(words[:len(words)-1], " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.args, got, c.want)
		}
	}
}

// A completion says nothing when nobody answers, or not in time.
func TestCompletionIsSilent(t *testing.T) {
	f := newFake(t)
	if o := ctl(t, f, "__complete", "pool", ""); o.code != 0 || !strings.HasPrefix(o.out, ":4\n") {
		t.Errorf("got %+v", o)
	}
	over := make(chan struct{})
	f.do("GET /pools", func(r *http.Request, _ []byte) (int, any) {
		select {
		case <-r.Context().Done():
		case <-over:
		}
		return 200, []api.Pool{threeMembers()}
	})
	defer close(over)
	ended := make(chan outcome, 1)
	go func() { ended <- ctl(t, f, "__complete", "pool", "") }()
	select {
	case o := <-ended:
		if o.code != 0 || !strings.HasPrefix(o.out, ":4\n") {
			t.Errorf("got %+v", o)
		}
	case <-time.After(20 * time.Second): // completionTime is much less
		t.Error("a completion waits for the server")
	}
	if o := ctl(t, nil, "__complete", "--server", "ftp://x", "pool", ""); o.code != 0 || !strings.HasPrefix(o.out, ":4\n") {
		t.Errorf("got %+v", o)
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if o := ctl(t, nil, "completion", shell); o.code != 0 || !strings.Contains(o.out, "healthlbctl") {
			t.Errorf("%s: %+v", shell, o)
		}
	}
}
