package test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// policyMistakes are lines for a pool, or for the healthlb block, with what is said of them.
var policyMistakes = []struct {
	block string // in the healthlb block; empty: the line is the pool's
	line  string
	words string
}{
	{"", "member 127.36.1.2 weight 65536", "member 127.36.1.2 weight 65536: is no number in range; allowed: 0 to 65535"},
	{"", "member 127.36.1.2 weight -1", "weight -1: is no number in range"},
	{"", "member 127.36.1.2 priority 0", "priority 0: is no number in range; allowed: 1 to 65535"},
	{"", "member 127.36.1.2 prioirty 1", "did you mean priority?"},
	{"", "policy wieghted", "did you mean weighted?"},
	{"", "policy weighted 3", "policy weighted has no options"},
	{"", "policy hash bits4 33", "allowed: 0 to 32"},
	{"", "policy hash bits6 129", "allowed: 0 to 128"},
	{"", "policy hash key client", "is not known as what a client is known by; allowed: name"},
	{"", "policy hash balance 0.9", "is no decimal number in range; allowed: 1 to 100"},
	{"", "policy hash report 5s", "is not known in policy hash"},
	{"", "policy least report 5", "is a duration without a unit"},
	{"", "policy least report 2h", "is out of range; allowed: 1s to 1h"},
	{"", "policy failover 1", "policy failover has no options"},
	{"", "prefer region", "is said, but not where clients are"},
	{"", "prefer zone", "is not known as what to prefer; allowed: off, region"},
	{"", "prefer region min 0", "is no number in range"},
	{"", "fade_in 30", "is a duration without a unit"},
	{"", "fade_in 30s exponent 0", "allowed: 0.1 to 10"},
	{"", "fade_in 30s exp 2", "is not known in a fade_in line"},
	{"", "shard 0", "write a number from 1 to 64, or off"},
	{"", "shard 65", "write a number from 1 to 64, or off"},
	{"", "place eu 10.0.0.0/8", "is not known in a pool"},
	{"place eu", "", "says too little; add CIDR"},
	{"place eu 10.0.0.1/8", "", "has bits set behind the prefix; write 10.0.0.0/8"},
	{"place geoip city", "", "allowed: continent, country"},
	{"places {dir}/none", "", "no such file or directory"},
	{"members {dir}/none", "", "is not known in a healthlb block"},
}

// Each mistake is told with file, line and what would be right, by CoreDNS and by the program behind `make check`, in the same words.
func TestPolicyMistakesAreRefused(t *testing.T) {
	t.Parallel()
	checker := filepath.Join(t.TempDir(), "check")
	if out, err := exec.Command("go", "build", "-o", checker, "../build/check").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tc := range policyMistakes {
		s := prepare(t, lb("\n\t\t"+tc.block+"\n\t\tpool www.lb.example.org {\n\t\t\t"+tc.line+"\n\t\t\tcheck tcp {closed}\n\t\t\tmember 127.36.1.1\n\t\t}"),
			"{closed}", freePort(t))
		at := s.corefile() + ":14: "
		if tc.block != "" {
			at = s.corefile() + ":12: "
		}
		s.refusesToStart(t, at, tc.words)
		out, err := exec.Command(checker, s.corefile()).CombinedOutput()
		told := strings.TrimPrefix(at, s.dir+"/")
		check(t, want(err != nil && hasAll(string(out), told, tc.words), "check says of %q %q: %v %s, want %s%s", tc.block, tc.line, err, out, told, tc.words))
	}

	s := prepare(t, lb(explainCorefile), "{web}", "443")
	out, err := exec.Command(checker, s.corefile()).CombinedOutput()
	check(t, want(err == nil, "check refuses what is right: %s", out))
}

// What CoreDNS does not start with, the check does not call right.
func TestCheckKnowsWhatGeoIPNeeds(t *testing.T) {
	t.Parallel()
	checker := filepath.Join(t.TempDir(), "check")
	if out, err := exec.Command("go", "build", "-o", checker, "../build/check").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := prepare(t, lb("place geoip country\npool www.lb.example.org {\nprefer region\ncheck tcp {closed}\nmember 127.36.2.1 region GB\n}"), "{closed}", freePort(t))
	s.refusesToStart(t, "Corefile:11: place geoip country", "plugin geoip")
	out, err := exec.Command(checker, s.corefile()).CombinedOutput()
	check(t, want(err != nil && hasAll(string(out), "Corefile:11: place geoip country", "plugin geoip"), "check says: %v %s", err, out))
}
