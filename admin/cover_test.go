package admin

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
)

func articleCatalog(t *testing.T) *permission.Catalog {
	t.Helper()
	permissions, err := permission.ForResource("article", "/api/articles", true)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := permission.NewCatalog(permissions)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

func TestCover(t *testing.T) {
	catalog := articleCatalog(t)
	for _, test := range []struct {
		list, grant string
		want        bool
	}{
		{"article.find", "article.find", true},
		{"article.find", "article.create", false},
		{"article.find", "article.*", false},
		{"article.*", "article.find", true},
		{"article.*", "article.*", true},
		{"article.*", "articles.find", false},
		{"article.*", "article.find x", false}, // can't be read
		{"article.find,article.find_one,article.create,article.update,article.delete", "article.*", false},
		{"GET /api/articles", "article.find", false}, // what it stands for can change
		{"article.find", "GET /api/articles", true},
		{"article.find", "HEAD /api/articles", true},
		{"article.find", "POST /api/articles", false},
		{"article.find_one", "GET /api/articles/{id}", true},
		{"article.find_one", "GET /api/articles/{other}", true},
		{"article.find_one", "GET /api/articles/42", true},
		{"article.find_one", "GET /api/articles/{id}/secret", false},
		{"article.find_one", "GET /api/articles/*", false},
		{"GET /api/articles/42", "GET /api/articles/{id}", false},
		{"GET /api/*", "GET /api/articles/{id}", true},
		{"GET /api/*", "GET /api/*", true},
		{"GET /api/*", "GET /api/articles/*", true},
		{"GET /api/*", "GET /api", false},
		{"GET /api/*", "GET /*", false},
		{"GET /*", "GET /api/*", true},
		{"GET /*", "GET /", true},
		{"GET /api/{a}", "GET /api/*", false},
		{"GET /api/{a},GET /api/{a}/{b}/*", "GET /api/*", false},                           // but for two segments
		{"GET /api/{a},GET /api/{a}/,GET /api/{a}/{b},GET /api/{a}/*", "GET /api/*", true}, // together
		{"GET /api/a%62", "GET /api/ab", true},
		{"GET /api/{id}", "GET /api/%7Bid%7D", true},
		{"GET /api/%7Bid%7D", "GET /api/{id}", false},
		{"query *", "query articles", true},
		{"query *", "query *", true},
		{"query *", "query __schema", false},
		{"query articles", "query *", false},
		{"article.find", "query articles", true},
		{"article.find", "mutation articles", false},
		{"mutation *", "query articles", false},
		{"nonsense", "GET /api/articles", false},
		{"nonsense,GET /*", "GET /api/articles", false}, // in doubt, no
		{"gone.find", "gone.find", true},
		{"gone.find", "gone.create", false},
		{"", "article.find", false},
		{"article.find", "article.find app=7", true},
		{"article.*", "article.find app=7", true},
		{"article.*", "article.* app=7", true},
		{"article.* app=7", "article.find app=7", true},
		{"article.find app=7", "article.find app=7 space=3", true},
		{"article.find space=3 app=7", "article.find app=7 space=3", true},
		{"article.find app=7", "article.find", false},
		{"article.find app=7", "article.* app=7", false},
		{"article.find app=7", "article.find app=8", false},
		{"article.find app=7 space=3", "article.find app=7", false},
		{"article.find app=7", "article.create app=7", false},
		{"article.find app=7,article.find app=8", "article.find", false},
		{"GET /a", "GET /a?app={app}", true}, // which is less
		{"GET /a?app={app}", "GET /a", false},
		{"GET /a?app={app}", "GET /a?app={app} app=7", true},
		{"GET /a?app={app} app=7", "GET /a?app={app}", false},
		{"GET /a?app={app} app=7", "GET /a?app={app} app=7", true},
		{"GET /a?app={app}", "GET /a?id={app}", false},
		{"GET /o/{org}/*", "GET /o/{org}/* org=x", true},
		{"GET /o/{org}/* org=x", "GET /o/{org}/*", false},
		{"GET /o/{org}/* org=x", "GET /o/{org}/* org=y", false},
		{"GET /o/{org}/* org=%01", "GET /o/{org}/*", false}, // stands for nothing
	} {
		var list []string
		if test.list != "" {
			list = strings.Split(test.list, ",")
		}
		if got := newCover(catalog, list).has(test.grant, &steps{left: coverSteps}); got != test.want {
			t.Errorf("%q includes %q: %v", test.list, test.grant, got)
		}
	}
}

// An operation written out needs what its permissions require, as these do, so whoever
// has one of them includes it.
func TestCoverOfWhatRequires(t *testing.T) {
	var list []permission.Permission
	for _, p := range [][]string{
		{"thing.view", "GET /thing"}, {"thing.add", "POST /thing"}, {"thing.edit", "PUT /thing", "thing.view", "thing.add if json:force"}, {"thing.patch", "PATCH /thing", "thing.view"},
	} {
		op, err := permission.ParseOperation(p[1])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, permission.Permission{Name: p[0], Operations: []permission.Operation{op}, Requires: p[2:]})
	}
	catalog, err := permission.NewCatalog(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		list, grant string
		want        bool
	}{
		{"thing.edit", "PUT /thing", true},
		{"thing.view,thing.add", "PUT /thing", false},
		{"thing.edit,thing.view,thing.add", "PUT /thing", true},
		{"thing.*", "PUT /thing", true},
		{"PUT /thing", "PUT /thing", true},
		{"PUT /*", "PUT /thing", true},
		{"thing.patch", "PATCH /thing", true},
		{"thing.edit", "thing.edit", true}, // which needs them all the same
	} {
		if got := newCover(catalog, strings.Split(test.list, ",")).has(test.grant, &steps{left: coverSteps}); got != test.want {
			t.Errorf("%q includes %q: %v", test.list, test.grant, got)
		}
	}
}

// Whatever is said to be included allows no request that the list does not.
func TestCoverIsNeverTooMuch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	catalog, err := permission.NewCatalog(nil)
	if err != nil {
		t.Fatal(err)
	}
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	pattern := func() string {
		var b strings.Builder
		for i := range random.IntN(4) {
			b.WriteString(pick("/a", "/b", "/{"+string(rune('x'+i))+"}"))
		}
		return b.String() + pick("", "/", "/*")
	}
	grant := func() string { return pick("GET", "HEAD") + " /" + strings.TrimPrefix(pattern(), "/") }
	included := 0
	for range 20000 {
		list := []string{grant(), grant(), grant()}
		asked := grant()
		if !newCover(catalog, list).has(asked, &steps{left: coverSteps}) {
			continue
		}
		included++
		wide, errWide := catalog.Compile(list)
		narrow, errNarrow := catalog.Compile([]string{asked})
		if errWide != nil || errNarrow != nil {
			t.Fatal(errWide, errNarrow)
		}
		for range 30 {
			path := ""
			for range random.IntN(6) {
				path += pick("/a", "/b", "/c")
			}
			path += pick("", "/")
			if path == "" {
				path = "/"
			}
			m := catalog.Find(pick("GET", "HEAD"), path)
			if narrow.Allow(m) && !wide.Allow(m) {
				t.Fatalf("%q is said to include %q, but not for %s", list, asked, m)
			}
		}
	}
	if included < 1000 {
		t.Errorf("only %d of 20000 were included; that proves little", included)
	}
}
