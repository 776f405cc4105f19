package admin

import (
	"context"
	"net"
)

type peerKey struct{}

// peered is a listener at a socket in the file system whose connections know the process on the other side.
type peered struct{ net.Listener }

// Accept asks for the peer while the connection is at hand as the system made it.
func (l peered) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return conn, nil
	}
	return &peeredConn{unix, peerOf(unix)}, nil
}

// peeredConn is a connection with the name of its peer, which its remote address carries through whatever is wrapped around it: a
// client's end of such a connection has no address worth telling.
type peeredConn struct {
	*net.UnixConn
	peer string // empty: the system does not tell
}

func (c *peeredConn) RemoteAddr() net.Addr { return peerAddr(c.peer) }

type peerAddr string

func (peerAddr) Network() string  { return "unix" }
func (a peerAddr) String() string { return string(a) }

// withPeer puts a connection's peer into the context of its requests.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if peer, ok := conn.RemoteAddr().(peerAddr); ok && peer != "" {
		return context.WithValue(ctx, peerKey{}, string(peer))
	}
	return ctx
}
