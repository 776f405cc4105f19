package probe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// How much of an answer is read, in bytes.
const (
	maxHead = 64 << 10 // of the status line and the header, with the interim answers before them

	// maxRaw is what may come over the wire for the body, of which bodyWithin counts. In chunks of a byte, the smallest, each takes six.
	maxRaw = 8 * bodyWithin
)

// maxInterim is how many interim answers (1xx) may come before the one that counts; as many as net/http bears.
const maxInterim = 5

var errTooLong = errors.New("too long")

// exchange is one request and its answer. It reads no more than it may of what a member sends.
type exchange struct {
	conn io.Reader
	left int   // bytes that may still be read
	err  error // why there are no more: errTooLong, or what the connection says
	in   *bufio.Reader
	out  []byte // the request, if it was made for this exchange
	body window
}

// exchanges holds those that can be used again. Each has a buffer of 4 KiB.
var exchanges = sync.Pool{New: func() any {
	x := new(exchange)
	x.in = bufio.NewReader(x)
	return x
}}

func newExchange(conn io.Reader) *exchange {
	x := exchanges.Get().(*exchange)
	*x = exchange{conn: conn, left: maxHead, in: x.in, out: x.out, body: window{seen: x.body.seen[:0]}}
	x.in.Reset(x)
	return x
}

// end gives the exchange, and all that was read in it, back.
func (x *exchange) end() {
	const kept = 16 << 10 // bytes of a body; most have less
	x.conn, x.body.from = nil, nil
	if cap(x.body.seen) > kept {
		x.body.seen = nil
	}
	exchanges.Put(x)
}

// Read implements io.Reader for in.
func (x *exchange) Read(p []byte) (int, error) {
	if x.left == 0 {
		x.err = errTooLong
		return 0, x.err
	}
	n, err := x.conn.Read(p[:min(len(p), x.left)])
	x.left -= n
	x.err = err
	return n, err
}

// closed says whether the member has ended the connection in good order, or without telling TLS.
func (x *exchange) closed() bool { return x.err == io.EOF || x.err == io.ErrUnexpectedEOF }

// broken returns why the connection gives no more, if the member has not ended it; else nil.
func (x *exchange) broken() error {
	if x.closed() || x.err == errTooLong {
		return nil
	}
	return x.err
}

// notHTTP is the error of an answer of another kind: its first bytes.
type notHTTP []byte

func (b notHTTP) Error() string {
	if len(b) > 1 && (b[0] == 0x15 || b[0] == 0x16) && b[1] == 3 { // an alert or a handshake of TLS (RFC 8446 section 5.1)
		return fmt.Sprintf("not HTTP but TLS: first bytes %q (is it a member for check https?)", []byte(b))
	}
	return fmt.Sprintf("not HTTP: first bytes %q", []byte(b))
}

// greeted looks whether an answer begins as one does. Whoever speaks something else may not end the line that http.ReadResponse would wait
// for.
func (x *exchange) greeted() error {
	const begins, shown = "HTTP/", 24
	for n := range len(begins) {
		got, err := x.in.Peek(n + 1)
		switch {
		case len(got) > n && got[n] == begins[n]:
		case len(got) > n:
			got, _ = x.in.Peek(min(x.in.Buffered(), shown))
			return notHTTP(append([]byte(nil), got...))
		case n == 0 && err == io.ErrUnexpectedEOF:
			return io.EOF
		case n > 0 && err == io.EOF:
			return io.ErrUnexpectedEOF
		default:
			return err
		}
	}
	return nil
}

var headRequest = &http.Request{Method: http.MethodHead}

// head reads up to the body of the answer to a request of this method.
func (x *exchange) head(method string) (*http.Response, error) {
	var request *http.Request // of another method: nil says so
	if method == http.MethodHead {
		request = headRequest
	}
	for range maxInterim + 1 {
		if err := x.greeted(); err != nil {
			return nil, err
		}
		resp, err := http.ReadResponse(x.in, request)
		if err != nil {
			return nil, err
		}
		// 101 is final (RFC 9110 section 15.2.2), although nobody asked for another protocol.
		if code := resp.StatusCode; code < 100 || code > 199 || code == http.StatusSwitchingProtocols {
			x.left, x.body.from = maxRaw, resp.Body
			return resp, nil
		}
	}
	return nil, fmt.Errorf("more than %d interim answers (1xx)", maxInterim)
}

// headLost is the result of a probe that got no answer, or one that cannot be read.
func (v *httpVisit) headLost(x *exchange, err error) Result {
	_, other := errors.AsType[notHTTP](err)
	switch {
	case other:
		return fail(err.Error())
	case x.broken() != nil:
		return v.lost("header", x.broken())
	case x.err == errTooLong:
		return fail("header longer than 64 KiB")
	case x.closed() && err == io.EOF:
		return fail("connection closed without an answer")
	case x.closed(): // http.ReadResponse may take what has come for all
		return fail("connection closed within the header")
	default:
		return fail("answer not understood: " + err.Error())
	}
}
