package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var draftTests = []test{
	{"a draft comes back as it was, inside and outside of a transaction", func(s *suite) {
		want := s.draft("ci")
		for _, part := range []any{want, *want.Base, *want.Token, *want.Secret} {
			s.full(part)
		}
		s.saveDrafts(want)
		equal(s, s.draftOf(want.TokenID), want)
		equal(s, s.drafts(want.API), []store.Draft{want})
		s.change(func(tx store.Tx) error {
			inside, err := tx.Draft(s.ctx, want.TokenID)
			s.ok(err)
			equal(s, inside, want)
			list, err := tx.Drafts(s.ctx, "")
			s.ok(err)
			equal(s, list, []store.Draft{want})
			return nil
		})
	}},
	{"what a draft hasn't stays away", testDraftParts},
	{"no grants of a draft are none, however they are given", func(s *suite) {
		want := s.draft("ci")
		want.Token.Grants = []string{}
		s.saveDrafts(want)
		want.Token.Grants = nil
		equal(s, s.draftOf(want.TokenID), want)
	}},
	{"a draft keeps the scheme of its secret's hash", func(s *suite) {
		want := s.draft("ci")
		want.Secret.Digest, want.Secret.Scheme = token.HashSalted("salt", "salted"), token.HMACSHA512
		s.saveDrafts(want)
		equal(s, s.draftOf(want.TokenID), want)
	}},
	{"every type comes back in a draft", func(s *suite) {
		for _, kind := range token.Types() {
			want := s.draft(string(kind))
			want.Token.Type = kind
			s.saveDrafts(want)
			equal(s, s.draftOf(want.TokenID), want)
		}
	}},
	{"times of a draft are kept in milliseconds and come back in UTC", func(s *suite) {
		want, given := s.draft("ci"), s.draft("ci")
		later := func(t time.Time) time.Time {
			return t.Add(999 * time.Microsecond).In(time.FixedZone("far", 13*3600))
		}
		given.TokenID, given.Base.ID, given.Token.ID = want.TokenID, want.TokenID, want.TokenID
		given.Created, given.Updated, given.Overlap = later(given.Created), later(given.Updated), given.Overlap+999*time.Microsecond
		for _, t := range []*token.Token{given.Base, given.Token} {
			t.Created, t.Updated, t.Expiry, t.LastUsed = later(t.Created), later(t.Updated), later(t.Expiry), later(t.LastUsed)
		}
		given.Secret.Created, given.Secret.Expiry = later(given.Secret.Created), later(given.Secret.Expiry)
		s.saveDrafts(given)
		equal(s, s.draftOf(want.TokenID), want)
	}},
	{"any text that stores can keep may be in a draft", func(s *suite) {
		for _, name := range awkwardNames {
			want := s.draft(name)
			want.Author, want.SecretAuthor, want.Token.Owner, want.Token.Description, want.Secret.Hint = name, name, name, name, name
			want.Token.Grants = []string{name}
			s.saveDrafts(want)
			equal(s, s.draftOf(want.TokenID), want)
		}
	}},
	{"a text that some store can't keep is in no draft", testDraftTexts},
	{"500 grants of 500 bytes come back in order", func(s *suite) {
		want := s.draft("ci")
		for _, t := range []*token.Token{want.Base, want.Token} {
			t.Grants = make([]string, token.MaxGrants)
			for i := range t.Grants {
				t.Grants[i] = fmt.Sprintf("GET /%03d/\"ünï\\côde\"/<&>%s", i, strings.Repeat("x", token.MaxGrant-34))
			}
		}
		s.saveDrafts(want)
		equal(s, s.draftOf(want.TokenID), want)
	}},
	{"drafts are sorted by API and id, and picked by API", testDraftList},
	{"saving over the version at hand replaces all of a draft", func(s *suite) {
		old := s.draft("ci")
		s.saveDrafts(old)
		fresh := s.draft("renamed")
		fresh.TokenID, fresh.Base, fresh.Secret, fresh.Overlap = old.TokenID, nil, nil, 0
		fresh.Token.ID, fresh.Author, fresh.Version = old.TokenID, "bob", old.Version+1
		s.ok(s.saveDraft(fresh, old.Version))
		equal(s, s.drafts(""), []store.Draft{fresh})
	}},
	{"a draft that another one made, changed or removed is a conflict", testDraftConflicts},
	{"of two who change a draft at once, one gets a conflict", testDraftWriters},
	{"a version that isn't newer is refused", func(s *suite) {
		d := s.draft("ci")
		for _, version := range []int64{0, -1} {
			fresh := d
			fresh.Version = version
			s.isOther(s.saveDraft(fresh, 0))
		}
		s.saveDrafts(d)
		s.isOther(s.saveDraft(d, d.Version))
		equal(s, s.drafts(""), []store.Draft{d})
	}},
	{"a draft of no token, or of another one, is refused", func(s *suite) {
		for name, spoil := range map[string]func(d *store.Draft){
			"no token":           func(d *store.Draft) { d.Base, d.Token = nil, nil },
			"the id of another":  func(d *store.Draft) { d.Token.ID = "tok_0000000000000000" },
			"the API of another": func(d *store.Draft) { d.Base.API = "other" },
		} {
			s.Log(name)
			d := s.draft("ci")
			spoil(&d)
			s.isOther(s.saveDraft(d, 0))
		}
		equal(s, s.drafts(""), nil)
	}},
	{"a draft that isn't there is not found", func(s *suite) {
		for _, id := range []string{"tok_0000000000000000", "", "'; --", "\x00", "\xff"} {
			_, err := s.Store.Draft(s.ctx, id)
			s.isOnly(err, store.ErrNotFound)
			s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.DeleteDraft(s.ctx, id) }), store.ErrNotFound)
		}
		equal(s, s.drafts("unknown"), nil)
		equal(s, s.drafts("\x00"), nil)
	}},
	{"a draft that was removed is gone, and no other", func(s *suite) {
		gone, kept := s.draft("gone"), s.draft("kept")
		s.saveDrafts(gone, kept)
		s.change(func(tx store.Tx) error { return tx.DeleteDraft(s.ctx, gone.TokenID) })
		equal(s, s.drafts(""), []store.Draft{kept})
		s.saveDrafts(gone) // and may come again
		equal(s, s.draftOf(gone.TokenID), gone)
	}},
	{"a deleted token takes its draft along, and no other", func(s *suite) {
		t, _ := s.create("ci")
		drafted, kept := s.draft("ci"), s.draft("kept")
		drafted.TokenID, drafted.Base.ID, drafted.Token = t.ID, t.ID, nil
		s.saveDrafts(drafted, kept)
		s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, t.ID) })
		equal(s, s.drafts(""), []store.Draft{kept})
	}},
	{"a gate finds nothing of a draft", testDraftIsNotLive},
	{"no watcher is told of a draft", testDraftIsNotTold},
	{"a draft that can't be understood stands beside the others (rule 16)", testUnreadableDraft},
	{"an error takes changes of drafts back", func(s *suite) {
		d, other := s.draft("ci"), s.draft("other")
		s.saveDrafts(d)
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error {
			s.ok(tx.SaveDraft(s.ctx, other, 0))
			s.ok(tx.DeleteDraft(s.ctx, d.TokenID))
			return errOwn
		}), errOwn)
		equal(s, s.drafts(""), []store.Draft{d})
	}},
	{"a refused draft leaves the rest of its transaction", func(s *suite) {
		d, other := s.draft("ci"), s.draft("other")
		s.saveDrafts(d)
		bad := s.draft("a\x00b")
		s.change(func(tx store.Tx) error {
			s.isOnly(tx.SaveDraft(s.ctx, d, 0), store.ErrConflict)
			s.isOther(tx.SaveDraft(s.ctx, bad, 0))
			return tx.SaveDraft(s.ctx, other, 0)
		})
		equal(s, len(s.drafts("")), 2)
	}},
}

// draft returns one of an edit, in which no field is empty.
func (s *suite) draft(name string) store.Draft {
	s.Helper()
	base := s.sample("before " + name)
	base.LastUsed = now.Add(-time.Hour)
	t := base
	t.Name, t.Description, t.Grants = name, "drafted", []string{"article.create"}
	t.Owner, t.Hint, t.Expiry, t.Updated, t.Version = "bob", "trv_…new", now.Add(time.Hour), now.Add(time.Minute), 7
	secret := newSecret(name)
	secret.Expiry = now.Add(2 * time.Hour)
	updated := now.Add(time.Minute)
	return store.Draft{
		TokenID: base.ID, API: base.API, Base: &base, Token: &t, Secret: &secret, Overlap: 90 * time.Minute,
		SecretAuthor: "eve", Author: "ada", Created: now, Updated: updated, Version: updated.UnixMilli(),
	}
}

// full fails if a field is empty that stores keep, so that none is forgotten.
func (s *suite) full(part any) {
	s.Helper()
	for field, value := range reflect.ValueOf(part).Fields() {
		if field.Name != "Draft" && value.IsZero() { // of a token, which is in no store
			s.Fatalf("%s of the sample is empty", field.Name)
		}
	}
}

func (s *suite) saveDraft(d store.Draft, version int64) error {
	return s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.SaveDraft(s.ctx, d, version) })
}

// saveDrafts adds them.
func (s *suite) saveDrafts(drafts ...store.Draft) {
	s.Helper()
	for _, d := range drafts {
		s.ok(s.saveDraft(d, 0))
	}
}

func (s *suite) draftOf(id string) store.Draft {
	s.Helper()
	d, err := s.Store.Draft(s.ctx, id)
	s.ok(err)
	return d
}

func (s *suite) drafts(api string) []store.Draft {
	s.Helper()
	drafts, err := s.Store.Drafts(s.ctx, api)
	s.ok(err)
	return drafts
}

func testDraftParts(s *suite) {
	for name, take := range map[string]func(d *store.Draft){
		"new":       func(d *store.Draft) { d.Base = nil },
		"gone":      func(d *store.Draft) { d.Token, d.Secret = nil, nil },
		"no secret": func(d *store.Draft) { d.Secret, d.Overlap = nil, 0 },
		"at once":   func(d *store.Draft) { d.Overlap = 0 },
		"no times": func(d *store.Draft) {
			d.Created, d.Updated, d.Secret.Created, d.Secret.Expiry = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		},
		"bare": func(d *store.Draft) {
			d.Author, d.Secret.Hint = "", ""
			d.Base = &token.Token{ID: d.TokenID, API: d.API, Type: token.FullAccess}
			d.Token = &token.Token{ID: d.TokenID, API: d.API, Type: token.ReadOnly}
		},
	} {
		s.Log(name)
		want := s.draft(name)
		take(&want)
		s.saveDrafts(want)
		equal(s, s.draftOf(want.TokenID), want)
	}
}

func testDraftTexts(s *suite) {
	for _, text := range []string{"a\x00b", "\xff"} {
		for name, put := range map[string]func(d *store.Draft){
			"name":        func(d *store.Draft) { d.Token.Name = text },
			"description": func(d *store.Draft) { d.Base.Description = text },
			"type":        func(d *store.Draft) { d.Token.Type = token.Type(text) },
			"grant":       func(d *store.Draft) { d.Token.Grants = []string{"article.find", text} },
			"owner":       func(d *store.Draft) { d.Token.Owner = text },
			"hint":        func(d *store.Draft) { d.Base.Hint = text },
			"author":      func(d *store.Draft) { d.Author = text },
			"secret":      func(d *store.Draft) { d.Secret.Hint = text },
			"scheme":      func(d *store.Draft) { d.Secret.Scheme = token.Scheme(text) },
			"id":          func(d *store.Draft) { d.TokenID, d.Base.ID, d.Token.ID = text, text, text },
			"API":         func(d *store.Draft) { d.API, d.Base.API, d.Token.API = text, text, text },
		} {
			s.Logf("%s %q", name, text)
			d := s.draft("ci")
			put(&d)
			s.isOther(s.saveDraft(d, 0))
		}
	}
	equal(s, s.drafts(""), nil)
}

func testDraftList(s *suite) {
	equal(s, s.drafts(""), nil)
	of := func(api, id string) store.Draft {
		d := s.draft(id)
		d.TokenID, d.API, d.Base.ID, d.Base.API, d.Token = id, api, id, api, nil
		return d
	}
	want := []store.Draft{
		of("Articles", "tok_b"), of("articles", "tok_A"), of("articles", "tok_a"), of("articles", "tok_b "), of("articles-2", "tok_0"),
	}
	for _, i := range []int{3, 0, 4, 2, 1} {
		s.saveDrafts(want[i])
	}
	equal(s, s.drafts(""), want)
	equal(s, s.drafts("articles"), want[1:4])
	equal(s, s.drafts("Articles"), want[:1])
	equal(s, s.drafts("ARTICLES"), nil)
}

func testDraftConflicts(s *suite) {
	d := s.draft("ci")
	newer := d
	newer.Version++
	s.isOnly(s.saveDraft(newer, d.Version), store.ErrConflict) // there is none
	s.saveDrafts(d)
	s.isOnly(s.saveDraft(newer, 0), store.ErrConflict) // there is one
	s.isOnly(s.saveDraft(newer, d.Version-1), store.ErrConflict)
	moved := s.draft("ci")
	moved.TokenID, moved.API, moved.Base, moved.Version = d.TokenID, "other", nil, newer.Version
	moved.Token.ID, moved.Token.API = d.TokenID, "other"
	s.isOnly(s.saveDraft(moved, d.Version), store.ErrConflict) // of another API
	equal(s, s.drafts(""), []store.Draft{d})
	s.ok(s.saveDraft(newer, d.Version))
	s.isOnly(s.saveDraft(newer, d.Version), store.ErrConflict)
	equal(s, s.drafts(""), []store.Draft{newer})
}

// testDraftWriters has two handles change the version that both read.
func testDraftWriters(s *suite) {
	d := s.draft("ci")
	s.saveDrafts(d)
	stores := []store.Store{s.Store, s.Second(s.T)}
	outcomes := make(chan error, len(stores))
	for i, one := range stores {
		mine := d
		mine.Author, mine.Version = fmt.Sprint("writer ", i), d.Version+1
		go func() {
			outcomes <- one.Change(s.ctx, func(tx store.Tx) error { return tx.SaveDraft(s.ctx, mine, d.Version) })
		}()
	}
	saved := 0
	for range stores {
		if err := <-outcomes; err == nil {
			saved++
		} else {
			s.isOnly(err, store.ErrConflict)
		}
	}
	equal(s, saved, 1)
}

func testDraftIsNotLive(s *suite) {
	t, digest := s.create("live")
	d := s.draft("drafted")
	edit := s.draft("renamed")
	edit.TokenID, edit.Base.ID, edit.Token.ID = t.ID, t.ID, t.ID
	s.saveDrafts(d, edit)
	for _, secret := range []*store.Secret{d.Secret, edit.Secret} {
		_, err := s.Store.Lookup(s.ctx, secret.Digest)
		s.isOnly(err, store.ErrNotFound)
	}
	s.gone(d.TokenID)
	equal(s, s.lookup(digest), store.Found{Token: t})
	equal(s, s.tokens(""), []token.Token{t})
	equal(s, len(s.secrets(t.ID, now)), 1)
	equal(s, s.counts(""), map[string]int{t.API: 1})
	// Its secret and its name are free for a live token, until the update.
	s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, *d.Secret) })
	s.update(t.ID, func(t *token.Token) { t.Name = "drafted" })
}

func testDraftIsNotTold(s *suite) {
	t, _ := s.create("ci")
	marker, markerDigest := s.create("marker")
	here, there := s.listen(s.Store), s.listen(s.Second(s.T))
	d := s.draft("ci")
	d.TokenID, d.Base.ID, d.Token.ID = t.ID, t.ID, t.ID
	s.saveDrafts(d)
	newer := d
	newer.Version++
	s.ok(s.saveDraft(newer, d.Version))
	s.change(func(tx store.Tx) error { return tx.DeleteDraft(s.ctx, t.ID) })
	s.update(marker.ID, func(t *token.Token) { t.Enabled = false }) // told after whatever came before
	for _, l := range []*listener{here, there} {
		s.eventually("the marker is told", func() bool { return l.named(markerDigest) })
		equal(s, l.digests(), digestSet([]token.Digest{markerDigest}))
		equal(s, l.all(), false)
	}
}

func testUnreadableDraft(s *suite) {
	good, bad := s.draft("good"), s.draft("bad")
	s.saveDrafts(good, bad)
	s.Spoil(s.T, bad.TokenID)
	_, err := s.Store.Draft(s.ctx, bad.TokenID)
	s.isOnly(err, store.ErrUnreadable)
	s.saysDraftOf(err, bad.TokenID)
	for _, api := range []string{"", good.API} {
		drafts, err := s.Store.Drafts(s.ctx, api)
		s.isOnly(err, store.ErrUnreadable)
		s.saysDraftOf(err, bad.TokenID)
		equal(s, drafts, []store.Draft{good})
	}
	equal(s, s.draftOf(good.TokenID), good)
	s.isOnly(s.Store.Export(s.ctx, func(store.Record) error { return nil }), store.ErrUnreadable)

	s.change(func(tx store.Tx) error { return tx.DeleteDraft(s.ctx, bad.TokenID) })
	equal(s, s.drafts(""), []store.Draft{good})
}

// saysDraftOf checks that an error says of which token a draft can't be understood.
func (s *suite) saysDraftOf(err error, tokenID string) {
	s.Helper()
	unreadable, ok := errors.AsType[*store.UnreadableDraftError](err)
	equal(s, ok && unreadable.TokenID == tokenID, true)
}
