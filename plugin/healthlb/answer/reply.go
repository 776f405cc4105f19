package answer

import "github.com/miekg/dns"

// Reply is a reply under construction. It has room for its question, so that both are one allocation, of 160 bytes: a size that Go's
// allocator has, and the one that every query costs at least.
type Reply struct {
	Msg      dns.Msg
	question [1]dns.Question
}

// NewReply begins an authoritative reply to a query that has one question.
func NewReply(query *dns.Msg) *Reply {
	r := new(Reply)
	r.question[0] = query.Question[0]
	r.Msg.MsgHdr = dns.MsgHdr{
		Id:               query.Id,
		Response:         true,
		Opcode:           query.Opcode,
		Authoritative:    true,
		RecursionDesired: query.RecursionDesired,
		CheckingDisabled: query.CheckingDisabled,
	}
	r.Msg.Question = r.question[:]
	return r
}

// AddOption puts an EDNS option into the reply. CoreDNS fills in the rest of the OPT record: size, version and DO.
func (r *Reply) AddOption(option dns.EDNS0) {
	if len(r.Msg.Extra) > 0 {
		if opt, ok := r.Msg.Extra[len(r.Msg.Extra)-1].(*dns.OPT); ok {
			opt.Option = append(opt.Option, option)
			return
		}
	}
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: []dns.EDNS0{option}}
	r.Msg.Extra = append(r.Msg.Extra, opt)
}

// Notes are what there is to tell of a reply beside its records.
type Notes uint8

// The notes, in the order in which a reply tells them.
const (
	AllDown  Notes = 1 << iota // too few members are eligible: no better answer was to be had
	Isolated                   // the responder takes itself to be cut off, and goes by what it knew before
	Stale                      // the probes of someone who is named are late
)

var noteTexts = [...]string{"all_down", "isolated", "stale"}

// AddNotes puts notes into the reply. Each is an extended error of its own, as there may be several: code 0, Other (RFC 8914 sections 2 and
// 4.1).
func (r *Reply) AddNotes(notes Notes) {
	for i, text := range noteTexts {
		if notes&(1<<i) != 0 {
			r.AddOption(&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: text})
		}
	}
}
