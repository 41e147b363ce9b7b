package gate

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// What stands beside the query must not give a value that decides another meaning. Each
// of these reached another app than that of the token.
func TestParametersHaveOneReadingBesideTheQuery(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("seven", token.Custom, "record.* app_id=7"))
	store.put(mint(1), newToken("full", token.FullAccess))
	g := newGate(t, store, hostileSources(t), newCatalog(t,
		newPermission(t, "record.view", "", "GET /records?app_id={app_id}", "GET /shops?kiosk={app_id}"),
		newPermission(t, "record.add", "", "POST /records json:app_id={app_id}"),
	))
	const held, full = 0, 1
	for _, test := range []struct {
		token  uint64
		method string
		target string
		header string
		body   string
		want   Reason
	}{
		{held, "GET", "/records?app_id=7", "Content-Type: text/plain; charset=utf-8", "", Allow},
		{held, "GET", "/records?app_id=7", `Content-Type: text/plain; Charset = "ISO-8859-1" ; x=y`, "", Allow},
		{held, "GET", "/records?app_id=7", "Content-Type: application/octet-stream; charset=binary", "", Allow},
		{held, "GET", "/records?app_id=7", "Content-Type: application/json; charset: utf-8", "", Allow},
		{held, "GET", "/records?app_id=7", "Content-Type: application/json; charset: utf-16", "", AmbiguousRequest},
		{held, "GET", "/records", "Content-Type: text/plain; charset=utf-7", "", MissingPermission},
		// Django decodes the query by the character set of a body that isn't there.
		{held, "GET", `/records?app_id=7&%5Cx61pp_id=8`, "Content-Type: text/plain; charset=unicode_escape", "", AmbiguousRequest},
		{held, "GET", `/records?app_id=7&%2BAGEAcABw-_id=8`, "Content-Type: text/plain;charset=UTF-7", "", AmbiguousRequest},
		{held, "GET", `/records?app_id=7&x`, `Content-Type: text/plain; charset="utf-16"`, "", AmbiguousRequest},
		{held, "GET", `/records?app_id=7&x`, `Content-Type: text/plain; charset*=utf-8''utf-7`, "", AmbiguousRequest},
		{held, "GET", `/records?app_id=7&x`, `Content-Type: text/plain; charset=utf-8; charset=utf-7`, "", AmbiguousRequest},
		{full, "GET", `/records?x`, "Content-Type: text/plain; charset=utf-7", "", AmbiguousRequest},

		// PHP without a php.ini: cookies come last into $_REQUEST.
		{held, "GET", "/records?app_id=7", "Cookie: a=b; app_id=8", "", AmbiguousRequest},
		{held, "GET", "/records?app_id=7", "Cookie: a=b,%61pp.id[]=8", "", AmbiguousRequest},
		{held, "GET", "/records?app_id=7", "Cookie: app_id", "", AmbiguousRequest},
		{held, "GET", "/records?app_id=7", "Cookie: app_id=%zz", "", AmbiguousRequest},
		{held, "POST", "/records", "Cookie: APP_ID=8", `{"app_id":7}`, AmbiguousRequest},
		{held, "GET", "/records?app_id=7", `Cookie: app_id="%37"; application_id=8; x=app_id=8`, "", Allow},
		{full, "GET", "/records?app_id=7", "Cookie: app_id=8", "", Allow},
		{held, "GET", "/records?app_id=7", "Cookie: _method=DELETE", "", MethodOverride},
		{held, "GET", "/records?app_id=7", "Cookie: x;%5Fmethod=DELETE", "", MethodOverride},

		// Go's strings.EqualFold and Java's equalsIgnoreCase fold by Unicode.
		{held, "GET", "/shops?kiosk=7", "", "", Allow},
		{held, "GET", "/shops?kiosk=7&%E2%84%AAiosk=8", "", "", AmbiguousRequest},
		{held, "GET", "/shops?kiosk=7&kio%C5%BFk=8", "", "", AmbiguousRequest},
		{held, "GET", "/shops?kiosk=7&k\u0131osk=8", "", "", AmbiguousRequest},
		{held, "GET", "/shops?kiosk=7&K%C4%B0OSK=8", "", "", AmbiguousRequest},
		{held, "GET", "/shops?kiosk=7&%u212Aiosk=8", "", "", AmbiguousRequest},
		{held, "GET", "/shops?kiosk=7&k%E2iosk=8&kio%C5k=8&k\u00efosk=8", "", "", Allow},

		// grpc-gateway and pydantic join the words of a name as they like.
		{held, "GET", "/records?app_id=7&appId=8", "", "", AmbiguousRequest},
		{held, "GET", "/records?appid=8&app_id=7", "", "", AmbiguousRequest},
		{held, "GET", "/records?app-id=7", "", "", AmbiguousRequest},
		{held, "GET", "/records?app_id=7&_app_id=8&app_ids=8&app=8&id=8", "", "", Allow},
		{held, "POST", "/records", "", `{"app_id":7,"appId":8}`, AmbiguousRequest},
		{held, "POST", "/records", "", `{"App-Id":7}`, AmbiguousRequest},
		{held, "POST", "/records", "", `{"app_id":7,"_app_id":8,"id":8}`, Allow},

		// WordPress takes the path from there.
		{held, "GET", "/records?app_id=7&rest_route=/wp/v2/users", "", "", MethodOverride},
		{held, "GET", "/records?app_id=7&Rest.Route=GET", "", "", MethodOverride},
		{full, "GET", "/records?rest_route=/wp/v2/users/of/a/very/long/path/of/it", "", "", Allow},
	} {
		lines := []string{"Authorization: Bearer " + mint(test.token)}
		if test.header != "" {
			lines = append(lines, test.header)
		}
		r := mustParse(t, test.target, lines...)
		r.Method = test.method
		if test.body != "" {
			r.Header.Set("Content-Type", jsonType)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(test.body)), int64(len(test.body))
		}
		if d := decideWhole(t, g, r, test.body); d.Reason != test.want {
			t.Errorf("%s %s %s %s got %s (%v), want %s", test.method, test.target, test.header, test.body, d.Reason, d.Err, test.want)
		}
	}
}

// The same for what a document of GraphQL is found by.
func TestDocumentsHaveOneReadingBesideTheQuery(t *testing.T) {
	g := graphQLGate(t, nil)
	for line, want := range map[string]Reason{
		"Cookie: querys={a}":                                    Allow,
		"Cookie: a=b; query={secret}":                           AmbiguousRequest,
		"Cookie: Operation-Name=x; operation%4eame=x":           AmbiguousRequest,
		"Content-Type: text/plain; charset=unicode_escape":      AmbiguousRequest,
		"Content-Type: application/json; charset=latin1; q=0.5": Allow,
	} {
		r := mustParse(t, "/graphql?query={articles}", "Authorization: Bearer "+mint(gqlFinder), line)
		if d := g.Check(r); d.Reason != want {
			t.Errorf("%s: %s (%v), want %s", line, d.Reason, d.Err, want)
		}
	}
}

// A token may move, copy and overwrite within its paths alone: WebDAV and stores of
// objects have a second path in a header.
func TestSecondPaths(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("mine", token.Custom, "MOVE /dav/mine/*", "COPY /dav/mine/*", "PUT /dav/mine/*", "GET /dav/mine/*", "GET /dav/read/*", "PROPFIND /dav/*"))
	store.put(mint(1), newToken("full", token.FullAccess))
	g := newGate(t, store, hostileSources(t), articles(t))
	pattern, err := permission.ParsePattern("/dav/*")
	if err != nil {
		t.Fatal(err)
	}
	g.Openings = permission.Openings{{Kind: permission.MethodOverride, Path: pattern}}
	for _, test := range []struct {
		method string
		header []string
		mine   Reason
		full   Reason
	}{
		{"MOVE", []string{"Destination: /dav/mine/b"}, Allow, Allow},
		{"COPY", []string{"Destination: http://gw.example.test/dav/mine/b%20c"}, Allow, Allow},
		{"MOVE", nil, Allow, Allow},
		{"PROPFIND", []string{"Depth: 1"}, Allow, Allow},
		{"MOVE", []string{"Destination: /dav/other/secret"}, MissingPermission, Allow},
		{"COPY", []string{"Destination: http://GW.example.test/dav/other/secret"}, MissingPermission, Allow},
		{"MOVE", []string{"Destination: /dav/mine/../other/secret"}, AmbiguousRequest, AmbiguousRequest},
		{"MOVE", []string{"Destination: /dav/mine%2f..%2fother"}, AmbiguousRequest, AmbiguousRequest},
		{"MOVE", []string{"Destination: /dav/mine/b", "Destination: /dav/other/c"}, AmbiguousRequest, AmbiguousRequest},
		{"COPY", []string{"Destination: http://elsewhere.example.test/dav/mine/b"}, AmbiguousRequest, AmbiguousRequest},
		{"COPY", []string{"Destination: //elsewhere.example.test/dav/mine/b"}, AmbiguousRequest, AmbiguousRequest},
		{"COPY", []string{"Destination: dav/mine/b"}, AmbiguousRequest, AmbiguousRequest},
		{"COPY", []string{"Destination: /dav/mine/b?x"}, AmbiguousRequest, AmbiguousRequest},
		{"COPY", []string{"Destination: /dav/mine/b#/../../other"}, AmbiguousRequest, AmbiguousRequest},
		{"COPY", []string{"Destination: "}, AmbiguousRequest, AmbiguousRequest},
		{"GET", []string{"X-HTTP-Method-Override: MOVE", "Destination: /dav/other/secret"}, MissingPermission, Allow},
		{"GET", []string{"X-HTTP-Method-Override: MOVE", "Destination: /dav/mine/b"}, Allow, Allow},
		{"PUT", []string{"X-Amz-Copy-Source: dav/mine/b?versionId=1"}, Allow, Allow},
		{"PUT", []string{"X-Amz-Copy-Source: /dav/other/secret"}, MissingPermission, Allow},
		{"PUT", []string{"X-Copy-From: dav/other/secret"}, MissingPermission, Allow},
		{"PUT", []string{"X-Ms-Copy-Source: http://gw.example.test/dav/other/secret"}, MissingPermission, Allow},
		{"PUT", []string{"X_Amz_Copy_Source: dav/other/secret"}, MissingPermission, Allow},
		{"PUT", []string{"X-Oss-Copy-Source: dav/other/secret"}, MissingPermission, Allow},
		{"PUT", []string{"X-Symlink-Target: dav/other/secret"}, MissingPermission, Allow}, // Swift
		{"PUT", []string{"X-Object-Manifest: dav/other/sec"}, MissingPermission, Allow},
		{"PUT", []string{"X-Ms-Rename-Source: dav/other/secret"}, MissingPermission, Allow}, // Azure Data Lake
		{"PUT", []string{"X-Ms-Rename-Source: dav/read/b"}, MissingPermission, Allow},       // would be gone there
		{"PUT", []string{"X-Amz-Copy-Source: dav/read/b", "X-Amz-Copy-Source-Range: bytes=0-9"}, Allow, Allow},
		{"PUT", []string{"X-Goog-Copy-Source: dav/mine/b", "X-Amz-Copy-Source: dav/other/b"}, MissingPermission, Allow},
		{"GET", []string{"Destination: /dav/other/secret"}, Allow, Allow}, // says nothing there
	} {
		for n, want := range []Reason{test.mine, test.full} {
			r := mustParse(t, "/dav/mine/a", append([]string{"Authorization: Bearer " + mint(uint64(n))}, test.header...)...)
			r.Method = test.method
			if d := g.Check(r); d.Reason != want {
				t.Errorf("token %d, %s %q: %s (%v), want %s", n, test.method, test.header, d.Reason, d.Err, want)
			}
		}
	}
}

// A body that decided goes on with its length. uWSGI and other servers give applications
// none of what comes in chunks, so what decided was there for the gate alone.
func TestBodiesThatDecideGoOnWithTheirLength(t *testing.T) {
	g := newGate(t, newMemoryStore(), hostileSources(t), articles(t))
	for name, read := range map[string]func(*http.Request){
		"parameters": g.readParameterBody,
		"GraphQL":    graphQLGate(t, nil).GraphQL.readBody,
	} {
		r := mustParse(t, "/records")
		r.Method, r.ContentLength, r.TransferEncoding = http.MethodPost, -1, []string{"chunked"}
		r.Body = io.NopCloser(strings.NewReader(`{"query":"{a}"}`))
		r.Header.Set("Content-Type", jsonType)
		read(r)
		if r.ContentLength != 15 || r.TransferEncoding != nil || r.Header.Get("Content-Length") != "15" {
			t.Errorf("%s: %d bytes, %q, %q", name, r.ContentLength, r.TransferEncoding, r.Header)
		}
		if text, err := io.ReadAll(r.Body); err != nil || len(text) != 15 {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

// HTTP/3 says only at the end of a request whether it has a body. Clients that switch to
// it by themselves were refused for the type of a body that wasn't there.
func TestNoBodyOfUnknownLengthIsNone(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("seven", token.Custom, "record.* app=7", "GET /list", "POST /list"))
	g := newGate(t, store, hostileSources(t), newCatalog(t, newPermission(t, "record.view", "", "GET /records?app={app}", "HEAD /records?app={app}")))
	const boundary = "multipart/form-data; boundary=x"
	for _, test := range []struct {
		method, target, header, body string
		want                         Reason
	}{
		{"GET", "/records?app=7", "Content-Type: text/plain", "", Allow},
		{"GET", "/records?app=7", "Content-Type: " + urlencoded, "", Allow},
		{"GET", "/records?app=7", "Content-Type: application/octet-stream", "", Allow},
		{"HEAD", "/records?app=7", "Content-Type: " + boundary, "", Allow},
		{"GET", "/records?app=7", "", "", Allow},
		{"GET", "/list", "Content-Type: multipart/form-data", "", Allow},
		{"POST", "/list", "Content-Encoding: gzip", "", Allow},
		{"GET", "/records?app=7", "Content-Type: text/plain", "app=8", AmbiguousRequest},
		{"GET", "/records?app=7", "Content-Type: " + urlencoded, "app=8", AmbiguousRequest},
		{"GET", "/records?app=7", "Content-Type: application/octet-stream", "app=8", AmbiguousRequest},
		{"HEAD", "/records?app=7", "Content-Type: " + boundary, "--x--", AmbiguousRequest},
		{"GET", "/records?app=7", "", "app=8", AmbiguousRequest},
		{"GET", "/list", "Content-Type: multipart/form-data", "x", AmbiguousRequest},
		{"POST", "/list", "Content-Type: " + urlencoded, "_method=DELETE", MethodOverride},
		{"POST", "/list", "Content-Type: " + urlencoded, "a=b", Allow},
	} {
		r := mustParse(t, test.target, "Authorization: Bearer "+mint(0), test.header)
		r.Method, r.ContentLength, r.Body = test.method, -1, io.NopCloser(strings.NewReader(test.body))
		if d := checkForms(g, r); d.Reason != test.want {
			t.Errorf("%s %s, %s, %q: %s (%v), want %s", test.method, test.target, test.header, test.body, d.Reason, d.Err, test.want)
			continue
		}
		if got, err := io.ReadAll(r.Body); test.want == Allow && (string(got) != test.body || err != nil) {
			t.Errorf("%s %s, %s: the backend gets %q, %v", test.method, test.target, test.header, got, err)
		}
	}
}
