package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// fromFile is a Corefile with a member of its own, and more in files.
const fromFile = `lb.example.org {
 healthlb {
  pool www.lb.example.org {
   members a
   member 192.0.2.1 id own
   members b
  }
 }
}
`

func ids(t *testing.T, p *Pool) (ids []string) {
	t.Helper()
	members, err := p.ReloadMembers()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestMembersFile(t *testing.T) {
	dir := files(t, map[string]string{
		"Corefile": fromFile,
		"a": "\ufeff# a byte order mark, and Windows line ends\r\n\r\n" +
			"  192.0.2.2 2001:db8::2 id two region eu # the rest is comment\r\n" +
			"192.0.2.3\tport 8443 probe_address 10.0.0.3 weight 0 priority 2\r\n",
		"b": "192.0.2.4",
	})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	p := &b.Pools[0]
	if want := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}; !reflect.DeepEqual(p.MembersFiles, want) {
		t.Errorf("files: got %v, want %v", p.MembersFiles, want)
	}
	if len(p.Members) != 4 || p.Members[2].Port != 8443 || p.Members[2].Weight != 0 || p.Members[2].Priority != 2 || p.Members[1].Region != "eu" {
		t.Errorf("got %+v", p.Members)
	}
	if got, want := ids(t, p), []string{"own", "two", "192.0.2.3", "192.0.2.4"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	// A later change is read, and changes nothing by itself.
	write(t, dir, "a", "192.0.2.9 id nine\n")
	if got, want := ids(t, p), []string{"own", "nine", "192.0.2.4"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(p.Members) != 4 {
		t.Errorf("ReloadMembers changed the pool: %v", p.Members)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What is wrong at the start is wrong later, with the same words.
func TestWrongMembersFiles(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nx":                         "DIR/a:3: x: is no IP address",
		"192.0.2.2 weight x":            "DIR/a:1: 192.0.2.2 weight x: is no number in range; allowed: 0 to 65535",
		"192.0.2.2 priority 0":          "DIR/a:1: 192.0.2.2 priority 0: is no number in range; allowed: 1 to 65535",
		"192.0.2.2 slots 3":             "DIR/a:1: 192.0.2.2 slots: is not known for a member; allowed: " + memberWords,
		"member 192.0.2.2":              "DIR/a:1: member: is no IP address",
		"192.0.2.2 id own":              "DIR/a:1: 192.0.2.2 id own: is the second member with the id own, after DIR/Corefile:5",
		"192.0.2.2\n192.0.2.1":          "DIR/a:2: 192.0.2.1: has the address 192.0.2.1 of the member at DIR/Corefile:5",
		"192.0.2.2\n192.0.2.4":          "DIR/b:1: 192.0.2.4: has the address 192.0.2.4 of the member at DIR/a:2",
		"192.0.2.2 id \"x":              "DIR/a:1: 192.0.2.2 id \"x: is not allowed as a name here",
		"192.0.2.2\n192.0.2.3 \x00\xff": "DIR/a:2: 192.0.2.3 \"\\x00\\xff\": is not known for a member",
		"192.0.2.2\n" + strings.Repeat(" ", membersFiles.length): "DIR/a:2: line: is longer than 4096 bytes; write one member a line",
		strings.Repeat("#comment\n", int(membersFiles.size)/9+1): "DIR/a:1864136: file: is larger than 16777216 bytes; split the pool",
	} {
		dir := files(t, map[string]string{"Corefile": fromFile, "a": "192.0.2.2", "b": "192.0.2.4"})
		b, err := parseCorefile(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "a", text)
		_, atStart := parseCorefile(t, dir)
		_, later := b.Pools[0].ReloadMembers()
		for _, err := range []error{atStart, later} {
			if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), dir, "DIR"), want) {
				t.Errorf("%.40q: got %v, want %s", text, err, want)
			}
		}
	}
}

func TestMissingMembersFile(t *testing.T) {
	dir := files(t, map[string]string{"Corefile": fromFile, "a": "192.0.2.2", "b": ""})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	_, err = b.Pools[0].ReloadMembers()
	want := "DIR/Corefile:4: members DIR/a: no such file or directory"
	if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEmptyMembersFile(t *testing.T) {
	alone := strings.Replace(fromFile, "   member 192.0.2.1 id own\n", "", 1)
	dir := files(t, map[string]string{"Corefile": alone, "a": "192.0.2.2", "b": "# none"})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a", "")
	_, later := b.Pools[0].ReloadMembers()
	_, atStart := parseCorefile(t, dir)
	want := "DIR/Corefile:4: members DIR/a: leaves the pool www.lb.example.org. without a member; " +
		"write one a line, for example: 192.0.2.10 port 8443"
	for _, err := range []error{atStart, later} {
		if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestMembersFileTwice(t *testing.T) {
	testWrong(t, []wrong{
		{"members /etc/members\nmembers /etc/../etc/members",
			"5: members /etc/../etc/members: was said before, at Testfile:4; say it once"},
	}, inPool)
}

func TestReloadWithoutFiles(t *testing.T) {
	if got := ids(t, onlyPool(t, "member 192.0.2.1")); len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

// A file's members obey the rule about ports, too.
func TestMembersFilePort(t *testing.T) {
	two := strings.Replace(fromFile, "   members a", "   check tcp\n   check tls\n   members a", 1)
	dir := files(t, map[string]string{"Corefile": two, "a": "192.0.2.2 port 80", "b": ""})
	_, err := parseCorefile(t, dir)
	want := "DIR/a:1: 192.0.2.2 port 80: has a port, but the pool has several checks, each with its own; leave the port out"
	if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
