package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"time"
)

// TLSOptions say with what a handshake is made and how the member's certificate is judged.
type TLSOptions struct {
	ServerName string        // sent as SNI, and what the certificate must be for; needed unless Insecure
	CAFile     string        // PEM; trusted instead of the system's roots
	CertFile   string        // PEM; the client certificate, with KeyFile
	KeyFile    string        // PEM
	Insecure   bool          // any certificate will do, but none that has run out where Expiry is said
	Expiry     time.Duration // people want to know when the certificate runs out in less than this; 0: they do not
}

// Expirer is a check that knows how long before its end a member's certificate should have been replaced.
type Expirer interface {
	// Expiry is that time; 0: none was said. The end itself is in each Result.
	Expiry() time.Duration
}

type tlsCheck struct {
	port  uint16
	name  string
	key   string
	files *tlsFiles
}

// NewTLS returns the check that makes a TLS handshake. The files are read here, and again when they change; see Reloader.
func NewTLS(port uint16, opts TLSOptions) (Check, error) {
	files, err := newTLSFiles(opts)
	if err != nil {
		return nil, err
	}
	c := &tlsCheck{port: port, name: tlsName(opts), files: files}
	c.key = c.name + files.keyed()
	return c, nil
}

// check says what is missing in the options.
func (o TLSOptions) check() error {
	if o.ServerName == "" && !o.Insecure {
		return errors.New("tls: a name to verify the certificate against is needed (sni), or insecure")
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("tls: cert takes two files, the certificate and its key")
	}
	return nil
}

func tlsName(opts TLSOptions) string {
	return strings.Join(append([]string{"tls"}, opts.words()...), " ")
}

// words are the options as the Corefile would say them.
func (o TLSOptions) words() (words []string) {
	if o.ServerName != "" {
		words = append(words, "sni", o.ServerName)
	}
	if o.CAFile != "" {
		words = append(words, "ca", word(o.CAFile))
	}
	if o.CertFile != "" {
		words = append(words, "cert", word(o.CertFile), word(o.KeyFile))
	}
	if o.Insecure {
		words = append(words, "insecure")
	}
	if o.Expiry > 0 {
		words = append(words, "expiry", days(o.Expiry))
	}
	return words
}

// word puts a file name in quotes if the Corefile needs them.
func word(file string) string {
	if strings.ContainsAny(file, " \t\r\n\"{}#") {
		return quote([]byte(file))
	}
	return file
}

func (*tlsCheck) Kind() string   { return "tls" }
func (c *tlsCheck) Port() uint16 { return c.port }
func (c *tlsCheck) Name() string { return c.name }
func (c *tlsCheck) Key() string  { return c.key }

// ReloadError implements Reloader.
func (c *tlsCheck) ReloadError() error { return c.files.reloadError() }

// Expiry implements Expirer.
func (c *tlsCheck) Expiry() time.Duration { return c.files.opts.Expiry }

func (c *tlsCheck) Probe(ctx context.Context, r Route) Result {
	a := begin(ctx, r)
	conn, err := a.connect()
	if err != nil {
		return a.connectFailed(err)
	}
	defer conn.Close()
	defer bind(ctx, conn)()

	session, err := a.handshake(conn, c.files, c.files.opts.ServerName, nil)
	if err != nil {
		return session.certificate.judge(a.handshakeFailed(err))
	}
	if session.asked && session.ConnectionState().Version >= tls.VersionTLS13 {
		return session.certificate.judge(a.clientAccepted(session.Conn))
	}
	return session.certificate.judge(Result{})
}
