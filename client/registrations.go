package client

import (
	"context"
	"net/http"

	"example.org/healthlb/api"
)

// PostRegistration registers a member once. The secret is that of an earlier registration of the same member; empty: none. Register does
// this and all that follows.
func (c *Client) PostRegistration(ctx context.Context, pool string, spec api.RegistrationSpec, secret string) (api.Registration, error) {
	return c.registration(ctx, call{method: http.MethodPost, path: pathOf("pools", pool, "registrations"), send: spec}, secret)
}

// RenewRegistration prolongs the lease of a registration once.
func (c *Client) RenewRegistration(ctx context.Context, pool, id, secret string) (api.Registration, error) {
	return c.registration(ctx, call{method: http.MethodPut, path: pathOf("pools", pool, "registrations", id)}, secret)
}

// DeleteRegistration ends a registration.
func (c *Client) DeleteRegistration(ctx context.Context, pool, id, secret string) (api.Registration, error) {
	return c.registration(ctx, call{method: http.MethodDelete, path: pathOf("pools", pool, "registrations", id)}, secret)
}

// secretHeader carries the secret of a registration.
const secretHeader = "Registration-Secret"

// registration makes a call of a server about itself.
func (c *Client) registration(ctx context.Context, k call, secret string) (api.Registration, error) {
	k.header = map[string]string{secretHeader: secret}
	return ask[api.Registration](ctx, c, k)
}
