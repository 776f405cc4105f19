package admin

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.org/healthlb/plugin/healthlb/stamp"
)

// Settings say where the endpoint listens and whom it lets in. File names are absolute.
type Settings struct {
	Network   string   // tcp or unix
	Address   string   // HOST:PORT or a path
	TokenFile string   // empty: whoever connects may do everything
	CertFile  string   // empty: no TLS
	KeyFile   string   // of CertFile
	ClientCA  string   // empty: no client certificate is asked for
	Hosts     []string // further names that a Host header may have

	// Warn, when not nil, gets what an operator should know and no caller can be told.
	Warn func(format string, args ...any)
	// Observe, when not nil, is told of every request: its method, of GET, HEAD, PUT, POST, DELETE and other, and the status it got.
	Observe func(method string, code int)
}

// Endpoint is what Load made of Settings: all its files have been read, and are read again when they change.
type Endpoint struct {
	settings Settings
	hosts    map[string]bool             // as in a Host header without its port, lower-case
	tokens   *stamp.Watched[tokens]      // nil: no token is asked for
	tls      *stamp.Watched[*tls.Config] // nil: no TLS
}

// reloadEvery is how often a file is looked at at most, and so how long a withdrawn token may still open the door.
const reloadEvery = time.Second

// Load reads the files that settings name. It binds nothing, so that whatever is wrong comes out while the old settings still serve.
func Load(settings Settings) (*Endpoint, error) { return load(settings, reloadEvery) }

func load(settings Settings, every time.Duration) (*Endpoint, error) {
	if settings.Warn == nil {
		settings.Warn = func(string, ...any) {}
	}
	if settings.Observe == nil {
		settings.Observe = func(string, int) {}
	}
	if (settings.CertFile == "") != (settings.KeyFile == "") {
		return nil, errors.New("admin endpoint: a certificate and its key go together: name both or none")
	}
	if settings.ClientCA != "" && settings.CertFile == "" {
		return nil, errors.New("admin endpoint: client certificates need TLS: name a certificate and its key too")
	}

	e := &Endpoint{settings: settings, hosts: map[string]bool{"localhost": true}}
	for _, host := range settings.Hosts {
		e.hosts[strings.ToLower(strings.TrimSuffix(host, "."))] = true
	}
	var err error
	if settings.TokenFile != "" {
		e.tokens, err = stamp.Watch("admin endpoint", []string{settings.TokenFile}, every, settings.Warn, func() (tokens, error) {
			return readTokens(settings.TokenFile)
		})
		if err != nil {
			return nil, fmt.Errorf("admin endpoint: %w", err)
		}
	}
	if settings.CertFile != "" {
		files := []string{settings.CertFile, settings.KeyFile}
		if settings.ClientCA != "" {
			files = append(files, settings.ClientCA)
		}
		e.tls, err = stamp.Watch("admin endpoint", files, every, settings.Warn, func() (*tls.Config, error) {
			return readTLS(settings.CertFile, settings.KeyFile, settings.ClientCA)
		})
		if err != nil {
			return nil, fmt.Errorf("admin endpoint: %w", err)
		}
	}
	return e, nil
}
