package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/healthlb/api"
)

// ExplainQuery asks what a client would be answered. What is empty is left out of the call.
type ExplainQuery struct {
	Name    string // what the client asks for
	Client  string // where it asks from: an address or a network
	Type    string // A or AAAA; empty: A
	Without string // a member to be left out, as if it were not there
	Region  string // where the client is to be taken to be
}

// Explain tells what a client would be answered now, and why.
func (c *Client) Explain(ctx context.Context, q ExplainQuery) (api.Explanation, error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"name": q.Name, "client": q.Client, "type": q.Type, "without": q.Without, "region": q.Region,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return ask[api.Explanation](ctx, c, call{method: http.MethodGet, path: pathOf("explain"), query: query, most: maxList})
}
