package client

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// server is where the admin endpoint is.
type server struct {
	shown  string // as in Settings
	base   string // what a path is put behind to make a URL
	socket string // the path of a unix socket; empty: TCP
	host   string // without port and brackets; empty: a unix socket
	port   string // as written; empty: the scheme's
	secure bool   // https
}

func (s server) String() string { return s.shown }

const wantServer = "want http://HOST:PORT, https://HOST:PORT or unix:PATH"

// parseServer reads an address of an admin endpoint.
func parseServer(s string) (server, error) {
	if s == "" {
		s = DefaultServer
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if path == "" || strings.ContainsRune(path, 0) {
			return server{}, fmt.Errorf("server %q names no socket: %s", s, wantServer)
		}
		return server{shown: s, base: "http://localhost", socket: path}, nil
	}
	if strings.Contains(s, "@") { // not quoted: what stands before it may be a password
		return server{}, errors.New("the server's address has an @ in it: who calls is shown by a token or a certificate; " + wantServer)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return server{}, fmt.Errorf("server %q cannot be read: %s", s, wantServer)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return server{}, fmt.Errorf("server %q: %s", s, wantServer)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return server{}, fmt.Errorf("server %q has more than host and port: %s", s, wantServer)
	}
	to := server{
		shown: s, base: u.Scheme + "://" + (&url.URL{Host: u.Host}).String()[len("//"):], host: u.Hostname(), port: u.Port(),
		secure: u.Scheme == "https",
	}
	if _, err := url.Parse(to.base); err != nil { // a zone with what no interface has in its name
		return server{}, fmt.Errorf("server %q cannot be read: %s", s, wantServer)
	}
	return to, nil
}

// loopback tells whether the responder is on this machine by its address alone.
func (s server) loopback() bool {
	if s.socket != "" || strings.EqualFold(s.host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(s.host)
	return err == nil && addr.Unmap().IsLoopback()
}
