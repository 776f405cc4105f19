package client

import (
	"context"
	"net/http"

	"example.org/healthlb/api"
)

// Blocklist returns the entries of the block list, and its ETag for Options.IfMatch.
func (c *Client) Blocklist(ctx context.Context) (entries []api.Block, etag string, err error) {
	entries, header, err := askHeader[[]api.Block](ctx, c, call{method: http.MethodGet, path: pathOf("blocklist"), most: maxList})
	if err != nil {
		return nil, "", err
	}
	return entries, header.Get("ETag"), nil
}

// BlocklistText returns the block list in the text form, one entry a line.
func (c *Client) BlocklistText(ctx context.Context) ([]byte, error) {
	_, text, err := c.do(ctx, call{method: http.MethodGet, path: pathOf("blocklist"), accept: mediaText, most: maxList})
	return text, err
}

// AddBlocks adds entries, each in the place of the one with its address, pool and owner.
func (c *Client) AddBlocks(ctx context.Context, entries []api.Block, o Options) (api.Effect, error) {
	if entries == nil {
		entries = []api.Block{} // null is no list
	}
	return ask[api.Effect](ctx, c, o.change(http.MethodPost, pathOf("blocklist"), entries))
}

// PutBlocklistText makes the block list another one, in the text form. An empty text empties the list.
func (c *Client) PutBlocklistText(ctx context.Context, list []byte, o Options) (api.Effect, error) {
	k := o.change(http.MethodPut, pathOf("blocklist"), nil)
	k.text = append([]byte{}, list...) // not nil
	return ask[api.Effect](ctx, c, k)
}

// RemoveBlock removes the entries of an address or a network: those for all pools, or with a pool those for it. With Options.Owner only
// that owner's and nobody's go; without it all go.
func (c *Client) RemoveBlock(ctx context.Context, address, pool string, o Options) (api.Effect, error) {
	k := o.change(http.MethodDelete, pathOf("blocklist", address), nil)
	if pool != "" {
		k.query.Set("pool", pool)
	}
	return ask[api.Effect](ctx, c, k)
}
