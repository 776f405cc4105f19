package client

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestPoolsOverPages(t *testing.T) {
	pages := map[string][]string{"": {"a.", "b."}, "b.": {"c.", "d&e."}, "d&e.": {"f."}}
	var asked []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.RequestURI)
		page := pages[r.URL.Query().Get("after")]
		if len(page) == 2 {
			next := url.Values{"after": {page[1]}, "limit": {"100"}}
			w.Header().Add("Link", `</openapi.json>; rel="service-desc"`)
			w.Header().Add("Link", `<https://elsewhere.example/v1/pools?`+next.Encode()+`>; title="x"; rel="next last"`)
		}
		fmt.Fprintf(w, `[{"name":%q}`, page[0])
		for _, name := range page[1:] {
			fmt.Fprintf(w, `,{"name":%q}`, name)
		}
		fmt.Fprint(w, `]`)
	})
	c := clientOf(t, Settings{Server: server})
	var names []string
	for pool, err := range c.Pools(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, pool.Name)
	}
	if want := []string{"a.", "b.", "c.", "d&e.", "f."}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	want := []string{"/v1/pools?limit=100", "/v1/pools?after=b.&limit=100", "/v1/pools?after=d%26e.&limit=100"}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}

	asked = nil
	for range c.Pools(t.Context()) {
		break
	}
	if len(asked) != 1 {
		t.Errorf("who stops in the first page has asked for %v", asked)
	}
}

func TestPoolsThatFail(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, after string)
		pools  int
		want   string
	}{
		{"an error on the second page", func(w http.ResponseWriter, after string) {
			if after != "" {
				w.WriteHeader(503)
				return
			}
			w.Header().Set("Link", `</v1/pools?after=a.>; rel="next"`)
			fmt.Fprint(w, `[{"name":"a."}]`)
		}, 1, "503 Service Unavailable"},
		{"a list that goes in a circle", func(w http.ResponseWriter, _ string) {
			w.Header().Set("Link", `</v1/pools?after=a.>; rel="next"`)
			fmt.Fprint(w, `[{"name":"a."}]`)
		}, 2, `does not come to an end: it says again to go on after "a."`},
		{"empty pages", func(w http.ResponseWriter, after string) {
			w.Header().Set("Link", `</v1/pools?after=`+after+`a>; rel="next"`)
			fmt.Fprint(w, `[]`)
		}, 0, "does not come to an end"},
		{"no list", func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{}`) }, 0, "is not understood"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) { test.answer(w, r.URL.Query().Get("after")) })
			pools, errs := 0, []error(nil)
			for _, err := range clientOf(t, Settings{Server: server}).Pools(t.Context()) {
				if err == nil {
					pools++
					continue
				}
				errs = append(errs, err)
			}
			if pools != test.pools || len(errs) != 1 || !strings.Contains(errs[0].Error(), test.want) || !strings.Contains(errs[0].Error(), server) {
				t.Errorf("%d pools and then %v, want %d and %s", pools, errs, test.pools, test.want)
			}
		})
	}
}

func TestNextPage(t *testing.T) {
	for _, test := range []struct{ link, want string }{
		{`</v1/pools?after=b.&limit=2>; rel="next"`, "b."}, {`</v1/pools?after=b.>;rel=next`, "b."}, {`</v1/pools?after=b.> ; REL="NEXT"`, "b."},
		{`</v1/pools?after=a.>; rel="prev", </v1/pools?after=b.>; rel="next"`, "b."}, {`</v1/pools?after=b.>; rel="prev"`, ""},
		{``, ""}, {`</v1/pools?after=b.>`, ""}, {`/v1/pools?after=b.; rel="next"`, ""}, {`</v1/pools>; rel="next"`, ""}, {`<%zz>; rel="next"`, ""},
		{`<`, ""}, {`<>`, ""}, {`<;>; rel`, ""}, {`,,,`, ""},
	} {
		if got := nextOf(http.Header{"Link": {test.link}}); got != test.want {
			t.Errorf("%s: %q, want %q", test.link, got, test.want)
		}
	}
}

func FuzzNextPage(f *testing.F) {
	f.Add(`</v1/pools?after=b.&limit=2>; rel="next"`)
	f.Add(`<a>; rel=prev, <b?after=c>; rel="x next"`)
	f.Fuzz(func(t *testing.T, link string) { nextOf(http.Header{"Link": {link}}) })
}
