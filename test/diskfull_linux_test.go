package test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"example.org/healthlb/api"
)

func init() {
	onDisks["disk full"], onDisks["disk full stops rollout"] = diskFull, diskFullStopsRollout
}

// disk is a small one that can be filled.
type disk struct{ dir string }

func mountDisk(t *testing.T) *disk {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs to mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		check(t, syscall.Unmount(dir, syscall.MNT_DETACH))
	})
	return &disk{dir}
}

// fill leaves no room at all, not even in the pages that the store has and does not use: there a change would go that needs no more.
func (d *disk) fill(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(d.dir, "*", "*.db"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("the stores are %v", files)
	}
	d.punch(t, files[0])
	filler, err := os.Create(filepath.Join(d.dir, "filler"))
	must(t, err)
	defer filler.Close()
	for page := make([]byte, os.Getpagesize()); err == nil; {
		_, err = filler.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("error %v, want ENOSPC", err)
	}
}

// punch takes the space of unused pages away from a store.
func (d *disk) punch(t *testing.T, file string) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy.db")
	writeFile(t, copied, readFile(t, file))
	db, err := bbolt.Open(copied, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	must(t, err)
	defer db.Close()
	store, err := os.OpenFile(file, os.O_RDWR, 0)
	must(t, err)
	defer store.Close()
	size, err := store.Seek(0, io.SeekEnd)
	must(t, err)
	page := int64(db.Info().PageSize)
	must(t, db.View(func(tx *bbolt.Tx) error {
		used := int64(0)
		for id := int64(0); ; id++ {
			info, err := tx.Page(int(id))
			if err != nil {
				return err
			}
			if info == nil {
				used = id * page
				break
			}
			if info.Type == "free" {
				const keepSize, punchHole = 1, 2
				if err := syscall.Fallocate(int(store.Fd()), keepSize|punchHole, id*page, page); err != nil {
					return err
				}
			}
		}
		if used < size {
			return syscall.Fallocate(int(store.Fd()), 3, used, size-used)
		}
		return nil
	}))
}

func (d *disk) empty(t *testing.T) {
	t.Helper()
	must(t, os.Remove(filepath.Join(d.dir, "filler")))
}

const fullDiskCorefile = `
	answers all
	ttl 1s
	pool www.lb.example.org {
		member 127.32.1.1
		member 127.32.1.2
		member 127.32.1.3
	}
	pool roll.lb.example.org {
		member 127.32.1.1
		member 127.32.1.2
		member 127.32.1.3
	}
	pool other.lb.example.org {
		member 127.32.1.1
		member 127.32.1.2
	}
	pool leases.lb.example.org {
		all_down nodata
	}
`

func diskFull(t *testing.T) {
	d := mountDisk(t)
	web := startMany(t)
	s := startCoreDNS(t, strings.Replace(operated(fullDiskCorefile), "{dir}/state", "{disk}/state", 1), "{web}", web.port, "{disk}", d.dir)

	s.order(t, "PUT /v1/pools/made.lb.example.org", api.PoolSpec{Lines: []string{"ttl 7s"}}).is(t, 200)
	s.order(t, "PUT /v1/pools/made.lb.example.org/members/a?require_healthy=1", memberAt("127.32.1.9")).is(t, 200)
	s.order(t, "PUT /v1/pools/www.lb.example.org/members/127.32.1.2/drain", nil).is(t, 200)
	s.order(t, "PUT /v1/pools/www.lb.example.org/members/extra?require_healthy=1", memberAt("127.32.1.8")).is(t, 200)
	secrets := map[string]string{}
	for id, ttl := range map[string]string{"stays": "1h", "renews": "3s", "lapses": "3s"} {
		addr := map[string]string{"stays": "127.32.1.11", "renews": "127.32.1.12", "lapses": "127.32.1.13"}[id]
		spec := api.RegistrationSpec{ID: id, TTL: ttl, MemberSpec: memberAt(addr)}
		secrets[id] = decode[api.Registration](t, s.order(t, "POST /v1/pools/leases.lb.example.org/registrations", spec).is(t, 201)).Secret
	}
	blocks := []api.Block{{Address: "127.32.1.3", Pool: steady, Reason: "first"}, {Address: "127.32.1.8", For: "3s"}}
	s.order(t, "PUT /v1/blocklist", blocks).is(t, 200)
	r := decode[api.Rollout](t, s.order(t, "PUT /v1/pools/other.lb.example.org/rollout", api.RolloutSpec{Owner: "ann"}).is(t, 200))
	s.reaches(t, "other.lb.example.org", "127.32.1.1", "safe")
	d.fill(t)
	t.Log("the disk is full")
	before := s.facts(t)
	renew := func() {
		t.Helper()
		s.order(t, "PUT /v1/pools/leases.lb.example.org/registrations/renews", nil, "Registration-Secret: "+secrets["renews"]).is(t, 200)
	}

	refused := func(words string, body any, headers ...string) {
		t.Helper()
		s.order(t, words, body, headers...).isProblem(t, 507, "full")
		renew()
	}
	const www = "/v1/pools/www.lb.example.org"
	everything := func() {
		t.Helper()
		refused("PUT /v1/pools/new.lb.example.org", api.PoolSpec{Lines: []string{}})
		refused("PUT /v1/pools/made.lb.example.org", api.PoolSpec{Lines: []string{"ttl 8s"}})
		refused("DELETE /v1/pools/made.lb.example.org?force=1", nil)
		refused("PUT "+www+"/members/new", memberAt("127.32.1.4"))
		refused("PUT "+www+"/members/new?require_healthy=1", memberAt("127.32.1.4"))
		refused("PUT "+www+"/members/extra?force=1", memberAt("127.32.1.5"))
		refused("DELETE "+www+"/members/extra", nil)
		refused("PUT "+www+"/members/127.32.1.1/drain?force=1", nil)
		refused("DELETE "+www+"/members/127.32.1.2/drain", nil)
		refused("POST "+www+"/registrations", api.RegistrationSpec{MemberSpec: memberAt("127.32.1.6")})
		refused("DELETE /v1/pools/leases.lb.example.org/registrations/stays", nil, "Registration-Secret: "+secrets["stays"])
		refused("PUT /v1/pools/roll.lb.example.org/rollout", api.RolloutSpec{})
		refused("POST /v1/blocklist?force=1", []api.Block{{Address: "127.32.1.1"}})
		refused("PUT /v1/blocklist?force=1", []api.Block{{Address: "127.32.1.1"}})
		refused("DELETE /v1/blocklist/127.32.1.3?pool=www.lb.example.org", nil)
		refused("POST /v1/pools/other.lb.example.org/rollout/report", api.RolloutReport{Rollout: r.ID, Member: "127.32.1.1", Result: "started"})
		refused("POST /v1/pools/other.lb.example.org/rollout/pause", nil)
		refused("POST /v1/pools/other.lb.example.org/rollout/cancel", nil)
	}
	asBefore := func() {
		t.Helper()
		is := s.facts(t)
		for _, gone := range []string{"member leases.lb.example.org. lapses", "block 127.32.1.8"} { // they may have ended meanwhile
			delete(is, gone)
			delete(before, gone)
		}
		if differs := is.differs(before); differs != "" {
			t.Errorf("a change that was refused has left something:\n%s", differs)
		}
		check(t, s.dig(t, "new.lb.example.org").isNegative("NXDOMAIN", "lb.example.org."))
		check(t, want(s.dig(t, "made.lb.example.org").ttls() == "[7]", "the pool was changed"))
		s.order(t, "GET /v1/pools/roll.lb.example.org/rollout", nil).isProblem(t, 404)
		is1 := s.rollout(t, "other.lb.example.org")
		check(t, want(is1.Status == "running" && is1.Members[0].Step == "safe", "%+v", is1))
	}
	everything()
	asBefore()
	eventually(t, func() error { // while the one lapses, and the block ends, the other goes on renewing
		renew()
		return s.dig(t, "leases.lb.example.org").names("127.32.1.11", "127.32.1.12")
	})
	eventually(t, func() error {
		renew()
		return s.dig(t, steady).names("127.32.1.1", "127.32.1.8")
	})
	s.order(t, "PUT /v1/pools/leases.lb.example.org/registrations/lapses", nil, "Registration-Secret: "+secrets["lapses"]).isProblem(t, 404)
	everything()
	asBefore()
	for _, kind := range []string{"lapsed", "unblock"} {
		n := 0
		for _, e := range s.happened(t) {
			if e.Type == kind {
				n++
			}
		}
		check(t, want(kind == "unblock" || n == 1, "%d events %s", n, kind))
	}
	for _, e := range s.happened(t) { // what was refused has not happened
		check(t, want(!strings.HasPrefix(e.Pool, "new.") && e.Type != "left" && e.Type != "pool_removed" && e.Type != "undrain", "%+v", e))
	}

	t.Log("a restart with the disk full")
	s.kill(t)
	s.again(t)
	renew()
	is := s.rollout(t, "other.lb.example.org")
	check(t, want(is.Status == "paused", "after a restart the rollout is %+v", is))
	_, back := s.shownMember(t, "leases.lb.example.org", "lapses") // it could not be written down that it is gone
	check(t, want(back, "the one that had lapsed has no ttl more"))
	delete(before, "member leases.lb.example.org. lapses")
	now := s.facts(t)
	delete(now, "member leases.lb.example.org. lapses")
	check(t, want(now.differs(before) == "", "after a restart: %s", now.differs(before)))
	must(t, s.dig(t, steady).names("127.32.1.1", "127.32.1.8"))

	t.Log("there is room again")
	d.empty(t)
	renew()
	s.order(t, "POST /v1/pools/other.lb.example.org/rollout/resume", nil).is(t, 200, `"status":"running"`)
	s.reaches(t, "other.lb.example.org", "127.32.1.1", "safe") // the process before may have answered with it
	s.order(t, "POST /v1/pools/other.lb.example.org/rollout/report", api.RolloutReport{Rollout: r.ID, Member: "127.32.1.1", Result: "started"}).is(t, 200)
	s.order(t, "POST /v1/pools/other.lb.example.org/rollout/cancel", nil).is(t, 200)
	s.order(t, "PUT /v1/pools/new.lb.example.org", api.PoolSpec{Lines: []string{}}).is(t, 200)
	s.order(t, "DELETE /v1/pools/made.lb.example.org?force=1", nil).is(t, 200, `"changed":true`)
	s.order(t, "PUT "+www+"/members/new?require_healthy=1", memberAt("127.32.1.4")).is(t, 200)
	s.order(t, "DELETE "+www+"/members/127.32.1.2/drain", nil).is(t, 200)
	s.order(t, "DELETE "+www+"/members/extra", nil).is(t, 200)
	s.order(t, "DELETE /v1/blocklist/127.32.1.3?pool=www.lb.example.org", nil).is(t, 200)
	must(t, s.dig(t, steady).names("127.32.1.1", "127.32.1.2", "127.32.1.3", "127.32.1.4"))
	s.order(t, "DELETE /v1/pools/leases.lb.example.org/registrations/stays", nil, "Registration-Secret: "+secrets["stays"]).is(t, 200)
	s.kill(t)
	s.again(t)
	must(t, s.dig(t, steady).names("127.32.1.1", "127.32.1.2", "127.32.1.3", "127.32.1.4"))
	check(t, s.dig(t, "made.lb.example.org").isNegative("NXDOMAIN", "lb.example.org."))
}

// A rollout goes on by itself, and needs to write for it: while it cannot, it stands still, and it is not lost.
func diskFullStopsRollout(t *testing.T) {
	d := mountDisk(t)
	web := startMany(t)
	s := startCoreDNS(t, strings.Replace(operated(fullDiskCorefile), "{dir}/state", "{disk}/state", 1), "{web}", web.port, "{disk}", d.dir)
	const pool = "roll.lb.example.org"
	run := s.startRollout(t, pool, api.RolloutSpec{})
	s.reaches(t, pool, "127.32.1.1", "safe")
	run.report(t, "127.32.1.1", "started")
	run.report(t, "127.32.1.1", "done")
	d.fill(t)
	eventually(t, func() error {
		return want(strings.Contains(s.log.String(), "cannot go on for the moment"), "no word of the trouble")
	})
	step := s.rollout(t, pool).Members[0].Step
	check(t, want(slices.Contains([]string{"returning", "done"}, step), "it is %s", step))
	d.empty(t)
	for _, id := range []string{"127.32.1.2", "127.32.1.3"} {
		s.reaches(t, pool, id, "safe")
		run.report(t, id, "started")
		run.report(t, id, "done")
	}
	eventually(t, func() error {
		r := s.rollout(t, pool)
		return want(r.Status == "done", "%+v", r)
	})
	must(t, s.dig(t, pool).names("127.32.1.1", "127.32.1.2", "127.32.1.3"))
	if fmt.Sprint(s.facts(t)) != "map[]" {
		t.Errorf("drains stay: %v", s.facts(t))
	}
}
