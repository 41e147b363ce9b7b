package permission_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
)

func TestParseOperation(t *testing.T) {
	for _, s := range []string{
		"GET /api/articles", "HEAD /a", "POST /a", "PUT /a", "PATCH /a", "DELETE /a/{id}", "OPTIONS /a", "QUERY /a",
		"WEBSOCKET /live", "PROPFIND /dav/*", "VERSION-CONTROL /a", "GET /",
		"GET /*", "GET /two%20words/x", "GET /a/", "GET /日本/{番号}",
	} {
		op, err := permission.ParseOperation(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if op.String() != s {
			t.Errorf("%q comes back as %q", s, op)
		}
		if method, _, _ := strings.Cut(s, " "); op.Method != method {
			t.Errorf("%q has the method %q", s, op.Method)
		}
	}
}

func TestParseOperationRefuses(t *testing.T) {
	for _, test := range []struct{ text, problem string }{
		{"", "not an operation"},
		{"GET", "not an operation"},
		{"/api", "not an operation"},
		{"GET\t/api", "not an operation"},
		{"GET ", "begin it with /"},
		{"GET  /api", "begin it with /"},
		{"GET api", "begin it with /"},
		{"GET http://example.com/api", "begin it with /"},
		{" /api", "not a method"},
		{"get /api", "write GET"},
		{"Websocket /api", "write WEBSOCKET"},
		{"FETCH /api", "not a method"},
		{"GET, /api", "not a method"},
		{"GET|POST /api", "not a method"},
		{"* /api", "not a method"},
		{"PRI /api", "not a method"},
		// Security rule 7: these are never forwarded, so no permission may name them.
		{"TRACE /api", "never forwarded"},
		{"CONNECT /api", "never forwarded"},
		{"trace /api", "not a method"},
	} {
		op, err := permission.ParseOperation(test.text)
		if err == nil || !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%q: got the error %v; want one that says %q", test.text, err, test.problem)
		}
		if !reflect.DeepEqual(op, permission.Operation{}) {
			t.Errorf("%q: got %v with the error", test.text, op)
		}
	}
}

func TestParsePatternRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, problem string }{
		{"nothing", "", "begin it with /"},
		{"no slash at the beginning", "api/x", "begin it with /"},
		{"a star alone", "*", "begin it with /"},
		{"an empty segment at the beginning", "//api", "empty segment"},
		{"an empty segment inside", "/a//b", "empty segment"},
		{"an empty segment at the end", "/a//", "empty segment"},
		{"an empty segment in front of a tail", "/a//*", "empty segment"},
		{"two slashes and a tail", "//*", "empty segment"},
		{"a dot segment", "/a/./b", "dot segment"},
		{"two dots", "/a/../b", "dot segment"},
		{"dots at the end", "/a/..", "dot segment"},
		{"encoded dots", "/a/%2e%2E/b", "dot segment"},
		{"dots that normalisation makes", "/a/\u2025", "dot segment"},
		{"a star in a segment", "/a*", "only at the end"},
		{"a star inside", "/a/*/b", "only at the end"},
		{"two stars", "/a/**", "only at the end"},
		{"a star and a slash", "/a/*/", "only at the end"},
		{"a brace in a segment", "/a{id}", "whole segment"},
		{"a brace around parts", "/{id}.json", "whole segment"},
		{"two captures in a segment", "/{a}{b}", "whole segment"},
		{"an open brace", "/{id", "whole segment"},
		{"a closed brace", "/id}", "whole segment"},
		{"braces in braces", "/{{id}}", "whole segment"},
		{"a brace over a slash", "/{a/b}", "whole segment"},
		{"a capture without a name", "/{}", "no name"},
		{"the same capture twice", "/{id}/x/{id}", "twice"},
		{"a line break in a name", "/{a\nb}", "plain text"},
		{"ESC in a name", "/{a\x1bb}", "plain text"},
		{"broken UTF-8 in a name", "/{\xff}", "UTF-8"},
		{"a character half raw, half escaped", "/\xe6%97%a5", "UTF-8"},
		{"a broken escape", "/a%2", "escape"},
		{"an escape of no digits", "/%zz", "escape"},
		{"an encoded slash", "/a%2fb", "slash"},
		{"an encoded percent sign", "/a%25", "percent"},
		{"a backslash", `/a\b`, "backslash"},
		{"an encoded backslash", "/a%5Cb", "backslash"},
		{"a semicolon", "/a;b", "semicolon"},
		{"an encoded semicolon", "/a%3Bb", "semicolon"},
		{"a question mark", "/a?b=c", "?"},
		{"a fragment", "/a#b", "#"},
		{"NUL", "/a%00", "control"},
		{"a raw control character", "/a\tb", "control"},
		{"DEL", "/a%7f", "control"},
		{"broken UTF-8", "/a\xff", "UTF-8"},
		{"broken encoded UTF-8", "/a%ff", "UTF-8"},
		{"a fullwidth slash", "/a／b", "fold"},
		{"a path longer than any that is read", "/" + strings.Repeat("x", permission.MaxPath), "longer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := permission.ParsePattern(test.text)
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("got the error %v; want one that says %q", err, test.problem)
			}
			if p.String() != "" {
				t.Errorf("got %v with the error", p)
			}
		})
	}
}

func TestPatternMatches(t *testing.T) {
	for _, test := range []struct {
		pattern string
		yes, no []string
	}{
		{"/", []string{"/"}, []string{"/a", "/a/"}},
		{"/*", []string{"/", "/a", "/a/", "/a/b", "/a/b/"}, nil},
		{"/a", []string{"/a"}, []string{"/", "/a/", "/A", "/ab", "/a/b", "/a."}},
		{"/a/", []string{"/a/"}, []string{"/a", "/a/b", "/a/b/"}},
		{"/{x}", []string{"/a", "/{x}", "/*", "/."}, []string{"/", "/a/", "/a/b"}},
		{"/{x}/", []string{"/a/"}, []string{"/", "/a", "/a/b"}},
		{"/a/{x}", []string{"/a/b", "/a/日本"}, []string{"/a", "/a/", "/a/b/", "/a/b/c", "/b/b"}},
		// /a/* means something below /a: many servers take /a/ for /a itself.
		{"/a/*", []string{"/a/b", "/a/b/", "/a/b/c"}, []string{"/a", "/a/", "/b/c", "/"}},
		{"/{x}/*", []string{"/a/b", "/a/b/"}, []string{"/a", "/a/", "/"}},
		{"/a/{x}/*", []string{"/a/b/c"}, []string{"/a/b", "/a/b/", "/a/"}},
		// An escape is a character like any other, whatever a pattern means by it.
		{"/%2A", []string{"/*"}, []string{"/a", "/"}},
		{"/a/%2a", []string{"/a/*"}, []string{"/a/b"}},
		{"/%7Bx%7D", []string{"/{x}"}, []string{"/a", "/{y}"}},
		{"/%41", []string{"/A"}, []string{"/a", "/%41"}},
		{"/日本", []string{"/日本"}, []string{"/日"}},
		{"/%E6%97%A5", []string{"/日"}, nil},
		{"/a%20b", []string{"/a b"}, []string{"/a+b"}},
		{"/a+b", []string{"/a+b"}, []string{"/a b"}},
		{"/a%2Bb", []string{"/a+b"}, []string{"/a b"}},
	} {
		c := catalog(t, permission.Permission{Name: "x.y", Operations: operations(t, "GET "+test.pattern)})
		for want, paths := range map[bool][]string{true: test.yes, false: test.no} {
			for _, path := range paths {
				if got := len(c.Names(c.Find("GET", path))) > 0; got != want {
					t.Errorf("%s matches %s: got %v, want %v", test.pattern, path, got, want)
				}
			}
		}
	}
}

func TestPermissionsSurviveJSON(t *testing.T) {
	want := []permission.Permission{
		{Name: "article.find", Operations: operations(t, "GET /api/articles", "GET /api/articles/{id}")},
		{Name: "search.run", Mark: permission.Read, Operations: operations(t, `POST /a"b/日本/%2A/*`)},
		{Name: "old:delete.run-it", Mark: permission.Write, Operations: operations(t, "GET /%41/<&>/'!'")},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got []permission.Permission
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v out of %s", got, text)
	}
	if !catalog(t, got...).Same(catalog(t, want...)) {
		t.Error("the catalogs differ")
	}
	if got := `{"name":"article.find","operations":["GET /api/articles","GET /api/articles/{id}"]}`; !strings.HasPrefix(string(text), "["+got) {
		t.Errorf("stored as %s", text)
	}
}

func TestOperationOutOfBrokenJSONStaysAsItWas(t *testing.T) {
	before := operations(t, "GET /a")[0]
	for _, text := range []string{`"TRACE /a"`, `"GET a"`, `""`, `7`, `{}`} {
		op := before
		if err := json.Unmarshal([]byte(text), &op); err == nil {
			t.Errorf("%s is accepted", text)
		}
		if !reflect.DeepEqual(op, before) {
			t.Errorf("%s leaves %v behind", text, op)
		}
	}
}

// What ParseOperation accepts is written as it was read, and some request that
// CheckURL accepts matches it: no permission is dead from the start.
func FuzzAcceptedOperationCanMatch(f *testing.F) {
	for _, s := range []string{
		"GET /", "GET /*", "POST /a/{id}", "GET /a/{id}/*", "GET /%2A/%7Bx%7D", "GET /日本/%E6%97%A5", "GET /a%20b/!'()*", "GET /a*",
		"PUT /{a}/{b}/", "GET /{http.request.uri.path}", "GET /{\xff}", "GET /a%", "GET /\u2026/x", "GET /../x", "GET /a%2eb", "GET /^|<>\"", "query articles", "mutation *", "query __schema", "subscription a b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		op, err := permission.ParseOperation(s)
		if err != nil {
			if op.Method != "" {
				t.Errorf("%q gives %v with the error %v", s, op, err)
			}
			return
		}
		if op.String() != s {
			t.Errorf("%q comes back as %q", s, op)
		}
		text, err := json.Marshal(op)
		var again permission.Operation
		if err != nil || json.Unmarshal(text, &again) != nil || again.String() != s {
			t.Errorf("%q comes back from JSON as %q (%v)", s, again, err)
		}
		method, pattern, _ := strings.Cut(s, " ")
		if permission.IsKind(method) {
			c := catalog(t, permission.Permission{Name: "x.y", Operations: []permission.Operation{op}})
			if len(c.Names(c.FindField(method, strings.ReplaceAll(pattern, "*", "any")))) != 1 {
				t.Errorf("%q matches nothing", s)
			}
			return
		}
		path := instance(t, pattern)
		if len(path) > permission.MaxPath/3 {
			return // its escapes could make it too long
		}
		decoded, err := permission.CheckURL(&url.URL{Path: path})
		if err != nil || decoded != path {
			t.Fatalf("%q should match %q, which is refused: %v", s, path, err)
		}
		c := catalog(t, permission.Permission{Name: "x.y", Operations: []permission.Operation{op}})
		if len(c.Names(c.Find(method, path))) != 1 {
			t.Errorf("%q does not match %q", s, path)
		}
		if method == http.MethodGet && len(c.Names(c.Find(http.MethodHead, path))) != 1 {
			t.Errorf("%q does not match HEAD of %q", s, path)
		}
	})
}

// instance returns a path that the pattern means.
func instance(t *testing.T, pattern string) string {
	t.Helper()
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		switch {
		case strings.HasPrefix(part, "{"), part == "*":
			parts[i] = "v" + strings.Repeat("x", i)
		default:
			literal, err := url.PathUnescape(part)
			if err != nil {
				t.Fatalf("pattern %q is accepted: %v", pattern, err)
			}
			parts[i] = literal
		}
	}
	return strings.Join(parts, "/")
}

// tb is what tests, fuzz targets, benchmarks and rapid have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// catalog makes a catalog, which must not fail.
func catalog(t tb, permissions ...permission.Permission) *permission.Catalog {
	t.Helper()
	c, err := permission.NewCatalog(permissions)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func operations(t tb, texts ...string) []permission.Operation {
	t.Helper()
	var list []permission.Operation
	for _, text := range texts {
		op, err := permission.ParseOperation(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, op)
	}
	return list
}

func allow(t tb, name string, texts ...string) permission.Permission {
	t.Helper()
	return permission.Permission{Name: name, Operations: operations(t, texts...)}
}

func marked(t tb, mark permission.Mark, name string, texts ...string) permission.Permission {
	t.Helper()
	return permission.Permission{Name: name, Mark: mark, Operations: operations(t, texts...)}
}

func namesOf(c *permission.Catalog, method, path string) []string {
	return slices.Clone(c.Names(c.Find(method, path)))
}
