package admin

import "net/netip"

// ExplainQuery asks what a client would be answered.
type ExplainQuery struct {
	Name    string       // what the client asks for: a lower-case FQDN
	Client  netip.Prefix // where it asks from: an address or a network, without host bits
	Type    string       // A or AAAA
	Without string       // the id of a member to be left out, as if an operator had taken it away; empty: none
	Region  string       // where the client is to be taken to be; empty: found out as for any query
}

// Explanation is an answer with the reasons for it.
type Explanation struct {
	Name          string          `json:"name"` // that was asked for
	Pool          string          `json:"pool"`
	Type          string          `json:"type"`              // A or AAAA
	Client        string          `json:"client"`            // an address or a network
	Region        string          `json:"region,omitempty"`  // the client's
	Without       string          `json:"without,omitempty"` // the member that was left out
	Policy        string          `json:"policy"`
	AllDown       bool            `json:"all_down"` // fewer than min_up are eligible
	EligibleCount int             `json:"eligible"`
	MinUp         int             `json:"min_up"`
	Answer        ExplainAnswer   `json:"answer"`
	Draws         int             `json:"draws"` // the number of answers that the members' shares were counted in
	Members       []ExplainMember `json:"members"`
}

// ExplainAnswer is one answer that the client would get.
type ExplainAnswer struct {
	RCode     string   `json:"rcode"` // such as NOERROR
	TTL       uint32   `json:"ttl"`   // seconds
	Addresses []string `json:"addresses"`
	Scope     int      `json:"ecs_scope"` // for how much of the client's address the answer holds (RFC 7871), in bits
}

// ExplainMember says what became of one member.
type ExplainMember struct {
	ID      string  `json:"id"`
	Address string  `json:"address"`
	In      bool    `json:"in"`    // the policy picks among it and others
	Stage   string  `json:"stage"` // where it was left out; policy or answer for those that got so far
	Why     string  `json:"why"`
	Share   float64 `json:"share"` // of the draws, those whose answer names it: 0 to 1
}

// complete makes empty lists of missing ones, as callers expect an array.
func (e Explanation) complete() Explanation {
	if e.Answer.Addresses == nil {
		e.Answer.Addresses = []string{}
	}
	if e.Members == nil {
		e.Members = []ExplainMember{}
	}
	return e
}
