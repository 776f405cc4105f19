package probe

import (
	"context"
	"io"
	"net"
)

// hold implements connector. The wire has a goroutine that waits for its end.
func (p *portable) hold(w *wire) {
	ctx, cancel := context.WithCancel(p.s.ctx)
	w.cancel = cancel
	p.s.running.Go(func() {
		defer cancel()
		p.s.wireEnded(w, watch(ctx, p.s, w))
	})
}

// release implements connector.
func (*portable) release(w *wire) { w.cancel() }

// mostTalk is how many bytes a member may say on a tripwire that has to be read, before it is given up.
const mostTalk = 64 << 10

// watch makes a wire, and returns when it has ended, and how.
func watch(ctx context.Context, s *Scheduler, w *wire) wireEnd {
	dialing, cancel := context.WithTimeout(ctx, w.entry.target.Timeout)
	defer cancel()
	a := begin(dialing, w.entry.target.Route)
	conn, err := a.connect()
	if err != nil {
		return endOfDial(a.connectFailed(err))
	}
	defer conn.Close()
	defer bind(ctx, conn)()
	conn.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount})
	s.wireHeld(w)
	n, _ := io.CopyN(io.Discard, conn, mostTalk)
	if n < mostTalk && ctx.Err() == nil {
		return wireTripped
	}
	return wireGivenUp
}
