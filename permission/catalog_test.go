package permission_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tokenreeve/tokenreeve/permission"
)

func TestNewCatalogRefuses(t *testing.T) {
	find := allow(t, "article.find", "GET /a")
	for _, test := range []struct {
		name        string
		permissions []permission.Permission
		problem     string
	}{
		{"a name twice", []permission.Permission{find, allow(t, "x.y", "GET /b"), allow(t, "article.find", "GET /c")}, "article.find is defined twice"},
		{"no name", []permission.Permission{allow(t, "", "GET /a")}, "can't name"},
		{"a name without action", []permission.Permission{allow(t, "article", "GET /a")}, "can't name"},
		{"a mark of its own", []permission.Permission{marked(t, "reads", "a.b", "GET /a")}, "not a mark"},
		{"a mark in another case", []permission.Permission{marked(t, "Write", "a.b", "GET /a")}, "not a mark"},
		{"no operations", []permission.Permission{find, {Name: "a.b"}}, "a.b has no operations"},
		{"an empty operation, as JSON's null gives it", []permission.Permission{{Name: "a.b", Operations: make([]permission.Operation, 1)}}, "empty operation"},
		{"an operation twice", []permission.Permission{allow(t, "a.b", "GET /a", "GET /b", "GET /a")}, "GET /a twice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := permission.NewCatalog(test.permissions)
			if err == nil || !strings.Contains(err.Error(), test.problem) || c != nil {
				t.Errorf("got %v and the error %v; want one that says %q", c, err, test.problem)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, s := range []string{"article.find", "a.b.c", "A-1_x:y.Z", "plugin::blog.find", "1.2"} {
		if err := permission.CheckName(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	// Names stand in a scope in WWW-Authenticate and in metrics: no blank, quote,
	// line break or backslash may be in one.
	for _, s := range []string{
		"", ".", "a", "a.", ".a", "a..b", "a.b.", "a.*", "*.*", "a b.c", "a.b c", `a."b"`, `a\.b`, "a.b\n", "a\n.b", "a,b.c", "a/b.c",
		"é.find", "a.b\x00", "a.ｆind", "a.b\u202e", "GET /a.b",
	} {
		if err := permission.CheckName(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
	for name, want := range map[string]string{"article.find": "article", "a.b.c": "a", "x": "x", "": ""} {
		if got := permission.Resource(name); got != want {
			t.Errorf("resource of %q: got %q", name, got)
		}
	}
}

func TestCatalogKeepsItsOrderAndNotTheCallers(t *testing.T) {
	given := []permission.Permission{allow(t, "b.x", "GET /b"), allow(t, "a.x", "GET /a")}
	c := catalog(t, given...)
	if given[0].Name != "b.x" {
		t.Error("the caller's list was sorted")
	}
	given[0], given[1] = permission.Permission{}, permission.Permission{}
	if got := c.Permissions(); len(got) != 2 || got[0].Name != "a.x" || got[1].Name != "b.x" {
		t.Errorf("got %v", got)
	}
}

func TestSame(t *testing.T) {
	a, b := allow(t, "a.x", "GET /a"), allow(t, "b.x", "GET /b", "PUT /b")
	base := catalog(t, a, b)
	for _, test := range []struct {
		name  string
		other *permission.Catalog
		want  bool
	}{
		{"itself", base, true},
		{"the same", catalog(t, a, b), true},
		{"in another order", catalog(t, b, a), true},
		{"one less", catalog(t, a), false},
		{"one more", catalog(t, a, b, allow(t, "c.x", "GET /c")), false},
		{"another name", catalog(t, a, allow(t, "b.y", "GET /b", "PUT /b")), false},
		{"another mark", catalog(t, a, marked(t, permission.Read, "b.x", "GET /b", "PUT /b")), false},
		{"another path", catalog(t, a, allow(t, "b.x", "GET /b", "PUT /c")), false},
		{"another method", catalog(t, a, allow(t, "b.x", "GET /b", "POST /b")), false},
		{"operations moved from one to the other", catalog(t, allow(t, "a.x", "GET /a", "GET /b"), allow(t, "b.x", "PUT /b")), false},
		{"none", catalog(t), false},
	} {
		if got := base.Same(test.other); got != test.want || test.other.Same(base) != got {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	if !catalog(t).Same(catalog(t, []permission.Permission{}...)) {
		t.Error("two empty catalogs differ")
	}
}

func TestFindAndNames(t *testing.T) {
	c := catalog(t,
		allow(t, "article.find", "GET /api/articles", "GET /api/articles/{id}"),
		allow(t, "article.create", "POST /api/articles"),
		allow(t, "article.watch", "WEBSOCKET /api/articles/{id}"),
		allow(t, "article.peek", "HEAD /api/articles"),
	)
	for _, test := range []struct {
		method, path string
		want         []string
	}{
		{"GET", "/api/articles", []string{"article.find"}},
		// HEAD is GET without the body; GET is more than HEAD.
		{"HEAD", "/api/articles", []string{"article.find", "article.peek"}},
		{"HEAD", "/api/articles/42", []string{"article.find"}},
		{"POST", "/api/articles", []string{"article.create"}},
		{"OPTIONS", "/api/articles", nil},
		// A WebSocket is an operation of its own: GET does not open one.
		{"WEBSOCKET", "/api/articles/42", []string{"article.watch"}},
		{"WEBSOCKET", "/api/articles", nil},
		{"get", "/api/articles", nil},
		{"", "/api/articles", nil},
		// Security rule 3: grants match case-sensitively.
		{"GET", "/API/articles", nil},
		{"GET", "/api/articles/", nil},
		{"GET", "/api/articles/42/", nil},
		{"GET", "/api/articles/42/comments", nil},
		{"GET", "/api", nil},
		{"GET", "/", nil},
	} {
		m := c.Find(test.method, test.path)
		if got := c.Names(m); !slices.Equal(got, test.want) || m.Method != test.method || m.Path != test.path {
			t.Errorf("%s %s: got %v as %s %s, want %v", test.method, test.path, got, m.Method, m.Path, test.want)
		}
	}
	if got := namesOf(catalog(t), "GET", "/"); len(got) != 0 {
		t.Errorf("an empty catalog finds %v", got)
	}
}

// Security rule 7: read-only is GET, HEAD and OPTIONS, plus what is marked read, minus
// what is marked write.
func TestReadOnly(t *testing.T) {
	c := catalog(t,
		allow(t, "article.find", "GET /articles"),
		allow(t, "article.create", "POST /articles"),
		allow(t, "live.open", "WEBSOCKET /live"),
		allow(t, "new.query", "QUERY /articles"),
		marked(t, permission.Read, "search.run", "POST /search", "POST /both", "WEBSOCKET /events"),
		marked(t, permission.Write, "old.delete", "GET /delete", "GET /purge/{id}", "GET /admin/*", "POST /both"),
		marked(t, permission.Write, "odd.head", "HEAD /headonly"),
	)
	for _, test := range []struct {
		operation string
		want      bool
	}{
		{"GET /articles", true},
		{"HEAD /articles", true},
		{"OPTIONS /articles", true},
		{"GET /named/nowhere", true},
		{"POST /articles", false},
		{"PUT /named/nowhere", false},
		{"DELETE /articles", false},
		{"PATCH /articles", false},
		{"TRACE /articles", false},
		{"CONNECT /articles", false},
		{"PROPFIND /articles", false},
		{"QUERY /articles", false},
		{"get /articles", false},
		{" /articles", false},
		{"WEBSOCKET /live", false},
		{"WEBSOCKET /events", true},
		{"WEBSOCKET /articles", false},
		{"POST /search", true},
		{"PUT /search", false},
		// Reading is given to what matches exactly, and to nothing like it.
		{"POST /Search", false},
		{"POST /search/", false},
		{"POST /search.json", false},
		// Marked both: keeping away wins.
		{"POST /both", false},
		// Marked write: kept from read-only tokens in every spelling.
		{"GET /delete", false},
		{"HEAD /delete", false},
		{"GET /DELETE", false},
		{"GET /Delete/", false},
		{"HEAD /dElete/", false},
		{"GET /delete.json", false},
		{"GET /DELETE.JSON/", false},
		{"GET /delete.", false},
		{"GET /delete.tar.gz", false},
		{"GET /purge/42", false},
		{"GET /PURGE/42.xml", false},
		{"GET /purge/4.2/", false},
		{"GET /admin/x", false},
		{"GET /Admin/x/y/", false},
		{"GET /ADMIN/", false},
		{"GET /delete ", false},
		{"GET /delete./", false},
		{"HEAD /headonly", false},
		// There are servers that go by the path alone.
		{"OPTIONS /delete", false},
		{"OPTIONS /ADMIN/x", false},
		// Windows drops a dot at the end of any segment, others normalise letters.
		{"GET /admin./x", false},
		{"GET /admin /x", false},
		{"GET /\uff44\u212flete", false},
		// And no more than that.
		{"GET /deleted", true},
		{"GET /delete/x", true},
		{"GET /purge", true},
		{"GET /purge/", true},
		{"GET /purge/4/2", true},
		{"GET /admin", true},
		{"GET /x/delete", true},
		{"GET /headonly", true},
		{"GET /" + strings.Repeat(".", 32), true}, // of which each beginning is looked up
		{"GET /" + strings.Repeat(".", 33), false},
	} {
		method, path, _ := strings.Cut(test.operation, " ")
		if got := c.Reads(c.Find(method, path)); got != test.want {
			t.Errorf("%s: got %v, want %v", test.operation, got, test.want)
		}
	}
}

func TestWriteMarksHoldForEverySpelling(t *testing.T) {
	for _, test := range []struct {
		name, marked, request string
		want                  bool
	}{
		{"a suffix behind a dot", "GET /export.v2", "/export.v2.json", false},
		{"two suffixes behind a dot", "GET /export.v2", "/Export.V2.tar.gz", false},
		{"the suffix itself is marked", "GET /delete.php", "/DELETE.PHP", false},
		{"another suffix", "GET /delete.php", "/delete.jsp", true},
		{"the pattern's own trailing slash", "GET /delete/", "/delete", false},
		{"both trailing slashes", "GET /delete/", "/Delete/", false},
		{"a suffix for a trailing slash", "GET /delete/", "/delete.json", false},
		{"upper case in the pattern", "GET /DeleteAll", "/deleteall", false},
		{"an accent", "GET /LÖSCHEN", "/löschen", false},
		{"Greek with a final sigma", "GET /διαγραφής", "/ΔΙΑΓΡΑΦΉΣ", false},
		{"a Kelvin sign", "GET /kill", "/\u212aill", false},
		{"a long s", "GET /set", "/\u017fet", false},
		{"a dotless i", "GET /wipe", "/w\u0131pe", false},
		{"root", "GET /", "/", false},
		{"everything", "GET /*", "/", false},
		{"everything, below", "GET /*", "/any/thing", false},
		// What the pattern says letter for letter is marked, whatever it ends in.
		{"a capture that is a blank", "GET /run/{task}", "/run/ ", false},
		{"a capture of a blank and a dot", "GET /run/{task}", "/run/ .", false},
		{"a blank and a slash", "GET /run/{task}", "/run/ /", false},
		{"a literal that ends in a dot", "GET /stop.", "/stop.", false},
		{"many blanks", "GET /stop", "/stop" + strings.Repeat(" ", 40), false},
		// An attack on the time that a decision takes: thousands of dots to try.
		{"as many dots as are tried", "GET /delete", "/x" + strings.Repeat(".y", 32), true},
		{"more dots than are tried", "GET /delete", "/x" + strings.Repeat(".y", 33), false},
		{"a literal behind the first of many dots", "GET /a.b.c", "/A.b.C" + strings.Repeat(".x", 20), false},
		{"a hidden file", "GET /{x}", "/.x", false},
		{"a hidden file of an empty name", "GET /a/", "/a/.json", true},
	} {
		c := catalog(t, marked(t, permission.Write, "x.y", test.marked))
		if got := c.Reads(c.Find("GET", test.request)); got != test.want {
			t.Errorf("%s: %s, %s is readable: got %v, want %v", test.name, test.marked, test.request, got, test.want)
		}
	}
}

// An attack: a read-only token, a GET that deletes, and a backend that reads
// paths leniently.
func TestNoSpellingGetsAroundAWriteMark(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pattern, path strings.Builder
		n := rapid.IntRange(1, 4).Draw(t, "segments")
		for i := range n {
			segment := rapid.SampledFrom([]string{"a", "Bc", "d.e", "{x}", "Äß", "v1.0"}).Draw(t, "segment")
			if segment == "{x}" {
				pattern.WriteString("/{x" + string(rune('0'+i)) + "}")
				segment = rapid.SampledFrom([]string{"1", "x.y", "Z"}).Draw(t, "value")
			} else {
				pattern.WriteString("/" + segment)
			}
			path.WriteString("/" + segment)
		}
		if rapid.Bool().Draw(t, "tail") {
			pattern.WriteString("/*")
			path.WriteString("/q.r")
		} else if rapid.Bool().Draw(t, "slash in the pattern") {
			pattern.WriteString("/")
		}
		spelled := path.String()
		for range rapid.IntRange(0, 2).Draw(t, "suffixes") {
			spelled += rapid.SampledFrom([]string{".json", ".x", "."}).Draw(t, "suffix")
		}
		letters := []rune(spelled)
		for i, r := range letters {
			if rapid.Bool().Draw(t, "upper") {
				letters[i] = []rune(strings.ToUpper(string(r)))[0]
			}
		}
		spelled = string(letters)
		if rapid.Bool().Draw(t, "slash") {
			spelled += "/"
		}
		c := catalog(t, permission.Permission{Name: "x.y", Mark: permission.Write, Operations: operations(t, "GET "+pattern.String())})
		method := rapid.SampledFrom([]string{"GET", "HEAD"}).Draw(t, "method")
		if c.Reads(c.Find(method, spelled)) {
			t.Fatalf("marked is %s; %s %s is readable", pattern.String(), method, spelled)
		}
	})
}

func TestForResource(t *testing.T) {
	want := map[string][]string{
		"article.find":     {"GET /api/articles"},
		"article.find_one": {"GET /api/articles/{id}"},
		"article.create":   {"POST /api/articles"},
		"article.update":   {"PUT /api/articles/{id}", "PATCH /api/articles/{id}"},
		"article.delete":   {"DELETE /api/articles/{id}"},
	}
	for _, path := range []string{"/api/articles", "/api/articles/"} {
		permissions, err := permission.ForResource("article", path, false)
		if err != nil {
			t.Fatal(err)
		}
		got := operationsOf(permissions)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v", path, got)
		}
		catalog(t, permissions...)
	}
	for _, test := range []struct{ name, path string }{
		{"", "/a"},
		{"a.b", "/a"},
		{"a b", "/a"},
		{"a*", "/a"},
		{"é", "/a"},
		{"a\n", "/a"},
		{"a", ""},
		{"a", "/"},
		{"a", "a"},
		{"a", "/a//"},
		{"a", "/a/../b"},
		{"a", "/a/*"},
		{"a", "/{id}"},
		{"a", "/a?b"},
	} {
		if got, err := permission.ForResource(test.name, test.path, false); err == nil || got != nil {
			t.Errorf("%q, %q: got %v, %v", test.name, test.path, got, err)
		}
	}
}

// There is one of a single type, so it has no id; PUT makes it.
func TestForSingle(t *testing.T) {
	permissions, err := permission.ForSingle("homepage", "/api/homepage", true)
	if err != nil {
		t.Fatal(err)
	}
	got := operationsOf(permissions)
	want := map[string][]string{
		"homepage.find":   {"GET /api/homepage", "query homepage"},
		"homepage.update": {"PUT /api/homepage", "PATCH /api/homepage", "mutation updateHomepage"},
		"homepage.delete": {"DELETE /api/homepage", "mutation deleteHomepage"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	catalog(t, permissions...)
	if _, err := permission.ForSingle("homepage", "/", false); err == nil {
		t.Error("a path that is everything was taken")
	}
}

// operationsOf returns the operations of permissions by their names.
func operationsOf(permissions []permission.Permission) map[string][]string {
	texts := map[string][]string{}
	for _, p := range permissions {
		for _, op := range p.Operations {
			texts[p.Name] = append(texts[p.Name], op.String())
		}
	}
	return texts
}
