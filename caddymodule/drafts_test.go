package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// As with kintone's "Update App": to clients a draft is unknown, and what is drafted of a
// token they have changes nothing, until the API is updated. Then it holds with the next
// request, whatever the gateway has in memory.
func TestDraftsAtTheGate(t *testing.T) {
	b := startBackend(t, "")
	g := newKintone(t, b, "\n\t\tchanges staged")
	service, ctx := g.manage(), t.Context()
	made, secret, err := service.Create(ctx, operator, admin.NewToken{
		API: "articles", Name: "drafted", Type: token.Custom, Duration: "30d", Owner: "ann", Grants: []string{"record.view app=9"},
	})
	if err != nil || made.Draft != token.DraftCreate {
		t.Fatalf("got %+v, %v", made, err)
	}
	if _, err := service.Update(ctx, operator, g.tokens["viewer"].id, admin.Edit{Grants: &[]string{"record.view app=10"}}); err != nil {
		t.Fatal(err)
	}
	ask := func(app string, status int, code string, secrets ...string) {
		t.Helper()
		for range 2 { // the second comes from the cache
			a := g.ask("GET", "/k/v1/record.json?app="+app, "X-Cybozu-API-Token: "+strings.Join(secrets, ","))
			if a.status != status || code != "" && !strings.Contains(a.body, `"`+code+`"`) {
				t.Errorf("app %s: got %v; want %d %s", app, a, status, code)
			}
		}
	}
	viewer, eight := g.tokens["viewer"].secret, g.tokens["eight"].secret
	ask("9", http.StatusBadRequest, "GAIA_IA02", secret.Reveal())
	ask("8", http.StatusBadRequest, "GAIA_IA02", eight, secret.Reveal())
	ask("8", http.StatusOK, "", eight)
	ask("7", http.StatusOK, "", viewer)
	ask("10", http.StatusForbidden, "GAIA_NO01", viewer)

	drafts, err := service.Drafts(ctx, operator, "articles", 0)
	if err != nil || len(drafts.Drafts) != 2 || !drafts.Staged {
		t.Fatalf("got %+v, %v", drafts, err)
	}
	if _, err := service.UpdateAPI(ctx, operator, "articles", drafts.Seen); err != nil {
		t.Fatal(err)
	}
	ask("9", http.StatusOK, "", secret.Reveal())
	ask("9", http.StatusOK, "", eight, secret.Reveal())
	ask("7", http.StatusForbidden, "GAIA_NO01", viewer)
	ask("10", http.StatusOK, "", viewer)
	for _, got := range b.take() {
		if findSecret(got.raw, g.tokens) != "" || strings.Contains(got.raw, secret.Reveal()) {
			t.Errorf("the backend got a secret: %q", got.raw)
		}
	}
}

// The store knows whether an API is staged, also when nothing else about it changes.
func TestStagedIsWrittenToTheStore(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), nil)
	const staged = "api_tokens articles {\n\t\tchanges staged"
	for _, want := range []bool{true, false} {
		site := articlesSite
		if want {
			site = strings.Replace(site, "api_tokens articles {", staged, 1)
		}
		g.mustLoad(site)
		catalogs, err := g.manage().Catalogs(t.Context(), operator)
		if err != nil || catalogs[0].API != "articles" || catalogs[0].Staged != want {
			t.Errorf("got %+v, %v; want staged %v", catalogs, err, want)
		}
	}
	second := strings.Replace(articlesSite, "http://GATE", "http://other.test"+anyHost(g.addr), 1)
	err := g.load(articlesSite + strings.Replace(second, "api_tokens articles {", staged, 1))
	if err == nil || !strings.Contains(err.Error(), `API "articles" is configured twice, with changes staged and without`) {
		t.Errorf("two sites that say something else: %v", err)
	}
}
