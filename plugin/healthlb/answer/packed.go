package answer

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/miekg/dns"
)

// Packed is a reply in wire form under construction: to a question for one RRset, with those records or with the SOA of a zone. The records
// have been in wire form since the last change, so nothing is packed for a query but its question. Their owner is a pointer to the question
// (RFC 1035 section 4.1.4). What a reply is made in is used again for others: it costs no allocation.
type Packed struct {
	// Room is for the positions of those who are named; see policy.Picker.
	Room []int32

	buf   []byte
	asked Asked
	limit int           // how long it may become before the OPT record is added
	owner []byte        // of the records, when the question says it in other cases
	name  [MaxName]byte // where that of a question is packed
}

const (
	headerLen  = 12
	pointerLen = 2
	fixedLen   = 10  // of a record: type, class, TTL and the data's length (RFC 1035 section 4.1.3)
	optLen     = 11  // of an OPT record without options (RFC 6891 section 6.1.2)
	edeLen     = 6   // of an extended error's option without its text (RFC 8914 section 2)
	MaxName    = 255 // RFC 1035 section 2.3.4
	roomFor    = 32  // positions; longer lists make more when they need it
)

// pointer is what a pointer to a name has beside the offset.
const pointer = 0xC000

var packs = sync.Pool{New: func() any { return NewPacked() }}

// NewPacked returns a reply to begin with.
func NewPacked() *Packed {
	return &Packed{Room: make([]int32, 0, roomFor), buf: make([]byte, 0, dns.MinMsgSize)}
}

// Pack begins a reply to a query that came over UDP for a name, which is given in lower case, and in wire form where that is ready, else nil.
// It says false where only a message will do. Otherwise Free must be called when the reply has been sent.
func Pack(query *dns.Msg, name string, packed []byte) (p *Packed, ok bool) {
	var owner []byte
	if query.Question[0].Name != name {
		if packed == nil {
			packed = PackName(name)
		}
		owner, packed = packed, nil
	}
	p = packs.Get().(*Packed)
	var asked Asked
	if !asked.of(query, packed, &p.name) {
		p.Free()
		return nil, false
	}
	p.Begin(&asked, owner)
	return p, true
}

// Begin begins an authoritative reply. owner is the name in lower case and in wire form, or nil when the question has it so.
func (p *Packed) Begin(a *Asked, owner []byte) {
	p.asked, p.limit, p.owner = *a, a.limit(), owner
	flags := uint16(flagQR | flagAA)
	if a.RD {
		flags |= flagRD
	}
	if a.CD {
		flags |= flagCD
	}
	b := binary.BigEndian.AppendUint16(p.buf[:0], a.ID)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = append(b, 0, 1, 0, 0, 0, 0, 0, 0) // one question
	b = append(b, a.Name...)
	b = binary.BigEndian.AppendUint16(b, a.Type)
	p.buf = binary.BigEndian.AppendUint16(b, dns.ClassINET)
}

// The flags of a message's header (RFC 1035 section 4.1.1, RFC 4035 section 3.2.2).
const (
	flagQR = 1 << 15
	flagAA = 1 << 10
	flagRD = 1 << 8
	flagCD = 1 << 4
)

// Fits says whether so many bytes more are sure to fit into what the client takes, with what End adds.
func (p *Packed) Fits(bytes int) bool { return len(p.buf)+len(p.owner)+bytes <= p.limit }

// AddRun adds the k records from start on, cyclic.
func (p *Packed) AddRun(s *RRset, start, k int, low bool) {
	at, stride := len(p.buf), int(s.stride)
	p.buf = append(p.buf, s.packed(low)[start*stride:(start+k)*stride]...)
	p.spell(at, stride)
	p.count(answers, k)
}

// AddList adds the records at the given positions.
func (p *Packed) AddList(s *RRset, positions []int32, low bool) {
	at, stride, packed := len(p.buf), int(s.stride), s.packed(low)
	for _, position := range positions {
		p.buf = append(p.buf, packed[int(position)*stride:(int(position)+1)*stride]...)
	}
	p.spell(at, stride)
	p.count(answers, len(positions))
}

// spell sees to it that the records from an offset on have their owner in lower case: the first has it in full, and the others point there.
func (p *Packed) spell(at, stride int) {
	if p.owner == nil {
		return
	}
	for next := at + stride; next < len(p.buf); next += stride {
		binary.BigEndian.PutUint16(p.buf[next:], uint16(pointer|at))
	}
	p.buf = slices.Replace(p.buf, at, at+pointerLen, p.owner...)
}

// AddAuthority adds a packed record to the authority section.
func (p *Packed) AddAuthority(rr []byte) {
	p.buf = append(p.buf, rr...)
	p.count(authority, 1)
}

// End completes the reply with an OPT record, as CoreDNS would, if the query has one: size and flags are the query's. It holds the notes. The
// bytes are good until Free or Begin.
func (p *Packed) End(notes Notes) []byte {
	if !p.asked.EDNS {
		return p.buf
	}
	b := append(p.buf, 0) // the root
	b = binary.BigEndian.AppendUint16(b, dns.TypeOPT)
	b = binary.BigEndian.AppendUint16(b, p.asked.Size)
	flags := p.asked.Flags & 0xff00 // DO and its neighbours, as request.SizeAndDo has them
	if notes != 0 {
		flags &= 0x8000 // DO alone, in an OPT record that the reply has of its own
	}
	b = binary.BigEndian.AppendUint32(b, uint32(flags))
	at := len(b)
	b = append(b, 0, 0)
	for i, text := range noteTexts {
		if notes&(1<<i) != 0 {
			b = binary.BigEndian.AppendUint16(b, dns.EDNS0EDE)
			b = binary.BigEndian.AppendUint16(b, uint16(2+len(text)))
			b = binary.BigEndian.AppendUint16(b, dns.ExtendedErrorCodeOther)
			b = append(b, text...)
		}
	}
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	p.buf = b
	p.count(additional, 1)
	return b
}

// PackName returns the wire form of a name, nil when it has none.
func PackName(name string) []byte {
	b := make([]byte, MaxName)
	end, err := dns.PackDomainName(name, b, 0, nil, false)
	if err != nil {
		return nil
	}
	return bytes.Clone(b[:end])
}

// PackRR returns the wire form of a record, nil when it has none.
func PackRR(rr dns.RR) []byte {
	b := make([]byte, dns.Len(rr))
	end, err := dns.PackRR(rr, b, 0, nil, false)
	if err != nil {
		return nil
	}
	return b[:end]
}

// Free gives what the reply was made in back. It must not be used any more.
func (p *Packed) Free() { packs.Put(p) }

// Where the header counts the records of a section (RFC 1035 section 4.1.1).
const (
	answers    = 6
	authority  = 8
	additional = 10
)

func (p *Packed) count(section, records int) {
	binary.BigEndian.PutUint16(p.buf[section:], uint16(records))
}

// notesLen is how long all notes are.
var notesLen = func() (n int) {
	for _, text := range noteTexts {
		n += edeLen + len(text)
	}
	return n
}()
