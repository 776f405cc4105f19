package test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reply is what dig shows of an answer.
type reply struct {
	text       string
	status     string
	flags      []string
	edns       bool
	ede        string // "0 (Other): (all_down)"; empty: none
	subnet     string // "203.0.113.0/24/24"; empty: none
	answer     []record
	authority  []record
	additional []record // without the OPT record
}

// record is a line of one of dig's sections.
type record struct{ name, ttl, class, kind, data string }

// dig asks CoreDNS at its first port.
func (s *coredns) dig(t *testing.T, args ...string) reply {
	t.Helper()
	return digAt(t, s.ports["dns"], args...)
}

func digAt(t *testing.T, port string, args ...string) reply {
	t.Helper()
	args = append([]string{"@127.0.0.1", "-p", port, "+tries=1", "+time=5", "+nocookie"}, args...)
	out, err := exec.Command("dig", args...).CombinedOutput()
	r := parseDig(string(out))
	if err != nil || r.status == "" {
		t.Fatalf("dig %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return r
}

var (
	digStatus = regexp.MustCompile(`(?m)^;; ->>HEADER<<- opcode: \w+, status: (\w+),`)
	digFlags  = regexp.MustCompile(`(?m)^;; flags: ([a-z ]*);`)
	digEDE    = regexp.MustCompile(`(?m)^; EDE: (.*)$`)
	digSubnet = regexp.MustCompile(`(?m)^; CLIENT-SUBNET: (.*)$`)
)

func parseDig(text string) reply {
	r := reply{text: text, status: first(digStatus, text), ede: first(digEDE, text), subnet: first(digSubnet, text)}
	r.flags = strings.Fields(first(digFlags, text))
	r.edns = strings.Contains(text, ";; OPT PSEUDOSECTION:")
	var section *[]record
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, ";; ANSWER SECTION:"):
			section = &r.answer
		case strings.HasPrefix(line, ";; AUTHORITY SECTION:"):
			section = &r.authority
		case strings.HasPrefix(line, ";; ADDITIONAL SECTION:"):
			section = &r.additional
		case len(words) < 5 || line[0] == ';':
		case section != nil:
			*section = append(*section, record{words[0], words[1], words[2], words[3], strings.Join(words[4:], " ")})
		}
	}
	return r
}

func first(pattern *regexp.Regexp, text string) string {
	if found := pattern.FindStringSubmatch(text); found != nil {
		return strings.TrimSpace(found[1])
	}
	return ""
}

// data returns the data of the answer's records, sorted.
func (r reply) data() []string { return dataOf(r.answer) }

func dataOf(records []record) []string {
	data := []string{}
	for _, rr := range records {
		data = append(data, rr.data)
	}
	slices.Sort(data)
	return data
}

// names says whether the answer is NOERROR with just these data, in any order.
func (r reply) names(data ...string) error {
	slices.Sort(data)
	return want(r.status == "NOERROR" && slices.Equal(r.data(), data), "want %v, got %s %v", data, r.status, r.data())
}

// isNegative says whether the answer has this status, no answer, AA, and exactly the zone's SOA in the authority section.
func (r reply) isNegative(status, zone string) error {
	soa := len(r.authority) == 1 && r.authority[0].kind == "SOA" && r.authority[0].name == zone
	ok := r.status == status && len(r.answer) == 0 && soa && r.has("aa")
	return want(ok, "want %s with AA and the SOA of %s alone, got:\n%s", status, zone, r.text)
}

func (r reply) has(flag string) bool { return slices.Contains(r.flags, flag) }

// ttls are the different TTLs of the answer.
func (r reply) ttls() string {
	var ttls []string
	for _, rr := range r.answer {
		ttls = append(ttls, rr.ttl)
	}
	slices.Sort(ttls)
	return fmt.Sprint(slices.Compact(ttls))
}

// check fails the test when there is an error, and goes on.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// must fails the test when there is an error, and ends it.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
