package admin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestCreateAccount(t *testing.T) {
	f, _ := newManagement(t)
	f.create(t, func(d *admin.NewToken) { d.Owner = "ann@example.com" })
	made, inherited, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: " Ann@Example.com ", Role: admin.RoleMember, Password: password})
	if err != nil || made.Name != "ann@example.com" || inherited != 1 || !made.HasPassword || !made.Enabled || made.Version != 1 {
		t.Fatalf("got %+v, %d, %v", made, inherited, err)
	}
	for _, test := range []struct {
		name   string
		asked  admin.NewAccount
		fields string
	}{
		{"taken", admin.NewAccount{Name: "ANN@example.com", Role: "member"}, "name"},
		{"empty name", admin.NewAccount{Role: "member"}, "name"},
		{"blank", admin.NewAccount{Name: "a b", Role: "member"}, "name"},
		{"first a dot", admin.NewAccount{Name: ".a", Role: "member"}, "name"},
		{"long", admin.NewAccount{Name: strings.Repeat("a", 65), Role: "member"}, "name"},
		{"letters of elsewhere", admin.NewAccount{Name: "ѕam", Role: "member"}, "name"},
		{"wildcard", admin.NewAccount{Name: "*", Role: "member"}, "name"},
		{"no role", admin.NewAccount{Name: "bob"}, "role"},
		{"unknown role", admin.NewAccount{Name: "bob", Role: "Owner"}, "role"},
		{"short password", admin.NewAccount{Name: "bob", Role: "member", Password: "elevenchars"}, "password"},
		{"long password", admin.NewAccount{Name: "bob", Role: "member", Password: strings.Repeat("x", 257)}, "password"},
		{"subject with a line break", admin.NewAccount{Name: "bob", Role: "member", Subject: "a\nb"}, "subject"},
		{"everything", admin.NewAccount{Name: "?", Role: "?", Password: "?"}, "name password role"},
	} {
		_, _, err := f.CreateAccount(t.Context(), operator, test.asked)
		if got := problems(t, err); got != test.fields {
			t.Errorf("%s: problems with %q (%v); want %q", test.name, got, err, test.fields)
		}
	}
	f.account(t, "off", admin.RoleMember)
	if _, err := f.UpdateAccount(t.Context(), operator, "off", admin.AccountEdit{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	if names, err := f.AccountNames(t.Context(), operator); err != nil || strings.Join(names, " ") != "ann@example.com" {
		t.Errorf("tokens can be handed to %q, %v", names, err)
	}
	if _, err := f.DeleteAccount(t.Context(), operator, "off", 0, admin.TokenPlan{}); err != nil {
		t.Fatal(err)
	}
	page, err := f.Accounts(t.Context(), operator, admin.Paging{Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Next != "" {
		t.Errorf("got %+v, %v", page, err)
	}
}

// The last enabled owner stays, whoever asks.
func TestLastOwner(t *testing.T) {
	f, _ := newManagement(t)
	ann := f.member(t, "ann", admin.RoleOwner)
	f.account(t, "bob", admin.RoleMember)
	f.account(t, "off", admin.RoleOwner)
	if _, err := f.UpdateAccount(t.Context(), operator, "off", admin.AccountEdit{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func(a admin.Actor) error{
		"remove": func(a admin.Actor) error {
			_, err := f.DeleteAccount(t.Context(), a, "ann", 0, admin.TokenPlan{})
			return err
		},
		"disable": func(a admin.Actor) error {
			_, err := f.UpdateAccount(t.Context(), a, "ann", admin.AccountEdit{Enabled: new(false)})
			return err
		},
		"demote": func(a admin.Actor) error {
			_, err := f.UpdateAccount(t.Context(), a, "ann", admin.AccountEdit{Role: new(admin.RoleManager)})
			return err
		},
	}
	for name, call := range calls {
		for _, actor := range []admin.Actor{operator, ann} {
			if err := call(actor); !errors.Is(err, admin.ErrLastOwner) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := f.UpdateAccount(t.Context(), ann, "bob", admin.AccountEdit{Role: new(admin.RoleOwner)}); err != nil {
		t.Fatal(err)
	}
	if err := calls["demote"](ann); err != nil {
		t.Errorf("with another owner: %v", err)
	}
}

// An owner who has nothing to sign in by is none to be left with.
func TestLastOwnerCanSignIn(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	if _, _, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: "waiting", Role: admin.RoleOwner}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.DeleteAccount(t.Context(), operator, "ann", 0, admin.TokenPlan{}); !errors.Is(err, admin.ErrLastOwner) {
		t.Errorf("removing: %v", err)
	}
	if _, err := f.UpdateAccount(t.Context(), operator, "ann", admin.AccountEdit{Password: new("")}); !errors.Is(err, admin.ErrLastOwner) {
		t.Errorf("taking the password away: %v", err)
	}
	if _, err := f.UpdateAccount(t.Context(), operator, "ann", admin.AccountEdit{Password: new(""), Subject: new("header:ann")}); err != nil {
		t.Errorf("a subject in its place: %v", err)
	}
	if _, err := f.UpdateAccount(t.Context(), operator, "waiting", admin.AccountEdit{Subject: new("header:boss")}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.DeleteAccount(t.Context(), operator, "ann", 0, admin.TokenPlan{}); err != nil {
		t.Errorf("with another owner: %v", err)
	}
}

// Two owners that remove each other at once: one is left.
func TestLastOwnerAtOnce(t *testing.T) {
	f, _ := newManagement(t)
	for round := range 10 {
		names := []string{fmt.Sprint("ann", round), fmt.Sprint("bob", round)}
		var actors []admin.Actor
		for _, name := range names {
			actors = append(actors, f.member(t, name, admin.RoleOwner))
		}
		if round > 0 {
			clearOwners(t, f, names)
		}
		errs := make(chan error, 2)
		for i := range names {
			go func() {
				if round%2 == 0 {
					_, err := f.DeleteAccount(t.Context(), actors[i], names[1-i], 0, admin.TokenPlan{})
					errs <- err
					return
				}
				_, err := f.UpdateAccount(t.Context(), actors[i], names[i], admin.AccountEdit{Role: new(admin.RoleMember)})
				errs <- err
			}()
		}
		first, second := <-errs, <-errs
		if (first == nil) == (second == nil) {
			t.Errorf("%v and %v; want one to be refused", first, second)
		}
	}
}

// clearOwners leaves the named ones as the only owners.
func clearOwners(t *testing.T, f *fixture, keep []string) {
	t.Helper()
	page, err := f.Accounts(t.Context(), operator, admin.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range page.Items {
		if a.Role == admin.RoleOwner && a.Name != keep[0] && a.Name != keep[1] {
			if _, err := f.DeleteAccount(t.Context(), operator, a.Name, 0, admin.TokenPlan{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestDeleteAccount(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "boss", admin.RoleOwner)
	f.account(t, "off", admin.RoleMember)
	if _, err := f.UpdateAccount(t.Context(), operator, "off", admin.AccountEdit{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	leaver := f.member(t, "ann", admin.RoleMember)
	made, secret := f.create(t, nil)
	acting := f.through(t, "ann")
	_, err := f.DeleteAccount(t.Context(), operator, "ann", 0, admin.TokenPlan{})
	if plan, ok := errors.AsType[*admin.PlanError](err); !ok || plan.Tokens != 2 {
		t.Fatalf("without a plan: %v", err)
	}
	for name, plan := range map[string]admin.TokenPlan{
		"to nobody": {HandTo: "nobody"}, "to itself": {HandTo: "ann"}, "to a disabled one": {HandTo: "off"}, "both": {HandTo: "boss", Delete: true},
	} {
		if _, err := f.DeleteAccount(t.Context(), operator, "ann", 0, plan); problems(t, err) != "hand_to" {
			t.Errorf("%s: %v", name, err)
		}
	}
	done, err := f.DeleteAccount(t.Context(), operator, "ann", 0, admin.TokenPlan{HandTo: "Boss"})
	if err != nil || done.HandedOver != 1 || done.Deleted != 1 {
		t.Fatalf("got %+v, %v", done, err)
	}
	if now, err := f.Find(t.Context(), operator, "", made.ID); err != nil || now.Owner != "boss" || !f.works(t, secret) {
		t.Errorf("got %+v, %v", now, err)
	}
	if _, err := f.Find(t.Context(), operator, "", acting.Token.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a token that acts for somebody was handed over: %v", err)
	}
	if _, err := f.Account(t.Context(), leaver, "ann"); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("the session goes on: %v", err)
	}
	f.account(t, "bob", admin.RoleMember)
	f.create(t, func(d *admin.NewToken) { d.Name, d.Owner = "bob's", "bob" })
	if done, err = f.DeleteAccount(t.Context(), operator, "bob", 0, admin.TokenPlan{Delete: true}); err != nil || done.Deleted != 1 {
		t.Errorf("got %+v, %v", done, err)
	}
}

// Who manages accounts but not tokens has no say over those of a leaver.
func TestDeletingTokensNeedsTheRight(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, store.Role{Name: "hr", Read: store.Own, Accounts: true})
	hr := f.member(t, "hr", "hr")
	f.role(t, role("empty"))
	f.account(t, "ann", "empty")
	f.create(t, nil)
	for _, plan := range []admin.TokenPlan{{Delete: true}, {HandTo: "hr"}} {
		if _, err := f.DeleteAccount(t.Context(), hr, "ann", 0, plan); outcome(err) != "no" {
			t.Errorf("%+v: %v", plan, err)
		}
	}
}

// A new password or role, and disabling, ends sessions; other changes don't.
func TestWhatEndsSessions(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, role("spare"))
	for _, test := range []struct {
		name string
		edit admin.AccountEdit
		ends bool
	}{
		{"nothing", admin.AccountEdit{}, false},
		{"the same role", admin.AccountEdit{Role: new(admin.RoleMember)}, false},
		{"role", admin.AccountEdit{Role: new("spare")}, true},
		{"password", admin.AccountEdit{Password: new("another long one")}, true},
		{"no password", admin.AccountEdit{Password: new("")}, true},
		{"disabled", admin.AccountEdit{Enabled: new(false)}, true},
		{"subject", admin.AccountEdit{Subject: new("sub-1")}, true},
		{"dry run", admin.AccountEdit{Role: new("spare"), DryRun: true}, false},
	} {
		actor := f.member(t, "ann", admin.RoleMember)
		if _, err := f.UpdateAccount(t.Context(), operator, "ann", test.edit); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		_, err := f.Account(t.Context(), actor, "ann")
		if errors.Is(err, admin.ErrSignedOut) != test.ends {
			t.Errorf("%s: %v", test.name, err)
		}
		if sessions, err := f.store.Sessions(t.Context(), ""); err != nil || (len(sessions) == 0) != test.ends {
			t.Errorf("%s: %d sessions are left, %v", test.name, len(sessions), err)
		}
		if _, err := f.DeleteAccount(t.Context(), operator, "ann", 0, admin.TokenPlan{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChangePassword(t *testing.T) {
	f, _ := newManagement(t)
	first := f.member(t, "ann", admin.RoleOwner)
	second := f.signIn(t, "ann")
	if _, err := f.UpdateAccount(t.Context(), first, "ann", admin.AccountEdit{Password: new("without the old")}); problems(t, err) != "password" {
		t.Errorf("without the present one: %v", err)
	}
	if _, err := f.ChangePassword(t.Context(), first, "wrong password", "another long one"); problems(t, err) != "current" {
		t.Errorf("with a wrong one: %v", err)
	}
	if _, err := f.ChangePassword(t.Context(), first, password, "short"); problems(t, err) != "password" {
		t.Errorf("to a short one: %v", err)
	}
	if _, err := f.ChangePassword(t.Context(), first, password, "another long one"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Account(t.Context(), second, "ann"); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("the other session: %v", err)
	}
	if _, err := f.SignIn(t.Context(), "ann", password, admin.From{Address: home}); !errors.Is(err, admin.ErrSignInRefused) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := f.SignIn(t.Context(), "ann", "another long one", admin.From{Address: home}); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// Two editors of one account or role.
func TestEditsOfOldVersions(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleMember)
	f.role(t, role("team"))
	for range 2 { // signing in raises no version
		f.signIn(t, "ann")
	}
	if _, err := f.UpdateAccount(t.Context(), operator, "ann", admin.AccountEdit{Version: 1, Subject: new("x")}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UpdateAccount(t.Context(), operator, "ann", admin.AccountEdit{Version: 1, Subject: new("y")}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("account: %v", err)
	}
	r := role("team")
	r.Version, r.Audit = 1, true
	if _, err := f.UpdateRole(t.Context(), operator, admin.RoleEdit{Role: r}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UpdateRole(t.Context(), operator, admin.RoleEdit{Role: r}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("role: %v", err)
	}
}

func TestRoles(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, role("zeta"))
	f.role(t, role("alpha"))
	var names []string
	p := admin.Paging{Limit: 2}
	for {
		page, err := f.Roles(t.Context(), operator, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			names = append(names, r.Name)
		}
		if p.After = page.Next; p.After == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "owner manager member auditor alpha zeta" {
		t.Errorf("got %s", got)
	}
	for _, name := range []string{admin.RoleOwner, admin.RoleManager, admin.RoleMember, admin.RoleAuditor} {
		_, errCreate := f.CreateRole(t.Context(), operator, role(name))
		_, errUpdate := f.UpdateRole(t.Context(), operator, admin.RoleEdit{Role: role(name)})
		errDelete := f.DeleteRole(t.Context(), operator, name, 0)
		for _, err := range []error{errCreate, errUpdate, errDelete} {
			if !errors.Is(err, admin.ErrBuiltIn) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Nor does one count that came into the store by another way.
		shadow := role(name)
		shadow.Audit, shadow.Accounts, shadow.Updated = true, true, start
		if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.CreateRole(t.Context(), shadow) }); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := f.Role(t.Context(), operator, admin.RoleMember); err != nil || got.Audit || got.Read != store.Own {
		t.Errorf("shadowed: %+v, %v", got, err)
	}
	f.account(t, "ann", "alpha")
	if err := f.DeleteRole(t.Context(), operator, "alpha", 0); !strings.Contains(fmt.Sprint(err), "1 account has the role alpha") {
		t.Errorf("a role in use: %v", err)
	}
	if err := f.DeleteRole(t.Context(), operator, "zeta", 0); err != nil {
		t.Error(err)
	}
	if err := f.DeleteRole(t.Context(), operator, "zeta", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a role that is gone: %v", err)
	}
}

func TestRoleFields(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, role("taken"))
	for _, test := range []struct {
		name   string
		change func(*store.Role)
		fields string
	}{
		{"taken", func(r *store.Role) { r.Name = "taken" }, "name"},
		{"bad name", func(r *store.Role) { r.Name = "Team" }, "name"},
		{"bad scope", func(r *store.Role) { r.Delete = "some" }, "delete"},
		{"no scope", func(r *store.Role) { r.Read = "" }, "read"},
		{"further than read", func(r *store.Role) { r.Read, r.Update = store.Own, store.All }, "update"},
		{"unknown API", func(r *store.Role) { r.Ceiling.APIs = []string{"artcles"} }, "ceiling.apis"},
		{"unknown type", func(r *store.Role) { r.Ceiling.Types = []token.Type{"root"} }, "ceiling.types"},
		{"unknown permission", func(r *store.Role) { r.Ceiling.Grants = []string{"article.fnd"} }, "ceiling.grants"},
		{"a permission of another API", func(r *store.Role) {
			r.Ceiling.APIs, r.Ceiling.Grants = []string{"articles"}, []string{"token.read"}
		}, "ceiling.grants"},
		{"a permission of an unknown API", func(r *store.Role) {
			r.Ceiling.APIs, r.Ceiling.Grants = []string{"artcles"}, []string{"article.find"}
		}, "ceiling.apis"},
		{"a permission of no API", func(r *store.Role) {
			r.Ceiling.APIs, r.Ceiling.Grants = []string{}, []string{"article.find"}
		}, "ceiling.apis"},
		{"empty lists", func(r *store.Role) {
			r.Ceiling = store.Ceiling{APIs: []string{}, Types: []token.Type{}, Grants: []string{}}
		}, "ceiling.apis ceiling.types ceiling.grants"},
	} {
		r := role("made")
		test.change(&r)
		_, err := f.CreateRole(t.Context(), operator, r)
		if got := problems(t, err); got != test.fields {
			t.Errorf("%s: %s (%v); want %s", test.name, got, err, test.fields)
		}
	}
}

// A role that shrinks says which tokens are mightier than it now.
func TestOverreach(t *testing.T) {
	f, _ := newManagement(t)
	team := store.Role{Name: "team", Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own}
	f.role(t, team)
	f.account(t, "ann", "team")
	f.account(t, "bob", "team")
	f.account(t, "eve", admin.RoleMember)
	within, _ := f.create(t, func(d *admin.NewToken) { d.Grants = []string{"article.find"} })
	over, secret := f.create(t, func(d *admin.NewToken) { d.Name, d.Owner = "over", "bob" })
	off, _ := f.create(t, func(d *admin.NewToken) { d.Name = "off" })
	f.create(t, func(d *admin.NewToken) { d.Name, d.Owner = "eve's", "eve" })
	if _, err := f.SetEnabled(t.Context(), operator, off.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	shrunk := team
	shrunk.Ceiling.Grants = []string{"article.find"}
	for _, test := range []struct {
		edit    admin.RoleEdit
		version int64
		works   bool
	}{
		{admin.RoleEdit{Role: shrunk, Disable: true, DryRun: true}, 1, true},
		{admin.RoleEdit{Role: shrunk}, 2, true},
		{admin.RoleEdit{Role: shrunk, Disable: true}, 3, false},
	} {
		change, err := f.UpdateRole(t.Context(), operator, test.edit)
		if err != nil || len(change.Overreach.Tokens) != 1 || change.Overreach.Tokens[0].ID != over.ID {
			t.Fatalf("got %+v, %v; want %s alone", change, err, over.ID)
		}
		if now, err := f.Role(t.Context(), operator, "team"); err != nil || now.Version != test.version || f.works(t, secret) != test.works {
			t.Errorf("version %d, %v; works: %v", now.Version, err, f.works(t, secret))
		}
	}
	if change, err := f.UpdateRole(t.Context(), operator, admin.RoleEdit{Role: shrunk}); err != nil || change.Overreach.Count() != 0 {
		t.Errorf("when it is disabled: %+v, %v", change, err)
	}
	change, err := f.UpdateAccount(t.Context(), operator, "eve", admin.AccountEdit{Role: new("team"), Disable: true})
	if err != nil || len(change.Overreach.Tokens) != 1 || change.Overreach.Tokens[0].Enabled {
		t.Errorf("an account that gets the role: %+v, %v", change, err)
	}
	if now, err := f.Find(t.Context(), operator, "", within.ID); err != nil || !now.Enabled {
		t.Errorf("a token within: %+v, %v", now, err)
	}
}

// interrupted is a store in which something happens in front of the next change.
type interrupted struct {
	store.Store
	first func()
}

func (i *interrupted) Change(ctx context.Context, fn func(store.Tx) error) error {
	if first := i.first; first != nil {
		i.first = nil
		first()
	}
	return i.Store.Change(ctx, fn)
}

// Security rule 21: rights are asked for in the transaction, so that none is lost in between.
func TestRightsAreReadInTheTransaction(t *testing.T) {
	for _, action := range tokenActions {
		if !strings.Contains("update disable regenerate delete create", action.name) {
			continue
		}
		f, _ := newManagement(t)
		made, _ := f.create(t, func(d *admin.NewToken) { d.Owner = "self" })
		actor := f.member(t, "self", admin.RoleMember)
		between := &interrupted{Store: f.store, first: func() {
			if _, err := f.UpdateAccount(t.Context(), operator, "self", admin.AccountEdit{Enabled: new(false)}); err != nil {
				t.Error(err)
			}
		}}
		racing := &fixture{Service: admin.New(between, func() time.Time { return f.now }, rand.Reader), store: f.store, now: f.now}
		if err := action.do(t, racing, actor, made); !errors.Is(err, admin.ErrSignedOut) {
			t.Errorf("%s by an account that was disabled in between: %v", action.name, err)
		}
	}
}

// The last one of a page may have ended when the next page is asked for.
func TestCursorsOfSessionsOutliveThem(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	ann := f.signIn(t, "ann")
	for i := range 6 {
		f.signIn(t, "ann")
		f.now = f.now.Add(time.Duration(i%2) * time.Second) // some begin at the same moment
	}
	var want, got []string
	all, err := f.Sessions(t.Context(), ann, "", admin.Paging{})
	if err != nil || len(all.Items) != 7 {
		t.Fatal(len(all.Items), err)
	}
	for _, session := range all.Items {
		want = append(want, session.ID)
	}
	for p := (admin.Paging{Limit: 2}); ; {
		page, err := f.Sessions(t.Context(), ann, "", p)
		if err != nil {
			t.Fatal(err)
		}
		for _, session := range page.Items {
			got = append(got, session.ID)
			if !session.Current {
				if err := f.DeleteSession(t.Context(), ann, session.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		if p.After = page.Next; p.After == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
	for _, after := range []string{"x", want[0]} {
		if _, err := f.Sessions(t.Context(), ann, "", admin.Paging{After: after}); !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("%s: %v", after, err)
		}
	}
}
