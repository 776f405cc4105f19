package admin

import (
	"net/netip"

	"example.org/healthlb/api"
)

// ExplainQuery asks what a client would be answered.
type ExplainQuery struct {
	Name    string       // what the client asks for: a lower-case FQDN
	Client  netip.Prefix // where it asks from: an address or a network, without host bits
	Type    string       // A or AAAA
	Without string       // the id of a member to be left out, as if an operator had taken it away; empty: none
	Region  string       // where the client is to be taken to be; empty: found out as for any query
}

// complete makes empty lists of missing ones, as callers expect an array.
func completeExplanation(e api.Explanation) api.Explanation {
	if e.Answer.Addresses == nil {
		e.Answer.Addresses = []string{}
	}
	if e.Members == nil {
		e.Members = []api.ExplainMember{}
	}
	return e
}
