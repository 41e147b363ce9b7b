package admin_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestCeiling(t *testing.T) {
	for _, test := range []struct {
		name    string
		ceiling store.Ceiling
		change  func(*admin.NewToken)
		fields  string // that are too much
	}{
		{"none at all", store.Ceiling{}, func(d *admin.NewToken) { d.Type, d.Grants = token.FullAccess, nil }, ""},
		{"its API", store.Ceiling{APIs: []string{"articles"}}, nil, ""},
		{"another API", store.Ceiling{APIs: []string{"orders"}}, nil, "api"},
		{"its type", store.Ceiling{Types: []token.Type{token.Custom}}, nil, ""},
		{"another type", store.Ceiling{Types: []token.Type{token.ReadOnly}}, nil, "type"},
		{"its grants", store.Ceiling{Grants: []string{"article.*", "POST /api/search"}}, nil, ""},
		{"one grant too much", store.Ceiling{Grants: []string{"article.*"}}, nil, "grants"},
		{"both grants too much", store.Ceiling{Grants: []string{"article.create"}}, nil, "grants" + " grants"},
		{"full access beside grants", store.Ceiling{Grants: []string{"article.*"}}, func(d *admin.NewToken) { d.Type, d.Grants = token.FullAccess, nil }, "type"},
		{"read-only beside grants", store.Ceiling{Grants: []string{"article.*"}}, func(d *admin.NewToken) { d.Type, d.Grants = token.ReadOnly, nil }, "type"},
		{
			"read-only beside grants, as said",
			store.Ceiling{Types: []token.Type{token.ReadOnly}, Grants: []string{"article.*"}},
			func(d *admin.NewToken) { d.Type, d.Grants = token.ReadOnly, nil }, "",
		},
		{
			"everything",
			store.Ceiling{APIs: []string{"orders"}, Types: []token.Type{token.Custom}, Grants: []string{"GET /api/articles"}},
			func(d *admin.NewToken) { d.Type, d.Grants = token.FullAccess, nil }, "api type",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, _ := newManagement(t)
			f.role(t, store.Role{
				Name: "team", Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own, Ceiling: test.ceiling,
			})
			actor := f.member(t, "ann", "team")
			made, _ := f.create(t, test.change) // by somebody else, and handed over
			calls := map[string]func() error{
				"create": func() error {
					_, _, err := f.Create(t.Context(), actor, newToken(func(d *admin.NewToken) {
						if test.change != nil {
							test.change(d)
						}
						d.Name = "second"
					}))
					return err
				},
				"extend": func() error {
					_, err := f.Update(t.Context(), actor, made.ID, admin.Edit{Duration: new("unlimited")})
					return err
				},
			}
			for name, call := range calls {
				err := call()
				if test.fields == "" && err != nil {
					t.Errorf("%s: %v", name, err)
				} else if test.fields != "" && problems(t, err) != test.fields {
					t.Errorf("%s: %v; want problems with %s", name, err, test.fields)
				}
			}
			_, _, errRegenerate := f.Regenerate(t.Context(), actor, made.ID, 0, 0)
			_, errOff := f.SetEnabled(t.Context(), actor, made.ID, 0, false)
			_, errOn := f.SetEnabled(t.Context(), actor, made.ID, 0, true)
			_, errDelete := f.Delete(t.Context(), actor, made.ID, 0)
			want := "yes"
			if test.fields != "" {
				want = "no"
			}
			if got := outcome(errRegenerate); got != want {
				t.Errorf("regenerate: %s (%v)", got, errRegenerate)
			}
			if got := outcome(errOn); got != want {
				t.Errorf("enable: %s (%v)", got, errOn)
			}
			if errOff != nil || errDelete != nil {
				t.Errorf("what makes it less mighty must be possible: %v, %v", errOff, errDelete)
			}
		})
	}
}

// A token that is too mighty can be made less so.
func TestEditsIntoTheCeiling(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, store.Role{Name: "team", Read: store.Own, Update: store.Own, Ceiling: store.Ceiling{Grants: []string{"article.find"}}})
	actor := f.member(t, "ann", "team")
	made, _ := f.create(t, nil)
	if _, err := f.Update(t.Context(), actor, made.ID, admin.Edit{Name: new("x")}); problems(t, err) != "grants" {
		t.Error(err)
	}
	if _, err := f.Update(t.Context(), actor, made.ID, admin.Edit{Grants: &[]string{"article.find"}}); err != nil {
		t.Error(err)
	}
	if _, err := f.Update(t.Context(), actor, made.ID, admin.Edit{Grants: &[]string{"article.find", "GET /api/articles/1"}}); problems(t, err) != "grants" {
		t.Error(err)
	}
}

// Nobody gives a role, or has a say over one, that is mightier than their own.
func TestNobodyGivesMoreThanTheyHold(t *testing.T) {
	f, _ := newManagement(t)
	boss := store.Role{
		Name: "boss", Read: store.All, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own, Accounts: true,
		Ceiling: store.Ceiling{APIs: []string{"articles"}, Grants: []string{"article.*", "GET /api/*"}},
	}
	f.role(t, boss)
	actor := f.member(t, "ann", "boss")
	f.account(t, "lord", admin.RoleOwner)
	f.account(t, "low", admin.RoleOwner)
	f.role(t, role("empty"))
	if _, err := f.UpdateAccount(t.Context(), operator, "low", admin.AccountEdit{Role: new("empty")}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*store.Role)
		more   string
	}{
		{"the same", func(*store.Role) {}, ""},
		{"less", func(r *store.Role) {
			r.Accounts, r.Delete, r.Ceiling.Grants = false, store.None, []string{"article.find", "GET /api/x"}
		}, ""},
		{"wider scope", func(r *store.Role) { r.Create = store.All }, "create all"},
		{"audit", func(r *store.Role) { r.Audit = true }, "audit trail"},
		{"another API", func(r *store.Role) { r.Ceiling.APIs = []string{"orders"} }, "other APIs"},
		{"all APIs", func(r *store.Role) { r.Ceiling.APIs = nil }, "other APIs"},
		{"another type", func(r *store.Role) { r.Ceiling.Types = []token.Type{token.ReadOnly} }, "other types"},
		{"another grant", func(r *store.Role) { r.Ceiling.Grants = []string{"POST /api/x"} }, "other grants"},
		{"all grants", func(r *store.Role) { r.Ceiling.Grants = nil }, "other types, hand out other grants"},
	} {
		r := boss
		r.Name = "made"
		test.change(&r)
		_, err := f.CreateRole(t.Context(), actor, r)
		if test.more == "" && err != nil || test.more != "" && (outcome(err) != "no" || !strings.Contains(err.Error(), test.more)) {
			t.Errorf("making a role with %s: %v", test.name, err)
		}
		if err == nil {
			if err := f.DeleteRole(t.Context(), actor, "made", 0); err != nil {
				t.Error(err)
			}
		}
		f.role(t, r)
		_, _, err = f.CreateAccount(t.Context(), actor, admin.NewAccount{Name: "new", Role: "made"})
		_, errEdit := f.UpdateAccount(t.Context(), actor, "low", admin.AccountEdit{Role: new("made")})
		if test.more != "" {
			r.Description = "mine now"
			_, errEdit2 := f.UpdateRole(t.Context(), actor, admin.RoleEdit{Role: r})
			less := role("made")
			if _, err := f.UpdateRole(t.Context(), actor, admin.RoleEdit{Role: less, DryRun: true}); outcome(err) != "no" {
				t.Errorf("shrinking a role with %s: %v", test.name, err)
			}
			errDelete := f.DeleteRole(t.Context(), actor, "made", 0)
			if outcome(errEdit2) != "no" || outcome(errDelete) != "no" {
				t.Errorf("changing a role with %s: %v, deleting it: %v", test.name, errEdit2, errDelete)
			}
		}
		if (outcome(err) == "yes") != (test.more == "") || (outcome(errEdit) == "yes") != (test.more == "") {
			t.Errorf("giving a role with %s: %v, %v", test.name, err, errEdit)
		}
		if err == nil {
			_, err := f.DeleteAccount(t.Context(), operator, "new", 0, admin.TokenPlan{})
			_, errEdit := f.UpdateAccount(t.Context(), operator, "low", admin.AccountEdit{Role: new("empty")})
			if err != nil || errEdit != nil {
				t.Fatal(err, errEdit)
			}
		}
		if err := f.DeleteRole(t.Context(), operator, "made", 0); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range map[string]error{
		"own role": func() error {
			_, err := f.UpdateAccount(t.Context(), actor, "ann", admin.AccountEdit{Role: new(admin.RoleOwner)})
			return err
		}(),
		"role that is one's own": func() error {
			r := boss
			r.Create = store.All
			_, err := f.UpdateRole(t.Context(), actor, admin.RoleEdit{Role: r})
			return err
		}(),
		"password of a mightier": func() error {
			_, err := f.UpdateAccount(t.Context(), actor, "lord", admin.AccountEdit{Password: new(password + "!")})
			return err
		}(),
		"removing a mightier":   func() error { _, err := f.DeleteAccount(t.Context(), actor, "lord", 0, admin.TokenPlan{}); return err }(),
		"session of a mightier": f.DeleteSession(t.Context(), actor, f.signIn(t, "lord").Session),
	} {
		if outcome(err) != "no" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A token of the API of management acts for its owner, within its own permissions.
func TestActingThroughATokenStaysWithinIt(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	f.account(t, "bob", admin.RoleOwner)
	full := f.through(t, "ann")
	some := f.through(t, "ann", "token.read", "token.create", "token.update", "token.regenerate", "account.manage", "role.manage", "GET /api/v1/events")
	acts := func(change func(*admin.NewToken)) func(*admin.NewToken) {
		return func(d *admin.NewToken) {
			*d = admin.NewToken{API: admin.ManagementAPI, Name: "n", Type: token.Custom, Duration: "7d", Grants: []string{"token.read"}}
			if change != nil {
				change(d)
			}
		}
	}
	for _, test := range []struct {
		name   string
		actor  admin.Actor
		change func(*admin.NewToken)
		fields string
	}{
		{"less", some, nil, ""},
		{"an operation of it", some, func(d *admin.NewToken) { d.Grants = []string{"GET /api/v1/tokens/{id}"} }, ""},
		{"another permission", some, func(d *admin.NewToken) { d.Grants = []string{"token.delete"} }, "grants"},
		{"a whole resource", some, func(d *admin.NewToken) { d.Grants = []string{"token.*"} }, "grants"},
		{"an operation outside", some, func(d *admin.NewToken) { d.Grants = []string{"DELETE /api/v1/tokens/{id}"} }, "grants"},
		{"all of a permission of which it has a part", some, func(d *admin.NewToken) { d.Grants = []string{"audit.read"} }, "grants"},
		{"full access", some, func(d *admin.NewToken) { d.Type, d.Grants = token.FullAccess, nil }, "type"},
		{"read-only", some, func(d *admin.NewToken) { d.Type, d.Grants = token.ReadOnly, nil }, "type"},
		{"longer", some, func(d *admin.NewToken) { d.Duration = "31d" }, "duration"},
		{"for ever", some, func(d *admin.NewToken) { d.Duration = "unlimited" }, "duration"},
		{"for another", some, func(d *admin.NewToken) { d.Owner = "bob" }, "owner"},
		{"full access by full access", full, func(d *admin.NewToken) { d.Type, d.Grants = token.FullAccess, nil }, ""},
		{"for another by full access", full, func(d *admin.NewToken) { d.Owner = "bob" }, "owner"},
		{"for nobody known", full, func(d *admin.NewToken) { d.Owner = "nobody" }, "owner"},
	} {
		made, _, err := f.Create(t.Context(), test.actor, newToken(acts(test.change)))
		if test.fields == "" && err != nil || test.fields != "" && problems(t, err) != test.fields {
			t.Errorf("%s: %v", test.name, err)
		}
		if err == nil {
			if _, err := f.Delete(t.Context(), operator, made.ID, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	mighty := full.Token.ID
	_, errEdit := f.Update(t.Context(), some, mighty, admin.Edit{Description: new("x")})
	_, _, errSecret := f.Regenerate(t.Context(), some, mighty, 0, 0)
	_, errSelf := f.Update(t.Context(), some, some.Token.ID, admin.Edit{Grants: &[]string{"token.read", "token.delete"}})
	_, errExtend := f.Update(t.Context(), some, some.Token.ID, admin.Edit{Duration: new("60d")})
	_, errDelete := f.Delete(t.Context(), some, mighty, 0)
	if outcome(errEdit) != "invalid" || outcome(errSecret) != "no" || outcome(errSelf) != "invalid" || outcome(errExtend) != "invalid" || outcome(errDelete) != "no" {
		t.Errorf("edit %v\nsecret %v\nitself %v\nextend %v\ndelete %v", errEdit, errSecret, errSelf, errExtend, errDelete)
	}
	if _, _, err := f.Regenerate(t.Context(), some, some.Token.ID, 0, 0); err != nil {
		t.Errorf("a token can't rotate itself: %v", err)
	}
	if _, err := f.Events(t.Context(), some, admin.EventQuery{}, admin.Paging{}); err != nil {
		t.Errorf("an operation of a permission: %v", err)
	}
	// Nor by way of an account that may do more, to sign in to.
	_, _, err := f.CreateAccount(t.Context(), some, admin.NewAccount{Name: "mighty", Role: admin.RoleOwner, Password: password})
	_, errPassword := f.UpdateAccount(t.Context(), some, "bob", admin.AccountEdit{Password: new(password + "!")})
	if outcome(err) != "no" || outcome(errPassword) != "no" {
		t.Errorf("an account: %v, the password of another: %v", err, errPassword)
	}
}

// The secret of such a token is for its owner alone: it would make others them.
func TestActingTokensOfOthers(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	theirs := f.through(t, "ann")
	manager := f.member(t, "max", admin.RoleManager)
	mine := f.through(t, "max")
	if _, _, err := f.Regenerate(t.Context(), manager, theirs.Token.ID, 0, 0); outcome(err) != "no" {
		t.Errorf("regenerating: %v", err)
	}
	if _, err := f.Update(t.Context(), manager, mine.Token.ID, admin.Edit{Owner: new("ann")}); problems(t, err) != "owner" {
		t.Errorf("handing over: %v", err)
	}
	if _, err := f.Update(t.Context(), manager, theirs.Token.ID, admin.Edit{Owner: new("max")}); problems(t, err) != "owner" {
		t.Errorf("taking over: %v", err)
	}
	_, err := f.Import(t.Context(), manager, admin.NewToken{API: admin.ManagementAPI, Name: "i", Type: token.FullAccess, Duration: "1d", Owner: "ann"}, foreign)
	if problems(t, err) != "owner" {
		t.Errorf("importing: %v", err)
	}
	if _, err := f.SetEnabled(t.Context(), manager, theirs.Token.ID, 0, false); err != nil {
		t.Errorf("disabling: %v", err)
	}
	if _, err := f.TokenActor(t.Context(), theirs.Token.ID, home); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("a disabled token acts: %v", err)
	}
	if _, err := f.DeleteAccount(t.Context(), operator, "max", 0, admin.TokenPlan{HandTo: "ann"}); outcome(err) != "yes" {
		t.Fatal(err)
	}
	if _, err := f.Find(t.Context(), mine, "", "x"); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("the token of a removed account acts: %v", err)
	}
	ordinary, _ := f.create(t, func(d *admin.NewToken) { d.Owner = "ann" })
	if _, err := f.TokenActor(t.Context(), ordinary.ID, home); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("a token of another API acts: %v", err)
	}
	lost, _ := f.create(t, func(d *admin.NewToken) {
		*d = admin.NewToken{API: admin.ManagementAPI, Name: "lost", Type: token.FullAccess, Duration: "1d", Owner: "root"}
	})
	if _, err := f.TokenActor(t.Context(), lost.ID, home); outcome(err) != "no" {
		t.Errorf("a token without an account acts: %v", err)
	}
}
