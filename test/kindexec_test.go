package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.org/healthlb/api"
)

// checkScript is what check exec runs: NAME ADDRESS PORT. Members but the first fall ill when there is a file named ill beside it, each pool
// in its own way.
const checkScript = `#!/bin/sh
dir=${0%/*}
env > "$dir/env.$1"
echo "$@" > "$dir/args.$1"
[ -e "$dir/ill" ] || exit 0
case $2 in *.1) [ "$2" = ::1 ] || exit 0;; esac
case $1 in
exit) echo; echo " replica is 90 s behind"; echo more; exit 3;;
silent) exit 1;;
signal) kill -9 $$;;
hang) sleep 1000 & echo $! >> "$dir/pids"; wait;;
error) echo "no route" >&2; exit 2;;
esac
`

// writeScript writes the script, and returns its name.
func writeScript(t *testing.T) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "check.sh")
	writeFile(t, script, checkScript)
	must(t, os.Chmod(script, 0o700))
	return script
}

// fallIll has what the script looks at fall ill, or get well.
func fallIll(t *testing.T, script string, ill bool) {
	t.Helper()
	file := filepath.Join(filepath.Dir(script), "ill")
	if ill {
		writeFile(t, file, "")
	} else {
		must(t, os.Remove(file))
	}
}

func TestKindExec(t *testing.T) {
	t.Parallel()
	script := writeScript(t)
	dir := filepath.Dir(script)
	addrs := []string{"127.44.21.1", "127.44.21.2", "::1"}
	trials := []trial{
		{"exit", "", "down", "exit status 3: replica is 90 s behind"},
		{"silent", "", "down", "exit status 1"},
		{"signal", "", "down", "killed by signal 9 (killed)"},
		{"hang", "", "down", "(killed)"},
		{"error", "", "down", "exit status 2: no route"},
	}
	for i := range trials {
		trials[i].check = "exec 5432 " + script + " " + trials[i].name + ` {address} {port} "two words"`
	}
	trials[1].check = "exec sh " + script + " silent {address}"
	// A process takes some milliseconds, and more on a machine that is busy.
	corefile := strings.NewReplacer("interval 400ms", "interval 1s", "timeout 400ms", "timeout 1s").Replace(
		lb("admin 127.0.0.1:{admin}\nall_down nodata\nallow_exec\n"+trialPools(trials, addrs...), "prometheus 127.0.0.1:{metrics}"))
	s := startCoreDNS(t, corefile)
	s.areWell(t, trials, addrs...)
	fallIll(t, script, true)
	s.areIll(t, trials, addrs...)
	fallIll(t, script, false)
	s.areWell(t, trials, addrs...)

	t.Log("what a command has started is ended with it")
	for pid := range strings.FieldsSeq(readFile(t, filepath.Join(dir, "pids"))) {
		eventually(t, func() error { return want(!runs(t, pid), "process %s still runs", pid) })
	}

	t.Log("the command sees the member, and nothing of what CoreDNS has in its environment")
	got := strings.TrimSpace(readFile(t, filepath.Join(dir, "args.exit")))
	check(t, want(strings.HasPrefix(got, "exit ") && strings.HasSuffix(got, " 5432 two words"), "args %q", got))
	env := readFile(t, filepath.Join(dir, "env.exit"))
	check(t, want(hasAll(env, "PATH=", "HEALTHLB_ADDRESS=", "HEALTHLB_PORT=5432\n") && !strings.Contains(env, "GORACE"), "environment:\n%s", env))
	env = readFile(t, filepath.Join(dir, "env.silent"))
	check(t, want(!strings.Contains(env, "HEALTHLB_PORT"), "environment:\n%s", env))

	t.Log("a command that is gone says nothing of the members")
	must(t, os.Rename(script, script+".old"))
	eventually(t, func() error {
		return want(s.metrics(t)[`coredns_healthlb_probes_total{kind="exec",result="inconclusive"}`] > 10, "no probe is inconclusive")
	})
	must(t, s.dig(t, "exit.lb.example.org").names(addrs[:2]...))

	t.Log("and a Corefile that has it is refused")
	s.reloadFails(t, corefile+"\n", "Corefile:", "exec 5432 "+script, "cannot be run: no such file or directory")
	must(t, s.dig(t, "exit.lb.example.org").names(addrs[:2]...))
}

// runs says whether there is a process that has not ended.
func runs(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(pid)
	must(t, err)
	if syscall.Kill(n, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat") // it may have ended, and init has not looked
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// lineOf is the number of the first line that has a text.
func lineOf(t *testing.T, file, text string) int {
	t.Helper()
	before, _, found := strings.Cut(readFile(t, file), text)
	if !found {
		t.Fatalf("%s has no %q", file, text)
	}
	return strings.Count(before, "\n") + 1
}

// A pool may name a command only where the block allows it.
func TestKindExecNotAllowed(t *testing.T) {
	t.Parallel()
	allowed := lb(`
		allow_exec
		pool www.lb.example.org {
			check exec sh -c "exit 0"
			member 127.44.22.1
		}`)
	refused := strings.Replace(allowed, "allow_exec", "", 1)
	s := prepare(t, refused)
	at := fmt.Sprintf("Corefile:%d: check exec", lineOf(t, s.corefile(), "check exec"))
	words := []string{at, "runs a command, which this block does not allow", "add allow_exec to the healthlb block"}
	s.refusesToStart(t, words...)

	s = startCoreDNS(t, allowed)
	must(t, s.dig(t, "www.lb.example.org").names("127.44.22.1"))
	s.reloadFails(t, refused, words...)
	must(t, s.dig(t, "www.lb.example.org").names("127.44.22.1"))

	t.Log("what one block allows is not allowed in another one")
	s.reloadFails(t, allowed+strings.ReplaceAll(refused, "lb.example.org", "other.example.org"), words[1:]...)
	t.Log("nor is a default of the block, by itself")
	s.reloadFails(t, lb("check exec sh -c \"exit 0\"\npool www.lb.example.org {\n member 127.44.22.1\n}"), words[1:]...)
}

// Calls can never name a command; pools that they make inherit what the Corefile says.
func TestKindExecAtRunTime(t *testing.T) {
	t.Parallel()
	script := writeScript(t)
	s := startCoreDNS(t, lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		dynamic
		allow_exec
		check exec `+script+` exit {address}
		interval 1s
		timeout 1s`), "interval 400ms", "", "timeout 400ms", "")
	const pool = "/v1/pools/www.lb.example.org"
	for _, line := range []string{"check exec " + script + " exit {address}", "check exec sh", `check exec "/bin/sh"`, "check exec 80 " + script} {
		s.order(t, "PUT "+pool, lines(line)).isProblem(t, 400, "lines:1: check exec", "which only the Corefile may name")
	}
	s.order(t, "PUT "+pool, lines("allow_exec", "check exec sh")).isProblem(t, 400, "allow_exec")
	s.order(t, "GET "+pool, nil).isProblem(t, 404)

	s.order(t, "PUT "+pool, lines("ttl 9s")).is(t, 200)
	s.order(t, "PUT "+pool+"/members/one?require_healthy=1", memberAt("127.44.23.1")).is(t, 200)
	s.order(t, "PUT "+pool+"/members/two?require_healthy=1", memberAt("127.44.23.2")).is(t, 200)
	must(t, s.dig(t, "www.lb.example.org").names("127.44.23.1", "127.44.23.2"))
	fallIll(t, script, true)
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.44.23.1") })
	m, _ := s.shownMember(t, "www.lb.example.org", "two")
	a := m.Addresses[0]
	check(t, want(a.State == "down" && a.Reason == "exit status 3: replica is 90 s behind", "%+v", a))
	r := s.order(t, "PUT "+pool+"/members/three?require_healthy=1", memberAt("127.44.23.3"))
	check(t, want(r.status >= 400 && strings.Contains(r.body, "replica is 90 s behind"), "%d %s", r.status, r.body))
	fallIll(t, script, false)
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.44.23.1", "127.44.23.2") })

	t.Log("over a restart")
	s.kill(t)
	s.again(t)
	eventually(t, func() error { return s.dig(t, "www.lb.example.org").names("127.44.23.1", "127.44.23.2") })
	doc := decode[api.Pool](t, s.order(t, "GET "+pool, nil).is(t, 200))
	check(t, want(strings.HasPrefix(doc.Members[0].Addresses[0].Checks[0].Check, "exec "+script), "%+v", doc.Members[0].Addresses[0].Checks))
}
