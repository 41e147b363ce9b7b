package permission_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
)

// openings reads "semicolon /legacy/*" and the like.
func openings(t tb, lines ...string) (o permission.Openings) {
	t.Helper()
	for _, line := range lines {
		kind, path, _ := strings.Cut(line, " ")
		pattern, err := permission.ParsePattern(path)
		if err != nil {
			t.Fatal(err)
		}
		o = append(o, permission.Opening{Kind: permission.OpeningKind(kind), Path: pattern})
	}
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	return o
}

var everyKind = []string{"encoded_slash /files/*", "encoded_percent /files/*", "encoded_delimiter /files/*", "semicolon /files/*"}

// Security rule 2: what a backend needs is opened for a route by name, and who
// makes such a request must be allowed every reading of it.
func TestReadings(t *testing.T) {
	o := openings(t, append(everyKind, "encoded_slash /one/{name}/info")...)
	for target, want := range map[string][]string{
		"/plain":                {"/plain"},
		"/files/a%2Fb.txt":      {"/files/a%2Fb.txt", "/files/a/b.txt"},
		"/files/a%2fb%20c":      {"/files/a%2Fb c", "/files/a/b c"},
		"/files/%2F/queue":      {"/files/%2F/queue", "/files///queue", "/files/queue"},
		"/files/https:%2F%2Fx":  {"/files/https:%2F%2Fx", "/files/https://x", "/files/https:/x"},
		"/files/100%25":         {"/files/100%"},
		"/files/5%25off":        {"/files/5%off"},
		"/files/what%3F.txt":    {"/files/what?.txt", "/files/what"},
		"/files/a%23b%3Fc":      {"/files/a#b?c", "/files/a"},
		"/files/app;v=1/view":   {"/files/app;v=1/view", "/files/app/view", "/files/app"},
		"/files/a;x/b%3By;z":    {"/files/a;x/b;y;z", "/files/a;x/b;y", "/files/a/b;y", "/files/a;x/b", "/files/a/b", "/files/a"},
		"/files/a%3by":          {"/files/a;y", "/files/a"},
		"/files/delete;/%3B1":   {"/files/delete;/;1", "/files/delete/;1", "/files/delete;/", "/files/delete/", "/files/delete"},
		"/files/caf%C3%A9;x=1":  {"/files/café;x=1", "/files/café"},
		"/files/a%2Fb%2F":       {"/files/a%2Fb%2F", "/files/a/b/"},
		"/files/only;in=last":   {"/files/only;in=last", "/files/only"},
		"/files/app;empty=/end": {"/files/app;empty=/end", "/files/app/end", "/files/app"},
	} {
		got, err := o.Readings(parse(t, target))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", target, got, err, want)
		}
	}
}

func TestReadingsThatLeaveTheRouteAreRefused(t *testing.T) {
	o := openings(t, append(everyKind, "encoded_slash /one/{name}/info")...)
	for _, target := range []string{
		"/other/a%2Fb", "/other/a;b", "/filesx/a%2Fb", // not open there
		"/files%2Fa", "/FILES/a%2Fb",
		"/one/a%2Fb/info", // two segments for who splits it
		"/files/a%2F..%2Fb", "/files/..%2F..%2Fadmin", "/files/%2F../admin", "/files/a%2F.",
		"/files/..;/admin", "/files/..;x=1/admin", "/files/a/.;/b", "/files/;x/b", "/files/%3B", "/files/a/;b/c",
		"/files/%252e%252e", "/files/%252F", "/files/a%2500", "/files/%25u002e", "/files/%25U002e", "/files/%25%32%65",
		"/files/a%3F_method=DELETE", "/files/a%23b%3Dc", "/files/..%3F", "/files/..%23/x", "/files/%3F", "/files%3Fx",
		"/files/a%2Fb;c", "/files/a;b%25", "/files/a%3Fb%2Fc", // two openings
		"/files/a%2F%2e%2e", "/files/a%2F%5cb", "/files/a%2F%00", "/files/a%2F%ff", "/files//a%2Fb", "/files/a%2F\uff0fb", "/files/a%2F\u2025",
		"/files/a%2Fb^", "/files/a%2F\\b", // would be sent in other bytes
	} {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		got, err := o.Readings(u)
		if _, ok := errors.AsType[*permission.PathError](err); !ok {
			t.Errorf("%s: %q, %v; want it refused", target, got, err)
		}
	}
}

// Who is refused on a route that opens something is told why it does not help.
func TestOpeningsSayWhyTheyDontHelp(t *testing.T) {
	o := openings(t, everyKind...)
	for target, want := range map[string]string{
		"/other/a%2Fb":   "encoded slash (%2F), and is or can be read as a path on which the gate does not open that",
		"/files/%2F":     "encoded slash (%2F), and is or can be read as a path on which the gate does not open that",
		"/files/x;a%2Fb": "needs both semicolon and encoded_slash to be open",
	} {
		if _, err := o.Readings(parse(t, target)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", target, err, want)
		}
	}
}

func TestAsOpen(t *testing.T) {
	for _, test := range []struct {
		original, checked string
		want              bool
	}{
		{"/api/files/a%2Fb", "/files/a%2Fb", true},
		{"/api/files/a;b", "/files/a;b", true},
		{"/api/files/a;b", "/files/a%2Fb", false},
		{"/api/files/a%2F..%2Fb", "/files/a%2Fb", false},
		{"/api/files/ab", "/files/a%2Fb", false}, // needs no opening, so nobody asks
		{"/api/files//b", "/files/b", false},
		{"/api/files/%2e", "/files/%2e", false},
	} {
		if got := permission.AsOpen(parse(t, test.original), parse(t, test.checked)); got != test.want {
			t.Errorf("%s, checked as %s: %v", test.original, test.checked, got)
		}
	}
}

func TestNothingIsOpenByItself(t *testing.T) {
	for _, target := range []string{"/files/a%2Fb", "/files/a;b", "/files/100%25", "/files/a%3Fb"} {
		for _, o := range []permission.Openings{nil, openings(t, "method_override /*")} {
			if got, err := o.Readings(parse(t, target)); err == nil {
				t.Errorf("%s: %q with openings %v", target, got, o)
			}
		}
	}
}

func TestOpeningsCheck(t *testing.T) {
	for want, o := range map[string]permission.Openings{
		`"dots" is nothing that can be opened; use one of encoded_slash,`: {{Kind: "dots"}},
		"semicolon is opened for no path":                                 {{Kind: permission.Semicolon}},
		"semicolon /a is opened twice":                                    slices.Repeat(openings(t, "semicolon /a"), 2),
	} {
		if err := o.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

func TestOpens(t *testing.T) {
	o := openings(t, "method_override /k/v1/*", "semicolon /", "encoded_percent /of/{name}/info")
	for _, test := range []struct {
		kind  permission.OpeningKind
		paths []string
		want  bool
	}{
		{permission.MethodOverride, []string{"/k/v1/record.json"}, true},
		{permission.MethodOverride, []string{"/k/v1/a", "/k/v1/b/c"}, true},
		{permission.MethodOverride, []string{"/k/v1/a", "/k/v2/b"}, false},
		{permission.MethodOverride, []string{"/k/v1/"}, false},
		{permission.MethodOverride, []string{"/"}, false},
		{permission.MethodOverride, []string{"/k/v1//x"}, false},
		{permission.EncodedPercent, []string{"/of/a/info"}, true},
		{permission.EncodedPercent, []string{"/of//info"}, false},
		{permission.EncodedPercent, []string{"/of/a/b"}, false},
		{permission.Semicolon, []string{"/"}, true},
		{permission.Semicolon, []string{"/k/v1/a"}, false},
		{permission.EncodedSlash, []string{"/"}, false},
	} {
		if got := o.Opens(test.kind, test.paths...); got != test.want {
			t.Errorf("%s %v: %v", test.kind, test.paths, got)
		}
	}
}

// Whatever is opened, the bytes that go on are those that came, no reading
// leaves the route, none climbs out of it, and none could be decoded again.
func FuzzOpenedPathHasNoReadingOutsideTheRoute(f *testing.F) {
	for _, seed := range []string{
		"/files/a%2Fb", "/files/a%2f..%2fb", "/files/..;/x", "/files/a;b/c", "/files/%252e%252e", "/files/a%3F..", "/files/%2F/x", "/files/a%23",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		o := openings(t, everyKind...)
		u, err := url.ParseRequestURI(target)
		if err != nil || target[0] != '/' {
			return
		}
		readings, err := o.Readings(u)
		if err != nil {
			return
		}
		if path, _, _ := strings.Cut(target, "?"); u.EscapedPath() != path {
			t.Fatalf("%q would be sent as %q", path, u.EscapedPath())
		}
		if _, err := permission.CheckURL(u); err == nil {
			return
		}
		for _, reading := range readings {
			if !strings.HasPrefix(reading, "/files/") {
				t.Errorf("%q leaves the route as %q", target, reading)
			}
			if again, err := url.PathUnescape(strings.ReplaceAll(reading, "%2F", "")); err == nil && again != strings.ReplaceAll(reading, "%2F", "") {
				t.Errorf("%q can be decoded again: %q, %q", target, reading, again)
			}
			for part := range strings.FieldsFuncSeq(reading, func(c rune) bool { return c == '/' || c == '\\' }) {
				if part == "." || part == ".." {
					t.Errorf("%q has a dot segment in %q", target, reading)
				}
			}
		}
	})
}
