package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"example.org/healthlb/bench/bare"
)

// What probing costs is measured in processes of their own: the members in one, each prober in another, so that the CPU time of a process is
// the prober's only. They are this test binary, started again in a role.
const (
	roleVariable = "HEALTHLB_BENCH_ROLE"
	specVariable = "HEALTHLB_BENCH_SPEC"
)

var roles = map[string]func(spec []byte) (any, error){
	"members":  serveMembers,
	"healthlb": runHealthlb,
	"bare":     runBare,
	"bare tls": runBareTLS,
}

func TestMain(m *testing.M) {
	role, known := roles[os.Getenv(roleVariable)]
	if !known {
		os.Exit(m.Run())
	}
	result, err := role([]byte(os.Getenv(specVariable)))
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// roleCommand is the command that plays a role.
func roleCommand(b *testing.B, role string, spec any) *exec.Cmd {
	b.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, specVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	return cmd
}

// play runs a role to its end, and reads its result.
func play[T any](b *testing.B, role string, spec any) (result T) {
	b.Helper()
	out, err := roleCommand(b, role, spec).Output()
	if err != nil {
		b.Fatalf("%s: %v", role, err)
	}
	if err := json.Unmarshal(out, &result); err != nil {
		b.Fatalf("%s: %v: %s", role, err, out)
	}
	return result
}

func runBare(spec []byte) (any, error) {
	loop := new(bare.Loop)
	if err := json.Unmarshal(spec, loop); err != nil {
		return nil, err
	}
	return loop, loop.Run()
}
