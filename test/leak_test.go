package test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestReloadsLeakNothing(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.11.1.1", "127.11.1.2")
	files := t.TempDir()
	writeFile(t, files+"/members", "127.11.1.2\n")
	corefile := lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		check tcp {web}
		pool www.lb.example.org {
			member 127.11.1.1
			members {files}/members
		}
		pool {other}.lb.example.org {
			interval {interval}
			member 127.11.1.1
		}`, "pprof 127.0.0.1:{pprof}")
	vars := func(i int) []string {
		return []string{"{web}", web.port, "{files}", files, "{other}", "pool" + strconv.Itoa(i), "{interval}", strconv.Itoa(500+i) + "ms"}
	}
	s := startCoreDNS(t, corefile, vars(0)...)

	goroutines := func() int { return len(s.goroutines(t)) }
	descriptors := func() int { return len(s.descriptors(t)) }
	// A probe or two may be under way at any moment, so what counts is the least that is ever seen.
	least := func(count func() int) int {
		n := count()
		for range 20 {
			n = min(n, count())
		}
		return n
	}
	s.reload(t, corefile, vars(1)...)
	wasGoroutines, wasDescriptors := least(goroutines), least(descriptors)
	for i := range 20 {
		s.reload(t, corefile, vars(2+i)...)
		if i%5 == 4 {
			s.reloadFails(t, strings.ReplaceAll(corefile, "confirm", "confrim"), "confrim")
		}
		must(t, s.dig(t, "www.lb.example.org").names("127.11.1.1", "127.11.1.2"))
	}
	s.reload(t, corefile, vars(30)...)
	eventually(t, func() error {
		n := least(goroutines)
		return want(n <= wasGoroutines, "%d goroutines, and %d before 20 reloads", n, wasGoroutines)
	})
	eventually(t, func() error {
		n := least(descriptors)
		return want(n <= wasDescriptors, "%d descriptors, and %d before 20 reloads", n, wasDescriptors)
	})
}

// Reloads fail when everything has been opened. What CoreDNS's own plugins leave open then does not count.
func TestFailedReloadsLeakNothing(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.11.2.1")
	busy, err := net.Listen("tcp", "127.0.0.1:"+freePort(t))
	must(t, err)
	defer busy.Close()
	_, busyPort, _ := net.SplitHostPort(busy.Addr().String())
	corefile := lb(`
		state {dir}/state
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {web}
			member 127.11.2.1
		}`, "pprof 127.0.0.1:{pprof}")
	other := strings.NewReplacer("{admin}", "{admin2}", "www.", "other.", "interval 400ms", "interval 300ms", "timeout 400ms", "").Replace(corefile)
	more := "more.example.org:" + busyPort + " {\n bind 127.0.0.1\n whoami\n}\n"
	s := startCoreDNS(t, corefile, "{web}", web.port)

	ours := func() (n int) {
		for _, stack := range s.goroutines(t) {
			if strings.Contains(stack, "example.org/healthlb") {
				n++
			}
		}
		return n
	}
	before := ours()
	for range 10 {
		s.reloadFails(t, other+more, busyPort, "address already in use")
	}
	eventually(t, func() error {
		return want(ours() <= before, "%d goroutines of healthlb, and %d before 10 reloads", ours(), before)
	})
	stores := 0
	for _, file := range s.descriptors(t) {
		if strings.HasSuffix(file, ".db") {
			stores++
		}
	}
	check(t, want(stores == 1, "the store is open %d times", stores))
	check(t, want(free("127.0.0.1:"+s.ports["admin2"]), "the other admin port is not free"))
	must(t, s.dig(t, "www.lb.example.org").names("127.11.2.1"))
}

// goroutines returns the stacks of CoreDNS's goroutines, as pprof shows them.
func (s *coredns) goroutines(t *testing.T) []string {
	t.Helper()
	return strings.Split(s.at("pprof").curl(t, "GET /debug/pprof/goroutine?debug=2", "").is(t, 200).body, "\n\n")
}

// descriptors returns what CoreDNS's open descriptors are of.
func (s *coredns) descriptors(t *testing.T) (files []string) {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "fd")
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, entry := range entries {
		file, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if err == nil { // else it was closed meanwhile
			files = append(files, file)
		}
	}
	return files
}
