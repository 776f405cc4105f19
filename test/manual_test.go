package test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
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
	wanted := []string{"Name", "Description", "Syntax", "Metrics", "Ready", "Operating", "Admin Endpoint", "Reload", "Examples", "Bugs", "See Also"}
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
	writeFile(t, filepath.Join(dir, "hook.secret"), "Zm9yLXRoZS1ob29rLW9ubHk\n")
	writeFile(t, filepath.Join(dir, "places.txt"), "west 203.0.113.0/24 2001:db8:1::/48\n"+
		"east 198.51.100.128/25   # and nothing is known of the other half\neast 2001:db8:2::/48\n")
	writeFile(t, filepath.Join(dir, "GeoLite2-City.mmdb"), readFile(t, cityDB(t)))
	writeFile(t, filepath.Join(dir, "members.txt"), "192.0.2.30 2001:db8::30 id mx-1\n192.0.2.31 id mx-2   # in the other building\n")
}

// examplePool is a pool of a Corefile.
type examplePool struct {
	name    string
	allDown string // the word behind all_down
	members bool   // there are some
}

func poolsOf(corefile string) (pools []examplePool) {
	for line := range strings.Lines(corefile) {
		switch words := strings.Fields(line); {
		case len(words) == 3 && words[0] == "pool":
			pools = append(pools, examplePool{words[1], "all", false})
		case len(words) > 1 && (words[0] == "member" || words[0] == "members"):
			pools[len(pools)-1].members = true
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
	switch {
	case p.allDown == "nodata" || !p.members:
		return want(r.status == "NOERROR" && r.has("aa"), "%s: want NODATA, got:\n%s", p.name, r.text)
	case p.allDown == "servfail" || p.allDown == "refused":
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
	{"healthlb {\non_change https://hooks.example.org/ ?\n}", inItem},
	{"healthlb {\npolicy ?\n}", inItem},
	{"healthlb {\nall_down ?\n}", anywhere},
	{"healthlb {\nttl 30s ?\n}", anywhere},
	{"healthlb {\ncheck ?\n}", inItem},
	{"healthlb {\ncheck tcp ?\n}", inItem},
	{"healthlb {\ncheck tls ?\n}", inItem},
	{"healthlb {\ncheck http ?\n}", anywhere},
	{"healthlb {\ncheck https ?\n}", anywhere},
	{"healthlb {\ncheck grpc ?\n}", anywhere},
	{"healthlb {\ncheck dns ?\n}", anywhere},
	{"healthlb {\ncheck agent ?\n}", anywhere},
	{"healthlb {\nisolation 60% ?\n}", anywhere},
	{"healthlb {\ntripwire ?\n}", anywhere},
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

// TestManualSaysEveryCall compares the table of calls with what the endpoint says of itself, and looks for each type of event.
func TestManualSaysEveryCall(t *testing.T) {
	s := startCoreDNS(t, lb("admin 127.0.0.1:{admin}\npool www.lb.example.org {\nmember 127.0.0.1\n}"))
	document := decode[struct {
		Paths      map[string]map[string]any
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}](t, s.curl(t, "GET /openapi.json", "").is(t, 200))
	var offered []string
	for path, methods := range document.Paths {
		for method := range methods {
			offered = append(offered, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(offered)

	manual := readFile(t, manualFile)
	var said []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /[^`]+)` \\|").FindAllStringSubmatch(manual, -1) {
		said = append(said, row[1])
	}
	slices.Sort(said)
	if !slices.Equal(said, offered) {
		t.Errorf("the manual has the calls\n%s\nand there are\n%s", strings.Join(said, "\n"), strings.Join(offered, "\n"))
	}

	types := document.Components.Schemas["Event"].Properties["type"].Enum
	if len(types) == 0 {
		t.Error("no type of event is described")
	}
	for _, kind := range types {
		if !strings.Contains(manual, "`"+kind+"`") {
			t.Errorf("the manual does not say the type of event %s", kind)
		}
	}
}

// TestManualSaysEveryCommand wants the commands, the settings and the exit codes of healthlbctl, as its help has them.
func TestManualSaysEveryCommand(t *testing.T) {
	out, err := exec.Command(ctl, "--help").Output()
	must(t, err)
	help := string(out)
	_, operating, _ := strings.Cut(readFile(t, manualFile), "\n## Operating\n")
	operating, _, _ = strings.Cut(operating, "\n## ")

	_, commands, _ := strings.Cut(help, "Available Commands:\n")
	commands, flags, found := strings.Cut(commands, "\n\n")
	if !found {
		t.Fatalf("no list of commands in the help:\n%s", help)
	}
	for _, command := range regexp.MustCompile(`(?m)^  ([a-z-]+) `).FindAllStringSubmatch(commands, -1) {
		if command[1] != "help" && !regexp.MustCompile("`"+command[1]+"[` ]").MatchString(operating) {
			t.Errorf("the manual does not say the command %s", command[1])
		}
	}
	settings := regexp.MustCompile(`--([a-z-]+) .*\((HEALTHLB_[A-Z_]+)\)`).FindAllStringSubmatch(flags, -1)
	if len(settings) == 0 {
		t.Errorf("no settings in the help:\n%s", help)
	}
	for _, setting := range settings {
		if !strings.Contains(operating, "`--"+setting[1]+"`") || !strings.Contains(operating, "`"+setting[2]+"`") {
			t.Errorf("the manual does not say both of --%s and %s", setting[1], setting[2])
		}
	}

	_, codes, _ := strings.Cut(help, "Exit codes:\n")
	codes, _, _ = strings.Cut(codes, "\n\n")
	for line := range strings.Lines(codes) {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		if row := "| " + code + " | " + strings.TrimSpace(meaning) + " |"; !strings.Contains(strings.ReplaceAll(operating, "`", ""), row) {
			t.Errorf("the manual does not say of the exit codes: %s", row)
		}
	}
}

// TestManualsGo wants the Go of the manual to be Go, and the lines of a registration to be those of the package's own example, which is
// compiled.
func TestManualsGo(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^~~~ go\n(.*?)^~~~$").FindAllStringSubmatch(readFile(t, manualFile), -1)
	if len(blocks) == 0 {
		t.Error("the manual has no Go")
	}
	example := readFile(t, "../client/example_test.go")
	for _, block := range blocks {
		if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+block[1]+"}\n", parser.SkipObjectResolution); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
		if !strings.Contains(block[1], "client.") {
			continue
		}
		for line := range strings.Lines(block[1]) {
			if !strings.Contains(example, strings.TrimSpace(line)) {
				t.Errorf("client/example_test.go has no line %q", line)
			}
		}
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

// TestManualLinks wants the files, and the headings in them, that the front page points at.
func TestManualLinks(t *testing.T) {
	for _, link := range regexp.MustCompile(`\]\(([^):#]+)(?:#([a-z-]+))?\)`).FindAllStringSubmatch(readFile(t, frontPage), -1) {
		page, err := os.ReadFile(filepath.Join("..", link[1]))
		if err != nil {
			t.Error(err)
		}
		heading := strings.ReplaceAll(link[2], "-", " ")
		if heading != "" && !regexp.MustCompile(`(?mi)^#+ `+heading+`$`).Match(page) {
			t.Errorf("%s has no heading %q", link[1], heading)
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
	for _, pattern := range []string{
		"plugin/healthlb/*_test.go", "plugin/healthlb/*/*_test.go", "test/*_test.go", "build/*_test.go",
		"client/*_test.go", "cmd/*/*_test.go", "cmd/*/*/*_test.go",
	} {
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
