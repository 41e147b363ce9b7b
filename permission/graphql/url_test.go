package graphql_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

func TestReadQuery(t *testing.T) {
	r := reader(t)
	for _, test := range []struct{ query, want string }{
		{"query=%7Ba%7D", "query a"},
		{"query={a}", "query a"},
		{"query=query+A%7Ba%7D%20mutation+B%7BdeleteAll%7D&operationName=A", "query a, mutation deleteAll"},
		{"%71uery=mutation%7BdeleteAll%7D", "mutation deleteAll"},
		{"locale=de&query={a}&variables={%22x%22:1}&extensions={}&_rsc=1&x", "query a"},
		{"&&query={a}&", "query a"},
		{"query={a(x:1)}&variables=null&extensions=null&operationName=", "query a"},
		{"query={a(x:%22%3B%26%3D%22)}", "query a"},
		{"query={a(x:%22=%22)}", "query a"},
	} {
		got, found, err := r.ReadQuery(test.query)
		if expectFields(t, test.query, got, err, test.want); !found {
			t.Errorf("%q: no document is found", test.query)
		}
	}
}

// The page of an IDE has no document in its URL.
func TestReadQueryFindsNoDocument(t *testing.T) {
	r := reader(t)
	for _, query := range []string{"", "&", "_rsc=1", "locale=de&x=query", "operationName=A&variables={}", "extensions={}", "queries=1", "q=1", "subquery=1"} {
		if got, found, err := r.ReadQuery(query); found || err != nil || len(got.Fields) > 0 {
			t.Errorf("%q: got %v, %t, %v", query, got, found, err)
		}
		if err := r.CheckPostQuery(query); (err != nil) != (strings.HasPrefix(query, "operationName") || strings.HasPrefix(query, "extensions")) {
			t.Errorf("POST with %q: %v", query, err)
		}
	}
}

func TestReadQueryRefuses(t *testing.T) {
	r := reader(t)
	hash := hashOf("{ a }")
	for _, test := range []struct{ query, problem string }{
		// One server takes the first of two, another the last, a third both.
		{"query={a}&query=mutation{deleteAll}", "query twice"},
		{"query={a}&%71uery=mutation{deleteAll}", "query twice"},
		{"query={a}&query", "query twice"},
		{"query={a}&operationName=A&operationName=B", "operationName twice"},
		{"query={a}&variables={}&variables={}", "variables twice"},
		// Some servers split at semicolons.
		{"query={a};query=mutation{deleteAll}", "semicolon"},
		{"x=1;query=mutation{deleteAll}", "semicolon"},
		// PHP, Node and .NET take these for query.
		{"Query=mutation{deleteAll}", `"Query"`},
		{"QUERY={a}&query={a}", `"QUERY"`},
		{"query[]=mutation{deleteAll}", `"query[]"`},
		{"query%5B0%5D=mutation{deleteAll}", `"query[0]"`},
		{"query[=x", `"query["`},
		{"+query=mutation{deleteAll}", `" query"`},
		{"?query=mutation{deleteAll}", `"?query"`}, // URLSearchParams, behind the first question mark
		{"%3Fquery=mutation{deleteAll}", `"?query"`},
		{"???query=mutation{deleteAll}", `"???query"`},
		{"?+[query=mutation{deleteAll}", `"? [query"`},
		{"%EF%BB%BFquery=mutation{deleteAll}", "\"\\ufeffquery\""},
		{"%C2%A0query=mutation{deleteAll}", `"\u00a0query"`},
		{"%0Aquery=mutation{deleteAll}", `"\nquery"`},
		{"query%09=mutation{deleteAll}", `"query\t"`},
		{"%00query=mutation{deleteAll}", `"\x00query"`},
		{"%01query=mutation{deleteAll}", `"\x01query"`},
		{"%7Fquery=mutation{deleteAll}", `"\x7fquery"`},
		{"]query=mutation{deleteAll}", `"]query"`},
		{"?documentId=1", `"?documentId"`},
		{"query%00x=mutation{deleteAll}", `"query\x00x"`},
		{"operation_name=A", `"operation_name"`},
		{"operation.name=A", `"operation.name"`},
		{"operationname=A", `"operationname"`},
		{"exten%C5%BFions={}", "\"exten\u017Fions\""},
		// Documents that the server knows.
		{"documentId=deleteAll", `"documentId"`},
		{"query={a}&documentId=deleteAll", `"documentId"`},
		{"doc_id=1", `"doc_id"`},
		{"id=deleteAll", `"id"`},
		{"queryId=1", `"queryId"`},
		{"hash=" + hash, `"hash"`},
		{"sha256Hash=" + hash, `"sha256Hash"`},
		{"persistedQuery=1", `"persistedQuery"`},
		{"extensions[persistedQuery][sha256Hash]=" + hash, `"extensions[persistedQuery]`},
		{"operations={}", `"operations"`},
		{"mutation={deleteAll}", `"mutation"`},
		// Escapes that are none: kept by some servers, dropped by others.
		{"query={a}%", "escape"},
		{"query=%7", "escape"},
		{"%zzquery={a}", "escape"},
		{"x=%zz&query={a}", "escape"},
		{"query={a}%FF", "no UTF-8"},
		{"%FFquery={a}", "no UTF-8"},
		{"query={a}&variables=", "where the object of variables"},
		{"query={a}&variables=[]", "the object of variables"},
		{"query={a}&variables={}{}", "its end"},
		{"query={a}&extensions=x", "an opening {"},
		{"query={a}&extensions={%22persistedQuery%22:{%22version%22:1,%22sha256Hash%22:%22" + strings.Repeat("0", 64) + "%22}}", "not the SHA-256"},
		{"query=&extensions={%22persistedQuery%22:{%22version%22:1,%22sha256Hash%22:%22" + hash + "%22}}", "not the SHA-256"},
	} {
		got, _, err := r.ReadQuery(test.query)
		expectRefusal(t, test.query, got, err, graphql.Malformed, test.problem)
	}
	got, found, err := r.ReadQuery("query=")
	if expectRefusal(t, "query=", got, err, graphql.Unreadable, "no operation"); !found {
		t.Error("an empty document counts as none")
	}
	got, _, err = r.ReadQuery("query=" + url.QueryEscape("{ a }\x00"))
	expectRefusal(t, "a NUL", got, err, graphql.Unreadable, "control character")
	got, _, err = reader(t, func(l *graphql.Limits) { l.Body = 10 }).ReadQuery("query={a__}")
	expectRefusal(t, "a long URL", got, err, graphql.TooLarge, "limit max_body")
}

// A POST says what it does in its body alone: express-graphql prefers the URL.
func TestCheckPostQuery(t *testing.T) {
	r := reader(t)
	for query, ok := range map[string]bool{
		"": true, "locale=de": true, "api_version=2&x[]=1": true,
		"query=mutation{deleteAll}": false, "%71uery=": false, "Query[]=1": false, "operationName=B": false, "variables={}": false,
		"extensions={}": false, "id=1": false, "a;query=1": false, "%zz": false, "doc-id=1": false,
		"?query={a}": false, "a=1&%0Aid=1": false,
	} {
		if err := r.CheckPostQuery(query); (err == nil) != ok {
			t.Errorf("%q: %v", query, err)
		}
	}
}
