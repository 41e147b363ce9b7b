package admin_test

import (
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// newDemotion has tokens of pax drafted in every way that makes them mightier than the role
// press, which is not pax's role yet. Pax has the secrets of all of them.
func newDemotion(t *testing.T) (f *fixture, secrets []token.Secret) {
	t.Helper()
	f, _ = newManagement(t)
	f.role(t, store.Role{Name: "press", Read: store.Own, Create: store.Own, Update: store.Own, Ceiling: store.Ceiling{Types: []token.Type{token.ReadOnly}}})
	pax := f.member(t, "pax", admin.RoleMember)
	f.account(t, "bob", admin.RoleMember)
	small := func(name, owner string) func(*admin.NewToken) {
		return func(d *admin.NewToken) { d.Name, d.Owner, d.Type, d.Grants = name, owner, token.ReadOnly, nil }
	}
	edited, editedSecret := f.create(t, small("edited", "pax"))
	handed, handedSecret := f.create(t, func(d *admin.NewToken) { d.Name, d.Owner, d.Type, d.Grants = "handed", "bob", token.FullAccess, nil })
	f.stage(t, true)
	full := newToken(func(d *admin.NewToken) { d.Name, d.Owner, d.Type, d.Grants = "new", "", token.FullAccess, nil })
	_, newSecret, err := f.Create(t.Context(), pax, full)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Update(t.Context(), pax, edited.ID, admin.Edit{Type: new(token.FullAccess)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Update(t.Context(), operator, handed.ID, admin.Edit{Owner: new("pax")}); err != nil {
		t.Fatal(err)
	}
	return f, []token.Secret{newSecret, editedSecret, handedSecret}
}

// Pax drafts tokens that may do everything, and gets a role that may hand out read-only ones.
// Who changes the role has its tokens disabled: an update after that must not put in force
// for pax what the role doesn't allow.
func TestDemotionDisablesWhatIsDrafted(t *testing.T) {
	f, secrets := newDemotion(t)
	asked, err := f.UpdateAccount(t.Context(), operator, "pax", admin.AccountEdit{Role: new("press"), DryRun: true})
	if err != nil || asked.Overreach.Count() != 3 {
		t.Errorf("it is told of %+v, %v", asked.Overreach, err)
	}
	change, err := f.UpdateAccount(t.Context(), operator, "pax", admin.AccountEdit{Role: new("press"), Disable: true})
	if err != nil || change.Overreach.Count() != 3 {
		t.Fatalf("got %+v, %v", change.Overreach, err)
	}
	for _, d := range change.Overreach.Tokens {
		if d.Enabled || d.Draft == "" {
			t.Errorf("%s is %+v", d.Name, d)
		}
	}
	if done := f.update(t, operator); len(done.Overreach) != 0 {
		t.Errorf("the update tells of %+v", done.Overreach)
	}
	for i, want := range []string{"new full-access [] disabled", "edited full-access [] disabled", "handed full-access [] disabled"} {
		if got := f.gated(t, secrets[i]); got != want {
			t.Errorf("a gate finds %s; want %s", got, want)
		}
	}
}

// If they are left, nobody puts them in force without a word: the drafts say so before, and the
// update after it.
func TestUpdateTellsOfWhatIsMightier(t *testing.T) {
	f, _ := newDemotion(t)
	for _, d := range f.drafts(t, operator).Drafts {
		if d.Overreach {
			t.Errorf("%s is mightier than a member", d.Name)
		}
	}
	if _, err := f.UpdateAccount(t.Context(), operator, "pax", admin.AccountEdit{Role: new("press")}); err != nil {
		t.Fatal(err)
	}
	for _, d := range f.drafts(t, operator).Drafts {
		if alone, err := f.Draft(t.Context(), operator, d.TokenID); !d.Overreach || !alone.Overreach || err != nil {
			t.Errorf("%s is not mightier than its owner, or alone not: %v", d.Name, err)
		}
	}
	if done := f.update(t, operator); len(done.Overreach) != 3 {
		t.Errorf("the update tells of %+v", done.Overreach)
	}
}

// Who may not change the drafts of others can't have them disabled by a change of a role.
func TestDisablingDraftsTakesTheRight(t *testing.T) {
	f, _ := newDemotion(t)
	f.role(t, store.Role{Name: "hr", Read: store.All, Create: store.All, Regenerate: store.All, Delete: store.All, Update: store.Own, Accounts: true})
	hr := f.member(t, "hr", "hr")
	press := admin.AccountEdit{Role: new("press"), Disable: true}
	if _, err := f.UpdateAccount(t.Context(), hr, "pax", press); outcome(err) != "no" {
		t.Errorf("got %v", err)
	}
}
