// Package client calls healthlb's admin endpoint. It is what healthlbctl is made of, and what a server needs that registers itself: see
// Register. It imports no name server.
//
// A Client is safe for concurrent use. Every call takes a context, and is bounded by Settings.Timeout besides. What the responder
// refuses is an *Error; all other errors mean that it was not heard, or not understood, and name it. No error holds a token.
package client

import (
	"cmp"
	"fmt"
	"net/http"
	"time"
)

// DefaultServer is the responder that is called when Settings name none: the port is the one of the manual's examples.
const DefaultServer = "http://127.0.0.1:8053"

// DefaultTimeout bounds a call when Settings say nothing. The responder itself takes 30 seconds at most to write an answer.
const DefaultTimeout = 30 * time.Second

// Settings say where the admin endpoint is, and what shows it who calls.
type Settings struct {
	Server    string        // http://HOST:PORT, https://HOST:PORT or unix:PATH; empty: DefaultServer
	Token     string        // empty: none, or TokenFile's
	TokenFile string        // has one line, the token; read at each call, so that a new token needs no restart
	CAFile    string        // PEM: who may have signed the responder's certificate; empty: those that the system trusts
	CertFile  string        // PEM: the certificate that is shown to the responder; empty: none
	KeyFile   string        // PEM: of CertFile
	Timeout   time.Duration // of a call, not of the stream of Events; 0: DefaultTimeout
	UserAgent string        // empty: healthlb-client
}

// Client calls one responder.
type Client struct {
	server  server
	token   *tokenSource
	agent   string
	timeout time.Duration
	http    *http.Client
	pace    pace
}

// New makes a client. It reads the files that the settings name, and connects to nobody.
func New(s Settings) (*Client, error) {
	if s.Timeout < 0 {
		return nil, fmt.Errorf("timeout %v is below 0: want a length of time, or 0 for %v", s.Timeout, DefaultTimeout)
	}
	to, err := parseServer(s.Server)
	if err != nil {
		return nil, err
	}
	token, err := newTokenSource(s)
	if err != nil {
		return nil, err
	}
	through, err := newHTTP(s, to)
	if err != nil {
		return nil, err
	}
	return &Client{
		server: to, token: token, http: through, pace: standard,
		agent: cmp.Or(s.UserAgent, "healthlb-client"), timeout: cmp.Or(s.Timeout, DefaultTimeout),
	}, nil
}

// Server is the responder's address, as in Settings.
func (c *Client) Server() string { return c.server.String() }

// Close closes the connections that no call uses. The client may be used on.
func (c *Client) Close() { c.http.CloseIdleConnections() }
