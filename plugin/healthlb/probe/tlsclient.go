package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
)

// clientAccepted is the result of a handshake in which the member asked for a client certificate. Since TLS 1.3 (RFC 8446 section 4.4)
// the client is done before the member has looked at its certificate, and a refusal comes as an alert afterwards. So the probe says
// goodbye (close_notify, section 6.1), and waits for the member to hang up: with an alert, or without. A member that does neither until
// the deadline has accepted. Only TLS says goodbye: a FIN of ours would leave the connection in TIME_WAIT here.
func (a attempt) clientAccepted(session *tls.Conn) Result {
	if err := session.CloseWrite(); err != nil {
		return a.handshakeFailed(err)
	}
	var buf [1]byte
	_, err := session.Read(buf[:])
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Result{}
	case errors.Is(err, os.ErrDeadlineExceeded) && errors.Is(a.ctx.Err(), context.DeadlineExceeded):
		return Result{}
	default:
		return a.handshakeFailed(err)
	}
}
