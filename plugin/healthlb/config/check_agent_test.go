package config

import (
	"strconv"
	"strings"
	"testing"
)

func TestAgentChecks(t *testing.T) {
	testRight(t, []right[*Pool]{
		{"check agent", checks, []string{"3333 agent"}},
		{"check agent 8080", checks, []string{"8080 agent"}},
		{`check agent send "state\r\n"`, checks, []string{`3333 agent send "state\r\n"`}},
		{"check agent 1 send x\ncheck agent", checks, []string{`1 agent send "x"`, "3333 agent"}},
	}, onlyPool)
}

func TestWrongAgentChecks(t *testing.T) { testWrong(t, wrongAgentChecks, inPool) }

var wrongAgentChecks = []wrong{
	{"check agent 0", "4: check agent 0: is no port; write a number from 1 to 65535"},
	{"check agent send", "4: check agent send: says too little; add what to send"},
	{`check agent send ""`, `4: check agent send "": stands for 0 bytes; allowed: 1 to 65536`},
	{"check agent send a send b", "4: check agent send a send: was said before, at Testfile:4; say it once"},
	{"check agent expect up", "4: check agent expect: is not known in check agent; allowed: send"},
	{"check agent send a 80", "4: check agent send a 80: is not known in check agent; allowed: send"},
	{"check agent\ncheck agent 3333", "5: check agent 3333: is the same check as at Testfile:4; leave one out"},
}

// Pools with equal checks share them.
func TestAgentChecksAreMadeOnce(t *testing.T) {
	b := mustParse(t, `healthlb {
		check agent send x
		pool a.lb.example.org {
			member 192.0.2.1
		}
		pool b.lb.example.org {
			member 192.0.2.1
			check agent 3333 send "\x78"
		}
	}`)
	if b.Pools[0].Probes[0] != b.Pools[1].Probes[0] {
		t.Error("equal checks were made twice")
	}
}

// FuzzAgentCheck puts any words behind check agent. What is accepted has a name that says the same in a Corefile.
func FuzzAgentCheck(f *testing.F) {
	for _, seed := range []string{"", "80", "send x", `80 send "\x00\"{"`, "send a send b", `send "`, "# x", "{"} {
		f.Add(seed)
	}
	for _, c := range wrongAgentChecks {
		f.Add(strings.TrimPrefix(c.lines, "check agent"))
	}
	f.Fuzz(func(t *testing.T, words string) {
		b, err := parseIn(inPool("check agent " + words))
		if err != nil {
			return
		}
		for i := range b.Pools {
			checkPool(t, &b.Pools[i])
			for _, c := range b.Pools[i].Probes {
				if c.Kind() != "agent" {
					continue
				}
				options := strings.TrimPrefix(c.Name(), "agent")
				again, err := parseIn(inPool("check agent " + strconv.Itoa(int(c.Port())) + options))
				if err != nil {
					t.Fatalf("%s: %v", c.Name(), err)
				}
				if a := again.Pools[0].Probes[0]; a.Name() != c.Name() || a.Port() != c.Port() {
					t.Errorf("%d %s became %d %s", c.Port(), c.Name(), a.Port(), a.Name())
				}
			}
		}
	})
}
