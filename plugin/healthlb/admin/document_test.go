package admin

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// contract is every call that there must be.
const contract = `
GET /openapi.json
GET /v1/pools
GET PUT DELETE /v1/pools/{pool}
PUT DELETE /v1/pools/{pool}/members/{id}
PUT DELETE /v1/pools/{pool}/members/{id}/drain
PUT /v1/pools/{pool}/members/{id}/load
POST /v1/pools/{pool}/registrations
PUT DELETE /v1/pools/{pool}/registrations/{id}
GET PUT POST /v1/blocklist
DELETE /v1/blocklist/{prefix}
GET PUT /v1/pools/{pool}/rollout
POST /v1/pools/{pool}/rollout/pause
POST /v1/pools/{pool}/rollout/resume
POST /v1/pools/{pool}/rollout/cancel
POST /v1/pools/{pool}/rollout/report
POST /v1/pools/{pool}/probe
GET /v1/events
GET /v1/explain
`

// The parts of the document that are looked at.
type (
	documentOp struct {
		OperationID string
		Summary     string
		Parameters  []struct {
			Name, In, Description string
			Required              bool
		}
		RequestBody *struct {
			Content  map[string]documentMedia
			Required bool
		}
		Responses map[string]struct {
			Ref         string `json:"$ref"`
			Description string
			Content     map[string]documentMedia
			Headers     map[string]any
		}
		Security []map[string][]string
	}
	documentMedia struct {
		Schema struct {
			Ref   string `json:"$ref"`
			Type  string
			Items struct {
				Ref string `json:"$ref"`
			}
		}
	}
)

func TestDocument(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, new(fake)))
	r := c.do(t, "GET", "/openapi.json", "")
	var d struct {
		OpenAPI    string
		Info       struct{ Title, Version string }
		Paths      map[string]map[string]documentOp
		Components struct {
			Schemas map[string]struct {
				AdditionalProperties any
				Properties           map[string]any
			}
			SecuritySchemes map[string]any
		}
	}
	if err := json.Unmarshal([]byte(r.body), &d); err != nil || !regexp.MustCompile(`^3\.1\.\d+$`).MatchString(d.OpenAPI) || d.Info.Title == "" || d.Info.Version == "" {
		t.Fatalf("%v: %.200s", err, r.body)
	}

	var got, want []string
	for path, ops := range d.Paths {
		for method := range ops {
			got = append(got, strings.ToUpper(method)+" "+path)
		}
	}
	for line := range strings.Lines(strings.TrimSpace(contract)) {
		words := strings.Fields(line)
		for _, method := range words[:len(words)-1] {
			want = append(want, method+" "+words[len(words)-1])
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the document has %q, want %q", got, want)
	}
	if len(want) != len(allCalls) {
		t.Errorf("%d calls are tested, of %d", len(allCalls), len(want))
	}

	wantRefs(t, r.body)
	ids := make(map[string]bool)
	for path, ops := range d.Paths {
		for method, op := range ops {
			checkOperation(t, strings.ToUpper(method)+" "+path, op)
			if ids[op.OperationID] {
				t.Errorf("two calls are %s", op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}

	// the parts that are not like the others
	blocks, events := d.Paths["/v1/blocklist"], d.Paths["/v1/events"]["get"].Responses["200"].Content
	for _, content := range []map[string]documentMedia{
		blocks["get"].Responses["200"].Content, blocks["put"].RequestBody.Content, blocks["post"].RequestBody.Content,
	} {
		if content[mediaText].Schema.Type != "string" || content[mediaJSON].Schema.Items.Ref != "#/components/schemas/Block" {
			t.Errorf("forms of block lists: %+v", content)
		}
	}
	if events[mediaStream].Schema.Type != "string" || events[mediaJSON].Schema.Items.Ref != "#/components/schemas/Event" {
		t.Errorf("forms of events: %+v", events)
	}
	for path, schema := range map[string]string{
		"/v1/pools/{pool}": "PoolSpec", "/v1/pools/{pool}/members/{id}": "MemberSpec", "/v1/pools/{pool}/members/{id}/drain": "DrainSpec",
		"/v1/pools/{pool}/rollout": "RolloutSpec",
	} {
		body := d.Paths[path]["put"].RequestBody
		if body == nil || body.Content[mediaJSON].Schema.Ref != "#/components/schemas/"+schema || body.Required != (schema != "DrainSpec") {
			t.Errorf("body of PUT %s: %+v", path, body)
		}
		if d.Components.Schemas[schema].AdditionalProperties != false {
			t.Errorf("%s lets other fields pass", schema)
		}
	}
	if d.Components.Schemas["Pool"].AdditionalProperties != nil || len(d.Components.Schemas["Pool"].Properties) == 0 {
		t.Error("Pool may have no other fields some day")
	}
	for schema, fields := range map[string][]string{"MemberChange": {"member", "changed"}, "RegistrationSpec": {"ttl", "addresses"}, "Problem": {"detail", "effect"}} {
		for _, field := range fields {
			if d.Components.Schemas[schema].Properties[field] == nil {
				t.Errorf("%s has no field %s: %v", schema, field, slices.Sorted(maps.Keys(d.Components.Schemas[schema].Properties)))
			}
		}
	}
	if len(d.Components.SecuritySchemes) != 2 {
		t.Errorf("security %v", d.Components.SecuritySchemes)
	}
}

// checkOperation checks what every call says of itself.
func checkOperation(t *testing.T, name string, op documentOp) {
	t.Helper()
	if op.OperationID == "" || op.Summary == "" {
		t.Errorf("%s has no name or summary", name)
	}
	method, path, _ := strings.Cut(name, " ")
	for _, p := range op.Parameters {
		if p.Description == "" || p.In == "path" && (!p.Required || !strings.Contains(path, "{"+p.Name+"}")) {
			t.Errorf("%s: parameter %+v", name, p)
		}
	}
	for _, m := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(path, -1) {
		if !slices.ContainsFunc(op.Parameters, func(p struct {
			Name, In, Description string
			Required              bool
		}) bool {
			return p.In == "path" && p.Name == m[1]
		}) {
			t.Errorf("%s: no parameter %s", name, m[1])
		}
	}
	roles := make(map[string]bool)
	for _, way := range op.Security {
		for _, role := range way[byToken] {
			roles[role] = true
		}
	}
	if !roles["operate"] || roles["read"] != (method == "GET") || roles["register"] != (strings.Contains(path, "/registrations") || strings.HasSuffix(path, "/load")) {
		t.Errorf("%s: roles %v", name, roles)
	}
	successes := 0
	for status, r := range op.Responses {
		switch {
		case status[0] == '2':
			successes++
			if len(r.Content) == 0 || r.Description == "" {
				t.Errorf("%s: success %+v", name, r)
			}
		case !strings.HasPrefix(r.Ref, "#/components/responses/"):
			t.Errorf("%s: %s is %+v", name, status, r)
		}
	}
	if _, found := op.Responses["default"]; !found || successes != 1 {
		t.Errorf("%s: %d successes in %v", name, successes, slices.Sorted(maps.Keys(op.Responses)))
	}
}

// wantRefs resolves each reference of the document.
func wantRefs(t *testing.T, document string) {
	t.Helper()
	var root any
	if err := json.Unmarshal([]byte(document), &root); err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				n++
				at := root
				for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
					inner, _ := at.(map[string]any)
					at = inner[step]
				}
				if at == nil || !strings.HasPrefix(ref, "#/components/") {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(root)
	if n < 50 {
		t.Errorf("only %d references", n)
	}
}

// TestDocumentedParametersAreTaken checks that a call takes the query that it says it takes.
func TestDocumentedParametersAreTaken(t *testing.T) {
	c := clientOf(t, serve(t, Settings{}, &fake{name: "www."}))
	good := map[string]string{"dry_run": "1", "force": "false", "require_healthy": "0", "owner": "ann", "pool": "www.", "after": "1", "limit": "5",
		"name": "www", "client": "192.0.2.1", "type": "AAAA", "without": "a", "region": "eu"}
	s := serve(t, Settings{}, new(fake)).current.Load()
	for path, item := range s.api.OpenAPI().Paths {
		if item.Get == nil {
			continue
		}
		query := "?"
		for _, p := range item.Get.Parameters {
			if p.In == "query" {
				query += p.Name + "=" + good[p.Name] + "&"
			}
		}
		path = strings.NewReplacer("{pool}", "www.", "{id}", "a").Replace(path)
		c.do(t, "GET", path+strings.TrimRight(query, "?&"), "", acceptJSON).want(t, 200)
	}
}
