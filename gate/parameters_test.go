package gate

import (
	"net/http"
	"strings"
	"testing"

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
		{seven, "POST", "/k/v1/record.json", "application/json", `{"app": 7, "x": "` + strings.Repeat("x", maxParameterBody) + `"}`, TooLarge},
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
