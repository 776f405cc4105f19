package config

import (
	"reflect"
	"strings"
	"testing"
)

const dynamicBlock = `healthlb {
	dynamic
	ns ns1.lb.example.org 192.0.2.53
	interval 7s
	check tls 8443 insecure
	pool fixed.lb.example.org {
		member 192.0.2.1
	}
	pool open.lb.example.org {
	}
}`

func dynamicOf(t *testing.T) *Block {
	t.Helper()
	b, err := parseIn(dynamicBlock)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDynamic(t *testing.T) {
	b := dynamicOf(t)
	if !b.Dynamic || !b.Pools[0].Dynamic || !b.Pools[1].Dynamic || len(b.Pools[1].Members) != 0 {
		t.Errorf("%+v", b)
	}
	if b, err := parseIn("healthlb {\ndynamic\n}"); err != nil || len(b.Pools) != 0 {
		t.Errorf("a block without a pool: %v", err)
	}
	b, err := parseIn("healthlb {\npool a.lb.example.org {\ndynamic\n}\n}")
	if err != nil || b.Dynamic || !b.Pools[0].Dynamic {
		t.Errorf("a pool that says it: %v", err)
	}
}

func TestRuntimePool(t *testing.T) {
	b := dynamicOf(t)
	for range 2 { // nothing is left behind of the first time
		p, err := b.RuntimePool("new.lb.example.org.", []string{"policy hash", "check tcp 80", "answers 2"})
		if err != nil {
			t.Fatal(err)
		}
		got := []any{p.Name, p.Zone, p.Policy.Name, p.Answers, p.Interval.String(), p.Probes[0].Name(), p.Dynamic, len(p.Members)}
		if want := []any{"new.lb.example.org.", "lb.example.org.", "hash", 2, "7s", "tcp", true, 0}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if p, err := b.RuntimePool("bare.lb.example.org.", nil); err != nil || p.Probes[0].Kind() != "tls" {
		t.Errorf("without lines: %v", err)
	}
	for _, test := range []struct{ name, lines, want string }{
		{"new.lb.example.org.", "ttl 5s\npolicy hush", "lines:2: policy hush: is not known as a policy; "},
		{"new.lb.example.org.", "member 192.0.2.1", "lines:1: member 192.0.2.1: names members in a pool made at run time; add them by calls of their own"},
		{"new.lb.example.org.", "members /etc/passwd", "lines:1: members /etc/passwd: names members "},
		{"new.lb.example.org.", "check tls ca /etc/passwd", "lines:1: check tls ca /etc/passwd: names a file, which only the Corefile may do; "},
		{"new.lb.example.org.", "check tls cert a b", "names a file"},
		{"new.lb.example.org.", "import /etc/passwd", "lines:1: import: "},
		{"new.lb.example.org.", "pool x {", "lines:1: {: is never closed; "},
		{"new.lb.example.org.", "}", "lines:1: }: closes no block"},
		{"new.example.com.", "", "pool new.example.com.: is outside the zones of this server block; "},
		{"fixed.lb.example.org.", "", "pool fixed.lb.example.org.: is the name of the pool at Testfile:"},
		{"ns1.lb.example.org.", "", "pool ns1.lb.example.org.: is a name server with addresses in an ns line; choose another name"},
	} {
		_, err := b.RuntimePool(test.name, strings.Split(test.lines, "\n"))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: got %v, want %s", test.name, test.lines, err, test.want)
		}
	}
	if _, err := b.RuntimePool("fixed.lb.example.org.", nil); err == nil {
		t.Error("the Corefile's pool is forgotten")
	}
}

func TestRuntimeMember(t *testing.T) {
	b := dynamicOf(t)
	p := &b.Pools[1]
	two := 2
	m, err := p.Member(MemberText{ID: "web-1", Addresses: []string{"192.0.2.1", "2001:db8::1"}, ProbeAddresses: []string{"127.0.0.1"},
		Region: "eu", Weight: &two, Priority: 3, Port: 80})
	if err != nil {
		t.Fatal(err)
	}
	if m.ID != "web-1" || m.V4.String() != "192.0.2.1" || m.V6.String() != "2001:db8::1" || m.Probe4.String() != "127.0.0.1" ||
		m.Region != "eu" || m.Weight != 2 || m.Priority != 3 || m.Port != 80 {
		t.Errorf("got %+v", m)
	}
	if m, err := p.Member(MemberText{Addresses: []string{"2001:db8::1"}}); err != nil || m.ID != "2001:db8::1" || m.Weight != 1 {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, test := range []struct {
		text MemberText
		want string
	}{
		{MemberText{}, "member: says too little; add ADDR"},
		{MemberText{Addresses: []string{"0.0.0.0"}}, "member 0.0.0.0: "},
		{MemberText{Addresses: []string{"192.0.2.1", "weight"}}, "weight: is no IP address; "},
		{MemberText{Addresses: []string{"192.0.2.1", "192.0.2.2"}}, "is a second A address"},
		{MemberText{Addresses: []string{"192.0.2.1"}, ID: "a b"}, `id "a b": is not allowed as a name here`},
		{MemberText{Addresses: []string{"192.0.2.1"}, ProbeAddresses: []string{"::1"}}, "stands for an address that the member does not have"},
	} {
		if _, err := p.Member(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %s", test.text, err, test.want)
		}
	}
}

func FuzzRuntimePool(f *testing.F) {
	b, err := parseIn(dynamicBlock)
	if err != nil {
		f.Fatal(err)
	}
	for _, lines := range []string{"", "policy hash\nttl 5s", "check tls ca x", "check tcp {", "}", "\"", "import x", "member ::1", "{$HOME}"} {
		f.Add("new.lb.example.org.", lines)
	}
	f.Fuzz(func(t *testing.T, name, lines string) {
		p, err := b.RuntimePool(name, strings.Split(lines, "\n"))
		if err == nil && (p.Zone == "" || len(p.Members) > 0 || len(p.MembersFiles) > 0) {
			t.Errorf("%q: %+v", lines, p)
		}
	})
}
