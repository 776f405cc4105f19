package probe

import (
	"bytes"
	"context"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// grpcStream is the stream of the one request, the first that a client may open (RFC 9113 section 5.1.1).
const grpcStream = 1

// maxGRPCHeaders is the largest list of header fields read, in bytes as RFC 9113 section 6.5.2 counts them. What a health service sends
// counts some 200, and the rest is room for the words of an error.
const maxGRPCHeaders = 16 << 10

// grpcOpening is what a client says first: the connection preface, with settings (RFC 9113 section 3.4). The request follows it at once.
var grpcOpening = func() []byte {
	var b bytes.Buffer
	b.WriteString(http2.ClientPreface)
	must(http2.NewFramer(&b, nil).WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxGRPCHeaders},
	))
	return b.Bytes()
}()

// grpcFields are the request's header fields in HPACK, without the timeout.
func grpcFields(scheme, authority string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, f := range [...]hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: scheme},
		{Name: ":path", Value: "/grpc.health.v1.Health/Check"},
		{Name: ":authority", Value: authority},
		{Name: "te", Value: "trailers"},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "user-agent", Value: "healthlb"},
	} {
		must(e.WriteField(f))
	}
	return b.Bytes()
}

// withGRPCTimeout returns fields with one more that tells the member until when the answer is wanted: a literal without indexing
// (RFC 7541 section 6.2.2). There is none when ctx has no deadline.
func withGRPCTimeout(ctx context.Context, fields []byte) []byte {
	deadline, ok := ctx.Deadline()
	if !ok {
		return fields
	}
	const name, most = "grpc-timeout", 99_999_999 // eight digits are allowed
	left := min(max(time.Until(deadline).Milliseconds(), 1), most)
	var value [9]byte
	text := append(strconv.AppendInt(value[:0], left, 10), 'm')

	more := make([]byte, 0, len(fields)+3+len(name)+len(text))
	more = append(more, fields...)
	more = append(more, 0, byte(len(name)))
	more = append(more, name...)
	more = append(more, byte(len(text)))
	return append(more, text...)
}

// addressAuthority is the authority of a request that has no better name.
func addressAuthority(to netip.AddrPort) string {
	return netip.AddrPortFrom(to.Addr().WithZone(""), to.Port()).String()
}

// must is for writing into memory what is known to be right.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
