package admin_test

import (
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Who may update all tokens but regenerate only their own would make another's
// token their own first, get its secret, and give it back.
func TestNobodyMakesATokenTheirsToGetARight(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleMember)
	f.role(t, store.Role{Name: "helpdesk", Read: store.All, Update: store.All, Regenerate: store.Own, Delete: store.Own})
	helen := f.member(t, "helen", "helpdesk")
	manager := f.member(t, "max", admin.RoleManager)
	made, _ := f.create(t, func(d *admin.NewToken) { d.Owner = "ann" })
	if _, err := f.Update(t.Context(), helen, made.ID, admin.Edit{Owner: new("helen")}); outcome(err) != "no" {
		t.Errorf("helen got the token: %v", err)
	}
	if _, err := f.Update(t.Context(), helen, made.ID, admin.Edit{Owner: new("max")}); err != nil {
		t.Errorf("handing it to somebody else: %v", err)
	}
	if _, err := f.Update(t.Context(), manager, made.ID, admin.Edit{Owner: new("ann")}); err != nil {
		t.Errorf("by a manager: %v", err)
	}
}

// A token that may run one operation of a right can't give the whole right away, by
// making an account that has it and signing in to that.
func TestPartOfARightIsNotGivenAsAWhole(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	f.role(t, store.Role{Name: "ops", Read: store.All, Update: store.All})
	asked := admin.NewAccount{Name: "mallory", Role: "ops"}
	part := f.through(t, "ann", "GET /api/v1/tokens", "POST /api/v1/tokens/{id}/disable", "account.manage")
	if _, _, err := f.CreateAccount(t.Context(), part, asked); err == nil {
		t.Error("a part of token.update was enough for the role ops")
	}
	whole := f.through(t, "ann", "token.read", "token.update", "account.manage", "role.manage")
	if _, _, err := f.CreateAccount(t.Context(), whole, asked); err != nil {
		t.Errorf("with all of it: %v", err)
	}
}

// A token that ends must not leave behind who can sign in for good.
func TestTokensLetNobodySignIn(t *testing.T) {
	f, quick := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	f.account(t, "bob", admin.RoleMember)
	script := f.through(t, "ann")
	before := quick.hashed.Load()
	for field, asked := range map[string]admin.NewAccount{
		"password": {Name: "mallory", Role: admin.RoleOwner, Password: password},
		"subject":  {Name: "mallory", Role: admin.RoleOwner, Subject: "header:mallory"},
	} {
		if _, _, err := f.CreateAccount(t.Context(), script, asked); problems(t, err) != field {
			t.Errorf("an account with a %s: %v", field, err)
		}
	}
	for field, edit := range map[string]admin.AccountEdit{
		"password": {Password: new("another long password")}, "subject": {Subject: new("header:mallory")},
	} {
		if _, err := f.UpdateAccount(t.Context(), script, "bob", edit); problems(t, err) != field {
			t.Errorf("a new %s: %v", field, err)
		}
	}
	if hashed := quick.hashed.Load() - before; hashed != 0 {
		t.Errorf("%d passwords were hashed for nothing", hashed)
	}
	if _, _, err := f.CreateAccount(t.Context(), script, admin.NewAccount{Name: "newcomer", Role: admin.RoleMember}); err != nil {
		t.Errorf("an account that waits for single sign-on: %v", err)
	}
	if _, err := f.UpdateAccount(t.Context(), script, "bob", admin.AccountEdit{Role: new(admin.RoleAuditor)}); err != nil {
		t.Errorf("a role: %v", err)
	}
}

// Tokens of system users have owners that are no accounts. Who makes an account of
// such a name gets them, and so must have the right to.
func TestTokensOfANameAreNotHadByNamingAnAccount(t *testing.T) {
	f, _ := newManagement(t)
	f.create(t, func(d *admin.NewToken) { d.Owner = "root" })
	f.role(t, store.Role{Name: "hr", Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own, Accounts: true})
	hank := f.member(t, "hank", "hr")
	if _, _, err := f.CreateAccount(t.Context(), hank, admin.NewAccount{Name: "root", Role: "hr", Password: password}); outcome(err) != "no" {
		t.Errorf("hank made root: %v", err)
	}
	if _, err := f.Account(t.Context(), operator, "root"); err == nil {
		t.Error("the account was made all the same")
	}
	ann := f.member(t, "ann", admin.RoleOwner)
	if _, inherited, err := f.CreateAccount(t.Context(), ann, admin.NewAccount{Name: "root", Role: admin.RoleMember, Password: password}); err != nil || inherited != 1 {
		t.Errorf("an owner: %d, %v", inherited, err)
	}
}

// The Kelvin sign is k in lower case, and would be somebody else at a proxy.
func TestOnlyASCIILettersNameAccounts(t *testing.T) {
	f, _ := newManagement(t)
	if _, _, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: "kim", Role: admin.RoleManager}); err != nil {
		t.Fatal(err)
	}
	who := admin.ExternalIdentity{Subject: "header:\u212Aim", Name: "\u212Aim", Method: "header"}
	if in, err := f.SignInExternal(t.Context(), who, admin.RoleMember, admin.From{Address: home}); err == nil {
		t.Errorf("signed in as %s", in.Account.Name)
	}
	who.Name, who.Subject = "KIM", "header:KIM"
	if in, err := f.SignInExternal(t.Context(), who, "", admin.From{Address: home}); err != nil || in.Account.Name != "kim" {
		t.Errorf("in capitals: %+v, %v", in.Account, err)
	}
}

// An unset variable of a script must not take a password away: the account would
// be for whoever comes by single sign-on under its name.
func TestEmptyPasswordTakesNoneAway(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "mia", admin.RoleManager)
	ann := f.member(t, "ann", admin.RoleOwner)
	if _, err := f.UpdateAccount(t.Context(), ann, "mia", admin.AccountEdit{Password: new("")}); problems(t, err) != "password" {
		t.Errorf("got %v", err)
	}
	if now, err := f.Account(t.Context(), operator, "mia"); err != nil || !now.HasPassword {
		t.Errorf("%+v, %v", now, err)
	}
}

// A role that hands out nothing allows none of the tokens that its members have.
func TestOverreachOfARoleThatHandsOutNothing(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "bob", admin.RoleMember)
	made, _ := f.create(t, func(d *admin.NewToken) { d.Owner, d.Type, d.Grants = "bob", token.FullAccess, nil })
	change, err := f.UpdateAccount(t.Context(), operator, "bob", admin.AccountEdit{Role: new(admin.RoleAuditor)})
	if err != nil || len(change.Overreach.Tokens) != 1 || change.Overreach.Tokens[0].ID != made.ID {
		t.Errorf("%+v, %v", change, err)
	}
}

// Everybody who sees a token, a role or an account reads their texts, and the trail keeps
// them: none of these takes a secret, or says it again.
func TestTextsTakeNoSecret(t *testing.T) {
	f, _ := newManagement(t)
	made, secret := f.create(t, nil)
	f.account(t, "bob", "member")
	for name, err := range map[string]error{
		"grant": errorOf(f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) {
			d.Name, d.Grants = "other", []string{"GET /x/" + secret.Reveal()}
		}))),
		"edited grant": errorOf2(f.Update(t.Context(), operator, made.ID, admin.Edit{Grants: &[]string{"GET /x/" + secret.Reveal() + "/*"}})),
		"description":  errorOf2(f.CreateRole(t.Context(), operator, store.Role{Name: "one", Description: secret.Reveal(), Read: store.None, Create: store.None, Update: store.None, Regenerate: store.None, Delete: store.None})),
		"ceiling":      errorOf2(f.CreateRole(t.Context(), operator, store.Role{Name: "two", Ceiling: store.Ceiling{Grants: []string{"GET /" + secret.Reveal()}}, Read: store.None, Create: store.None, Update: store.None, Regenerate: store.None, Delete: store.None})),
		"subject":      errorOf(f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: "carl", Role: "member", Subject: "header:" + secret.Reveal()})),
	} {
		if err == nil || !strings.Contains(err.Error(), "has a secret in it") || strings.Contains(err.Error(), secret.Reveal()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func errorOf[A, B any](_ A, _ B, err error) error { return err }

func errorOf2[A any](_ A, err error) error { return err }

// An edit that changes nothing is none: other editors' versions stay good.
func TestEditOfNothingChangesNothing(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, nil)
	events := len(f.events(t))
	for _, e := range []admin.Edit{{}, {Name: &made.Name, Grants: &made.Grants, Description: &made.Description}} {
		change, err := f.Update(t.Context(), operator, made.ID, e)
		if err != nil || change.Token.Version != made.Version || !change.Token.Updated.Equal(made.Updated) {
			t.Errorf("%+v, %v; want %+v", change.Token, err, made)
		}
	}
	if n := len(f.events(t)); n != events {
		t.Errorf("%d events, %d before", n, events)
	}
}
