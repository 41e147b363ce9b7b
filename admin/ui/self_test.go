package ui_test

import (
	"net/http"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
)

func TestOwnAccount(t *testing.T) {
	f := newSite(t)
	b, other := f.as(t, "member"), f.as(t, "member")
	b.get("/account").saysAll().is(http.StatusOK, "See, create, change, regenerate and delete their own tokens", "Chrome on Linux", "this one", "End all others", "Then change your password.")
	b.post("/account/password", "current", "not this one", "password", password+" 2").saysAll().is(http.StatusUnprocessableEntity, "is not your present password").lacks("value=\"not this")
	b.post("/account/password", "current", password, "password", "short").is(http.StatusUnprocessableEntity, "fewer than 12")
	b.post("/account/password", "current", password, "password", password+" 2").leads("/account?notice=password-changed")
	b.get("/account?notice=password-changed").is(http.StatusOK, "your other sessions have ended").lacks("End all others")
	other.get("/account").leads("/sign-in?next=%2Faccount")
}

// Nobody is told to change what they don't have.
func TestOwnAccountWithoutPassword(t *testing.T) {
	f := newSite(t)
	b := f.as(t, "member")
	f.execute(t, "UPDATE accounts SET password = '' WHERE name = 'member'")
	b.get("/account").saysAll().is(http.StatusOK, "You have no password here", "End those that you don't know").lacks("change your password")
}

func TestOwnSessions(t *testing.T) {
	f := newSite(t)
	b, second, third, owner := f.as(t, "member"), f.as(t, "member"), f.as(t, "member"), f.as(t, "owner")
	sessions, err := f.Sessions(t.Context(), operator, "member", admin.Paging{})
	if err != nil || len(sessions.Items) != 3 {
		t.Fatalf("%v, %v", sessions, err)
	}
	b.post("/sessions/"+sessions.Items[1].ID+"/end", "back", "//evil.example").leads("/tokens?notice=session-ended")
	second.get("/account").leads("/sign-in?next=%2Faccount")
	third.get("/account").is(http.StatusOK)
	b.post("/account/sessions/end").leads("/account?notice=sessions-ended")
	third.get("/account").leads("/sign-in?next=%2Faccount")
	b.get("/account").is(http.StatusOK)

	owner.get("/sessions").saysAll().is(http.StatusOK, `href="/accounts/member"`, `href="/accounts/owner"`, "this one")
	owner.post("/accounts/member/sessions/end").leads("/accounts/member?notice=sessions-ended")
	b.get("/account").leads("/sign-in?next=%2Faccount")
}
