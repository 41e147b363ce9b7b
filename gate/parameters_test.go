package gate

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// A token that is held to one app must not reach another one, however the request
// says which: every row but the first few was made so that some server reads
// another app than the gate.
func TestParameters(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("seven", token.Custom, "record.* app=7", "file.send app=7"))
	store.put(mint(1), newToken("every", token.Custom, "record.*"))
	store.put(mint(2), newToken("full", token.FullAccess))
	store.put(mint(3), newToken("written", token.Custom, "POST /k/v1/record.json json:app={app} app=7"))
	store.put(mint(4), newToken("adds", token.Custom, "record.add app=7", "record.edit app=7"))
	edit := newPermission(t, "record.edit", "", "PUT /k/v1/record.json json:app={app}")
	edit.Requires = []string{"record.view"}
	g := newGate(t, store, hostileSources(t), newCatalog(t, edit,
		newPermission(t, "record.view", "", "GET /k/v1/record.json?app={app}"),
		newPermission(t, "record.add", "", "POST /k/v1/record.json json:app={app}"),
		newPermission(t, "file.send", "", "POST /k/v1/file.json?app={app}"),
		newPermission(t, "plain.get", "", "GET /plain"),
	))
	const seven, every, full, written, adds = 0, 1, 2, 3, 4
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		token              uint64
		method, path, kind string
		body               string
		want               Reason
	}{
		{seven, "GET", "/k/v1/record.json?app=7", "", "", Allow},
		{seven, "HEAD", "/k/v1/record.json?id=1&app=7", "", "", Allow},
		{seven, "GET", "/k/v1/record.json?app=%37", "", "", Allow},
		{every, "GET", "/k/v1/record.json?app=9", "", "", Allow},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "record": {"app": {"value": 8}}}`, Allow},
		{seven, "POST", "/k/v1/record.json", "application/json; charset=UTF-8", `{"app": "7"}`, Allow},
		{seven, "POST", "/k/v1/record.json?lang=en", "application/json", `{"\u0061pp": 7}`, Allow},
		{seven, "PUT", "/k/v1/record.json", "application/json", `{"app": 7}`, Allow},
		{written, "POST", "/k/v1/record.json", "application/json", `{"app": 7}`, Allow},
		{full, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "app": 8}`, Allow},
		{seven, "POST", "/k/v1/file.json?app=7", "application/octet-stream", "x", Allow},
		{seven, "POST", "/k/v1/file.json?app=7", "application/json", `{"name": "x"}`, Allow},

		{seven, "GET", "/k/v1/record.json?app=8", "", "", MissingPermission},
		{seven, "GET", "/k/v1/record.json", "", "", MissingPermission},
		{seven, "GET", "/k/v1/record.json?app=7.0", "", "", MissingPermission},
		{seven, "GET", "/k/v1/record.json?app=7%00", "", "", MissingPermission},
		{seven, "GET", "/k/v1/record.json?app=%2537", "", "", MissingPermission},
		{seven, "GET", "/plain", "", "", MissingPermission},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 8}`, MissingPermission},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"record": {"app": 7}}`, MissingPermission},
		{seven, "POST", "/k/v1/record.json", "application/json", `[{"app": 7}]`, MissingPermission},
		{seven, "POST", "/k/v1/record.json", "application/json", ``, MissingPermission},
		{seven, "POST", "/k/v1/record.json", "text/plain", `{"app": 7}`, MissingPermission},
		{seven, "POST", "/k/v1/record.json", form, `app=7`, MissingPermission},
		{written, "POST", "/k/v1/record.json", "application/json", `{"app": 8}`, MissingPermission},
		{adds, "PUT", "/k/v1/record.json", "application/json", `{"app": 7}`, MissingPermission}, // without view

		{seven, "GET", "/k/v1/record.json?app=7&app=8", "", "", AmbiguousRequest},
		{every, "GET", "/k/v1/record.json?app=7&app=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=8&app=7", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7&App=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7&app[]=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7;app=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?x=1;app=7", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7&%61pp=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7&[app]=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7&+app=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?APP=7", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json??app=8&app=7", "", "", AmbiguousRequest}, // Node's url.parse with URLSearchParams
		{seven, "GET", "/k/v1/record.json?%3Fapp=8&app=7", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7&%EF%BB%BFapp=8", "", "", AmbiguousRequest}, // JavaScript's trim
		{seven, "GET", "/k/v1/record.json?app=7&%uFEFF%ef%bb%bfapp=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7&app%EF%BB%BF=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7&%EF%BBapp=8", "", "", Allow}, // no more than a broken name
		// OpenResty has no more than 100, PHP, Express and Koa 1,000, and PHP nothing of what is nested deeper than 512 levels.
		{seven, "GET", "/k/v1/record.json?" + strings.Repeat("x&", 99) + "app=7", "", "", Allow},
		{seven, "GET", "/k/v1/record.json?" + strings.Repeat("x&", 100) + "app=7", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7" + strings.Repeat("&x", 1000), "", "", Allow},
		{seven, "GET", "/k/v1/record.json?app=7" + strings.Repeat("&x", 1000) + "&app=8", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?" + strings.Repeat("x;", 100) + "&app=7", "", "", AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json?" + strings.Repeat("x&", 500), "application/json", `{"app": 7}`, Allow},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": ` + strings.Repeat("[", 99) + `"[{\"["` + strings.Repeat("]", 99) + `}`, Allow},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": ["\ud83d\ude00\\\ud83d\ude00\"", "\\ud800", "a\u0000"]}`, Allow},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": [` + strings.Repeat("[],", 200) + `{}]}`, Allow},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": ["\ud83d\ude00\ud83d"]}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": ["\ude00\ud83d"]}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": ["\ud83d\u0041"]}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x\uDFFF": 1}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": {"\u0000x": 1}}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=%zz", "", "", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7", form, "app=8", AmbiguousRequest},
		{seven, "GET", "/k/v1/record.json?app=7", "application/json", `{"app": 8}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/file.json?app=7", "application/json", `{"app": 7}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/file.json?app=7", "application/json", `{"APP": 8}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/file.json?app=7", "application/json", `{`, AmbiguousRequest},
		{seven, "POST", "/k/v1/file.json?app=7", "multipart/form-data; boundary=x", "--x--", AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json?app=8", "application/json", `{"app": 7}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "app": 8}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "App": 8}`, AmbiguousRequest}, // Go, .NET
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "\u0061pp": 8}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "app\u0000": 8}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "app\ud800": 8}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "\ufeffapp": 8}`, AmbiguousRequest}, // JavaScript's trim
		{seven, "POST", "/k/v1/record.json", "application/json", "{\"app\": 7, \"app\ufeff\": 8}", AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "app\u0000x": 8}`, AmbiguousRequest}, // where a NUL ends a name
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "app \u0000x": 8}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "app [x]": 8}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": "7\ud800"}`, AmbiguousRequest}, // each decoder makes something else of it
		{every, "POST", "/k/v1/record.json", "application/json", `{"app": "7\ud800"}`, AmbiguousRequest},
		{every, "POST", "/k/v1/record.json", "application/json", "{\"app\": 7, \"x\": \"\xff\"}", AmbiguousRequest}, // not UTF-8, wherever
		{every, "POST", "/k/v1/record.json", "application/json", "{\"app\": 7, \"\xc1\xa1pp\": 8}", AmbiguousRequest},
		{seven, "POST", "/k/v1/file.json?app=7", "text/plain", `{"app": 8}`, AmbiguousRequest}, // there are servers that look for JSON in it
		{seven, "POST", "/k/v1/file.json?app=7", "text/csv", `a,b`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": [7]}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": {"id": 7}}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": null}`, AmbiguousRequest},
		{every, "POST", "/k/v1/record.json", "application/json", `{"app": 9007199254740993}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7} {"app": 8}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", "\ufeff" + `{"app": 7}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7,}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7 /* 8 */}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", "{\"app\": \"7\xff\"}", AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json; charset=utf-16", `{"app": 7}`, AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", strings.Repeat("[", 20000), AmbiguousRequest},
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": "` + strings.Repeat("x", DefaultMaxBody) + `"}`, TooLarge},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+mint(test.token))
		if test.kind != "" {
			r.Header.Set("Content-Type", test.kind)
		}
		if d := decideWhole(t, g, r, test.body); d.Reason != test.want {
			t.Errorf("%s %s %s %.60s got %s (%v), want %s", test.method, test.path, test.kind, test.body, d.Reason, d.Err, test.want)
		}
	}
}

// A body that is compressed can't be read, so it can't decide.
func TestParametersCompressed(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("seven", token.Custom, "record.add app=7"))
	g := newGate(t, store, hostileSources(t), newCatalog(t, newPermission(t, "record.add", permission.Unmarked, "POST /record json:app={app}")))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/record", strings.NewReader(`{"app": 7}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + mint(0)}, "Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}
	d := g.Check(r)
	d.ReadBody(r)
	if d = g.Resume(r, d); d.Reason != AmbiguousRequest {
		t.Error(d.Reason, d.Err)
	}
}

// A body that breaks off, or is too long, fails whoever reads it: it must not go on as an
// empty one, which would be another request.
func TestUnreadBodiesAreNotForwarded(t *testing.T) {
	for name, from := range map[string]io.Reader{
		"breaks off": io.MultiReader(strings.NewReader(`{"app"`), iotest.ErrReader(io.ErrUnexpectedEOF)),
		"too long":   io.MultiReader(strings.NewReader(`{"app":7,"x":"`), io.LimitReader(rand.Reader, DefaultMaxBody)),
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/record", from)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", jsonType)
		(&Gate{}).readParameterBody(r)
		if got, err := io.ReadAll(r.Body); err == nil || len(got) > 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// What hundreds of thousands of members cost does not depend on how many there are, but for
// the text itself: a client could fill the memory with small requests.
func TestMembersAreNotKept(t *testing.T) {
	wanted := []permission.Parameter{{Place: permission.InJSON, Name: "app", Capture: "app"}, {Place: permission.Flag, Name: "upsert"}}
	for name, member := range map[string]string{"others": `"a":1,`, "the same": `"app":1,`, "nearly": `"App ":{"app":[1]},`} {
		body := &parameterBody{kind: jsonKind, whole: []byte("{" + strings.Repeat(member, 200_000) + `"b":1}`)}
		if n := testing.AllocsPerRun(1, func() { _, _ = body.look(wanted) }); n > 20 {
			t.Errorf("%s: %.0f allocations", name, n)
		}
	}
	for _, list := range []string{strings.Repeat("0,", 200_000) + "0", strings.Repeat(`{"method":"POST"},`, 100_000) + "{}"} {
		body := &parameterBody{kind: jsonKind, whole: []byte(`{"requests":[` + list + "]}")}
		if n := testing.AllocsPerRun(1, func() {
			if _, err := bulkParts(body); err == nil {
				t.Error("allowed")
			}
		}); n > 30 {
			t.Errorf("a bulk request: %.0f allocations", n)
		}
	}
}

// Each parameter is looked for once, however many grants have it, be it there or not: a
// token with many grants must not make a body of many members slow. Those with too many
// different ones are refused.
func TestParametersAreLookedForOnce(t *testing.T) {
	var same, different []string
	for i := range 200 {
		same = append(same, fmt.Sprintf("POST /record json:app={app} app=%d", i))
		different = append(different, fmt.Sprintf("POST /record json:app={app} json:p%d={x}", i))
	}
	store := newMemoryStore()
	store.put(mint(0), newToken("same", token.Custom, same...))
	store.put(mint(1), newToken("most", token.Custom, different[:maxWanted-1]...))
	store.put(mint(2), newToken("different", token.Custom, different...))
	g := newGate(t, store, newSources(t, Source{Place: Header, Name: "X-Cybozu-API-Token"}), newCatalog(t, newPermission(t, "record.add", permission.Unmarked, "POST /record json:app={app}")))
	known, _ := ask(g.Resolver, mint(0))
	wanted, err := wantedParameters(Tokens{First: known}, g.Catalog, &Matches{First: g.Catalog.Find("POST", "/record")})
	if err != nil || len(wanted) != 1 {
		t.Errorf("%v, %v", wanted, err)
	}
	for _, x := range []kintoneRow{
		{tokens: []int{0}, body: `{"app":199}`, want: Allow},
		{tokens: []int{0}, body: `{"app":200}`, want: MissingPermission},
		{tokens: []int{1}, body: `{"app":1,"p30":1}`, want: Allow},
		{tokens: []int{1}, body: `{"app":1}`, want: MissingPermission},
		{tokens: []int{2}, body: `{"app":1,"p30":1}`, want: AmbiguousRequest},
	} {
		x.method, x.path, x.kind = "POST", "/record", jsonType
		x.decide(t, g)
	}
}

// Two parameters of the same name in braces are two values for the same.
func TestParametersOfOneName(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("held", token.Custom, "thing.find of=7", "thing.make of=7"))
	find := newPermission(t, "thing.find", "", "GET /thing?shop={of}", "GET /thing?branch={of}", "GET /thing?user={user}")
	add := newPermission(t, "thing.make", "", "POST /thing json:shop={of}", "POST /thing json:branch={of}")
	bulk, err := permission.ParsePattern("/bulk")
	if err != nil {
		t.Fatal(err)
	}
	add.Bulk = []permission.Pattern{bulk}
	g := newGate(t, store, hostileSources(t), newCatalog(t, find, add))
	for _, x := range []kintoneRow{
		{method: "GET", path: "/thing?shop=7", want: Allow},
		{method: "GET", path: "/thing?branch=7", want: Allow},
		{method: "GET", path: "/thing?shop=7&user=8", want: Allow},
		{method: "GET", path: "/thing?shop=7&branch=8", want: AmbiguousRequest},
		{method: "GET", path: "/thing?branch=7&shop=8", want: AmbiguousRequest},
		{method: "GET", path: "/thing?shop=7", kind: jsonType, body: `{"branch":8}`, want: AmbiguousRequest},
		{method: "POST", path: "/thing", kind: jsonType, body: `{"shop":7}`, want: Allow},
		{method: "POST", path: "/thing", kind: jsonType, body: `{"shop":7,"branch":8}`, want: AmbiguousRequest},
		{method: "POST", path: "/thing?branch=8", kind: jsonType, body: `{"shop":7}`, want: AmbiguousRequest},
		{method: "POST", path: "/bulk", kind: jsonType, body: `{"requests":[{"method":"POST","api":"/thing","payload":{"branch":7}}]}`, want: Allow},
		{method: "POST", path: "/bulk", kind: jsonType, body: `{"requests":[{"method":"POST","api":"/thing","payload":{"shop":7,"branch":8}}]}`, want: AmbiguousRequest},
	} {
		x.tokens = []int{0}
		x.decide(t, g)
	}
}

// What decides stands in the query: a body that could not be read must have another use,
// or some server finds another app there.
func TestBodiesBesideAParameterOfTheQuery(t *testing.T) {
	g := newKintone(t)
	get := http.Header{"X-Http-Method-Override": {"GET"}}
	for _, kind := range []string{"application/octet-stream", "application/xml"} {
		kintoneRow{[]int{seven}, "DELETE", "/k/v1/records.json?app=7", kind, `{"app":8}`, AmbiguousRequest, nil}.decide(t, g)
		kintoneRow{[]int{viewer}, "GET", "/k/v1/records.json?app=7", kind, `{"app":8}`, AmbiguousRequest, nil}.decide(t, g)
		kintoneRow{[]int{viewer}, "HEAD", "/k/v1/records.json?app=7", kind, `{"app":8}`, AmbiguousRequest, nil}.decide(t, g)
		kintoneRow{[]int{viewer}, "POST", "/k/v1/records.json?app=7", kind, `{"app":8}`, AmbiguousRequest, get}.decide(t, g)
	}
	kintoneRow{[]int{viewer}, "POST", "/k/v1/records.json?app=7", "multipart/form-data; boundary=x", "--x--", AmbiguousRequest, get}.decide(t, g)

	store := newMemoryStore()
	store.put(mint(0), newToken("sends", token.Custom, "file.send app=7", "OPTIONS /o?app={app} app=7"))
	g = newGate(t, store, hostileSources(t), newCatalog(t, newPermission(t, "file.send", "", "POST /f?app={app}")))
	for _, x := range []struct{ method, path, kind string }{{"POST", "/f?app=7", ""}, {"OPTIONS", "/o?app=7", "application/octet-stream"}} {
		r := httptest.NewRequestWithContext(t.Context(), x.method, x.path, strings.NewReader("app=8"))
		r.Header.Set("Authorization", "Bearer "+mint(0))
		if x.kind != "" {
			r.Header.Set("Content-Type", x.kind)
		}
		if d := decideWhole(t, g, r, "app=8"); d.Reason != AmbiguousRequest {
			t.Errorf("%s %s: %s %v", x.method, x.path, d.Reason, d.Err)
		}
	}
}

// One token of several can have what the catalog does not: parameters written out.
func TestParametersOfAnyToken(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("plain", token.Custom, "plain.get"))
	store.put(mint(1), newToken("written", token.Custom, "GET /x?app={app} app=7"))
	g := newGate(t, store, newKintone(t).Sources, newCatalog(t, newPermission(t, "plain.get", "", "GET /plain")))
	kintoneRow{[]int{0, 1}, "GET", "/x?app=7", "", "", Allow, nil}.decide(t, g)
	kintoneRow{[]int{1, 0}, "GET", "/x?app=7", "", "", Allow, nil}.decide(t, g)
	kintoneRow{[]int{0, 1}, "GET", "/x?app=8", "", "", MissingPermission, nil}.decide(t, g)
}
