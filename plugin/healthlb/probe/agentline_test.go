package probe

import (
	"strings"
	"testing"
	"unicode"

	"example.org/healthlb/plugin/healthlb/health"
)

var agentLines = []struct {
	line    string
	outcome health.Outcome
	reason  string
	weight  Percent
}{
	{"up", health.Pass, "", Percent{}},
	{"ready", health.Pass, "", Percent{}},
	{"down", health.Fail, "agent says down", Percent{}},
	{"failed", health.Fail, "agent says failed", Percent{}},
	{"fail", health.Fail, "agent says fail", Percent{}},
	{"stopped", health.Fail, "agent says stopped", Percent{}},
	{"drain", health.LameDuck, "agent says drain", Percent{}},
	{"maint", health.LameDuck, "agent says maint", Percent{}},
	{"75%", health.Pass, "", Percent{75, true}},
	{"0%", health.LameDuck, "agent says 0%", Percent{0, true}},
	{"00%", health.LameDuck, "agent says 0%", Percent{0, true}},
	{"65535%", health.Pass, "", Percent{65535, true}},
	{"maxconn:30", health.Pass, "", Percent{}},
	{"maxconn:50%", health.Pass, "", Percent{}},

	{"UP", health.Pass, "", Percent{}},
	{"DoWn", health.Fail, "agent says down", Percent{}},
	{"MaxConn:1", health.Pass, "", Percent{}},

	{"down # disk full", health.Fail, "agent says down: disk full", Percent{}},
	{"down#disk full", health.Fail, "agent says down: disk full", Percent{}},
	{"down #\tdisk # full ", health.Fail, "agent says down: disk # full", Percent{}},
	{"maint #until 10:00", health.LameDuck, "agent says maint: until 10:00", Percent{}},
	{"up #fine, down soon", health.Pass, "", Percent{}},
	{"down #", health.Fail, "agent says down", Percent{}},
	{"down #\x1b[31m\x00\xff\u202e", health.Fail, "agent says down: ?[31m??", Percent{}},

	{"up 50%", health.Pass, "", Percent{50, true}},
	{"50% up", health.Pass, "", Percent{50, true}},
	{"up,ready,100%,maxconn:10", health.Pass, "", Percent{100, true}},
	{" \t,up\t,, 10% ,", health.Pass, "", Percent{10, true}},
	{"75%,maxconn:30,maint,down", health.Fail, "agent says down", Percent{75, true}},
	{"down maint stopped", health.Fail, "agent says down", Percent{}},
	{"up drain", health.LameDuck, "agent says drain", Percent{}},
	{"ready drain 40%", health.LameDuck, "agent says drain", Percent{40, true}},
	{"drain down", health.Fail, "agent says down", Percent{}},
	{"up 0% #busy", health.LameDuck, "agent says 0%: busy", Percent{0, true}},
	{"10% 20%", health.Pass, "", Percent{20, true}},
	{"0% 20%", health.LameDuck, "agent says 0%", Percent{20, true}},

	{"xyz", health.Fail, `agent says "xyz", which is no word of an agent-check`, Percent{}},
	{"up xyz 5%", health.Fail, `agent says "xyz", which is no word of an agent-check`, Percent{5, true}},
	{"xyz #because", health.Fail, `agent says "xyz", which is no word of an agent-check: because`, Percent{}},
	{"UPP", health.Fail, `agent says "UPP", which is no word of an agent-check`, Percent{}},
	{"65536%", health.Fail, `agent says "65536%", which is no word of an agent-check`, Percent{}},
	{"-1%", health.Fail, `agent says "-1%", which is no word of an agent-check`, Percent{}},
	{"+1%", health.Fail, `agent says "+1%", which is no word of an agent-check`, Percent{}},
	{"1.5%", health.Fail, `agent says "1.5%", which is no word of an agent-check`, Percent{}},
	{"0x1%", health.Fail, `agent says "0x1%", which is no word of an agent-check`, Percent{}},
	{"1_0%", health.Fail, `agent says "1_0%", which is no word of an agent-check`, Percent{}},
	{"%", health.Fail, `agent says "%", which is no word of an agent-check`, Percent{}},
	{"50", health.Fail, `agent says "50", which is no word of an agent-check`, Percent{}},
	{"50%%", health.Fail, `agent says "50%%", which is no word of an agent-check`, Percent{}},
	{"maxconn", health.Fail, `agent says "maxconn", which is no word of an agent-check`, Percent{}},
	{"\x16\x03\x01", health.Fail, `agent says "\x16\x03\x01", which is no word of an agent-check`, Percent{}},
	{strings.Repeat("x", 100), health.Fail, `agent says "` + strings.Repeat("x", 40) + `"..., which is no word of an agent-check`, Percent{}},

	{"", health.Fail, "agent says nothing", Percent{}},
	{" ,\t", health.Fail, "agent says nothing", Percent{}},
	{"# fine", health.Fail, "agent says nothing", Percent{}},
}

func TestAgentLine(t *testing.T) {
	for _, tt := range agentLines {
		want := Result{Outcome: tt.outcome, Reason: tt.reason, Weight: tt.weight}
		if got := judgeAgent(tt.line); got != want {
			t.Errorf("%q:\ngot  %+v\nwant %+v", tt.line, got, want)
		}
	}
	long := judgeAgent("down #" + strings.Repeat("x", maxAgentLine))
	if len(long.Reason) != maxReason+len("...") {
		t.Errorf("a reason of %d bytes", len(long.Reason))
	}
}

// FuzzAgentLine reads any line. Whatever it is, the result is fit to be kept and shown, and more words make it no better.
func FuzzAgentLine(f *testing.F) {
	for _, tt := range agentLines {
		f.Add(tt.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r := judgeAgent(line)
		if (r.Outcome == health.Pass) != (r.Reason == "") || r.Outcome == health.Inconclusive {
			t.Errorf("%v %q", r.Outcome, r.Reason)
		}
		if len(r.Reason) > maxReason+len("...") || strings.ContainsFunc(r.Reason, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("reason %q", r.Reason)
		}
		if r.Weight.N < 0 || r.Weight.N > 65535 || !r.Weight.Said && r.Weight.N != 0 {
			t.Errorf("weight %+v", r.Weight)
		}
		if r.Weight.Said && r.Weight.N == 0 && r.Outcome == health.Pass {
			t.Error("0% passes")
		}
		if strings.Contains(line, "#") {
			return
		}
		if more := judgeAgent(line + " drain"); severity(more.Outcome) < 1 || severity(more.Outcome) < severity(r.Outcome) {
			if r.Reason != "agent says nothing" || more.Outcome != health.LameDuck {
				t.Errorf("with drain: %+v", more)
			}
		}
		if more := judgeAgent("7%," + line + ",DOWN"); more.Outcome != health.Fail || !more.Weight.Said {
			t.Errorf("with down and a weight: %+v", more)
		}
	})
}
