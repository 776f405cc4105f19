package load

import "encoding/binary"

// headerSize is that of a DNS message's header, RFC 1035, section 4.1.1.
const headerSize = 12

// header is the header of a DNS message, or less.
type header []byte

func (h header) id() uint16 { return binary.BigEndian.Uint16(h) }

func (h header) isReply() bool {
	const qr = 0x80
	return len(h) == headerSize && h[2]&qr != 0
}

// hasFailed says whether a reply is none that a client could use, or has not as many answers as wanted, unless that is 0.
func (h header) hasFailed(wantAnswers int) bool {
	const tc, rcode = 0x02, 0x0f
	return h[2]&tc != 0 || h[3]&rcode != 0 || wantAnswers != 0 && int(binary.BigEndian.Uint16(h[6:])) != wantAnswers
}
