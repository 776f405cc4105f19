package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/coredns/caddy"
)

// parseIn parses a healthlb directive in a server block for the given keys; with none, for lb.example.org.
func parseIn(input string, keys ...string) (*Block, error) {
	c := caddy.NewTestController("dns", input)
	if c.ServerBlockKeys = keys; len(keys) == 0 {
		c.ServerBlockKeys = []string{"dns://lb.example.org.:53"}
	}
	return Parse(c)
}

// mustParse parses a Corefile that is right.
func mustParse(t testing.TB, input string, keys ...string) *Block {
	t.Helper()
	b, err := parseIn(input, keys...)
	if err != nil {
		t.Fatalf("refused:\n%s\n%v", input, err)
	}
	return b
}

// inPool returns a Corefile with lines in a pool; the first of them is its line 4.
func inPool(lines string) string {
	return "healthlb {\n pool www.lb.example.org {\n  member 192.0.2.10\n" + lines + "\n }\n}\n"
}

// inBlock returns a Corefile with lines in the healthlb block; the first of them is its line 4.
func inBlock(lines string) string {
	return "healthlb {\n pool www.lb.example.org {\n  member 192.0.2.10 }\n" + lines + "\n}\n"
}

// right is a mistake-free piece of a Corefile, and what it makes.
type right[T any] struct {
	lines string
	get   func(T) any
	want  any
}

func testRight[T any](t *testing.T, cases []right[T], parse func(t *testing.T, lines string) T) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.lines, func(t *testing.T) {
			if got := c.get(parse(t, c.lines)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

// wrong is a piece of a Corefile with a mistake, and the error that tells of it, without the name of the Corefile.
type wrong struct{ lines, want string }

func testWrong(t *testing.T, cases []wrong, around func(string) string) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.lines, func(t *testing.T) {
			input := around(c.lines)
			_, err := parseIn(input)
			if err == nil {
				t.Fatalf("accepted:\n%s", input)
			}
			if got := strings.TrimPrefix(err.Error(), "Testfile:"); got != c.want {
				t.Errorf("for\n%s\ngot  %s\nwant %s", input, got, c.want)
			}
		})
	}
}

// What a list of allowed words is in errors.
const (
	poolWords = "all_down, answers, budget, check, confirm, dynamic, ecs, fade_in, failures, flap, interval, member, members, min_up, " +
		"policy, prefer, rise, shard, source, timeout, tripwire, ttl"
	blockWords = "admin, all_down, allow_exec, answers, budget, check, confirm, dynamic, ecs, express, fade_in, failures, fallthrough, flap, " +
		"interval, isolation, min_up, ns, on_change, place, places, policy, pool, prefer, region, rise, shard, soa, source, state, " +
		"timeout, tripwire, ttl"
	memberWords = "id, port, priority, probe_address, region, weight"
	policyNames = "failover, hash, least, random, round_robin, weighted"
)
