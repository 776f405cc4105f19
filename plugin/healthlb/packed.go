package healthlb

import (
	"context"
	"net"
	"reflect"
	"strings"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/pool"
)

// A reply goes out in one of two ways. As a message it passes all plugins above, which may change it, and CoreDNS packs it. Packed it is
// bytes that were nearly ready before the query came: about a fifth of the CPU time of a query is saved. That way is open to the replies
// that are most asked for, over UDP, when no plugin above has a writer of its own that wants to see the message.

// neverLooks are the plugins above healthlb that hand on the writer which they were given, as read in CoreDNS v1.15.0. That of prometheus
// counts the bytes, and takes the rcode for NOERROR when it sees nothing else, as it is in all packed replies. Any other plugin may want
// to see the message.
var neverLooks = map[string]bool{
	"acl": true, "any": true, "bufsize": true, "cancel": true, "chaos": true, "errors": true, "geoip": true, "local": true, "metadata": true,
	"prometheus": true, "template": true, "tls": true, "transfer": true,
}

// mayPack says whether no plugin of a server block that stands above healthlb wants to see messages. The handlers are in their order.
func mayPack(handlers []plugin.Handler) bool {
	for _, h := range handlers {
		if h.Name() == "healthlb" {
			return true
		}
		if !neverLooks[h.Name()] {
			return false
		}
	}
	return false
}

// straight says whether what is written goes to the client. It does not where a plugin, in whatever server block, asks the server itself, for the
// target of an alias: then a writer directly below CoreDNS's own keeps messages, and would hand bytes on. All writers in between have what they
// write to as their first field.
func straight(w dns.ResponseWriter) bool {
	if s, ok := w.(*request.ScrubWriter); ok {
		_, keeps := s.ResponseWriter.(*nonwriter.Writer)
		return !keeps
	}
	for v := reflect.ValueOf(w); ; {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			v = v.Elem()
		case reflect.Struct:
			if v.NumField() == 0 {
				return true
			}
			within := v.Field(0)
			if v.Type() == scrubWriter {
				return within.Elem().Type() != keepingWriter
			}
			v = within
		default:
			return true
		}
	}
}

var (
	scrubWriter   = reflect.TypeFor[request.ScrubWriter]()
	keepingWriter = reflect.TypeFor[*nonwriter.Writer]()
)

// way is whether a handler may answer with packed replies.
type way = uint32

const (
	undecided way = iota
	packedWay
	messageWay
)

// packs says whether replies may be packed where a query came from. What stands between the plugins and a client is known from the first
// query on: each server, of one address and protocol, has a handler of its own.
func (h *handler) packs(ctx context.Context) bool {
	w := h.way.Load()
	if w == undecided {
		w = messageWay
		server, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
		if ok && h.mayPack && strings.HasPrefix(server.Addr, transport.DNS+"://") {
			w = packedWay
		}
		h.way.Store(w)
	}
	return w == packedWay
}

// writePacked answers a question for the addresses of a pool with a packed reply. It says false, and has no effect, when that takes a message.
func (m match) writePacked(w dns.ResponseWriter, r *dns.Msg, q pool.Query) (done bool, err error) {
	if m.node == nil || m.node.pool == nil || q.Client.HasSubnet() {
		return false, nil
	}
	family := pool.A
	switch r.Question[0].Qtype {
	case dns.TypeA:
	case dns.TypeAAAA:
		family = pool.AAAA
	default:
		return false, nil
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); !udp || !straight(w) {
		return false, nil
	}
	var name []byte
	if !m.wildcard {
		name = m.node.packed
	}
	b, ok := answer.Pack(r, q.Name, name)
	if !ok {
		return false, nil
	}
	defer b.Free()
	notes, ok := m.pack(b, family, q, time.Now(), nil)
	if !ok {
		return false, nil
	}
	_, err = w.Write(b.End(notes))
	return true, err
}

// pack completes a packed reply to a question for the addresses of the pool, but for its end. It says false, and has no effect, when the
// reply might not fit, or has another rcode than NOERROR. t may be nil.
func (m match) pack(b *answer.Packed, f pool.Family, q pool.Query, now time.Time, t *pool.Tally) (answer.Notes, bool) {
	soa := m.zone.soa.Load()
	if !b.Fits(len(soa.packed)) {
		return 0, false
	}
	did, ok := m.node.pool.Pack(b, f, q, now, t)
	if ok && !did.Named {
		b.AddAuthority(soa.packed)
	}
	return did.Notes, ok
}
