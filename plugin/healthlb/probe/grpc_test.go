package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"example.org/healthlb/plugin/healthlb/health"
)

// grpcServer serves gRPC on addr (IP:0) with the services that register adds.
func grpcServer(t testing.TB, addr string, register func(*grpc.Server), opts ...grpc.ServerOption) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("cannot listen on %s: %v", addr, err)
	}
	s := grpc.NewServer(opts...)
	register(s)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Stop()
		<-ended
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// healthService returns grpc-go's own, in which b.example.v1.B does not serve.
func healthService() (*grpchealth.Server, func(*grpc.Server)) {
	h := grpchealth.NewServer()
	h.SetServingStatus("a.example.v1.A", healthpb.HealthCheckResponse_SERVING)
	h.SetServingStatus("b.example.v1.B", healthpb.HealthCheckResponse_NOT_SERVING)
	h.SetServingStatus("c.example.v1.C", healthpb.HealthCheckResponse_UNKNOWN)
	h.SetServingStatus("d.example.v1.D", healthpb.HealthCheckResponse_SERVICE_UNKNOWN)
	h.SetServingStatus("e.example.v1.E", 77)
	return h, func(s *grpc.Server) { healthpb.RegisterHealthServer(s, h) }
}

func mustGRPC(t testing.TB, opts GRPCOptions) Check {
	t.Helper()
	c, err := NewGRPC(443, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func askAbout(service string) GRPCOptions { return GRPCOptions{Service: service, Authority: right} }

func TestGRPC(t *testing.T) {
	for _, ip := range []string{"127.1.2.3:0", "[::1]:0"} {
		h, register := healthService()
		dst := grpcServer(t, ip, register)
		for _, tt := range []struct {
			name    string
			service string
			outcome health.Outcome
			reason  string
		}{
			{"the server as a whole", "", health.Pass, ""},
			{"a service that serves", "a.example.v1.A", health.Pass, ""},
			{"a service that does not", "b.example.v1.B", health.LameDuck, "NOT_SERVING"},
			{"a service in doubt", "c.example.v1.C", health.Fail, "UNKNOWN"},
			{"a service known to be unknown", "d.example.v1.D", health.Fail, "SERVICE_UNKNOWN"},
			{"a status of the future", "e.example.v1.E", health.Fail, "unknown serving status 77"},
			{"an unknown service", "z.example.v1.Z", health.Fail, `service "z.example.v1.Z" is unknown`},
			{"a long name", strings.Repeat("z", 200), health.Fail, `service "z{200}" is unknown`},
		} {
			t.Run(tt.name+" on "+ip, func(t *testing.T) {
				wantResult(t, mustGRPC(t, askAbout(tt.service)), dst, enough, tt.outcome, tt.reason)
			})
		}
		t.Run("statuses change on "+ip, func(t *testing.T) {
			c := mustGRPC(t, askAbout(""))
			h.Shutdown()
			wantResult(t, c, dst, enough, health.LameDuck, "NOT_SERVING")
			h.Resume()
			wantResult(t, c, dst, enough, health.Pass, "")
			h.SetServingStatus("", healthpb.HealthCheckResponse_UNKNOWN)
			wantResult(t, c, dst, enough, health.Fail, "UNKNOWN")
		})
	}
	t.Run("no health service", func(t *testing.T) {
		dst := grpcServer(t, "127.0.0.1:0", func(*grpc.Server) {})
		wantResult(t, mustGRPC(t, askAbout("")), dst, enough,
			health.Fail, `no health service \(grpc.health.v1\): "unknown service grpc.health.v1.Health"`)
	})
	t.Run("refused", func(t *testing.T) {
		wantResult(t, mustGRPC(t, askAbout("")), unused(t, "127.0.0.1:0"), enough, health.Fail, "connection refused")
	})
	t.Run("backlog full", func(t *testing.T) {
		wantResult(t, mustGRPC(t, askAbout("")), full(t), brief, health.Fail, `timeout after \d+ms \(connect\)`)
	})
	t.Run("stopped gracefully", func(t *testing.T) {
		_, register := healthService()
		var server *grpc.Server
		dst := grpcServer(t, "127.0.0.1:0", func(s *grpc.Server) { server = s; register(s) })
		wantResult(t, mustGRPC(t, askAbout("")), dst, enough, health.Pass, "")
		server.GracefulStop()
		wantResult(t, mustGRPC(t, askAbout("")), dst, enough, health.Fail, "connection refused")
	})
}

// answering is a health service that answers as a test wants.
type answering struct {
	healthpb.UnimplementedHealthServer
	check func(context.Context) (*healthpb.HealthCheckResponse, error)
}

func (a answering) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return a.check(ctx)
}

// Each code has its name in the reason, and the server's message in quotes.
func TestGRPCCodes(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated+1; code++ {
		name := grpcCode(code).String()
		t.Run(name, func(t *testing.T) {
			want := name + `: "why, 100% \\"späť\\"\\n"`
			switch code {
			case codes.NotFound:
				want = `service "" is unknown`
			case codes.Unimplemented:
				want = `no health service \(grpc.health.v1\): "why, 100% \\"späť\\"\\n"`
			case codes.Unauthenticated + 1:
				want = `grpc-status 17: .*`
			default:
				if upper := strings.ToUpper(code.String()); code != codes.Canceled && strings.ReplaceAll(name, "_", "") != upper {
					t.Errorf("%s is %s", name, code)
				}
			}
			dst := grpcServer(t, "127.0.0.1:0", func(s *grpc.Server) {
				healthpb.RegisterHealthServer(s, answering{check: func(context.Context) (*healthpb.HealthCheckResponse, error) {
					return nil, status.Error(code, "why, 100% \"späť\"\n")
				}})
			})
			wantResult(t, mustGRPC(t, askAbout("")), dst, enough, health.Fail, want)
		})
	}
}

// What a server is told besides the service: whom the request is for, who asks, and until when.
func TestGRPCRequest(t *testing.T) {
	seen := make(chan metadata.MD, 1)
	left := make(chan time.Duration, 1)
	dst := grpcServer(t, "127.0.0.1:0", func(s *grpc.Server) {
		healthpb.RegisterHealthServer(s, answering{check: func(ctx context.Context) (*healthpb.HealthCheckResponse, error) {
			md, _ := metadata.FromIncomingContext(ctx)
			deadline, _ := ctx.Deadline()
			seen <- md
			left <- time.Until(deadline)
			return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
		}})
	})
	for opts, want := range map[GRPCOptions]string{
		{Authority: right}:               right,
		{Service: "x", Authority: wrong}: wrong,
		{}:                               dst.String(),
	} {
		wantResult(t, mustGRPC(t, opts), dst, enough, health.Pass, "")
		md := <-seen
		if got := strings.Join(md[":authority"], " "); got != want {
			t.Errorf("authority %s, want %s", got, want)
		}
		if got := strings.Join(md["user-agent"], " "); got != "healthlb" {
			t.Errorf("user-agent %s", got)
		}
		if d := <-left; d <= 0 || d > enough {
			t.Errorf("%v are left, of %v", d, enough)
		}
	}
	if got, want := addressAuthority(netip.MustParseAddrPort("[fe80::1%eth0]:443")), "[fe80::1]:443"; got != want {
		t.Errorf("authority %s, want %s", got, want)
	}
}

func TestGRPCTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]string{
		-time.Second:     "1m",
		time.Microsecond: "1m",
		time.Hour:        "3600000m",
		999 * time.Hour:  "99999999m",
	} {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(timeout+time.Millisecond/2))
		fields, err := hpack.NewDecoder(4096, nil).DecodeFull(withGRPCTimeout(ctx, nil))
		cancel()
		if err != nil || len(fields) != 1 || fields[0].Name != "grpc-timeout" || fields[0].Value != want {
			t.Errorf("%v: got %v, %v, want %s", timeout, fields, err, want)
		}
	}
	if got := withGRPCTimeout(t.Context(), nil); got != nil {
		t.Errorf("no deadline: got %q", got)
	}
}

func TestGRPCOverTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	later := time.Now().Add(30 * time.Minute)
	past := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	good := ca.issue(later, right)
	_, register := healthService()
	certFile, keyFile := save(t, ca.issue(later, "prober"))
	verified := TLSOptions{ServerName: right, CAFile: ca.file}
	shown := verified
	shown.CertFile, shown.KeyFile = certFile, keyFile
	over := func(o TLSOptions) GRPCOptions { return GRPCOptions{Authority: right, TLS: true, Handshake: o} }
	with := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	asking := &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()}

	for _, tt := range []struct {
		name    string
		config  *tls.Config
		opts    TLSOptions
		outcome health.Outcome
		reason  string
	}{
		{"good", with(good), verified, health.Pass, ""},
		{"wrong name", with(ca.issue(later, wrong)), verified, health.Fail, "certificate is for b.example.org, not a.example.org"},
		{"unknown authority", with(other.issue(later, right)), verified, health.Fail, "certificate signed by an unknown authority"},
		{"expired", with(ca.issue(past, right)), verified, health.Fail, "certificate expired 2026-01-02"},
		{"insecure", with(other.issue(past, wrong)), TLSOptions{Insecure: true}, health.Pass, ""},
		{"a client certificate", asking, shown, health.Pass, ""},
		{"no client certificate", asking, verified, health.Fail, "TLS handshake: the member says certificate required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dst := grpcServer(t, "127.0.0.1:0", register, grpc.Creds(credentials.NewTLS(tt.config)))
			wantResult(t, mustGRPC(t, over(tt.opts)), dst, enough, tt.outcome, tt.reason)
		})
	}

	t.Run("lame", func(t *testing.T) {
		dst := grpcServer(t, "127.0.0.1:0", register, grpc.Creds(credentials.NewTLS(with(good))))
		o := over(verified)
		o.Service = "b.example.v1.B"
		wantResult(t, mustGRPC(t, o), dst, enough, health.LameDuck, "NOT_SERVING")
	})
	t.Run("when the certificate runs out", func(t *testing.T) {
		for _, end := range []time.Time{later.Truncate(time.Second), time.Now().Add(-10 * time.Minute).Truncate(time.Second)} {
			dst := grpcServer(t, "127.0.0.1:0", register, grpc.Creds(credentials.NewTLS(with(ca.issue(end, right)))))
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			got := mustGRPC(t, over(verified)).Probe(ctx, Route{To: dst})
			if ended := end.Before(time.Now()); !got.NotAfter.Equal(end) || got.Excused != ended || (got.Outcome == health.Fail) != ended {
				t.Errorf("certificate until %v: got %+v", end, got)
			}
		}
	})
	t.Run("plain text", func(t *testing.T) {
		wantResult(t, mustGRPC(t, over(verified)), grpcServer(t, "127.0.0.1:0", register), enough, health.Fail, "not TLS: first bytes .*")
	})
	t.Run("TLS, but asked in plain text", func(t *testing.T) {
		dst := grpcServer(t, "127.0.0.1:0", register, grpc.Creds(credentials.NewTLS(with(good))))
		wantResult(t, mustGRPC(t, askAbout("")), dst, enough,
			health.Fail, `not HTTP/2: first bytes "\\x15.*|(reset by peer|connection closed) \(settings\)`)
	})
	t.Run("no ALPN", func(t *testing.T) {
		wantResult(t, mustGRPC(t, over(verified)), member(t, "127.0.0.1:0", speaksTLS(with(good))), enough,
			health.Fail, `no HTTP/2: the member does not choose h2 in the handshake \(ALPN\)`)
	})
	t.Run("another ALPN", func(t *testing.T) {
		config := with(good)
		config.NextProtos = []string{"http/1.1"}
		wantResult(t, mustGRPC(t, over(verified)), member(t, "127.0.0.1:0", speaksTLS(config)), enough,
			health.Fail, "TLS handshake: the member says no application protocol")
	})
	t.Run("hang in the handshake", func(t *testing.T) {
		wantResult(t, mustGRPC(t, over(verified)), member(t, "127.0.0.1:0", silent), brief, health.Fail, `timeout after \d+ms \(handshake\)`)
	})
	t.Run("hang after the handshake", func(t *testing.T) {
		config := with(good)
		config.NextProtos = []string{"h2"}
		wantResult(t, mustGRPC(t, over(verified)), member(t, "127.0.0.1:0", speaksTLS(config)), 10*brief,
			health.Fail, `timeout after \d+m?s \(settings\)`)
	})
}

// answersHTTP2 reads one request, and then has answer write what it likes.
func answersHTTP2(answer func(*http2.Framer)) func(net.Conn) {
	return func(conn net.Conn) {
		if f := readRequest(conn); f != nil {
			answer(f)
			silent(conn)
		}
	}
}

// readRequest reads all of a request, and returns a framer for the answer; nil when none came.
func readRequest(conn net.Conn) *http2.Framer {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil || string(preface) != http2.ClientPreface {
		return nil
	}
	f := http2.NewFramer(conn, conn)
	f.AllowIllegalWrites = true
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return nil
		}
		if data, ok := frame.(*http2.DataFrame); ok && data.StreamEnded() {
			return f
		}
	}
}

// hpacked returns pairs of names and values in HPACK.
func hpacked(pairs ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.Bytes()
}

// framePart is a piece of what a server writes.
type framePart func(*http2.Framer)

func sendSettings(f *http2.Framer) { f.WriteSettings() }

// sendHead begins a response, and sendEnd ends it; both are header fields.
func sendHead(pairs ...string) framePart { return sendFields(false, pairs...) }
func sendEnd(pairs ...string) framePart  { return sendFields(true, pairs...) }

func sendFields(end bool, pairs ...string) framePart {
	return func(f *http2.Framer) {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: hpacked(pairs...), EndHeaders: true, EndStream: end})
	}
}

func sendData(s string) framePart { return func(f *http2.Framer) { f.WriteData(1, false, []byte(s)) } }

// repeated writes the same again and again.
func repeated(p framePart) framePart {
	return func(f *http2.Framer) {
		for range 100_000 {
			p(f)
		}
	}
}

func TestGRPCBadServers(t *testing.T) {
	type frames = []framePart
	ok := sendHead(":status", "200", "content-type", "application/grpc")
	const yes, no = "\x00\x00\x00\x00\x02\x08\x01", "\x00\x00\x00\x00\x02\x08\x02"
	fine := sendEnd("grpc-status", "0")
	only := func(pairs ...string) frames { // trailers only
		return frames{sendSettings, sendEnd(append([]string{":status", "200", "content-type", "application/grpc"}, pairs...)...)}
	}
	goAway := func(last uint32, code http2.ErrCode, why string) framePart {
		return func(f *http2.Framer) { f.WriteGoAway(last, code, []byte(why)) }
	}
	bytesOf := func(s string) framePart { return func(f *http2.Framer) { f.WriteRawFrame(0xbe, 0, 0, []byte(s)) } }
	const timeout = `timeout after \d+m?s `
	for _, tt := range []struct {
		name    string
		parts   frames
		timeout time.Duration
		outcome health.Outcome
		reason  string
	}{
		{"right", frames{sendSettings, ok, sendData(yes), fine}, enough, health.Pass, ""},
		{"lame", frames{sendSettings, ok, sendData(no), fine}, enough, health.LameDuck, "NOT_SERVING"},
		{"in pieces", frames{sendSettings, ok, sendData(yes[:1]), sendData(""), sendData(yes[1:6]), sendData(yes[6:]), fine}, enough,
			health.Pass, ""},
		{"padded", frames{sendSettings, ok, func(f *http2.Framer) { f.WriteDataPadded(1, false, []byte(yes), make([]byte, 99)) }, fine}, enough,
			health.Pass, ""},
		{"a continuation", frames{sendSettings, func(f *http2.Framer) {
			fields := hpacked(":status", "200", "content-type", "application/grpc+proto")
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields[:3]})
			f.WriteContinuation(1, true, fields[3:])
		}, sendData(yes), fine}, enough, health.Pass, ""},
		{"all kinds of frames before it", frames{sendSettings, sendSettings, func(f *http2.Framer) {
			f.WriteSettingsAck()
			f.WritePing(false, [8]byte{1})
			f.WritePing(true, [8]byte{2})
			f.WriteWindowUpdate(0, 1000)
			f.WriteWindowUpdate(1, 1000)
			f.WritePriority(1, http2.PriorityParam{Weight: 7})
			f.WriteRSTStream(3, http2.ErrCodeCancel)
		}, bytesOf("a frame of the future"), sendHead(":status", "103", "link", "x"), ok, sendData(yes), fine}, enough, health.Pass, ""},
		{"GOAWAY that lets the request through", frames{sendSettings, goAway(1<<31-1, 0, ""), ok, sendData(yes), fine}, enough, health.Pass, ""},
		{"a content-type with parameters", frames{sendSettings, sendHead(":status", "200", "content-type", "Application/gRPC;x=y"),
			sendData(yes), fine}, enough, health.Pass, ""},
		{"unknown fields in the answer", frames{sendSettings, ok, sendData("\x00\x00\x00\x00\x0a\x12\x01x\x08\x01\x1d1234"), fine}, enough,
			health.Pass, ""},

		// How it may end.
		{"unknown service, by trailers only", only("grpc-status", "5", "grpc-message", "unknown service"), enough,
			health.Fail, `service "" is unknown`},
		{"an encoded message", only("grpc-status", "14", "grpc-message", "no %22upstream%22%0A%1b 100%25"), enough,
			health.Fail, `UNAVAILABLE: "no \\"upstream\\"\\n\\x1b 100%"`},
		{"a message that is encoded wrongly", only("grpc-status", "14", "grpc-message", "100% %zz"), enough,
			health.Fail, `UNAVAILABLE: "100% %zz"`},
		{"a long message", only("grpc-status", "14", "grpc-message", strings.Repeat("x", 9000)), enough,
			health.Fail, `UNAVAILABLE: "x+\.\.\.`},
		{"a code without a message", only("grpc-status", "16"), enough, health.Fail, "UNAUTHENTICATED"},
		{"a code of the future", only("grpc-status", "4294967295"), enough, health.Fail, "grpc-status 4294967295"},
		{"no code", only("grpc-status", "many"), enough, health.Fail, `grpc-status "many" is no number`},
		{"a code too large", only("grpc-status", "4294967296"), enough, health.Fail, `grpc-status "4294967296" is no number`},
		{"OK without an answer", only("grpc-status", "0"), enough, health.Fail, "the answer is cut short after 0 bytes"},
		{"no grpc-status, trailers only", only(), enough, health.Fail, "no grpc-status"},
		{"no grpc-status", frames{sendSettings, ok, sendData(yes), sendEnd("x", "y")}, enough, health.Fail, "no grpc-status"},
		{"no trailers", frames{sendSettings, ok, func(f *http2.Framer) { f.WriteData(1, true, []byte(yes)) }}, enough,
			health.Fail, "no grpc-status: the response ends without trailers"},
		{"half an answer", frames{sendSettings, ok, sendData(yes[:6]), fine}, enough, health.Fail, "the answer is cut short after 6 bytes"},
		{"two answers", frames{sendSettings, ok, sendData(yes + yes), fine}, enough, health.Fail, "more than one answer"},
		{"an empty answer is UNKNOWN", frames{sendSettings, ok, sendData("\x00\x00\x00\x00\x00"), fine}, enough, health.Fail, "UNKNOWN"},
		{"an answer that is no protocol buffer", frames{sendSettings, ok, sendData("\x00\x00\x00\x00\x02\xff\xff"), fine}, enough,
			health.Fail, "the answer is no HealthCheckResponse"},
		{"a compressed answer", frames{sendSettings, ok, sendData("\x01" + yes[1:]), fine}, enough,
			health.Fail, "the answer is compressed, which was not offered"},
		{"a giant answer", frames{sendSettings, ok, sendData("\x00\xff\xff\xff\xff")}, enough,
			health.Fail, "the answer has 4294967295 bytes, at most 4096 are read"},

		// Not gRPC.
		{"HTTP 503", frames{sendSettings, sendEnd(":status", "503", "content-type", "text/plain")}, enough,
			health.Fail, "HTTP status 503 Service Unavailable"},
		{"HTTP 799", frames{sendSettings, sendEnd(":status", "799")}, enough, health.Fail, "HTTP status 799"},
		{"HTTP soon", frames{sendSettings, sendEnd(":status", "soon")}, enough, health.Fail, `HTTP status "soon"`},
		{"a status that is informational for good", frames{sendSettings, sendEnd(":status", "103")}, enough,
			health.Fail, "HTTP status 103 Early Hints"},
		{"no status", frames{sendSettings, sendEnd("content-type", "application/grpc")}, enough, health.Fail, `HTTP status ""`},
		{"no content-type", frames{sendSettings, sendEnd(":status", "200")}, enough, health.Fail, "not gRPC: no content-type"},
		{"HTML", frames{sendSettings, sendHead(":status", "200", "content-type", "text/html"), sendData("<html>")}, enough,
			health.Fail, `not gRPC: content-type "text/html"`},
		{"gRPC-Web", frames{sendSettings, sendEnd(":status", "200", "content-type", "application/grpc-web")}, enough,
			health.Fail, `not gRPC: content-type "application/grpc-web"`},

		// The stream or the connection is given up.
		{"reset", frames{sendSettings, func(f *http2.Framer) { f.WriteRSTStream(1, http2.ErrCodeRefusedStream) }}, enough,
			health.Fail, "request reset: REFUSED_STREAM"},
		{"reset after the answer", frames{sendSettings, ok, sendData(yes), func(f *http2.Framer) { f.WriteRSTStream(1, 99) }}, enough,
			health.Fail, `request reset: unknown error code 0x63`},
		{"GOAWAY at once", frames{goAway(0, http2.ErrCodeNo, "")}, enough, health.Fail, "GOAWAY NO_ERROR"},
		{"GOAWAY after settings", frames{sendSettings, goAway(0, http2.ErrCodeEnhanceYourCalm, "too_many_pings\n")}, enough,
			health.Fail, `GOAWAY ENHANCE_YOUR_CALM: "too_many_pings\\n"`},
		{"GOAWAY with much to say", frames{sendSettings, goAway(0, 0, strings.Repeat("x", 9000))}, enough,
			health.Fail, `GOAWAY NO_ERROR: "x{80}"`},

		// Against the protocol.
		{"data first", frames{sendSettings, sendData(yes)}, enough, health.Fail, "HTTP/2: data before the header fields"},
		{"fields in the middle", frames{sendSettings, ok, sendData(yes), ok}, enough,
			health.Fail, "HTTP/2: header fields in the middle of the response"},
		{"headers on another stream", frames{sendSettings, func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: hpacked(":status", "200"), EndHeaders: true})
		}}, enough, health.Fail, "HTTP/2: headers on stream 3, which nobody opened"},
		{"data on another stream", frames{sendSettings, func(f *http2.Framer) { f.WriteData(2, false, nil) }}, enough,
			health.Fail, "HTTP/2: data on stream 2, which nobody opened"},
		{"a push", frames{sendSettings, func(f *http2.Framer) {
			f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: hpacked(":path", "/"), EndHeaders: true})
		}}, enough, health.Fail, "HTTP/2: the member pushes, which it was told not to"},
		{"a frame larger than allowed", frames{sendSettings, bytesOf(strings.Repeat("x", 16<<10+1))}, enough,
			health.Fail, "HTTP/2: FRAME_SIZE_ERROR"},
		{"a frame in the middle of header fields", frames{sendSettings, func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: hpacked(":status", "200")})
		}, sendSettings}, enough, health.Fail, "HTTP/2: PROTOCOL_ERROR: .*expected CONTINUATION.*"},
		{"bad HPACK", frames{sendSettings, func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff}, EndHeaders: true})
		}}, enough, health.Fail, "HTTP/2: COMPRESSION_ERROR"},
		{"a header field that is none", frames{sendSettings, sendHead(":status", "200", "x", "a\nb")}, enough,
			health.Fail, "HTTP/2: PROTOCOL_ERROR: .*"},
		{"many header fields", frames{sendSettings, sendHead(":status", "200", "x", strings.Repeat("x", 15<<10),
			"y", strings.Repeat("y", 2<<10))}, enough, health.Fail, "more than 16 KiB of header fields|HTTP/2: PROTOCOL_ERROR"},

		// Without end.
		{"endless data", frames{sendSettings, ok, sendData("\x00\x00\x00\x10\x00"), repeated(sendData("x"))}, enough,
			health.Fail, "no answer in the first 256 frames"},
		{"endless data, well padded", frames{sendSettings, ok, repeated(func(f *http2.Framer) {
			f.WriteDataPadded(1, false, nil, make([]byte, 255))
		})}, enough, health.Fail, "no answer in the first 64 KiB"},
		{"endless continuation", frames{sendSettings, func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: hpacked(":status", "200")})
		}, repeated(func(f *http2.Framer) { f.WriteContinuation(1, false, nil) })}, enough, health.Fail, "no answer in the first 64 KiB"},
		{"endless header fields", frames{sendSettings, func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: hpacked(":status", "200")})
		}, repeated(func(f *http2.Framer) { f.WriteContinuation(1, false, hpacked("x", strings.Repeat("x", 100))) })}, enough,
			health.Fail, "HTTP/2: PROTOCOL_ERROR|no answer in the first 64 KiB"},
		{"endless pings", frames{sendSettings, repeated(func(f *http2.Framer) { f.WritePing(false, [8]byte{}) })}, enough,
			health.Fail, "no answer in the first 256 frames"},
		{"endless settings", frames{repeated(sendSettings)}, enough, health.Fail, "no answer in the first 256 frames"},
		{"endless informational responses", frames{sendSettings, repeated(sendHead(":status", "100"))}, enough,
			health.Fail, "no answer in the first 256 frames"},

		// Hanging.
		{"after the settings", frames{sendSettings}, 10 * brief, health.Fail, timeout + `\(headers\)`},
		{"after the headers", frames{sendSettings, ok}, 10 * brief, health.Fail, timeout + `\(message\)`},
		{"within the message", frames{sendSettings, ok, sendData(yes[:6])}, 10 * brief, health.Fail, timeout + `\(message\)`},
		{"after the message", frames{sendSettings, ok, sendData(yes)}, 10 * brief, health.Fail, timeout + `\(trailers\)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dst := member(t, "127.0.0.1:0", answersHTTP2(func(f *http2.Framer) {
				for _, p := range tt.parts {
					p(f)
				}
			}))
			wantResult(t, mustGRPC(t, askAbout("")), dst, tt.timeout, tt.outcome, tt.reason)
		})
	}
}

// Servers that do not get as far as HTTP/2, or that end early.
func TestGRPCBadConnections(t *testing.T) {
	// halfway writes parts and ends the connection then.
	halfway := func(end func(net.Conn), parts ...framePart) func(net.Conn) {
		return func(conn net.Conn) {
			if f := readRequest(conn); f != nil {
				for _, p := range parts {
					p(f)
				}
				end(conn)
			}
		}
	}
	halfClose := func(conn net.Conn) {
		conn.(*net.TCPConn).CloseWrite()
		silent(conn)
	}
	// trickle writes s, and then a byte a millisecond.
	trickle := func(s string) func(net.Conn) {
		return func(conn net.Conn) {
			io.WriteString(conn, s)
			trickles(conn)
		}
	}
	const noSettings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	reset := func(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) }
	ok := sendHead(":status", "200", "content-type", "application/grpc")
	const timeout = `timeout after \d+m?s `
	for _, tt := range []struct {
		name    string
		member  func(net.Conn)
		timeout time.Duration
		reason  string
	}{
		{"accepts only", silent, brief, timeout + `\(settings\)`},
		{"closes at once", closesAfter(""), enough, `connection closed \(settings\)`},
		{"resets at once", resets, enough, `reset by peer \(settings\)`},
		{"half-closes after the settings", halfway(halfClose, sendSettings), enough, `connection closed \(headers\)`},
		{"half-closes after the headers", halfway(halfClose, sendSettings, ok), enough, `connection closed \(message\)`},
		{"half-closes within a frame", closesAfter(noSettings + "\x00\x00\x10\x01"), enough, `connection closed \(headers\)`},
		{"half-closes after GOAWAY", halfway(halfClose, sendSettings, func(f *http2.Framer) { f.WriteGoAway(1, 11, nil) }), enough,
			"connection closed after GOAWAY ENHANCE_YOUR_CALM"},
		{"resets after the headers", halfway(reset, sendSettings, ok), enough, `(reset by peer|connection closed) \((headers|message)\)`},
		{"HTTP/1.1", answers(http2.ClientPreface, "HTTP/1.1 400 Bad Request\r\n\r\n"), enough, `not HTTP/2: first bytes "HTTP/1.1 4"`},
		{"a banner", says("220\r\n"), enough, `not HTTP/2: first bytes "220\\r\\n"`},
		{"a byte", says("\x16"), enough, `not HTTP/2: first bytes "\\x16"`},
		{"binary", says("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a"), enough,
			`not HTTP/2: first bytes "\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\a\\b\\t"`},
		{"half a frame header", says("\x00\x00"), brief, timeout + `\(settings\)`},
		{"half a frame header, then closed", closesAfter("\x00\x00"), enough, `connection closed \(settings\)`},
		{"a frame of HTTP/2 that may not be first", says("\x00\x00\x08\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), enough,
			`not HTTP/2: first bytes "\\x00\\x00\\b\\x06.*`},
		{"trickle", trickles, enough, `not HTTP/2: first bytes "x+"`},
		{"a frame that trickles", trickle("\x00\x3f\xff\x04\x00\x00\x00\x00\x00"), brief, timeout + `\(settings\)`},
		{"headers that trickle", trickle(noSettings + "\x00\x3f\xff\x01\x04\x00\x00\x00\x01"), 10 * brief, timeout + `\(headers\)`},
		{"endless", endless(bytes.Repeat([]byte("x"), 1000)), enough, `not HTTP/2: first bytes "x{10}"`},
		{"endless zeros", endless(make([]byte, 1000)), enough, `not HTTP/2: first bytes "(\\x00){10}"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantResult(t, mustGRPC(t, askAbout("")), member(t, "127.0.0.1:0", tt.member), tt.timeout, health.Fail, tt.reason)
		})
	}
}

// A server of another make: net/http's, by hand.
func TestGRPCOverNetHTTP(t *testing.T) {
	for _, tt := range []struct {
		name    string
		http2   bool
		handle  http.HandlerFunc
		outcome health.Outcome
		reason  string
	}{
		{"an answer with trailers", true, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc+proto")
			w.Header().Set("Trailer", "Grpc-Status")
			io.WriteString(w, "\x00\x00\x00\x00\x02\x08\x01")
			w.Header().Set("Grpc-Status", "0")
		}, health.Pass, ""},
		{"trailers only", true, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "12")
		}, health.Fail, `no health service \(grpc.health.v1\)`},
		{"no gRPC", true, http.NotFound, health.Fail, "HTTP status 404 Not Found"},
		{"HTTP/1.1 only", false, http.NotFound, health.Fail, `not HTTP/2: first bytes "HTTP/1.1 [45]"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := &http.Server{Handler: tt.handle, Protocols: new(http.Protocols)}
			s.Protocols.SetHTTP1(true)
			s.Protocols.SetUnencryptedHTTP2(tt.http2)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				s.Serve(l)
			}()
			defer func() { <-ended }()
			defer s.Close()
			dst := l.Addr().(*net.TCPAddr).AddrPort()
			wantResult(t, mustGRPC(t, askAbout("")), dst, enough, tt.outcome, tt.reason)
		})
	}
}

// A probe that is stopped does not wait for the member.
func TestGRPCCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dst := member(t, "127.0.0.1:0", answersHTTP2(func(*http2.Framer) { cancel() }))
	if got := mustGRPC(t, askAbout("")).Probe(ctx, Route{To: dst}); got.Outcome != health.Inconclusive {
		t.Errorf("got %v %q, want inconclusive", got.Outcome, got.Reason)
	}
}

// PING and SETTINGS are answered, each once.
func TestGRPCAnswersPingAndSettings(t *testing.T) {
	var in, out bytes.Buffer
	f := http2.NewFramer(&in, nil)
	sendSettings(f)
	for i := range 3 {
		f.WritePing(i == 1, [8]byte{byte(i)})
	}
	f.WriteSettingsAck()
	sendEnd(":status", "200", "content-type", "application/grpc", "grpc-status", "5")(f)
	if _, err := newGRPCCall(&in, nil).answer(&out); err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	f = http2.NewFramer(&want, nil)
	f.WriteSettingsAck()
	f.WritePing(true, [8]byte{0})
	f.WritePing(true, [8]byte{2})
	if !bytes.Equal(out.Bytes(), want.Bytes()) {
		t.Errorf("got  %q\nwant %q", out.Bytes(), want.Bytes())
	}
}

func TestGRPCTrace(t *testing.T) {
	ca := newAuthority(t)
	_, register := healthService()
	secured := grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(time.Now().Add(time.Hour), right)}}))
	for _, tt := range []struct {
		opts GRPCOptions
		dst  netip.AddrPort
		want string
	}{
		{askAbout("b.example.v1.B"), grpcServer(t, "127.0.0.1:0", register),
			`connect, request Check of "b.example.v1.B", header status 200, content-type application/grpc, status OK, NOT_SERVING`},
		{GRPCOptions{TLS: true, Handshake: TLSOptions{ServerName: right, CAFile: ca.file}}, grpcServer(t, "127.0.0.1:0", register, secured),
			`connect, handshake, certificate, request Check of "", header status 200, content-type application/grpc, status OK, SERVING`},
	} {
		var trace Trace
		ctx, cancel := context.WithTimeout(WithTrace(t.Context(), &trace), enough)
		mustGRPC(t, tt.opts).Probe(ctx, Route{To: tt.dst})
		cancel()
		var got []string
		for _, s := range trace.Steps() {
			if s.Name == "connect" || s.Name == "handshake" || s.Name == "certificate" { // others' words
				s.Detail = ""
			}
			got = append(got, strings.TrimSpace(s.Name+" "+s.Detail))
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), tt.want)
		}
	}
}

func TestGRPCName(t *testing.T) {
	ca := newAuthority(t)
	certFile, keyFile := save(t, ca.issue(time.Now().Add(time.Hour), right))
	files := TLSOptions{ServerName: right, CAFile: ca.file, CertFile: certFile, KeyFile: keyFile, Expiry: 48 * time.Hour}
	for _, tt := range []struct {
		opts      GRPCOptions
		name, key string // a key ends with a digest when it ends with files
	}{
		{GRPCOptions{}, "grpc", "grpc"},
		{GRPCOptions{Authority: right}, "grpc", "grpc authority a.example.org"},
		{askAbout("a.b/C"), "grpc service a.b/C", "grpc service a.b/C authority a.example.org"},
		{GRPCOptions{TLS: true, Handshake: TLSOptions{Insecure: true}}, "grpc tls insecure", "grpc tls insecure"},
		{GRPCOptions{Service: "x", Authority: right, TLS: true, Handshake: files},
			"grpc service x tls sni a.example.org ca " + ca.file + " cert " + certFile + " " + keyFile + " expiry 2d",
			"grpc service x tls sni a.example.org ca " + ca.file + " cert " + certFile + " " + keyFile + " expiry 2d" +
				" authority a.example.org files "},
	} {
		c := mustGRPC(t, tt.opts)
		key := c.Key()
		if strings.HasSuffix(tt.key, " files ") && len(key) == len(tt.key)+32 {
			key = key[:len(tt.key)]
		}
		if c.Name() != tt.name || key != tt.key || c.Kind() != "grpc" || c.Port() != 443 {
			t.Errorf("name %s, key %s, kind %s, port %d\nwant %s, %s", c.Name(), c.Key(), c.Kind(), c.Port(), tt.name, tt.key)
		}
		if got := c.(Expirer).Expiry(); got != tt.opts.Handshake.Expiry {
			t.Errorf("expiry %v", got)
		}
		if err := c.(Reloader).ReloadError(); err != nil {
			t.Error(err)
		}
	}
	for _, opts := range []TLSOptions{{}, {ServerName: right, CAFile: keyFile}, {ServerName: right, CertFile: certFile}} {
		if _, err := NewGRPC(443, GRPCOptions{TLS: true, Handshake: opts}); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
}

// FuzzGRPCResponse gives what a hostile member may send to the reader. It ends, it says little to the member, and what it finds has a
// reason.
func FuzzGRPCResponse(f *testing.F) {
	seed := func(parts ...framePart) {
		var b bytes.Buffer
		framer := http2.NewFramer(&b, nil)
		framer.AllowIllegalWrites = true
		for _, p := range parts {
			p(framer)
		}
		f.Add(b.Bytes())
	}
	ok := sendHead(":status", "200", "content-type", "application/grpc")
	seed(sendSettings, ok, sendData("\x00\x00\x00\x00\x02\x08\x01"), sendEnd("grpc-status", "0"))
	seed(sendSettings, func(f *http2.Framer) { f.WritePing(false, [8]byte{}) }, sendEnd(":status", "200", "content-type", "application/grpc",
		"grpc-status", "14", "grpc-message", "a%20b"))
	seed(sendSettings, func(f *http2.Framer) { f.WriteGoAway(0, 11, []byte("why")) })
	seed(sendSettings, func(f *http2.Framer) { f.WriteRSTStream(1, 7) })
	seed(sendSettings, func(f *http2.Framer) {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: hpacked(":status", "200")})
		f.WriteContinuation(1, true, nil)
	})
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		var out bytes.Buffer
		call := newGRPCCall(bytes.NewReader(sent), nil)
		answer, err := call.answer(&out)
		if most := maxGRPCFrames * (9 + 8); out.Len() > most {
			t.Errorf("%d bytes are sent, at most %d should be", out.Len(), most)
		}
		r := answer.result("x")
		if err != nil {
			r = call.failed(begin(t.Context(), Route{}), err)
		}
		if (r.Outcome == health.Pass) != (r.Reason == "") || err != nil && r.Outcome != health.Fail || len(r.Reason) > maxReason+3 {
			t.Errorf("%v %q after %v", r.Outcome, r.Reason, err)
		}
		if r.Outcome != health.Fail && (!call.headed || len(call.message) < grpcPrefix) {
			t.Errorf("%v without an answer", r.Outcome)
		}
	})
}

// FuzzGRPCMessage reads what protobuf's own code reads, too.
func FuzzGRPCMessage(f *testing.F) {
	for _, s := range []string{"", "\x08\x01", "\x08\x02", "\x12\x01x\x08\x01", "\x0b\x08\x01\x0c", "\x0a\x01\x01", "\x08",
		"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) > maxGRPCMessage {
			return
		}
		got, err := grpcServing(append([]byte{0, 0, 0, byte(len(m) >> 8), byte(len(m))}, m...))
		var want healthpb.HealthCheckResponse
		if wantErr := proto.Unmarshal(m, &want); (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, want %v", err, wantErr)
		}
		if err == nil && int32(got) != int32(want.Status) {
			t.Errorf("status %v, want %v", got, want.Status)
		}
	})
}

func TestGRPCMessageRequest(t *testing.T) {
	for _, service := range []string{"", "a.b.C", strings.Repeat("x", 255)} {
		m := grpcRequest(service)
		var got healthpb.HealthCheckRequest
		if err := proto.Unmarshal(m[grpcPrefix:], &got); err != nil || got.Service != service {
			t.Errorf("%q: got %v, %v", service, &got, err)
		}
		if whole, err := grpcWhole(append([]byte(nil), m...)); !whole || err != nil {
			t.Errorf("%q: prefix %v", service, m[:grpcPrefix])
		}
	}
}

// BenchmarkGRPC is the cost of one probe that passes. The member, grpc-go's server, is in the same process and counted too.
func BenchmarkGRPC(b *testing.B) {
	ca := newAuthority(b)
	_, register := healthService()
	secured := grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(time.Now().Add(time.Hour), right)}}))
	// A bare member answers with the same bytes, without looking at the request beyond its end.
	var answer bytes.Buffer
	for _, p := range []framePart{sendSettings, sendHead(":status", "200", "content-type", "application/grpc"),
		sendData("\x00\x00\x00\x00\x02\x08\x01"), sendEnd("grpc-status", "0")} {
		p(http2.NewFramer(&answer, nil))
	}
	bare := member(b, "127.0.0.1:0", func(conn net.Conn) {
		var buf [1 << 10]byte
		conn.Read(buf[:])
		conn.Write(answer.Bytes())
		silent(conn)
	})
	for _, bm := range []struct {
		name string
		opts GRPCOptions
		dst  netip.AddrPort
	}{
		{"bare member", askAbout(""), bare},
		{"plain", askAbout(""), grpcServer(b, "127.0.0.1:0", register)},
		{"tls", GRPCOptions{Authority: right, TLS: true, Handshake: TLSOptions{ServerName: right, CAFile: ca.file}},
			grpcServer(b, "127.0.0.1:0", register, secured)},
	} {
		c := mustGRPC(b, bm.opts)
		b.Run(bm.name, func(b *testing.B) { mustKeepPassing(b, c, bm.dst) })
	}
}
