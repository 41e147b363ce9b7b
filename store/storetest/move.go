package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var moveTests = []test{
	{"what is imported is there, and comes out again as it was", func(s *suite) {
		records := s.records(2_500) // more than drivers take at once
		s.ok(s.Store.Import(s.ctx, sequence(records)))
		equal(s, s.export(), records)
		for _, r := range records[:20] {
			equal(s, s.token(r.Token.ID), r.Token)
			equal(s, len(s.usage(r.Token.ID, time.Time{})), len(r.Uses))
			for _, secret := range r.Secrets {
				equal(s, s.lookup(secret.Digest).Token, r.Token)
			}
		}
	}},
	{"versions begin at 1 again", func(s *suite) {
		records := s.records(1)
		records[0].Token.Version = 7
		s.ok(s.Store.Import(s.ctx, sequence(records)))
		equal(s, s.token(records[0].Token.ID).Version, 1)
	}},
	{"nothing can be moved too", func(s *suite) {
		s.ok(s.Store.Import(s.ctx, sequence(nil)))
		equal(s, s.export(), nil)
	}},
	{"a store that has tokens takes no others", func(s *suite) {
		t, _ := s.create("ci")
		s.isOnly(s.Store.Import(s.ctx, sequence(s.records(1))), store.ErrNotEmpty)
		equal(s, s.tokens(""), []token.Token{t})
	}},
	{"a store whose tokens were deleted takes others, and the same again", func(s *suite) {
		records := s.records(3)
		s.ok(s.Store.Import(s.ctx, sequence(records)))
		for _, r := range records {
			s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, r.Token.ID) })
		}
		s.ok(s.Store.Import(s.ctx, sequence(records)))
		equal(s, s.export(), records)
	}},
	{"a sequence that fails leaves nothing", func(s *suite) {
		records := s.records(6_000)
		err := s.Store.Import(s.ctx, func(yield func(store.Record, error) bool) {
			for r := range sequence(records) {
				if !yield(r, nil) {
					return
				}
			}
			yield(store.Record{}, errOwn)
		})
		s.is(err, errOwn)
		s.nothing(records)
	}},
	{"a name twice leaves nothing", func(s *suite) {
		records := s.records(6_000)
		records[5_999].Token.Name = records[10].Token.Name
		s.isOnly(s.Store.Import(s.ctx, sequence(records)), store.ErrNameTaken)
		s.nothing(records)
	}},
	{"a secret twice leaves nothing", func(s *suite) {
		records := s.records(6_000)
		records[5_999].Secrets[0].Digest = records[10].Secrets[0].Digest
		s.isOnly(s.Store.Import(s.ctx, sequence(records)), store.ErrSecretTaken)
		s.nothing(records)
	}},
	{"an import is told, here and elsewhere", func(s *suite) {
		records := s.records(3)
		here, there := s.listen(s.Store), s.listen(s.Second(s.T))
		s.ok(s.Store.Import(s.ctx, sequence(records)))
		told := func(l *listener) bool { return l.all() || l.named(records[2].Secrets[0].Digest) }
		equal(s, told(here), true)
		s.eventually("the import is told", func() bool { return told(there) })
	}},
	{"an export is as of one moment", testExportMoment},
	{"an export ends with the error of the one who takes it", func(s *suite) {
		s.create("first")
		s.create("second")
		n := 0
		s.isOnly(s.Store.Export(s.ctx, func(store.Record) error { n++; return errOwn }), errOwn)
		equal(s, n, 1)
	}},
	{"an export ends at a row that can't be understood", func(s *suite) {
		t, _ := s.create("ci")
		s.Spoil(s.T, t.ID)
		s.isOnly(s.Store.Export(s.ctx, func(store.Record) error { return nil }), store.ErrUnreadable)
	}},
	{"a copy has everything", testCopy},
	{"a copy has drafts, with the versions that they had", testCopyDrafts},
	{"a copy remembers the secrets that are gone", testCopyGone},
	{"a store that has drafts takes no tokens", func(s *suite) {
		s.saveDrafts(s.draft("ci"))
		s.isOnly(s.Store.Import(s.ctx, sequence(s.records(1))), store.ErrNotEmpty)
	}},
	{"a draft that stores can't keep ends an import", func(s *suite) {
		d := s.draft("a\x00b")
		s.isOther(s.Store.Import(s.ctx, sequence(append(s.records(1), store.Record{Draft: &d}))))
		equal(s, s.export(), nil)
	}},
	{"a copy has roles, accounts and events, but no sessions", testCopyManagement},
	{"a store that has roles or accounts takes no others", func(s *suite) {
		s.account("ada")
		err := s.Store.Import(s.ctx, sequence(s.records(1)))
		s.isOnly(err, store.ErrNotEmpty)
		equal(s, err.Error(), "store is not empty: it has accounts already")
		other := s.Another(s.T)
		s.ok(other.Change(s.ctx, func(tx store.Tx) error { return tx.CreateRole(s.ctx, s.sampleRole("editor")) }))
		s.isOnly(other.Import(s.ctx, sequence(s.records(1))), store.ErrNotEmpty)
		(&suite{T: s.T, ctx: s.ctx, Subject: Subject{Store: other}}).saveDrafts(s.draft("ci"))
		equal(s, other.Import(s.ctx, sequence(s.records(1))).Error(), "store is not empty: it has drafts and roles of its own already")
	}},
	{"the last use of a token may be newer than what is left of its use", func(s *suite) {
		records := s.records(2)
		records[0].Token.LastUsed = now.AddDate(1, 0, 0)
		s.ok(s.Store.Import(s.ctx, sequence(records)))
		equal(s, s.export(), records)
		equal(s, s.page(store.TokenQuery{Sort: store.ByLastUsed, Descending: true, Limit: 1}).Tokens[0].ID, records[0].Token.ID)
	}},
}

// records returns records in the order of their ids: with and without secrets,
// use and all that may be empty.
func (s *suite) records(many int) []store.Record {
	s.Helper()
	records := make([]store.Record, many)
	for i := range records {
		t := s.sample(fmt.Sprint("token ", i))
		if i%3 == 1 {
			t.Grants, t.Type, t.Expiry, t.Owner, t.Enabled = nil, token.FullAccess, time.Time{}, "", false
		}
		r := store.Record{Token: t}
		for n := range (i + 1) % 3 {
			secret := newSecret(fmt.Sprint(t.ID, n))
			secret.Hint = token.Prefix + "…" + awkwardNames[i%len(awkwardNames)]
			if n == 1 {
				secret.Expiry = now.Add(time.Hour)
			}
			r.Secrets = append(r.Secrets, secret)
		}
		for n := range i % 4 {
			today := day.AddDate(0, 0, n)
			use := token.Use{TokenID: t.ID, Day: today, Last: today.Add(time.Hour), Allowed: uint64(i), Refused: uint64(n)}
			if n < len(r.Secrets) {
				use.Secret = r.Secrets[n].Digest
			}
			r.Uses = append(r.Uses, use)
			for _, name := range []string{"", "GET /a", "article.find"}[:i%3] {
				p := token.PermissionUse{Permission: name, Allowed: uint64(i), Refused: uint64(n)}
				r.Permissions = append(r.Permissions, store.PermissionDay{PermissionUse: p, Day: today})
			}
			r.Token.LastUsed = today.Add(time.Hour)
			r.Address = fmt.Sprint("192.0.2.", i%255)
		}
		slices.SortFunc(r.Secrets, func(a, b store.Secret) int { return slices.Compare(a.Digest[:], b.Digest[:]) })
		records[i] = r
	}
	slices.SortFunc(records, func(a, b store.Record) int { return compare(a.Token.ID, b.Token.ID) })
	for i := range records { // the last has one for tests to spoil
		if len(records[i].Secrets) == 0 && (i == 10 || i == many-1) {
			records[i].Secrets = []store.Secret{newSecret(records[i].Token.ID)}
		}
	}
	return records
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func sequence(records []store.Record) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (s *suite) export() []store.Record { return s.exportOf(s.Store) }

func (s *suite) exportOf(from store.Store) (records []store.Record) {
	s.Helper()
	s.ok(from.Export(s.ctx, func(r store.Record) error {
		records = append(records, r)
		return nil
	}))
	for _, r := range records {
		slices.SortFunc(r.Secrets, func(a, b store.Secret) int { return slices.Compare(a.Digest[:], b.Digest[:]) })
	}
	return records
}

// nothing fails if anything of the records is in the store.
func (s *suite) nothing(records []store.Record) {
	s.Helper()
	equal(s, s.export(), nil)
	s.gone(records[0].Token.ID, records[10].Secrets[0].Digest)
	fresh := s.records(3) // and others can come
	s.ok(s.Store.Import(s.ctx, sequence(fresh)))
	equal(s, s.export(), fresh)
}

// testExportMoment changes tokens that an export has not come to yet.
func testExportMoment(s *suite) {
	records := s.records(2_500)
	s.ok(s.Store.Import(s.ctx, sequence(records)))
	last := records[len(records)-1].Token
	second := s.Second(s.T)
	var got []store.Record
	s.ok(s.Store.Export(s.ctx, func(r store.Record) error {
		if len(got) == 0 {
			s.recordUse(token.Use{TokenID: last.ID, Day: day.AddDate(0, 0, 9), Last: now.AddDate(0, 0, 9), Allowed: 1})
			s.ok(second.Change(s.ctx, func(tx store.Tx) error {
				renamed := last
				renamed.Name = "renamed"
				s.ok(tx.UpdateToken(s.ctx, renamed))
				return tx.DeleteToken(s.ctx, records[len(records)-2].Token.ID)
			}))
		}
		got = append(got, r)
		return nil
	}))
	equal(s, got, records)
}

func testCopyManagement(s *suite) {
	t, digest := s.create("ci")
	found := []token.PermissionUse{{Permission: "article.find", Allowed: 3}}
	s.recordUse(token.Use{TokenID: t.ID, Secret: digest, Day: day, Last: now, Address: "192.0.2.1", Allowed: 3, Permissions: found}, token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 4})
	ada, bob := s.account("ada"), s.account("bob")
	bare := s.sampleRole("bare")
	bare.Ceiling = store.Ceiling{Types: []token.Type{}}
	s.saveRoles(s.sampleRole("editor"), bare)
	s.session("left", ada.ID, 0)
	events := make([]store.Event, 1_200) // more than drivers take at once
	for i := range events {
		events[i] = store.Event{Time: now.Add(time.Duration(i) * time.Second), Action: fmt.Sprint(i), After: []byte(`{"n":1}`)}
	}
	s.append(events...)
	into := s.Another(s.T)
	s.ok(into.Change(s.ctx, func(tx store.Tx) error { return tx.AppendEvent(s.ctx, store.Event{Time: now, Action: "first"}) }))
	n, err := store.Copy(s.ctx, s.Store, into)
	s.ok(err)
	equal(s, n, 1)
	from := s.events(store.EventQuery{})
	there := &suite{T: s.T, ctx: s.ctx, Subject: Subject{Store: into}}
	equal(s, there.accounts(), []store.Account{ada, bob})
	equal(s, there.roles(), s.roles())
	equal(s, there.sessions(""), nil)
	equal(s, there.secrets(t.ID, now), s.secrets(t.ID, now))
	equal(s, there.usage(t.ID, day), s.usage(t.ID, day))
	equal(s, there.permissions(t.ID, day), s.permissions(t.ID, day))
	equal(s, there.summary(t.ID, day).Address, "192.0.2.1")
	events = there.events(store.EventQuery{})
	equal(s, len(events), len(from)+1)
	equal(s, events[len(from)].Action, "first")
	for i, e := range events[:len(from)] {
		from[i].ID = e.ID
	}
	equal(s, events[:len(from)], from)
	_, err = store.Copy(s.ctx, s.Store, into)
	s.isOnly(err, store.ErrNotEmpty)
}

// testCopyDrafts also has drafts of tokens, new ones and more than drivers take at once.
func testCopyDrafts(s *suite) {
	t, _ := s.create("ci")
	drafts := make([]store.Draft, 250)
	for i := range drafts {
		drafts[i] = s.draft(fmt.Sprint("draft ", i))
		if i%2 == 1 {
			drafts[i].Base = nil
		}
	}
	drafts[0].TokenID, drafts[0].Base.ID, drafts[0].Token = t.ID, t.ID, nil
	s.change(func(tx store.Tx) error {
		for _, d := range drafts {
			s.ok(tx.SaveDraft(s.ctx, d, 0))
		}
		return nil
	})
	s.account("ada")

	into := s.Another(s.T)
	n, err := store.Copy(s.ctx, s.Store, into)
	s.ok(err)
	equal(s, n, 1)
	slices.SortFunc(drafts, func(a, b store.Draft) int { return compare(a.TokenID, b.TokenID) })
	there := &suite{T: s.T, ctx: s.ctx, Subject: Subject{Store: into}}
	equal(s, there.drafts(""), drafts)
	for _, d := range drafts {
		if d.Secret != nil {
			_, err := into.Lookup(s.ctx, d.Secret.Digest)
			s.isOnly(err, store.ErrNotFound)
		}
	}
	records := there.export()
	equal(s, records, s.export())
	equal(s, len(records), 1+len(drafts)+1)
	for i, d := range drafts { // behind the token, in the order of their ids
		equal(s, *records[1+i].Draft, d)
	}
}

func testCopy(s *suite) {
	records := s.records(100)
	s.ok(s.Store.Import(s.ctx, sequence(records)))
	catalogs := []store.Catalog{s.catalog("a", "GET /a"), s.catalog("b", "POST /b/{id}")}
	catalogs[1].Permissions[0].Mark = permission.Read
	catalogs[1].Staged = true
	catalogs[1].GraphQL = []store.GraphQL{{Paths: []permission.Pattern{s.pattern("/graphql")}, Introspection: "grant"}}
	s.saveCatalogs(catalogs...)

	into := s.Another(s.T)
	n, err := store.Copy(s.ctx, s.Store, into)
	s.ok(err)
	equal(s, n, len(records))
	equal(s, s.exportOf(into), records)
	copied, err := into.Catalogs(s.ctx)
	s.ok(err)
	equal(s, copied, catalogs)

	_, err = store.Copy(s.ctx, s.Store, into)
	s.isOnly(err, store.ErrNotEmpty)

	_, err = store.Copy(s.ctx, failing{Store: s.Store, after: 50}, s.Another(s.T))
	s.is(err, errOwn)
}

// failing is a store whose exports break off.
type failing struct {
	store.Store
	after int
}

func (f failing) Export(ctx context.Context, yield func(store.Record) error) error {
	n := 0
	return f.Store.Export(ctx, func(r store.Record) error {
		if n++; n > f.after {
			return errors.Join(errOwn)
		}
		return yield(r)
	})
}
