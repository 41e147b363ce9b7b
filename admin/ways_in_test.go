package admin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// A manager knows the secret of an owner's token, perhaps since it stands in a job
// that they look after. Who made that token mightier, let it last, or switched it on
// again, would be the owner with its secret.
func TestNobodyStrengthensATokenThatActsForAnother(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	manager := f.member(t, "max", admin.RoleManager)
	acting, _ := f.create(t, func(d *admin.NewToken) { d.API, d.Grants = admin.ManagementAPI, []string{"token.read"} })
	for name, edit := range map[string]admin.Edit{
		"grants":          {Grants: &[]string{"token.read", "account.manage"}},
		"fewer grants":    {Grants: &[]string{"api.read"}},
		"type":            {Type: new(token.FullAccess)},
		"duration":        {Duration: new("unlimited")},
		"with a new name": {Name: new("other"), Duration: new("90d")},
	} {
		for how, who := range map[string]admin.Actor{"session": manager, "token": f.through(t, "max")} {
			if _, err := f.Update(t.Context(), who, acting.ID, edit); outcome(err) != "no" || !strings.Contains(err.Error(), "only ann may") {
				t.Errorf("%s, by %s: %v", name, how, err)
			}
		}
	}
	reading, _ := f.create(t, func(d *admin.NewToken) {
		d.API, d.Name, d.Type, d.Grants = admin.ManagementAPI, "reading", token.ReadOnly, nil
	})
	if _, err := f.Update(t.Context(), manager, reading.ID, admin.Edit{Type: new(token.FullAccess)}); outcome(err) != "no" {
		t.Errorf("one that reads: %v", err)
	}
	harmless := admin.Edit{Name: new("nightly job"), Description: new("whose it is"), Type: &acting.Type, Grants: &acting.Grants}
	if _, err := f.Update(t.Context(), manager, acting.ID, harmless); err != nil {
		t.Errorf("name and description: %v", err)
	}
	if _, err := f.SetEnabled(t.Context(), manager, acting.ID, 0, false); err != nil {
		t.Errorf("disabling it: %v", err)
	}
	if _, err := f.SetEnabled(t.Context(), manager, acting.ID, 0, true); outcome(err) != "no" {
		t.Errorf("enabling it: %v", err)
	}
	now, err := f.Find(t.Context(), operator, "", acting.ID)
	if err != nil || now.Name != "nightly job" || now.Enabled || !now.Expiry.Equal(acting.Expiry) || strings.Join(now.Grants, " ") != "token.read" {
		t.Errorf("%+v, %v", now, err)
	}
	ann := f.signIn(t, "ann")
	if _, err := f.SetEnabled(t.Context(), ann, acting.ID, 0, true); err != nil {
		t.Errorf("who it acts for: %v", err)
	}
	if _, err := f.Update(t.Context(), ann, acting.ID, admin.Edit{Duration: new("unlimited")}); err != nil {
		t.Errorf("who it acts for: %v", err)
	}
	if _, err := f.Delete(t.Context(), manager, acting.ID, 0); err != nil {
		t.Errorf("deleting it: %v", err)
	}
}

// personnel is a role that manages accounts, and no tokens but its own.
var personnel = store.Role{Name: "hr", Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own, Accounts: true}

// Who manages accounts, but only their own tokens, gives somebody a smaller role to
// see which tokens they have, and to switch them off.
func TestOverreachTellsAndDisablesOnlyWhatOneMay(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, personnel)
	team := store.Role{Name: "team", Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own}
	f.role(t, team)
	hank := f.member(t, "hank", "hr")
	f.account(t, "bob", "team")
	_, secret := f.create(t, func(d *admin.NewToken) { d.Owner = "bob" })
	small := team
	small.Ceiling.APIs = []string{"orders"}
	hidden := func(what string, over admin.Overreach, err error) {
		t.Helper()
		if err != nil || len(over.Tokens) != 0 || over.Unseen != 1 || over.Count() != 1 {
			t.Errorf("%s: %+v, %v", what, over, err)
		}
	}
	if _, err := f.UpdateRole(t.Context(), hank, admin.RoleEdit{Role: small, Disable: true}); outcome(err) != "no" {
		t.Errorf("a role: %v", err)
	}
	if now, err := f.Role(t.Context(), operator, "team"); err != nil || now.Version != 1 || !f.works(t, secret) {
		t.Errorf("something was done: %+v, %v; works: %v", now, err, f.works(t, secret))
	}
	asked, err := f.UpdateRole(t.Context(), hank, admin.RoleEdit{Role: small, DryRun: true})
	hidden("asked", asked.Overreach, err)
	saved, err := f.UpdateRole(t.Context(), hank, admin.RoleEdit{Role: small})
	hidden("saved", saved.Overreach, err)
	nothing := store.Role{Name: "nothing", Read: store.Own}
	f.role(t, nothing)
	if _, err := f.UpdateAccount(t.Context(), hank, "bob", admin.AccountEdit{Role: new("nothing"), Disable: true}); outcome(err) != "no" {
		t.Errorf("an account: %v", err)
	}
	change, err := f.UpdateAccount(t.Context(), hank, "bob", admin.AccountEdit{Role: new("nothing")})
	hidden("an account", change.Overreach, err)
	if !f.works(t, secret) {
		t.Error("the token works no more")
	}
}

// Who manages accounts, but only their own tokens, sets the password of somebody who
// has tokens, signs in as them, and gets new secrets.
func TestTokensOfOthersAreNotHadByTheirPassword(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, personnel)
	hank := f.member(t, "hank", "hr")
	boss := f.member(t, "boss", admin.RoleOwner)
	f.account(t, "bob", admin.RoleMember)
	f.account(t, "newcomer", admin.RoleMember)
	f.create(t, func(d *admin.NewToken) { d.Owner = "bob" })
	f.create(t, func(d *admin.NewToken) { d.Name, d.Owner = "hank's", "hank" })
	const changed = "another long one"
	for what, edit := range map[string]admin.AccountEdit{"password": {Password: new(changed)}, "subject": {Subject: new("oidc:x#1")}} {
		if _, err := f.UpdateAccount(t.Context(), hank, "bob", edit); outcome(err) != "no" {
			t.Errorf("the %s of who has tokens: %v", what, err)
		}
		if _, err := f.UpdateAccount(t.Context(), hank, "newcomer", edit); err != nil {
			t.Errorf("the %s of who has none: %v", what, err)
		}
	}
	if _, err := f.SignIn(t.Context(), "bob", changed, admin.From{Address: home}); !errors.Is(err, admin.ErrSignInRefused) {
		t.Errorf("signed in as bob: %v", err)
	}
	if _, err := f.UpdateAccount(t.Context(), hank, "bob", admin.AccountEdit{Enabled: new(false)}); err != nil {
		t.Errorf("disabling: %v", err)
	}
	if _, err := f.UpdateAccount(t.Context(), hank, "hank", admin.AccountEdit{Subject: new("header:hank")}); err != nil {
		t.Errorf("their own subject: %v", err)
	}
	if _, err := f.UpdateAccount(t.Context(), boss, "bob", admin.AccountEdit{Password: new(changed), Subject: new("header:bob")}); err != nil {
		t.Errorf("an owner: %v", err)
	}
}

// A secret that is pasted into the wrong field would stand in the list, in the audit
// trail and in its export, for everybody who reads those.
func TestSecretsAreNoNamesOrDescriptions(t *testing.T) {
	f, _ := newManagement(t)
	made, secret := f.create(t, nil)
	link, err := f.SetUpLink(t.Context(), admin.Actor{Via: admin.ViaGateway})
	if err != nil {
		t.Fatal(err)
	}
	for _, pasted := range []string{secret.Reveal(), link.Reveal()} {
		for _, text := range []string{pasted, "for CI: " + pasted, "trv_trv_ TOKEN=" + pasted + ",", "tok_" + pasted} {
			_, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name, d.Description, d.Owner = text, text, text }))
			if problems(t, err) != "name description owner" || strings.Contains(err.Error(), pasted) {
				t.Errorf("making %q: %v", text, err)
			}
			_, err = f.Update(t.Context(), operator, made.ID, admin.Edit{Name: &text, Description: &text, Owner: &text})
			if problems(t, err) != "name description owner" || strings.Contains(err.Error(), pasted) {
				t.Errorf("naming it %q: %v", text, err)
			}
		}
	}
	hint := "was " + secret.Hint() + ", trv_ is how they begin, trs_ those of sessions"
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Description: &hint}); err != nil {
		t.Errorf("what identifies a secret: %v", err)
	}
}

// Who has the cookie of somebody else is not signed in any more when that one changes
// the password, which is what people do when they suspect it.
func TestChangedPasswordEndsWhoHasTheCookie(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	in, err := f.SignIn(t.Context(), "ann", password, admin.From{Address: home, Agent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	stolen := f.session(t, in.Secret)
	f.now = f.now.Add(time.Minute)
	secret, err := f.ChangePassword(t.Context(), f.session(t, in.Secret), password, "another long one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.SessionActor(t.Context(), in.Secret.Reveal(), home); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("by the old cookie: %v", err)
	}
	if _, err := f.Account(t.Context(), stolen, "ann"); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("who came by it before: %v", err)
	}
	sessions, err := f.Sessions(t.Context(), f.session(t, secret), "", admin.Paging{})
	if err != nil || len(sessions.Items) != 1 {
		t.Fatalf("%+v, %v", sessions, err)
	}
	if now := sessions.Items[0]; !now.Current || now.ID == in.Session.ID || !now.Expiry.Equal(*in.Session.Expiry) || now.Agent != "test" || now.Method != "password" {
		t.Errorf("the session is %+v; it was %+v", now, in.Session)
	}
}

// A token would be a way around its end if it could set a password, one's own as any other.
func TestTokenSetsNoPassword(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	for _, script := range []admin.Actor{f.through(t, "ann"), f.through(t, "ann", string(admin.AccountManage))} {
		_, err := f.ChangePassword(t.Context(), script, password, "another long one")
		if refused, ok := errors.AsType[*admin.ForbiddenError](err); !ok || refused.Right != "" {
			t.Errorf("got %v", err)
		}
	}
	if err := f.try(t, "ann", password, home); err != nil {
		t.Errorf("by the old password: %v", err)
	}
}

// What a proxy vouches for has no cookie that could be renewed: a browser that got one
// would go on without the proxy.
func TestChangedPasswordBehindAProxyMakesNoCookie(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	if _, err := f.UpdateAccount(t.Context(), operator, "ann", admin.AccountEdit{Subject: new("header:ann")}); err != nil {
		t.Fatal(err)
	}
	in, err := f.SignInExternal(t.Context(), admin.ExternalIdentity{Subject: "header:ann", Name: "ann", Method: "header"}, "", admin.From{Address: home})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := f.ChangePassword(t.Context(), f.session(t, in.Secret), password, "another long one")
	if err != nil || secret.Reveal() != "" {
		t.Errorf("got a secret: %v, %v", secret.Reveal() != "", err)
	}
	f.session(t, in.Secret)
}

// The ids of tokens that a manager acts through are no business of whose token they change.
func TestHistoryKeepsTheTokensOfOthers(t *testing.T) {
	f, _ := newManagement(t)
	ann := f.member(t, "ann", admin.RoleMember)
	f.account(t, "boss", admin.RoleOwner)
	script := f.through(t, "boss")
	made, _ := f.create(t, nil)
	if _, err := f.SetEnabled(t.Context(), script, made.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	if _, err := f.SetEnabled(t.Context(), f.through(t, "ann"), made.ID, 0, true); err != nil {
		t.Fatal(err)
	}
	page, err := f.TokenEvents(t.Context(), ann, made.ID, admin.Paging{})
	if err != nil || len(page.Items) != 3 || page.Items[0].Token == "" || page.Items[1].Token != "" || page.Items[1].Actor != "boss" {
		t.Errorf("for its owner: %+v, %v", page.Items, err)
	}
	page, err = f.TokenEvents(t.Context(), f.signIn(t, "boss"), made.ID, admin.Paging{})
	if err != nil || page.Items[1].Token != script.Token.ID {
		t.Errorf("for who reads the audit trail: %+v, %v", page.Items, err)
	}
}
