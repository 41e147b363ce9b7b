package gate

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// counting makes a gate write its uses to a table, when it is flushed.
func counting(t *testing.T, g *Gate) *useTable {
	s := &useTable{}
	g.Recorder = newRecorder(t, func(c *RecorderConfig) { c.Write, c.Interval = s.write, time.Hour })
	return s
}

// A request counts for what it needed, by a name of the catalog or of a grant,
// and by no text of the client's.
func TestPermissionsAreCounted(t *testing.T) {
	store := newMemoryStore()
	for i, tok := range []token.Token{
		newToken("full", token.FullAccess),
		newToken("reads", token.ReadOnly),
		newToken("finds", token.Custom, "article.*", "GET /api/articles/{id}"),
		newToken("written", token.Custom, "GET /*", "GET /api/articles/{id}", "no.longer"),
		newToken("spoilt", token.Custom, "no grant"),
		newToken("off", token.FullAccess),
	} {
		tok.ID, tok.Enabled = tok.Name, tok.Name != "off"
		store.put(mint(uint64(i)), tok)
	}
	g := newGate(t, store, newSources(t, Source{Place: Header, Name: "T", List: true}), articles(t))
	s := counting(t, g)
	for _, request := range []string{
		"0 GET /api/articles", "0 GET /api/articles/1", "0 POST /api/articles", "0 DELETE /nobody/named/this", "0 GET /api/articles%2f1",
		"1 GET /api/articles", "1 GET /other", "1 POST /api/search", "1 POST /api/articles", "1 GET /api/delete", "1 PUT /other",
		"2 GET /api/articles/1", "2 POST /api/articles", "2 WEBSOCKET /api/live", "2 GET /api/delete", "2 GET /nobody/named/this",
		"3 GET /api/articles/1", "3 GET /nobody/named/this", "3 GET /api/articles/2", "3 POST /api/articles",
		"4 GET /api/articles", "5 GET /api/articles",
	} {
		fields := strings.Fields(request)
		r := mustParse(t, fields[2])
		if r.Method = fields[1]; r.Method == permission.WebSocket {
			r.Method, r.Header = http.MethodGet, handshake("Upgrade", "websocket")
		}
		r.Header.Set("T", mint(uint64(fields[0][0]-'0')))
		g.Check(r)
	}
	_ = g.Recorder.Flush(t.Context())
	s.expectPermissions(t,
		"finds : 0+1", "finds article.create: 1+0", "finds article.find: 1+0", "finds article.watch: 1+0", "finds legacy.delete: 0+1",
		"full : 1+0", "full article.create: 1+0", "full article.find: 2+0",
		"reads : 1+1", "reads article.create: 0+1", "reads article.find: 1+0", "reads legacy.delete: 0+1", "reads search.run: 1+0",
		"written GET /*: 1+0", "written GET /api/articles/{id}: 2+0", "written article.create: 0+1",
	)
	if all := s.total(); all != 22 {
		t.Errorf("%d requests count, want 22", all)
	}
}

// Rights of several tokens add up: each counts for what it allowed, and for a request
// beside those that allowed it. What all of them lack, all were refused.
func TestPermissionsOfSeveralTokens(t *testing.T) {
	store := newMemoryStore()
	var secrets []string
	for i, grants := range [][]string{{"article.find"}, {"article.find", "article.create"}, {"GET /api/articles"}} {
		tok := newToken(fmt.Sprint(i), token.Custom, grants...)
		tok.ID = tok.Name
		store.put(mint(uint64(i)), tok)
		secrets = append(secrets, mint(uint64(i)))
	}
	g := newGate(t, store, newSources(t, Source{Place: Header, Name: "T", List: true}), articles(t))
	s := counting(t, g)
	for _, request := range []string{"GET /api/articles", "POST /api/articles", "DELETE /api/articles"} {
		method, path, _ := strings.Cut(request, " ")
		r := mustParse(t, path, "T: "+strings.Join(secrets, ","))
		r.Method = method
		g.Check(r)
	}
	_ = g.Recorder.Flush(t.Context())
	s.expectPermissions(t, "0 : 0+1", "0 article.find: 1+0", "1 : 0+1", "1 article.create: 1+0", "1 article.find: 1+0", "2 : 0+1", "2 GET /api/articles: 1+0")
	if all := s.total(); all != 3+3+3 {
		t.Errorf("%d requests count", all)
	}
}

// All tokens of an allowed request are in use: one that sends three for three apps
// with every request must not find two of them cleared away as unused. The backend, and
// the counts by permission, have those that allowed it.
func TestAllTokensOfARequestAreInUse(t *testing.T) {
	store := newMemoryStore()
	for i, tok := range []token.Token{
		newToken("7", token.Custom, "record.* app=7"), newToken("8", token.Custom, "record.* app=8"), newToken("9", token.Custom, "record.* app=9"),
		newToken("bad", token.Custom, "no grant"),
	} {
		tok.ID = tok.Name
		store.put(mint(uint64(i)), tok)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	g := newGate(t, store, newSources(t, Source{Place: Header, Name: "T", List: true}), newCatalog(t,
		newPermission(t, "record.view", "", "GET /record?app={app}"), newPermission(t, "record.add", "", "POST /record?app={app}")))
	s := counting(t, g)
	g.Now, g.Address = func() time.Time { return now }, func(*http.Request) string { return "192.0.2.1" }
	three := "T: " + mint(0) + "," + mint(1) + "," + mint(2)
	d := g.Check(mustParse(t, "/record?app=8", three))
	if d.Tokens.First == nil || d.Tokens.First.Token.ID != "8" || d.Tokens.Rest != nil {
		t.Errorf("it is of %+v", d.Tokens)
	}
	_ = g.Recorder.Flush(t.Context())
	s.expectPermissions(t, "8 record.* app=8: 1+0")
	now = now.Add(time.Second)
	g.Check(mustParse(t, "/record?app=8", "T: "+mint(1)+","+mint(3)))
	_ = g.Recorder.Flush(t.Context())
	used := map[string]string{}
	for key, u := range s.uses {
		id, _, _ := strings.Cut(key, " ")
		used[id] = fmt.Sprintf("%d+%d %s %s", u.Allowed, u.Refused, u.Last.Format("15:04:05"), u.Address)
	}
	want := map[string]string{
		"7": "1+0 12:00:00 192.0.2.1", "8": "1+0 12:00:00 192.0.2.1", "9": "1+0 12:00:00 192.0.2.1", "bad": "0+1 00:00:00 ",
	}
	if !maps.Equal(used, want) {
		t.Errorf("used are %v, want %v", used, want)
	}
}

// A document counts for each permission of its fields once, and as one request. One
// that is refused counts for what it lacks alone.
func TestPermissionsOfDocuments(t *testing.T) {
	g := graphQLGate(t, nil)
	s := counting(t, g)
	for _, test := range []struct {
		number   uint64
		document string
	}{
		{gqlFinder, "{ articles article again: articles }"},
		{gqlFinder, "{ articles __typename }"},
		{gqlFinder, "{ __typename }"},
		{gqlFinder, "query A { articles } mutation B { createArticle }"},
		{gqlCreator, "query A { articles } mutation B { createArticle }"},
		{gqlReadOnly, "query A { article } mutation B { search }"},
	} {
		if d := checkForms(g, postGraphQL(test.number, document(test.document))); d.ReadBody != nil {
			t.Errorf("%s is not decided", test.document)
		}
	}
	r := postGraphQL(0, document("query A { article } mutation B { createArticle }"))
	r.Header.Del("Authorization")
	r.Header["X-Cybozu-Api-Token"] = []string{mint(gqlFinder) + "," + mint(gqlCreator)}
	checkForms(g, r)
	_ = g.Recorder.Flush(t.Context())
	s.expectPermissions(t,
		"tok_creates mutation createArticle: 2+0", "tok_creates query articles: 1+0",
		"tok_finds article.create: 0+1", "tok_finds article.find: 3+0",
		"tok_reads article.find: 1+0", "tok_reads search.run: 1+0",
	)
	if all := s.total(); all != 8 {
		t.Errorf("%d requests count, want 8", all)
	}
}

// Readings of one path that need the same permission count for it once.
func TestPermissionsCountOnce(t *testing.T) {
	catalog := articles(t)
	k := &Known{Token: newToken("a", token.Custom, "article.find", "GET /b")}
	does := Matches{First: catalog.Find("GET", "/api/articles"), Rest: []permission.Match{
		catalog.Find("GET", "/api/articles/1"), catalog.Find("GET", "/b"), catalog.Find("GET", "/api/articles/2"), catalog.Find("GET", "/b"),
	}}
	_, _, by, reason := Decide(one(k), catalog, &does)
	if more := countAll(one(k), catalog, &does, by); reason != Allow || by != "article.find" || !slices.Equal(more, []counted{{k, "GET /b"}}) {
		t.Errorf("%s: %q and %v", reason, by, more)
	}
}

// countedFor returns a decision that counts for a permission.
func countedFor(k *Known, reason Reason, permission string) *Decision {
	return &Decision{Tokens: one(k), Reason: reason, Permission: permission, counts: true}
}

// The number of names is bounded; what comes beyond counts without one.
func TestPermissionsAreBounded(t *testing.T) {
	s := &useTable{}
	r := newRecorder(t, func(c *RecorderConfig) { c.Write, c.Interval = s.write, time.Hour })
	a := used("a")
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for range 2 {
		for i := range 3 * maxPermissions {
			r.Record(countedFor(a, Allow, fmt.Sprintf("p.%03d", i)), "", noon)
		}
		_ = r.Flush(t.Context())
	}
	want := []string{fmt.Sprintf("a : %d+0", 2*2*maxPermissions)}
	for i := range maxPermissions {
		want = append(want, fmt.Sprintf("a p.%03d: 2+0", i))
	}
	s.expectPermissions(t, want...)
}

// Security rule 17: while the store takes nothing, names are bounded over all tokens.
func TestPermissionsThatWaitAreBounded(t *testing.T) {
	s := &useTable{err: errors.New("disk full")}
	r := newRecorder(t, func(c *RecorderConfig) { c.Write, c.Interval, c.Limit = s.write, time.Hour, 3 })
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, id := range []string{"a", "b"} {
		k := used(id)
		for i := range 20 {
			r.Record(countedFor(k, MissingPermission, fmt.Sprintf("p.%03d", i)), "", noon)
		}
		_ = r.Flush(t.Context())
	}
	if r.named > 3*namesPerSecret+2 {
		t.Errorf("%d names wait", r.named)
	}
	s.err = nil
	_ = r.Flush(t.Context())
	if sum := s.named("b "); s.total() != 40 || sum != 20 || s.permissions["b "].Refused != 16 {
		t.Errorf("%d requests, %d by permission, %+v", s.total(), sum, s.permissions)
	}
	if r.named != 0 {
		t.Errorf("%d names wait after all is written", r.named)
	}
}

// A permission counts for the day on which the request came.
func TestPermissionsAtMidnight(t *testing.T) {
	s := &useTable{}
	r := newRecorder(t, func(c *RecorderConfig) { c.Write, c.Interval = s.write, time.Hour })
	a := used("a")
	midnight := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Record(countedFor(a, Allow, "a.find"), "", midnight.Add(-time.Second))
	r.Record(countedFor(a, Allow, "a.find"), "", midnight)
	r.Record(countedFor(a, MissingPermission, "a.find"), "", midnight.Add(-time.Second))
	_ = r.Flush(t.Context())
	s.expect(t, "a 2026-12-31: 1+1 23:59:59", "a 2027-01-01: 1+0 00:00:00")
	if got := s.days["a 2026-12-31 a.find"]; got != (token.PermissionUse{Permission: "a.find", Allowed: 1, Refused: 1}) {
		t.Errorf("%+v", s.days)
	}
}

// The address is that of the last use, if it is one; what was no use has no say.
func TestAddressOfTheLastUse(t *testing.T) {
	s := &useTable{}
	r := newRecorder(t, func(c *RecorderConfig) { c.Write, c.Interval = s.write, time.Hour })
	a := used("a")
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i, test := range []struct {
		reason        Reason
		second        int
		address, want string
	}{
		{Allow, 1, "192.0.2.1", "192.0.2.1"},
		{MissingPermission, 2, "2001:DB8::1", "2001:db8::1"},
		{Allow, 0, "192.0.2.3", "2001:db8::1"}, // it was overtaken
		{ExpiredToken, 3, "192.0.2.4", "2001:db8::1"},
		{AmbiguousRequest, 4, "192.0.2.4", "2001:db8::1"},
		{Allow, 5, "::ffff:192.0.2.5", "192.0.2.5"},
		{Allow, 6, "fe80::1%eth0", "fe80::1"},
		{Allow, 7, "<script>", ""},
		{Allow, 8, "192.0.2.8", "192.0.2.8"},
		{Allow, 9, "fe80::1%" + strings.Repeat("x", maxAddress), ""},
		{Allow, 10, "192.0.2.10", "192.0.2.10"},
		{Allow, 11, "192.0.2.10:80", ""},
		{Allow, 12, "", ""},
	} {
		r.Record(decided(one(a), test.reason), test.address, noon.Add(time.Duration(test.second)*time.Second))
		_ = r.Flush(t.Context())
		if got := s.uses["a 2026-11-22"].Address; got != test.want {
			t.Errorf("%d: %q, want %q", i, got, test.want)
		}
	}
}

// A gate asks for the address of requests that are uses, and for no other.
func TestGateRecordsTheAddress(t *testing.T) {
	store := newMemoryStore()
	tok := newToken("a", token.Custom, "article.find")
	tok.ID = "a"
	store.put(mint(1), tok)
	g := newGate(t, store, newSources(t, DefaultSources()...), articles(t))
	s := counting(t, g)
	asked := 0
	g.Address = func(r *http.Request) string { asked++; return strings.TrimSuffix(r.RemoteAddr, ":1234") }
	for _, path := range []string{"/api/articles", "/api/users", "/api//articles"} {
		r := mustParse(t, path, "Authorization: Bearer "+mint(1))
		r.RemoteAddr = "192.0.2.1:1234"
		g.Check(r)
	}
	g.Check(mustParse(t, "/api/articles"))
	_ = g.Recorder.Flush(t.Context())
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	for _, u := range s.uses {
		if u.Address != "192.0.2.1" {
			t.Errorf("%+v", u)
		}
	}
}
