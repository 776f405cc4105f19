package bench

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// tlsName is what the certificate of the members is for.
const tlsName = "member.example.org"

// bareTLS is a bare loop of handshakes by crypto/tls: a pool of goroutines that connect, make a handshake, and close.
type bareTLS struct {
	Port       int
	CAFile     string
	Rate       float64 // handshakes a second
	For        time.Duration
	Goroutines int

	Ended, Passed int
	CPU           time.Duration
}

// runBareTLS is its role.
func runBareTLS(text []byte) (any, error) {
	var l bareTLS
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(l.CAFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: tlsName, RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(pem)
	addr := net.JoinHostPort("127.0.1.1", strconv.Itoa(l.Port))

	var passed atomic.Int64
	var running sync.WaitGroup
	due := make(chan bool, l.Goroutines)
	for range l.Goroutines {
		running.Go(func() {
			for range due {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					continue
				}
				conn.(*net.TCPConn).SetLinger(0)
				if tls.Client(conn, config).Handshake() == nil {
					passed.Add(1)
				}
				conn.Close()
			}
		})
	}
	start, cpu := time.Now(), cpuUsed()
	for time.Since(start) < l.For {
		for ; float64(l.Ended) < time.Since(start).Seconds()*l.Rate; l.Ended++ {
			due <- true
		}
		time.Sleep(time.Duration(float64(l.Ended)/l.Rate*1e9) - time.Since(start))
	}
	close(due)
	running.Wait()
	l.CPU, l.Passed = cpuUsed()-cpu, int(passed.Load())
	return l, nil
}
