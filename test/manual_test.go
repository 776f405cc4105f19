package test

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"

	"example.org/healthlb/plugin/healthlb/config"
)

const (
	manualFile = "../plugin/healthlb/README.md"
	frontPage  = "../README.md"
)

// TestManualSections wants the sections of a CoreDNS plugin's README, in CoreDNS's order.
func TestManualSections(t *testing.T) {
	var got []string
	for _, heading := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(readFile(t, manualFile), -1) {
		got = append(got, heading[1])
	}
	wanted := []string{"Name", "Description", "Syntax", "Metrics", "Ready", "Admin Endpoint", "Reload", "Examples", "Bugs", "See Also"}
	at := 0
	for _, heading := range got {
		if at < len(wanted) && heading == wanted[at] {
			at++
		}
	}
	if at < len(wanted) {
		t.Errorf("no section %q in its place: want %q in this order, got %q", wanted[at], wanted, got)
	}
}

// TestManualExamples starts every Corefile of the manual and of the front page as it stands there, but for ports and addresses to listen
// on, and asks for each of its pools.
func TestManualExamples(t *testing.T) {
	for _, file := range []string{manualFile, frontPage} {
		blocks := corefiles(readFile(t, file))
		if len(blocks) == 0 {
			t.Errorf("%s has no Corefile", file)
		}
		for i, block := range blocks {
			t.Run(fmt.Sprintf("%s %d", strings.TrimPrefix(file, "../"), i+1), func(t *testing.T) {
				t.Parallel()
				s := prepare(t, runnable(block))
				writeExampleFiles(t, s.dir)
				s.launch(t)
				if !s.serves() {
					t.Fatalf("CoreDNS does not start:\n%s", s.log)
				}
				for _, p := range poolsOf(block) {
					check(t, p.answered(s.dig(t, strings.Replace(p.name, "*", "any", 1), "A")))
				}
			})
		}
	}
}

// corefiles returns the fenced blocks that CoreDNS's own test of READMEs would start.
func corefiles(text string) (blocks []string) {
	for _, found := range regexp.MustCompile("(?ms)^(?:~~~|```) corefile\n(.*?)^(?:~~~|```)$").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, found[1])
	}
	return blocks
}

var (
	keyLine    = regexp.MustCompile(`(?m)^([a-z].*) \{$`)
	tlsPort    = regexp.MustCompile(`(tls://\S+):\d+`)
	plainPort  = regexp.MustCompile(`:\d+( |$)`)
	listenLine = regexp.MustCompile(`(?m)^(\s+)(admin|prometheus|ready) [^\s:]*:\d+`)
)

// runnable makes a Corefile listen on free ports of loopback. The members at documentation addresses stay, and are down.
func runnable(corefile string) string {
	corefile = keyLine.ReplaceAllStringFunc(corefile, func(line string) string {
		keys := tlsPort.ReplaceAllString(strings.TrimSuffix(line, " {"), "$1:{dns1}")
		return plainPort.ReplaceAllString(keys, ":{dns}$1") + " {\n    bind 127.0.0.1"
	})
	return listenLine.ReplaceAllStringFunc(corefile, func(line string) string {
		words := strings.Fields(line)
		port := words[0]
		if port == "prometheus" {
			port = "metrics"
		}
		return "    " + words[0] + " 127.0.0.1:{" + port + "}"
	})
}

// writeExampleFiles writes the files that examples name.
func writeExampleFiles(t *testing.T, dir string) {
	t.Helper()
	ca := newAuthority(t)
	ca.write(t, filepath.Join(dir, "ca.pem"))
	writePair(t, ca.issue(t, tomorrow(), "example.org"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	writeFile(t, filepath.Join(dir, "db.example.org"), `$ORIGIN example.org.
@       3600 SOA ns1 hostmaster 1 3600 600 86400 60
@       3600 NS  ns1
ns1     3600 A   192.0.2.1
static  3600 A   192.0.2.99
`)
	writeFile(t, filepath.Join(dir, "tokens"), "Zm9yLXRoZS1tYW51YWwtb25seQ\n")
	writeFile(t, filepath.Join(dir, "places.txt"), "west 203.0.113.0/24 2001:db8:1::/48\n"+
		"east 198.51.100.128/25   # and nothing is known of the other half\neast 2001:db8:2::/48\n")
	writeFile(t, filepath.Join(dir, "GeoLite2-City.mmdb"), readFile(t, cityDB(t)))
	writeFile(t, filepath.Join(dir, "members.txt"), "192.0.2.30 2001:db8::30 id mx-1\n192.0.2.31 id mx-2   # in the other building\n")
}

// examplePool is a pool of a Corefile.
type examplePool struct {
	name    string
	allDown string // the word behind all_down
}

func poolsOf(corefile string) (pools []examplePool) {
	for line := range strings.Lines(corefile) {
		switch words := strings.Fields(line); {
		case len(words) == 3 && words[0] == "pool":
			pools = append(pools, examplePool{words[1], "all"})
		case len(words) > 1 && words[0] == "all_down":
			pools[len(pools)-1].allDown = words[1]
		}
	}
	return pools
}

// answered says what is wrong with an answer of the pool. Documentation addresses lead nowhere, so it is all down; on a network that
// answers for everybody it may be up.
func (p examplePool) answered(r reply) error {
	if r.status == "NOERROR" && len(r.answer) > 0 && r.has("aa") {
		return nil
	}
	switch p.allDown {
	case "nodata":
		return want(r.status == "NOERROR" && r.has("aa"), "%s: want NODATA, got:\n%s", p.name, r.text)
	case "servfail", "refused":
		return want(r.status == strings.ToUpper(p.allDown), "%s: want %s, got:\n%s", p.name, p.allDown, r.text)
	}
	return fmt.Errorf("%s: want an answer with AA, got:\n%s", p.name, r.text)
}

// How the manual explains a word: as the first of a list item, or also in the middle of one.
const (
	inItem   = "(?m)^ *\\* `(check )?%s[` ]"
	anywhere = "`%s[` ]"
)

// places are where words are looked up in a table: in each, healthlb says all that it knows there when it reads one that it does not.
var places = []struct{ corefile, explained string }{
	{"healthlb {\n?\n}", inItem},
	{"healthlb {\nsoa ?\n}", anywhere},
	{"healthlb {\nadmin 127.0.0.1:8053 ?\n}", inItem},
	{"healthlb {\npolicy ?\n}", inItem},
	{"healthlb {\nall_down ?\n}", anywhere},
	{"healthlb {\nttl 30s ?\n}", anywhere},
	{"healthlb {\ncheck ?\n}", inItem},
	{"healthlb {\ncheck tcp ?\n}", inItem},
	{"healthlb {\ncheck tls ?\n}", inItem},
	{"healthlb {\npool www.example.org {\n?\n}\n}", inItem},
	{"healthlb {\npool www.example.org {\nmember 192.0.2.10 ?\n}\n}", inItem},
}

// TestManualSaysEveryWord wants every directive, option, policy and kind of check in the manual, and none that there is not.
func TestManualSaysEveryWord(t *testing.T) {
	manual := readFile(t, manualFile)
	known := map[string]bool{}
	for _, place := range places {
		for _, word := range allowed(t, strings.Replace(place.corefile, "?", "no_such_word", 1)) {
			known[word] = true
			if !regexp.MustCompile(fmt.Sprintf(place.explained, word)).MatchString(manual) {
				t.Errorf("the manual does not explain %s, which is known here:\n%s", word, place.corefile)
			}
		}
	}
	_, syntax, _ := strings.Cut(manual, "\n## Syntax\n")
	syntax, _, _ = strings.Cut(syntax, "\n## ")
	for _, item := range regexp.MustCompile("(?m)^ *\\* `(?:check )?([a-z_]+)").FindAllStringSubmatch(syntax, -1) {
		if !known[item[1]] {
			t.Errorf("the manual explains %s, which healthlb does not know", item[1])
		}
	}
}

// allowed returns the words that the error about one that is not known lists.
func allowed(t *testing.T, block string) []string {
	t.Helper()
	c := caddy.NewTestController("dns", block)
	c.ServerBlockKeys = []string{"example.org."}
	_, err := config.Parse(c)
	if err == nil {
		t.Fatalf("no error about\n%s", block)
	}
	_, list, found := strings.Cut(err.Error(), "allowed: ")
	if !found {
		t.Fatalf("no list of words in the error %q", err)
	}
	return strings.Split(list, ", ")
}

// TestManualSaysEveryMetric compares the metrics of the sources with those of the manual, and the labels with those that are exported.
func TestManualSaysEveryMetric(t *testing.T) {
	manual := map[string]string{} // labels by name
	item := regexp.MustCompile("(?m)^\\* `coredns_healthlb_([a-z_]+)(?:\\{([a-z, ]+)\\})?` - ")
	for _, found := range item.FindAllStringSubmatch(readFile(t, manualFile), -1) {
		labels := strings.Split(strings.ReplaceAll(found[2], " ", ""), ",")
		slices.Sort(labels)
		manual[found[1]] = strings.Join(labels, ",")
	}

	var defined []string
	for _, file := range []string{"metrics.go", "collector.go"} {
		source := readFile(t, filepath.Join(filepath.Dir(manualFile), file))
		for _, found := range regexp.MustCompile(`(?:Name: +|describe\()"([a-z_]+)"`).FindAllStringSubmatch(source, -1) {
			defined = append(defined, found[1])
			if _, said := manual[found[1]]; !said {
				t.Errorf("the manual does not say coredns_healthlb_%s", found[1])
			}
		}
	}
	for name := range manual {
		if !slices.Contains(defined, name) {
			t.Errorf("the manual says coredns_healthlb_%s, which is not in the sources", name)
		}
	}

	s := startCoreDNS(t, lb("admin 127.0.0.1:{admin}\npool www.lb.example.org {\nmember 127.0.0.1\n}", "prometheus 127.0.0.1:{metrics}"))
	s.curl(t, "GET /v1/pools", "").is(t, 200)
	shown := 0
	for sample := range s.metrics(t) {
		name, ours := strings.CutPrefix(sample, "coredns_healthlb_")
		if !ours {
			continue
		}
		shown++
		name, rest, _ := strings.Cut(name, "{")
		for _, suffix := range []string{"_bucket", "_sum", "_count"} { // of a histogram
			name = strings.TrimSuffix(name, suffix)
		}
		var labels []string
		for _, found := range regexp.MustCompile(`([a-z]+)="`).FindAllStringSubmatch(rest, -1) {
			if found[1] != "le" {
				labels = append(labels, found[1])
			}
		}
		slices.Sort(labels)
		if got := strings.Join(labels, ","); got != manual[name] {
			t.Errorf("coredns_healthlb_%s has the labels %q, and in the manual %q", name, got, manual[name])
		}
	}
	if shown == 0 {
		t.Error("no metric is exported")
	}
}

// TestManualNamesNobody wants addresses for documentation (RFC 5737, RFC 3849) or loopback only, so that who copies an example sends
// nothing to strangers.
func TestManualNamesNobody(t *testing.T) {
	harmless := []netip.Prefix{}
	for _, text := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "127.0.0.0/8", "::1/128"} {
		harmless = append(harmless, netip.MustParsePrefix(text))
	}
	for _, file := range []string{manualFile, frontPage, "../Corefile.example", "../build/demo/README"} {
		for _, word := range regexp.MustCompile(`[0-9a-f.:]+`).FindAllString(readFile(t, file), -1) {
			addr, err := netip.ParseAddr(strings.Trim(word, "."))
			if err != nil || addr.IsUnspecified() {
				continue
			}
			if !slices.ContainsFunc(harmless, func(p netip.Prefix) bool { return p.Contains(addr) }) {
				t.Errorf("%s names %s", file, addr)
			}
		}
	}
}

// TestManualLinks wants the files that the front page points at.
func TestManualLinks(t *testing.T) {
	for _, link := range regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(readFile(t, frontPage), -1) {
		if _, err := os.Stat(filepath.Join("..", link[1])); err != nil {
			t.Error(err)
		}
	}
}

// TestDependenciesAreExplained wants each module that go.mod requires for itself, and its version, in docs/DEPENDENCIES.md.
func TestDependenciesAreExplained(t *testing.T) {
	page := readFile(t, "../docs/DEPENDENCIES.md")
	for _, module := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)$`).FindAllStringSubmatch(readFile(t, "../go.mod"), -1) {
		if line := "| " + module[1] + " | " + module[2] + " | "; !strings.Contains(page, line) {
			t.Errorf("no line %q in docs/DEPENDENCIES.md", line)
		}
	}
}

// TestArchitectureNamesTests wants the tests that docs/ARCHITECTURE.md calls as witnesses.
func TestArchitectureNamesTests(t *testing.T) {
	exist := map[string]bool{}
	root := os.DirFS("..")
	for _, pattern := range []string{"plugin/healthlb/*_test.go", "plugin/healthlb/*/*_test.go", "test/*_test.go", "build/*_test.go"} {
		files, err := fs.Glob(root, pattern)
		must(t, err)
		for _, file := range files {
			for _, name := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(readFile(t, "../"+file), -1) {
				exist[name[1]] = true
			}
		}
	}
	for _, name := range regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(readFile(t, "../docs/ARCHITECTURE.md"), -1) {
		if !exist[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
