package gate

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// The body is JSON of app 7 and the form of app 8 at once, with another method. Its type
// is the one to servers that look for the word json, and the other to Rack, Express,
// PHP, Go and Werkzeug, which read the type alone. Whoever is held to app 7 must not
// send it, nor may a form go by unread because it could be JSON.
func TestTypesThatAreJSONToSomeServers(t *testing.T) {
	g := newKintone(t)
	const body = `{"app":7,"x":"&app=8&_method=DELETE&"}`
	for kind, want := range map[string]Reason{
		"application/json":                     Allow,
		"Application/JSON ; charset=utf-8":     Allow,
		"application/json;profile=json":        Allow,
		"text/json":                            Allow,
		"application/vnd.api+json":             Allow,
		urlencoded + "; x=json":                AmbiguousRequest,
		urlencoded + `; x="application/json"`:  AmbiguousRequest,
		urlencoded + ";json":                   AmbiguousRequest,
		urlencoded + "json":                    AmbiguousRequest,
		urlencoded + "+json":                   AmbiguousRequest,
		"application/x-json":                   AmbiguousRequest,
		"application/json-seq":                 AmbiguousRequest,
		"text/plain; x=application/json":       AmbiguousRequest,
		"application/octet-stream; name=.json": AmbiguousRequest,
		"multipart/json":                       AmbiguousRequest,
		"multipart/form-data+json; boundary=x": AmbiguousRequest,
		urlencoded:                             MissingPermission,
		"multipart/form-data; boundary=json":   MissingPermission,
		"text/plain":                           MissingPermission,
	} {
		kintoneRow{[]int{seven}, "POST", "/k/v1/record.json", kind, body, want, nil}.decide(t, g)
		if want == AmbiguousRequest {
			kintoneRow{[]int{seven}, "POST", "/k/v1/bulkRequest.json", kind, `{"requests":[{"method":"POST","api":"/k/v1/record.json","payload":{"app":7}}]}`, want, nil}.decide(t, g)
			kintoneRow{[]int{viewer}, "POST", "/k/v1/record.json", kind, body, want, http.Header{"X-Http-Method-Override": {"GET"}}}.decide(t, g)
		}
	}
}

// A bulk request that is none by its type is refused before anybody waits for its body.
func TestBulkOfAnotherTypeIsNotRead(t *testing.T) {
	g := newKintone(t)
	for kind, read := range map[string]bool{jsonType: true, "text/plain": false, urlencoded: false, "": false} {
		r := post(seven, kind, strings.NewReader("{}"))
		r.URL.Path = "/k/v1/bulkRequest.json"
		r.Header.Set("X-Cybozu-API-Token", mint(seven))
		if d := g.Check(r); (d.ReadBody != nil) != read {
			t.Errorf("%q: %s, %v", kind, d.Reason, d.Err)
		}
	}
}

// A form that has nothing that decides, on a path where something could, is searched for
// another method all the same.
func TestFormsBesideParametersAreSearched(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("posts", token.Custom, "POST /record"))
	g := newGate(t, store, hostileSources(t), newCatalog(t, newPermission(t, "record.add", permission.Unmarked, "POST /record json:app={app}")))
	for _, x := range []kintoneRow{
		{kind: urlencoded, body: "app=7", want: Allow},
		{kind: urlencoded, body: "app=7&_method=DELETE", want: MethodOverride},
		{kind: "", body: "_method=DELETE", want: MethodOverride},
		{kind: urlencoded + "; x=json", body: "_method=DELETE", want: AmbiguousRequest},
		{kind: multipartForm, body: part(dispositionOf + `"_method"`), want: MethodOverride},
		{kind: jsonType, body: `{"_method":"DELETE"}`, want: Allow},
	} {
		x.tokens, x.method, x.path = []int{0}, "POST", "/record"
		x.decide(t, g)
	}
}

// Over HTTP/3 nobody knows before its end whether a request has a body. One without a
// type that has one could be anything; one that has none is like any other.
func TestBodiesOfUnknownLength(t *testing.T) {
	g := newKintone(t)
	for body, want := range map[string]Reason{"": Allow, "app=8": AmbiguousRequest, `{"app":8}`: AmbiguousRequest} {
		for _, kind := range []string{"", jsonType} {
			if kind != "" && body == "app=8" {
				continue
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/k/v1/record.json?app=7", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Cybozu-API-Token", mint(viewer))
			if kind != "" {
				r.Header.Set("Content-Type", kind)
			}
			r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/3.0", 3, 0
			r.Body, r.ContentLength = readCloser{strings.NewReader(body)}, -1
			if d := checkForms(g, r); d.Reason != want || d.ReadBody != nil {
				t.Errorf("%q as %q: %s, %v; want %s", body, kind, d.Reason, d.Err, want)
			}
		}
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// Two types, or one under a name that CGI takes for it, are none: each server reads
// another one.
func TestTwoTypesBesideParameters(t *testing.T) {
	g := newKintone(t)
	for _, x := range []struct{ method, path, body string }{
		{"POST", "/k/v1/record.json", `{"app":7}`},
		{"POST", "/k/v1/bulkRequest.json", `{"requests":[{"method":"POST","api":"/k/v1/record.json","payload":{"app":7}}]}`},
		{"DELETE", "/k/v1/records.json?app=7", `app=8`},
	} {
		for _, more := range []http.Header{{"Content-Type": {jsonType, urlencoded}}, {"Content-Type": {jsonType}, "Content_type": {urlencoded}}} {
			kintoneRow{[]int{seven}, x.method, x.path, "", x.body, AmbiguousRequest, more}.decide(t, g)
		}
	}
}
