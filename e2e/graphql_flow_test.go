package e2e

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// deniedIntrospection sends what asks for the schema to the gate that lets nobody.
func (x *graphQLTable) deniedIntrospection(t *testing.T) {
	x.t = t
	for _, row := range plainRows {
		asks := strings.Contains(row.does, "__")
		for _, k := range graphQLTokens {
			got := row.send(t, x.denied, x.gateway.secrets[k.name])
			ran, refusal := x.ran(), refusalOf(row.method, got)
			switch {
			case asks && (refusal != introspection || len(ran) > 0):
				t.Errorf("%s, %s: got %s %q, ran %q; want %s", row.what, k.name, refusal, got.body, ran, introspection)
			case !asks && k.mayAll(row.does) != (refusal != forbidden && (row.method != "HEAD" || got.status != 403)):
				t.Errorf("%s, %s: got %d %q", row.what, k.name, got.status, got.body)
			}
		}
	}
}

// persisted goes the way of a document that nobody has registered: unknown by its
// hash, sent with it, known by it. The gate then knows what a hash does, and to
// whom it belongs does not matter.
func (x *graphQLTable) persisted(t *testing.T) {
	x.t = t
	for _, c := range []struct{ text, field, may, mayNot string }{
		{"query Flow { articles { id } }", "query articles", "finder", "creator"},
		{"mutation Flow { createArticle(title: \"Flow\") { id } }", "mutation createArticle", "creator", "reader"},
	} {
		hash := post(`{` + byHash(c.text) + `}`)
		for _, step := range []struct {
			send  graphQLRequest
			token string
			want  string
		}{
			{hash, c.may, notFound},
			{hash, c.mayNot, notFound},
			{post(document(c.text, byHash(c.text))), c.mayNot, forbidden},
			{hash, c.mayNot, forbidden}, // it was read, though it did not run
			{post(document(c.text, byHash(c.text))), c.may, ""},
			{hash, c.may, ""},
			{hash, c.mayNot, forbidden},
		} {
			got := step.send.send(t, x.closed, x.gateway.secrets[step.token])
			ran := x.ran()
			if refusal := refusalOf("POST", got); refusal != step.want || step.want == "" != slices.Equal(ran, []string{c.field}) {
				t.Errorf("%s, %s: got %d %q, ran %q; want %q", step.send.body, step.token, got.status, got.body, ran, step.want)
			}
		}
	}
}

// preflight is a question of a browser, which sends no token with it.
func (x *graphQLTable) preflight(t *testing.T) {
	x.t = t
	asks := []string{"Origin: http://site.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type"}
	for _, c := range []struct {
		what string
		graphQLRequest
		passes bool
	}{
		{"preflight", graphQLRequest{method: "OPTIONS", target: "/graphql", headers: asks}, true},
		{"without a method", graphQLRequest{method: "OPTIONS", target: "/graphql", headers: asks[:1]}, false},
		{"with a body", graphQLRequest{method: "OPTIONS", target: "/graphql", headers: append(asks, jsonType), body: document(newOne)}, false},
	} {
		direct := c.send(t, x.addr, "")
		before := x.wire.size()
		got := c.send(t, x.closed, "")
		reached := x.wire.size() > before
		refusal := refusalOf("OPTIONS", got)
		if ran := x.ran(); reached != c.passes || len(ran) > 0 || c.passes && got.status != direct.status || !c.passes && refusal != noToken {
			t.Errorf("%s: got %d %q, reached the server: %v, ran %q; without the gate: %d", c.what, got.status, got.body, reached, ran, direct.status)
		}
	}
}

// bodies compares what the server gets with what was sent. Blanks, escapes, the
// order of keys and how it was compressed tell one writer from another.
func (x *graphQLTable) bodies(t *testing.T) {
	x.t = t
	odd := " {\r\n\t\"variables\" : {\"t\":\"\\u00e9\u00e9 \\/ 1e0\", \"n\":1.50} ,\"query\":\"query($t: String = \\\"\\\") {\\n  search(text: $t) { id } # \U0001F41D\\n}\" }\n "
	for _, c := range []struct {
		what, token, gate string
		graphQLRequest
	}{
		{"JSON", "queries", x.closed, post(odd)},
		{"JSON, unread", "full", x.closed, post(odd)},
		{"JSON without a length", "queries", x.closed, post(odd, jsonType, "Transfer-Encoding: chunked")},
		{"batch", "queries", x.closed, post("[ " + odd + " ,\t" + odd + "]")},
		{"long", "reader", x.closed, post(document(articles + strings.Repeat(" ", 60_000)))},
		{"gzip", "queries", x.opened, post(gz(odd), jsonType, gzipped)},
		{"document", "reader", x.opened, post("# \U0001F41D\r\n{ articles\t{ id } }\n", "Content-Type: application/graphql")},
		{"upload", "uploader", x.opened, post(formData("operations", document(attach, `"variables":{"f":null}`), "map", `{"0":["variables.f"]}`, `0"; filename="a.bin`, "\x00\xff\r\n--a\r\n"), multiType)},
	} {
		before := x.wire.size()
		got := c.send(t, c.gate, x.gateway.secrets[c.token])
		sent, err := http.ReadRequest(bufio.NewReader(strings.NewReader(x.wire.bytes()[before:])))
		if err != nil {
			t.Errorf("%s: got %d %q, and what the server got is no request: %v", c.what, got.status, got.body, err)
			continue
		}
		body, err := io.ReadAll(sent.Body)
		if err != nil || string(body) != c.body {
			t.Errorf("%s: the server got %.500q, %v; want %.500q", c.what, body, err, c.body)
		}
		if kind := "Content-Type: " + sent.Header.Get("Content-Type"); kind != c.headers[0] || sent.Header["Authorization"] != nil {
			t.Errorf("%s: the server got the head %v", c.what, sent.Header)
		}
		if ran := x.ran(); refusalOf("POST", got) != "" || len(ran) == 0 && x.name == "yoga" {
			t.Errorf("%s: got %d %q, ran %q", c.what, got.status, got.body, ran)
		}
	}
}

// tokens sends tokens that are none.
func (x *graphQLTable) tokens(t *testing.T) {
	x.t = t
	full, gone := x.gateway.secrets["full"], x.gateway.secrets["gone"]
	for _, c := range []struct {
		what string
		graphQLRequest
		want string
	}{
		{"none", post(document(articles)), noToken},
		{"none, batch", post(batch(document(articles), document(articles))), noToken},
		{"deleted", post(document(articles), jsonType, "Authorization: Bearer "+gone), noToken},
		{"none that can be", post(document(articles), jsonType, "Authorization: Bearer "+full+"x"), noToken},
		{"none, by GET", getQuery(inURL(articles)), noToken},
		{"none, page", graphQLRequest{method: "GET", target: "/graphql", headers: []string{"Accept: text/html"}}, noToken},
		{"none, WebSocket", graphQLRequest{method: "GET", target: "/graphql", headers: handshake}, noToken},
		{"two", post(document(articles), jsonType, "Authorization: Bearer "+full, "X-API-Key: "+x.gateway.secrets["reader"]), "400 BAD_REQUEST ambiguous_credential"},
	} {
		before := x.wire.size()
		got := c.send(t, x.closed, "")
		if refusal := refusalOf(c.method, got); refusal != c.want || x.wire.size() > before {
			t.Errorf("%s: got %d %q; want %s", c.what, got.status, got.body, c.want)
		}
	}
}
