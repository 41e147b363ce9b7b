package caddymodule

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// graphQLSite is a gate with GraphQL. LINES are those of its block.
const graphQLSite = `http://GATE {
	bind 127.0.0.1
	api_tokens articles {
		graphql /graphql {
			LINES
		}
	}
	reverse_proxy BACKEND
}
`

func newGraphQL(t *testing.T) *gateway {
	t.Helper()
	return newGateway(t, map[string]string{"BACKEND": startBackend(t, "").addr()})
}

// loadGraphQL makes Caddy run graphQLSite with the lines, or returns its error.
func (g *gateway) loadGraphQL(lines string) error {
	return g.load(strings.ReplaceAll(graphQLSite, "LINES", lines))
}

// askHash sends the hash of a document instead of the document.
func (g *gateway) askHash(hash string) int {
	g.t.Helper()
	extensions := `{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}`
	return g.ask("GET", "/graphql?extensions="+url.QueryEscape(extensions), g.bearer("readonly")).status
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// apollo returns Apollo's manifest with one operation.
func apollo(id, body string) string {
	return fmt.Sprintf(`{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":%q,"name":"A","type":"query","body":%q}]}`, id, body)
}

// What is in a file of documents can be called by its hash, and nothing else can.
func TestGraphQLDocuments(t *testing.T) {
	const a, b = "query A { a }", "query B { b }"
	g := newGraphQL(t)
	for name, test := range map[string]struct {
		file         string
		known, other []string // documents
	}{
		"a document":                   {a, []string{a}, []string{a + "\n", b}},
		"a document and a line's end":  {a + "\n", []string{a, a + "\n"}, []string{a + "\r\n", b}},
		"the line's end of Windows":    {a + "\r\n", []string{a, a + "\r\n"}, []string{a + "\n", a + "\r"}},
		"two ends of a line":           {a + "\n\n", []string{a + "\n", a + "\n\n"}, []string{a}},
		"a document in braces":         {"{ a }", []string{"{ a }"}, []string{a}},
		"an object":                    {fmt.Sprintf(`{%q:%q,%q:%q}`, hashOf(a), a, hashOf(b), b), []string{a, b}, []string{"{ a }"}},
		"an object behind blanks":      {fmt.Sprintf("\n\t {\r\n %q : %q }\n", hashOf(a), a), []string{a}, []string{b}},
		"an object behind a mark":      {fmt.Sprintf("\ufeff{%q:%q}", hashOf(a), a), []string{a}, []string{b}},
		"an object, hash without end":  {fmt.Sprintf(`{%q:"%s\n"}`, hashOf(a), a), []string{a}, []string{b}},
		"Apollo's manifest":            {apollo(hashOf(a), a), []string{a}, []string{b}},
		"Apollo's, hash without end":   {apollo(hashOf(a), a+"\n"), []string{a}, []string{b}},
		"Apollo's without other words": {fmt.Sprintf(`{"operations":[{"id":%q,"body":%q}]}`, hashOf(b), b), []string{b}, []string{a}},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(g.dir, "documents"), test.file)
			if err := g.loadGraphQL("documents DIR/documents"); err != nil {
				t.Fatal(err)
			}
			for _, text := range test.known {
				if status := g.askHash(hashOf(text)); status != 200 {
					t.Errorf("the hash of %q: %d", text, status)
				}
			}
			for _, text := range test.other {
				if status := g.askHash(hashOf(text)); status != 400 {
					t.Errorf("the hash of %q, which is not there: %d", text, status)
				}
			}
		})
	}
}

// A file that registers less than it seems to is an error that names the file and
// the place in it.
func TestGraphQLDocumentsRefused(t *testing.T) {
	const a = "query A { a }"
	const noHash = "is not the SHA-256 of its document, as 64 lower-case hexadecimal digits"
	g := newGraphQL(t)
	write(t, filepath.Join(g.dir, "good"), a)
	for name, test := range map[string]struct{ file, says string }{
		"nothing":                 {"", "the file has no documents"},
		"blanks":                  {" \r\n\t", "the file has no documents"},
		"an empty object":         {"{ }\n", "the file has no documents"},
		"Apollo's, empty":         {`{"operations":[]}`, "the file has no documents"},
		"Apollo's, null":          {`{"operations":null}`, "the file has no documents"},
		"a list":                  {`["` + a + `"]`, "it is neither Apollo's manifest nor a JSON object of hashes and documents"},
		"an empty list":           {`[]`, "it is neither Apollo's manifest nor a JSON object of hashes and documents"},
		"another document's hash": {fmt.Sprintf(`{%q:%q}`, hashOf("{ b }"), a), `key "` + hashOf("{ b }") + `" ` + noHash},
		"upper-case hash":         {fmt.Sprintf(`{%q:%q}`, strings.ToUpper(hashOf(a)), a), noHash},
		"half a hash":             {fmt.Sprintf(`{%q:%q}`, hashOf(a)[:32], a), noHash},
		"a name":                  {fmt.Sprintf(`{"A":%q}`, a), `key "A" ` + noHash},
		"no string":               {`{"A":{"text":"{ a }"}}`, `key "A": the value is not a string`},
		"null":                    {`{"A":null}`, `key "A" ` + noHash},
		"Apollo's, other id":      {apollo("A-1", a), `operation "A": id "A-1" ` + noHash},
		"Apollo's, no id":         {`{"operations":[{"name":"A","body":"{ a }"}]}`, `operation "A": id "" ` + noHash},
		"Apollo's, an object":     {`{"operations":{"A":"{ a }"}}`, "operations is not a list of objects"},
		"Apollo's, id a number":   {`{"operations":[{"id":1}]}`, "operations is not a list of objects"},
		"JSON, a slip":            {"{\n\"a\": \"b\",\n}", "it is not valid JSON at line 3: invalid character '}'"},
		"JSON, cut off":           {" {\n\"a\": ", "it is not valid JSON at line 2: unexpected end of JSON input"},
		"JSON, surplus":           {"\ufeff{}\n{}", "it is not valid JSON at line 2: invalid character '{' after top-level value"},
		"not UTF-8":               {"{ a(x: \"\xff\") }", "it is not valid UTF-8"},
		"bad document":            {"{ a", ": the GraphQL document ends at line 1"},
		"bad document, object":    {fmt.Sprintf(`{%q:"{ a"}`, hashOf("{ a")), `: key "` + hashOf("{ a") + `": the GraphQL document ends at line 1`},
		"bad document, Apollo's":  {apollo(hashOf("{ a"), "{ a"), `: operation "A", id "` + hashOf("{ a") + `": the GraphQL document ends at line 1`},
		"a document too deep":     {"{a{b{c}}}", "more than 2 levels, the limit max_depth;"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(g.dir, "bad"), test.file)
			err := g.loadGraphQL("max_depth 2\ndocuments DIR/good DIR/bad")
			if err == nil {
				t.Fatal("it is loaded")
			}
			for _, want := range []string{g.fill("documents: DIR/bad: "), test.says} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it says %q; want %q in it", err, want)
				}
			}
		})
	}
	for file, says := range map[string]string{"none": "no such file", ".": "is a directory"} {
		if err := g.loadGraphQL("documents DIR/" + file); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v; want %q", file, err, says)
		}
	}
}

// In JSON a limit of 0 is the default, and what is refused is what a Caddyfile may
// not have either.
func TestGraphQLInJSON(t *testing.T) {
	g := newGraphQL(t)
	config, err := adapt(g.fill(preamble + strings.ReplaceAll(graphQLSite, "LINES", "max_batch 7")))
	if err != nil {
		t.Fatal(err)
	}
	for fields, says := range map[string]string{
		`"max_batch":0,"max_depth":0,"max_body":0`: "",
		`"max_batch":1000,"max_depth":1000`:        "",
		`"max_tokens":1000000`:                     "",
		`"max_batch":-1`:                           "max_batch is -1; it must be from 1 to 1000",
		`"max_batch":1001`:                         "max_batch is 1001; it must be from 1 to 1000",
		`"max_depth":-1`:                           "max_depth is -1; it must be from 1 to 1000",
		`"max_depth":1001`:                         "max_depth is 1001; it must be from 1 to 1000",
		`"max_tokens":-1`:                          "max_tokens is -1; it must be from 1 to 1000000",
		`"max_aliases":1000001`:                    "max_aliases is 1000001; it must be from 1 to 1000000",
		`"max_operations":-5`:                      "max_operations is -5; it must be from 1 to 1000000",
		`"max_body":-1`:                            "max_body is -1; it must be from 1 to 67108864",
		`"accept":["gzip","gzip"]`:                 "accept has gzip twice",
		`"documents":["a","b","./a"]`:              "documents has ./a twice",
	} {
		t.Run(fields, func(t *testing.T) {
			changed := strings.Replace(string(config), `"max_batch":7`, fields, 1)
			err := caddy.Load([]byte(changed), true)
			if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
				t.Errorf("got %v; want %q", err, says)
			}
		})
	}
}
