package permission

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// These tests look inside: how many states patterns make is what bounds the
// memory and the time that an operator, or somebody who writes grants, can cost.

func addAll(t *testing.T, b *builder, texts []string) {
	t.Helper()
	for i, text := range texts {
		op, err := ParseOperation(text)
		if err != nil {
			t.Fatal(err)
		}
		b.add(op, int32(i))
	}
}

// An attack: n patterns of n segments, the i-th with one literal at place i. A
// path is then in one of 2^n states, by which literals it had.
func exploding(n int) []string {
	var texts []string
	for i := range n {
		parts := make([]string, n)
		for j := range parts {
			parts[j] = fmt.Sprintf("{c%d}", j)
		}
		parts[i] = "a"
		texts = append(texts, "GET /"+strings.Join(parts, "/"))
	}
	return texts
}

func TestExplodingPatternsAreAnErrorInBoundedWork(t *testing.T) {
	for _, n := range []int{12, 20, 64, 120} {
		b := newBuilder()
		addAll(t, b, exploding(n))
		_, err := b.build()
		if err == nil || !strings.Contains(err.Error(), "overlap") {
			t.Errorf("%d patterns: got the error %v", n, err)
		}
		// One state may be over the bound, none further is made.
		most := effortPerNode*(int(b.nodes)+b.rules+20) + 4*n
		members := 0
		for key := range b.states {
			members += len(key) / 4
		}
		if members > most || b.effort > most {
			t.Errorf("%d patterns: %d states of %d members, effort %d; at most %d", n, len(b.states), members, b.effort, most)
		}
	}
}

// The same through a token's grants, with literals and tails mixed in: an error
// for that token, never one that has compiled to nothing or to everything.
func TestExplodingGrantsAreAnError(t *testing.T) {
	c, err := NewCatalog(nil)
	if err != nil {
		t.Fatal(err)
	}
	grants := exploding(24)
	for i := range 24 {
		grants = append(grants, fmt.Sprintf("POST /{x}/%d/*", i), fmt.Sprintf("POST /%d/{x}/*", i))
	}
	if g, err := c.Compile(grants); err == nil || g != nil {
		t.Errorf("got %v, %v", g, err)
	}
}

func TestExplodingCatalogIsAnError(t *testing.T) {
	for _, mark := range []Mark{Unmarked, Write} {
		p := Permission{Name: "a.b", Mark: mark}
		for _, text := range exploding(24) {
			op, err := ParseOperation(text)
			if err != nil {
				t.Fatal(err)
			}
			p.Operations = append(p.Operations, op)
		}
		if c, err := NewCatalog([]Permission{p}); err == nil || c != nil {
			t.Errorf("mark %q: got %v, %v", mark, c, err)
		}
	}
}

// Everyday overlaps stay far from the bound.
func TestSmallOverlapsAreNoError(t *testing.T) {
	for _, texts := range [][]string{
		exploding(6),
		{"GET /*", "POST /*", "PUT /*", "PATCH /*", "DELETE /*"},
		{"GET /{a}/{b}/{c}/{d}", "GET /a/{b}/c/{d}", "GET /{a}/b/{c}/d", "GET /a/*", "GET /{a}/b/*", "GET /{a}/{b}/c/*"},
	} {
		b := newBuilder()
		addAll(t, b, texts)
		if _, err := b.build(); err != nil {
			t.Errorf("%q: %v", texts, err)
		}
	}
}

// 10,000 operations of 2,000 resources make about as many states as there are
// places in their patterns, marks and a few tails over everything included.
func TestRealisticCatalogMakesFewStates(t *testing.T) {
	b := newBuilder()
	n := 0
	for i := range 2000 {
		path := fmt.Sprintf("/api/v%d/resource%d", i%3, i)
		for _, text := range []string{"GET " + path, "POST " + path, "GET " + path + "/{id}", "PUT " + path + "/{id}", "DELETE " + path + "/{id}"} {
			addAll(t, b, []string{text})
			n++
		}
	}
	addAll(t, b, []string{"GET /*", "GET /api/*", "POST /api/v1/*", "GET /{any}/{version}/{resource}/{id}", "DELETE /api/{version}/*"})
	if _, err := b.build(); err != nil {
		t.Fatal(err)
	}
	if n != 10_000 || len(b.states) > 3*int(b.nodes) || b.effort > effortPerNode*int(b.nodes)/2 {
		t.Errorf("%d operations make %d nodes, %d states of several, effort %d", n, b.nodes, len(b.states), b.effort)
	}
}

// The builder trusts that no node gets into a state on two ways.
func TestStatesHoldNoNodeTwice(t *testing.T) {
	b := newBuilder()
	addAll(t, b, []string{
		"GET /*", "GET /{a}/*", "GET /a/*", "GET /a/{b}/*", "GET /{a}/b/*", "GET /a/b/*", "GET /{a}/{b}/", "GET /", "GET /a/", "GET /{a}", "GET /a/{b}/{c}",
	})
	if _, err := b.build(); err != nil {
		t.Fatal(err)
	}
	for key := range b.states {
		var ids []string
		for i := 0; i < len(key); i += 4 {
			ids = append(ids, key[i:i+4])
		}
		if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("state %x has a node twice", key)
		}
	}
}

// A grant as long as it may be must not exhaust the stack: that ends the process.
func TestLongestPatternBuilds(t *testing.T) {
	b := newBuilder()
	addAll(t, b, []string{"GET " + strings.Repeat("/a", MaxPath/2), "GET " + strings.Repeat("/a", MaxPath/2-1) + "/*"})
	a, err := b.build()
	if err != nil {
		t.Fatal(err)
	}
	if got := a.find("GET", strings.Repeat("/a", MaxPath/2)); !slices.Equal(got, []int32{0, 1}) {
		t.Errorf("found %v", got)
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ s, want string }{
		{"article.find", "article.find"},
		{"article.fnd", "article.find"},
		{"artcle.find", "article.find"},
		{"articel.find", "article.find"},
		{"articles.find", "article.find"},
		{"article.delet", "article.delete"},
		{"user.unban", ""},
		{"", ""},
		{"x", ""},
		{strings.Repeat("article.find", 1000), ""},
	} {
		if got := nearest(test.s, []string{"article.find", "article.delete", "search.run"}); got != test.want {
			t.Errorf("%.40q: got %q, want %q", test.s, got, test.want)
		}
	}
	// An attack: a grant of a megabyte, compared with every name there is. What is
	// too long to be near is not compared at all.
	long := strings.Repeat("article.find", 100_000)
	if n := testing.AllocsPerRun(1, func() { nearest(long, []string{"article.find", "x"}) }); n != 0 {
		t.Error("a long text is compared with short names")
	}
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 2}, {"flaw", "lawn", 2}} {
		if got := editDistance(test.a, test.b); got != test.want {
			t.Errorf("%s, %s: got %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

// Whoever may make tokens can make many, so new grants may take less than stored ones. What
// overlaps nowhere is never too much.
func TestNewGrantsTakeLess(t *testing.T) {
	c, err := NewCatalog(nil)
	if err != nil {
		t.Fatal(err)
	}
	long := func(n int) (grants []string) {
		for i := range n {
			grants = append(grants, fmt.Sprintf("GET /s%d%s", i, strings.Repeat("/a", 31)))
		}
		return grants
	}
	overlapping := append(long(300), exploding(13)...)
	if _, err := c.Compile(overlapping); err != nil {
		t.Errorf("stored ones: %v", err)
	}
	if err := CheckTogether(overlapping); err == nil || !strings.Contains(err.Error(), "overlap") {
		t.Errorf("new ones: %v", err)
	}
	for _, grants := range [][]string{long(500), append(long(200), "GET /*", "POST /*", "PUT /s1/*")} {
		if err := CheckTogether(grants); err != nil {
			t.Error(err)
		}
	}
}

// What a cache counts of grants must be near to what they take.
func TestSizeIsAboutTheMemoryThatGrantsTake(t *testing.T) {
	var permissions []Permission
	for i := range 50 {
		op, err := ParseOperation(fmt.Sprintf("GET /r%d?app={app}", i))
		if err != nil {
			t.Fatal(err)
		}
		permissions = append(permissions, Permission{Name: fmt.Sprintf("record.p%d", i), Operations: []Operation{op}})
	}
	c, err := NewCatalog(permissions)
	if err != nil {
		t.Fatal(err)
	}
	numbered := func(n int, format string) (grants []string) {
		for i := range n {
			grants = append(grants, fmt.Sprintf(format, i))
		}
		return grants
	}
	for _, grants := range [][]string{
		numbered(500, "GET /api/things%d/{id}"),
		numbered(400, "GET /p%d"+strings.Repeat("/y", 30)),
		append(numbered(400, "GET /api/%d"), "POST /*"),
		append(numbered(400, "GET /p%d"+strings.Repeat("/y", 30)), exploding(9)...),
		numbered(500, "record.* app=%d"),
		numbered(500, "record.* app=%d other=x"),
		numbered(500, "GET /r/{id}?app={app} app=%d"),
	} {
		before := live()
		g, err := c.Compile(grants)
		took := live() - before
		if err != nil {
			t.Fatal(err)
		}
		if g.Size() < took/2 || g.Size() > 2*took {
			t.Errorf("%d such as %s take %d bytes; the size is %d", len(grants), grants[0], took, g.Size())
		}
		runtime.KeepAlive(g)
	}
}

// live returns how many bytes of the heap are in use.
func live() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestSegmentsOfNewGrants(t *testing.T) {
	most := strings.Repeat("/a", MaxSegments)
	for text, good := range map[string]bool{
		"GET " + most: true, "GET " + most + "/*": true, "GET " + most + "/b": false, "GET /{x}" + most + " x=1": false,
		"article.find": true, "query articles": true, "GET /*": true, "not a grant": true, // which CheckGrant says
	} {
		if err := CheckSegments(text); (err == nil) != good || err != nil && !strings.HasSuffix(err.Error(), " in "+text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
