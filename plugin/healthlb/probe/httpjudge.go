package probe

import (
	"fmt"
	"net/http"

	"example.org/healthlb/plugin/healthlb/health"
)

// judge is the result of an answer, or the next request if it is a redirect that is followed.
func (v *httpVisit) judge(q httpRequest, resp *http.Response, x *exchange) (Result, *httpRequest) {
	switch code := resp.StatusCode; {
	case v.check.opts.Status.Has(code):
		return v.judgeBody(resp, x), nil
	case IsRedirect(code):
		return v.redirected(q, resp)
	case code == http.StatusServiceUnavailable && len(v.check.opts.Lame) > 0:
		return v.judgeLame(resp, x), nil
	default:
		return fail("status " + resp.Status), nil
	}
}

// judgeLame is the result of a 503: the member may just want no traffic.
func (v *httpVisit) judgeLame(resp *http.Response, x *exchange) Result {
	if lame := v.check.opts.Lame; x.body.contains(lame) {
		reason := fmt.Sprintf("status %s, and the body says %s", resp.Status, excerpt(lame))
		return Result{Outcome: health.LameDuck, Reason: printable(reason)}
	}
	if err := x.broken(); err != nil {
		if r := v.lost("body", err); r.Outcome == health.Inconclusive {
			return r
		}
	}
	return fail("status " + resp.Status)
}
