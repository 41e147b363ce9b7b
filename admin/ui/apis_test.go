package ui_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

// gateway says that a gateway protects an API, with these permissions.
func (f *site) gateway(t *testing.T, name, api string, permissions []permission.Permission) {
	t.Helper()
	fingerprint, err := permission.Fingerprint(permissions)
	if err != nil {
		t.Fatal(err)
	}
	err = f.store.SaveGateway(t.Context(), name+api, []store.Gateway{{
		API: api, Name: name, Version: "1.2.3", Fingerprint: fingerprint, Started: f.now().Add(-time.Hour),
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPIs(t *testing.T) {
	f := newSite(t)
	f.saveShop(t)
	permissions, err := permission.ForResource("article", "/api/articles", false)
	if err != nil {
		t.Fatal(err)
	}
	f.gateway(t, "east", "articles", permissions)
	f.gateway(t, "west", "articles", permissions[1:])
	f.gateway(t, "north", "orders", permissions)
	f.token(t, "ci", "member", nil)
	f.token(t, "site", "manager", nil)

	list := f.as(t, "owner").get("/apis").saysAll().is(http.StatusOK,
		"articles 2 running permissions differ", "orders 1 running", "shop none heard of", "5 2 tokens", "3 0 tokens", `href="/tokens?api=articles"`)
	list.lacks("Caddyfile")
	f.as(t, "member").get("/apis").is(http.StatusOK, "5 1 token")

	b := f.as(t, "member")
	b.get("/apis/articles").saysAll().is(http.StatusOK,
		"east running as shown here", "west running others", "1.2.3", "1 hour ago", "Not all gateways", "5 permissions",
		"find GET /api/articles", "update PUT /api/articles/{id} PATCH /api/articles/{id}", `href="/tokens/new?api=articles"`)
	b.get("/apis/orders").is(http.StatusOK, "north running as shown here").lacks("Not all gateways")
	b.get("/apis/shop").saysAll().is(http.StatusOK, "No gateway has been heard of", "run counts as reading POST /search", "mutation cancelOrder")
	b.get("/apis/"+admin.ManagementAPI).saysAll().is(http.StatusOK, "The API of Tokenreeve itself", "POST /api/v1/tokens")
	b.get("/apis/nothing").is(http.StatusNotFound)
	f.as(t, "auditor").get("/apis/articles").is(http.StatusOK).lacks("Make a token")
}

func TestNoAPIs(t *testing.T) {
	f := newSite(t)
	f.execute(t, `DELETE FROM catalogs WHERE api <> ?`, admin.ManagementAPI)
	f.as(t, "owner").get("/apis").saysAll().is(http.StatusOK, "Protect a first API", "api_tokens articles {", "resource article /api/articles")
	f.saveAPI(t, "plain")
	f.as(t, "owner").get("/apis/plain").saysAll().is(http.StatusOK, "0 permissions", "This API names no permissions", "api_tokens plain {")
}
