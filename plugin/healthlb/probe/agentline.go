package probe

import (
	"fmt"
	"strconv"
	"strings"

	"example.org/healthlb/plugin/healthlb/health"
)

// agentWords are the words of HAProxy's agent-check (configuration manual, "agent-check") and what they say of the member. fail is what
// its code takes, too.
var agentWords = map[string]health.Outcome{
	"up":      health.Pass,
	"ready":   health.Pass,
	"down":    health.Fail,
	"failed":  health.Fail,
	"fail":    health.Fail,
	"stopped": health.Fail,
	"drain":   health.LameDuck,
	"maint":   health.LameDuck,
}

// judgeAgent is the result of an agent's line: words in any case, with spaces, tabs or commas in between, and behind # a description for
// people. Of several words the worst decides, and of several percentages the last one.
func judgeAgent(line string) Result {
	said, description, _ := strings.Cut(line, "#")
	words := strings.FieldsFunc(said, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
	if len(words) == 0 {
		return fail("agent says nothing")
	}
	var worst Result
	for _, w := range words {
		r := judgeAgentWord(w)
		if r.Weight.Said {
			worst.Weight = r.Weight
		}
		if severity(r.Outcome) > severity(worst.Outcome) {
			worst.Outcome, worst.Reason = r.Outcome, r.Reason
		}
	}
	if description = strings.TrimSpace(description); worst.Reason != "" && description != "" {
		worst.Reason += ": " + description
	}
	worst.Reason = printable(worst.Reason)
	return worst
}

// severity orders what an agent's words say: fail is worse than lame, and lame is worse than pass.
func severity(o health.Outcome) int {
	switch o {
	case health.Fail:
		return 2
	case health.LameDuck:
		return 1
	default:
		return 0
	}
}

// judgeAgentWord is the result of a single word.
func judgeAgentWord(w string) Result {
	lower := strings.ToLower(w)
	if outcome, known := agentWords[lower]; known {
		if outcome == health.Pass {
			return Result{}
		}
		return Result{Outcome: outcome, Reason: "agent says " + lower}
	}
	if strings.HasPrefix(lower, "maxconn:") {
		return Result{} // a limit for proxies: DNS counts no connections
	}
	if percent, ok := parsePercent(w); ok {
		r := Result{Weight: Percent{percent, true}}
		if percent == 0 {
			r.Outcome, r.Reason = health.LameDuck, "agent says 0%"
		}
		return r
	}
	return Result{Outcome: health.Fail, Reason: fmt.Sprintf("agent says %s, which is no word of an agent-check", excerpt([]byte(w)))}
}

// parsePercent parses N%, with N from 0 to 65535, the largest weight that a member can have.
func parsePercent(w string) (int, bool) {
	number, ok := strings.CutSuffix(w, "%")
	n, err := strconv.ParseUint(number, 10, 16)
	return int(n), ok && err == nil
}
