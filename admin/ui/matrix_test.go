package ui_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// How an operation is written is shown as the API has them.
func TestOperationsAreShownAsTheAPIHasThem(t *testing.T) {
	f := newSite(t)
	b := f.as(t, "member")
	of := func(operations ...string) []permission.Permission {
		p := permission.Permission{Name: "article.find"}
		for _, text := range operations {
			op, err := permission.ParseOperation(text)
			if err != nil {
				t.Fatal(err)
			}
			p.Operations = append(p.Operations, op)
		}
		return []permission.Permission{p}
	}
	const path, field = "GET /api/articles/{id}", "query articles"
	for _, test := range []struct {
		permissions []permission.Permission
		graphQL     string
		want        string
	}{
		{of("GET /a"), "", path},
		{of("GET /a", "query a"), "/graphql", path},
		{of("query a"), "/graphql", field},
		{of("query a"), "", field},
		{nil, "/graphql", field},
		{nil, "", path},
	} {
		f.change(t, store.Catalog{API: "articles", Permissions: test.permissions})
		f.place.GraphQL = test.graphQL
		b.get("/tokens/new?api=articles").saysAll().is(http.StatusOK, `placeholder="`+test.want+`"`)
	}
}

// Who grants something sees what it does not work without.
func TestRequiredPermissionsAreNamed(t *testing.T) {
	f := newSite(t)
	op, err := permission.ParseOperation("PUT /api/articles/{id}")
	if err != nil {
		t.Fatal(err)
	}
	find := permission.Permission{Name: "article.find", Operations: []permission.Operation{op}}
	update := permission.Permission{Name: "article.update", Operations: []permission.Operation{op}, Requires: []string{"article.find", "article.create if json:upsert"}}
	create := permission.Permission{Name: "article.create", Operations: []permission.Operation{op}}
	f.change(t, store.Catalog{API: "articles", Permissions: []permission.Permission{find, update, create}})
	made := f.token(t, "ci", "member", func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, []string{"article.update"} })
	b := f.as(t, "member")
	for _, path := range []string{"/tokens/" + made.ID, "/tokens/" + made.ID + "/edit", "/tokens/new?api=articles", "/apis/articles"} {
		b.get(path).is(http.StatusOK, "also needs article.find, article.create if the request has upsert")
	}

	// Without that, the token can do nothing.
	const lacks = "needs article.find, which the token lacks: these requests are refused"
	b.get("/tokens/"+made.ID).is(http.StatusOK, lacks)
	held := f.token(t, "held", "member", custom("article.update id=7", "article.find id=8"))
	b.get("/tokens/"+held.ID).is(http.StatusOK, lacks)
	for grants, lacked := range map[string]bool{"article.update": true, "article.update\narticle.find": false, "article.*": false} {
		page := b.post("/tokens", "api", "articles", "name", strings.ReplaceAll(grants, "\n", " "), "type", "custom", "duration", "7d", "written", grants).is(http.StatusOK)
		if says := "The token lacks article.find, without which all requests of article.update are refused."; strings.Contains(page.text, says) != lacked {
			t.Errorf("%q: that something is lacking is said: %v", grants, !lacked)
		}
		id := f.tokens(t)[strings.ReplaceAll(grants, "\n", " ")].ID
		if page = b.get("/tokens/" + id); strings.Contains(page.text, lacks) != lacked {
			t.Errorf("%q: the token's page says that something is lacking: %v", grants, !lacked)
		}
	}
}

// A permission of kintone's has four hundred operations: the form went on for many
// screens between the first tick and the button.
func TestManyOperationsAreFolded(t *testing.T) {
	f := newSite(t)
	permissions, err := permission.ForKintone()
	if err != nil {
		t.Fatal(err)
	}
	f.change(t, store.Catalog{API: "kintone", Permissions: permissions})
	b := f.as(t, "owner")
	operations := regexp.MustCompile(`<li>(GET|POST|PUT|DELETE) /|<code class="operation">`)
	for _, path := range []string{"/tokens/new?api=kintone", "/apis/kintone"} {
		page := b.get(path)
		shown := regexp.MustCompile(`(?s)<details>.*?</details>`).ReplaceAllString(page.text, "")
		all, seen := len(operations.FindAllString(page.text, -1)), len(operations.FindAllString(shown, -1))
		if page.status != http.StatusOK || all < 400 || seen == 0 || seen > 80 || !strings.Contains(page.plain(), "more") {
			t.Errorf("%s: %d, %d operations, of which %d are seen at once", path, page.status, all, seen)
		}
	}
}
