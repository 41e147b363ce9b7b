package permission_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
)

func shop(t tb) *permission.Catalog {
	t.Helper()
	return catalog(t,
		allow(t, "article.find", "GET /articles", "GET /articles/{id}"),
		allow(t, "article.create", "POST /articles"),
		allow(t, "article.comment.create", "POST /articles/{id}/comments"),
		allow(t, "articles-old.find", "GET /old/articles"),
		allow(t, "user.find", "GET /users", "GET /users/{id}"),
		allow(t, "all.read", "GET /*"),
	)
}

func TestAllow(t *testing.T) {
	c := shop(t)
	for _, test := range []struct {
		name    string
		grants  []string
		yes, no []string
	}{
		{"none", nil, nil, []string{"GET /", "GET /articles"}},
		{"a permission", []string{"article.find"}, []string{"GET /articles", "HEAD /articles", "GET /articles/1"}, []string{"POST /articles", "GET /users", "GET /articles/1/comments", "OPTIONS /articles", "WEBSOCKET /articles"}},
		{"a resource", []string{"article.*"}, []string{"GET /articles", "POST /articles", "POST /articles/1/comments"}, []string{"GET /users", "GET /old/articles", "DELETE /articles/1"}},
		{"a permission over everything", []string{"all.read"}, []string{"GET /", "GET /users/1", "HEAD /x/y/"}, []string{"POST /articles"}},
		{"an operation", []string{"DELETE /articles/{id}"}, []string{"DELETE /articles/1"}, []string{"DELETE /articles", "DELETE /articles/", "DELETE /articles/1/", "GET /articles/1", "DELETE /Articles/1"}},
		{"an operation that the catalog has too", []string{"GET /articles"}, []string{"GET /articles", "HEAD /articles"}, []string{"GET /articles/1"}},
		{"an operation over everything", []string{"PUT /*"}, []string{"PUT /", "PUT /a/b/"}, []string{"POST /", "GET /"}},
		{"two, added up", []string{"article.find", "POST /users"}, []string{"GET /articles", "POST /users"}, []string{"POST /articles", "GET /users"}},
		{"a permission that is gone", []string{"article.destroy"}, nil, []string{"GET /articles", "DELETE /articles/1"}},
		{"a resource that is gone", []string{"invoice.*"}, nil, []string{"GET /articles", "GET /invoice"}},
		{"gone, and one that is not", []string{"article.destroy", "user.find", "invoice.*"}, []string{"GET /users"}, []string{"GET /articles"}},
		{"the beginning of a name", []string{"article.f"}, nil, []string{"GET /articles"}},
		{"the beginning of a resource", []string{"art.*"}, nil, []string{"GET /articles"}},
		{"another case", []string{"Article.find", "ARTICLE.*"}, nil, []string{"GET /articles"}},
		{"a name with a dot more", []string{"article.comment"}, nil, []string{"POST /articles/1/comments"}},
	} {
		g, err := c.Compile(test.grants)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		for want, requests := range map[bool][]string{true: test.yes, false: test.no} {
			for _, request := range requests {
				method, path, _ := strings.Cut(request, " ")
				if got := g.Allow(c.Find(method, path)); got != want {
					t.Errorf("%s: %s is allowed: %v, want %v", test.name, request, got, want)
				}
			}
		}
	}
}

// Security rule 16: what can't be understood makes the token unusable; it is never taken
// for the part of it that can.
func TestCompileRefusesMalformedGrants(t *testing.T) {
	c := shop(t)
	for _, text := range []string{
		"", " ", "*", "*.*", "*.find", ".*", "article", "article.", "article.*.*", "article.comment.*", "article.**", "article.f*", " article.find",
		"article.find ", "article.find user.find", "article.find,user.find", "article.find\n", "GET", "/articles", "get /articles",
		"GET articles", "GET  /articles", "GET\t/articles", "TRACE /articles", "GET /articles/*/x", "GET /../x", "GET /a.b/{id", "* /*",
		"GET,POST /articles", "é.find", "article.find\x00",
	} {
		g, err := c.Compile([]string{"article.find", text})
		if err == nil || g != nil {
			t.Errorf("%q: got %v, %v", text, g, err)
		}
		if err := c.CheckGrant(text); err == nil {
			t.Errorf("%q passes CheckGrant", text)
		}
		m := c.Find("GET", "/articles")
		if got := c.Matching([]string{text}, m); len(got) != 0 {
			t.Errorf("%q matches", text)
		}
	}
}

func TestCheckGrantSuggests(t *testing.T) {
	c := shop(t)
	for _, text := range []string{"article.find", "article.*", "article.comment.create", "GET /anything/{id}", "POST /*", "GET /v1.0/x"} {
		if err := c.CheckGrant(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	many := make([]permission.Permission, 0, 20)
	for i := range 20 {
		many = append(many, allow(t, fmt.Sprintf("resource%02d.find", i), "GET /a"))
	}
	for _, test := range []struct {
		catalog *permission.Catalog
		text    string
		problem []string
	}{
		{c, "article.fnd", []string{"did you mean article.find?"}},
		{c, "articel.find", []string{"did you mean article.find?"}},
		{c, "artcle.*", []string{"did you mean article.*?"}},
		{c, "users.find", []string{"did you mean user.find?"}},
		{c, "article.Find", []string{"did you mean article.find?"}},
		{c, "invoice.pay-all", []string{"there are all.read, article.comment.create,", "user.find"}},
		{c, "get /articles", []string{"write GET"}},
		{catalog(t), "article.find", []string{"names none", "write the operation out"}},
		{catalog(t, many...), "quite.another-thing", []string{"resource00.find", "resource11.find, …"}},
	} {
		err := test.catalog.CheckGrant(test.text)
		for _, part := range test.problem {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: got the error %v; want one that says %q", test.text, err, part)
			}
		}
	}
	if err := catalog(t, many...).CheckGrant("quite.another-thing"); strings.Contains(err.Error(), "resource12") {
		t.Errorf("too long a list: %v", err)
	}
}

func TestMatchingKeepsOrderAndLeavesTheListAlone(t *testing.T) {
	c := shop(t)
	grants := []string{"user.find", "GET /articles/{id}", "article.*", "broken", "GET /*", "article.find", "article.gone"}
	before := slices.Clone(grants)
	got := c.Matching(grants, c.Find("GET", "/articles/1"))
	if want := []string{"GET /articles/{id}", "article.*", "GET /*", "article.find"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !slices.Equal(grants, before) {
		t.Errorf("the caller's list is %q now", grants)
	}
}

// A request whose path was refused has none; it must not panic, nor be allowed.
func TestNothingAllowsAMatchWithoutPath(t *testing.T) {
	c := shop(t)
	g, err := c.Compile([]string{"all.read", "GET /", "GET /*"})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []permission.Match{{}, {Method: "GET"}, c.Find("GET", "")} {
		if g.Allow(m) || len(c.Names(m)) != 0 || len(c.Matching([]string{"GET /*", "all.*"}, m)) != 0 {
			t.Errorf("%+v is allowed", m)
		}
		catalog(t, marked(t, permission.Write, "x.y", "GET /*")).Reads(permission.Match{Method: m.Method})
	}
}

// Grants are bits: the ones beyond the first 64 permissions, and beside them.
func TestAllowAcrossManyPermissions(t *testing.T) {
	var permissions []permission.Permission
	for i := range 200 {
		permissions = append(permissions, allow(t, fmt.Sprintf("r%03d.find", i), fmt.Sprintf("GET /r%03d", i)))
	}
	c := catalog(t, permissions...)
	for granted := range permissions {
		g, err := c.Compile([]string{permissions[granted].Name})
		if err != nil {
			t.Fatal(err)
		}
		for i := range permissions {
			if got := g.Allow(c.Find("GET", fmt.Sprintf("/r%03d", i))); got != (i == granted) {
				t.Fatalf("granted %d: %d is allowed: %v", granted, i, got)
			}
		}
	}
}

// What allows a request is named as it counts: the most specific permission that
// was granted before any grant written out, and of these the most specific.
func TestBy(t *testing.T) {
	c := shop(t)
	for _, test := range []struct {
		grants        []string
		request, want string
	}{
		{[]string{"article.find"}, "GET /articles/1", "article.find"},
		{[]string{"GET /articles", "article.find"}, "GET /articles", "article.find"},
		{[]string{"all.read", "article.find"}, "GET /articles", "article.find"},
		{[]string{"all.read", "GET /articles"}, "HEAD /articles", "all.read"},
		{[]string{"article.*"}, "POST /articles/1/comments", "article.comment.create"},
		{[]string{"PUT /*", "article.find", "PUT /articles/{id}"}, "PUT /articles/1", "PUT /articles/{id}"},
		{[]string{"no.longer", "PUT /*"}, "PUT /", "PUT /*"},
		{[]string{"article.find"}, "PUT /", ""},
		{nil, "GET /articles", ""},
	} {
		g, err := c.Compile(test.grants)
		if err != nil {
			t.Fatal(err)
		}
		method, path, _ := strings.Cut(test.request, " ")
		if by, ok := g.By(c.Find(method, path)); by != test.want || ok != (test.want != "") {
			t.Errorf("%s with %q: by %q, %v; want %q", test.request, test.grants, by, ok, test.want)
		}
	}
}
