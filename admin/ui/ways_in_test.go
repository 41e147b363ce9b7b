package ui_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// The pages offer nothing that would make a token that acts for somebody else
// mightier, and a form that was made up changes no more than its name.
func TestTokenThatActsForAnother(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "acting", "owner", func(d *admin.NewToken) {
		d.API = admin.ManagementAPI
		custom("token.read")(d)
	})
	path := "/tokens/" + made.ID
	b := f.as(t, "manager")
	b.get(path).is(http.StatusOK, "/edit", "/disable", "/delete").lacks("/enable", "/regenerate")
	form := b.get(path+"/edit?grant=account.manage").saysAll().is(http.StatusOK, "only owner may change its type", `name="name"`, `name="description"`)
	form.lacks(`name="type"`, `name="duration"`, `name="grant"`, `name="written"`, "because you followed a link")
	b.post(path+"/edit", "version", "1", "name", "renamed", "description", "why", "type", "full-access", "duration", "unlimited", "grant", "account.manage").
		leads(path + "?notice=token-saved")
	now := f.tokens(t)["renamed"]
	if now.Type != token.Custom || strings.Join(now.Grants, " ") != "token.read" || !now.Expiry.Equal(made.Expiry) || now.Description != "why" {
		t.Errorf("got %+v", now)
	}
	stale := b.post(path+"/edit", "version", "1", "name", "again", "description", "why").saysAll().is(http.StatusConflict, "renamed", `value="again"`)
	stale.lacks(`name="type"`, "Permissions</th>")
	b.post(path + "/disable").leads(path + "?notice=token-disabled")
	b.get(path).lacks("/enable", "/disable")
	b.post(path+"/enable").is(http.StatusForbidden, "only owner may enable it")
	b.post("/tokens/selected", "action", "enable", "id", made.ID).is(http.StatusOK, "You may not do this to this token")
	b.post("/tokens/selected", "action", "enable", "id", made.ID, "sure", "yes").is(http.StatusOK, "You may not do this to this token")
	if f.tokens(t)["renamed"].Enabled {
		t.Error("it is enabled")
	}
	owner := f.as(t, "owner")
	owner.get(path).is(http.StatusOK, "/enable")
	owner.get(path+"/edit").is(http.StatusOK, `name="type"`, `name="grant"`)
}

// A secret in the wrong field is not shown again, where others may look on, or a
// browser keeps the page.
func TestPastedSecretIsNotShownAgain(t *testing.T) {
	f := newSite(t)
	made, secret, err := f.Create(t.Context(), operator, admin.NewToken{API: "articles", Name: "ci", Type: token.ReadOnly, Duration: "7d", Owner: "member"})
	if err != nil {
		t.Fatal(err)
	}
	b := f.as(t, "member")
	text := "key " + secret.Reveal()
	form := []string{"version", "1", "api", "articles", "name", text, "description", text, "type", "read-only", "duration", "7d"}
	b.post("/tokens/"+made.ID+"/edit", form...).saysAll().is(http.StatusUnprocessableEntity, "has a secret in it").lacks(secret.Reveal())
	b.post("/tokens", form...).is(http.StatusUnprocessableEntity, "has a secret in it").lacks(secret.Reveal())
	b.post("/tokens/new", form...).is(http.StatusOK).lacks(secret.Reveal())
	form[1] = "7"
	b.post("/tokens/"+made.ID+"/edit", form...).is(http.StatusConflict).lacks(secret.Reveal())
}

// twin is another browser with the same cookies.
func (b *browser) twin(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(b.f.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(address, b.Jar.Cookies(address))
	return &browser{t: t, f: b.f, Client: http.Client{Jar: jar, CheckRedirect: b.CheckRedirect}}
}

// A browser goes on after a changed password; whoever has its old cookie does not.
func TestChangedPasswordRenewsTheCookie(t *testing.T) {
	f := newSite(t)
	b := f.as(t, "member")
	thief := b.twin(t)
	thief.get("/account").is(http.StatusOK)
	b.post("/account/password", "current", password, "password", password+" 2").leads("/account?notice=password-changed")
	b.get("/account").is(http.StatusOK)
	thief.get("/account").leads("/sign-in?next=%2Faccount")
}

// Who manages accounts, but no tokens of others, is asked about tokens that they may
// not see: how many, and not to disable them.
func TestMightierTokensThatAreNotSeen(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{Name: "hr", Read: store.Own, Create: store.Own, Update: store.Own, Accounts: true})
	f.role(t, store.Role{Name: "readers", Read: store.Own})
	f.account(t, "hank", "hr")
	f.role(t, store.Role{Name: "team", Read: store.Own, Create: store.Own, Update: store.Own})
	ann := f.account(t, "ann", "team")
	f.token(t, "anns plan", "ann", nil)
	b := f.as(t, "hank")
	form := []string{"version", version(&ann), "role", "readers", "subject", ""}
	b.post("/accounts/ann", form...).saysAll().is(http.StatusOK, "1 token that you may not see", "right to update all of them", `value="keep"`).
		lacks("anns plan", `value="disable"`)
	b.post("/accounts/ann", append(form, "overreach", "keep")...).leads("/accounts/ann?notice=account-saved")
}
