package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"example.org/healthlb/api"
)

// Pools goes through all pools in the order of their names, page by page. An error ends it.
func (c *Client) Pools(ctx context.Context) iter.Seq2[api.Pool, error] {
	return func(yield func(api.Pool, error) bool) {
		after := ""
		for {
			page, next, err := c.poolsAfter(ctx, after)
			if err != nil {
				yield(api.Pool{}, err)
				return
			}
			for _, pool := range page {
				if !yield(pool, nil) {
					return
				}
			}
			switch {
			case next == "":
				return
			case next == after || len(page) == 0:
				yield(api.Pool{}, fmt.Errorf("healthlb at %s: the list of pools does not come to an end: it says again to go on after %q",
					c.server, next))
				return
			}
			after = next
		}
	}
}

// poolsPage is how many pools are asked for at once: a page of pools of 500 members each is well within maxList.
const poolsPage = 100

// poolsAfter returns the pools behind one, and behind which there are more; empty: there are none.
func (c *Client) poolsAfter(ctx context.Context, after string) (page []api.Pool, next string, err error) {
	q := url.Values{"limit": {strconv.Itoa(poolsPage)}}
	if after != "" {
		q.Set("after", after)
	}
	page, header, err := askHeader[[]api.Pool](ctx, c, call{method: http.MethodGet, path: pathOf("pools"), query: q, most: maxList})
	if err != nil {
		return nil, "", err
	}
	return page, nextOf(header), nil
}

// nextOf is what the next page comes after, by a Link header (RFC 8288); empty: there is none. It is all that is taken from the link, as
// calls go to one server only.
func nextOf(header http.Header) string {
	for link := range strings.SplitSeq(strings.Join(header.Values("Link"), ","), ",") {
		target, params, found := strings.Cut(strings.TrimSpace(link), ">")
		if !found || !strings.HasPrefix(target, "<") || !isNext(params) {
			continue
		}
		if u, err := url.Parse(target[1:]); err == nil {
			return u.Query().Get("after")
		}
	}
	return ""
}

// isNext tells whether a link's parameters say that it is the next page's.
func isNext(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "rel") {
			rels := strings.Fields(strings.ToLower(strings.Trim(value, `"`)))
			return slices.Contains(rels, "next")
		}
	}
	return false
}

// Pool returns one pool.
func (c *Client) Pool(ctx context.Context, pool string) (api.Pool, error) {
	return ask[api.Pool](ctx, c, call{method: http.MethodGet, path: pathOf("pools", pool), most: maxList})
}

// PutPool makes a pool at run time, or gives it other lines.
func (c *Client) PutPool(ctx context.Context, pool string, spec api.PoolSpec, o Options) (api.PoolChange, error) {
	if spec.Lines == nil {
		spec.Lines = []string{} // JSON has another word for no list
	}
	return ask[api.PoolChange](ctx, c, o.change(http.MethodPut, pathOf("pools", pool), spec))
}

// DeletePool takes a pool away that was made at run time.
func (c *Client) DeletePool(ctx context.Context, pool string, o Options) (api.PoolChange, error) {
	return ask[api.PoolChange](ctx, c, o.change(http.MethodDelete, pathOf("pools", pool), nil))
}
