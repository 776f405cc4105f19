package probe

import (
	"context"
	"io"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

// GRPCOptions say what is asked, in whose name, and over what.
type GRPCOptions struct {
	Service   string     // the service asked about; empty: the server as a whole
	Authority string     // the request's :authority; empty: the member's address and port
	TLS       bool       // else HTTP/2 in plain text, with prior knowledge (RFC 9113 section 3.3)
	Handshake TLSOptions // only with TLS
}

type grpcCheck struct {
	port    uint16
	opts    GRPCOptions
	name    string
	key     string
	files   *tlsFiles // nil: plain text
	fields  []byte    // the request's header fields, but its timeout; nil: they depend on the member
	request []byte    // its message
}

// NewGRPC returns the check that calls Check of grpc.health.v1.Health. What is said of files at NewTLS holds here.
func NewGRPC(port uint16, opts GRPCOptions) (Check, error) {
	c := &grpcCheck{port: port, opts: opts, request: grpcRequest(opts.Service)}
	c.name = c.opts.name()
	c.key = c.name
	if opts.Authority != "" {
		c.key += " authority " + opts.Authority
		c.fields = grpcFields(opts.scheme(), opts.Authority)
	}
	if !opts.TLS {
		return c, nil
	}
	var err error
	if c.files, err = newTLSFiles(opts.Handshake); err != nil {
		return nil, err
	}
	c.key += c.files.keyed()
	return c, nil
}

func (o GRPCOptions) name() string {
	words := []string{"grpc"}
	if o.Service != "" {
		words = append(words, "service", word(o.Service))
	}
	if o.TLS {
		words = append(append(words, "tls"), o.Handshake.words()...)
	}
	return strings.Join(words, " ")
}

func (o GRPCOptions) scheme() string {
	if o.TLS {
		return "https"
	}
	return "http"
}

func (*grpcCheck) Kind() string   { return "grpc" }
func (c *grpcCheck) Port() uint16 { return c.port }
func (c *grpcCheck) Name() string { return c.name }
func (c *grpcCheck) Key() string  { return c.key }

// ReloadError implements Reloader.
func (c *grpcCheck) ReloadError() error {
	if c.files == nil {
		return nil
	}
	return c.files.reloadError()
}

// Expiry implements Expirer.
func (c *grpcCheck) Expiry() time.Duration {
	if !c.opts.TLS {
		return 0
	}
	return c.opts.Handshake.Expiry
}

func (c *grpcCheck) Probe(ctx context.Context, r Route) Result {
	a := begin(ctx, r)
	conn, err := a.connect()
	if err != nil {
		return a.connectFailed(err)
	}
	defer conn.Close()
	defer bind(ctx, conn)()
	if c.files == nil {
		return c.ask(a, conn)
	}

	session, err := a.handshake(conn, c.files, c.opts.Handshake.ServerName, []string{http2.NextProtoTLS})
	switch {
	case err != nil:
		return session.certificate.judge(a.handshakeFailed(err))
	case session.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS: // HTTP/2 over TLS is chosen by ALPN (RFC 9113 section 3.2)
		return session.certificate.judge(fail("no HTTP/2: the member does not choose h2 in the handshake (ALPN)"))
	default:
		return session.certificate.judge(c.ask(a, session))
	}
}

// ask makes the call over a connection that stands.
func (c *grpcCheck) ask(a attempt, conn io.ReadWriter) Result {
	call := newGRPCCall(conn, a.trace)
	c.write(a, call)
	if err := call.send(conn); err != nil {
		return a.lost("request", err)
	}
	if a.trace != nil {
		a.trace.step("request", "Check of %q", c.opts.Service)
	}
	answer, err := call.answer(conn)
	if err != nil {
		return call.failed(a, err)
	}
	return answer.result(c.opts.Service)
}

// write puts everything that a client says into the call's buffer.
func (c *grpcCheck) write(a attempt, call *grpcCall) {
	fields := c.fields
	if fields == nil {
		fields = grpcFields(c.opts.scheme(), addressAuthority(a.route.To))
	}
	call.out.Write(grpcOpening)
	must(call.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: grpcStream, EndHeaders: true, BlockFragment: withGRPCTimeout(a.ctx, fields),
	}))
	must(call.framer.WriteData(grpcStream, true, c.request))
}
