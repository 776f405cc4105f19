package client

import (
	"context"
	"net/http"

	"example.org/healthlb/api"
)

// PutMember adds a member at run time, or makes it another one.
func (c *Client) PutMember(ctx context.Context, pool, id string, spec api.MemberSpec, o Options) (api.MemberChange, error) {
	return ask[api.MemberChange](ctx, c, o.change(http.MethodPut, pathOf("pools", pool, "members", id), spec))
}

// DeleteMember takes a member away that came at run time.
func (c *Client) DeleteMember(ctx context.Context, pool, id string, o Options) (api.MemberChange, error) {
	return ask[api.MemberChange](ctx, c, o.change(http.MethodDelete, pathOf("pools", pool, "members", id), nil))
}

// ReportLoad tells how busy a member is, 0 to 1e9.
func (c *Client) ReportLoad(ctx context.Context, pool, id string, load float64) (api.LoadReport, error) {
	report := struct {
		Load float64 `json:"load"`
	}{load}
	return ask[api.LoadReport](ctx, c, call{
		method: http.MethodPut, path: pathOf("pools", pool, "members", id, "load"), send: report,
	})
}
