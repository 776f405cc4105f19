package healthlb

import (
	"strings"
	"testing"

	"github.com/coredns/caddy"

	"example.org/healthlb/plugin/healthlb/config"
)

func TestWarnings(t *testing.T) {
	g := newGeneration()
	for zone, text := range map[string]string{
		"example.org":     "healthlb {\npool www.y.example.org {\nmember 192.0.2.1\n}\npool www.example.org {\nmin_up 2\nmember 192.0.2.1\n}\n}",
		"y.example.org":   "healthlb {\npool y.example.org {\nmember 192.0.2.1\n}\n}",
		"big.example.net": strings.ReplaceAll(benchCorefile(1, 5000, "answers all"), "example.org", "big.example.net"),
	} {
		c := caddy.NewTestController("dns", text)
		c.ServerBlockKeys = []string{zone}
		b, err := config.Parse(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.add(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	all := strings.Join(g.warnings(), "\n")
	for _, want := range []string{
		"pool www.y.example.org. may never be asked for: the zone at Testfile:1 is nearer to it",
		"pool www.example.org. is always all down in A: min_up 2 is more than it has members",
		"pool p0.big.example.net. has more members than a DNS message has room for",
	} {
		if strings.Count(all, want) != 1 {
			t.Errorf("want %q once in\n%s", want, all)
		}
	}
	if n := len(g.warnings()); n != 3 {
		t.Errorf("%d warnings, want 3:\n%s", n, all)
	}
}
