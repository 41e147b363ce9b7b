package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// tokenActions are all that can be done with a token that is there.
var tokenActions = []struct {
	name string
	do   func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error
}{
	{"find", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.Find(t.Context(), a, made.API, made.Name)
		_, byID := f.Find(t.Context(), a, "", made.ID)
		_, anywhere := f.Find(t.Context(), a, "", made.Name)
		if outcome(err) != outcome(byID) || outcome(err) != outcome(anywhere) {
			t.Errorf("by name %v, by id %v, in any API %v", err, byID, anywhere)
		}
		return err
	}},
	{"list", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		tokens, err := f.List(t.Context(), a, admin.Filter{})
		page, errPage := f.Tokens(t.Context(), a, store.TokenQuery{})
		ofOwner, errOwner := f.Tokens(t.Context(), a, store.TokenQuery{Owner: made.Owner})
		if outcome(err) != outcome(errPage) || has(tokens, made.ID) != has(page.Tokens, made.ID) || has(ofOwner.Tokens, made.ID) != has(tokens, made.ID) {
			t.Errorf("list %v %d, page %v %d, of owner %v %d", err, len(tokens), errPage, len(page.Tokens), errOwner, len(ofOwner.Tokens))
		}
		if err == nil && !has(tokens, made.ID) {
			return store.ErrNotFound
		}
		return err
	}},
	{"usage", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.Usage(t.Context(), a, made.ID, time.Time{})
		return err
	}},
	{"secrets", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.Secrets(t.Context(), a, made.ID)
		return err
	}},
	{"history", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.TokenEvents(t.Context(), a, made.ID, admin.Paging{})
		return err
	}},
	{"explain", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.Explain(t.Context(), a, made.ID, gate.Asked{Method: "GET", Target: "/api/articles"})
		return err
	}},
	{"update", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.Update(t.Context(), a, made.ID, admin.Edit{Description: new("changed")})
		return err
	}},
	{"hand over", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.Update(t.Context(), a, made.ID, admin.Edit{Owner: new("third")})
		return err
	}},
	{"disable", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.SetEnabled(t.Context(), a, made.ID, 0, false)
		return err
	}},
	{"enable", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.SetEnabled(t.Context(), operator, made.ID, 0, false)
		if err == nil {
			_, err = f.SetEnabled(t.Context(), a, made.ID, 0, true)
		}
		return err
	}},
	{"regenerate", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, _, err := f.Regenerate(t.Context(), a, made.ID, 0, 0)
		return err
	}},
	{"delete", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, err := f.Delete(t.Context(), a, made.ID, 0)
		return err
	}},
	{"create", func(t *testing.T, f *fixture, a admin.Actor, made token.Token) error {
		_, _, err := f.Create(t.Context(), a, newToken(func(d *admin.NewToken) { d.Name, d.Owner = "another", made.Owner }))
		return err
	}},
}

func has(tokens []token.Token, id string) bool {
	for _, t := range tokens {
		if t.ID == id {
			return true
		}
	}
	return false
}

const allActions = "find list usage secrets history explain update hand over disable enable regenerate delete create"

// Every role, every action, with one's own token and with that of somebody else.
// What is in neither list is refused, and what is hidden is not there at all.
func TestRightsOfRoles(t *testing.T) {
	reads := "find list usage secrets history explain"
	for _, test := range []struct {
		role                 string
		own, others          string // allowed
		hidesOwn, hidesOther string // as if it were not there; the rest is refused
	}{
		{admin.RoleOwner, allActions, allActions, "", ""},
		{admin.RoleManager, allActions, allActions, "", ""},
		{admin.RoleMember, strings.Replace(allActions, "hand over ", "", 1), "", "", strings.Replace(allActions, " create", "", 1)},
		{admin.RoleAuditor, reads, reads, "", ""},
		{"reader", reads, "", "", strings.Replace(allActions, " create", "", 1)},
		{"rotator", reads + " regenerate", reads + " regenerate", "", ""},
		{"switcher", reads + " update disable enable", reads, "", ""},
		{"cleaner", reads + " delete", reads + " delete", "", ""},
		{"maker", reads + " create", reads, "", ""},
		{"nobody", "", "", "hand over update disable enable regenerate delete", "hand over update disable enable regenerate delete"},
	} {
		t.Run(test.role, func(t *testing.T) {
			f, _ := newManagement(t)
			f.role(t, store.Role{Name: "reader", Read: store.Own})
			f.role(t, store.Role{Name: "rotator", Read: store.All, Regenerate: store.All})
			f.role(t, store.Role{Name: "switcher", Read: store.All, Update: store.Own})
			f.role(t, store.Role{Name: "cleaner", Read: store.All, Delete: store.All})
			f.role(t, store.Role{Name: "maker", Read: store.All, Create: store.Own})
			f.role(t, store.Role{Name: "nobody"})
			f.account(t, "third", admin.RoleMember)
			f.account(t, "other", admin.RoleMember)
			f.account(t, "self", test.role)
			for _, action := range tokenActions {
				for _, owner := range []string{"self", "other"} {
					allowed, hidden := test.own, test.hidesOwn
					if owner == "other" {
						allowed, hidden = test.others, test.hidesOther
					}
					want := "no"
					if strings.Contains(allowed, action.name) {
						want = "yes"
					} else if strings.Contains(hidden, action.name) {
						want = "unknown"
					}
					if test.role == "nobody" && strings.Contains("usage secrets history explain", action.name) {
						want = "unknown"
					}
					for _, staged := range []bool{false, true} { // drafting takes what doing it takes
						made, _ := f.create(t, func(d *admin.NewToken) { d.Owner = owner })
						actor := f.signIn(t, "self")
						f.stage(t, staged)
						if got := outcome(action.do(t, f, actor, made)); got != want {
							t.Errorf("%s of %s's token, staged %v: %s; want %s", action.name, owner, staged, got, want)
						}
						f.stage(t, false)
						f.discard(t)
						f.clear(t)
					}
				}
			}
		})
	}
}

// clear removes all tokens.
func (f *fixture) clear(t *testing.T) {
	t.Helper()
	tokens, err := f.List(t.Context(), operator, admin.Filter{})
	for _, made := range tokens {
		_, errDelete := f.Delete(t.Context(), operator, made.ID, 0)
		err = errors.Join(err, errDelete)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What is not about tokens.
func TestRightsBeyondTokens(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "other", admin.RoleMember)
	f.role(t, store.Role{Name: "spare"})
	actions := []struct {
		name string
		do   func(a admin.Actor, i int) error
	}{
		{"catalogs", func(a admin.Actor, _ int) error { _, err := f.Catalogs(t.Context(), a); return err }},
		{"apis", func(a admin.Actor, _ int) error { _, err := f.APIs(t.Context(), a); return err }},
		{"own account", func(a admin.Actor, _ int) error { _, err := f.Account(t.Context(), a, a.Name()); return err }},
		{"names", func(a admin.Actor, _ int) error { _, err := f.AccountNames(t.Context(), a); return err }},
		{"own role", func(a admin.Actor, _ int) error { _, err := f.Role(t.Context(), a, a.Role.Name); return err }},
		{"own sessions", func(a admin.Actor, _ int) error {
			_, err := f.Sessions(t.Context(), a, "", admin.Paging{})
			return err
		}},
		{"accounts", func(a admin.Actor, _ int) error { _, err := f.Accounts(t.Context(), a, admin.Paging{}); return err }},
		{"account", func(a admin.Actor, _ int) error { _, err := f.Account(t.Context(), a, "other"); return err }},
		{"roles", func(a admin.Actor, _ int) error { _, err := f.Roles(t.Context(), a, admin.Paging{}); return err }},
		{"role", func(a admin.Actor, _ int) error { _, err := f.Role(t.Context(), a, "spare"); return err }},
		{"audit", func(a admin.Actor, _ int) error {
			_, err := f.Events(t.Context(), a, admin.EventQuery{}, admin.Paging{})
			return err
		}},
		{"export", func(a admin.Actor, _ int) error {
			return f.ExportEvents(t.Context(), a, admin.EventQuery{}, func(admin.EventRecord) error { return nil })
		}},
		{"all sessions", func(a admin.Actor, _ int) error {
			_, err := f.Sessions(t.Context(), a, "*", admin.Paging{})
			return err
		}},
		{"other's sessions", func(a admin.Actor, _ int) error {
			_, err := f.Sessions(t.Context(), a, "other", admin.Paging{})
			return err
		}},
		{"end other's sessions", func(a admin.Actor, _ int) error { return f.DeleteSessions(t.Context(), a, "other") }},
		{"end other's session", func(a admin.Actor, _ int) error {
			return f.DeleteSession(t.Context(), a, f.signIn(t, "other").Session)
		}},
		{"create account", func(a admin.Actor, i int) error {
			_, _, err := f.CreateAccount(t.Context(), a, admin.NewAccount{Name: fmt.Sprint("new", i), Role: admin.RoleMember})
			return err
		}},
		{"update account", func(a admin.Actor, _ int) error {
			_, err := f.UpdateAccount(t.Context(), a, "other", admin.AccountEdit{Enabled: new(true)})
			return err
		}},
		{"delete account", func(a admin.Actor, i int) error {
			f.account(t, fmt.Sprint("gone", i), admin.RoleMember)
			_, err := f.DeleteAccount(t.Context(), a, fmt.Sprint("gone", i), 0, admin.TokenPlan{})
			return err
		}},
		{"create role", func(a admin.Actor, i int) error {
			_, err := f.CreateRole(t.Context(), a, role(fmt.Sprint("new", i)))
			return err
		}},
		{"update role", func(a admin.Actor, _ int) error {
			_, err := f.UpdateRole(t.Context(), a, admin.RoleEdit{Role: role("spare")})
			return err
		}},
		{"delete role", func(a admin.Actor, i int) error {
			f.role(t, role(fmt.Sprint("gone", i)))
			return f.DeleteRole(t.Context(), a, fmt.Sprint("gone", i), 0)
		}},
	}
	const own = "/catalogs/apis/own account/own role/own sessions/"
	looks := own + "accounts/account/roles/role/audit/export/"
	hidden := "/account/role/all sessions/other's sessions/end other's sessions/end other's session/"
	for i, test := range []struct{ role, allowed, hidden string }{
		{admin.RoleOwner, "", ""},
		{admin.RoleManager, own + "names/", hidden},
		{admin.RoleMember, own, hidden},
		{admin.RoleAuditor, looks, "/all sessions/other's sessions/end other's sessions/end other's session/"},
	} {
		f.account(t, "as-"+test.role, test.role)
		for n, action := range actions {
			name := "/" + action.name + "/"
			want := "no"
			switch {
			case test.role == admin.RoleOwner || strings.Contains(test.allowed, name):
				want = "yes"
			case strings.Contains(test.hidden, name):
				want = "unknown"
			}
			if got := outcome(action.do(f.signIn(t, "as-"+test.role), 100*i+n)); got != want {
				t.Errorf("%s, %s: %s; want %s", test.role, action.name, got, want)
			}
		}
	}
	for _, action := range actions {
		if got := outcome(action.do(admin.Actor{}, 0)); got != admin.ErrSignedOut.Error() && action.name != "delete account" && action.name != "delete role" {
			t.Errorf("nobody, %s: %s", action.name, got)
		}
	}
}

func role(name string) store.Role {
	return store.Role{Name: name, Read: store.None, Create: store.None, Update: store.None, Regenerate: store.None, Delete: store.None}
}

// What Scope and May show is what the methods do.
func TestActorShowsWhatItMay(t *testing.T) {
	f, _ := newManagement(t)
	made, _ := f.create(t, func(d *admin.NewToken) { d.Owner = "ann" })
	for _, test := range []struct {
		name, role string
		update     bool
	}{
		{"ann", admin.RoleMember, true},
		{"bob", admin.RoleMember, false},
		{"eve", admin.RoleAuditor, false},
		{"max", admin.RoleManager, true},
	} {
		actor := f.member(t, test.name, test.role)
		if got := actor.May(admin.TokenUpdate, &made); got != test.update {
			t.Errorf("%s may update: %v", test.name, got)
		}
	}
	nobody := admin.Actor{}
	for _, right := range admin.Rights() {
		if scope := nobody.Scope(right); scope != store.None {
			t.Errorf("nobody may %s of %s", right, scope)
		}
		op := operator
		if scope := op.Scope(right); scope != store.All {
			t.Errorf("a command may %s of %s", right, scope)
		}
	}
}

// Nobody can tell a token that they may not read from one that is not there.
func TestHiddenTokensLookLikeNone(t *testing.T) {
	f, _ := newManagement(t)
	hidden, _ := f.create(t, func(d *admin.NewToken) { d.Owner = "other" })
	actor := f.member(t, "self", admin.RoleMember)
	const none = "tok_0123456789abcdef"
	for _, action := range tokenActions {
		if action.name == "create" || action.name == "list" || action.name == "enable" {
			continue
		}
		got := fmt.Sprint(action.do(t, f, actor, hidden))
		missing := hidden
		missing.ID, missing.Name = none, "none"
		want := fmt.Sprint(action.do(t, f, actor, missing))
		got = strings.ReplaceAll(strings.ReplaceAll(got, hidden.ID, none), `"ci"`, `"none"`)
		if got != want {
			t.Errorf("%s: %q; of one that is not there %q", action.name, got, want)
		}
	}
	other := f.member(t, "second", admin.RoleMember)
	if _, _, err := f.Create(t.Context(), other, newToken(func(d *admin.NewToken) { d.API, d.Owner = "orders", "" })); err != nil {
		t.Fatal(err)
	}
	// A name in two APIs must not be called ambiguous to who sees one of them.
	if found, err := f.Find(t.Context(), other, "", "ci"); err != nil || found.Owner != "second" {
		t.Errorf("got %+v, %v", found, err)
	}
}

// A role or an account that changes while somebody works holds with the next request.
func TestChangesOfRightsHoldAtOnce(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, store.Role{Name: "team", Read: store.All, Update: store.All})
	made, _ := f.create(t, func(d *admin.NewToken) { d.Owner = "other" })
	actor := f.member(t, "self", "team")
	script := f.through(t, "self")
	edit := func(a admin.Actor) string {
		_, err := f.Update(t.Context(), a, made.ID, admin.Edit{Description: new("x")})
		return outcome(err)
	}
	if edit(actor) != "yes" || edit(script) != "yes" {
		t.Fatal("the role does not count")
	}
	if _, err := f.UpdateRole(t.Context(), operator, admin.RoleEdit{Role: func() store.Role {
		r := role("team")
		r.Read = store.All
		return r
	}()}); err != nil {
		t.Fatal(err)
	}
	if got := edit(actor) + edit(script); got != "nono" {
		t.Errorf("after the role shrank: %s", got)
	}
	if _, err := f.UpdateAccount(t.Context(), operator, "self", admin.AccountEdit{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Find(t.Context(), actor, "", made.ID); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("a session of a disabled account: %v", err)
	}
	if _, err := f.Find(t.Context(), script, "", made.ID); outcome(err) != "no" {
		t.Errorf("a token of a disabled account: %v", err)
	}
}
