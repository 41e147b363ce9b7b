package permission_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tokenreeve/tokenreeve/permission"
)

// agrees reports whether a model that reads the path as sent comes to the
// segments that were matched. A server that refuses agrees: nothing of its is reached.
func (m model) agrees(raw string, matched []string) ([]string, bool) {
	read, ok := m.read(raw)
	return read, !ok || slices.Equal(m.leniently(read), m.leniently(matched))
}

// leniently takes away what the readings of a model may differ in.
func (m model) leniently(segments []string) []string {
	for _, allow := range m.allowed {
		segments = allow(segments)
	}
	return segments
}

// checkReadings holds every model against what CheckURL says of a target, as
// net/http takes it.
func checkReadings(t tb, target string) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return
	}
	decoded, err := permission.CheckURL(u)
	if err != nil {
		return
	}
	matched := strings.Split(decoded[1:], "/")
	for _, m := range models {
		if read, ok := m.agrees(u.EscapedPath(), matched); !ok {
			t.Fatalf("%q is matched as %q, and read by %s as %q", target, matched, m.name, read)
		}
	}
}

// Security rules 2 and 3: whatever path is accepted, every server reads the
// resource out of it that was decided on, or answers nothing.
func FuzzAcceptedPathIsReadTheSameByEveryBackendModel(f *testing.F) {
	for _, target := range []string{
		"/", "/a", "/a/", "/api/articles/42?x=/../;y", "/%41/%7euser", "/a%20b/c+d", "/!'()*/$&+,=:@-._~", "/a:80/b:c", "/a@b",
		"/%E6%97%A5/%F0%9F%98%80", "/.hidden/a..b/b./c", "/%5E%7C%22%3C%3E%7B%7D%5B%5D%60", "http://host/a/b", "/a.tar.gz", "/API/B%20",
		"/%EF%BC%95%EF%BC%90%EF%BC%85", "/%C4%B0%C5%BF", "/b.%20.", "/%C2%A0", "/*",
	} {
		f.Add(target)
	}
	for _, m := range models {
		for _, a := range m.hostile {
			f.Add(a.path)
		}
	}
	f.Fuzz(func(t *testing.T, target string) { checkReadings(t, target) })
}

// The same for paths put together of what servers disagree about: more of these
// are accepted than of what a fuzzer comes across in a few seconds.
func TestAcceptedPathIsReadTheSameByEveryBackendModel(t *testing.T) {
	pieces := []string{
		"/", "/", "/", "a", "B", ".", "..", "...", "%2e", "%2E", "%252e", "%", "%25", "%2f", "%5c", `\`, ";", "%3b", "%3f", "?", "#", "%23",
		"%20", "+", " ", ":", "80", "@", "~", "*", "%00", "%09", "\t", "%0a", "%u002e", "%C0%AE", "%ff", "%E6%97%A5", "日", "%C4%B0", "%E2%80%A5",
		"%E2%80%A6", "%EF%BC%8E", "%EF%BC%8F", "%EF%BC%BC", "%EF%BC%85", "%E2%84%80", "%C2%A0", "%E3%80%80", "%CD%BE", "&", "=", ".json", "index.php",
	}
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		target := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces"), "")
		checkReadings(t, target)
		if u, err := url.ParseRequestURI(target); err == nil {
			if _, err := permission.CheckURL(u); err == nil {
				accepted++
			}
		}
	})
	if accepted == 0 {
		t.Error("no path was accepted; is the generator broken?")
	}
}

// Security rule 2: each model takes some path for another resource than its
// segments name, and those are refused. So no model agrees for want of trying.
func TestEveryBackendModelFallsForAnAttack(t *testing.T) {
	for _, m := range models {
		if len(m.hostile) == 0 {
			t.Errorf("%s has no attack", m.name)
		}
		for _, a := range m.hostile {
			if read, _ := m.read(a.path); strings.Join(read, "|") != a.reads {
				t.Errorf("%s reads %q as %q, want %s", m.name, a.path, read, a.reads)
			}
			u, err := url.ParseRequestURI(a.path)
			if err != nil {
				continue // refused before anyone asks
			}
			_, decodedFirst := m.agrees(a.path, split(decodeOnce(a.path)))
			_, splitFirst := m.agrees(a.path, each(split(a.path), decodeOnce))
			if decodedFirst && splitFirst {
				t.Errorf("%s reads %q as everybody does", m.name, a.path)
			}
			if _, err := permission.CheckURL(u); !isAmbiguous(err) {
				t.Errorf("%q is not refused: %v", a.path, err)
			}
		}
	}
}

// A model that refuses all agrees with all; none of them refuses what is plain.
func TestNoBackendModelRefusesPlainPaths(t *testing.T) {
	for _, m := range models {
		for _, raw := range []string{"/", "/api/articles/42", "/%E6%97%A5/a%20b/c+d", "/a.b/~c", "/x@y/!'()*"} {
			if _, ok := m.read(raw); !ok {
				t.Errorf("%s refuses %q", m.name, raw)
			}
		}
	}
}

// What is allowed to differ is no more than that: other names, fewer segments
// and dot segments stay apart.
func TestAllowancesAreNarrow(t *testing.T) {
	all := []allowance{endOfPath, slashAtEnd, anyCase, suffix, compatible}
	for _, test := range []struct{ a, b string }{
		{"/a", "/b"},
		{"/a/b", "/a"},
		{"/a/..", "/a"},
		{"/a/..", "/"},
		{"/..", "/."},
		{"/a./b", "/a/b"},
		{"/a /b", "/a/b"},
		{"/a.x/b", "/a/b"},
		{"//a", "/a"},
		{"/a//", "/a"},
		{"/a;b", "/a"},
		{"/.json", "/"},
		{"/a+b", "/a b"},
		{"/a%2fb", "/a/b"},
	} {
		a, b := split(test.a), split(test.b)
		for _, allow := range all {
			a, b = allow(a), allow(b)
		}
		if slices.Equal(a, b) {
			t.Errorf("%q and %q pass for the same", test.a, test.b)
		}
	}
}
