package e2e

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
)

// Documents of the rows.
const (
	articles  = `{ articles { id } }`
	newOne    = `mutation { createArticle(title: "New") { id } }`
	deleteOne = `mutation { deleteArticle(id: 1) { id } }`
	both      = `query Read { articles { id } } mutation Write { createArticle(title: "New") { id } }`
)

const (
	jsonType  = "Content-Type: application/json"
	formType  = "Content-Type: application/x-www-form-urlencoded"
	multiType = "Content-Type: multipart/form-data; boundary=b"
	gzipped   = "Content-Encoding: gzip"
)

// post is a POST of a body; without headers it is JSON.
func post(body string, headers ...string) graphQLRequest {
	if headers == nil {
		headers = []string{jsonType}
	}
	return graphQLRequest{method: "POST", target: "/graphql", body: body, headers: headers}
}

func (q graphQLRequest) to(target string) graphQLRequest { q.target = target; return q }
func (q graphQLRequest) by(method string) graphQLRequest { q.method = method; return q }

// getQuery is a GET with a query string.
func getQuery(query string) graphQLRequest {
	return graphQLRequest{method: "GET", target: "/graphql?" + query}
}

// document is a JSON body with a document and, behind it, more members.
func document(text string, more ...string) string {
	quoted, _ := json.Marshal(text) // strings always can
	return `{"query":` + strings.Join(append([]string{string(quoted)}, more...), ",") + `}`
}

func batch(bodies ...string) string { return "[" + strings.Join(bodies, ",") + "]" }

// byHash is the extension that names a document by its SHA-256.
func byHash(text string) string {
	return `"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hashOf(text) + `"}}`
}

func hashOf(document string) string {
	hash := sha256.Sum256([]byte(document))
	return hex.EncodeToString(hash[:])
}

func inURL(text string) string { return "query=" + url.QueryEscape(text) }

func gz(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a buffer takes everything
	_ = w.Close()
	return b.String()
}

func deflated(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func utf16LE(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.Write([]byte{c, 0})
	}
	return b.String()
}

// formData is a multipart form; parts are names and contents in turn. A name may
// bring its file name with it.
func formData(parts ...string) string {
	var b strings.Builder
	for i := 0; i < len(parts); i += 2 {
		b.WriteString("--b\r\nContent-Disposition: form-data; name=\"" + parts[i] + "\"\r\n\r\n" + parts[i+1] + "\r\n")
	}
	return b.String() + "--b--\r\n"
}

// plainRows are what clients send.
var plainRows = []graphQLRow{
	{what: "query", graphQLRequest: post(document(articles)), does: "query articles"},
	{what: "two root fields", graphQLRequest: post(document(`{ articles { id } article(id: 1) { title } }`)), does: "query articles, query article"},
	{what: "arguments", graphQLRequest: post(document(`query Find($t: String!, $n: Int) { search(text: $t, first: $n) { id } }`, `"variables":{"t":"mutation","n":1}`, `"operationName":"Find"`)), does: "query search"},
	{what: "words of a mutation in a string", graphQLRequest: post(document(`{ search(text: "mutation { createArticle }") { id } }`)), does: "query search"},
	{what: "words of a mutation in a block string", graphQLRequest: post(document(`{ search(text: """ " } mutation { createArticle \""" """) { id } }`)), does: "query search"},
	{what: "charset and case of the type", graphQLRequest: post(document(articles), "Content-Type: Application/JSON; charset=UTF-8"), does: "query articles"},
	{what: "fragment", graphQLRequest: post(document(`{ ...F } fragment F on Query { articles { id } }`)), does: "query articles"},
	{what: "batch of queries", graphQLRequest: post(batch(document(articles), document(`{ article(id: 1) { id } }`))), does: "query articles, query article"},
	{what: "query by GET", graphQLRequest: getQuery(inURL(articles)), does: "query articles"},
	{what: "query by HEAD", graphQLRequest: getQuery(inURL(articles)).by("HEAD"), does: "query articles"},
	{what: "query with its hash", graphQLRequest: post(document("query Hashed "+articles, byHash("query Hashed "+articles))), does: "query articles"},
	{what: "name of the type", graphQLRequest: post(document(`{ __typename }`))},
	{what: "introspection", graphQLRequest: post(document(`{ __schema { queryType { name } } }`)), does: "query __schema"},
	{what: "introspection of a type", graphQLRequest: post(document(`{ t: __type(name: "Article") { name } }`)), does: "query __type"},
	{what: "introspection beside a field", graphQLRequest: post(document(`{ articles { id } ...F } fragment F on Query { __schema { queryType { name } } }`)), does: "query articles, query __schema"},
	{what: "introspection by GET", graphQLRequest: getQuery(inURL(`{ __schema { queryType { name } } }`)), does: "query __schema"},
	{what: "mutation", graphQLRequest: post(document(newOne)), does: "mutation createArticle"},
	{what: "another mutation", graphQLRequest: post(document(deleteOne)), does: "mutation deleteArticle"},
	{what: "mutations", graphQLRequest: post(document(`mutation { createArticle(title: "New") { id } updateArticle(id: 1, title: "Old") { id } }`)), does: "mutation createArticle, mutation updateArticle"},
}

// disguisedRows are mutations that a quick look would not find. The gate reads
// them as what they are.
var disguisedRows = []graphQLRow{
	{what: "aliases of queries", graphQLRequest: post(document(`mutation { articles: createArticle(title: "New") { id } }`)), does: "mutation createArticle"},
	{what: "name of a query", graphQLRequest: post(document(`mutation query { query: createArticle(title: "query { articles }") { id } }`, `"operationName":"query"`)), does: "mutation createArticle"},
	{what: "commas and a comment", graphQLRequest: post(document(",,# query {\n,mutation,{createArticle(title:\"New\"){id}}")), does: "mutation createArticle"},
	{what: "carriage return ends a comment", graphQLRequest: post(document("# query {\rmutation { createArticle(title: \"New\") { id } } #")), does: "mutation createArticle"},
	{what: "fragment", graphQLRequest: post(document(`fragment Query on Mutation { createArticle(title: "New") { id } } mutation { ...Query }`)), does: "mutation createArticle"},
	{what: "fragments in fragments", graphQLRequest: post(document(`mutation { ... on Mutation { ...A } } fragment A on Mutation { ... { ...B } } fragment B on Mutation { createArticle(title: "New") { id } }`)), does: "mutation createArticle"},
	{what: "directives", graphQLRequest: post(document(`mutation($y: Boolean = true) { createArticle(title: "New") @skip(if: false) @include(if: $y) { id } }`)), does: "mutation createArticle"},
	{what: "mutation that is skipped", graphQLRequest: post(document(`mutation { createArticle(title: "New") @skip(if: true) { id } deleteArticle(id: 1) { id } }`)), does: "mutation createArticle, mutation deleteArticle"},
	{what: "name of the type", graphQLRequest: post(document(`mutation { __typename }`)), does: "mutation __typename"},
	{what: "operationName selects the mutation", graphQLRequest: post(document(both, `"operationName":"Write"`)), does: "query articles, mutation createArticle"},
	{what: "operationName selects the query", graphQLRequest: post(document(both, `"operationName":"Read"`)), does: "query articles, mutation createArticle"},
	{what: "no operationName", graphQLRequest: post(document(both)), does: "query articles, mutation createArticle"},
	{what: "operationName by an escape", graphQLRequest: post(document(both, `"operationName":"\u0057rite"`)), does: "query articles, mutation createArticle"},
	{what: "last in a batch", graphQLRequest: post(batch(document(articles), document(articles), document(newOne))), does: "query articles, mutation createArticle"},
	{what: "alone in a batch", graphQLRequest: post(batch(document(deleteOne))), does: "mutation deleteArticle"},
	{what: "escaped key", graphQLRequest: post(`{"\u0071uer\u0079":"mutation { createArticle(title: \"New\") { id } }"}`), does: "mutation createArticle"},
	{what: "escaped document", graphQLRequest: post(`{"query":"\u006dutation { \u0063reateArticle(title: \"New\") { id } }"}`), does: "mutation createArticle"},
	{what: "with its hash", graphQLRequest: post(document("mutation Hashed { createArticle(title: \"New\") { id } }", byHash("mutation Hashed { createArticle(title: \"New\") { id } }"))), does: "mutation createArticle"},
	{what: "by GET", graphQLRequest: getQuery(inURL(newOne)), does: "mutation createArticle"},
	{what: "by HEAD", graphQLRequest: getQuery(inURL(newOne)).by("HEAD"), does: "mutation createArticle"},
	{what: "by GET, encoded", graphQLRequest: getQuery("%71uery=%6dutation+%7bcreateArticle(title:%22New%22)%7bid%7d%7d"), does: "mutation createArticle"},
	{what: "by GET, operationName", graphQLRequest: getQuery(inURL(both) + "&operationName=Write"), does: "query articles, mutation createArticle"},
	{what: "case of the path", graphQLRequest: post(document(newOne)).to("/GraphQL"), does: "mutation createArticle"},
	{what: "slash behind the path", graphQLRequest: post(document(newOne)).to("/graphql/"), does: "mutation createArticle"},
	{what: "below the path", graphQLRequest: post(document(newOne)).to("/graphql/x"), does: "mutation createArticle"},
	{what: "suffix of the path", graphQLRequest: post(document(newOne)).to("/graphql.json"), does: "mutation createArticle"},
	{what: "with a subscription", graphQLRequest: post(document(`subscription A { articleAdded { id } } mutation B { createArticle(title: "New") { id } }`, `"operationName":"B"`)), does: "subscription articleAdded, mutation createArticle"},
	{what: "other parameters in the URL", graphQLRequest: post(document(newOne)).to("/graphql?view=query"), does: "mutation createArticle"},
	{what: "no length", graphQLRequest: post(document(newOne), jsonType, "Transfer-Encoding: chunked"), does: "mutation createArticle"},
}

// ambiguousRows are requests that some reader could take for another: the gate
// reads none of them.
var ambiguousRows = allRefused(ambiguous, []graphQLRow{
	{what: "two documents, the last a mutation", graphQLRequest: post(`{"query":"{ articles { id } }","query":"mutation { createArticle(title: \"New\") { id } }"}`)},
	{what: "two documents, the first a mutation", graphQLRequest: post(`{"query":"mutation { createArticle(title: \"New\") { id } }","query":"{ articles { id } }"}`)},
	{what: "two documents, one key escaped", graphQLRequest: post(`{"query":"{ articles { id } }","\u0071uery":"mutation { createArticle(title: \"New\") { id } }"}`)},
	{what: "two documents, one key in upper case", graphQLRequest: post(`{"query":"mutation { createArticle(title: \"New\") { id } }","Query":"{ articles { id } }"}`)},
	{what: "two names", graphQLRequest: post(document(both, `"operationName":"Read"`, `"operationName":"Write"`))},
	{what: "document under another key", graphQLRequest: post(document(newOne, `"id":"articles"`))},
	{what: "document in the URL too", graphQLRequest: post(document(newOne)).to("/graphql?" + inURL(articles))},
	{what: "document in the URL alone", graphQLRequest: post(`{}`).to("/graphql?" + inURL(newOne))},
	{what: "document in the URL, no body", graphQLRequest: graphQLRequest{method: "POST", target: "/graphql?" + inURL(newOne), headers: []string{jsonType}}},
	{what: "name in the URL", graphQLRequest: post(document(both, `"operationName":"Write"`)).to("/graphql?operationName=Read")},
	{what: "document in an array in the URL", graphQLRequest: getQuery("query[]=" + url.QueryEscape(articles))},
	{what: "two documents in the URL", graphQLRequest: getQuery(inURL(articles) + "&" + inURL(newOne))},
	{what: "GET with a body", graphQLRequest: post(document(newOne)).by("GET")},
	{what: "GET with a query and a body", graphQLRequest: post(document(newOne)).by("GET").to("/graphql?" + inURL(articles))},
	{what: "byte order mark", graphQLRequest: post("\uFEFF" + document(newOne))},
	{what: "something behind the body", graphQLRequest: post(document(articles) + document(newOne))},
	{what: "comment in the body", graphQLRequest: post(`{/**/"query":"mutation { createArticle(title: \"New\") { id } }"}`)},
	{what: "no UTF-8", graphQLRequest: post("{\"query\":\"mutation { createArticle(title: \\\"\xff\\\") { id } }\"}")},
	{what: "half a surrogate", graphQLRequest: post(`{"query":"mutation { createArticle(title: \"\ud800\") { id } }"}`)},
	{what: "no document", graphQLRequest: post(`{"query":null}`)},
	{what: "array in an array", graphQLRequest: post(batch(batch(document(newOne))))},
	{what: "empty array", graphQLRequest: post(`[]`)},
	{what: "no body", graphQLRequest: graphQLRequest{method: "POST", target: "/graphql", headers: []string{jsonType}}},
	{what: "hash of another document", graphQLRequest: post(document(newOne, byHash(articles)))},
	{what: "hash in upper case", graphQLRequest: post(`{` + strings.ToUpper(byHash(newOne)) + `}`)},
	{what: "key beside the hash", graphQLRequest: post(document(newOne, strings.Replace(byHash(newOne), `"version"`, `"id":"1","version"`, 1)))},
	{what: "version of the hash", graphQLRequest: post(document(newOne, strings.Replace(byHash(newOne), "1", "1.0", 1)))},
	{what: "byte order mark in the document", closed: unparsed, opened: unparsed, graphQLRequest: post(document("\uFEFF" + newOne))},
	{what: "two operations of one name", closed: unparsed, opened: unparsed, graphQLRequest: post(document(`query A { articles { id } } mutation A { createArticle(title: "New") { id } }`, `"operationName":"A"`))},
	{what: "an operation without a name", closed: unparsed, opened: unparsed, graphQLRequest: post(document(`{ articles { id } } mutation A { createArticle(title: "New") { id } }`, `"operationName":"A"`))},
	{what: "fragments alone", closed: unparsed, opened: unparsed, graphQLRequest: post(document(`fragment A on Mutation { createArticle(title: "New") { id } }`))},
	{what: "no GraphQL", closed: unparsed, opened: unparsed, graphQLRequest: post(document(`mutation {`))},
	{what: "long batch", closed: overLimit, opened: overLimit, graphQLRequest: post(batch(strings.Split(strings.Repeat(document(newOne)+"\n", 10)+document(newOne), "\n")...))},
	{what: "long body", closed: tooLarge, opened: tooLarge, graphQLRequest: post(document(newOne + strings.Repeat(" ", 64<<10)))},
})

// typeRows are bodies of other types than JSON.
var typeRows = append(allRefused(ambiguous, []graphQLRow{
	{what: "form", graphQLRequest: post(inURL(newOne), formType)},
	{what: "text", graphQLRequest: post(document(newOne), "Content-Type: text/plain")},
	{what: "no type", graphQLRequest: post(document(newOne), "X-Nothing: 1")},
	{what: "type of GraphQL's answers", graphQLRequest: post(document(newOne), "Content-Type: application/graphql+json")},
	{what: "another JSON", graphQLRequest: post(document(newOne), "Content-Type: application/vnd.api+json")},
	{what: "two types in one line", graphQLRequest: post(document(newOne), "Content-Type: application/json, application/graphql")},
	{what: "two types in two lines", graphQLRequest: post(document(newOne), jsonType, "Content-Type: application/graphql")},
	{what: "parameter of the type", graphQLRequest: post(document(newOne), jsonType+"; boundary=b")},
	{what: "UTF-16", graphQLRequest: post(utf16LE(document(newOne)), jsonType+"; charset=utf-16le")},
	{what: "UTF-7", graphQLRequest: post(document(newOne), jsonType+"; charset=utf-7")},
	{what: "Latin-1", graphQLRequest: post(document(newOne), jsonType+"; charset=iso-8859-1")},
	{what: "deflate", graphQLRequest: post(deflated(document(newOne)), jsonType, "Content-Encoding: deflate")},
	{what: "gzip twice", graphQLRequest: post(gz(gz(document(newOne))), jsonType, "Content-Encoding: gzip, gzip")},
	{what: "two members of gzip", graphQLRequest: post(gz(document(articles))+gz(document(newOne)), jsonType, gzipped)},
	{what: "no gzip", graphQLRequest: post(document(newOne), jsonType, gzipped)},
}),
	graphQLRow{what: "gzip", graphQLRequest: post(gz(document(newOne)), jsonType, gzipped), does: "mutation createArticle", closed: ambiguous},
	graphQLRow{what: "gzip of a query", graphQLRequest: post(gz(document(articles)), jsonType, gzipped), does: "query articles", closed: ambiguous},
	graphQLRow{what: "document as it is", graphQLRequest: post(newOne, "Content-Type: application/graphql"), does: "mutation createArticle", closed: ambiguous},
	graphQLRow{what: "document of a query", graphQLRequest: post(articles, "Content-Type: application/graphql; charset=utf-8"), does: "query articles", closed: ambiguous},
)

const attach = `mutation($f: Upload!) { attach(file: $f) }`

// uploadRows are multipart forms.
var uploadRows = append(allRefused(ambiguous, []graphQLRow{
	{what: "fields of a form", graphQLRequest: post(formData("query", newOne), multiType)},
	{what: "two operations parts", graphQLRequest: post(formData("operations", document(articles), "operations", document(newOne), "map", `{}`), multiType)},
	{what: "operations parts around the map", graphQLRequest: post(formData("operations", document(articles), "map", `{}`, "operations", document(newOne)), multiType)},
	{what: "a field query behind operations", graphQLRequest: post(formData("operations", document(articles), "map", `{}`, "query", newOne), multiType)},
	{what: "operations in the URL", graphQLRequest: post(formData("operations", document(articles), "map", `{}`), multiType).to("/graphql?operations=" + url.QueryEscape(document(newOne)))},
	{what: "file in the place of the document", graphQLRequest: post(formData("operations", document(articles), "map", `{"0":["query"]}`, `0"; filename="a`, newOne), multiType)},
	{what: "map in front", graphQLRequest: post(formData("map", `{}`, "operations", document(newOne)), multiType)},
	{what: "two boundaries", graphQLRequest: post(formData("operations", document(newOne), "map", `{}`), multiType+"; boundary=c")},
	{what: "something in front of the form", graphQLRequest: post("x\r\n"+formData("operations", document(newOne), "map", `{}`), multiType)},
}),
	graphQLRow{what: "upload", does: "mutation attach", closed: ambiguous, graphQLRequest: post(formData("operations", document(attach, `"variables":{"f":null}`), "map", `{"0":["variables.f"]}`, `0"; filename="a.txt`, "content"), multiType)},
	graphQLRow{what: "upload in a batch", does: "query articles, mutation attach", closed: ambiguous, graphQLRequest: post(formData("operations", batch(document(articles), document(attach, `"variables":{"f":null}`)), "map", `{"0":["1.variables.f"]}`, `0"; filename="a.txt`, "content"), multiType)},
	graphQLRow{what: "form without a file", does: "mutation createArticle", closed: ambiguous, graphQLRequest: post(formData("operations", document(newOne), "map", `{}`), multiType)},
	graphQLRow{what: "query in a form", does: "query articles", closed: ambiguous, graphQLRequest: post(formData("operations", document(articles), "map", `{}`), multiType)},
)

// unknownMutation is a document of which the gates see the hash alone.
const unknownMutation = "mutation Unknown { createArticle(title: \"Unknown\") { id } }"

var (
	events    = "Accept: text/event-stream"
	handshake = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: graphql-transport-ws"}
)

// otherRows are hashes, subscriptions, pages and other methods.
var otherRows = []graphQLRow{
	{what: "hash that only the server knows", first: new(post(document(unknownMutation, byHash(unknownMutation)))), graphQLRequest: post(`{` + byHash(unknownMutation) + `}`), closed: notFound, opened: notFound},
	{what: "hash that only the server knows, in a batch", first: new(post(document(unknownMutation, byHash(unknownMutation)))), graphQLRequest: post(batch(document(articles), `{`+byHash(unknownMutation)+`}`)), closed: notFound, opened: notFound},
	{what: "hash by GET", first: new(post(document(unknownMutation, byHash(unknownMutation)))), graphQLRequest: getQuery("extensions=" + url.QueryEscape(strings.TrimPrefix(byHash(unknownMutation), `"extensions":`))), closed: notFound, opened: notFound},
	{what: "hash of a mutation that is registered", first: new(post(document(registeredMutation, byHash(registeredMutation)))), graphQLRequest: post(`{` + byHash(registeredMutation) + `}`), does: "mutation createArticle", closed: notFound},
	{what: "hash of a query that is registered", first: new(post(document(registeredQuery, byHash(registeredQuery)))), graphQLRequest: post(`{` + byHash(registeredQuery) + `}`), does: "query articles", closed: notFound},

	{what: "subscription, events", graphQLRequest: post(document(`subscription { articleAdded { id } }`), jsonType, events), does: "subscription articleAdded"},
	{what: "subscription by GET, events", graphQLRequest: graphQLRequest{method: "GET", target: "/graphql?" + inURL(`subscription { articleAdded { id } }`), headers: []string{events}}, does: "subscription articleAdded"},
	{what: "mutation, events", graphQLRequest: post(document(newOne), jsonType, events), does: "mutation createArticle"},
	{what: "events of nothing that is said", graphQLRequest: graphQLRequest{method: "GET", target: "/graphql", headers: []string{events}}, does: "subscription *"},
	{what: "WebSocket", graphQLRequest: graphQLRequest{method: "GET", target: "/graphql", headers: handshake}, does: "subscription *"},
	{what: "WebSocket, case of the path", graphQLRequest: graphQLRequest{method: "GET", target: "/GRAPHQL", headers: handshake}, does: "subscription *"},
	{what: "WebSocket with a query", graphQLRequest: graphQLRequest{method: "GET", target: "/graphql?" + inURL(articles), headers: handshake}, does: "subscription *"},
	{what: "handshake by POST", graphQLRequest: post(document(newOne), append([]string{jsonType}, handshake...)...), never: ambiguous},

	{what: "page", graphQLRequest: graphQLRequest{method: "GET", target: "/graphql", headers: []string{"Accept: text/html"}}, does: "GET /graphql"},
	{what: "OPTIONS", graphQLRequest: graphQLRequest{method: "OPTIONS", target: "/graphql"}, does: "OPTIONS /graphql"},
	{what: "OPTIONS with a document", graphQLRequest: graphQLRequest{method: "OPTIONS", target: "/graphql?" + inURL(newOne)}, does: "mutation createArticle"},
	{what: "OPTIONS with a body", graphQLRequest: post(document(newOne)).by("OPTIONS"), closed: ambiguous, opened: ambiguous},
	{what: "PUT", graphQLRequest: post(document(newOne)).by("PUT"), does: "subscription *"},
	{what: "PATCH", graphQLRequest: post(document(newOne)).by("PATCH"), does: "subscription *"},
	{what: "DELETE", graphQLRequest: post(document(newOne)).by("DELETE"), does: "subscription *"},
	{what: "TRACE", graphQLRequest: graphQLRequest{method: "TRACE", target: "/graphql?" + inURL(newOne)}, never: "403 FORBIDDEN refused_method"},
	{what: "a kind as the method", graphQLRequest: post(document(newOne)).by("query"), never: "403 FORBIDDEN refused_method"},
	{what: "method in a header", graphQLRequest: post(document(articles), jsonType, "X-HTTP-Method-Override: GET").to("/graphql?view=1"), closed: overridden, opened: overridden},

	{what: "two slashes", graphQLRequest: post(document(newOne)).to("//graphql"), never: noPath},
	{what: "encoded slash", graphQLRequest: post(document(newOne)).to("/graphql%2f"), never: ambiguous},
	{what: "encoded letter", graphQLRequest: post(document(newOne)).to("/graph%71l"), does: "mutation createArticle"},
	{what: "dot segment", graphQLRequest: post(document(newOne)).to("/x/../graphql"), never: noPath},
	{what: "semicolon", graphQLRequest: post(document(newOne)).to("/graphql;x"), never: noPath},
}

// allRefused fills in how rows are refused that don't say it.
func allRefused(how string, rows []graphQLRow) []graphQLRow {
	for i := range rows {
		if rows[i].closed == "" {
			rows[i].closed, rows[i].opened = how, how
		}
	}
	return rows
}
