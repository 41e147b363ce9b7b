package admin_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// draftedBy are all kinds of drafts, of a token that is there.
var draftedBy = map[string]func(t *testing.T, f *fixture, made token.Token) error{
	"create": func(t *testing.T, f *fixture, made token.Token) error {
		_, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name, d.Owner = "new", made.Owner }))
		return err
	},
	"edit": func(t *testing.T, f *fixture, made token.Token) error {
		_, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Description: new("drafted")})
		return err
	},
	"disable": func(t *testing.T, f *fixture, made token.Token) error {
		_, err := f.SetEnabled(t.Context(), operator, made.ID, 0, false)
		return err
	},
	"regenerate": func(t *testing.T, f *fixture, made token.Token) error {
		_, _, err := f.Regenerate(t.Context(), operator, made.ID, 0, 0)
		return err
	},
	"hand over": func(t *testing.T, f *fixture, made token.Token) error {
		_, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Owner: new("third")})
		return err
	},
	"delete": func(t *testing.T, f *fixture, made token.Token) error {
		_, err := f.Delete(t.Context(), operator, made.ID, 0)
		return err
	},
}

// verdict is outcome for what is done with the drafts of an API.
func verdict(err error) string {
	if failed, ok := errors.AsType[admin.DraftErrors](err); ok {
		return outcome(failed[0].Err)
	}
	return outcome(err)
}

// Whoever updates an API, or discards its drafts, needs the right to do what each of them does,
// and may see all of them.
func TestRightsToDrafts(t *testing.T) {
	const all = "create edit disable regenerate hand over delete"
	for _, test := range []struct {
		role             string
		own, others      string // that may be put in force
		discards         string // own ones that may be dropped beside those
		seesOthers, runs bool   // runs: may put anything in force at all
	}{
		{admin.RoleOwner, all, all, "", true, true},
		{admin.RoleManager, all, all, "", true, true},
		{admin.RoleMember, "create edit disable regenerate delete", "", "", false, true},
		{admin.RoleAuditor, "", "", "", true, false},
		{"rotator", "regenerate", "regenerate", "", true, true},
		{"switcher", "edit disable", "", "hand over", true, true},
		{"cleaner", "delete", "delete", "", true, true},
		{"maker", "create", "", "", true, true},
		{"low", "disable", "", "create edit regenerate delete hand over", true, true},
		{"nobody", "", "", "", false, false},
	} {
		t.Run(test.role, func(t *testing.T) {
			f, _ := newManagement(t)
			f.role(t, store.Role{Name: "rotator", Read: store.All, Regenerate: store.All})
			f.role(t, store.Role{Name: "switcher", Read: store.All, Update: store.Own})
			f.role(t, store.Role{Name: "cleaner", Read: store.All, Delete: store.All})
			f.role(t, store.Role{Name: "maker", Read: store.All, Create: store.Own})
			f.role(t, store.Role{Name: "nobody"})
			low := store.Ceiling{Grants: []string{"article.find"}}
			f.role(t, store.Role{
				Name: "low", Read: store.All, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own, Ceiling: low,
			})
			f.account(t, "third", admin.RoleMember)
			f.account(t, "other", admin.RoleMember)
			self := f.member(t, "self", test.role)
			for name, drafted := range draftedBy {
				for _, owner := range []string{"self", "other"} {
					made, _ := f.create(t, func(d *admin.NewToken) { d.Owner = owner })
					f.stage(t, true)
					if err := drafted(t, f, made); err != nil {
						t.Fatal(err)
					}
					allowed := owner == "self" && strings.Contains(test.own, name) || owner == "other" && strings.Contains(test.others, name)
					if test.role == "low" && name == "delete" {
						allowed = owner == "self"
					}
					drops := allowed || owner == "self" && strings.Contains(test.discards, name)
					f.checkDrafts(t, self, name+" of "+owner, allowed, drops, !test.seesOthers && (owner == "other" || name == "hand over" || test.role == "nobody"))
					f.stage(t, false)
					f.discard(t)
					f.clear(t)
				}
			}
		})
	}
}

// checkDrafts tries all with the one draft that there is.
func (f *fixture) checkDrafts(t *testing.T, a admin.Actor, name string, updates, discards, hidden bool) {
	t.Helper()
	id := f.drafts(t, operator).Drafts[0].TokenID
	want := map[bool]string{true: "yes", false: "no"}
	seen, err := f.Drafts(t.Context(), a, "articles", 0)
	if a.Role.Name != "nobody" && (err != nil || seen.Unseen != hidden || len(seen.Drafts) == 0 != hidden) {
		t.Errorf("%s: sees %+v, %v", name, seen, err)
	}
	if _, err := f.Draft(t.Context(), a, id); err == nil == hidden {
		t.Errorf("%s: its draft alone: %v", name, err)
	}
	if !discards {
		if _, err := f.DiscardAPI(t.Context(), a, "articles", seen.Seen); verdict(err) != "no" {
			t.Errorf("%s: discards all: %v", name, err)
		}
		if err := f.DiscardDraft(t.Context(), a, id, 0); err == nil || hidden && a.Role.Name != "nobody" && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: discards it: %v", name, err)
		}
	}
	if _, err = f.UpdateAPI(t.Context(), a, "articles", seen.Seen); verdict(err) != want[updates] && (updates || verdict(err) != "invalid") {
		t.Errorf("%s: updates: %v; want %s", name, err, want[updates])
	}
	if discards && !updates {
		if err := f.DiscardDraft(t.Context(), a, id, 0); err != nil {
			t.Errorf("%s: discards it: %v", name, err)
		}
	}
}

// A right counts when the API is updated, not when something was drafted.
func TestRightsAreAskedAtTheUpdate(t *testing.T) {
	f, _ := newManagement(t)
	ann := f.member(t, "ann", admin.RoleManager)
	f.stage(t, true)
	if _, _, err := f.Create(t.Context(), ann, newToken(func(d *admin.NewToken) { d.Type, d.Grants = token.FullAccess, nil })); err != nil {
		t.Fatal(err)
	}
	seen := f.drafts(t, ann).Seen
	f.role(t, store.Role{Name: "low", Read: store.All, Create: store.All, Ceiling: store.Ceiling{Types: []token.Type{token.ReadOnly}}})
	if _, err := f.UpdateAccount(t.Context(), operator, "ann", admin.AccountEdit{Role: new("low")}); err != nil {
		t.Fatal(err)
	}
	ann = f.signIn(t, "ann")
	if _, err := f.UpdateAPI(t.Context(), ann, "articles", seen); verdict(err) != "invalid" || !strings.Contains(err.Error(), "may hand out read-only only") {
		t.Errorf("got %v", err)
	}
	// Nor does a token act beyond what it was given.
	f.account(t, "boss", admin.RoleOwner)
	boss := f.through(t, "boss", "draft.*", "token.read")
	if _, err := f.UpdateAPI(t.Context(), boss, "articles", seen); verdict(err) != "no" {
		t.Errorf("through a token that can't create: %v", err)
	}
	none := f.through(t, "boss", "token.*")
	if _, err := f.UpdateAPI(t.Context(), none, "articles", seen); verdict(err) != "no" || !strings.Contains(err.Error(), "draft.update") {
		t.Errorf("through a token that can't update: %v", err)
	}
	if list, err := f.store.Tokens(t.Context(), "articles"); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// Who would become the owner of a token by a draft has no more of it until then, and who
// would lose it keeps the switch for a leak.
func TestDraftedOwners(t *testing.T) {
	f, _ := newManagement(t)
	ann, bob := f.member(t, "ann", admin.RoleMember), f.member(t, "bob", admin.RoleMember)
	made, secret := f.create(t, nil)
	f.stage(t, true)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Owner: new("bob")}); err != nil {
		t.Fatal(err)
	}
	for _, a := range []admin.Actor{ann, bob} {
		_, _, regenerate := f.Regenerate(t.Context(), a, made.ID, 0, 0)
		_, edit := f.Update(t.Context(), a, made.ID, admin.Edit{Name: new("mine")})
		_, remove := f.Delete(t.Context(), a, made.ID, 0)
		_, update := f.UpdateAPI(t.Context(), a, "articles", f.drafts(t, a).Seen)
		change := map[string]string{"ann": "invalid", "bob": "unknown"}[a.Name()] // ann's draft is in the way
		for i, err := range []error{regenerate, edit, remove, update} {
			if want := []string{change, change, change, "no"}[i]; verdict(err) != want {
				t.Errorf("%s, %d: %v", a.Name(), i, err)
			}
		}
	}
	if _, err := f.Find(t.Context(), bob, "", made.ID); outcome(err) != "unknown" {
		t.Errorf("bob finds it: %v", err)
	}
	if _, err := f.DisableNow(t.Context(), bob, made.ID, 0); outcome(err) != "unknown" || !f.works(t, secret) {
		t.Errorf("bob disables it: %v", err)
	}
	if _, err := f.DisableNow(t.Context(), ann, made.ID, 0); err != nil || f.works(t, secret) {
		t.Errorf("ann can't disable it: %v", err)
	}
	f.update(t, operator)
	if found, err := f.Find(t.Context(), bob, "", made.ID); err != nil || found.Enabled {
		t.Errorf("then bob has %+v, %v", found, err)
	}
}

// No draft gives a token to an account that is gone, or to the next one of its name.
func TestDraftsOfRemovedAccounts(t *testing.T) {
	for name, test := range map[string]struct {
		plan  admin.TokenPlan
		owner string // of the new token and the old one then
	}{
		"delete":    {admin.TokenPlan{Delete: true}, "boss"},
		"hand over": {admin.TokenPlan{HandTo: "heir"}, "boss, heir, heir"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := newManagement(t)
			for _, account := range []string{"ann", "heir", "boss"} {
				f.account(t, account, admin.RoleMember)
			}
			others, _ := f.create(t, func(d *admin.NewToken) { d.Name, d.Owner = "boss's", "boss" })
			old, _ := f.create(t, func(d *admin.NewToken) { d.Name = "old" })
			f.stage(t, true)
			made, secret := f.create(t, func(d *admin.NewToken) { d.Name = "new" })
			_, err1 := f.Update(t.Context(), operator, others.ID, admin.Edit{Owner: new("ann"), Name: new("handed")})
			_, err2 := f.Update(t.Context(), operator, old.ID, admin.Edit{Description: new("drafted")})
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			var plan *admin.PlanError
			if _, err := f.DeleteAccount(t.Context(), operator, "ann", 0, admin.TokenPlan{}); !errors.As(err, &plan) || plan.Tokens != 2 {
				t.Errorf("got %v", err)
			}
			done, err := f.DeleteAccount(t.Context(), operator, "ann", 0, test.plan)
			if err != nil || done.Deleted+done.HandedOver != 2 {
				t.Fatalf("got %+v, %v", done, err)
			}
			f.account(t, "ann", admin.RoleMember)
			f.update(t, operator)
			var owners []string
			for _, id := range []string{others.ID, old.ID, made.ID} {
				if found, err := f.store.Token(t.Context(), id); err == nil {
					owners = append(owners, found.Owner)
				}
			}
			if got := strings.Join(owners, ", "); got != test.owner {
				t.Errorf("owners are %s; want %s", got, test.owner)
			}
			if found, err := f.store.Token(t.Context(), others.ID); err != nil || found.Name != "handed" {
				t.Errorf("the rest of the draft is lost: %+v, %v", found, err)
			}
			if f.works(t, secret) != (test.plan.HandTo != "") {
				t.Error("the new secret works, or doesn't")
			}
		})
	}
}

// What happens to accounts and roles holds at once, drafts or not.
func TestOverreachIsDisabledAtOnce(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleMember)
	made, secret := f.create(t, func(d *admin.NewToken) { d.Type, d.Grants = token.FullAccess, nil })
	f.stage(t, true)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Name: new("renamed")}); err != nil {
		t.Fatal(err)
	}
	f.role(t, store.Role{Name: "low", Read: store.Own, Create: store.Own, Ceiling: store.Ceiling{Types: []token.Type{token.ReadOnly}}})
	change, err := f.UpdateAccount(t.Context(), operator, "ann", admin.AccountEdit{Role: new("low"), Disable: true})
	if err != nil || change.Overreach.Count() != 1 || f.works(t, secret) {
		t.Errorf("got %+v, %v", change, err)
	}
	f.update(t, operator)
	if got := f.gated(t, secret); got != "renamed full-access [] disabled" {
		t.Errorf("a gate finds %s", got)
	}
}

// A draft that can't be understood is never put in force, and can be dropped.
func TestUnreadableDraft(t *testing.T) {
	f, _ := newManagement(t)
	ann := f.member(t, "ann", admin.RoleMember)
	made, secret := f.create(t, nil)
	f.stage(t, true)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Name: new("renamed")}); err != nil {
		t.Fatal(err)
	}
	f.sql(t, `UPDATE drafts SET draft = '{"token":{}}'`)
	list, err := f.Drafts(t.Context(), operator, "articles", 0)
	if !errors.Is(err, store.ErrUnreadable) || len(list.Drafts) != 0 {
		t.Errorf("got %+v, %v", list, err)
	}
	if _, err := f.UpdateAPI(t.Context(), operator, "articles", list.Seen); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("updated: %v", err)
	}
	if list, err := f.Drafts(t.Context(), ann, "articles", 0); err != nil || !list.Unseen {
		t.Errorf("for ann: %+v, %v", list, err)
	}
	if _, err := f.Update(t.Context(), ann, made.ID, admin.Edit{Name: new("other")}); problems(t, err) != "draft" {
		t.Errorf("edited: %v", err)
	}
	if err := f.DiscardDraft(t.Context(), ann, made.ID, 0); outcome(err) != "unknown" {
		t.Errorf("dropped by ann: %v", err)
	}
	if _, err := f.DisableNow(t.Context(), ann, made.ID, 0); err != nil || f.works(t, secret) {
		t.Errorf("disabled at once: %v", err)
	}
	if err := f.DiscardDraft(t.Context(), operator, made.ID, 0); err != nil {
		t.Error(err)
	}
	if _, err := f.Update(t.Context(), ann, made.ID, admin.Edit{Name: new("other")}); err != nil {
		t.Error(err)
	}
}

// sql runs a statement on the file of the store.
func (f *fixture) sql(t *testing.T, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// What somebody else drafted gives whoever updates no right over a token either.
func TestUpdateGainsNothing(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, store.Role{Name: "editor", Read: store.All, Update: store.All, Regenerate: store.Own, Delete: store.Own})
	f.account(t, "other", admin.RoleMember)
	self := f.member(t, "self", "editor")
	made, _ := f.create(t, func(d *admin.NewToken) { d.Owner = "other" })
	f.stage(t, true)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Owner: new("self")}); err != nil {
		t.Fatal(err)
	}
	_, err := f.UpdateAPI(t.Context(), self, "articles", f.drafts(t, self).Seen)
	if verdict(err) != "no" {
		t.Errorf("got %v: %v", verdict(err), err)
	}
}

// A draft that makes somebody the owner gives them no right over the token as it works now.
func TestDraftedOwnerMayNotYet(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, store.Role{Name: "own", Read: store.All, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own})
	f.account(t, "other", admin.RoleMember)
	self := f.member(t, "self", "own")
	made, _ := f.create(t, func(d *admin.NewToken) { d.Owner = "other" })
	f.stage(t, true)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Owner: new("self")}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Update(t.Context(), self, made.ID, admin.Edit{Description: new("x")}); outcome(err) != "no" {
		t.Errorf("update: %v", err)
	}
	if _, err := f.SetEnabled(t.Context(), self, made.ID, 0, false); outcome(err) != "no" {
		t.Errorf("disable: %v", err)
	}
	if _, _, err := f.Regenerate(t.Context(), self, made.ID, 0, 0); outcome(err) != "no" {
		t.Errorf("regenerate: %v", err)
	}
	if _, err := f.Delete(t.Context(), self, made.ID, 0); outcome(err) != "no" {
		t.Errorf("delete: %v", err)
	}
}
