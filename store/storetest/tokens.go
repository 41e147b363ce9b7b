package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var tokenTests = []test{
	{"a token comes back as it was, by id, name, secret and in lists", func(s *suite) {
		want, digest := s.create("ci")
		equal(s, s.token(want.ID), want)
		equal(s, s.lookup(digest), store.Found{Token: want})
		byName, err := s.Store.TokenByName(s.ctx, want.API, want.Name)
		s.ok(err)
		equal(s, byName, want)
		equal(s, s.tokens(want.API), []token.Token{want})
	}},
	{"empty fields stay empty", func(s *suite) {
		want := token.Token{
			ID: s.sample("").ID, API: "articles", Name: "bare", Type: token.FullAccess,
			Created: now, Updated: now, Version: 1,
		}
		s.change(func(tx store.Tx) error { return tx.CreateToken(s.ctx, want) })
		equal(s, s.token(want.ID), want)
	}},
	{"every type comes back", func(s *suite) {
		for _, kind := range token.Types() {
			want := s.sample(string(kind))
			want.Type = kind
			s.change(func(tx store.Tx) error { return tx.CreateToken(s.ctx, want) })
			equal(s, s.token(want.ID), want)
		}
	}},
	{"a new token has version 1 and was never used, whatever it says", func(s *suite) {
		want := s.sample("ci")
		given := want
		given.Version, given.LastUsed = 7, now
		s.change(func(tx store.Tx) error { return tx.CreateToken(s.ctx, given) })
		equal(s, s.token(want.ID), want)
	}},
	{"times are kept in milliseconds and come back in UTC", func(s *suite) {
		want := s.sample("ci")
		given := want
		zone := time.FixedZone("far", 13*3600)
		given.Created = given.Created.Add(999 * time.Microsecond).In(zone)
		given.Updated, given.Expiry = given.Updated.In(zone), given.Expiry.In(zone)
		s.change(func(tx store.Tx) error { return tx.CreateToken(s.ctx, given) })
		equal(s, s.token(want.ID), want)
	}},
	{"any text can be a name", func(s *suite) {
		for _, name := range awkwardNames {
			want, digest := s.create(name)
			byName, err := s.Store.TokenByName(s.ctx, want.API, name)
			s.ok(err)
			equal(s, byName, want)
			equal(s, s.lookup(digest).Token, want)
		}
	}},
	{"500 long grants come back in order", func(s *suite) {
		want := s.sample("ci")
		want.Grants = make([]string, token.MaxGrants)
		for i := range want.Grants {
			want.Grants[i] = fmt.Sprintf("GET /%03d/\"ünï\\côde\"/<&>%s", i, strings.Repeat("x", 200))
		}
		s.change(func(tx store.Tx) error { return tx.CreateToken(s.ctx, want) })
		equal(s, s.token(want.ID), want)
	}},
	{"lists are sorted by API and name, byte by byte", testList},
	{"names are unique within an API only", func(s *suite) {
		first, _ := s.create("ci")
		other := s.sample("ci")
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.CreateToken(s.ctx, other) }), store.ErrNameTaken)
		s.gone(other.ID)
		other.API = "invoices"
		s.change(func(tx store.Tx) error { return tx.CreateToken(s.ctx, other) })
		equal(s, s.token(first.ID), first)
		equal(s, s.token(other.ID), other)
	}},
	{"an update writes what it may and raises the version", func(s *suite) {
		old, digest := s.create("ci")
		s.update(old.ID, func(t *token.Token) { *t = edited(*t) })
		want := edited(old)
		want.API, want.Created, want.Hint, want.LastUsed = old.API, old.Created, old.Hint, old.LastUsed
		want.Version = 2
		equal(s, s.token(old.ID), want)
		equal(s, s.lookup(digest).Token, want)
	}},
	{"an update of an old version is a conflict and writes nothing", func(s *suite) {
		old, _ := s.create("ci")
		s.update(old.ID, func(t *token.Token) { t.Description = "new" })
		current := s.token(old.ID)
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.UpdateToken(s.ctx, old) }), store.ErrConflict)
		equal(s, s.token(old.ID), current)
	}},
	{"an update can't take another token's name", func(s *suite) {
		first, _ := s.create("first")
		second, _ := s.create("second")
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error {
			t := second
			t.Name = first.Name
			return tx.UpdateToken(s.ctx, t)
		}), store.ErrNameTaken)
		equal(s, s.token(second.ID), second)
	}},
	{"what isn't there is not found", testNotFound},
	{"a deleted token is gone with its secrets and its use", func(s *suite) {
		kept, keptDigest := s.create("kept")
		t, digest := s.create("ci")
		second := newSecret("second")
		s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, second) })
		s.recordUse(token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 1})
		s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, t.ID) })
		s.gone(t.ID, digest, second.Digest)
		equal(s, s.usage(t.ID, time.Time{}), nil)
		equal(s, s.lookup(keptDigest).Token, kept)

		again, _ := s.create("ci") // name and secret are free again
		equal(s, s.tokens(""), []token.Token{again, kept})
	}},
	{"a record that can't be understood denies that token alone (rule 16)", testUnreadable},
}

var awkwardNames = []string{
	"plain", "Plain", "O'Brien", `"double"`, "`tick`", "'; DROP TABLE tokens; --", "%", "_", "a\\b", "?1", "$1", ":name", "@name",
	"naïve", "nai\u0308ve", "日本語トークン", "🔑🗝", "مفتاح", "ſ", "İ", "a  b", "null", "0", strings.Repeat("名", token.MaxName),
}

func (s *suite) tokens(api string) []token.Token {
	s.Helper()
	tokens, err := s.Store.Tokens(s.ctx, api)
	s.ok(err)
	return tokens
}

// edited returns the token with every field changed but its id and version.
func edited(t token.Token) token.Token {
	t.API, t.Name, t.Description = "other", "renamed", ""
	t.Type, t.Grants, t.Owner, t.Enabled = token.ReadOnly, nil, "bob", false
	t.Expiry, t.Hint = time.Time{}, "other"
	t.Created, t.Updated, t.LastUsed = t.Created.Add(time.Hour), t.Updated.Add(2*time.Hour), now.Add(time.Hour)
	return t
}

func testList(s *suite) {
	equal(s, s.tokens(""), nil)
	var names []string
	for _, name := range []string{"b", "B", "a", "a b", "a-b", "é", "z", "Z", "10", "9"} {
		s.create(name)
		names = append(names, name)
	}
	slices.Sort(names)
	early, late := s.sample("z"), s.sample("a")
	early.API, late.API = "Articles", "articles-2"
	s.change(func(tx store.Tx) error {
		if err := tx.CreateToken(s.ctx, late); err != nil {
			return err
		}
		return tx.CreateToken(s.ctx, early)
	})
	var got []string
	for _, t := range s.tokens("articles") {
		got = append(got, t.Name)
	}
	equal(s, got, names)
	all := s.tokens("")
	equal(s, len(all), len(names)+2)
	equal(s, all[0], early)
	equal(s, all[len(all)-1], late)
	equal(s, s.tokens("unknown"), nil)
	for _, ids := range [][]string{nil, {"nobody", "a\x00b", "\xff"}} {
		some, err := s.Store.TokensByID(s.ctx, ids)
		s.ok(err)
		equal(s, some, nil)
	}
	some, err := s.Store.TokensByID(s.ctx, []string{early.ID, "nobody", "a\x00b", late.ID, early.ID})
	s.ok(err)
	slices.SortFunc(some, func(a, b token.Token) int { return strings.Compare(a.API, b.API) })
	equal(s, some, []token.Token{early, late})
}

func testNotFound(s *suite) {
	t := s.sample("nobody")
	s.gone(t.ID, token.Hash("nothing"))
	_, err := s.Store.TokenByName(s.ctx, t.API, t.Name)
	s.isOnly(err, store.ErrNotFound)
	equal(s, s.usage(t.ID, time.Time{}), nil)
	for name, change := range map[string]func(tx store.Tx) error{
		"UpdateToken": func(tx store.Tx) error { return tx.UpdateToken(s.ctx, t) },
		"DeleteToken": func(tx store.Tx) error { return tx.DeleteToken(s.ctx, t.ID) },
		"AddSecret":   func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, newSecret("nothing")) },
		"EndSecrets":  func(tx store.Tx) error { return tx.EndSecrets(s.ctx, t.ID, now, now) },
	} {
		s.Log(name)
		s.isOnly(s.Store.Change(s.ctx, change), store.ErrNotFound)
	}
	s.gone(t.ID, token.Hash("nothing"))
}

func testUnreadable(s *suite) {
	good, goodDigest := s.create("good")
	bad, badDigest := s.create("bad")
	s.Spoil(s.T, bad.ID)

	_, err := s.Store.Lookup(s.ctx, badDigest)
	s.isOnly(err, store.ErrUnreadable)
	_, err = s.Store.Token(s.ctx, bad.ID)
	s.isOnly(err, store.ErrUnreadable)
	tokens, err := s.Store.Tokens(s.ctx, good.API)
	s.isOnly(err, store.ErrUnreadable)
	equal(s, tokens, []token.Token{good})
	tokens, err = s.Store.TokensByID(s.ctx, []string{bad.ID, good.ID})
	s.isOnly(err, store.ErrUnreadable)
	equal(s, tokens, []token.Token{good})
	equal(s, s.lookup(goodDigest).Token, good)

	s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, bad.ID) })
	s.gone(bad.ID, badDigest)
}
