package ui_test

import (
	"net/http"
	"testing"

	"github.com/tokenreeve/tokenreeve/store"
)

// Who is signed in keeps the menu where there is no page; a visitor has none.
func TestNoSuchPage(t *testing.T) {
	f := newSite(t)
	for _, path := range []string{"/nope", "/tokens//x", "/accounts/owner/nope"} {
		f.as(t, "owner").get(path).is(http.StatusNotFound, "<title>There is no such page", `href="/accounts"`)
		f.visitor(t).get(path).is(http.StatusNotFound, "<title>There is no such page").lacks(`href="/accounts"`)
	}
	f.as(t, "member").get("/accounts").is(http.StatusForbidden, "<title>You may not do this")
}

// Beside its field a problem begins with a capital; at the top its field is named
// first, unless it is a sentence of its own.
func TestProblemsInWords(t *testing.T) {
	f := newSite(t)
	b := f.as(t, "owner")
	b.post("/roles", "name", "x", "read", "own", "create", "all").is(http.StatusUnprocessableEntity, `id="create-problem">Reaches`, `<a href="#create">Create: reaches`)
	b.post("/account/password", "current", "wrong", "password", password+"!").
		is(http.StatusUnprocessableEntity, `<a href="#current">This is not your present password.</a>`, `id="current-problem">This is`)
	f.visitor(t).post("/sign-in", "name", "owner", "password", "wrong").
		is(http.StatusUnauthorized, `<a href="#password">The name or the password is wrong, or the account is disabled.</a>`)
}

// Before there is an account, the page to sign in says what to do.
func TestSignInBeforeSetUp(t *testing.T) {
	f := newSite(t)
	f.visitor(t).get("/sign-in").is(http.StatusOK).lacks("caddy api-tokens set-up")
	owner, err := f.Account(t.Context(), operator, "owner")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.DeleteAccount(t.Context(), owner.ID) }); err != nil {
		t.Fatal(err)
	}
	f.visitor(t).get("/sign-in").is(http.StatusOK, "caddy api-tokens set-up")
	f.visitor(t).post("/set-up", "link", "x", "name", "ann", "password", password).is(http.StatusUnprocessableEntity, "caddy api-tokens set-up")
}
