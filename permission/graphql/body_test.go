package graphql_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

func TestReadJSON(t *testing.T) {
	r := reader(t)
	for _, test := range []struct{ body, want string }{
		{`{"query":"{ a }"}`, "query a"},
		{" \r\n\t{ \"query\" : \"{ a }\" } \n", "query a"},
		{`{"query":"{ a }","operationName":null,"variables":null,"extensions":null}`, "query a"},
		{`{"operationName":"","variables":{"x":{"y":[1,{}]}},"extensions":{},"query":"{ a b a }"}`, "query a, query b"},
		{`{"query":"mutation M { a } ","operationName":"M"}`, "mutation a"},
		// Keys and values may be written with escapes.
		{`{"\u0071uery":"\u006dutation { deleteAll }"}`, "mutation deleteAll"},
		{`{"query":"{ a(x: \"mutation { deleteAll }\") }"}`, "query a"},
		{`{"query":"{ a(x: \"\ud83d\ude00\") }","variables":{"lone":"\ud83d"}}`, "query a"},
		{`{"query":"{ a }","variables":{"query":"mutation { deleteAll }","a":1,"a":2}}`, "query a"},
		{`{"query":"{ a }","extensions":{"client":{"name":"x","query":1},"persistedQuery":null}}`, "query a"},
		{`[{"query":"{ a }"},{"query":"mutation { b }"} , {"query":"{ a c }"}]`, "query a, mutation b, query c"},
	} {
		got, err := r.ReadJSON([]byte(test.body))
		expectFields(t, test.body, got, err, test.want)
	}
}

func TestReadJSONRefuses(t *testing.T) {
	r := reader(t)
	const hash = `"sha256Hash":"ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"`
	for _, test := range []struct{ body, problem string }{
		{``, "ends where an object"},
		{`null`, "an object"},
		{`"{ a }"`, "an object"},
		{`{}`, "no document"},
		{`{"query":null}`, "no document"},
		{`{"query":null,"variables":{}}`, "no document"},
		{`{"query":["{ a }"]}`, "a string"},
		{`{"query":{"toString":"mutation { deleteAll }"}}`, "a string"},
		{`{"query":1}`, "a string"},
		{`{"query":"{ a }","operationName":1}`, "a string"},
		{`{"query":"{ a }","operationName":["A"]}`, "a string"},
		{`{"query":"{ a }","variables":[]}`, "object of variables"},
		{`{"query":"{ a }","variables":"{}"}`, "object of variables"},
		{`{"query":"{ a }","extensions":"{}"}`, "an opening {"},
		{`{"query":"{ a }","extensions":[]}`, "an opening {"},

		// One reader takes the first of two equal keys, another the last.
		{`{"query":"mutation { deleteAll }","query":"{ a }"}`, "query twice"},
		{`{"query":"{ a }","\u0071uery":"mutation { deleteAll }"}`, "query twice"},
		{`{"query":null,"query":"{ a }"}`, "query twice"},
		{`{"query":"{ a }","operationName":"A","operationName":"B"}`, "operationName twice"},
		{`{"query":"{ a }","variables":{},"variables":{}}`, "variables twice"},
		{`{"query":"{ a }","extensions":{},"extensions":{}}`, "extensions twice"},
		{`{"query":"{ a }","extensions":{"x":1,"\u0078":1}}`, `"x" twice`},
		{`{"query":"{ a }","extensions":{"persistedQuery":null,"persistedQuery":{"version":1,` + hash + `}}}`, "twice"},
		// encoding/json and .NET take keys without regard to case.
		{`{"Query":"mutation { deleteAll }"}`, `key "Query"`},
		{`{"query":"{ a }","QUERY":"mutation { deleteAll }"}`, `key "QUERY"`},
		{`{"query":"{ a }","operationname":"B"}`, `key "operationname"`},
		{"{\"query\":\"{ a }\",\"exten\u017Fions\":{}}", "key \"exten\u017Fions\""},
		{`{"query":"{ a }","query ":""}`, `key "query "`},
		{`{"query":"{ a }","query\u0000":""}`, `key "query\x00"`},
		{`{"query":"{ a }","":""}`, `key ""`},
		{`{"query":"{ a }","__proto__":{"query":"mutation { deleteAll }"}}`, `key "__proto__"`},
		{`{"query":"{ a }","extensions":{"__proto__":{"persistedQuery":{}}}}`, "__proto__"},
		// Servers that know documents by an id run that one.
		{`{"id":"deleteAll"}`, `key "id"`},
		{`{"query":"{ a }","documentId":"deleteAll","doc_id":"1","queryId":"x"}`, `key "documentId"`},
		{`{"query":"{ a }","mutation":"{ deleteAll }"}`, `key "mutation"`},
		{`{"query":"{ a }","persisted":true}`, `key "persisted"`},

		{`[]`, "no request"},
		{`[[{"query":"mutation { deleteAll }"}]]`, "an object"},
		{`[{"query":"{ a }"},[{"query":"{ a }"}]]`, "an object"},
		{`[{"query":"{ a }"},null]`, "an object"},
		{`[{"query":"{ a }"}`, "a comma"},
		{`[{"query":"{ a }"}]]`, "its end"},
		{`{"query":"{ a }"}{"query":"mutation { deleteAll }"}`, "its end"},
		{`{"query":"{ a }"},`, "its end"},
		{"{\"query\":\"{ a }\"}\x00", "its end"},
		{"\uFEFF" + `{"query":"{ a }"}`, "byte order mark"},
		{`{/*x*/"query":"mutation { deleteAll }"}`, "a key"},
		{`{"query":"{ a(x:\"\ud800\") }"}`, "surrogate"},
		{`{"query":"{ a }","operationName":"\udc00"}`, "surrogate"},
		{"{\"query\":\"{ a } \xff\"}", "not valid UTF-8"},
		{"{\"query\":\"{ a }\",\"variables\":{\"x\":\"\xc0\xaf\"}}", "not valid UTF-8"},
		{"\xff\xfe{\x00\"\x00", "not valid UTF-8"},
		{`{"query":"{ a }","extensions":{` + strings.Repeat(`"x":1,`, 40) + `"y":1}}`, "twice"},
	} {
		got, err := r.ReadJSON([]byte(test.body))
		expectRefusal(t, test.body, got, err, graphql.Malformed, test.problem)
	}
	var many strings.Builder
	for i := range 33 {
		fmt.Fprintf(&many, `"x%d":1,`, i)
	}
	got, err := r.ReadJSON([]byte(`{"query":"{ a }","extensions":{` + many.String() + `"y":1}}`))
	expectRefusal(t, "33 extensions", got, err, graphql.Malformed, "more than 32 keys")
	deep := `{"query":"{ a }","variables":` + strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_001)
	got, err = r.ReadJSON([]byte(deep))
	expectRefusal(t, deep, got, err, graphql.TooLarge, "512 levels")
}

func hashOf(document string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(document))) }

func persisted(hash string) string {
	return `"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}`
}

func TestPersistedQueries(t *testing.T) {
	const registered, sent = "mutation { deleteAll }", "{ a }"
	r, err := graphql.New(graphql.DefaultLimits, registered)
	if err != nil {
		t.Fatal(err)
	}
	read := func(body string) (graphql.Request, error) { return r.ReadJSON([]byte(body)) }

	got, err := read(`{` + persisted(hashOf(registered)) + `}`)
	expectFields(t, "registered", got, err, "mutation deleteAll")
	got, err = read(`{` + persisted(hashOf(sent)) + `}`)
	expectRefusal(t, "unknown", got, err, graphql.NotFound, "PersistedQueryNotFound")
	got, err = read(`{"query":null,` + persisted(hashOf(sent)) + `}`)
	expectRefusal(t, "unknown, null", got, err, graphql.NotFound, "PersistedQueryNotFound")
	_, found, err := r.ReadQuery("extensions=%7B%22persistedQuery%22%3A%7B%22version%22%3A1%2C%22sha256Hash%22%3A%22" + hashOf(sent) + "%22%7D%7D")
	if expectRefusal(t, "unknown, GET", graphql.Request{}, err, graphql.NotFound, "PersistedQueryNotFound"); !found {
		t.Error("a hash alone counts as no document")
	}
	got, err = read(`{"query":"` + sent + `",` + persisted(hashOf(sent)) + `}`)
	expectFields(t, "with its document", got, err, "query a")
	got, err = read(`{` + persisted(hashOf(sent)) + `}`)
	expectFields(t, "seen", got, err, "query a")
	// A server that trusts the hash would run what it names.
	got, err = read(`{"query":"` + sent + `",` + persisted(hashOf(registered)) + `}`)
	expectRefusal(t, "another document's hash", got, err, graphql.Malformed, "not the SHA-256 of the document")
	got, err = read(`{"query":"",` + persisted(hashOf(registered)) + `}`)
	expectRefusal(t, "an empty document", got, err, graphql.Malformed, "not the SHA-256 of the document")
	// The document that was sent with a wrong hash is not known by it.
	got, err = read(`{` + persisted(strings.Repeat("0", 64)) + `}`)
	expectRefusal(t, "a hash of nothing", got, err, graphql.NotFound, "PersistedQueryNotFound")

	// Clients want as many answers as they sent requests.
	got, err = read(`[{` + persisted(hashOf("{ x }")) + `},{"query":"{ a }"},{` + persisted(hashOf("{ y }")) + `}]`)
	if expectRefusal(t, "batch", graphql.Request{}, err, graphql.NotFound, "PersistedQueryNotFound"); got.Batch != 3 {
		t.Errorf("the batch of 3 has %d", got.Batch)
	}
	got, err = read(`[{` + persisted(hashOf("{ x }")) + `},{"query":"{"}]`)
	expectRefusal(t, "batch with a broken document", got, err, graphql.Unreadable, "ends at line 1, column 2")
}

// urql says beside the hash that it was not found before.
func TestPersistedQueryWithMiss(t *testing.T) {
	for _, miss := range []string{"true", "false"} {
		body := `{"query":"{ a }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hashOf("{ a }") + `","miss":` + miss + `}}}`
		if _, err := reader(t).ReadJSON([]byte(body)); err != nil {
			t.Error(miss, err)
		}
	}
}

func TestPersistedQueryRefuses(t *testing.T) {
	r := reader(t)
	hash := hashOf("{ a }")
	for _, test := range []struct{ extension, problem string }{
		{`"persistedQuery":{}`, "not complete"},
		{`"persistedQuery":[]`, "an opening {"},
		{`"persistedQuery":"` + hash + `"`, "an opening {"},
		{`"persistedQuery":{"version":1}`, "not complete"},
		{`"persistedQuery":{"sha256Hash":"` + hash + `"}`, "not complete"},
		{`"persistedQuery":{"version":2,"sha256Hash":"` + hash + `"}`, "another version"},
		{`"persistedQuery":{"version":1.0,"sha256Hash":"` + hash + `"}`, "another version"},
		{`"persistedQuery":{"version":"1","sha256Hash":"` + hash + `"}`, "another version"},
		{`"persistedQuery":{"version":1,"sha256Hash":"` + strings.ToUpper(hash) + `"}`, "64 hexadecimal"},
		{`"persistedQuery":{"version":1,"sha256Hash":"` + hash[1:] + `"}`, "64 hexadecimal"},
		{`"persistedQuery":{"version":1,"sha256Hash":"` + hash[1:] + `g"}`, "64 hexadecimal"},
		{`"persistedQuery":{"version":1,"sha256Hash":" ` + hash[1:] + `"}`, "64 hexadecimal"},
		{`"persistedQuery":{"version":1,"sha256Hash":null}`, "a string"},
		{`"persistedQuery":{"version":1,"sha256Hash":"` + hash + `","sha256Hash":"` + hash + `"}`, "twice"},
		{`"persistedQuery":{"version":1,"sha256Hash":"` + hash + `","\u0073ha256Hash":"` + hash + `"}`, "twice"},
		{`"persistedQuery":{"version":1,"version":1,"sha256Hash":"` + hash + `"}`, "twice"},
		{`"persistedQuery":{"version":1,"sha256Hash":"` + hash + `","SHA256Hash":"0"}`, "needlessly"},
		{`"persistedQuery":{"version":1,"sha256Hash":"` + hash + `","documentId":"0"}`, "needlessly"},
		{`"persistedQuery":{"version":1,"sha256Hash":"` + hash + `","miss":1}`, "where a value should be"},
		{`"persistedQuery":{"version":1,"sha256Hash":"` + hash + `","miss":true,"miss":false}`, "twice"},
		{`"PersistedQuery":{"version":1,"sha256Hash":"` + hash + `"}`, "write persistedQuery"},
		{`"per\u017Fistedquery":1`, "write persistedQuery"},
		{`"persisted_query":1`, "write persistedQuery"},
	} {
		for _, document := range []string{"", `"query":"{ a }",`} {
			body := `{` + document + `"extensions":{` + test.extension + `}}`
			got, err := r.ReadJSON([]byte(body))
			expectRefusal(t, body, got, err, graphql.Malformed, test.problem)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	limits := graphql.DefaultLimits
	limits.Depth = 0
	if _, err := graphql.New(limits); err == nil || !strings.Contains(err.Error(), "Depth:0") {
		t.Errorf("a limit of 0: %v", err)
	}
	if _, err := graphql.New(graphql.DefaultLimits, "{ a }", "{ a"); err == nil || !strings.Contains(err.Error(), "document 2") {
		t.Errorf("a registered document that is none: %v", err)
	}
}
