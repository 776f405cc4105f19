package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStateDirectoryInUse(t *testing.T) {
	t.Parallel()
	s := startBlocks(t)
	second := prepare(t, lb(`
		state {state}
		pool www.lb.example.org {
			check tcp {closed}
			member 127.7.2.1
		}`), "{state}", filepath.Join(s.dir, "state"), "{closed}", freePort(t))
	second.refusesToStart(t, "in use by another process", filepath.Join(s.dir, "state"))
	must(t, s.dig(t, "www.lb.example.org").names("127.7.1.1", "127.7.1.2", "127.7.1.3"))
	s.curl(t, "PUT /v1/blocklist", "127.7.1.1").is(t, 200)
}

func TestDamagedStore(t *testing.T) {
	t.Parallel()
	s := startBlocks(t)
	s.curl(t, "PUT /v1/blocklist", "127.7.1.1 reason=first").is(t, 200)
	s.curl(t, "PUT /v1/blocklist", "127.7.1.1 reason=second").is(t, 200)
	s.stop(t)
	files, err := filepath.Glob(filepath.Join(s.dir, "state", "*"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("the state is in %v", files)
	}
	whole := readFile(t, files[0])

	for _, damage := range []struct {
		name string
		of   func(string) string
	}{
		{"cut in half", func(s string) string { return s[:len(s)/2] }},
		{"a letter of a reason is another", func(s string) string { return strings.ReplaceAll(s, "second", "sekond") }},
		{"zeros all over", func(s string) string { return strings.Repeat("\x00", len(s)) }},
		{"not ours", func(string) string { return strings.Repeat("a text, and no store\n", 1000) }},
	} {
		bad := damage.of(whole)
		writeFile(t, files[0], bad)
		s.refusesToStart(t, files[0], "damaged")
		check(t, want(readFile(t, files[0]) == bad, "%s: the file was changed", damage.name))
	}

	t.Log("the copy works again")
	writeFile(t, files[0], whole)
	s.launch(t)
	if got := addresses(s.firstAnswer(t, "www.lb.example.org")); len(got) != 2 || got[0] != "127.7.1.2" {
		t.Errorf("the first answer names %v", got)
	}
}

func TestNoStateNoChanges(t *testing.T) {
	t.Parallel()
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		pool www.lb.example.org {
			check tcp {closed}
			member 127.7.3.1
			member 127.7.3.2
		}`), "{closed}", freePort(t))
	for _, request := range []string{
		"PUT /v1/blocklist", "POST /v1/blocklist", "DELETE /v1/blocklist/127.7.3.1", "PUT /v1/blocklist?force=1",
	} {
		s.curl(t, request, "127.7.3.1").is(t, 409, "state")
	}
	s.curl(t, "GET /v1/blocklist", "").is(t, 200, "[]")
	must(t, s.dig(t, "www.lb.example.org").names("127.7.3.1", "127.7.3.2"))
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 1 {
		t.Errorf("something was written beside the Corefile: %v", entries)
	}
}
