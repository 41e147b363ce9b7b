package permission_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tokenreeve/tokenreeve/permission"
)

// checkOpened holds every model against the readings of a target that one
// opening lets in: what a server makes of it must be one of them, since whoever
// makes the request is allowed all of them and nothing else.
func checkOpened(t tb, kind permission.OpeningKind, target string) (opened bool) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return false
	}
	everywhere, err := permission.ParsePattern("/*")
	if err != nil {
		t.Fatalf("%v", err)
	}
	readings, err := permission.Openings{{Kind: kind, Path: everywhere}}.Readings(u)
	if err != nil || len(readings) == 0 {
		return false
	}
	var matched [][]string
	for _, reading := range readings {
		segments := each(split(reading), func(s string) string { return strings.ReplaceAll(s, "%2F", "/") })
		matched = append(matched, segments)
	}
	for _, m := range models {
		read, ok := m.read(u.EscapedPath())
		got := onlyCaptured(m.leniently(read))
		same := func(segments []string) bool { return slices.Equal(onlyCaptured(m.leniently(segments)), got) }
		if ok && !slices.ContainsFunc(matched, same) {
			t.Fatalf("%q with %s open is matched as %q, and read by %s as %q", target, kind, matched, m.name, read)
		}
	}
	return len(readings) > 1
}

// onlyCaptured makes segments equal that no literal of a pattern can be: a grant
// of one of them is a grant of all of them.
func onlyCaptured(segments []string) []string {
	return each(segments, func(s string) string {
		if strings.ContainsAny(s, "%;?#/") {
			return ";"
		}
		return s
	})
}

var pathOpenings = []permission.OpeningKind{
	permission.EncodedSlash, permission.EncodedPercent, permission.EncodedDelimiter, permission.Semicolon,
}

// Security rule 2: where a route opens something, every server still reads one
// of the paths that were decided on.
func FuzzOpenedPathIsReadAsDecidedOnByEveryBackendModel(f *testing.F) {
	for _, target := range []string{
		"/files/a%2fb", "/files/a%2F", "/%2fa", "/a%2f%2fb", "/a/..%2fb", "/100%25", "/a%25zz", "/a%252e", "/a%25u002e", "/a%3fb", "/a%23", "/%3f",
		"/a;x=1/b", "/a;/b", "/..;/a", "/;/a", "/a%3bb", "/a;b%2f", "/a/b;c/", "/a%3f/../b", "/.%2f", "/a%2e%2f",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		for _, kind := range pathOpenings {
			checkOpened(t, kind, target)
		}
	})
}

func TestOpenedPathIsReadAsDecidedOnByEveryBackendModel(t *testing.T) {
	pieces := []string{"/", "/", "a", "B", ".", "..", "%2e", "%2f", "%2F", "%25", "25", "2e", "u002e", ";", "%3B", "x=1", "%3f", "%23", "?", "%20", ":80", ".json", "日"}
	needs := map[permission.OpeningKind]string{
		permission.EncodedSlash: "%2Fb", permission.EncodedPercent: "%25", permission.EncodedDelimiter: "%3Fb", permission.Semicolon: ";b",
	}
	opened := 0
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 10)
		kind := rapid.SampledFrom(pathOpenings).Draw(t, "opening")
		checkOpened(t, kind, "/"+strings.Join(some.Draw(t, "pieces"), ""))
		// And one that needs the opening, with little beside it.
		if checkOpened(t, kind, "/a"+needs[kind]+strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 2).Draw(t, "behind"), "")) {
			opened++
		}
	})
	if opened == 0 {
		t.Error("no path needed an opening; is the generator broken?")
	}
}
