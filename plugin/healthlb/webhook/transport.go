package webhook

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// newTransport returns a transport that trusts those in a file. It uses no proxy: where events go is for the Corefile to say.
func newTransport(caFile string) (*http.Transport, error) {
	pool, err := readCA(caFile)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		// The time for a post does not end a dial that another post might use.
		DialContext:            (&net.Dialer{Timeout: postTimeout}).DialContext,
		TLSHandshakeTimeout:    postTimeout,
		TLSClientConfig:        &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		MaxIdleConns:           1,
		IdleConnTimeout:        30 * time.Second, // below that of common servers and firewalls, which close without a word
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswer,
	}, nil
}

// use notes which transport is in use, and closes the idle connection of the one before: it was made with other authorities.
func (h *Hook) use(t *http.Transport) *http.Transport {
	if h.used != nil && h.used != t {
		h.used.CloseIdleConnections()
	}
	h.used = t
	return t
}
