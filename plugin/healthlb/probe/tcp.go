package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// TCPOptions say what is exchanged once the connection stands. Without any, connecting is the whole check.
type TCPOptions struct {
	Send   []byte // written first
	Expect []byte // must be contained in the first 64 KiB that come back; 1..65536 bytes, empty: nothing is read
}

type tcpCheck struct {
	port uint16
	opts TCPOptions
	name string
}

// NewTCP returns the check that connects and, if options say so, speaks.
func NewTCP(port uint16, opts TCPOptions) Check {
	opts.Send, opts.Expect = bytes.Clone(opts.Send), bytes.Clone(opts.Expect)
	name := "tcp"
	if len(opts.Send) > 0 {
		name += " send " + quote(opts.Send)
	}
	if len(opts.Expect) > 0 {
		name += " expect " + quote(opts.Expect)
	}
	return &tcpCheck{port: port, opts: opts, name: name}
}

func (*tcpCheck) Kind() string   { return "tcp" }
func (c *tcpCheck) Port() uint16 { return c.port }
func (c *tcpCheck) Name() string { return c.name }
func (c *tcpCheck) Key() string  { return c.name }

// onlyConnects says whether connecting is the whole check.
func (c *tcpCheck) onlyConnects() bool { return len(c.opts.Send) == 0 && len(c.opts.Expect) == 0 }

func (c *tcpCheck) Probe(ctx context.Context, r Route) Result {
	a := begin(ctx, r)
	conn, err := a.connect()
	if err != nil {
		return a.connectFailed(err)
	}
	defer conn.Close()
	if c.onlyConnects() {
		return Result{}
	}

	defer bind(ctx, conn)()
	if len(c.opts.Send) > 0 {
		if _, err := conn.Write(c.opts.Send); err != nil {
			return a.failed("send", err)
		}
		a.trace.step("send", "%d bytes", len(c.opts.Send))
	}
	if len(c.opts.Expect) > 0 {
		return c.expect(a, conn)
	}
	return Result{}
}

// expectWithin is where expect stops to look, in bytes: the bound that DESIGN.md section 4 gives.
const expectWithin = 64 << 10

func (c *tcpCheck) expect(a attempt, conn net.Conn) Result {
	read, err := seek(conn, c.opts.Expect, expectWithin)
	switch {
	case err == nil:
		a.trace.step("expect", "%s within the first %d bytes", excerpt(c.opts.Expect), read)
		return Result{}
	case errors.Is(err, errNotFound):
		return fail(fmt.Sprintf("%s not found in the first 64 KiB", excerpt(c.opts.Expect)))
	case errors.Is(err, io.EOF):
		return fail(fmt.Sprintf("connection closed after %d bytes without %s", read, excerpt(c.opts.Expect)))
	default:
		return a.failed(fmt.Sprintf("%d bytes without %s", read, excerpt(c.opts.Expect)), err)
	}
}

// excerpt quotes the beginning of what was expected, for reasons.
func excerpt(b []byte) string {
	const most = 40
	if len(b) > most {
		return fmt.Sprintf("%q...", b[:most])
	}
	return fmt.Sprintf("%q", b)
}

// quote writes bytes as a word of the Corefile that reads back as the same bytes.
func quote(b []byte) string {
	var w strings.Builder
	w.WriteByte('"')
	for _, c := range b {
		switch {
		case c == '\r':
			w.WriteString(`\r`)
		case c == '\n':
			w.WriteString(`\n`)
		case c == '\t':
			w.WriteString(`\t`)
		case c < ' ' || c > '~' || c == '"' || c == '\\', len(b) == 1 && (c == '{' || c == '}'): // a brace alone begins or ends a block
			fmt.Fprintf(&w, `\x%02x`, c)
		default:
			w.WriteByte(c)
		}
	}
	w.WriteByte('"')
	return w.String()
}
