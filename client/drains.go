package client

import (
	"context"
	"net/http"

	"example.org/healthlb/api"
)

// Drain takes a member out of answers.
func (c *Client) Drain(ctx context.Context, pool, id string, spec api.DrainSpec, o Options) (api.DrainChange, error) {
	return ask[api.DrainChange](ctx, c, o.change(http.MethodPut, pathOf("pools", pool, "members", id, "drain"), spec))
}

// Undrain lets a member back in. Options.Owner says whose drain it is.
func (c *Client) Undrain(ctx context.Context, pool, id string, o Options) (api.DrainChange, error) {
	return ask[api.DrainChange](ctx, c, o.change(http.MethodDelete, pathOf("pools", pool, "members", id, "drain"), nil))
}
