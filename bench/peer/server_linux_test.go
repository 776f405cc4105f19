package peer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestServersAnswer starts each server that is installed, and expects the answer that is going to be measured, given by the core that it
// was given.
func TestServersAnswer(t *testing.T) {
	binary := os.Getenv("HEALTHLB_COREDNS")
	if binary == "" {
		binary = "../../bin/coredns"
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Skipf("%v: run make build first", err)
	}
	cores, err := Cores()
	if err != nil {
		t.Fatal(err)
	}
	members, err := StartMembers(AnyCore)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(members.Stop)
	for _, server := range []Server{
		Healthlb(), Whoami(), Hosts(), File(), FileLoadbalance(), Gdnsd(), PowerDNS(false), PowerDNS(true), NSD(), Knot(), Echo("Go"), Echo("C"),
		HealthlbSigned("round_robin"), HealthlbSigned("hash"), FileSigned(),
	} {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			if _, err := server.Find(); server.Command != "" && err != nil {
				t.Skip(err)
			}
			at, err := FreePort()
			if err != nil {
				t.Fatal(err)
			}
			n := max(4, server.Answers)
			setup := Setup{Binary: binary, Dir: t.TempDir(), Core: cores[0], Port: at, Pools: Pools(n, n), Members: members.Port}
			p, err := server.Start(setup)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Stop()
			seen, err := server.Check(p, setup.At(), 30*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if seen.Records < server.Answers || seen.Bytes < len(server.Query()) {
				t.Errorf("the reply was like %+v", seen)
			}
			if on := allowed(t, p.ID()); on != fmt.Sprint(cores[0]) {
				t.Errorf("it runs on the cores %s, not on %d", on, cores[0])
			}
			if memory, err := p.Memory(); err != nil || memory < 1<<16 {
				t.Errorf("it has %d bytes of memory, %v", memory, err)
			}
			if used, err := p.CPU(); err != nil || used <= 0 || used > time.Minute {
				t.Errorf("it has used %v of CPU, %v", used, err)
			}
		})
	}
}

func TestEndedProcessesHaveLastWords(t *testing.T) {
	p, err := Start(t.TempDir(), AnyCore, "sh", "-c", "echo no room; read line; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	<-p.Ended()
	if err := p.Alive(); err == nil || !strings.Contains(err.Error(), "no room") || !strings.Contains(err.Error(), "exit status 3") {
		t.Error(err)
	}
}

// allowed returns the list of cores that a process may run on.
func allowed(t *testing.T, id int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			return strings.TrimSpace(list)
		}
	}
	t.Fatal("no list of cores in its status")
	return ""
}
