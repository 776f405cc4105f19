package client

import "net/url"

// Options are what changes can be asked to heed. A responder refuses, with status 400, an option that the call does not know.
type Options struct {
	DryRun         bool   // tell the effect only
	Force          bool   // do it even when it takes a pool below min_up, or when it is another owner's
	RequireHealthy bool   // PutMember: probe it first, and refuse it with status 422 when it fails
	Owner          string // Undrain, RemoveBlock: whose order is taken back
	IfMatch        string // changes of the block list: only if it is still the one with this ETag; status 412 if not
}

// query is the options as parameters.
func (o Options) query() url.Values {
	q := url.Values{}
	for name, on := range map[string]bool{"dry_run": o.DryRun, "force": o.Force, "require_healthy": o.RequireHealthy} {
		if on {
			q.Set(name, "1")
		}
	}
	if o.Owner != "" {
		q.Set("owner", o.Owner)
	}
	return q
}

// change is a call that changes something. Its answer tells of all the addresses that it touched.
func (o Options) change(method, path string, send any) call {
	return call{method: method, path: path, query: o.query(), header: map[string]string{"If-Match": o.IfMatch}, send: send, most: maxList}
}
