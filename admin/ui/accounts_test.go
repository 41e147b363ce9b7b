package ui_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestWhoSeesWhichPages(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{Name: "heads", Read: store.Own, Accounts: true})
	f.account(t, "head", "heads")
	for _, path := range []struct {
		path string
		may  map[string]int // others get 403
	}{
		{"/account", map[string]int{"owner": 200, "manager": 200, "member": 200, "auditor": 200, "head": 200}},
		{"/accounts", map[string]int{"owner": 200, "auditor": 200, "head": 200}},
		{"/accounts/new", map[string]int{"owner": 200, "head": 200}},
		{"/accounts/member", map[string]int{"owner": 200, "auditor": 200, "head": 200, "member": 303, "manager": 404}},
		{"/accounts/member/delete", map[string]int{"owner": 200, "manager": 404}},
		{"/accounts/nobody", map[string]int{"owner": 404, "auditor": 404, "head": 404, "member": 404, "manager": 404}},
		{"/roles", map[string]int{"owner": 200, "auditor": 200, "head": 200}},
		{"/roles/new", map[string]int{"owner": 200, "head": 200}},
		{"/roles/heads", map[string]int{"owner": 200, "auditor": 200, "head": 200, "member": 404, "manager": 404}},
		{"/roles/member", map[string]int{"owner": 200, "auditor": 200, "head": 200, "member": 303, "manager": 404}},
		{"/audit", map[string]int{"owner": 200, "auditor": 200}},
		{"/audit/export", map[string]int{"owner": 200, "auditor": 200}},
		{"/sessions", map[string]int{"owner": 200, "head": 200, "auditor": 404, "member": 404, "manager": 404}},
	} {
		for _, who := range []string{"owner", "manager", "member", "auditor", "head"} {
			want := path.may[who]
			if want == 0 {
				want = http.StatusForbidden
			}
			f.as(t, who).get(path.path).saysAll().is(want)
		}
	}
	f.as(t, "owner").get("/account").has(`href="/accounts"`, `href="/roles"`, `href="/audit"`)
	f.as(t, "member").get("/account").lacks(`href="/accounts"`, `href="/roles"`, `href="/audit"`)
	f.as(t, "auditor").get("/accounts/member").lacks("<form method=\"post\" action=\"/accounts", "Sessions")
	f.as(t, "auditor").get("/roles/heads").lacks("<form method=\"post\" action=\"/roles")
	f.as(t, "head").get("/accounts/owner").has("may do more than you may").lacks("<form method=\"post\" action=\"/accounts")
	f.as(t, "head").get("/roles/heads").has("Change the role")
	if f.failed.Load() > 0 {
		t.Errorf("%d technical failures", f.failed.Load())
	}
}

// What the pages don't show, nobody can do by sending its form.
func TestFormsOfOthers(t *testing.T) {
	f := newSite(t)
	f.as(t, "owner")
	sessions, err := f.Sessions(t.Context(), operator, "owner", admin.Paging{})
	if err != nil || len(sessions.Items) != 1 {
		t.Fatalf("%v, %v", sessions, err)
	}
	for _, who := range []string{"manager", "member", "auditor"} {
		b := f.as(t, who)
		b.post("/accounts", "name", "eve", "role", "owner", "password", password).is(http.StatusForbidden)
		b.post("/accounts/"+who, "version", "1", "role", "owner").is(http.StatusForbidden)
		b.post("/accounts/owner/password", "password", password+"2").is(http.StatusForbidden)
		b.post("/accounts/owner/disable").is(http.StatusForbidden)
		b.post("/accounts/owner/delete", "plan", "delete").is(http.StatusForbidden)
		b.post("/accounts/owner/sessions/end").is(http.StatusNotFound)
		b.post("/sessions/" + sessions.Items[0].ID + "/end").is(http.StatusNotFound)
		b.post("/roles", "name", "mine", "read", "all", "accounts", "yes").is(http.StatusForbidden)
	}
	if sessions, err = f.Sessions(t.Context(), operator, "owner", admin.Paging{}); err != nil || len(sessions.Items) != 1 {
		t.Errorf("the session of owner: %v, %v", sessions, err)
	}
}

func TestNewAccount(t *testing.T) {
	f := newSite(t)
	f.token(t, "old", "ann", nil)
	b := f.as(t, "owner")
	b.get("/accounts/new").saysAll().is(http.StatusOK, "May", "everybody's tokens", "Read the audit trail").has(`id="role-member" value="member" required checked`)
	b.post("/accounts", "name", "No Name", "role", "auditor", "password", "short", "subject", "sub-1").
		is(http.StatusUnprocessableEntity, "can't name an account", "fewer than 12 characters", `value="No Name"`, `value="sub-1"`, `value="auditor" required checked`, `aria-invalid="true"`).
		lacks("short")
	b.post("/accounts", "name", "Ann", "role", "member", "password", password).leads("/accounts/ann?notice=account-made-inherits")
	b.get("/accounts/ann?notice=account-made-inherits").saysAll().is(http.StatusOK, "belong to it now", "1 token", `href="/tokens?owner=ann"`)
	b.post("/accounts", "name", "ann", "role", "member").is(http.StatusUnprocessableEntity, "there is an account ann already")
	b.post("/accounts", "name", "bob", "role", "nothing").is(http.StatusUnprocessableEntity, "is no role")
	b.post("/accounts", "name", "new", "role", "member").leads("/accounts/New?notice=account-made")
	b.get("/accounts/New").is(http.StatusOK, "single sign-on, not used yet")
	b.get("/accounts").saysAll().is(http.StatusOK, "/accounts/New", "ann", "single sign-on, not used yet")
	f.as(t, "ann")
}

func TestAccountPages(t *testing.T) {
	f := newSite(t)
	for i := range 60 {
		f.account(t, "acc"+strconv.Itoa(100+i), "member")
	}
	b := f.as(t, "owner")
	first := b.get("/accounts").is(http.StatusOK, "acc100", "Next page").lacks("acc159", "First page")
	_, rest, _ := strings.Cut(first.text, `href="/accounts?after=`)
	cursor, _, _ := strings.Cut(rest, `"`)
	b.get("/accounts?after="+cursor).is(http.StatusOK, "acc159", "First page").lacks("acc100", "Next page")
}

func version(a *admin.AccountRecord) string { return strconv.FormatInt(a.Version, 10) }

func TestSmallerRoleTellsMightierTokens(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{Name: "readers", Read: store.Own, Create: store.Own, Ceiling: store.Ceiling{Types: []token.Type{token.ReadOnly}}})
	ann := f.account(t, "ann", "member")
	mighty := f.token(t, "<b>mighty</b>", "ann", func(d *admin.NewToken) { d.Type = token.FullAccess })
	f.token(t, "tiny token", "ann", nil)
	b := f.as(t, "owner")
	form := []string{"version", version(&ann), "role", "readers", "subject", "sub-1"}
	b.post("/accounts/ann", form...).saysAll().is(http.StatusOK, "Nothing is saved yet", "&lt;b&gt;mighty&lt;/b&gt;",
		`name="subject" value="sub-1"`, `name="version" value="`+version(&ann)+`"`).lacks("tiny token", "<b>mighty")
	if a, _ := f.Account(t.Context(), operator, "ann"); a.Role != "member" {
		t.Fatalf("the role is %s before anything was answered", a.Role)
	}
	b.post("/accounts/ann", append(form, "back", "1")...).is(http.StatusOK, `value="sub-1"`, `value="readers" required checked`)
	b.post("/accounts/ann", append(form, "overreach", "keep")...).leads("/accounts/ann?notice=account-saved")
	a, _ := f.Account(t.Context(), operator, "ann")
	if present, _ := f.Find(t.Context(), operator, "", mighty.ID); a.Role != "readers" || a.Subject != "sub-1" || !present.Enabled {
		t.Errorf("got role %s, subject %s, token enabled %v", a.Role, a.Subject, present.Enabled)
	}
	b.post("/accounts/ann", "version", version(&a), "role", "member", "subject", "").leads("/accounts/ann?notice=account-saved")
	a, _ = f.Account(t.Context(), operator, "ann")
	b.post("/accounts/ann", "version", version(&a), "role", "readers", "overreach", "disable").leads("/accounts/ann?notice=account-saved")
	if present, _ := f.Find(t.Context(), operator, "", mighty.ID); present.Enabled {
		t.Error("the token is not disabled")
	}
}

func TestAccountChangedMeanwhile(t *testing.T) {
	f := newSite(t)
	ann := f.account(t, "ann", "member")
	b := f.as(t, "owner")
	b.post("/accounts/ann", "version", version(&ann), "role", "auditor", "subject", "").leads("/accounts/ann?notice=account-saved")
	now, _ := f.Account(t.Context(), operator, "ann")
	b.post("/accounts/ann", "version", version(&ann), "role", "manager", "subject", "typed").saysAll().
		is(http.StatusConflict, "Somebody else changed this meanwhile", "Role: auditor", `value="typed"`, `value="manager" required checked`,
			`name="version" value="`+version(&now)+`"`)
	b.post("/accounts/ann", "version", version(&now), "role", "manager", "subject", "typed").leads("/accounts/ann?notice=account-saved")
	b.post("/accounts/ann", "version", "x", "role", "manager").is(http.StatusBadRequest)
}

func TestAccountSwitchAndPassword(t *testing.T) {
	f := newSite(t)
	f.account(t, "ann", "member")
	ann, b := f.as(t, "ann"), f.as(t, "owner")
	ann.get("/account").is(http.StatusOK)
	b.get("/accounts/ann").is(http.StatusOK, "Chrome on Linux", "192.0.2.1", "tokens go on working")
	b.post("/accounts/ann/disable").leads("/accounts/ann?notice=account-disabled")
	ann.get("/account").leads("/sign-in?next=%2Faccount")
	b.get("/accounts/ann?notice=account-disabled").is(http.StatusOK, "its sessions have ended", "Enable", "Nobody is signed in to this account")
	b.get("/accounts/ann?notice=account-enabled").is(http.StatusOK).lacks("The account is enabled")
	b.post("/accounts/ann/enable").leads("/accounts/ann?notice=account-enabled")
	b.get("/accounts/ann?notice=account-enabled").is(http.StatusOK, "The account is enabled")
	b.get("/accounts/ann?notice=account-disabled").is(http.StatusOK).lacks("The account is disabled")

	ann = f.as(t, "ann")
	b.post("/accounts/ann/password", "password", "short").saysAll().is(http.StatusUnprocessableEntity, "fewer than 12").lacks("short\"")
	b.post("/accounts/ann/password", "password", password+" 2").leads("/accounts/ann?notice=account-password")
	ann.get("/account").leads("/sign-in?next=%2Faccount")

	b.post("/accounts/owner/disable").is(http.StatusConflict, "Somebody has to be owner")
	b.post("/accounts/owner/password", "password", password+" 2").is(http.StatusUnprocessableEntity, "is your own")
	owner, _ := f.Account(t.Context(), operator, "owner")
	b.post("/accounts/owner", "version", version(&owner), "role", "member").is(http.StatusUnprocessableEntity, "This is the last owner who can sign in.")
}

func TestDeletionTellsOfMightierTokens(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{Name: "readers", Read: store.Own, Create: store.Own, Ceiling: store.Ceiling{Types: []token.Type{token.ReadOnly}}})
	f.account(t, "ann", "member")
	f.account(t, "bob", "readers")
	mighty := f.token(t, "mighty", "ann", func(d *admin.NewToken) { d.Type = token.FullAccess })
	f.token(t, "tiny token", "ann", nil)
	f.token(t, "acting", "ann", func(d *admin.NewToken) { d.API = admin.ManagementAPI })
	b := f.as(t, "owner")
	b.post("/accounts/ann/delete", "plan", "hand", "hand_to", "bob").saysAll().
		is(http.StatusOK, "The account ann is deleted", "2 tokens are handed over. 1 token that acted", "the role of bob", "mighty", `name="id" value="`+mighty.ID+`"`).
		lacks("tiny token")
	b.post("/tokens/selected", "action", "disable", "back", "owner=bob", "id", mighty.ID, "sure", "yes").is(http.StatusOK)
	if present, _ := f.Find(t.Context(), operator, "", mighty.ID); present.Enabled || present.Owner != "bob" {
		t.Errorf("got %+v", present)
	}
}

func TestDeleteAccount(t *testing.T) {
	f := newSite(t)
	for _, name := range []string{"ann", "bob", "carl"} {
		f.account(t, name, "member")
	}
	handed := f.token(t, "one", "ann", nil)
	f.token(t, "two", "ann", func(d *admin.NewToken) { d.API = "orders" })
	deleted := f.token(t, "three", "bob", nil)
	b := f.as(t, "owner")
	b.get("/accounts/ann/delete").saysAll().is(http.StatusOK, "owns 2 tokens", "<option>member</option>").lacks("<option>ann</option>")
	b.post("/accounts/ann/delete").is(http.StatusUnprocessableEntity, "Choose what becomes of the tokens.")
	b.post("/accounts/ann/delete", "plan", "hand").is(http.StatusUnprocessableEntity, "choose who gets the tokens")
	b.post("/accounts/ann/delete", "plan", "hand", "hand_to", "nobody").is(http.StatusUnprocessableEntity, "is no account that is enabled")
	b.post("/accounts/ann/delete", "plan", "hand", "hand_to", "member").leads("/accounts?notice=account-deleted")
	if present, err := f.Find(t.Context(), operator, "", handed.ID); err != nil || present.Owner != "member" {
		t.Errorf("got owner %s, %v; want it to be handed over", present.Owner, err)
	}
	b.get("/accounts/ann").is(http.StatusNotFound)
	for _, typed := range []string{"", "bo", "ann"} {
		b.post("/accounts/bob/delete", "plan", "delete", "name", typed).
			is(http.StatusUnprocessableEntity, "That is not the name of the account.", `value="delete" required checked`)
	}
	b.post("/accounts/bob/delete", "plan", "delete", "name", "bob").leads("/accounts?notice=account-deleted")
	if _, err := f.Find(t.Context(), operator, "", deleted.ID); err == nil {
		t.Error("the token of bob is there still")
	}
	b.get("/accounts/carl/delete").is(http.StatusOK, "It owns no tokens").lacks("Hand them over")
	b.post("/accounts/carl/delete").leads("/accounts?notice=account-deleted")
	b.post("/accounts/owner/delete", "plan", "delete", "name", "owner").is(http.StatusUnprocessableEntity, "This is the last owner who can sign in.")
}
