package peer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// StartCoreDNS writes the Corefile into dir, which is made, and starts a CoreDNS there with it.
func StartCoreDNS(binary, dir string, core int, corefile string) (*Process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "Corefile"), []byte(corefile), 0o644); err != nil {
		return nil, err
	}
	return Start(dir, core, binary, "-conf", "Corefile")
}

// Whoami is CoreDNS's own floor: it tells the client's address, and looks nothing up.
func Whoami() Server { return plugins("whoami", 0, func(Setup) string { return "whoami" }) }

// Hosts is CoreDNS with a table of addresses.
func Hosts() Server {
	return plugins("hosts", 4, func(s Setup) string {
		var lines strings.Builder
		for _, addr := range s.Pools[0] {
			fmt.Fprintf(&lines, "        %v %s\n", addr, Name)
		}
		return "hosts {\n" + lines.String() + "    }"
	})
}

// File is CoreDNS with a zone file.
func File() Server { return plugins("file", 4, func(Setup) string { return "file db.example.org" }) }

// FileLoadbalance is File with the records of each answer in another order.
func FileLoadbalance() Server {
	return plugins("file + loadbalance", 4, func(Setup) string { return "loadbalance\n    file db.example.org" })
}

// plugins is bin/coredns with some of its plugins, beside a zone file.
func plugins(name string, answers int, lines func(Setup) string) Server {
	return Server{Name: name, Answers: answers, Start: func(s Setup) (*Process, error) {
		if err := s.write(map[string]string{"db.example.org": s.staticZone()}); err != nil {
			return nil, err
		}
		return StartCoreDNS(s.Binary, s.Dir, s.Core, s.corefile(lines(s)))
	}}
}

// corefile is a server block for example.org.
func (s Setup) corefile(plugins string) string {
	return fmt.Sprintf("example.org:%d {\n    bind 127.0.0.1\n    %s\n}\n", s.Port, plugins)
}
