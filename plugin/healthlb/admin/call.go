package admin

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"example.org/healthlb/plugin/healthlb/block"
)

// call is one operation: where it is, who may make it, what it takes, and what it says of itself in the OpenAPI document. What a call
// takes and what the document says it takes are the same lists. Who may make it: tokens with the role operate any call, those with the
// role read GET.
type call struct {
	method, path string
	id           string // in the document
	summary      string // the same, in one line
	text         string // the same, whatever more is to be said

	register bool // tokens with the role register may make it too
	query    []parameter
	secret   bool      // it looks at the header Registration-Secret
	body     *bodyRule // nil: it takes none
	fields   []string  // of the object that is its body; nil: the call reads its body itself

	status   int                        // of success; 0: 200
	headers  map[string]string          // of the answer, and what they say
	fails    []int                      // what else may go wrong, besides what goes wrong with any call
	accepts  map[string]*huma.MediaType // a body that the call reads itself
	produces map[string]*huma.MediaType // an answer that the call writes itself
}

// request is a request whose frame is right: its path, its query and the form of its body.
type request struct {
	*http.Request
	to       *answer
	by       string // who asks
	query    map[string]string
	flags    map[string]bool // of the query; those not given are off
	pool, id string          // of the path, where it has them
	accept   string          // the Accept headers; those of Request are gone
	secret   string          // the header Registration-Secret
	body     []byte
	form     string // of body
}

// order is what all changes have in common.
func (r *request) order() Order {
	return Order{DryRun: r.flags[dryRun.name], Force: r.flags[force.name], By: r.by}
}

type requestKey struct{}

func requestOf(ctx context.Context) *request { return ctx.Value(requestKey{}).(*request) }

// input and output are the forms in which huma wants to have bodies.
type (
	input[T any]  struct{ Body T }
	output[T any] struct{ Body T }
	direct        struct{ Body func(huma.Context) } // for who writes the answer himself
)

// ask registers a call without a body, or with one that it reads itself.
func ask[Out any](s *service, c call, do func(*service, *request) (Out, error)) {
	huma.Register(s.api, s.operation(&c), func(ctx context.Context, _ *struct{}) (*output[Out], error) {
		out, err := do(s, requestOf(ctx))
		if err != nil {
			return nil, s.problemOf(err)
		}
		return &output[Out]{out}, nil
	})
	s.documented(&c)
}

// send registers a call with a JSON object as its body. With a pointer as In the body may be empty, and the pointer nil then.
func send[In, Out any](s *service, c call, do func(*service, *request, In) (Out, error)) {
	c.fields = fieldNames(reflect.TypeFor[In]())
	huma.Register(s.api, s.operation(&c), func(ctx context.Context, in *input[In]) (*output[Out], error) {
		out, err := do(s, requestOf(ctx), in.Body)
		if err != nil {
			return nil, s.problemOf(err)
		}
		return &output[Out]{out}, nil
	})
	s.documented(&c)
}

// answers registers a call that writes its answer itself. An error it returns is answered with, so it writes nothing before.
func answers(s *service, c call, do func(*service, *request) error) {
	huma.Register(s.api, s.operation(&c), func(ctx context.Context, _ *struct{}) (*direct, error) {
		return &direct{func(huma.Context) {
			r := requestOf(ctx)
			if err := do(s, r); err != nil {
				s.fail(r.to, err)
			}
		}}, nil
	})
	s.documented(&c)
}

// receive reads the frame of a request before huma sees it, so that there is one way to say what is wrong with it.
func (s *service) receive(c *call) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		req, err := c.read(w.(*answer), r)
		if err != nil {
			s.fail(w, err)
			return
		}
		next(huma.WithValue(ctx, requestKey{}, req))
	}
}

// read checks all that is not in the body, and reads it.
func (c *call) read(w *answer, r *http.Request) (req *request, err error) {
	req = &request{Request: r, to: w, flags: make(map[string]bool)}
	req.by, _ = r.Context().Value(callerKey{}).(string)
	if req.query, err = parseQuery(r, names(c.query)...); err != nil {
		return nil, err
	}
	for _, p := range c.query {
		if p.flag {
			if req.flags[p.name], err = parseFlag(req.query, p.name); err != nil {
				return nil, err
			}
		}
	}
	if strings.Contains(c.path, "{pool}") {
		if req.pool, err = block.ParsePool(r.PathValue("pool")); err != nil {
			return nil, NewProblem(http.StatusBadRequest, "%v", err)
		}
	}
	if strings.Contains(c.path, "{id}") {
		req.id = r.PathValue("id")
		if err := checkWord("member", req.id); err != nil {
			return nil, err
		}
	}
	if c.secret {
		if req.secret, err = single(r.Header, secretHeader); err != nil {
			return nil, err
		}
	}
	if err := c.readBody(req); err != nil {
		return nil, err
	}
	// huma would choose among the forms that it knows, and knows of one for answers and one for problems.
	req.accept = strings.Join(r.Header.Values("Accept"), ",")
	r.Header.Set("Accept", mediaJSON)
	return req, nil
}

// single returns the value of a header that may stand once; empty when it is not there. The error does not tell the value.
func single(header http.Header, name string) (string, error) {
	switch values := header.Values(name); len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	default:
		return "", NewProblem(http.StatusBadRequest, "the header %s stands %d times: want it once", name, len(values))
	}
}
