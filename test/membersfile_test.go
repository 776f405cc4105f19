package test

import (
	"os"
	"testing"
)

func TestMembersFile(t *testing.T) {
	t.Parallel()
	web := startMembers(t, "127.12.1.1", "127.12.1.2", "127.12.1.3", "127.12.1.4")
	files := t.TempDir()
	list := files + "/members"
	writeFile(t, list, "# the web servers\n127.12.1.2   # rack 2\n\n127.12.1.3 id web-3\n")
	s := startCoreDNS(t, lb(`
		admin 127.0.0.1:{admin}
		check tcp {web}
		pool www.lb.example.org {
			member 127.12.1.1
			members {files}/members
		}`, "prometheus 127.0.0.1:{metrics}"), "{web}", web.port, "{files}", files)
	www := func(addrs ...string) {
		t.Helper()
		eventually(t, func() error { return s.dig(t, "www.lb.example.org").names(addrs...) })
	}
	must(t, s.dig(t, "www.lb.example.org").names("127.12.1.1", "127.12.1.2", "127.12.1.3"))
	since := s.member(t, "www.lb.example.org", "127.12.1.3").Since

	t.Log("edited in place")
	writeFile(t, list, "127.12.1.3 id web-3\n127.12.1.4\n")
	www("127.12.1.1", "127.12.1.3", "127.12.1.4")
	check(t, want(s.member(t, "www.lb.example.org", "127.12.1.3").Since.Equal(since), "a member that stays has lost its state"))

	t.Log("replaced by another file")
	replaceFile(t, list, "127.12.1.2\n")
	www("127.12.1.1", "127.12.1.2")

	t.Log("a symbolic link, and then another one in its place")
	writeFile(t, files+"/blue", "127.12.1.3\n")
	writeFile(t, files+"/green", "127.12.1.4\n")
	for _, tc := range []struct{ colour, member string }{{"blue", "127.12.1.3"}, {"green", "127.12.1.4"}} {
		must(t, os.Symlink(files+"/"+tc.colour, list+".new"))
		must(t, os.Rename(list+".new", list))
		www("127.12.1.1", tc.member)
	}

	const errorsTotal = `coredns_healthlb_members_file_errors_total{pool="www.lb.example.org."}`
	for _, bad := range []struct{ rule, text, word string }{
		{"no address", "127.12.1.2\nhello\n", "members:2"},
		{"an address twice", "127.12.1.2\n127.12.1.2\n", "127.12.1.2"},
		{"an address of the Corefile", "127.12.1.1\n", "127.12.1.1"},
		{"an unknown option", "127.12.1.2 wieght 3\n", "wieght"},
	} {
		t.Log(bad.rule)
		mark, before := s.log.mark(), s.metrics(t)[errorsTotal]
		replaceFile(t, list, bad.text)
		eventually(t, func() error {
			return want(hasAll(s.log.since(mark), "[ERROR]", "www.lb.example.org.", bad.word), "no word of %s in\n%s", bad.word, s.log.since(mark))
		})
		check(t, want(s.metrics(t)[errorsTotal] == before+1, "%s is %v, was %v", errorsTotal, s.metrics(t)[errorsTotal], before))
		check(t, s.dig(t, "www.lb.example.org").names("127.12.1.1", "127.12.1.4"))
	}

	t.Log("gone, and there again")
	mark := s.log.mark()
	must(t, os.Remove(list))
	eventually(t, func() error { return want(hasAll(s.log.since(mark), "[ERROR]", list), "no word of the loss") })
	check(t, s.dig(t, "www.lb.example.org").names("127.12.1.1", "127.12.1.4"))
	writeFile(t, list, "127.12.1.2\n")
	www("127.12.1.1", "127.12.1.2")

	t.Log("what left is probed no more, and after a reload still not there")
	s.reload(t, readFile(t, s.corefile()))
	check(t, s.dig(t, "www.lb.example.org").names("127.12.1.1", "127.12.1.2"))
	writeFile(t, list, "127.12.1.3\n")
	www("127.12.1.1", "127.12.1.3")
	stops(t, web, "127.12.1.2")
}

// A pool that has nothing but an empty file would have no member.
func TestEmptyMembersFile(t *testing.T) {
	t.Parallel()
	s := prepare(t, lb(`
		pool www.lb.example.org {
			check tcp {closed}
			members {dir}/members
		}`), "{closed}", freePort(t))
	s.refusesToStart(t, "Corefile:14:", "members", "no such file")
	writeFile(t, s.dir+"/members", "# nobody\n")
	s.refusesToStart(t, "Corefile:14:", "without a member")

	writeFile(t, s.dir+"/members", "192.0.2.1\n")
	s.launch(t)
	s.firstAnswer(t, "www.lb.example.org")
	mark := s.log.mark()
	writeFile(t, s.dir+"/members", "")
	eventually(t, func() error {
		return want(hasAll(s.log.since(mark), "[ERROR]", "without a member"), "no word of the empty file")
	})
	check(t, s.dig(t, "www.lb.example.org").names("192.0.2.1"))
}
