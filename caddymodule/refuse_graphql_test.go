package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Refusals below the path of GraphQL are what its clients show as errors.
func TestGraphQLRefusals(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, map[string]string{"MORE": "graphql /graphql {\n\t\t\tmax_body 1KiB\n\t\t}"})
	const json0, accepts = "Content-Type: application/json", "Accept: text/html, application/graphql-response+json;q=0.9"
	mutation := `{"query":"mutation { createArticle }"}`
	for name, test := range map[string]struct {
		headers     []string
		body        string
		status      int
		code        string
		reason      string
		batch       int
		contentType string
	}{
		"forbidden":          {[]string{g.bearer("readonly"), json0}, mutation, 403, "FORBIDDEN", "missing_permission", 0, "application/json; charset=utf-8"},
		"the type it takes":  {[]string{g.bearer("readonly"), json0, accepts}, mutation, 403, "FORBIDDEN", "missing_permission", 0, "application/graphql-response+json; charset=utf-8"},
		"in a batch":         {[]string{g.bearer("readonly"), json0}, "[" + mutation + "," + mutation + "]", 403, "FORBIDDEN", "missing_permission", 2, "application/json; charset=utf-8"},
		"no token":           {[]string{json0}, mutation, 401, "UNAUTHENTICATED", "invalid_token", 0, "application/json; charset=utf-8"},
		"an unknown hash":    {[]string{g.bearer("readonly"), json0}, `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("0", 64) + `"}}}`, 400, "PERSISTED_QUERY_NOT_FOUND", "unknown_document", 0, "application/json; charset=utf-8"},
		"no document":        {[]string{g.bearer("readonly"), json0}, "{}", 400, "BAD_REQUEST", "ambiguous_request", 0, "application/json; charset=utf-8"},
		"a broken document":  {[]string{g.bearer("readonly"), json0}, `{"query":"{"}`, 400, "GRAPHQL_PARSE_FAILED", "ambiguous_request", 0, "application/json; charset=utf-8"},
		"too long":           {[]string{g.bearer("readonly"), json0}, `{"query":"{ a }` + strings.Repeat(" ", 1024) + `"}`, 413, "LIMIT_EXCEEDED", "too_large", 0, "application/json; charset=utf-8"},
		"a type not read":    {[]string{g.bearer("readonly"), "Content-Type: text/plain"}, mutation, 400, "BAD_REQUEST", "ambiguous_request", 0, "application/json; charset=utf-8"},
		"two sources":        {[]string{g.bearer("full"), "X-API-Key: " + g.tokens["full"].secret, json0}, mutation, 400, "BAD_REQUEST", "ambiguous_credential", 0, "application/json; charset=utf-8"},
		"a path below, case": {[]string{json0}, mutation, 401, "UNAUTHENTICATED", "invalid_token", -1, "application/json; charset=utf-8"},
	} {
		target := "/graphql"
		if test.batch < 0 {
			target = "/GraphQL/batch"
		}
		a := g.askWith("POST", target, test.body, test.headers...)
		if a.status != test.status || a.header.Get("Content-Type") != test.contentType {
			t.Errorf("%s: %v", name, a)
			continue
		}
		var answers []graphQLAnswer
		if test.batch > 0 {
			if err := json.Unmarshal([]byte(a.body), &answers); err != nil || len(answers) != test.batch {
				t.Errorf("%s: %v, %v", name, err, a)
				continue
			}
		} else {
			answers = make([]graphQLAnswer, 1)
			if err := json.Unmarshal([]byte(a.body), &answers[0]); err != nil {
				t.Errorf("%s: %v, %v", name, err, a)
				continue
			}
		}
		for _, answer := range answers {
			e := answer.Errors[0]
			if e.Message == "" || e.Extensions["code"] != test.code || e.Extensions["reason"] != test.reason {
				t.Errorf("%s: %v", name, a)
			}
		}
	}
	if got := b.take(); len(got) > 0 {
		t.Errorf("the backend got %q", got)
	}
	// Elsewhere they are problems as ever.
	if a := g.ask("GET", "/graphqlx"); a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v", a)
	}
}

// A preflight to GraphQL goes on without its query, which some servers would run.
func TestGraphQLPreflightHasNoQuery(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, map[string]string{"MORE": "graphql /graphql"})
	preflight := []string{"Origin: https://x.test", "Access-Control-Request-Method: POST"}
	for target, want := range map[string]string{"/graphql?query=mutation%7Ba%7D": "/graphql", "/graphql?": "/graphql", "/x?query=1": "/x?query=1"} {
		if a := g.ask(http.MethodOptions, target, preflight...); a.status != 200 {
			t.Errorf("%s: %v", target, a)
		}
		if got := b.only(t).target(); got != want {
			t.Errorf("%s: the backend got %s", target, got)
		}
	}
	if strings.Contains(fmt.Sprint(g.log()), "panic") {
		t.Error(g.log())
	}
}

// What is wrong with a request is told with a piece of it, to the log too, which need not be
// ours. A secret that stands where none belongs is no such piece.
func TestRefusalsQuoteNoSecret(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), map[string]string{"MORE": "graphql /graphql"})
	secret := g.tokens["full"].secret
	for _, x := range []struct{ target, body string }{
		{"/graphql", `{"query":"{ articles }","` + secret + `":1}`},
		{"/graphql", `{"query":"{ articles } ` + secret + `"}`},
		{"/graphql", `{"query":"{ articles }","operationName":{"` + secret + `":1}}`},
		{"/graphql?a=" + secret + "%zz", ""},
		{"/graphql?query=" + secret, ""},
		{"/graphql?" + secret + "[]=1&query[]=x", ""},
	} {
		method := "POST"
		if x.body == "" {
			method = "GET"
		}
		a := g.askWith(method, x.target, x.body, g.bearer("readonly"), "Content-Type: application/json")
		if a.status != http.StatusBadRequest || strings.Contains(a.body, secret[:20]) {
			t.Errorf("%s %s: %v", x.target, x.body, a)
		}
	}
	if log := g.log(); strings.Contains(log, secret[:20]) || strings.Count(log, "request refused") != 6 {
		t.Error(log)
	}
}
