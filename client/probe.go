package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/healthlb/api"
)

// Probe has the members of a pool probed at once, or one of them only, and tells what each probe found, step by step. It changes nothing.
// The responder takes up to 25 seconds, when there are many members that hang or the pool has a long timeout.
func (c *Client) Probe(ctx context.Context, pool, id string) (api.Probes, error) {
	k := call{method: http.MethodPost, path: pathOf("pools", pool, "probe"), most: maxList}
	if id != "" {
		k.query = url.Values{"member": {id}}
	}
	return ask[api.Probes](ctx, c, k)
}
