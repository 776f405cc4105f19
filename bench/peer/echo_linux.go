package peer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// echoPackage is where both floors are.
const echoPackage = "example.org/healthlb/bench/echo"

// Echo is the floor: a server that only sends back what it reads, in Go or in C.
func Echo(language string) Server {
	s := Server{Name: "echo in " + language, Start: func(s Setup) (*Process, error) { return StartEcho(s.Dir, s.Core, language, s.Port) }}
	if language == "C" {
		s.Command, s.Package = "cc", "gcc libc6-dev"
	}
	return s
}

// StartEcho builds an echo in dir, which is made, and starts it at a port of 127.0.0.1. The language is Go or C.
func StartEcho(dir string, core int, language string, port uint16) (*Process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	name := "echo-" + language
	if err := buildEcho(filepath.Join(dir, name), language); err != nil {
		return nil, err
	}
	return Start(dir, core, "./"+name, fmt.Sprintf("127.0.0.1:%d", port))
}

func buildEcho(binary, language string) error {
	var build *exec.Cmd
	switch language {
	case "Go":
		build = exec.Command("go", "build", "-o", binary, echoPackage)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
	case "C":
		folder, err := exec.Command("go", "list", "-f", "{{.Dir}}", echoPackage).Output()
		if err != nil {
			return fmt.Errorf("go list %s: %w", echoPackage, err)
		}
		build = exec.Command("cc", "-O2", "-o", binary, filepath.Join(strings.TrimSpace(string(folder)), "testdata", "echo.c"))
	default:
		return fmt.Errorf("there is no echo in %q, only in Go and in C", language)
	}
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", build, err, out)
	}
	return nil
}
