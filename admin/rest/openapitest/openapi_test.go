package openapitest

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// exchange is a line of a recording.
type exchange struct {
	Test        string      `json:"test"`
	Method      string      `json:"method"`
	URL         string      `json:"url"`
	AskedHeader http.Header `json:"asked_header"`
	Asked       string      `json:"asked"`
	Status      int         `json:"status"`
	Header      http.Header `json:"header"`
	Body        string      `json:"body"`
}

func TestDocumentIsValid(t *testing.T) { load(t) }

// TestAnswers holds every answer of the tests of package rest against the document.
func TestAnswers(t *testing.T) {
	router, err := gorillamux.NewRouter(load(t))
	if err != nil {
		t.Fatal(err)
	}
	openapi3filter.RegisterBodyDecoder("application/jsonl", asText)
	openapi3filter.RegisterBodyDecoder("application/yaml", asText)
	seen := map[string]bool{}
	for _, e := range record(t) {
		r, err := http.NewRequestWithContext(t.Context(), e.Method, e.URL, strings.NewReader(e.Asked))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = e.AskedHeader
		if e.Method == http.MethodHead {
			continue // as GET, without a body
		}
		route, parameters, err := router.FindRoute(r)
		if err != nil {
			if e.Status != http.StatusNotFound && e.Status != http.StatusMethodNotAllowed && e.Method != http.MethodOptions {
				t.Errorf("%s: %s %s is not in the document and got %d", e.Test, e.Method, e.URL, e.Status)
			}
			continue
		}
		checkAnswer(t, e, r, route, parameters)
		seen[e.Method+" "+route.Path] = true
	}
	for path, item := range operations(load(t)) {
		for method := range item {
			if !seen[method+" "+path] {
				t.Errorf("no test has an answer of %s %s", method, path)
			}
		}
	}
}

func operations(doc *openapi3.T) map[string]map[string]*openapi3.Operation {
	all := map[string]map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		all[path] = item.Operations()
	}
	return all
}

func checkAnswer(t *testing.T, e exchange, r *http.Request, route *routers.Route, parameters map[string]string) {
	t.Helper()
	request := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if e.Status < http.StatusBadRequest { // what was taken must be in the document
		if err := openapi3filter.ValidateRequest(context.Background(), request); err != nil {
			t.Errorf("%s: %s %s %s: got %d: %v", e.Test, e.Method, e.URL, e.Asked, e.Status, err)
		}
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request,
		Status:                 e.Status, Header: e.Header, Body: io.NopCloser(strings.NewReader(e.Body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		t.Errorf("%s: %s %s: %d: %v", e.Test, e.Method, e.URL, e.Status, err)
	}
}

func asText(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	text, err := io.ReadAll(body)
	return string(text), err
}

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What the tests asked was at another address.
	doc.Servers = openapi3.Servers{{URL: "/api/v1"}}
	return doc
}

// record runs the tests of package rest and returns what they got.
func record(t *testing.T) []exchange {
	t.Helper()
	name := filepath.Join(t.TempDir(), "recording")
	tests := exec.CommandContext(t.Context(), "go", "test", "-count=1", ".")
	tests.Dir = ".."
	tests.Env = append(os.Environ(), "TOKENREEVE_REST_RECORDING="+name)
	if out, err := tests.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []exchange
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("nothing was recorded")
	}
	t.Logf("%d answers", len(all))
	return all
}
