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
		"example.org":      "healthlb {\npool www.y.example.org {\nmember 192.0.2.1\n}\npool www.example.org {\nmin_up 2\nmember 192.0.2.1\n}\n}",
		"y.example.org":    "healthlb {\npool y.example.org {\nmember 192.0.2.1\n}\n}",
		"fade.example.com": "healthlb {\nfade_in 2m\npool a.fade.example.com {\nttl 12s\nmember 192.0.2.1\n}\npool b.fade.example.com {\nmember 192.0.2.1\n}\n}",
		"geo.example.com":  "healthlb {\nprefer region\nplace geoip country\npool a.geo.example.com {\nmember 192.0.2.1 region DE\nmember 192.0.2.2\n}\npool b.geo.example.com {\nmember 192.0.2.1 region germany\n}\n}",
		"net.example.com":  "healthlb {\nprefer region\nplace eu 192.0.2.0/24\npool a.net.example.com {\nmember 192.0.2.1 region eu\n}\npool b.net.example.com {\nmember 192.0.2.1 region ue\n}\n}",
		"big.example.net":  strings.ReplaceAll(benchCorefile(1, 5000, "answers all"), "example.org", "big.example.net"),
	} {
		c := caddy.NewTestController("dns", text)
		c.ServerBlockKeys = []string{zone}
		b, err := config.Parse(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.add(b); err != nil {
			t.Fatal(err)
		}
	}
	all := strings.Join(g.warnings(), "\n")
	for _, want := range []string{
		"pool www.y.example.org. may never be asked for: the zone at Testfile:1 is nearer to it",
		"pool www.example.org. is always all down in A: min_up 2 is more than it has members",
		"pool b.fade.example.com.: a ttl of 30s is more than a tenth of fade_in 2m0s, so members that come up get their share in few large steps: make it 12s or less",
		"pool b.geo.example.com. prefers the client's region, but no client is ever in germany: geoip tells regions by two capital letters",
		"pool b.net.example.com. prefers the client's region, but no client is ever in ue: no place names it",
		"pool p0.big.example.net. has more members than a DNS message has room for",
	} {
		if strings.Count(all, want) != 1 {
			t.Errorf("want %q once in\n%s", want, all)
		}
	}
	if n := len(g.warnings()); n != 6 {
		t.Errorf("%d warnings, want 6:\n%s", n, all)
	}
}
