package ui_test

import (
	"net/http"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// team is the form of a role.
var team = []string{
	"description", "Their <i>own</i>", "read", "all", "create", "own", "update", "own", "delete", "none",
	"audit", "yes", "limit-apis", "only", "apis", "articles", "apis", "orders", "limit-types", "any", "grants", "article.find\r\n\r\n article.* \r\n",
}

func with(form []string, more ...string) []string {
	return append(append([]string{}, more...), form...)
}

func TestNewRole(t *testing.T) {
	f := newSite(t)
	b := f.as(t, "owner")
	b.get("/roles").saysAll().is(http.StatusOK, "Manages everybody's tokens", "everybody's", "manages")
	b.get("/roles/new").saysAll().is(http.StatusOK, `name="apis" value="orders"`, `name="read" value="own" checked`)
	b.post("/roles", with(team, "name", "No Team", "regenerate", "all", "limit-types", "only")...).saysAll().
		is(http.StatusUnprocessableEntity, "can't name a role", `value="No Team"`, "Their &lt;i&gt;own&lt;/i&gt;", `name="apis" value="orders" checked`,
			`name="create" value="own" checked`, "article.find\narticle.*", `id="audit" value="yes" checked`).
		lacks("<i>own")
	b.post("/roles", with(team, "name", "team", "limit-types", "only")...).
		is(http.StatusUnprocessableEntity, "choose at least one type, or no bounds", `name="limit-types" value="only" checked`)
	// Without an API, nobody can say which permissions there are.
	b.post("/roles", "name", "team", "read", "own", "limit-apis", "only", "limit-types", "any", "grants", "article.find").
		is(http.StatusUnprocessableEntity, "choose at least one API, or no bounds").lacks("no API is known", "empty list")
	b.post("/roles", with(team, "name", "owner")...).is(http.StatusUnprocessableEntity, "This role is built in. Choose another name.")
	b.post("/roles", with(team, "name", "team", "grants", "no.such")...).is(http.StatusUnprocessableEntity, `aria-invalid="true"`, "no.such")
	b.post("/roles", with(team, "name", "team")...).leads("/roles/team?notice=role-made")
	b.get("/roles/team").saysAll().is(http.StatusOK, "See everybody's tokens", "Create and change their own tokens", "Read the audit trail",
		"tokens of articles and orders", "the type custom", "the permissions article.find and article.*", "No account has this role")
	got, err := f.Role(t.Context(), operator, "team")
	if err != nil || got.Regenerate != store.None || got.Delete != store.None || got.Accounts || got.Ceiling.Types != nil || len(got.Ceiling.Grants) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	b.post("/roles", with(team, "name", "new")...).leads("/roles/New?notice=role-made")
	b.get("/roles/New").is(http.StatusOK, "Change the role")
}

func TestSmallerRoleTellsMightierTokensOfMembers(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{Name: "team", Read: store.Own, Create: store.Own})
	f.account(t, "ann", "team")
	f.account(t, "bob", "team")
	mighty := f.token(t, "mighty", "ann", func(d *admin.NewToken) { d.Type = token.FullAccess })
	f.token(t, "tiny token", "bob", nil)
	b := f.as(t, "owner")
	form := []string{"version", "1", "description", "new", "read", "own", "create", "own", "limit-types", "only", "types", "read-only"}
	b.post("/roles/team", form...).saysAll().is(http.StatusOK, "Nothing is saved yet", "mighty", `name="types" value="read-only"`).lacks("tiny token")
	if role, _ := f.Role(t.Context(), operator, "team"); role.Description != "" {
		t.Fatal("it is saved before anything was answered")
	}
	b.post("/roles/team", append(form, "back", "1")...).is(http.StatusOK, `value="new"`, `name="types" value="read-only" checked`, `name="version" value="1"`)
	b.post("/roles/team", append(form, "overreach", "disable")...).leads("/roles/team?notice=role-saved")
	if present, _ := f.Find(t.Context(), operator, "", mighty.ID); present.Enabled {
		t.Error("the token is not disabled")
	}
	b.post("/roles/team", form...).saysAll().
		is(http.StatusConflict, "Somebody else changed this meanwhile", `name="version" value="2"`, "Hands out at most", "the type read-only")
	b.post("/roles/team", "version", "2", "read", "none", "create", "own").
		is(http.StatusUnprocessableEntity, "reaches further than read", `name="version" value="2"`)
}

func TestDeleteRole(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{Name: "team", Read: store.Own})
	f.role(t, store.Role{Name: "heads", Read: store.Own, Accounts: true})
	f.account(t, "ann", "team")
	f.account(t, "head", "heads")
	b := f.as(t, "owner")
	b.get("/roles/team").saysAll().is(http.StatusOK, "1 account has this role", `href="/accounts/ann"`, "disabled")
	b.post("/roles/team/delete").saysAll().is(http.StatusConflict, "give it another one first")
	b.post("/accounts/ann/delete").leads("/accounts?notice=account-deleted")
	b.post("/roles/team/delete").leads("/roles?notice=role-deleted")
	b.get("/roles/team").is(http.StatusNotFound)
	b.post("/roles/owner/delete").is(http.StatusConflict, "built in")
	b.get("/roles/owner").is(http.StatusOK, "built in").lacks("Change the role")

	head := f.as(t, "head") // may give what they hold, and no more
	head.post("/roles", with(team, "name", "mine")...).is(http.StatusUnprocessableEntity, "may do more than you may", `value="mine"`)
	head.post("/accounts", "name", "eve", "role", "owner").is(http.StatusUnprocessableEntity, "may do more than you may", `value="eve"`)
	head.get("/roles/owner").lacks("Change the role")
}
