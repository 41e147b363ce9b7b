package gate

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// The tokens of a gate in front of kintone.
const (
	seven  = iota // all of app 7
	viewer        // app 7, view only
	editor        // app 7, edit without view
	eight         // adds to app 8
	both          // adds to apps 7 and 8
	all           // all of all apps
	full
	readonly
	manager   // app 7
	updater   // app 7, view and edit
	adder     // all apps, add
	elsewhere // all of app 8
	wide      // POST to whatever is below /k/v1
)

func newKintone(t *testing.T) *Gate {
	t.Helper()
	permissions, err := permission.ForKintone()
	if err != nil {
		t.Fatal(err)
	}
	store := newMemoryStore()
	for n, tok := range []token.Token{
		seven: newToken("seven", token.Custom, "record.* app=7"), viewer: newToken("viewer", token.Custom, "record.view app=7"),
		editor: newToken("editor", token.Custom, "record.edit app=7"), eight: newToken("eight", token.Custom, "record.add app=8"),
		both: newToken("both", token.Custom, "record.add app=7", "record.add app=8"),
		all:  newToken("all", token.Custom, "record.*", "file.*", "app.*"), full: newToken("full", token.FullAccess),
		readonly: newToken("readonly", token.ReadOnly), manager: newToken("manager", token.Custom, "app.manage app=7"),
		updater: newToken("updater", token.Custom, "record.view app=7", "record.edit app=7"), adder: newToken("adder", token.Custom, "record.add"),
		elsewhere: newToken("elsewhere", token.Custom, "record.* app=8"), wide: newToken("wide", token.Custom, "POST /k/v1/*", "PUT /k/v1/*"),
	} {
		store.put(mint(uint64(n)), tok)
	}
	sources, err := NewSources([]Source{{Place: Header, Name: "X-Cybozu-API-Token", List: true}}, DefaultMaxTokens)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := permission.NewCatalog(permissions)
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(t, store, sources, catalog)
	for _, path := range permission.KintoneGets() {
		g.Openings = append(g.Openings, permission.Opening{Kind: permission.PostAsGet, Path: path})
	}
	g.OneTokenFor, g.Password = "app", &Password{Header: "X-Cybozu-Authorization"}
	return g
}

// kintoneRow is a request to it and the decision.
type kintoneRow struct {
	tokens             []int
	method, path, kind string
	body               string
	want               Reason
	more               http.Header
}

func (x kintoneRow) decide(t *testing.T, g *Gate) Decision {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), x.method, x.path, strings.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, x.more)
	for _, n := range x.tokens {
		r.Header.Add("X-Cybozu-API-Token", mint(uint64(n)))
	}
	if x.kind != "" {
		r.Header.Set("Content-Type", x.kind)
	}
	d := decideWhole(t, g, r, x.body)
	if d.Reason != x.want {
		t.Errorf("%s %s %v %.90s of %v got %s (%v), want %s", x.method, x.path, x.more, x.body, x.tokens, d.Reason, d.Err, x.want)
	}
	return d
}

// decideWhole decides about a request, reading its body if that is needed. Of one
// that is allowed the backend must get the same body.
func decideWhole(t *testing.T, g *Gate, r *http.Request, body string) Decision {
	t.Helper()
	d := g.Check(r)
	if d.ReadBody != nil {
		d.ReadBody(r)
		d = g.Resume(r, d)
	}
	if d.Reason == Allow {
		if text, err := io.ReadAll(r.Body); err != nil || string(text) != body || d.ReadBody != nil {
			t.Errorf("%s %s: the backend gets %q, %v", r.Method, r.URL, text, err)
		}
	}
	return d
}

const jsonType = "application/json"

// Each route of the record API is of one check box, and of the app that the
// request names.
func TestKintoneRoutes(t *testing.T) {
	g := newKintone(t)
	for _, x := range []kintoneRow{
		{[]int{viewer}, "GET", "/k/v1/record.json?app=7&id=1", "", "", Allow, nil},
		{[]int{viewer}, "GET", "/k/v1/record.json", jsonType, `{"app":7,"id":1}`, Allow, nil},
		{[]int{viewer}, "GET", "/k/v1/records.json?app=7", "", "", Allow, nil},
		{[]int{viewer}, "GET", "/k/guest/3/v1/records.json?app=7", "", "", Allow, nil},
		{[]int{viewer}, "GET", "/k/v1/record/comments.json?app=7", "", "", Allow, nil},
		{[]int{viewer}, "POST", "/k/v1/records/cursor.json", jsonType, `{"app":"7"}`, Allow, nil},
		{[]int{viewer}, "POST", "/k/v1/records/cursor.json", jsonType, `{"app":8}`, MissingPermission, nil},
		{[]int{viewer}, "GET", "/k/v1/records/cursor.json?id=x", "", "", MissingPermission, nil},
		{[]int{seven}, "GET", "/k/v1/records/cursor.json?id=x", "", "", MissingPermission, nil},
		{[]int{all}, "GET", "/k/v1/records/cursor.json?id=x", "", "", Allow, nil},
		{[]int{all}, "DELETE", "/k/v1/records/cursor.json", jsonType, `{"id":"x"}`, Allow, nil},
		{[]int{viewer}, "POST", "/k/v1/record.json", jsonType, `{"app":7}`, MissingPermission, nil},
		{[]int{seven}, "POST", "/k/v1/record.json", jsonType, `{"app":7}`, Allow, nil},
		{[]int{seven}, "POST", "/k/v1/record.json?app=7", jsonType, `{}`, MissingPermission, nil},
		{[]int{seven}, "PUT", "/k/v1/record/status.json", jsonType, `{"app":7}`, Allow, nil},
		{[]int{seven}, "PUT", "/k/v1/records/status.json", jsonType, `{"app":7}`, Allow, nil},
		{[]int{seven}, "PUT", "/k/v1/record/assignees.json", jsonType, `{"app":7}`, Allow, nil},
		{[]int{editor}, "PUT", "/k/v1/record.json", jsonType, `{"app":7}`, MissingPermission, nil},
		{[]int{seven}, "DELETE", "/k/v1/records.json?app=7&ids[0]=1", "", "", Allow, nil},
		{[]int{seven}, "DELETE", "/k/v1/records.json", jsonType, `{"app":7,"ids":[1]}`, Allow, nil},
		{[]int{seven}, "DELETE", "/k/v1/records.json?app=8&ids[0]=1", "", "", MissingPermission, nil},
		{[]int{seven}, "DELETE", "/k/v1/records.json?app=7", jsonType, `{"app":8}`, AmbiguousRequest, nil},
		{[]int{seven}, "DELETE", "/k/v1/records.json?app=7", "text/plain", `{"app":8}`, AmbiguousRequest, nil},
		{[]int{seven}, "POST", "/k/v1/record/comment.json", jsonType, `{"app":7}`, Allow, nil},
		{[]int{all}, "POST", "/k/v1/file.json", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--x--", Allow, nil},
		{[]int{seven}, "GET", "/k/v1/file.json?fileKey=x", "", "", MissingPermission, nil},
		{[]int{all}, "GET", "/k/v1/file.json?fileKey=x", "", "", Allow, nil},
		{[]int{manager}, "GET", "/k/v1/app/form/fields.json?app=7", "", "", Allow, nil},
		{[]int{manager}, "GET", "/k/v1/app.json?id=7", "", "", Allow, nil},
		{[]int{manager}, "PUT", "/k/v1/preview/app/views.json", jsonType, `{"app":7}`, Allow, nil},
		{[]int{manager}, "PUT", "/k/v1/preview/app/views.json", jsonType, `{"app":8}`, MissingPermission, nil},
		{[]int{manager}, "POST", "/k/v1/preview/app/deploy.json", jsonType, `{"app":7,"apps":[{"app":8}]}`, MissingPermission, nil},
		{[]int{all}, "POST", "/k/v1/preview/app/deploy.json", jsonType, `{"apps":[{"app":8}]}`, Allow, nil},
		{[]int{manager}, "POST", "/k/v1/preview/app.json", jsonType, `{"app":7,"name":"x"}`, MissingPermission, nil},
		{[]int{manager}, "GET", "/k/v1/record.json?app=7", "", "", MissingPermission, nil},
		{[]int{viewer}, "GET", "/k/v1/app/form/fields.json?app=7", "", "", Allow, nil},
		{[]int{viewer}, "GET", "/k/v1/app/form/fields.json?app=8", "", "", MissingPermission, nil},
		{[]int{viewer}, "GET", "/k/guest/3/v1/app/form/layout.json?app=7", "", "", Allow, nil},
		{[]int{viewer}, "GET", "/k/v1/form.json?app=7", "", "", Allow, nil},
		{[]int{viewer}, "GET", "/k/v1/app/reports.json?app=7", "", "", MissingPermission, nil},
		{[]int{viewer}, "GET", "/k/v1/app/actions.json?app=7", "", "", MissingPermission, nil},
		{[]int{viewer}, "GET", "/k/v1/preview/app/form/fields.json?app=7", "", "", MissingPermission, nil},
		{[]int{viewer}, "PUT", "/k/v1/preview/app/form/fields.json", jsonType, `{"app":7}`, MissingPermission, nil},
		{[]int{eight}, "GET", "/k/v1/app/form/fields.json", jsonType, `{"app":8}`, Allow, nil},
		{[]int{eight}, "GET", "/k/v1/app/form/layout.json?app=8", "", "", Allow, nil},
		{[]int{eight}, "GET", "/k/v1/form.json?app=8", "", "", Allow, nil},
		{[]int{eight}, "GET", "/k/v1/preview/form.json?app=8", "", "", MissingPermission, nil},
		{[]int{readonly}, "GET", "/k/v1/record.json?app=9", "", "", Allow, nil},
		{[]int{readonly}, "POST", "/k/v1/records/cursor.json", jsonType, `{"app":9}`, Allow, nil},
		{[]int{readonly}, "POST", "/k/v1/record.json", jsonType, `{"app":9}`, MissingPermission, nil},
	} {
		x.decide(t, g)
	}
}

// What an app is like is for whoever may view or add its records, as it is in force; its
// preview, and changes, are for who may manage it.
func TestKintoneApp(t *testing.T) {
	g := newKintone(t)
	for path, name := range map[string]string{"/app.json": "id", "/app/views.json": "app", "/app/settings.json": "app", "/app/status.json": "app"} {
		for _, root := range []string{"/k/v1", "/k/guest/3/v1"} {
			for token, app := range map[int]string{viewer: "7", eight: "8"} {
				other := map[string]string{"7": "8", "8": "7"}[app]
				kintoneRow{[]int{token}, "GET", root + path + "?lang=en&" + name + "=" + app, "", "", Allow, nil}.decide(t, g)
				kintoneRow{[]int{token}, "GET", root + path, jsonType, `{"` + name + `":` + app + `}`, Allow, nil}.decide(t, g)
				kintoneRow{[]int{token}, "GET", root + path + "?" + name + "=" + other, "", "", MissingPermission, nil}.decide(t, g)
				kintoneRow{[]int{token}, "GET", root + path, "", "", MissingPermission, nil}.decide(t, g)
				kintoneRow{[]int{token}, "GET", root + "/preview" + path + "?" + name + "=" + app, "", "", MissingPermission, nil}.decide(t, g)
				kintoneRow{[]int{token}, "PUT", root + path, jsonType, `{"` + name + `":` + app + `}`, MissingPermission, nil}.decide(t, g)
				kintoneRow{[]int{token}, "PUT", root + "/preview" + path, jsonType, `{"` + name + `":` + app + `}`, MissingPermission, nil}.decide(t, g)
			}
			kintoneRow{[]int{manager}, "GET", root + path + "?" + name + "=7", "", "", Allow, nil}.decide(t, g)
			kintoneRow{[]int{editor}, "GET", root + path + "?" + name + "=7", "", "", MissingPermission, nil}.decide(t, g)
		}
	}
}

// The rights of records and fields take id for app too, and kintone goes by id if both
// are there.
func TestKintoneRightsOfTwoNames(t *testing.T) {
	g := newKintone(t)
	for _, root := range []string{"/k/v1", "/k/guest/3/v1", "/k/v1/preview", "/k/guest/3/v1/preview"} {
		for _, path := range []string{root + "/record/acl.json", root + "/field/acl.json"} {
			for _, method := range []string{"GET", "PUT"} {
				for body, want := range map[string]Reason{
					`{"app":7,"rights":[]}`:          Allow,
					`{"id":"7","rights":[]}`:         Allow,
					`{"app":8,"rights":[]}`:          MissingPermission,
					`{"id":8,"rights":[]}`:           MissingPermission,
					`{"app":7,"id":8,"rights":[]}`:   AmbiguousRequest,
					`{"id":8,"app":7,"rights":[]}`:   AmbiguousRequest,
					`{"app":7,"id":7,"rights":[]}`:   AmbiguousRequest,
					`{"app":7,"\u0069d":8}`:          AmbiguousRequest,
					`{"app":7,"ID":8}`:               AmbiguousRequest,
					`{"app":7,"id":[8],"rights":[]}`: AmbiguousRequest,
				} {
					kintoneRow{[]int{manager}, method, path, jsonType, body, want, nil}.decide(t, g)
				}
			}
			kintoneRow{[]int{manager}, "GET", path + "?id=7", "", "", Allow, nil}.decide(t, g)
			kintoneRow{[]int{manager}, "GET", path + "?app=7&id=8", "", "", AmbiguousRequest, nil}.decide(t, g)
			kintoneRow{[]int{manager}, "GET", path + "?app=7", jsonType, `{"id":8}`, AmbiguousRequest, nil}.decide(t, g)
			kintoneRow{[]int{manager}, "PUT", path + "?id=8", jsonType, `{"app":7}`, AmbiguousRequest, nil}.decide(t, g)
		}
	}
}

// What may add records needs the permission to add: upsert in every spelling that some
// server may take for it, with whatever it may take for true.
func TestKintoneUpsert(t *testing.T) {
	g := newKintone(t)
	const path, bulk = "/k/v1/records.json", "/k/v1/bulkRequest.json"
	for _, x := range []struct {
		query, more string
		want        Reason // of a token that may view and edit, and not add
	}{
		{"", ``, Allow},
		{"", `,"upsert":false`, Allow},
		{"", `,"records":[{"record":{"upsert":{"value":true}}}]`, Allow},
		{"", `,"upsert":true`, MissingPermission},
		{"", `,"upsert":"true"`, MissingPermission},
		{"", `,"upsert":"false"`, MissingPermission},
		{"", `,"upsert":1`, MissingPermission},
		{"", `,"upsert":0`, MissingPermission},
		{"", `,"upsert":null`, MissingPermission},
		{"", `,"upsert":[]`, MissingPermission},
		{"", `,"upsert":{"a":true}`, MissingPermission},
		{"", `,"\u0075psert":true`, MissingPermission},
		{"", `,"upsert":false,"upsert":true`, AmbiguousRequest},
		{"", `,"upsert":false,"Upsert":true`, AmbiguousRequest},
		{"", `,"UPSERT":true`, AmbiguousRequest},
		{"", `,"upſert":true`, AmbiguousRequest}, // with a long s, which Go takes for an s
		{"", `,"upsert ":true`, AmbiguousRequest},
		{"", `,"upsert[]":true`, AmbiguousRequest},
		{"?upsert=true", ``, MissingPermission},
		{"?upsert=true", `,"upsert":false`, MissingPermission},
		{"?upsert=false&upsert=true", ``, AmbiguousRequest},
	} {
		body := `{"app":7` + x.more + `}`
		kintoneRow{[]int{updater}, "PUT", path + x.query, jsonType, body, x.want, nil}.decide(t, g)
		if x.want != AmbiguousRequest {
			kintoneRow{[]int{seven}, "PUT", path + x.query, jsonType, body, Allow, nil}.decide(t, g)
			kintoneRow{[]int{updater, adder}, "PUT", path + x.query, jsonType, body, Allow, nil}.decide(t, g)
		}
		if x.query == "" {
			part := `{"requests":[{"method":"PUT","api":"` + path + `","payload":` + body + `}]}`
			kintoneRow{[]int{updater}, "POST", bulk, jsonType, part, x.want, nil}.decide(t, g)
		}
	}
	part := `{"requests":[{"method":"PUT","api":"` + path + `","payload":{"app":7}}]}`
	kintoneRow{[]int{updater}, "POST", bulk + "?upsert=true", jsonType, part, AmbiguousRequest, nil}.decide(t, g)
	kintoneRow{[]int{adder}, "PUT", path, jsonType, `{"app":7,"upsert":true}`, MissingPermission, nil}.decide(t, g)
	kintoneRow{[]int{updater, elsewhere}, "PUT", path, jsonType, `{"app":7,"upsert":true}`, MissingPermission, nil}.decide(t, g)
}

// A body that can't be read may have what asks for more rights.
func TestFlagsOfUnreadBodies(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("edits", token.Custom, "thing.edit"))
	edit := newPermission(t, "thing.edit", "", "PUT /thing", "GET /thing")
	edit.Requires = []string{"thing.add if json:force"}
	g := newGate(t, store, hostileSources(t), newCatalog(t, edit, newPermission(t, "thing.add", "", "POST /thing")))
	for _, x := range []kintoneRow{
		{method: "PUT", kind: jsonType, body: `{}`, want: Allow},
		{method: "PUT", kind: jsonType, body: `{"force":false}`, want: Allow},
		{method: "PUT", want: Allow},
		{method: "GET", want: Allow},
		{method: "PUT", kind: jsonType, body: `{"force":true}`, want: MissingPermission},
		{method: "PUT", kind: jsonType, body: `[{"force":true}]`, want: MissingPermission},
		{method: "PUT", kind: "text/plain", body: `{"force":true}`, want: AmbiguousRequest},
		{method: "PUT", kind: "application/octet-stream", body: `{"force":true}`, want: AmbiguousRequest},
		{method: "PUT", body: `{"force":true}`, want: AmbiguousRequest},
		{method: "PUT", kind: "application/x-www-form-urlencoded", body: `force=true`, want: AmbiguousRequest},
		{method: "PUT", kind: jsonType, body: `{"force":true`, want: AmbiguousRequest},
	} {
		x.path, x.tokens = "/thing", []int{0}
		x.decide(t, g)
	}
}

// A bulk request does what its requests do. What one server reads otherwise than
// another is refused, at each level.
func TestKintoneBulk(t *testing.T) {
	g := newKintone(t)
	const path = "/k/v1/bulkRequest.json"
	part := func(method, api, payload string) string {
		return `{"method":"` + method + `","api":"` + api + `","payload":` + payload + `}`
	}
	of := func(parts ...string) string { return `{"requests":[` + strings.Join(parts, ",") + `]}` }
	add7, add8 := part("POST", "/k/v1/record.json", `{"app":7}`), part("POST", "/k/v1/record.json", `{"app":"8"}`)
	many := strings.Split(strings.Repeat(add7+"|", 20)+add7, "|")
	for _, x := range []struct {
		token int
		body  string
		want  Reason
	}{
		{seven, of(add7), Allow},
		{seven, of(add7, part("PUT", "/k/v1/records.json", `{"app":7}`), part("DELETE", "/k/v1/records.json", `{"app":7,"ids":[1]}`)), Allow},
		{seven, of(part("PUT", "/k/guest/3/v1/record/status.json", `{"app":7}`)), Allow},
		{both, of(add7, add8), Allow},
		{full, of(add7, add8), Allow},
		{seven, of(many[:20]...), Allow},
		{seven, of(add7, add8), MissingPermission},
		{seven, of(add8, add7), MissingPermission},
		{seven, of(part("POST", "/k/v1/record.json", `{}`)), MissingPermission},
		{viewer, of(add7), MissingPermission},
		{editor, of(part("PUT", "/k/v1/record.json", `{"app":7}`)), MissingPermission},
		{readonly, of(add7), MissingPermission},
		{seven, of(part("POST", "/k/v1/other.json", `{"app":7}`)), MissingPermission},
		{seven, of(part("POST", "/K/v1/record.json", `{"app":7}`)), MissingPermission},

		{seven, of(many...), AmbiguousRequest},
		{seven, of(), AmbiguousRequest},
		{seven, ``, AmbiguousRequest},
		{seven, `[` + add7 + `]`, AmbiguousRequest},
		{seven, `{}`, AmbiguousRequest},
		{seven, `{"requests":null}`, AmbiguousRequest},
		{seven, `{"requests":` + add7 + `}`, AmbiguousRequest},
		{seven, `{"requests":[` + add7 + `],"requests":[` + add8 + `]}`, AmbiguousRequest},
		{seven, `{"requests":[` + add7 + `],"Requests":[` + add8 + `]}`, AmbiguousRequest},
		{seven, of(`{"method":"POST","method":"DELETE","api":"/k/v1/record.json","payload":{"app":7}}`), AmbiguousRequest},
		{seven, of(`{"method":"POST","api":"/k/v1/record.json","API":"/k/v1/x","payload":{"app":7}}`), AmbiguousRequest},
		{seven, of(`{"method":"POST","api":"/k/v1/record.json","payload":{"app":7},"payload":{"app":8}}`), AmbiguousRequest},
		{seven, of(`{"method":"POST","api":"/k/v1/record.json","payload":{"app":7},"payload ":{"app":8}}`), AmbiguousRequest},
		{seven, of(part("POST", "/k/v1/record.json", `{"app":7,"app":8}`)), AmbiguousRequest},
		{seven, of(part("POST", "/k/v1/record.json", `{"app":7,"App":8}`)), AmbiguousRequest},
		{seven, of(part("POST", "/k/v1/record.json", `[{"app":7}]`)), AmbiguousRequest},
		{seven, of(part("POST", "/k/v1/record.json", `"app"`)), AmbiguousRequest},
		{seven, of(part("post", "/k/v1/record.json", `{"app":7}`)), AmbiguousRequest},
		{seven, of(part("GET", "/k/v1/record.json", `{"app":7}`)), AmbiguousRequest},
		{seven, of(part("POST", "/k/v1/record.json?app=8", `{"app":7}`)), AmbiguousRequest},
		{seven, of(part("POST", "/k/v1/../v1/record.json", `{"app":7}`)), AmbiguousRequest},
		{seven, of(part("POST", "/k/v1/rec%6Frd.json", `{"app":7}`)), AmbiguousRequest},
		{seven, of(part("POST", "//k/v1/record.json", `{"app":7}`)), AmbiguousRequest},
		{seven, of(part("POST", "https://x/k/v1/record.json", `{"app":7}`)), AmbiguousRequest},
		{seven, of(part("POST", path, of(add7))), AmbiguousRequest},
		{seven, of(`{"method":["POST"],"api":"/k/v1/record.json","payload":{"app":7}}`), AmbiguousRequest},
		{seven, of(`7`), AmbiguousRequest},
		{seven, of(add7) + " x", AmbiguousRequest},
		{seven, of(add7)[:20] + strings.Repeat(" ", DefaultMaxBody), TooLarge},
	} {
		kintoneRow{[]int{x.token}, "POST", path, jsonType, x.body, x.want, nil}.decide(t, g)
	}
	for _, x := range []kintoneRow{
		{[]int{seven}, "POST", path + "?app=8", jsonType, of(add7), AmbiguousRequest, nil},
		{[]int{seven}, "POST", path, "text/plain", of(add7), AmbiguousRequest, nil},
		{[]int{seven}, "POST", path, "", of(add7), AmbiguousRequest, nil},
		{[]int{seven}, "POST", path, jsonType, of(add7), AmbiguousRequest, http.Header{"X-Http-Method-Override": {"PUT"}}},
		{[]int{seven}, "POST", path, jsonType, of(add7), AmbiguousRequest, http.Header{"X-Http-Method-Override": {"GET"}}},
		{[]int{seven}, "PUT", path, jsonType, of(add7), MissingPermission, nil},
		{[]int{viewer, eight}, "POST", path, jsonType, of(add8), Allow, nil},
		{[]int{seven, eight}, "POST", "/k/guest/3/v1/bulkRequest.json", jsonType, of(add7, add8), Allow, nil},
	} {
		x.decide(t, g)
	}
}

// A server that does not tell letters by their case, or drops a slash or a suffix, finds the
// bulk request under other paths. Who may POST to all of them must not delete by one that
// nobody read.
func TestBulkInEverySpelling(t *testing.T) {
	g := newKintone(t)
	every, err := permission.ParsePattern("/*")
	if err != nil {
		t.Fatal(err)
	}
	g.Openings = permission.Openings{{Kind: permission.Semicolon, Path: every}, {Kind: permission.MethodOverride, Path: every}}
	body := func(method, api string) string {
		return `{"requests":[{"method":"` + method + `","api":"` + api + `","payload":{"app":7}}]}`
	}
	for _, name := range []string{"bulkRequest.json", "BulkRequest.json", "bulkrequest.JSON", "bulkRequest.json/", "bulkRequest.json.", "bulkRequest.json%20", "bulkRequest.json/x", "bulk%52equest.json"} {
		kintoneRow{[]int{wide}, "POST", "/k/v1/" + name, jsonType, body("DELETE", "/k/v1/records.json"), MissingPermission, nil}.decide(t, g)
		kintoneRow{[]int{wide}, "POST", "/k/v1/" + name, jsonType, body("POST", "/k/v1/record.json"), Allow, nil}.decide(t, g)
		kintoneRow{[]int{wide}, "POST", "/k/v1/bulkRequest.json", jsonType, body("POST", "/k/v1/"+strings.ReplaceAll(name, "%", "%25")), AmbiguousRequest, nil}.decide(t, g)
		// With a second reading, by its parameters or by its method, it is none that could be read.
		kintoneRow{[]int{wide}, "POST", "/k/v1/" + name + ";x", jsonType, body("POST", "/k/v1/record.json"), AmbiguousRequest, nil}.decide(t, g)
		kintoneRow{[]int{wide}, "PUT", "/k/v1/" + name, jsonType, body("DELETE", "/k/v1/records.json"), AmbiguousRequest, http.Header{"X-Http-Method": {"POST"}}}.decide(t, g)
	}
	kintoneRow{[]int{wide}, "POST", "/k/v1/bulkRequests.json", jsonType, body("DELETE", "/k/v1/records.json"), Allow, nil}.decide(t, g)
	kintoneRow{[]int{wide}, "POST", "/k/v1/bulkRequest.json", "multipart/form-data; boundary=json", body("POST", "/k/v1/record.json"), AmbiguousRequest, nil}.decide(t, g)
}

// A POST that says GET, once and in the usual spelling, is a GET with its parameters
// in the body; whatever else names a method is refused as elsewhere.
func TestPostAsGet(t *testing.T) {
	g := newKintone(t)
	const form = "application/x-www-form-urlencoded"
	get := http.Header{"X-Http-Method-Override": {"GET"}}
	long := "&query=" + strings.Repeat("x", 5000)
	for _, x := range []kintoneRow{
		{[]int{viewer}, "POST", "/k/v1/records.json", jsonType, `{"app":7,"query":"x"}`, Allow, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", form, "app=7" + long, Allow, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", form + "; charset=utf-8", "fields%5B0%5D=a&app=7", Allow, get},
		{[]int{viewer}, "POST", "/k/v1/records.json?app=7", "", "", Allow, get},
		{[]int{readonly}, "POST", "/k/v1/records.json", form, "app=9", Allow, get},
		{[]int{full}, "POST", "/k/v1/records.json", form, "app=9", Allow, get},
		{[]int{eight}, "POST", "/k/v1/record.json", jsonType, `{"app":8}`, MissingPermission, get}, // not what the POST would be
		{[]int{viewer}, "POST", "/k/v1/records.json", jsonType, `{"app":8}`, MissingPermission, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", form, "app=8", MissingPermission, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", "", "", MissingPermission, get},

		{[]int{viewer}, "POST", "/k/v1/records.json?app=7", form, "app=8", AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json?app=7", form, "app=7", AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json?app=7", jsonType, `{"app":8}`, AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", form, "app=7&app=8", AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", form, "app=7&App=8", AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", form, "x=1;app=7", AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", form, "app=7\r\napp=8", AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", form + "; charset=utf-16", "app=7", AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", form, "app=7&_method=DELETE", MethodOverride, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", "multipart/form-data; boundary=x", "--x--", AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json", "", "app=7", AmbiguousRequest, get},
		{[]int{viewer}, "POST", "/k/v1/records.json?app=7", "text/plain", "app=8", AmbiguousRequest, get},

		{[]int{viewer}, "POST", "/k/v1/records.json?app=7", "", "", MethodOverride, http.Header{"X-Http-Method-Override": {"GET", "GET"}}},
		{[]int{viewer}, "POST", "/k/v1/records.json?app=7", "", "", MethodOverride, http.Header{"X-Http-Method-Override": {"get"}}},
		{[]int{viewer}, "POST", "/k/v1/records.json?app=7", "", "", MethodOverride, http.Header{"X-Http-Method-Override": {"GET"}, "X-Http-Method": {"PUT"}}},
		{[]int{viewer}, "POST", "/k/v1/records.json?app=7&_method=POST", "", "", MethodOverride, get},
		{[]int{viewer}, "PUT", "/k/v1/records.json?app=7", "", "", MethodOverride, get},
		{[]int{seven}, "POST", "/k/v1/records.json?app=7", "", "", MethodOverride, http.Header{"X-Http-Method-Override": {"DELETE"}}},
		{[]int{seven}, "GET", "/k/v1/records.json?app=7", "", "", MethodOverride, http.Header{"X-Http-Method-Override": {"DELETE"}}},
		{[]int{all}, "POST", "/other?app=7", "", "", MethodOverride, get},
	} {
		x.decide(t, g)
	}
}

// The rights of several tokens add up, but of one app there may be one.
func TestTokensOfOneApp(t *testing.T) {
	g := newKintone(t)
	for _, x := range []struct {
		tokens []int
		want   Reason
		names  string // who allowed it
	}{
		{[]int{seven, eight}, Allow, "seven"},
		{[]int{eight, seven}, Allow, "seven"},
		{[]int{eight, all}, Allow, "all"},
		{[]int{full, seven}, Allow, "full"},   // beside one that may do everything nobody reads the app
		{[]int{seven, seven}, Allow, "seven"}, // the same one
		{[]int{seven, viewer}, OverlappingTokens, "viewer"},
		{[]int{eight, seven, viewer}, OverlappingTokens, "viewer"},
		{[]int{eight, both}, OverlappingTokens, "both"},
		{[]int{eight, 99}, UnknownToken, ""},
	} {
		d := kintoneRow{x.tokens, "GET", "/k/v1/record.json?app=7", "", "", x.want, nil}.decide(t, g)
		var names []string
		for k := range d.Tokens.all {
			names = append(names, k.Token.Name)
		}
		if got := strings.Join(names, ","); got != x.names {
			t.Errorf("%v: %s; want %s", x.tokens, got, x.names)
		}
	}
}

// A password would win over the token at the backend, so nothing with one goes on,
// unless the gate is told to leave all of that to the backend.
func TestPassword(t *testing.T) {
	g := newKintone(t)
	for i, pass := range []bool{false, true} {
		g.Password.Pass = pass
		for _, x := range []struct {
			tokens []int
			header string
			want   [2]Reason
		}{
			{nil, "X-Cybozu-Authorization", [2]Reason{NoCredential, PasswordPassed}},
			{[]int{full}, "X-Cybozu-Authorization", [2]Reason{AmbiguousCredential, PasswordPassed}},
			{[]int{99}, "X-Cybozu-Authorization", [2]Reason{AmbiguousCredential, PasswordPassed}},
			{[]int{full}, "X_cybozu-Authorization", [2]Reason{AmbiguousCredential, AmbiguousCredential}},
			{nil, "X-Cybozu.authorization", [2]Reason{NoCredential, NoCredential}},
		} {
			kintoneRow{x.tokens, "GET", "/k/v1/record.json?app=7", "", "", x.want[i], http.Header{x.header: {"YTpi"}}}.decide(t, g)
		}
	}
	kintoneRow{nil, "GET", "/k//v1/record.json", "", "", AmbiguousRequest, http.Header{"X-Cybozu-Authorization": {"YTpi"}}}.decide(t, g)
	kintoneRow{nil, "TRACE", "/k/v1/record.json", "", "", RefusedMethod, http.Header{"X-Cybozu-Authorization": {"YTpi"}}}.decide(t, g)
	kintoneRow{nil, "GET", "/k/v1/record.json", "", "", NoCredential, http.Header{"X-Cybozu-Authorization": {"YTpi", "YTpi"}}}.decide(t, g)
}

func TestKintoneCommentsNeedView(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("comments", token.Custom, "record.comment app=7"))
	store.put(mint(1), newToken("views", token.Custom, "record.comment app=7", "record.view app=7"))
	kintone := newKintone(t)
	g := newGate(t, store, kintone.Sources, kintone.Catalog)
	kintoneRow{[]int{0}, "POST", "/k/v1/record/comment.json", jsonType, `{"app":7}`, MissingPermission, nil}.decide(t, g)
	kintoneRow{[]int{1}, "POST", "/k/v1/record/comment.json", jsonType, `{"app":7}`, Allow, nil}.decide(t, g)
}

// There is one token for an app; two for the same guest space are as good as any.
func TestKintoneTokensOfOneSpace(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("views", token.Custom, "record.view app=7 space=3"))
	store.put(mint(1), newToken("adds", token.Custom, "record.add app=8 space=3"))
	kintone := newKintone(t)
	g := newGate(t, store, kintone.Sources, kintone.Catalog)
	g.OneTokenFor = "app"
	kintoneRow{[]int{0, 1}, "GET", "/k/guest/3/v1/record.json?app=7", "", "", Allow, nil}.decide(t, g)
}

func TestKintoneBulkWithoutPayload(t *testing.T) {
	g := newKintone(t)
	const bulk = `{"requests":[{"method":"POST","api":"/k/v1/record.json"}]}`
	kintoneRow{[]int{all}, "POST", "/k/v1/bulkRequest.json", jsonType, bulk, MissingPermission, nil}.decide(t, g)
	kintoneRow{[]int{wide}, "POST", "/k/v1/bulkRequest.json", jsonType, bulk, Allow, nil}.decide(t, g)
}
