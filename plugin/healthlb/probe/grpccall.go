package probe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What a member may send for one answer. A health service needs some ten frames and some 200 bytes.
const (
	// maxGRPCBytes counts frame headers too, so that it is reached before the windows of flow control (65,535 bytes of data each, RFC 9113
	// section 6.9.2) are used up, and these need not be opened.
	maxGRPCBytes = 64 << 10

	maxGRPCFrames = 256
)

// grpcFault is what is wrong with an answer, for people.
type grpcFault string

func (f grpcFault) Error() string { return string(f) }

// grpcCall is one request under way over HTTP/2.
//
// A client of grpc-go would keep goroutines and timers, connect again by itself, and hide what went wrong below it. What a probe needs
// of HTTP/2 is one stream.
type grpcCall struct {
	in     *bufio.Reader
	framer *http2.Framer // reads from in, writes into out
	out    bytes.Buffer  // what is to be sent
	trace  *Trace

	waits   string // for what: settings, headers, message, trailers
	bye     string // the member's GOAWAY in words
	headed  bool   // the response has begun
	message []byte // what came of its message
}

// newGRPCCall returns a call that reads from r.
func newGRPCCall(r io.Reader, trace *Trace) *grpcCall {
	c := &grpcCall{in: bufio.NewReaderSize(&grpcBounded{r, maxGRPCBytes}, 1<<10), trace: trace, waits: "settings"}
	c.framer = http2.NewFramer(&c.out, c.in)
	c.framer.SetMaxReadFrameSize(16 << 10) // what a member may send unless it was told otherwise (RFC 9113 section 4.2)
	c.framer.MaxHeaderListSize = maxGRPCHeaders
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4<<10, nil) // the size from which both sides start (RFC 9113 section 6.5.2)
	return c
}

// answer reads until the response has ended. What the member wants to hear meanwhile is written to w; if that fails, the next read will
// tell why.
func (c *grpcCall) answer(w io.Writer) (grpcAnswer, error) {
	if err := c.greeted(); err != nil {
		return grpcAnswer{}, err
	}
	for range maxGRPCFrames {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return grpcAnswer{}, err
		}
		answer, ended, err := c.take(frame)
		if ended || err != nil {
			return answer, err
		}
		c.send(w)
	}
	return grpcAnswer{}, grpcFault(fmt.Sprintf("no answer in the first %d frames", maxGRPCFrames))
}

// send writes what is to be sent, if anything.
func (c *grpcCall) send(w io.Writer) error {
	if c.out.Len() == 0 {
		return nil
	}
	_, err := w.Write(c.out.Bytes())
	c.out.Reset()
	return err
}

// greeted looks whether the member's first frame can be one: SETTINGS (RFC 9113 section 3.4), or GOAWAY from those in a hurry. Its first
// byte tells most of what is no HTTP/2, since frames are shorter than 64 KiB.
func (c *grpcCall) greeted() error {
	const frameHeader, shown = 9, 10
	first, err := c.in.Peek(1)
	if err != nil {
		return err
	}
	if first[0] == 0 {
		if first, err = c.in.Peek(frameHeader); err != nil {
			return err
		}
		if kind := http2.FrameType(first[3]); kind == http2.FrameSettings || kind == http2.FrameGoAway {
			return nil
		}
	}
	first, _ = c.in.Peek(min(shown, c.in.Buffered()))
	return grpcFault(fmt.Sprintf("not HTTP/2: first bytes %q", first))
}

// take looks at one frame, and returns the answer if the response ended with it.
func (c *grpcCall) take(frame http2.Frame) (answer grpcAnswer, ended bool, err error) {
	if c.waits == "settings" {
		c.waits = "headers"
	}
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			must(c.framer.WriteSettingsAck())
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			must(c.framer.WritePing(true, f.Data))
		}
	case *http2.GoAwayFrame:
		c.bye = goAway(f)
		if f.LastStreamID < grpcStream { // the member will not look at the request
			return answer, false, grpcFault(c.bye)
		}
	case *http2.RSTStreamFrame:
		if f.StreamID == grpcStream {
			return answer, false, grpcFault("request reset: " + f.ErrCode.String())
		}
	case *http2.PushPromiseFrame:
		return answer, false, grpcFault("HTTP/2: the member pushes, which it was told not to")
	case *http2.MetaHeadersFrame:
		if f.StreamID != grpcStream {
			return answer, false, grpcFault(fmt.Sprintf("HTTP/2: headers on stream %d, which nobody opened", f.StreamID))
		}
		return c.fields(f)
	case *http2.DataFrame:
		if f.StreamID != grpcStream {
			return answer, false, grpcFault(fmt.Sprintf("HTTP/2: data on stream %d, which nobody opened", f.StreamID))
		}
		return answer, false, c.data(f)
	}
	return answer, false, nil
}

func goAway(f *http2.GoAwayFrame) string {
	const most = 80 // bytes of what the member adds
	words := "GOAWAY " + f.ErrCode.String()
	if why := f.DebugData(); len(why) > 0 {
		words += fmt.Sprintf(": %q", why[:min(len(why), most)])
	}
	return words
}

// fields takes the response's header fields, then its trailers; they may be one.
func (c *grpcCall) fields(f *http2.MetaHeadersFrame) (answer grpcAnswer, ended bool, err error) {
	if f.Truncated {
		return answer, false, grpcFault(fmt.Sprintf("more than %d KiB of header fields", maxGRPCHeaders>>10))
	}
	if !c.headed {
		status := f.PseudoValue("status")
		if len(status) == 3 && status[0] == '1' && !f.StreamEnded() { // informational; another follows
			return answer, false, nil
		}
		if err := c.head(status, fieldOf(f, "content-type")); err != nil {
			return answer, false, err
		}
		c.headed, c.waits = true, "message"
		if !f.StreamEnded() {
			return answer, false, nil
		}
	}
	if !f.StreamEnded() {
		return answer, false, grpcFault("HTTP/2: header fields in the middle of the response")
	}
	answer, err = c.trailers(fieldOf(f, "grpc-status"), fieldOf(f, "grpc-message"))
	return answer, err == nil, err
}

// head looks at what the response begins with.
func (c *grpcCall) head(status, contentType string) error {
	if c.trace != nil {
		c.trace.step("header", "status %s, content-type %s", status, contentType)
	}
	if status != "200" {
		n, err := strconv.Atoi(status)
		if err != nil {
			return grpcFault(fmt.Sprintf("HTTP status %q", status))
		}
		return grpcFault(strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", n, http.StatusText(n))))
	}
	switch rest, ok := strings.CutPrefix(strings.ToLower(contentType), "application/grpc"); {
	case contentType == "":
		return grpcFault("not gRPC: no content-type")
	case !ok || rest != "" && !strings.HasPrefix(rest, "+") && !strings.HasPrefix(rest, ";"):
		return grpcFault(fmt.Sprintf("not gRPC: content-type %q", contentType))
	}
	return nil
}

func (c *grpcCall) data(f *http2.DataFrame) error {
	if !c.headed {
		return grpcFault("HTTP/2: data before the header fields")
	}
	c.message = append(c.message, f.Data()...)
	whole, err := grpcWhole(c.message)
	if err == nil && f.StreamEnded() {
		err = grpcFault("no grpc-status: the response ends without trailers")
	}
	if whole {
		c.waits = "trailers"
	}
	return err
}

// trailers makes the answer of what the response ends with.
func (c *grpcCall) trailers(status, message string) (grpcAnswer, error) {
	if status == "" {
		return grpcAnswer{}, grpcFault("no grpc-status")
	}
	code, err := strconv.ParseUint(status, 10, 32)
	if err != nil {
		return grpcAnswer{}, grpcFault(fmt.Sprintf("grpc-status %q is no number", status))
	}
	answer := grpcAnswer{code: grpcCode(code), message: message}
	if answer.code == grpcOK {
		answer.serving, err = grpcServing(c.message)
	}
	if c.trace != nil && err == nil {
		c.trace.step("status", "%s", answer)
	}
	return answer, err
}

// fieldOf returns the value of a header field; empty when there is none.
func fieldOf(f *http2.MetaHeadersFrame, name string) string {
	for _, field := range f.RegularFields() {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

// failed is the result of a call that ended with err.
func (c *grpcCall) failed(a attempt, err error) Result {
	var (
		fault      grpcFault
		connection http2.ConnectionError
		stream     http2.StreamError
	)
	switch {
	case errors.As(err, &fault):
		return fail(string(fault))
	case errors.As(err, &connection):
		return fail("HTTP/2: " + http2.ErrCode(connection).String() + c.detail())
	case errors.As(err, &stream):
		return fail("HTTP/2: " + stream.Code.String() + c.detail())
	case errors.Is(err, http2.ErrFrameTooLarge):
		return fail("HTTP/2: " + http2.ErrCodeFrameSize.String())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if c.bye != "" {
			return fail("connection closed after " + c.bye)
		}
		return fail("connection closed (" + c.waits + ")")
	default:
		return a.lost(c.waits, err)
	}
}

// detail is what the framer knows of its last error.
func (c *grpcCall) detail() string {
	if err := c.framer.ErrorDetail(); err != nil {
		return ": " + err.Error()
	}
	return ""
}

// grpcBounded reads no more than what is left, in bytes.
type grpcBounded struct {
	r    io.Reader
	left int
}

func (b *grpcBounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, grpcFault(fmt.Sprintf("no answer in the first %d KiB", maxGRPCBytes>>10))
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
