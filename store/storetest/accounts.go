package storetest

import (
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var accountTests = []test{
	{"an account comes back as it was, by id, name, subject and in lists", func(s *suite) {
		want := s.account("ada")
		got, err := s.Store.Account(s.ctx, want.ID)
		s.ok(err)
		equal(s, got, want)
		got, err = s.Store.AccountByName(s.ctx, want.Name)
		s.ok(err)
		equal(s, got, want)
		got, err = s.Store.AccountBySubject(s.ctx, want.Subject)
		s.ok(err)
		equal(s, got, want)
		equal(s, s.accounts(), []store.Account{want})
		s.change(func(tx store.Tx) error {
			inside, err := tx.Account(s.ctx, want.ID)
			s.ok(err)
			equal(s, inside, want)
			return nil
		})
	}},
	{"empty fields stay empty, and a new account has version 1", func(s *suite) {
		want := store.Account{ID: "acc_bare", Name: "bare", Role: "member", Created: now, Updated: now, Version: 1}
		other := want
		other.ID, other.Name = "acc_other", "other" // nobody to single sign-on either
		s.change(func(tx store.Tx) error {
			given := want
			given.Version = 7
			s.ok(tx.CreateAccount(s.ctx, given))
			return tx.CreateAccount(s.ctx, other)
		})
		equal(s, s.accounts(), []store.Account{want, other})
		_, err := s.Store.AccountBySubject(s.ctx, "")
		s.isOnly(err, store.ErrNotFound)
	}},
	{"any text can be the name of an account, and lists are sorted byte by byte", func(s *suite) {
		var want []store.Account
		for i, name := range awkwardNames[:len(awkwardNames)-1] {
			a := s.account(name)
			got, err := s.Store.AccountByName(s.ctx, name)
			s.ok(err)
			equal(s, got, a)
			got, err = s.Store.AccountBySubject(s.ctx, a.Subject)
			s.ok(err)
			equal(s, got, a)
			want = append(want, a)
			for i := len(want) - 1; i > 0 && want[i].Name < want[i-1].Name; i-- {
				want[i], want[i-1] = want[i-1], want[i]
			}
			equal(s, len(s.accounts()), i+1)
		}
		equal(s, s.accounts(), want)
	}},
	{"names and subjects of accounts are unique", func(s *suite) {
		s.account("ada")
		bob := s.account("bob")
		add := func(name, subject string) error {
			a := bob
			a.ID, a.Name, a.Subject = "acc_third", name, subject
			return s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.CreateAccount(s.ctx, a) })
		}
		s.isOnly(add("ada", "someone"), store.ErrNameTaken)
		s.isOnly(add("ada", "sub|ada"), store.ErrNameTaken)
		s.isOnly(add("cleo", "sub|ada"), store.ErrSubjectTaken)
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error {
			a := bob
			a.Subject = "sub|ada"
			return tx.UpdateAccount(s.ctx, a)
		}), store.ErrSubjectTaken)
		equal(s, len(s.accounts()), 2)
		s.ok(add("Ada", "sub|Ada")) // canonical names are for the caller
	}},
	{"a refused account leaves the rest of the transaction alone", func(s *suite) {
		ada := s.account("ada")
		s.change(func(tx store.Tx) error {
			same := ada
			same.ID = "acc_same"
			s.isOnly(tx.CreateAccount(s.ctx, same), store.ErrNameTaken)
			same.Name = "same"
			s.isOnly(tx.CreateAccount(s.ctx, same), store.ErrSubjectTaken)
			same.Subject = ""
			return tx.CreateAccount(s.ctx, same)
		})
		equal(s, len(s.accounts()), 2)
	}},
	{"an update of an account writes what it may and raises the version", func(s *suite) {
		old := s.account("ada")
		given := store.Account{
			ID: old.ID, Name: "renamed", Role: "auditor", Password: "", Subject: "", Enabled: false,
			Created: now.Add(time.Hour), Updated: now.Add(2 * time.Hour), Version: old.Version,
		}
		s.change(func(tx store.Tx) error { return tx.UpdateAccount(s.ctx, given) })
		want := given
		want.Name, want.Created, want.Version = old.Name, old.Created, 2
		equal(s, s.accounts(), []store.Account{want})
	}},
	{"signing in raises no version, everything else does", func(s *suite) {
		a := s.account("ada")
		for i, edit := range []func(*store.Account){
			func(a *store.Account) { a.SignedIn = now.Add(24 * time.Hour) },
			func(a *store.Account) { a.Role = "owner" },
			func(a *store.Account) { a.Password = "$argon2id$other" },
			func(a *store.Account) { a.Subject = "other" },
			func(a *store.Account) { a.Enabled = false },
			func(a *store.Account) { a.Updated = a.Updated.Add(time.Millisecond) },
			func(a *store.Account) { a.SignedIn = time.Time{} },
		} {
			edit(&a)
			s.change(func(tx store.Tx) error { return tx.UpdateAccount(s.ctx, a) })
			if i > 0 && i < 6 {
				a.Version++
			}
			equal(s, s.accounts(), []store.Account{a})
		}
	}},
	{"an update of an old version of an account is a conflict", func(s *suite) {
		old := s.account("ada")
		fresh := old
		fresh.Role = "owner"
		s.change(func(tx store.Tx) error { return tx.UpdateAccount(s.ctx, fresh) })
		fresh.Version = 2
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.UpdateAccount(s.ctx, old) }), store.ErrConflict)
		equal(s, s.accounts(), []store.Account{fresh})
	}},
	{"an account that isn't there is not found", func(s *suite) {
		for _, name := range []string{"nobody", "", "a\x00b", "\xff"} {
			_, err := s.Store.Account(s.ctx, name)
			s.isOnly(err, store.ErrNotFound)
			_, err = s.Store.AccountByName(s.ctx, name)
			s.isOnly(err, store.ErrNotFound)
			_, err = s.Store.AccountBySubject(s.ctx, name)
			s.isOnly(err, store.ErrNotFound)
		}
		nobody := store.Account{ID: "acc_nobody", Name: "nobody", Updated: now, Version: 1}
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.UpdateAccount(s.ctx, nobody) }), store.ErrNotFound)
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.DeleteAccount(s.ctx, nobody.ID) }), store.ErrNotFound)
		equal(s, s.accounts(), nil)
	}},
	{"a deleted account is gone with its sessions, and its tokens stay", func(s *suite) {
		ada, bob := s.account("ada"), s.account("bob")
		t, _ := s.create("ci")
		s.session("gone", ada.ID, 0)
		kept := s.session("kept", bob.ID, 0)
		setUp := s.session("set-up", "", 0)
		s.change(func(tx store.Tx) error { return tx.DeleteAccount(s.ctx, ada.ID) })
		equal(s, s.accounts(), []store.Account{bob})
		equal(s, s.sessions(""), []store.Session{setUp, kept})
		equal(s, s.token(t.ID), t)
		again := s.account("ada")
		equal(s, s.accounts(), []store.Account{again, bob})
	}},
}

var roleTests = []test{
	{"roles come back as they were, sorted by name", func(s *suite) {
		equal(s, s.roles(), nil)
		b, a := s.sampleRole("b"), s.sampleRole("a")
		a.Accounts, a.Audit, a.Read, a.Delete = true, true, store.All, store.None
		s.saveRoles(b, a)
		equal(s, s.roles(), []store.Role{a, b})
		s.change(func(tx store.Tx) error {
			inside, err := tx.Roles(s.ctx)
			s.ok(err)
			equal(s, inside, []store.Role{a, b})
			return nil
		})
	}},
	{"everything and nothing are different ceilings", func(s *suite) {
		everything, nothing, mixed := s.sampleRole("everything"), s.sampleRole("nothing"), s.sampleRole("mixed")
		everything.Ceiling = store.Ceiling{}
		nothing.Ceiling = store.Ceiling{APIs: []string{}, Types: []token.Type{}, Grants: []string{}}
		mixed.Ceiling = store.Ceiling{Types: []token.Type{}, Grants: []string{"GET /\"ünï\\côde\"/<&>"}}
		s.saveRoles(everything, nothing, mixed)
		equal(s, s.roles(), []store.Role{everything, mixed, nothing})
	}},
	{"names of roles are unique", func(s *suite) {
		want := s.sampleRole("editor")
		s.saveRoles(want)
		other := s.sampleRole("editor")
		other.Description = "another"
		s.change(func(tx store.Tx) error {
			s.isOnly(tx.CreateRole(s.ctx, other), store.ErrNameTaken)
			return nil
		})
		equal(s, s.roles(), []store.Role{want})
	}},
	{"an update replaces a role and raises the version", func(s *suite) {
		s.saveRoles(s.sampleRole("editor"))
		want := store.Role{
			Name: "editor", Description: "", Read: store.None, Create: store.None, Update: store.None, Regenerate: store.None,
			Delete: store.None, Updated: now.Add(time.Hour), Version: 1,
		}
		s.change(func(tx store.Tx) error { return tx.UpdateRole(s.ctx, want) })
		want.Version = 2
		equal(s, s.roles(), []store.Role{want})
		want.Version = 1
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.UpdateRole(s.ctx, want) }), store.ErrConflict)
		want.Name = "nobody"
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.UpdateRole(s.ctx, want) }), store.ErrNotFound)
	}},
	{"a deleted role is gone", func(s *suite) {
		s.saveRoles(s.sampleRole("editor"))
		s.change(func(tx store.Tx) error { return tx.DeleteRole(s.ctx, "editor") })
		equal(s, s.roles(), nil)
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.DeleteRole(s.ctx, "editor") }), store.ErrNotFound)
		s.saveRoles(s.sampleRole("editor"))
	}},
}

// account adds an account in which no field is empty.
func (s *suite) account(name string) store.Account {
	s.Helper()
	a := store.Account{
		ID: "acc_" + name, Name: name, Role: "member", Password: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
		Subject: "sub|" + name, Enabled: true, Created: now, Updated: now.Add(time.Millisecond), SignedIn: now.Add(time.Second), Version: 1,
	}
	s.change(func(tx store.Tx) error { return tx.CreateAccount(s.ctx, a) })
	return a
}

func (s *suite) accounts() []store.Account {
	s.Helper()
	accounts, err := s.Store.Accounts(s.ctx)
	s.ok(err)
	return accounts
}

// sampleRole returns a role in which every field says something.
func (s *suite) sampleRole(name string) store.Role {
	return store.Role{
		Name: name, Description: "for " + strings.ToUpper(name), Read: store.All, Create: store.Own, Update: store.Own,
		Regenerate: store.None, Delete: store.Own, Audit: true, Updated: now, Version: 1,
		Ceiling: store.Ceiling{APIs: []string{"articles"}, Types: []token.Type{token.Custom, token.ReadOnly}, Grants: []string{"article.find", "POST /api/search"}},
	}
}

func (s *suite) saveRoles(roles ...store.Role) {
	s.Helper()
	s.change(func(tx store.Tx) error {
		for _, r := range roles {
			if err := tx.CreateRole(s.ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) roles() []store.Role {
	s.Helper()
	roles, err := s.Store.Roles(s.ctx)
	s.ok(err)
	return roles
}
