package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// AgentOptions say what is exchanged with an agent.
type AgentOptions struct {
	Send []byte // written first; empty: nothing is
}

type agentCheck struct {
	port uint16
	send []byte
	name string
}

// NewAgent returns the check that asks an agent on the member for one line, in the words of HAProxy's agent-check: whether the member is
// up, wants traffic, and how much.
func NewAgent(port uint16, opts AgentOptions) Check {
	c := &agentCheck{port: port, send: bytes.Clone(opts.Send), name: "agent"}
	if len(c.send) > 0 {
		c.name += " send " + quote(c.send)
	}
	return c
}

func (*agentCheck) Kind() string   { return "agent" }
func (c *agentCheck) Port() uint16 { return c.port }
func (c *agentCheck) Name() string { return c.name }
func (c *agentCheck) Key() string  { return c.name }

func (c *agentCheck) Probe(ctx context.Context, r Route) Result {
	a := begin(ctx, r)
	conn, err := a.connect()
	if err != nil {
		return a.connectFailed(err)
	}
	defer conn.Close()
	defer bind(ctx, conn)()
	if len(c.send) > 0 {
		if _, err := conn.Write(c.send); err != nil {
			return a.failed("send", err)
		}
		a.trace.step("send", "%d bytes", len(c.send))
	}
	line, err := readLine(conn)
	switch {
	case errors.Is(err, errNotFound):
		return fail(fmt.Sprintf("agent says %s, and no end of the line within 4 KiB", excerpt(line)))
	case err != nil:
		return a.failed(fmt.Sprintf("%d bytes without an end of the line", len(line)), err)
	}
	if a.trace != nil {
		a.trace.step("agent", "%q", line)
	}
	return judgeAgent(string(line))
}

// maxAgentLine is how many bytes a line has at most, its end included. All the words there are, one of each, take below 100, and of the
// description behind them maxReason bytes are kept.
const maxAgentLine = 4 << 10

// readLine reads up to a CR or LF, or to the end of what the other side sends, and returns what was before it. On an error it returns
// what was read. The error is errNotFound when the line is longer than maxAgentLine.
func readLine(conn net.Conn) ([]byte, error) {
	line := make([]byte, 0, 128) // enough for what agents say in earnest; doubled five times at most
	for {
		if len(line) == cap(line) {
			line = append(make([]byte, 0, 2*cap(line)), line...)
		}
		n, err := conn.Read(line[len(line):cap(line)])
		before := len(line)
		line = line[:before+n]
		if end := bytes.IndexAny(line[before:], "\r\n"); end >= 0 {
			return line[:before+end], nil
		}
		switch {
		case len(line) >= maxAgentLine:
			return line, errNotFound
		case errors.Is(err, io.EOF):
			return line, nil
		case err != nil:
			return line, err
		}
	}
}
