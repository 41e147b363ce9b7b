package permission_test

import (
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
)

// parse reads a request target as net/http does.
func parse(t *testing.T, target string) *url.URL {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", target, err)
	}
	return u
}

func TestCheckURLAccepts(t *testing.T) {
	for _, test := range []struct{ target, want string }{
		{"/", "/"},
		{"/?a=/../x;y%00", "/"},
		{"/api/articles/42", "/api/articles/42"},
		{"/api/articles/", "/api/articles/"},
		{"/api/articles?x=1", "/api/articles"},
		{"/%41", "/A"},
		{"/a%2db%2D", "/a-b-"},
		{"/%7Euser/~user", "/~user/~user"},
		{"/%E6%97%A5%e6%9c%ac", "/日本"},
		{"/%F0%9F%98%80", "/😀"},
		{"/a%20b", "/a b"},
		{"/a+b", "/a+b"},
		{"/a%2Bb", "/a+b"},
		{"/!'()*", "/!'()*"},
		{"/%21%27%28%29%2A", "/!'()*"},
		{"/!%27", "/!'"},
		{"/*", "/*"},
		{"/$&+,=:@-._~", "/$&+,=:@-._~"},
		{"/%24%26%2C%3D%3A%40", "/$&,=:@"},
		{"/%5E%7C%22%3C%3E%7B%7D%5B%5D%60", "/^|\"<>{}[]`"},
		{"/a.b/.hidden/a..b/b.", "/a.b/.hidden/a..b/b."},
		{"/a:b/c:80", "/a:b/c:80"},
		{"/%EF%BC%95%EF%BC%90%EF%BC%85", "/５０％"},
		{"http://host/a/b", "/a/b"},
		{"https://host:8443/a%41?x", "/aA"},
		{"/" + strings.Repeat("x", permission.MaxPath-1), "/" + strings.Repeat("x", permission.MaxPath-1)},
		{"/" + strings.Repeat("%41", (permission.MaxPath-1)/3), "/" + strings.Repeat("A", (permission.MaxPath-1)/3)},
	} {
		got, err := permission.CheckURL(parse(t, test.target))
		if err != nil || got != test.want {
			t.Errorf("%.60q: got %.60q, %v; want %.60q", test.target, got, err, test.want)
		}
	}
}

// Security rule 2, class by class: refused, never normalised.
func TestCheckURLRefuses(t *testing.T) {
	for _, test := range []struct{ name, target, problem string }{
		// Rootless targets reach the backend as they came, with an empty path.
		{"rootless", "http:http://x/admin", "single slash"},
		{"rootless, relative", "http:admin", "single slash"},
		{"asterisk form", "*", "single slash"},
		{"no path at all", "http://host", "single slash"},
		{"no path but a query", "http://host?/admin", "single slash"},
		{"user name", "http://user@host/a", "user name"},
		{"user name and password", "http://user:pw@host/a", "user name"},
		{"empty user name", "http://@host/a", "user name"},

		{"two slashes at the beginning", "//host/admin", "empty segment"},
		{"two slashes inside", "/api//articles", "empty segment"},
		{"two slashes at the end", "/api/articles//", "empty segment"},
		{"slashes alone", "///", "empty segment"},
		{"two slashes after an escape", "/%41//b", "empty segment"},
		{"two slashes behind a host", "http://host//admin", "empty segment"},

		{"dot", "/./admin", "dot segment"},
		{"dots", "/api/../admin", "dot segment"},
		{"dot at the end", "/api/.", "dot segment"},
		{"dots at the end", "/api/..", "dot segment"},
		{"dots and a slash", "/api/../", "dot segment"},
		{"three dots, for servers on Windows", "/api/%41/...", "dot segment"},
		{"dots beside an escape", "/%41/../admin", "dot segment"},
		{"encoded dots", "/api/%2e%2e/admin", "dot"},
		{"encoded dots in upper case", "/api/%2E%2E/admin", "dot"},
		{"half-encoded dots", "/api/.%2e/admin", "dot"},
		{"the other half", "/api/%2e./admin", "dot"},
		{"an encoded dot", "/api/%2e/admin", "dot"},
		{"an encoded dot in a name", "/api/a%2ejson", "encoded dot"},
		{"an encoded dot at the end", "/api/a%2E", "encoded dot"},
		{"a one-dot leader", "/api/%E2%80%A4%E2%80%A4/admin", "dot segment"},
		{"a two-dot leader", "/api/%E2%80%A5/admin", "dot segment"},
		{"an ellipsis", "/api/%E2%80%A6/admin", "dot segment"},
		{"a vertical ellipsis", "/api/%EF%B8%99/admin", "dot segment"},
		{"a vertical two-dot leader", "/api/%EF%B8%B0/admin", "dot segment"},
		{"small full stops", "/api/%EF%B9%92%EF%B9%92/admin", "dot segment"},
		{"fullwidth full stops", "/api/%EF%BC%8E%EF%BC%8E/admin", "dot segment"},
		{"a dot and a fullwidth one", "/api/.%EF%BC%8E/admin", "dot segment"},

		{"semicolon", "/api/articles;x=1", "semicolon"},
		{"semicolon and dots (Tomcat)", "/api/..;/admin", "semicolon"},
		{"semicolon alone", "/;", "semicolon"},
		{"encoded semicolon", "/api/articles%3Bx", "semicolon"},
		{"encoded semicolon in lower case", "/api/articles%3bx", "semicolon"},
		{"backslash", `/api\..\admin`, "backslash"},
		{"encoded backslash", "/api%5Cadmin", "backslash"},
		{"encoded backslash in lower case", "/api%5c..%5cadmin", "backslash"},
		{"encoded slash", "/api%2Fadmin", "encoded slash"},
		{"encoded slash in lower case", "/api/..%2fadmin", "encoded slash"},
		{"encoded percent sign", "/api/%252e%252e/admin", "percent"},
		{"encoded percent sign at the end", "/api/50%25", "percent"},
		{"encoded question mark", "/api/articles%3Fx", "encoded ? or #"},
		{"encoded question mark in lower case", "/api/articles%3fx", "encoded ? or #"},
		{"encoded hash", "/api/articles%23x", "encoded ? or #"},
		{"fullwidth slash", "/api%EF%BC%8Fadmin", "fold"},
		{"fullwidth backslash", "/api%EF%BC%BCadmin", "fold"},
		{"small backslash", "/api%EF%B9%A8admin", "fold"},
		{"account of (a/c)", "/api%E2%84%80", "fold"},
		{"care of (c/o)", "/api%E2%84%85", "fold"},

		{"NUL", "/api/%00", "control"},
		{"NUL and a suffix", "/api/admin%00.json", "control"},
		{"line feed", "/api/%0a", "control"},
		{"CRLF", "/api/%0d%0aX-Admin:1", "control"},
		{"tab", "/api/%09", "control"},
		{"the last of them", "/api/%1f", "control"},
		{"DEL", "/api/%7f", "control"},
		{"C1 control", "/api/%C2%85", "control"},

		{"broken UTF-8", "/api/%ff", "UTF-8"},
		{"a character cut off", "/api/%E6%97", "UTF-8"},
		{"overlong slash", "/api/%c0%af", "UTF-8"},
		{"overlong dot", "/api/%c0%ae%c0%ae/admin", "UTF-8"},
		{"surrogate", "/api/%ED%A0%80", "UTF-8"},
		{"beyond Unicode", "/api/%F4%90%80%80", "UTF-8"},

		// Go gives the raw path up for these and sends another one.
		{"^ that makes Go decode the rest", "/api/articles/42%2f..%2f..%2fadmin^", "encoded slash"},
		{"^", "/api/^", "percent-encoded"},
		{"|", "/api/|", "percent-encoded"},
		{"quote", `/api/"`, "percent-encoded"},
		{"<", "/api/<", "percent-encoded"},
		{">", "/api/>", "percent-encoded"},
		{"{", "/api/{", "percent-encoded"},
		{"}", "/api/}", "percent-encoded"},
		{"backtick", "/api/`", "percent-encoded"},
		{"[, which Go lets through", "/api/[", "percent-encoded"},
		{"], which Go lets through", "/api/]", "percent-encoded"},
		{"raw blank", "/api/a b", "percent-encoded"},
		{"raw hash", "/api/a#b", "percent-encoded"},
		{"raw non-ASCII", "/api/日本", "percent-encoded"},
		{"raw non-ASCII beside its escapes", "/api/日%E6%9C%AC", "percent-encoded"},
		{"raw broken UTF-8", "/api/\xff", "percent-encoded"},
		{"raw Latin-1", "/api/\xe9", "percent-encoded"},

		{"too long", "/" + strings.Repeat("x", permission.MaxPath), "longer"},
		{"too long as sent only", "/" + strings.Repeat("%20", permission.MaxPath/3+1), "longer"},
		{"too long as sent only, in unusual escapes", "/" + strings.Repeat("%41", permission.MaxPath/3+1), "longer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantAmbiguous(t, parse(t, test.target), test.problem)
		})
	}
}

func wantAmbiguous(t *testing.T, u *url.URL, problem string) {
	t.Helper()
	_, err := permission.CheckURL(u)
	if err == nil {
		t.Errorf("%+v is accepted", u)
	} else if !isAmbiguous(err) || !strings.Contains(err.Error(), problem) {
		t.Errorf("got the error %v; want an ambiguous path that %q", err, problem)
	}
}

// What net/http itself refuses, so that no table above needs it; if Go becomes
// milder, this test says so, and the case moves there.
func TestTargetsThatGoRefuses(t *testing.T) {
	for _, target := range []string{
		"", "admin", "../admin", `\admin`, "/a%", "/a%2", "/a%zz", "/a%u002f", "/a\x00", "/a\n", "/a\x7f", "http://[::1/a", ":80/a",
	} {
		if u, err := url.ParseRequestURI(target); err == nil {
			t.Errorf("%q is parsed: %+v", target, u)
		}
	}
}

// Handlers in front of the gate change URLs (rewrite, handle_path), and not all
// of them keep the raw path in step: what matters is what would be sent.
func TestCheckURLOfURLsMadeByHand(t *testing.T) {
	for _, test := range []struct {
		name    string
		u       url.URL
		problem string
	}{
		{"a decoded path alone", url.URL{Path: "/a b/日本"}, ""},
		{"a decoded path with a percent sign", url.URL{Path: "/a%2fb"}, "percent"},
		{"a decoded path with a question mark", url.URL{Path: "/a?b"}, "encoded ? or #"},
		{"a decoded path with a line feed", url.URL{Path: "/a\nb"}, "control"},
		{"a decoded path with dots", url.URL{Path: "/a/../b"}, "dot segment"},
		{"a decoded path with a semicolon", url.URL{Path: "/a;b"}, "semicolon"},
		{"a decoded path with a backslash", url.URL{Path: `/a\b`}, "backslash"},
		{"a decoded path with broken UTF-8", url.URL{Path: "/a\xff"}, "UTF-8"},
		{"a raw path of another path", url.URL{Path: "/a", RawPath: "/b"}, "percent-encoded"},
		{"a raw path of the path before a prefix was taken off", url.URL{Path: "/b", RawPath: "/a/b"}, "percent-encoded"},
		{"a raw path with a broken escape", url.URL{Path: "/a", RawPath: "/a%"}, "percent-encoded"},
		{"a raw path in step", url.URL{Path: "/a!", RawPath: "/a!"}, ""},
		{"a path and an opaque part", url.URL{Path: "/a", Opaque: "//b/c"}, "single slash"},
		{"a path without slash", url.URL{Path: "a"}, "single slash"},
		{"nothing", url.URL{}, "single slash"},
		{"decoded short, escaped too long", url.URL{Path: "/" + strings.Repeat("日", permission.MaxPath/3-1)}, "longer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.problem != "" {
				wantAmbiguous(t, &test.u, test.problem)
			} else if got, err := permission.CheckURL(&test.u); err != nil || got != test.u.Path {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// Every byte, raw and as an escape in both cases, inside a segment: the rule as
// a list that a person can read.
func TestCheckURLByteByByte(t *testing.T) {
	const (
		letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		rawOK   = letters + "-._~!$&'()*+,=:@/"
		// What an escape may stand for: visible ASCII and the blank, but for . / \ ; % ? #.
		escapedOK = letters + " -_~!\"$&'()*+,:<=>@[]^`{|}"
	)
	for c := range 256 {
		segment := []byte{byte(c)}
		if u, err := url.ParseRequestURI("/a" + string(segment) + "b"); err == nil {
			_, err := permission.CheckURL(u)
			if want := strings.IndexByte(rawOK+"?", byte(c)) >= 0; (err == nil) != want {
				t.Errorf("raw %q: got %v, want it accepted: %v", segment, err, want)
			}
		}
		for _, digits := range []string{"0123456789ABCDEF", "0123456789abcdef"} {
			target := "/a%" + string(digits[c/16]) + string(digits[c%16]) + "b"
			_, err := permission.CheckURL(parse(t, target))
			if want := strings.IndexByte(escapedOK, byte(c)) >= 0; (err == nil) != want {
				t.Errorf("%s: got %v, want it accepted: %v", target, err, want)
			}
		}
	}
}

// Invariant 2 and security rules 2 and 3. For every request target that
// net/http takes and CheckURL accepts: the path goes upstream byte for byte, and
// it has one reading, however a server splits, decodes and cleans it.
func FuzzAcceptedPathIsForwardedByteForByte(f *testing.F) {
	for _, target := range []string{
		"/", "/*", "*", "/a", "/a/", "/a//b", "//a", "/a/../b", "/%2e", "/%2E%2e/", "/.%2e", "/a%2fb", "/a%5cb", "/a%25b", "/a%2525",
		"/%41", "/%7e~", "/!'()*", "/%21!", "/a+b%20c", "/%E6%97%A5", "/日", "/%ff", "/%c0%ae", "/;", "/%3b", `/\`, "/[x]", "/^%2f..%2f",
		"/%EF%BC%8E%EF%BC%8E", "/%E2%80%A6", "/a?b=/../", "/a?", "/a#b", "http:http://x/admin", "http:/a", "http:///a", "http://h/a/b?c",
		"http://u@h/a", "http://h", "http://h?x/y", "HTTP://h/%41", "x-y+z.1:/a", "http://[::1]:80/a", "/a:b", "/%00", "/%7f",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		decoded, err := permission.CheckURL(u)
		if err != nil {
			if !isAmbiguous(err) {
				t.Errorf("error %v is of no known kind", err)
			}
			return
		}
		raw := rawPath(target)
		if sent := u.EscapedPath(); sent != raw {
			t.Fatalf("%q came, %q is sent", raw, sent)
		}
		if sent, _, _ := strings.Cut(u.RequestURI(), "?"); sent != raw {
			t.Fatalf("%q came, the request line has %q", raw, sent)
		}
		if again, err := url.ParseRequestURI(raw); err != nil || again.Path != decoded {
			t.Errorf("a backend reads %q out of %q, matched was %q (%v)", again, raw, decoded, err)
		}
		// Decoding, then splitting, is splitting, then decoding.
		var segments []string
		for part := range strings.SplitSeq(raw, "/") {
			segments = append(segments, unescape(t, part))
		}
		if unescape(t, raw) != decoded || !slices.Equal(segments, strings.Split(decoded, "/")) {
			t.Errorf("%q is read as %q, by segments %q", raw, decoded, segments)
		}
		if unescape(t, decoded) != decoded {
			t.Errorf("%q is %q when it is decoded again", decoded, unescape(t, decoded))
		}
		for name, p := range map[string]string{"decoded": decoded, "raw": raw} {
			if clean := path.Clean(p); clean != p && clean+"/" != p {
				t.Errorf("the %s path %q is %q when it is cleaned", name, p, clean)
			}
		}
		if strings.ContainsAny(raw+decoded, ";\\\x00") || strings.HasPrefix(raw, "//") {
			t.Errorf("%q is accepted", raw)
		}
	})
}

// rawPath cuts the path out of a request target by hand, as RFC 9112 (section
// 3.2) has it.
func rawPath(target string) string {
	target, _, _ = strings.Cut(target, "?")
	if strings.HasPrefix(target, "/") {
		return target
	}
	_, rest, _ := strings.Cut(target, ":") // the scheme
	if authority, ok := strings.CutPrefix(rest, "//"); ok {
		_, rest, _ = strings.Cut(authority, "/")
		return "/" + rest
	}
	return rest
}

func unescape(t *testing.T, s string) string {
	t.Helper()
	decoded, err := url.PathUnescape(s)
	if err != nil {
		t.Fatalf("%q is accepted, but can't be decoded: %v", s, err)
	}
	return decoded
}

func TestCheckURLAllocatesNothingForPlainPaths(t *testing.T) {
	u := parse(t, "/api/articles/42?x=1")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := permission.CheckURL(u); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}

func BenchmarkCheckURL(b *testing.B) {
	for name, target := range map[string]string{"plain": "/api/articles/42/comments", "encoded": "/api/%E6%97%A5%E6%9C%AC/a%20b"} {
		b.Run(name, func(b *testing.B) {
			u, err := url.ParseRequestURI(target)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := permission.CheckURL(u); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// isAmbiguous reports whether err is of the kind that all refused paths have.
func isAmbiguous(err error) bool {
	var ambiguous *permission.PathError
	return errors.As(err, &ambiguous)
}
