package admin

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"example.org/healthlb/api"
)

// The schemes of security, which are in force as the admin line of the Corefile says: none, one or both.
const (
	byToken       = "token"
	byCertificate = "certificate"
)

// newConfig is what is said of the calls as a whole. huma's pages of documentation, its own routes and all that it would add to answers
// stay off.
func newConfig() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer) // it panics when two types have one name
	registry.RegisterTypeAlias(reflect.TypeFor[Problem](), reflect.TypeFor[api.Problem]())
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "healthlb", Version: "1",
				Description: "The admin endpoint of healthlb. Pools are named by domain names; the dot at the end may be left out, and is always told. " +
					"Times are RFC 3339 in UTC. Errors are problem documents of RFC 9457. Unknown fields and parameters are errors.",
			},
			Components: &huma.Components{
				Schemas:   registry,
				Responses: make(map[string]*huma.Response),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					byToken:       {Type: "http", Scheme: "bearer", Description: "a token of the token file; its role is read, register or operate"},
					byCertificate: {Type: "mutualTLS", Description: "a client certificate of the client CA; with a token file, beside the token"},
				},
			},
		},
		Formats:       formats,
		DefaultFormat: mediaJSON,
	}
}

// openAnswers takes back, for what is in answers only, that there are no other fields: there may be some day.
func (s *service) openAnswers() {
	closed := make(map[*huma.Schema]bool)
	schemas := s.api.OpenAPI().Components.Schemas
	for _, item := range s.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Put, item.Post} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			schema := op.RequestBody.Content[mediaJSON].Schema
			if schema.Items != nil {
				schema = schema.Items
			}
			closed[schemas.SchemaFromRef(schema.Ref)] = true
		}
	}
	for _, schema := range schemas.Map() {
		if !closed[schema] {
			schema.AdditionalProperties = nil
		}
	}
}

// documentCalls registers the document itself, which it is in too. It is made when it is asked for first.
func (s *service) documentCalls() {
	document := sync.OnceValues(func() ([]byte, error) {
		body, err := json.Marshal(s.api.OpenAPI())
		return append(body, '\n'), err
	})
	answers(s, call{
		method: http.MethodGet, path: "/openapi.json", id: "openapi",
		summary: "Show this document", produces: content(mediaJSON, &huma.Schema{Type: huma.TypeObject}),
	}, func(_ *service, r *request) error {
		body, err := document()
		if err != nil {
			return err
		}
		r.to.Header().Set("Content-Type", mediaJSON)
		_, err = r.to.Write(body)
		return err
	})
}

// operation notes a call, and returns what huma is to know of it.
func (s *service) operation(c *call) huma.Operation {
	s.offer(c)
	if c.status == 0 {
		c.status = http.StatusOK
	}
	return huma.Operation{
		Method: c.method, Path: c.path, OperationID: c.id, Summary: c.summary, Description: c.text,
		Tags:          c.tags(),
		DefaultStatus: c.status,
		MaxBodyBytes:  -1, // receive has read the body, and knows better
		Middlewares:   huma.Middlewares{s.receive(c)},
		Parameters:    c.parameters(),
		Security:      c.security(),
		Responses:     c.responses(s),
	}
}

// documented adds what would make huma read the body if it knew it earlier.
func (s *service) documented(c *call) {
	if c.accepts == nil {
		return
	}
	body := &huma.RequestBody{Content: c.accepts, Required: true}
	item := s.api.OpenAPI().Paths[c.path]
	for _, op := range []*huma.Operation{item.Put, item.Post} {
		if op != nil && op.OperationID == c.id {
			op.RequestBody = body
		}
	}
}

// tags group the calls by what they are about.
func (c *call) tags() []string {
	words := strings.Split(strings.TrimPrefix(c.path, "/v1/"), "/")
	switch {
	case words[0] == "":
		return nil
	case len(words) > 4:
		return words[4:5] // what a member has
	case len(words) > 2:
		return words[2:3] // what a pool has
	}
	return words[:1]
}

// parameters are those of the path, the query and headers.
func (c *call) parameters() (list []*huma.Param) {
	word := func() *huma.Schema { return &huma.Schema{Type: huma.TypeString} }
	for _, p := range []parameter{
		{name: "pool", doc: "the name of a pool; the dot at the end may be left out"},
		{name: "id", doc: "the id of a member"},
		{name: "prefix", doc: "an address, or a network in CIDR notation"},
	} {
		if strings.Contains(c.path, "{"+p.name+"}") {
			list = append(list, &huma.Param{Name: p.name, In: "path", Required: true, Description: p.doc, Schema: word()})
		}
	}
	for _, p := range c.query {
		schema := word()
		if p.flag {
			schema.Enum = []any{"1", "true", "0", "false"}
		}
		if p.most != 0 {
			least, most := 1., float64(p.most)
			schema = &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most}
		}
		list = append(list, &huma.Param{Name: p.name, In: "query", Required: p.required, Description: p.doc, Schema: schema})
	}
	if c.secret {
		list = append(list, &huma.Param{
			Name: secretHeader, In: "header", Required: c.method != http.MethodPost, // who registers has none yet
			Description: "the secret that the registration was answered with", Schema: word(),
		})
	}
	return list
}

// security names the roles that may make the call, any of which will do.
func (c *call) security() []map[string][]string {
	roles := []string{"operate"}
	if c.register {
		roles = append(roles, "register")
	}
	if c.method == http.MethodGet {
		roles = append(roles, "read")
	}
	var list []map[string][]string
	for _, role := range roles {
		list = append(list, map[string][]string{byToken: {role}})
	}
	return append(list, map[string][]string{byCertificate: {}}, map[string][]string{})
}

// responses are the answers that the call may get.
func (c *call) responses(s *service) map[string]*huma.Response {
	success := &huma.Response{Description: http.StatusText(c.status), Content: c.produces, Headers: make(map[string]*huma.Param)}
	for name, doc := range c.headers {
		success.Headers[name] = &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	all := map[string]*huma.Response{strconv.Itoa(c.status): success, "default": s.failure(0)}
	for _, status := range c.failures() {
		all[strconv.Itoa(status)] = s.failure(status)
	}
	return all
}

// failure is the answer to an error, by reference; 0 is any other. What is not modified is no error, and has no body.
func (s *service) failure(status int) *huma.Response {
	shared := &huma.Response{Description: http.StatusText(status), Content: content(mediaProblem, schemaOf[api.Problem](s))}
	switch status {
	case http.StatusNotModified:
		shared.Content = nil
	case 0:
		shared.Description = "any other error"
	}
	name := strings.ReplaceAll(http.StatusText(status), " ", "")
	if name == "" {
		name = "Error"
	}
	s.api.OpenAPI().Components.Responses[name] = shared
	return &huma.Response{Ref: "#/components/responses/" + name}
}

// failures are the statuses of the errors that the call may get.
func (c *call) failures() []int {
	list := append([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError}, c.fails...)
	if c.body != nil {
		list = append(list, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if c.method != http.MethodGet {
		list = append(list, http.StatusConflict, http.StatusInsufficientStorage)
	}
	return list
}

// content is a body in one form.
func content(media string, schema *huma.Schema) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{media: {Schema: schema}}
}

// schemaOf is the schema of a type, by reference where it has a name.
func schemaOf[T any](s *service) *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}
