package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.org/healthlb/bench/bare"
)

// How long each prober runs at a time, and how often they take turns. What counts is the least that each has needed: a machine that does
// something else at times makes probes dearer, never cheaper.
const (
	turnInterval = 10 * time.Second // the targets' interval
	turnRounds   = 2
)

// turnFor is HEALTHLB_BENCH_TURN, or 10 s.
func turnFor(b *testing.B) time.Duration {
	b.Helper()
	text := os.Getenv("HEALTHLB_BENCH_TURN")
	if text == "" {
		return 10 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkProbes measures the CPU time of a tcp probe beside that of a connect in a bare loop, in Go and in C, at the same rate in the same
// run. It tells how late the probes begin, how many sockets they need at once, how long the first round takes, and what a target takes of the
// heap while it waits. Use -benchtime=1x, and -timeout=30m.
func BenchmarkProbes(b *testing.B) {
	m := startMembers(b, members{})
	inC := compileBare(b)
	for _, bm := range []struct {
		name  string
		port  int
		share int // of the targets that pass, in percent
	}{{"accept", m.Port, 100}, {"refuse", 1, 0}} {
		for _, targets := range []int{2_000, 30_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", bm.name, targets), func(b *testing.B) {
				for b.Loop() {
					compareProbes(b, bm.port, targets, bm.share, inC)
				}
			})
		}
	}
}

func compareProbes(b *testing.B, port, targets, share int, inC string) {
	var best proberResult
	loop := bare.Loop{Port: port, Hosts: memberHosts, Rate: float64(targets) / turnInterval.Seconds(), For: turnFor(b)}
	spec := proberSpec{Port: port, Targets: targets, Interval: turnInterval, For: loop.For}
	ours, inGo, c := newLeast(), newLeast(), newLeast()
	for range turnRounds {
		if r := turn(b, share, func() (proberResult, account) { return playHealthlb(b, spec) }); ours.add(r.account) {
			best = r.result
		}
		inGo.add(turn(b, share, func() (any, account) {
			r := play[bare.Loop](b, "bare", loop)
			return nil, account{r.Ended, r.Passed, r.CPU}
		}).account)
		if inC != "" {
			c.add(turn(b, share, func() (any, account) { return nil, runBareC(b, inC, loop) }).account)
		}
	}
	b.ReportMetric(0, "ns/op") // the time it was told to run, which says nothing
	b.ReportMetric(ours.micros, "cpu-µs/probe")
	b.ReportMetric(inGo.micros, "bare-go-µs")
	bare := inGo.micros
	if inC != "" {
		b.ReportMetric(c.micros, "bare-c-µs")
		bare = min(bare, c.micros)
	}
	b.ReportMetric(ours.micros/bare, "x-bare")
	reportProber(b, best)
}

func playHealthlb(b *testing.B, spec proberSpec) (proberResult, account) {
	b.Helper()
	r := play[proberResult](b, "healthlb", spec)
	return r, account{r.Probes, r.Passed, r.CPU}
}

func reportProber(b *testing.B, r proberResult) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(r.Lags.P50), "lag-p50-ms")
	b.ReportMetric(ms(r.Lags.P99), "lag-p99-ms")
	b.ReportMetric(ms(r.Lags.Max), "lag-max-ms")
	b.ReportMetric(ms(r.FirstRound), "first-round-ms")
	b.ReportMetric(float64(r.MostInFlight), "max-sockets")
	b.ReportMetric(r.BytesPerTarget, "B/idle-target")
}

// BenchmarkTLSProbes measures the CPU time of a tls probe beside that of a bare handshake by crypto/tls, at the same rate in the same run.
func BenchmarkTLSProbes(b *testing.B) {
	const targets = 3000
	certFile, keyFile := newCertificate(b)
	m := startMembers(b, members{CertFile: certFile, KeyFile: keyFile})
	spec := proberSpec{Port: m.TLSPort, Targets: targets, Interval: turnInterval, For: turnFor(b), CAFile: certFile}
	loop := bareTLS{Port: m.TLSPort, CAFile: certFile, Rate: targets / turnInterval.Seconds(), For: spec.For, Goroutines: 64}
	for b.Loop() {
		var best proberResult
		ours, bare := newLeast(), newLeast()
		for range turnRounds {
			if r := turn(b, 100, func() (proberResult, account) { return playHealthlb(b, spec) }); ours.add(r.account) {
				best = r.result
			}
			bare.add(turn(b, 100, func() (any, account) {
				r := play[bareTLS](b, "bare tls", loop)
				return nil, account{r.Ended, r.Passed, r.CPU}
			}).account)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ours.micros, "cpu-µs/probe")
		b.ReportMetric(bare.micros, "bare-tls-µs")
		b.ReportMetric(ours.micros/bare.micros, "x-bare")
		reportProber(b, best)
	}
}

// account is what a prober has done in its turn.
type account struct {
	probes, passed int
	cpu            time.Duration
}

// turned is an account, and what else is known of the turn.
type turned[T any] struct {
	result  T
	account account
}

// turn runs a prober. If not the share of the probes passed that should, in percent, something else was measured, such as a machine that was
// busy for longer than a timeout: then it runs again.
func turn[T any](b *testing.B, share int, run func() (T, account)) (t turned[T]) {
	b.Helper()
	for range 4 {
		t.result, t.account = run()
		if off := t.account.passed*100 - t.account.probes*share; t.account.probes > 0 && -t.account.probes <= off && off <= t.account.probes {
			return t
		}
	}
	b.Fatalf("%d of %d passed, want %d%%", t.account.passed, t.account.probes, share)
	return t
}

// least keeps the least CPU time that a probe has needed.
type least struct{ micros float64 }

func newLeast() *least { return &least{math.Inf(1)} }

func (l *least) add(a account) (better bool) {
	micros := float64(a.cpu.Microseconds()) / float64(a.probes)
	better = micros < l.micros
	l.micros = min(l.micros, micros)
	return better
}

// compileBare makes the bare loop in C; it returns nothing where there is no compiler.
func compileBare(b *testing.B) string {
	b.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		b.Log("there is no C compiler: the bare loop in Go stands alone")
		return ""
	}
	binary := filepath.Join(b.TempDir(), "bare")
	if out, err := exec.Command(cc, "-O2", "-o", binary, "bare/testdata/bare.c").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func runBareC(b *testing.B, binary string, l bare.Loop) (a account) {
	b.Helper()
	out, err := exec.Command(binary, strconv.Itoa(l.Port), strconv.Itoa(l.Hosts), fmt.Sprint(l.Rate), fmt.Sprint(l.For.Seconds())).Output()
	if err != nil {
		b.Fatal(err)
	}
	var micros int64
	if _, err := fmt.Fscan(strings.NewReader(string(out)), &a.probes, &a.passed, &micros); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	a.cpu = time.Duration(micros) * time.Microsecond
	return a
}

// newCertificate makes a certificate for tlsName that is its own CA.
func newCertificate(b *testing.B) (certFile, keyFile string) {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: tlsName}, DNSNames: []string{tlsName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		b.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return certFile, keyFile
}
