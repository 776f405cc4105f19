package probe

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// rival is where the members of a benchmark are: in a process of their own, so that their part of the work is not counted.
type rival struct {
	TLS, HTTP, HTTPS netip.AddrPort
	CA               string // file
}

const rivalVariable = "HEALTHLB_BENCHMARK_MEMBERS"

// TestBenchmarkMembers is that process. It ends with its standard input.
func TestBenchmarkMembers(t *testing.T) {
	if os.Getenv(rivalVariable) == "" {
		t.Skip("only for benchmarks")
	}
	ca := newAuthority(t)
	cert := ca.issue(time.Now().Add(time.Hour), right)
	at := rival{
		TLS:   member(t, "127.0.0.1:0", speaksTLS(&tls.Config{Certificates: []tls.Certificate{cert}})),
		HTTP:  site(t, serves(200, "all is ok\n")),
		HTTPS: secureSite(t, cert, serves(200, "all is ok\n")),
		CA:    ca.file,
	}
	json.NewEncoder(os.Stderr).Encode(at)
	io.Copy(io.Discard, os.Stdin)
}

func startRival(b *testing.B) rival {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBenchmarkMembers$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), rivalVariable+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	var at rival
	if err := json.NewDecoder(stderr).Decode(&at); err != nil {
		b.Fatal(err)
	}
	return at
}

// cpu is the time that this process has used, in user and in kernel mode.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// versus does two things by turns, and reports the CPU time of each and how many times the second's the first's is.
func versus(b *testing.B, one func(), name string, other func()) {
	const turn = 20
	var spent [2]time.Duration
	n := 0
	for b.Loop() {
		for i, f := range [...]func(){one, other} {
			before := cpu(b)
			for range turn {
				f()
			}
			spent[i] += cpu(b) - before
		}
		n += turn
	}
	b.ReportMetric(0, "ns/op") // of both together, and with the waiting
	b.ReportMetric(float64(spent[0].Microseconds())/float64(n), "cpu-us/probe")
	b.ReportMetric(float64(spent[1].Microseconds())/float64(n), "cpu-us/"+name)
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "x")
}

// plainly connects, has talk use the connection, and resets it.
func plainly(b *testing.B, to netip.AddrPort, talk func(net.Conn) error) func() {
	return func() {
		conn, err := net.Dial("tcp", to.String())
		if err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			err = talk(conn)
			conn.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func (r rival) trusted(b *testing.B) *tls.Config {
	data, err := os.ReadFile(r.CA)
	if err != nil {
		b.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(data)
	return &tls.Config{ServerName: right, RootCAs: roots}
}

// BenchmarkTLSProbe is a tls probe beside a bare handshake of crypto/tls. It may take at most 1.2 times the CPU time.
func BenchmarkTLSProbe(b *testing.B) {
	at := startRival(b)
	config := at.trusted(b)
	for name, opts := range map[string]TLSOptions{
		"tls":        {ServerName: right, CAFile: at.CA},
		"tls-expiry": {ServerName: right, CAFile: at.CA, Expiry: time.Hour},
	} {
		b.Run(name, func(b *testing.B) {
			c, err := NewTLS(0, opts)
			if err != nil {
				b.Fatal(err)
			}
			versus(b, passes(b, c, at.TLS), "bare", plainly(b, at.TLS, func(conn net.Conn) error {
				return tls.Client(conn, config).Handshake()
			}))
		})
	}
}

// BenchmarkHTTPProbe is an http or https probe beside one that sends the same bytes and lets net/http read the answer, and beside net/http's
// client.
func BenchmarkHTTPProbe(b *testing.B) {
	at := startRival(b)
	config := at.trusted(b)
	request := fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: healthlb\r\nAccept: */*\r\nConnection: close\r\n\r\n", right)
	exchange := func(conn io.ReadWriter) error {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
		}
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
	get := func(scheme string, to netip.AddrPort) func() {
		return func() {
			resp, err := client.Get(scheme + "://" + to.String() + "/")
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	for _, bm := range []struct {
		name string
		opts HTTPOptions
	}{
		{"status", HTTPOptions{Host: right}},
		{"body", HTTPOptions{Host: right, Body: []byte("ok")}},
		{"body_regexp", HTTPOptions{Host: right, Regexp: regexp.MustCompile(`is\s+ok\s*$`)}},
		{"by address", HTTPOptions{}},
	} {
		plain := passes(b, mustHTTP(b, bm.opts), at.HTTP)
		secure := passes(b, mustHTTPS(b, bm.opts, TLSOptions{ServerName: right, CAFile: at.CA}), at.HTTPS)
		b.Run("http "+bm.name, func(b *testing.B) {
			versus(b, plain, "bare", plainly(b, at.HTTP, func(conn net.Conn) error { return exchange(conn) }))
		})
		b.Run("https "+bm.name, func(b *testing.B) {
			versus(b, secure, "bare", plainly(b, at.HTTPS, func(conn net.Conn) error { return exchange(tls.Client(conn, config)) }))
		})
	}
	b.Run("http and net-http", func(b *testing.B) {
		versus(b, passes(b, mustHTTP(b, HTTPOptions{Host: right}), at.HTTP), "client", get("http", at.HTTP))
	})
}
