package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
)

// TLSOptions say with what a handshake is made and how the member's certificate is judged.
type TLSOptions struct {
	ServerName string // sent as SNI, and what the certificate must be for; needed unless Insecure
	CAFile     string // PEM; trusted instead of the system's roots
	CertFile   string // PEM; the client certificate, with KeyFile
	KeyFile    string
	Insecure   bool // any certificate will do
}

type tlsCheck struct {
	port  uint16
	name  string
	key   string
	files *tlsFiles
}

// NewTLS returns the check that makes a TLS handshake. The files are read here, and again when they change; see Reloader.
func NewTLS(port uint16, opts TLSOptions) (Check, error) {
	if opts.ServerName == "" && !opts.Insecure {
		return nil, errors.New("tls: a name to verify the certificate against is needed (sni), or insecure")
	}
	if (opts.CertFile == "") != (opts.KeyFile == "") {
		return nil, errors.New("tls: cert takes two files, the certificate and its key")
	}
	files, err := newTLSFiles(opts)
	if err != nil {
		return nil, err
	}
	c := &tlsCheck{port: port, name: tlsName(opts), files: files}
	c.key = c.name
	if digest := files.digest(); digest != "" {
		c.key += " files " + digest
	}
	return c, nil
}

func tlsName(opts TLSOptions) string {
	words := []string{"tls"}
	if opts.ServerName != "" {
		words = append(words, "sni", opts.ServerName)
	}
	if opts.CAFile != "" {
		words = append(words, "ca", word(opts.CAFile))
	}
	if opts.CertFile != "" {
		words = append(words, "cert", word(opts.CertFile), word(opts.KeyFile))
	}
	if opts.Insecure {
		words = append(words, "insecure")
	}
	return strings.Join(words, " ")
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

func (c *tlsCheck) Probe(ctx context.Context, r Route) Result {
	a := begin(ctx, r)
	conn, err := a.connect()
	if err != nil {
		return a.connectFailed(err)
	}
	defer conn.Close()
	defer bind(ctx, conn)()

	asked := new(bool)
	session := tls.Client(conn, c.files.current())
	// bind ends the handshake with ctx; a context that can end would cost a goroutine more.
	if err := session.HandshakeContext(context.WithValue(context.Background(), askedKey{}, asked)); err != nil {
		return a.handshakeFailed(err)
	}
	if *asked && session.ConnectionState().Version >= tls.VersionTLS13 {
		return a.clientAccepted(session)
	}
	return Result{}
}
