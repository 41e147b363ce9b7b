package gate

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/permission/graphql"
	"github.com/tokenreeve/tokenreeve/token"
)

// The tokens of graphQLGate, by number.
const (
	gqlReadOnly = iota
	gqlFull
	gqlFinder
	gqlAllQueries
	gqlCreator
	gqlSchema
	gqlSubscriber
	gqlPage
)

// graphQLGate has GraphQL at /graphql and tokens of each kind.
func graphQLGate(tb testing.TB, change func(*GraphQL)) *Gate {
	tb.Helper()
	store := newMemoryStore()
	for i, t := range []token.Token{
		gqlReadOnly:   newToken("reads", token.ReadOnly),
		gqlFull:       newToken("full", token.FullAccess),
		gqlFinder:     newToken("finds", token.Custom, "article.find"),
		gqlAllQueries: newToken("queries", token.Custom, "query *"),
		gqlCreator:    newToken("creates", token.Custom, "mutation createArticle", "query articles"),
		gqlSchema:     newToken("schema", token.Custom, "query __schema"),
		gqlSubscriber: newToken("subscribes", token.Custom, "subscription *"),
		gqlPage:       newToken("page", token.Custom, "GET /graphql", "POST /graphql", "DELETE /graphql", "subscription added"),
	} {
		store.put(mint(uint64(i)), t)
	}
	g := newGate(tb, store, hostileSources(tb), newCatalog(tb,
		newPermission(tb, "article.find", permission.Unmarked, "GET /api/articles", "query articles", "query article"),
		newPermission(tb, "article.create", permission.Unmarked, "mutation createArticle"),
		newPermission(tb, "search.run", permission.Read, "mutation search"),
		newPermission(tb, "stats.reset", permission.Write, "query resetStats"),
	))
	reader, err := graphql.New(graphql.DefaultLimits)
	if err != nil {
		tb.Fatal(err)
	}
	pattern, err := permission.ParsePattern("/graphql")
	if err != nil {
		tb.Fatal(err)
	}
	paths, err := permission.NewPaths([]permission.Pattern{pattern})
	if err != nil {
		tb.Fatal(err)
	}
	g.GraphQL = &GraphQL{Paths: paths, Reader: reader, MaxBody: 10_000, Introspection: IntrospectionGrant}
	if change != nil {
		change(g.GraphQL)
	}
	return g
}

func document(query string) string { return fmt.Sprintf(`{"query":%q}`, query) }

func postGraphQL(number uint64, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+mint(number))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// Security rule 8: what a request does is what is in its document, all of it,
// and each field is an operation like any other.
func TestGraphQLDocuments(t *testing.T) {
	g := graphQLGate(t, nil)
	for _, test := range []struct {
		document string
		allowed  []uint64 // of all tokens but gqlFull, which may do everything
	}{
		{"{ articles { id } }", []uint64{gqlReadOnly, gqlFinder, gqlAllQueries, gqlCreator}},
		{"{ a: articles b: article(id: 1) }", []uint64{gqlReadOnly, gqlFinder, gqlAllQueries}},
		{"{ articles users }", []uint64{gqlReadOnly, gqlAllQueries}},
		{"query A { articles } query B { users }", []uint64{gqlReadOnly, gqlAllQueries}},
		{"{ ...F } fragment F on Query { articles ... on Query { users } }", []uint64{gqlReadOnly, gqlAllQueries}},
		{"mutation { createArticle }", []uint64{gqlCreator}},
		{"mutation { createArticle __typename }", []uint64{gqlCreator}},
		{"mutation { createArticle deleteArticle }", nil},
		{"query A { articles } mutation B { createArticle }", []uint64{gqlCreator}},
		{"mutation { articles }", nil},
		{"mutation { __typename }", nil},
		{"mutation { search }", []uint64{gqlReadOnly}}, // marked read
		{"{ resetStats }", []uint64{gqlAllQueries}},    // marked write
		{"{ RESETSTATS }", []uint64{gqlAllQueries}},
		{"subscription { added }", []uint64{gqlSubscriber, gqlPage}},
		{"subscription { other }", []uint64{gqlSubscriber}},
		{"{ __schema { types { name } } }", []uint64{gqlReadOnly, gqlSchema}},
		{"{ __type(name: \"A\") { name } }", []uint64{gqlReadOnly}},
		{"{ articles __schema { types { name } } }", []uint64{gqlReadOnly}},
		{"{ __typename }", []uint64{gqlReadOnly, gqlFinder, gqlAllQueries, gqlCreator, gqlSchema, gqlSubscriber, gqlPage}},
	} {
		for number := range uint64(gqlPage + 1) {
			want := MissingPermission
			for _, n := range append(test.allowed, gqlFull) {
				if n == number {
					want = Allow
				}
			}
			byPost := postGraphQL(number, document(test.document))
			byGet := mustParse(t, "/graphql?query="+url.QueryEscape(test.document), "Authorization: Bearer "+mint(number))
			for _, r := range []*http.Request{byPost, byGet} {
				if d := checkForms(g, r); d.Reason != want {
					t.Errorf("token %d, %s %s: %q, %v; want %q", number, r.Method, test.document, d.Reason, d.Err, want)
				}
			}
			if got, err := io.ReadAll(byPost.Body); string(got) != document(test.document) || err != nil {
				t.Errorf("the backend gets %q, %v", got, err)
			}
		}
	}
}

// What the missing field is called, and that the decision names the permission.
func TestGraphQLRefusalNamesTheField(t *testing.T) {
	g := graphQLGate(t, nil)
	for _, test := range []struct{ document, operation, permission string }{
		{"{ articles } mutation { createArticle }", "", ""},
		{"query A { articles } mutation B { createArticle }", "mutation createArticle", "article.create"},
		{"{ articles users }", "query users", ""},
		{"{ __schema { types { name } } }", "query __schema", ""},
	} {
		d := checkForms(g, postGraphQL(gqlFinder, document(test.document)))
		if test.operation == "" {
			if d.Reason != AmbiguousRequest { // an anonymous operation beside another one
				t.Errorf("%s: %q", test.document, d.Reason)
			}
			continue
		}
		if d.Match.String() != test.operation || d.Permission != test.permission {
			t.Errorf("%s: %q, %q; want %q, %q", test.document, d.Match, d.Permission, test.operation, test.permission)
		}
	}
}

// Whatever else a request for the GraphQL of the backend is, it does not count
// as plain REST, under no spelling of the path.
func TestGraphQLRequests(t *testing.T) {
	g := graphQLGate(t, nil)
	const mutation = "mutation%7BdeleteAll%7D"
	for _, test := range []struct {
		token          uint64
		method, target string
		header         http.Header
		body           string
		want           Reason
	}{
		{gqlReadOnly, "GET", "/graphql?query=" + mutation, nil, "", MissingPermission},
		{gqlReadOnly, "HEAD", "/graphql?query=" + mutation, nil, "", MissingPermission},
		{gqlReadOnly, "GET", "/GraphQL?query=" + mutation, nil, "", MissingPermission},
		{gqlReadOnly, "GET", "/graphql/?query=" + mutation, nil, "", MissingPermission},
		{gqlReadOnly, "GET", "/graphql.json?query=" + mutation, nil, "", MissingPermission},
		{gqlReadOnly, "GET", "/graphql/batch?query=" + mutation, nil, "", MissingPermission},
		{gqlReadOnly, "GET", "/other?query=" + mutation, nil, "", Allow},
		{gqlReadOnly, "GET", "/graphql?query={a}", nil, "{}", AmbiguousRequest},
		{gqlReadOnly, "GET", "/graphql?Query=" + mutation, nil, "", AmbiguousRequest},
		{gqlReadOnly, "GET", "/graphql?query={a}&query=" + mutation, nil, "", AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql?query={a}", nil, document("{a}"), AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", nil, "", AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", nil, document("{a}") + document("mutation{b}"), AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Type": {"text/plain"}}, document("{a}"), AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Type": nil}, document("{a}"), AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Type": {"application/json", "application/json"}}, document("{a}"), AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Type": {"application/json; charset=utf-16"}}, document("{a}"), AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, document("{a}"), Allow},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Type": {"application/json; profile=x"}}, document("{a}"), AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "query=" + mutation, AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Type": {"application/graphql"}}, "{a}", AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Encoding": {"gzip"}}, document("{a}"), AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Encoding": {"identity"}}, document("{a}"), Allow},
		{gqlReadOnly, "POST", "/graphql", nil, document("{" + strings.Repeat("a ", 6000) + "}"), TooLarge},
		{gqlReadOnly, "POST", "/graphql", nil, `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 64) + `"}}}`, UnknownDocument},
		{gqlFull, "POST", "/graphql", http.Header{"Content-Type": {"text/plain"}}, "anything", Allow},

		{gqlReadOnly, "PUT", "/graphql", nil, document("{a}"), MissingPermission},
		{gqlPage, "DELETE", "/graphql", nil, document("mutation{deleteAll}"), MissingPermission},
		{gqlSubscriber, "PUT", "/graphql/stream", nil, "", Allow},
		// graphql-go runs what is in the query, whatever the method.
		{gqlReadOnly, "OPTIONS", "/graphql", nil, "", Allow},
		{gqlReadOnly, "OPTIONS", "/graphql?query=" + mutation, nil, "", MissingPermission},
		{gqlReadOnly, "OPTIONS", "/graphql?query={a}", nil, "", Allow},
		{gqlReadOnly, "OPTIONS", "/graphql", nil, document("mutation{deleteAll}"), AmbiguousRequest},
		{gqlReadOnly, "POST", "/graphql", http.Header{"Content-Encoding": {""}}, document("{a}"), Allow},
		{gqlReadOnly, "POST", "/graphql", nil, document("{" + strings.Repeat("a", 257) + "}"), AmbiguousRequest},

		{gqlReadOnly, "GET", "/graphql", nil, "", Allow}, // a page such as GraphiQL
		{gqlPage, "GET", "/graphql", nil, "", Allow},
		{gqlFinder, "GET", "/graphql", nil, "", MissingPermission},
		{gqlPage, "POST", "/graphql", nil, document("{ articles }"), MissingPermission}, // its grant of POST is not one of fields
		{gqlPage, "GET", "/graphql", http.Header{"Accept": {"text/event-stream"}}, "", MissingPermission},
		{gqlSubscriber, "GET", "/graphql", http.Header{"Accept": {"text/html, Text/Event-Stream"}}, "", Allow},
		{gqlReadOnly, "GET", "/graphql", handshake("upgrade", "websocket"), "", MissingPermission},
		{gqlPage, "GET", "/graphql", handshake("upgrade", "websocket"), "", MissingPermission}, // subscription added is not all
		{gqlSubscriber, "GET", "/graphql", handshake("upgrade", "websocket"), "", Allow},

		{gqlReadOnly, "query", "/deleteAll", nil, "", RefusedMethod}, // as a method of HTTP
		{gqlFull, "mutation", "/deleteAll", nil, "", RefusedMethod},
	} {
		r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
		r.Header.Set("Content-Type", "application/json")
		maps.Copy(r.Header, test.header)
		r.Header.Set("Authorization", "Bearer "+mint(test.token))
		if d := checkForms(g, r); d.Reason != test.want {
			t.Errorf("token %d, %s %s %v %.50q: %q, %v; want %q", test.token, test.method, test.target, test.header, test.body, d.Reason, d.Err, test.want)
		}
	}
}

func TestIntrospection(t *testing.T) {
	const schema = "{ __schema { types { name } } }"
	// What is not of the schema is a field like any other, whatever it begins with.
	for _, text := range []string{"mutation { __deleteAll }", "{ __other }", "mutation { __schema { types { name } } }", "subscription { __type }"} {
		g := graphQLGate(t, func(q *GraphQL) { q.Introspection = IntrospectionAllow })
		if d := checkForms(g, postGraphQL(gqlFinder, document(text))); d.Reason != MissingPermission {
			t.Errorf("%s: %q", text, d.Reason)
		}
	}
	for word, want := range map[Introspection]map[uint64]Reason{
		IntrospectionGrant: {gqlReadOnly: Allow, gqlFull: Allow, gqlFinder: MissingPermission, gqlSchema: Allow},
		IntrospectionAllow: {gqlReadOnly: Allow, gqlFull: Allow, gqlFinder: Allow, gqlSchema: Allow},
		IntrospectionDeny: {
			gqlReadOnly: RefusedIntrospection, gqlFull: RefusedIntrospection, gqlFinder: RefusedIntrospection, gqlSchema: RefusedIntrospection,
		},
	} {
		g := graphQLGate(t, func(q *GraphQL) { q.Introspection = word })
		for number, reason := range want {
			if d := checkForms(g, postGraphQL(number, document(schema))); d.Reason != reason {
				t.Errorf("%s, token %d: %q; want %q", word, number, d.Reason, reason)
			}
		}
		if d := checkForms(g, postGraphQL(gqlFinder, document("{ articles users __schema { types { name } } }"))); d.Reason == Allow {
			t.Errorf("%s: a field that is not granted got through beside the schema", word)
		}
	}
}

func TestAcceptedTypes(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(document("{ articles }")))
	z.Close()
	var bomb bytes.Buffer
	z = gzip.NewWriter(&bomb)
	z.Write(bytes.Repeat([]byte(" "), 1<<20))
	z.Close()
	upload := "--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n" +
		`{"query":"mutation($f: Upload!){ createArticle(f: $f) }","variables":{"f":null}}` +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"map\"\r\n\r\n{\"0\":[\"variables.f\"]}\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"0\"; filename=\"a.txt\"\r\n\r\nhello\r\n--b--\r\n"
	for name, test := range map[string]struct {
		change func(*GraphQL)
		header http.Header
		body   string
		want   Reason
	}{
		"a document":              {func(q *GraphQL) { q.Documents = true }, http.Header{"Content-Type": {"application/graphql"}}, "{ articles }", Allow},
		"a document with more":    {func(q *GraphQL) { q.Documents = true }, http.Header{"Content-Type": {"application/graphql"}}, "{ users }", MissingPermission},
		"an upload":               {func(q *GraphQL) { q.Uploads = true }, http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}, upload, Allow},
		"an upload, not accepted": {nil, http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}, upload, AmbiguousRequest},
		"gzip":                    {func(q *GraphQL) { q.Gzip = true }, http.Header{"Content-Encoding": {"gzip"}}, zipped.String(), Allow},
		"gzip, not accepted":      {nil, http.Header{"Content-Encoding": {"gzip"}}, zipped.String(), AmbiguousRequest},
		"gzip and more behind it": {func(q *GraphQL) { q.Gzip = true }, http.Header{"Content-Encoding": {"gzip"}}, zipped.String() + zipped.String(), AmbiguousRequest},
		"gzip twice":              {func(q *GraphQL) { q.Gzip = true }, http.Header{"Content-Encoding": {"gzip, gzip"}}, zipped.String(), AmbiguousRequest},
		"gzip that is none":       {func(q *GraphQL) { q.Gzip = true }, http.Header{"Content-Encoding": {"gzip"}}, document("{ articles }"), AmbiguousRequest},
		"a bomb":                  {func(q *GraphQL) { q.Gzip = true }, http.Header{"Content-Encoding": {"gzip"}}, bomb.String(), TooLarge},
	} {
		g := graphQLGate(t, test.change)
		r := postGraphQL(gqlCreator, test.body)
		maps.Copy(r.Header, test.header)
		if d := checkForms(g, r); d.Reason != test.want {
			t.Errorf("%s: %q, %v; want %q", name, d.Reason, d.Err, test.want)
		}
		if got, err := io.ReadAll(r.Body); test.want == Allow && (string(got) != test.body || err != nil) {
			t.Errorf("%s: the backend gets %q, %v", name, got, err)
		}
	}
}

// A hash alone does what its document does, once the document was seen, and
// counts against the token that sends the hash.
func TestPersistedDocuments(t *testing.T) {
	g := graphQLGate(t, nil)
	const text = "mutation { createArticle }"
	hash := fmt.Sprintf(`"extensions":{"persistedQuery":{"version":1,"sha256Hash":"%x"}}`, sha256.Sum256([]byte(text)))
	for _, step := range []struct {
		token uint64
		body  string
		want  Reason
	}{
		{gqlCreator, "{" + hash + "}", UnknownDocument},
		{gqlCreator, fmt.Sprintf(`{"query":%q,%s}`, "{ articles }", hash), AmbiguousRequest}, // of another one
		{gqlReadOnly, fmt.Sprintf(`{"query":%q,%s}`, text, hash), MissingPermission},
		{gqlCreator, fmt.Sprintf(`{"query":%q,%s}`, text, hash), Allow},
		{gqlCreator, "{" + hash + "}", Allow},
		{gqlReadOnly, "{" + hash + "}", MissingPermission},
	} {
		if d := checkForms(g, postGraphQL(step.token, step.body)); d.Reason != step.want {
			t.Errorf("token %d, %s: %q, %v; want %q", step.token, step.body, d.Reason, d.Err, step.want)
		}
	}
}

// However the body comes, it is read once and no further than the limit.
func TestGraphQLBodies(t *testing.T) {
	g := graphQLGate(t, nil)
	text := document("{ articles }")
	for name, test := range map[string]struct {
		body   io.Reader
		length int64
		want   Reason
	}{
		"in one piece":             {strings.NewReader(text), int64(len(text)), Allow},
		"byte by byte, no length":  {iotest.OneByteReader(strings.NewReader(text)), -1, Allow},
		"shorter than it says":     {strings.NewReader(text), int64(len(text)) + 1, AmbiguousRequest},
		"broken":                   {io.MultiReader(strings.NewReader(text), iotest.ErrReader(errors.New("broken"))), -1, AmbiguousRequest},
		"says that it is too long": {iotest.ErrReader(errors.New("nobody should read this")), 10_001, TooLarge},
		"too long, no length":      {io.LimitReader(endless{}, 1<<40), -1, TooLarge},
		"as long as it may be":     {strings.NewReader(text + strings.Repeat(" ", 10_000-len(text))), 10_000, Allow},
	} {
		r := postGraphQL(gqlFinder, "")
		r.Body, r.ContentLength = io.NopCloser(test.body), test.length
		if d := checkForms(g, r); d.Reason != test.want {
			t.Errorf("%s: %q, %v; want %q", name, d.Reason, d.Err, test.want)
		}
	}
	// Nor is it read for a token that is none.
	r := postGraphQL(1000, "")
	r.Body, r.ContentLength = io.NopCloser(iotest.ErrReader(errors.New("nobody should read this"))), -1
	if d := g.Check(r); d.ReadBody != nil || d.Reason != UnknownToken {
		t.Errorf("%+v", d)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// Over HTTP/3 a request does not say that it has no body. One that has one is
// refused, all others go on without.
func TestGraphQLOverHTTP3(t *testing.T) {
	g := graphQLGate(t, nil)
	for body, want := range map[string]Reason{"": Allow, "x": AmbiguousRequest} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			r := mustParse(t, "/graphql?query={a}", "Authorization: Bearer "+mint(gqlReadOnly))
			r.Method, r.ProtoMajor, r.Proto = method, 3, "HTTP/3.0"
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), -1
			d := checkForms(g, r)
			if d.Reason != want || want == Allow && (r.Body != http.NoBody || r.ContentLength != 0) {
				t.Errorf("%s, body %q: %q, %v, length %d", method, body, d.Reason, d.Err, r.ContentLength)
			}
		}
	}
}

// A preflight has no token, and there are servers that run what is in its query.
func TestGraphQLPreflights(t *testing.T) {
	g := graphQLGate(t, nil)
	for target, want := range map[string]bool{"/graphql?query=mutation%7BdeleteAll%7D": true, "/GraphQL/x?a": true, "/api/articles?a": false} {
		r := mustParse(t, target, "Origin: https://app.example.test", "Access-Control-Request-Method: POST")
		r.Method = http.MethodOptions
		if d := g.Check(r); d.Reason != Preflight || d.DropQuery != want {
			t.Errorf("%s: %q, %v", target, d.Reason, d.DropQuery)
		}
	}
}

// A server that takes another method than POST would not run the document.
func TestGraphQLWithAnotherMethod(t *testing.T) {
	g := graphQLGate(t, nil)
	for who, want := range map[uint64]Reason{gqlFinder: MethodOverride, gqlPage: MethodOverride, gqlReadOnly: MethodOverride, gqlFull: Allow} {
		r := postGraphQL(who, document("{ articles }"))
		r.Header.Set("X-HTTP-Method-Override", "DELETE")
		if d := checkForms(g, r); d.Reason != want || (want == MethodOverride) != errors.Is(d.Err, errOverride) {
			t.Errorf("%d: %q, %v; want %q", who, d.Reason, d.Err, want)
		}
	}
}

// A body that could not be read is not taken for an empty one by whoever comes
// next, such as a gate that asks for nothing by then.
func TestUnreadBodyStaysUnread(t *testing.T) {
	g := graphQLGate(t, func(q *GraphQL) { q.MaxBody = 100 })
	r := postGraphQL(gqlFinder, strings.Repeat("x", 200))
	r.ContentLength = -1
	if d := checkForms(g, r); d.Reason != TooLarge {
		t.Fatalf("%q, %v", d.Reason, d.Err)
	}
	if got, err := io.ReadAll(r.Body); len(got) > 0 || err == nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// What one gate read is not good for another one behind it, which is stricter.
func TestEachGateReadsForItself(t *testing.T) {
	first := graphQLGate(t, func(q *GraphQL) { q.Documents = true })
	second := graphQLGate(t, nil)
	r := postGraphQL(gqlReadOnly, "{ articles }")
	r.Header.Set("Content-Type", "application/graphql")
	if d := checkForms(first, r); d.Reason != Allow {
		t.Fatal(d.Reason, d.Err)
	}
	if d := checkForms(second, r); d.Reason != AmbiguousRequest {
		t.Errorf("%q, %v", d.Reason, d.Err)
	}
	if got, err := io.ReadAll(r.Body); string(got) != "{ articles }" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Rights of several tokens add up over the fields of a document.
func TestGraphQLRightsAddUp(t *testing.T) {
	g := graphQLGate(t, nil)
	r := postGraphQL(0, document("query A { article } mutation B { createArticle }"))
	r.Header.Del("Authorization")
	r.Header["X-Cybozu-Api-Token"] = []string{mint(gqlFinder) + "," + mint(gqlCreator)}
	d := checkForms(g, r)
	if d.Reason != Allow || len(d.Tokens.Rest) != 1 {
		t.Errorf("%q, %v", d.Reason, d.Tokens)
	}
}

// BenchmarkDecisionGraphQL is a document of 1 KB, known and new, beside REST.
func BenchmarkDecisionGraphQL(b *testing.B) {
	g := graphQLGate(b, func(q *GraphQL) { q.MaxBody = 1 << 20 })
	fields := "id title text author { id name } "
	text := "query A000000000($first: Int!) { articles(first: $first) { " + strings.Repeat(fields, (1000-70)/len(fields)) + " } }"
	body := fmt.Appendf(nil, `{"operationName":"A000000000","query":%q,"variables":{"first":10}}`, text)
	b.Run("rest", func(b *testing.B) {
		r := mustParse(b, "/api/articles", "Authorization: Bearer "+mint(gqlFinder))
		b.ReportAllocs()
		for b.Loop() {
			if d := g.Check(r); d.Reason != Allow {
				b.Fatal(d.Reason, d.Err)
			}
		}
	})
	source := bytes.NewReader(body)
	closer := io.NopCloser(source)
	r := postGraphQL(gqlFinder, string(body))
	check := func(b *testing.B) { //nolint:thelper // marking it as one would be measured too
		source.Reset(body)
		r.Body = closer
		if d := checkForms(g, r); d.Reason != Allow {
			b.Fatal(d.Reason, d.Err)
		}
	}
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			check(b)
		}
	})
	digits := body[bytes.Index(body, []byte("query A0"))+len("query A"):][:9]
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i := 0; ; i++ { // another name, so another document
				if digits[i]++; digits[i] <= '9' {
					break
				}
				digits[i] = '0'
			}
			check(b)
		}
	})
}
