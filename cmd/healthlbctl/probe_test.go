package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/api"
)

// twoProbes are one that passes, and one that does not.
func twoProbes() api.Probes {
	return api.Probes{Pool: pool, Probes: []api.Probe{
		{Member: "web-1", Family: "A", Address: "192.0.2.10:443", Check: "tls 443 sni www.lb.example.org", Result: "pass", Took: 0.0123,
			Steps: []api.ProbeStep{
				{Step: "connect", Took: 0.00021, Detail: "from 192.0.2.1:40000"}, {Step: "handshake", Took: 0.01209, Detail: "TLS 1.3"},
				{Step: "certificate", Detail: "for www.lb.example.org\x1b[31m"},
			}},
		{Member: "web-1", Family: "AAAA", Address: "[2001:db8::10]:443", Check: "tls 443 sni www.lb.example.org", Result: "fail",
			Reason: "connection refused\x1b[31m", Took: 1.2345, Steps: []api.ProbeStep{}},
	}}
}

func TestProbe(t *testing.T) {
	f := newFake(t)
	f.on("POST /pools/www.lb.example.org/probe", 200, twoProbes())
	o := ctl(t, f, "probe", "www.lb.example.org")
	o.check(t, 7, `
web-1 A 192.0.2.10:443 tls: pass in 12.3ms
  connect      0.21ms  from 192.0.2.1:40000
  handshake    12.1ms  TLS 1.3
  certificate  0.00ms  for www.lb.example.org?[31m
web-1 AAAA [2001:db8::10]:443 tls: fail in 1.23s: connection refused?[31m
`, "healthlbctl: 1 of 2 probes did not pass\n")

	weight := 50
	one := api.Probes{Pool: pool, Passed: true, Probes: []api.Probe{
		{Member: "web-1", Family: "A", Address: "192.0.2.10:3333", Check: "agent 3333", Result: "pass", Took: 0.1, Weight: &weight},
	}}
	f.on("POST /pools/www.lb.example.org/probe", 200, one)
	ctl(t, f, "probe", "www.lb.example.org", "web-1").check(t, 0, "web-1 A 192.0.2.10:3333 agent: pass in 100ms, weight 50%\n", "")
	one.Passed, one.Probes[0].Result, one.Probes[0].Reason, one.Probes[0].Weight = false, "lame", "drain", nil
	f.on("POST /pools/www.lb.example.org/probe", 200, one)
	ctl(t, f, "probe", "www.lb.example.org", "web-1").check(t, 7, "web-1 A 192.0.2.10:3333 agent: lame in 100ms: drain\n",
		"healthlbctl: the probe did not pass\n")
	f.on("POST /pools/www.lb.example.org/probe", 200, api.Probes{Pool: pool, Passed: true, Probes: []api.Probe{}})
	ctl(t, f, "probe", "www.lb.example.org").check(t, 0, "", "www.lb.example.org has no member\n")

	want := []string{
		"POST /pools/www.lb.example.org/probe", "POST /pools/www.lb.example.org/probe?member=web-1",
		"POST /pools/www.lb.example.org/probe?member=web-1", "POST /pools/www.lb.example.org/probe",
	}
	if got := f.changes(); !reflect.DeepEqual(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// What probes found is for programs too, and the exit code with it.
func TestProbeOutputs(t *testing.T) {
	f := newFake(t)
	f.on("POST /pools/www.lb.example.org/probe", 200, twoProbes())
	o := ctl(t, f, "probe", "www.lb.example.org", "-o", "json")
	var got api.Probes
	if err := json.Unmarshal([]byte(o.out), &got); err != nil || o.code != 7 || !reflect.DeepEqual(got, twoProbes()) {
		t.Errorf("%v, %+v", err, o)
	}
	if o := ctl(t, f, "probe", "www.lb.example.org", "-o", "yaml"); o.code != 7 || !strings.HasPrefix(o.out, "passed: false\npool: www.lb.example.org.\nprobes:\n- address: ") {
		t.Errorf("%+v", o)
	}
	c := newConsole(t, f)
	c.outIsTerminal = true
	if o := c.do("probe", "www.lb.example.org"); !strings.Contains(o.out, "tls: \x1b[32mpass\x1b[0m in") || !strings.Contains(o.out, "tls: \x1b[31mfail\x1b[0m in") {
		t.Errorf("%q", o.out)
	}
}

func TestProbeErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		detail string
		args   string
		code   int
		want   string
	}{
		{"no such pool", 404, "there is no pool www.", "probe www.", 5, "healthlbctl: there is no pool www.\n"},
		{"another call", 409, "another call has members probed", "probe www.", 3, "healthlbctl: refused: another call has members probed\n"},
		{"too many members", 400, "at most 1000", "probe www.", 2, "healthlbctl: at most 1000\n"},
		{"no pool", 200, "", "probe", 2, "healthlbctl: accepts between 1 and 2 arg(s), received 0; see healthlbctl probe --help\n"},
		{"an empty ID", 200, "", "probe www. ", 2, "healthlbctl: the ID is empty: name a member, or leave it out\n"},
		{"too many words", 200, "", "probe www. a b", 2, "healthlbctl: accepts between 1 and 2 arg(s), received 3; see healthlbctl probe --help\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.on("POST /pools/www./probe", c.status, problem(c.status, c.detail))
			ctl(t, f, strings.Split(c.args, " ")...).check(t, c.code, "", c.want)
		})
	}
}

func TestCheckNames(t *testing.T) {
	for _, c := range []struct {
		probes []api.Probe // Address and Check
		want   string
	}{
		{[]api.Probe{{Address: "192.0.2.10:80", Check: "tcp 80"}, {Address: "192.0.2.11:81", Check: "tcp 81"}}, "tcp, tcp"},
		{[]api.Probe{{Address: "192.0.2.10:80", Check: "http 80 path /a"}, {Address: "192.0.2.10:80", Check: "http 80 path /b"}}, "http path /a, http path /b"},
		{[]api.Probe{{Address: "192.0.2.10:80", Check: "http 80 path /a"}, {Address: "[2001:db8::1]:80", Check: "http 80 path /a"}}, "http, http"},
		{[]api.Probe{{Address: "192.0.2.10", Check: "up 0"}, {Address: "192.0.2.10", Check: "down"}}, "up, down"},
		{[]api.Probe{{Address: "192.0.2.10", Check: "exec 0 /bin/a 1"}, {Address: "192.0.2.10", Check: "exec /bin/b"}}, "exec /bin/a 1, exec /bin/b"},
		{[]api.Probe{{}}, ""},
	} {
		if got := strings.Join(checkNames(c.probes), ", "); got != c.want {
			t.Errorf("%+v: %q, want %q", c.probes, got, c.want)
		}
	}
}

// Whatever a server answers, nothing of it steers the terminal or makes lines.
func FuzzProbesText(f *testing.F) {
	f.Add("web-1", "192.0.2.10:443", "tls 443 sni a", "no\x1b[31m", "connect")
	f.Add("", "192.0.2.10:65536", "exec 0 ", "a\nb\u202e", "\t")
	f.Fuzz(func(t *testing.T, member, address, check, text, step string) {
		out := &safeBuffer{}
		a := &app{out: out}
		p := api.Probe{
			Member: member, Family: text, Address: address, Check: check, Result: text, Reason: text, Steps: []api.ProbeStep{{Step: step, Detail: text}},
		}
		if err := a.probesText(api.Probes{Probes: []api.Probe{p, {Check: check + " x"}}}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		if len(lines) != 4 || lines[3] != "" {
			t.Errorf("%d lines: %q", len(lines), lines)
		}
		for _, line := range lines {
			if printable(line) != line {
				t.Errorf("%q", line)
			}
		}
	})
}

func TestTook(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0.00ms", 0.0000049: "0.00ms", 0.000213: "0.21ms", 0.00999: "9.99ms", 0.009996: "10.0ms", 0.0123: "12.3ms", 0.09996: "100ms", 0.9994: "999ms",
		0.9996: "1.00s", 25: "25.00s",
	} {
		if got := took(seconds); got != want {
			t.Errorf("%v: %s, want %s", seconds, got, want)
		}
	}
}

// notable is a pool with all there is to tell of one.
func notable() api.Pool {
	p := threeMembers()
	p.Budget, p.Isolated, p.Stale = 16.5, true, 2
	addresses := make([]*api.Address, 3)
	for i := range p.Members {
		addresses[i] = &p.Members[i].Addresses[0]
	}
	addresses[0].Weight = ptr(50)
	addresses[0].Checks[0].CertExpires, addresses[0].Checks[0].CertWarning = ptr(noon.Add(50*time.Hour)), true
	addresses[0].Checks = append(addresses[0].Checks, api.Check{Check: "tcp 80", State: "up", Stale: true, Tripwire: "waiting"})
	addresses[1].Checks[0].Tripwire, addresses[1].Excused = "none", true
	addresses[1].Checks[0].CertExpires, addresses[1].Checks[0].CertWarning = ptr(noon.Add(-time.Hour)), true
	addresses[2].HeldUntil, addresses[2].Checks[0].Tripwire = ptr(noon.Add(90*time.Second)), "waiting"
	return p
}

func TestPoolNotes(t *testing.T) {
	f := newFake(t)
	f.on("GET /pools/www.lb.example.org", 200, notable())
	f.on("GET /pools", 200, []api.Pool{notable()})
	ctl(t, f, "pool", "www.lb.example.org").check(t, 0, `
www.lb.example.org: degraded (isolated; 2 checks stale; web-3 is down)
policy round_robin, answers 8
ttl 30s, low 5s
failover budget 16.5s
A: 1 of 3 eligible, min_up 1

ID     ADDRESS     STATE       SINCE  LAST ERROR               NEXT PROBE  SHARE       SAFE AFTER
web-1  192.0.2.10  up          3m12s                           now         52% / 100%  12:00:35 (30s)
web-2  192.0.2.11  up,drained  1d2h                            in 1.2s     48% / 0%    12:00:35 (30s)
web-3  192.0.2.12  down        5s     connection refused?[31m  now         0% / 0%     now

web-1 192.0.2.10: the agent asks for 50% of the weight
web-1 192.0.2.10 tcp 443: the certificate runs out 2026-11-23 14:00:05 (in 2d2h)
web-1 192.0.2.10 tcp 80: stale: no news for longer than an interval, and the state may be old
web-1 192.0.2.10 tcp 80: the tripwire waits to be made again
web-2 192.0.2.11: down only for a certificate that has run out; answered with when fewer than min_up others are eligible
web-2 192.0.2.11: no tripwire, for want of descriptors
web-2 192.0.2.11: the certificate ran out 11:00:05
web-3 192.0.2.12: held down for flapping until 12:01:35 (1m30s)
`, "")
	ctl(t, f, "pools").check(t, 0, `
POOL                STATUS    UP   REASON
www.lb.example.org  degraded  1/3  isolated; 2 checks stale; web-3 is down
`, "")
}

// A note that is true of many names a few.
func TestNotesOfMany(t *testing.T) {
	p := api.Pool{Name: pool, Status: "full", Stale: 1}
	for _, id := range []string{"192.0.2.1", "192.0.2.2", "c", "d", "e"} {
		address := api.Address{Address: "192.0.2.9", State: "up", Checks: []api.Check{{Check: "tcp 443", State: "up", Tripwire: "none"}}}
		if id[0] == '1' {
			address.Address = id
		}
		if id == "d" {
			address.HeldUntil, address.Excused, address.Weight = ptr(noon), true, ptr(100)
		}
		p.Members = append(p.Members, api.Member{ID: id, Addresses: []api.Address{address}})
	}
	a := newConsole(t, nil).app
	want := []string{
		"192.0.2.1, 192.0.2.2, c 192.0.2.9 and 2 more: no tripwire, for want of descriptors",
		"d 192.0.2.9: held down for flapping until now; answered with when fewer than min_up others are eligible",
	}
	if got := a.memberNotes(p); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := reasonText(p); got != "1 check stale" {
		t.Errorf("%q", got)
	}
}
