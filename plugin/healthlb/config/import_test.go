package config

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
)

// files writes files into a new directory and returns it.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// parseCorefile parses the Corefile in dir the way CoreDNS does, and the healthlb of its last server block.
func parseCorefile(t *testing.T, dir string) (*Block, error) {
	t.Helper()
	name := filepath.Join(dir, "Corefile")
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	blocks, err := caddyfile.Parse(name, f, []string{"healthlb", "log"})
	if err != nil {
		t.Fatal(err)
	}
	last := blocks[len(blocks)-1]
	return Parse(&caddy.Controller{
		Dispenser:       caddyfile.NewDispenserTokens(name, last.Tokens["healthlb"]),
		ServerBlockKeys: last.Keys,
	})
}

const corefile = `(common) {
    interval 2s
    check tcp 8443
}
(only) {
    rise 4
}
lb.example.org {
    log
    healthlb {
        import common
        import more/defaults.conf
        pool a.lb.example.org {
            import only
            member 192.0.2.1
            import more/members.conf
        }
        import more/pools.conf
        pool c.lb.example.org {
            member 192.0.2.1
            import only
        }
    }
}
`

// Snippets and files may be imported anywhere, and lines stay apart although their numbers jump.
func TestImport(t *testing.T) {
	dir := files(t, map[string]string{
		"Corefile":           corefile,
		"more/defaults.conf": "ttl 10s",
		"more/members.conf":  "member 192.0.2.2\nmember 192.0.2.3\nmembers list",
		"more/pools.conf":    "pool b.lb.example.org {\n member 192.0.2.4\n}",
		"list":               "192.0.2.5", // beside the Corefile, not beside the file that names it
	})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "Corefile") + ":10"; b.Where != want {
		t.Errorf("the block is at %s, want %s", b.Where, want)
	}
	for i, want := range []struct {
		where         string
		members, rise int
	}{
		{"Corefile:13", 4, 4},
		{"more/pools.conf:1", 1, 2},
		{"Corefile:19", 1, 4},
	} {
		p := b.Pools[i]
		if p.Where != filepath.Join(dir, want.where) || len(p.Members) != want.members || p.Rise != want.rise ||
			p.Interval.Seconds() != 2 || p.TTL != 10 || p.Checks[0].Port != 8443 {
			t.Errorf("pool %d: got %+v, want %+v", i, p, want)
		}
	}
}

// Errors name the file and line where the word stands, wherever it was imported from.
func TestImportErrors(t *testing.T) {
	good := map[string]string{
		"Corefile":           corefile,
		"more/defaults.conf": "ttl 10s",
		"more/members.conf":  "member 192.0.2.2",
		"more/pools.conf":    "pool b.lb.example.org {\n member 192.0.2.4\n}",
	}
	const a, b = "DIR/Corefile", "DIR/more/"
	for name, c := range map[string]struct{ file, text, want string }{
		"a file in a block": {"more/defaults.conf", "# comment\n\nttl 10",
			b + "defaults.conf:3: ttl 10: is a duration without a unit"},
		"a file in a pool": {"more/members.conf", "member 192.0.2.2\nmember x",
			b + "members.conf:2: member x: is no IP address"},
		"a pool from a file": {"more/pools.conf", "\npool a.lb.example.org {\n member 192.0.2.4\n}",
			b + "pools.conf:2: pool a.lb.example.org: is the name of the pool at " + a + ":13"},
		"a snippet": {"Corefile", strings.Replace(corefile, "rise 4", "rise 0", 1),
			a + ":6: rise 0: is no number"},
		"an option said twice": {"more/defaults.conf", "interval 1s",
			b + "defaults.conf:1: interval: was said before, at " + a + ":2"},
		"an address in two files": {"more/members.conf", "member 192.0.2.1",
			b + "members.conf:1: member 192.0.2.1: has the address 192.0.2.1 of the member at " + a + ":15"},
		"a second healthlb": {"Corefile", strings.TrimSuffix(corefile, "}\n") + "    healthlb {\n    }\n}\n",
			a + ":24: healthlb: is the second in this server block, after " + a + ":10"},
		"an import that caddy overlooks": {"Corefile", strings.Replace(corefile, "(only) {\n", "(only) {\n    import common\n", 1),
			a + ":6: import: was not expanded: caddy overlooks an import that is the first line of a snippet"},
	} {
		t.Run(name, func(t *testing.T) {
			contents := maps.Clone(good)
			contents[c.file] = c.text
			dir := files(t, contents)
			_, err := parseCorefile(t, dir)
			if err == nil {
				t.Fatal("accepted")
			}
			if got := strings.ReplaceAll(err.Error(), dir, "DIR"); !strings.HasPrefix(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDirectory(t *testing.T) {
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for corefile, want := range map[string]string{
		"":                      working, // built in
		os.Stdin.Name():         working,
		"Corefile":              working,
		"conf/Corefile":         filepath.Join(working, "conf"),
		"/etc/coredns/Corefile": "/etc/coredns",
	} {
		if got, err := directory(corefile); err != nil || got != want {
			t.Errorf("%q: got %s, %v; want %s", corefile, got, err, want)
		}
	}
}
