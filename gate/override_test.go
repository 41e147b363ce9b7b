package gate

import (
	"net/http"
	"slices"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// Security rule 6: the method of the request line decides. Who asks for another
// one is refused, unless the route opens that; then both must be allowed.
func TestMethodOverride(t *testing.T) {
	store := newMemoryStore()
	for i, kind := range []token.Type{token.ReadOnly, token.FullAccess} {
		store.put(mint(uint64(i)), newToken(string(kind), kind))
	}
	store.put(mint(2), newToken("both", token.Custom, "GET /open/*", "POST /open/*", "POST /api/articles", "POST /half/*"))
	g := newGate(t, store, hostileSources(t), articles(t))
	pattern, err := permission.ParsePattern("/open/*")
	if err != nil {
		t.Fatal(err)
	}
	all, err := permission.ParsePattern("/*")
	if err != nil {
		t.Fatal(err)
	}
	half, err := permission.ParsePattern("/half/*")
	if err != nil {
		t.Fatal(err)
	}
	g.Openings = permission.Openings{
		{Kind: permission.MethodOverride, Path: pattern}, {Kind: permission.MethodOverride, Path: half}, {Kind: permission.Semicolon, Path: all},
	}
	const readOnly, full, both = 0, 1, 2
	for _, test := range []struct {
		token        uint64
		method, path string
		header       []string
		want         Reason
	}{
		{readOnly, "GET", "/api/articles", []string{"X-HTTP-Method-Override: DELETE"}, MethodOverride},
		{readOnly, "GET", "/api/articles", []string{"x-http-method: put"}, MethodOverride},
		{readOnly, "GET", "/api/articles", []string{"X-Method-Override: GET, DELETE"}, MethodOverride},
		{readOnly, "GET", "/api/articles", []string{"X-Method-Override:  get "}, Allow}, // its own
		{readOnly, "GET", "/api/articles", []string{"X-Method-Override: "}, Allow},
		{readOnly, "GET", "/api/articles?_method=DELETE", nil, MethodOverride},
		{readOnly, "GET", "/api/articles?a=1&_METHOD=delete", nil, MethodOverride},
		{readOnly, "GET", "/api/articles?%5Fmethod=DELETE", nil, MethodOverride},
		{readOnly, "GET", "/api/articles?.method[]=DELETE", nil, MethodOverride},
		{readOnly, "GET", "/api/articles?x;_method=DELETE", nil, MethodOverride},
		{readOnly, "GET", "/api/articles?_method=%44ELETE", nil, MethodOverride},
		{readOnly, "GET", "/api/articles?[_method]=DELETE", nil, MethodOverride},
		{readOnly, "GET", "/api/articles?a=1&%5B_method%5D=DELETE", nil, MethodOverride},
		{readOnly, "GET", "/api/articles?%00]_method=DELETE", nil, MethodOverride},
		{readOnly, "GET", "/api/articles?%u005fmethod=DELETE", nil, MethodOverride},
		{readOnly, "GET", "/api/articles??_method=DELETE", nil, MethodOverride},               // Node's url.parse with URLSearchParams
		{readOnly, "GET", "/api/articles?x-http-method-override=DELETE", nil, MethodOverride}, // ASP.NET
		{readOnly, "GET", "/api/articles?my_method=DELETE&_methods=DELETE", nil, Allow},
		{readOnly, "GET", "/api/articles?_method=GET", nil, Allow},
		{readOnly, "GET", "/api/articles?_method", nil, Allow},
		{readOnly, "GET", "/api/articles?_method=%zz", nil, AmbiguousRequest},
		{readOnly, "GET", "/api/articles?_method=ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ", nil, AmbiguousRequest},
		{full, "GET", "/api/articles?_method=1&_method=2&_method=3&_method=4&_method=5", nil, AmbiguousRequest},
		{full, "POST", "/api/articles?_method=DELETE", []string{"X-HTTP-Method: PATCH"}, Allow}, // may do everything
		{full, "POST", "/api/articles", []string{"X-HTTP-Method-Override: TRACE"}, RefusedMethod},
		{full, "POST", "/api/articles?_method=connect", nil, RefusedMethod},
		{both, "POST", "/api/articles", []string{"X-HTTP-Method-Override: GET"}, MethodOverride},
		{both, "POST", "/open/it", []string{"X-HTTP-Method-Override: GET"}, Allow},
		{both, "GET", "/open/it?_method=POST", nil, Allow},
		{both, "POST", "/open/it", []string{"X-HTTP-Method-Override: DELETE"}, MissingPermission},
		{both, "POST", "/open/it?_method=DELETE", []string{"X-HTTP-Method-Override: GET"}, MissingPermission},
		{readOnly, "GET", "/open/it", []string{"X-HTTP-Method-Override: HEAD"}, Allow},
		{readOnly, "GET", "/open/it", []string{"X-HTTP-Method-Override: GET", "X-HTTP-Method-Override: DELETE"}, MissingPermission},
		{readOnly, "GET", "/open/it?_method=%20get%20", nil, Allow},
		{both, "POST", "/open/it;x", []string{"X-HTTP-Method-Override: GET"}, Allow},
		{both, "POST", "/half/it;x", []string{"X-HTTP-Method-Override: GET"}, MissingPermission}, // POST without ;x, GET with it
		{readOnly, "POST", "/open/it", []string{"X-HTTP-Method-Override: GET"}, MissingPermission},
	} {
		r := mustParse(t, test.path, append(test.header, "Authorization: Bearer "+mint(test.token))...)
		r.Method = test.method
		if d := g.Check(r); d.Reason != test.want {
			t.Errorf("token %d, %s %s %v: %q, %v; want %q", test.token, test.method, test.path, test.header, d.Reason, d.Err, test.want)
		}
	}
}

// An override header is removed but where the route opens it, and there only by
// the names that were decided on.
func TestOverrideHeadersAreForwardedOnlyWhereOpen(t *testing.T) {
	pattern, err := permission.ParsePattern("/open/*")
	if err != nil {
		t.Fatal(err)
	}
	f := NewForwarder(hostileSources(t), "", permission.Openings{{Kind: permission.MethodOverride, Path: pattern}})
	for path, want := range map[string][]string{
		"/open/it": {"X-Http-Method-Override: GET"},
		"/other":   nil,
	} {
		r := mustParse(t, path, "X-HTTP-Method-Override: GET", "X_HTTP_Method_Override: DELETE", "X-Original-URL: /admin")
		f.Forward(r, Tokens{First: newKnownToken(nil)}, false, new(Values))
		var got []string
		for name, values := range r.Header {
			got = append(got, name+": "+values[0])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q; want %q", path, got, want)
		}
	}
}

// A preflight has no token whose rights could cover more than a question.
func TestPreflightsWithAnOverrideAreRefused(t *testing.T) {
	g := newGate(t, newMemoryStore(), hostileSources(t), articles(t))
	pattern, err := permission.ParsePattern("/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, openings := range []permission.Openings{nil, {{Kind: permission.MethodOverride, Path: pattern}, {Kind: permission.Semicolon, Path: pattern}}} {
		g.Openings = openings
		// A path that is open is as harmless for a preflight as any other.
		open := AmbiguousRequest
		if openings != nil {
			open = Preflight
		}
		for target, want := range map[string]Reason{"/api/articles?_method=DELETE": AmbiguousRequest, "/api/articles;x": open} {
			r := mustParse(t, target, "Origin: https://app.example.test", "Access-Control-Request-Method: GET")
			r.Method = http.MethodOptions
			if d := g.Check(r); d.Reason != want {
				t.Errorf("%s: %q; want %q", target, d.Reason, want)
			}
		}
	}
}

// A path with two readings and two methods is four requests, all of which must be allowed, on
// a route that opens the method for both readings.
func TestOverrideOfEveryReading(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("one", token.Custom, "POST /half/*", "GET /half/{x}"))
	store.put(mint(1), newToken("all", token.Custom, "POST /half/*", "GET /half/*"))
	g := newGate(t, store, hostileSources(t), articles(t))
	for _, x := range []struct {
		token  uint64
		opened string
		want   Reason
	}{
		{0, "/half/*", MissingPermission}, {1, "/half/*", Allow}, {1, "/half/{x}", MethodOverride},
	} {
		g.Openings = nil
		for kind, path := range map[permission.OpeningKind]string{permission.MethodOverride: x.opened, permission.EncodedSlash: "/*"} {
			pattern, err := permission.ParsePattern(path)
			if err != nil {
				t.Fatal(err)
			}
			g.Openings = append(g.Openings, permission.Opening{Kind: kind, Path: pattern})
		}
		r := mustParse(t, "/half/a%2Fb", "X-HTTP-Method-Override: GET", "Authorization: Bearer "+mint(x.token))
		r.Method = http.MethodPost
		if d := g.Check(r); d.Reason != x.want {
			t.Errorf("%d, open on %s: %s %v, want %s", x.token, x.opened, d.Reason, d.Err, x.want)
		}
	}
}
