package ui_test

import (
	"html"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin/ui"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

func TestSecretWithoutAddress(t *testing.T) {
	f := newSite(t)
	b := f.as(t, "owner")
	b.post("/tokens", "api", "orders", "name", "one", "type", "custom", "duration", "7d", "grant", "article.update").saysAll().
		is(http.StatusOK, "doesn't know where the API is", "These lines change something", "The body stands for",
			`curl -X PATCH -H "Authorization: Bearer trv_`, ` -H "Content-Type: application/json" -d "{}" "https://api.example.com/api/articles/1"`)
	f.place = ui.Place{Address: "http://localhost:8080", AnyHost: true, Query: "key"}
	b.post("/tokens", "api", "orders", "name", "two", "type", "custom", "duration", "7d", "written", "query articles").saysAll().
		is(http.StatusOK, "in the place of PATH", `curl -X POST -H "Content-Type: application/json" -d '{"query":"{ __typename }"}' "http://127.0.0.1:8080/PATH?key=trv_`)
	f.place.GraphQL = "/graphql"
	b.post("/tokens", "api", "orders", "name", "graph", "type", "custom", "duration", "7d", "written", "query articles").saysAll().
		is(http.StatusOK, `"http://127.0.0.1:8080/graphql?key=trv_`).lacks("PATH", "These lines", "The body stands for")
	b.post("/tokens", "api", "orders", "name", "three", "type", "custom", "duration", "7d", "grant", "article.delete").saysAll().
		is(http.StatusOK, `<p class="warning">These lines delete.`, `curl -X DELETE "`).lacks("The body stands for", "These lines change")
}

// Of what a token may do, the lines do what is the least to mind.
func TestSecretDoesTheLeast(t *testing.T) {
	f := newSite(t)
	f.place = ui.Place{Address: "https://api.example.com", Header: "X-Key"}
	b := f.as(t, "owner")
	for i, test := range []struct{ granted, line, says, not string }{
		{"DELETE /a\nPOST /b\nGET /c/{id}", `curl -H "X-Key: trv_`, "", "These lines"},
		{"DELETE /a\nPUT /b", "curl -X PUT ", "These lines change", "These lines delete"},
		{"PUT /b\nPATCH /b", "curl -X PATCH ", "The body stands for", "These lines delete"},
		{"PATCH /b\nPOST /b/{id}", "curl -X POST ", "The body stands for", "These lines delete"},
		{"POST /b\nHEAD /c/{id}", "curl -I ", "", "These lines"},
		{"DELETE /a\nDELETE /a/{id}", "https://api.example.com/a/1", "These lines delete", "These lines change"},
		{"DELETE /a\nPURGE /a", "curl -X PURGE ", "These lines change", "The body stands for"},
	} {
		b.post("/tokens", "api", "articles", "name", strconv.Itoa(i), "type", "custom", "duration", "7d", "written", test.granted).
			is(http.StatusOK, test.line, test.says).lacks(test.not)
	}
}

// The lines for a token that is held to values have these, wherever they belong: as they
// are, the gate lets them in.
func TestSecretOfHeldTokens(t *testing.T) {
	f := newSite(t)
	permissions, err := permission.ForKintone()
	if err != nil {
		t.Fatal(err)
	}
	tenant := permission.Permission{Name: "tenant.list", Requires: []string{"tenant.see"}}
	see := permission.Permission{Name: "tenant.see"}
	for p, text := range map[*permission.Permission]string{&tenant: "GET /orgs/{org}/items?page={page}&org={again}", &see: "HEAD /orgs/{org}/items"} {
		op, err := permission.ParseOperation(text)
		if err != nil {
			t.Fatal(err)
		}
		p.Operations = append(p.Operations, op)
	}
	f.change(t, store.Catalog{API: "kintone", Permissions: append(permissions, tenant, see)})
	f.place = ui.Place{Address: "https://api.example.com", Query: "key"}
	b := f.as(t, "owner")
	for grants, line := range map[string]string{
		"record.view app=7\nrecord.add app=7":            `curl "https://api.example.com/k/v1/app.json?id=7&key=trv_`,
		"record.delete app=7":                            `curl -X DELETE -H "Content-Type: application/json" -d '{"app":7}' "https://api.example.com/k/v1/records.json?key=trv_`,
		"POST /k/v1/record.json json:app={app} app=7":    `-d '{"app":7}' "https://api.example.com/k/v1/record.json?key=trv_`,
		"POST /k/v1/record.json json:app={app} app=a%22": `-d '{"app":"a\""}' "https://api`,
		"POST /k/v1/record.json json:app={app}":          `-d '{"app":1}' "https://api`,
		"tenant.list org=a%20b\ntenant.see":              `curl 'https://api.example.com/orgs/a%20b/items?page=1&org=1&key=trv_`,
		"tenant.list org=acme":                           `https://api.example.com/PATH?key=trv_`, // without what it requires
	} {
		page := b.post("/tokens", "api", "kintone", "name", strings.NewReplacer("\n", " ").Replace(grants), "type", "custom", "duration", "7d", "written", grants).saysAll()
		if text := html.UnescapeString(page.text); page.status != http.StatusOK || !strings.Contains(text, line) {
			t.Errorf("%s: %d, no %s in %s", grants, page.status, line, text)
		}
	}
}
