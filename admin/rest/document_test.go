package rest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
)

// document is the OpenAPI document as a tree.
var document = sync.OnceValue(func() node {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		panic(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		panic(err)
	}
	return tree
})

// documented finds the operation of a request: "GET /tokens/{id}".
var documented = sync.OnceValue(func() *http.ServeMux {
	mux := http.NewServeMux()
	for path, item := range document().at("paths") {
		for method := range operations(item.(map[string]any)) {
			mux.HandleFunc(method+" "+admin.ManagementPath+path, http.NotFound)
		}
	}
	return mux
})

// operations are those of a path, by method in upper case.
func operations(item node) map[string]node {
	found := map[string]node{}
	for name, op := range item {
		if name != "parameters" {
			found[strings.ToUpper(name)] = op.(map[string]any)
		}
	}
	return found
}

// common are the statuses that any request can get, by the text of the response Common.
var common = []int{400, 403, 413, 415, 421, 429, 500, 503}

// checkAnswer holds an answer against the document.
func checkAnswer(t *testing.T, r *http.Request, a answer) {
	t.Helper()
	record(t, r, a)
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
		"Access-Control-Allow-Origin": "",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s %s: %s is %q, want %q", r.Method, r.URL.Path, name, got, want)
		}
	}
	pattern := ""
	if path.Clean(r.URL.Path) == r.URL.Path {
		_, pattern = documented().Handler(r)
	}
	method, operation, _ := strings.Cut(pattern, " ")
	if pattern == "" {
		if !slices.Contains([]int{204, 404, 405, 421}, a.StatusCode) || a.StatusCode == 204 && r.Method != http.MethodOptions {
			t.Errorf("%s %s is not in the document and got %d", r.Method, r.URL.Path, a.StatusCode)
		}
		if a.StatusCode >= 400 {
			checkProblem(t, r, a, document().at("components", "responses", "Common"))
		}
		return
	}
	op := document().at("paths", strings.TrimPrefix(operation, admin.ManagementPath), strings.ToLower(method))
	responses := op.at("responses")
	status := strconv.Itoa(a.StatusCode)
	found, ok := responses[status].(map[string]any)
	if !ok {
		if !slices.Contains(common, a.StatusCode) {
			t.Errorf("%s: status %d is not in the document: %s", pattern, a.StatusCode, a.body)
			return
		}
		found, ok = responses[status[:1]+"XX"].(map[string]any)
	}
	if !ok {
		t.Errorf("%s: status %d is not in the document", pattern, a.StatusCode)
		return
	}
	response := resolve(found)
	checkHeaders(t, pattern, a, response)
	checkProblem(t, r, a, response)
}

func checkHeaders(t *testing.T, pattern string, a answer, response node) {
	t.Helper()
	headers, _ := response["headers"].(map[string]any)
	for name, header := range headers {
		header := resolve(header.(map[string]any))
		values := a.Header.Values(name)
		if len(values) == 0 && header["required"] == true {
			t.Errorf("%s: %d without %s", pattern, a.StatusCode, name)
		}
		for _, value := range values {
			var typed any = value
			if n, err := strconv.Atoi(value); err == nil {
				typed = float64(n)
			}
			for _, wrong := range check(header.at("schema"), typed, name) {
				t.Errorf("%s: %s", pattern, wrong)
			}
		}
	}
}

// checkProblem holds the body of an answer against what its response has.
func checkProblem(t *testing.T, r *http.Request, a answer, response node) {
	t.Helper()
	content, _ := response["content"].(map[string]any)
	kind := a.Header.Get("Content-Type")
	switch {
	case content == nil && len(a.body) > 0:
		t.Errorf("%s %s: %d has a body", r.Method, r.URL.Path, a.StatusCode)
		return
	case content == nil || r.Method == http.MethodHead:
		return
	case content[kind] == nil:
		t.Errorf("%s %s: %d has type %q, want one of %v", r.Method, r.URL.Path, a.StatusCode, kind, slices.Collect(maps.Keys(content)))
		return
	}
	if !strings.HasSuffix(kind, "json") {
		return
	}
	var value any
	if err := json.Unmarshal(a.body, &value); err != nil {
		t.Errorf("%s %s: %v: %s", r.Method, r.URL.Path, err, a.body)
		return
	}
	schema := node(content).at(kind, "schema")
	for _, wrong := range check(schema, value, "") {
		t.Errorf("%s %s: %d: %s: %s", r.Method, r.URL.Path, a.StatusCode, wrong, a.body)
	}
}

func TestDocumentHasEveryRoute(t *testing.T) {
	inDocument := map[string]node{}
	for path, item := range document().at("paths") {
		for method, op := range operations(item.(map[string]any)) {
			inDocument[method+" "+path] = op
		}
	}
	for _, route := range rest.RoutesForTest() {
		name := route.Method + " " + route.Path
		op, ok := inDocument[name]
		if !ok {
			t.Errorf("%s is not in the document", name)
			continue
		}
		delete(inDocument, name)
		if got, want := queryOf(route.Path, op), slices.Sorted(slices.Values(route.Parameters)); !slices.Equal(got, want) {
			t.Errorf("%s: the document has parameters %v, the route %v", name, got, want)
		}
		security, ok := op["security"].([]any)
		if public := ok && len(security) == 0; public != route.Public {
			t.Errorf("%s: public in the document %v, in the route %v", name, public, route.Public)
		}
		checkRouteBody(t, name, op, route)
	}
	for name := range inDocument {
		t.Errorf("%s is in the document alone", name)
	}
}

func checkRouteBody(t *testing.T, name string, op node, route rest.RouteForTest) {
	t.Helper()
	if op["requestBody"] == nil {
		if route.Body != nil {
			t.Errorf("%s: the document has no body", name)
		}
		return
	}
	body := op.at("requestBody")
	if required := body["required"] == true; required == route.Optional {
		t.Errorf("%s: body required in the document %v, optional in the route %v", name, required, route.Optional)
	}
	schema := body.at("content", "application/json", "schema")
	if got := slices.Sorted(maps.Keys(properties(schema))); !slices.Equal(got, route.Body) {
		t.Errorf("%s: the document has fields %v, the route %v", name, got, route.Body)
	}
}

// queryOf returns the parameters in the query of an operation, sorted.
func queryOf(path string, op node) []string {
	parameters, _ := op["parameters"].([]any)
	shared, _ := document().at("paths", path)["parameters"].([]any)
	var names []string
	for _, p := range append(slices.Clone(parameters), shared...) {
		if p := resolve(p.(map[string]any)); p["in"] == "query" {
			names = append(names, p["name"].(string))
		}
	}
	slices.Sort(names)
	return names
}

func TestDocumentHasClosedLists(t *testing.T) {
	var actions []string
	for _, action := range document().at("components", "schemas", "Action")["enum"].([]any) {
		actions = append(actions, action.(string))
	}
	if !slices.Equal(actions, admin.Actions()) {
		t.Errorf("the document has actions %v, want %v", actions, admin.Actions())
	}
	codes := document().at("components", "schemas", "Code")["enum"].([]any)
	for _, reason := range gate.Reasons() {
		switch reason.Status() {
		case http.StatusOK, http.StatusUnauthorized, http.StatusServiceUnavailable:
			continue // invalid_token, or a failure
		}
		if reason == gate.RefusedIntrospection || reason == gate.UnknownDocument {
			continue // of GraphQL
		}
		if !slices.Contains(codes, any(string(reason))) {
			t.Errorf("the document lacks code %s of the gate", reason)
		}
	}
}

// Every operation of the catalog is exactly one route, and every route that a
// token can use is in the catalog.
func TestCatalogFitsRoutes(t *testing.T) {
	outside := []string{"/session", "/set-up", "/account/password", "/openapi.yaml"} // not for tokens
	routes := map[string]bool{}
	for _, route := range rest.RoutesForTest() {
		if !slices.Contains(outside, route.Path) {
			routes[route.Method+" "+admin.ManagementPath+route.Path] = true
		}
	}
	for _, p := range admin.ManagementPermissions() {
		for _, op := range p.Operations {
			if !routes[op.String()] {
				t.Errorf("%s has %s, which is no route or in two permissions", p.Name, op)
			}
			delete(routes, op.String())
		}
	}
	for route := range routes {
		t.Errorf("no permission has %s", route)
	}
	if _, err := permission.NewCatalog(admin.ManagementPermissions()); err != nil {
		t.Error(err)
	}
}

func TestDocumentIsServed(t *testing.T) {
	f := newFixture(t)
	want, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := f.anyone().do(t, "GET", "/openapi.yaml", nil).want(t, http.StatusOK)
	if string(got.body) != string(want) {
		t.Error("another document is served")
	}
}
