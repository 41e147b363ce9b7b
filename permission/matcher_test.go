package permission_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tokenreeve/tokenreeve/permission"
)

// The reference: what a pattern means, as slow and obvious as it gets. It reads
// the text of the pattern by itself.

// Covers reports whether the operation, as text, covers the method and the path.
func covers(operation, method, path string) bool {
	m, pattern, _ := strings.Cut(operation, " ")
	return (m == method || m == "GET" && method == "HEAD") && patternCovers(pattern, path)
}

func patternCovers(pattern, path string) bool {
	if pattern == "/*" {
		return true
	}
	want, tail := strings.CutSuffix(pattern, "/*")
	segments, parts := strings.Split(path[1:], "/"), strings.Split(want[1:], "/")
	if tail {
		// Something has to be below: one segment at least, and not an empty one.
		if len(segments) <= len(parts) || segments[len(parts)] == "" {
			return false
		}
		segments = segments[:len(parts)]
	}
	if len(segments) != len(parts) {
		return false
	}
	for i, part := range parts {
		literal, _ := url.PathUnescape(part)
		if isCapture(part) && segments[i] == "" || !isCapture(part) && segments[i] != literal {
			return false
		}
	}
	return true
}

func isCapture(part string) bool { return strings.HasPrefix(part, "{") }

// narrower reports whether pattern a means some of the paths of pattern b and no
// others, given that some path matches both.
func narrower(a, b string) bool {
	a, aTail := strings.CutSuffix(a, "/*")
	b, bTail := strings.CutSuffix(b, "/*")
	as, bs := strings.Split(a, "/")[1:], strings.Split(b, "/")[1:]
	if a == "" {
		as = nil
	}
	if b == "" {
		bs = nil
	}
	if aTail && !bTail || len(bs) > len(as) || !bTail && len(bs) != len(as) {
		return false
	}
	strictly := bTail && (!aTail || len(bs) < len(as))
	for i := range bs {
		if isCapture(as[i]) && !isCapture(bs[i]) {
			return false
		}
		strictly = strictly || !isCapture(as[i]) && isCapture(bs[i])
	}
	return strictly
}

// pick chooses one of n.
type pick func(n int) int

// Few different segments, so that patterns overlap: some mean themselves, some
// look like captures or tails once they are decoded.
var (
	literals = []string{"a", "b", "%2A", "%7Bc1%7D", "A", "%61", "日"}
	segments = []string{"a", "b", "*", "{c1}", "A", "日", "c"}
	methods  = []string{"GET", "GET", "POST", "HEAD", "WEBSOCKET"}
)

func (p pick) pattern() string {
	var b strings.Builder
	depth := p(5)
	for i := range depth {
		if p(2) == 0 {
			fmt.Fprintf(&b, "/{c%d}", i)
		} else {
			b.WriteString("/" + literals[p(len(literals))])
		}
	}
	switch p(4) {
	case 0:
		b.WriteString("/*")
	case 1:
		b.WriteString("/")
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

func (p pick) operation() string { return methods[p(len(methods))] + " " + p.pattern() }

func (p pick) path() string {
	var b strings.Builder
	for range p(6) {
		b.WriteString("/" + segments[p(len(segments))])
	}
	if b.Len() == 0 || p(4) == 0 {
		b.WriteString("/")
	}
	return b.String()
}

// checkMatcher makes a catalog, grants and requests, and holds what Find, Allow,
// Reads and Matching say against the reference.
func checkMatcher(t tb, p pick) {
	t.Helper()
	var permissions []permission.Permission
	texts := map[string][]string{}
	marks := map[string]permission.Mark{}
	for i := range p(7) {
		name := fmt.Sprintf("p.%c", 'a'+i)
		for range 1 + p(3) {
			if op := p.operation(); !slices.Contains(texts[name], op) {
				texts[name] = append(texts[name], op)
			}
		}
		marks[name] = []permission.Mark{permission.Unmarked, permission.Read, permission.Write}[p(3)]
		permissions = append(permissions, permission.Permission{Name: name, Mark: marks[name], Operations: operations(t, texts[name]...)})
	}
	c, err := permission.NewCatalog(permissions)
	if err != nil {
		t.Fatalf("%v: %v", texts, err)
	}
	var grants []string
	for range p(4) {
		if p(2) == 0 && len(permissions) > 0 {
			grants = append(grants, permissions[p(len(permissions))].Name)
		} else {
			grants = append(grants, p.operation())
		}
	}
	compiled, err := c.Compile(grants)
	if err != nil {
		t.Fatalf("%v: %v", grants, err)
	}
	for range 1 + p(8) {
		method, path := methods[p(len(methods))], p.path()
		where := fmt.Sprintf("%s %s, permissions %v %v, grants %q", method, path, texts, marks, grants)
		m := c.Find(method, path)

		var want []string
		for name, ops := range texts {
			if coveredBy(ops, method, path) {
				want = append(want, name)
			}
		}
		got := c.Names(m)
		if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Fatalf("found %v, want %v: %s", got, want, where)
		}
		checkOrder(t, got, texts, method, path, where)
		checkAllow(t, c, compiled, grants, want, m, where)

		reads := method == "GET" || method == "HEAD"
		for _, name := range want {
			reads = reads || marks[name] == permission.Read
		}
		for _, name := range want {
			reads = reads && marks[name] != permission.Write
		}
		// The reference does not fold; folding takes rights away and gives none.
		if c.Reads(m) && !reads {
			t.Fatalf("a read-only token may: %s", where)
		}
		if reads && !c.Reads(m) && !slices.Contains(slices.Collect(maps.Values(marks)), permission.Write) {
			t.Fatalf("a read-only token may not: %s", where)
		}
	}
}

func coveredBy(ops []string, method, path string) bool {
	return slices.ContainsFunc(ops, func(op string) bool { return covers(op, method, path) })
}

// checkOrder: no permission stands behind another although it covers the
// request with a pattern that is narrower than all of the other's.
func checkOrder(t tb, names []string, texts map[string][]string, method, path, where string) {
	t.Helper()
	matching := func(name string) (patterns []string) {
		for _, op := range texts[name] {
			if covers(op, method, path) {
				patterns = append(patterns, strings.SplitN(op, " ", 2)[1])
			}
		}
		return patterns
	}
	for i, first := range names {
		for _, second := range names[i+1:] {
			for _, narrow := range matching(second) {
				if !slices.ContainsFunc(matching(first), func(wide string) bool { return !narrower(narrow, wide) }) {
					t.Fatalf("%s stands before %s, whose %s is more specific: %s", first, second, narrow, where)
				}
			}
		}
	}
}

func checkAllow(t tb, c *permission.Catalog, g *permission.Grants, grants, found []string, m permission.Match, where string) {
	t.Helper()
	var want []string
	for _, grant := range grants {
		if strings.Contains(grant, " ") && covers(grant, m.Method, m.Path) || slices.Contains(found, grant) {
			want = append(want, grant)
		}
	}
	if got := g.Allow(m); got != (len(want) > 0) {
		t.Fatalf("allowed %v, want %v: %s", got, want, where)
	}
	if got := c.Matching(grants, m); !slices.Equal(got, want) {
		t.Fatalf("matching %q, want %q: %s", got, want, where)
	}
}

func TestMatcherAgreesWithReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkMatcher(t, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") })
	})
}

func FuzzMatcherAgreesWithReference(f *testing.F) {
	f.Add([]byte{})
	for seed := range byte(16) {
		var b []byte
		for i := range byte(120) {
			b = append(b, (i*i+seed*37)^(i>>1)*seed)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		checkMatcher(t, func(n int) int {
			if len(choices) == 0 {
				return 0
			}
			c := choices[0]
			choices = choices[1:]
			return int(c) % n
		})
	})
}

// TestReference holds the reference itself against cases done by hand, and shows
// that the generator's cases do overlap.
func TestReference(t *testing.T) {
	for _, test := range []struct {
		pattern, path string
		want          bool
	}{
		{"/*", "/", true},
		{"/a/*", "/a/", false},
		{"/a/*", "/a", false},
		{"/a/*", "/a/b/", true},
		{"/{x}", "/", false},
		{"/{x}/", "/a/", true},
		{"/%2A", "/*", true},
		{"/%2A", "/a", false},
		{"/%7Bc1%7D", "/a", false},
		{"/%61", "/a", true},
	} {
		if got := patternCovers(test.pattern, test.path); got != test.want {
			t.Errorf("%s, %s: got %v", test.pattern, test.path, got)
		}
	}
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"/a", "/{x}", true},
		{"/{x}", "/a", false},
		{"/{x}", "/{y}", false},
		{"/a", "/*", true},
		{"/a/b/*", "/a/*", true},
		{"/a/*", "/a/b/*", false},
		{"/{x}/{y}", "/a/*", false},
		{"/{x}/b", "/a/{y}", false},
		{"/{x}/*", "/*", true},
		{"/a/*", "/{x}/*", true},
		{"/a/", "/*", true},
	} {
		if got := narrower(test.a, test.b); got != test.want {
			t.Errorf("%s narrower than %s: got %v", test.a, test.b, got)
		}
	}
}

func TestTheMostSpecificComesFirst(t *testing.T) {
	// Names in an order that is not the wanted one.
	c := catalog(t,
		allow(t, "a.all", "GET /*"),
		allow(t, "b.files", "GET /files/*"),
		allow(t, "c.private", "GET /files/private/*"),
		allow(t, "d.any-private", "GET /{x}/private/*"),
		allow(t, "e.captures", "GET /{x}/{y}/{z}"),
		allow(t, "f.two", "GET /{x}/private/{z}"),
		allow(t, "g.one", "GET /files/private/{z}"),
		allow(t, "h.exact", "GET /files/private/keys"),
		allow(t, "i.same", "GET /files/private/{other}"),
	)
	want := []string{"h.exact", "g.one", "i.same", "f.two", "e.captures", "c.private", "d.any-private", "b.files", "a.all"}
	if got := namesOf(c, "GET", "/files/private/keys"); !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	// A permission's most specific operation counts, and it stands there once.
	c = catalog(t, allow(t, "a.wide", "GET /*", "GET /x"), allow(t, "b.mid", "GET /{x}"))
	if got := namesOf(c, "HEAD", "/x"); !slices.Equal(got, []string{"a.wide", "b.mid"}) {
		t.Errorf("got %v", got)
	}
}
