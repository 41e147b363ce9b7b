package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// many is more than drivers send at once.
const many = 600

// bulkTests are of what changes many records in few round trips.
var bulkTests = []test{
	{"many tokens are updated as one is, and their secrets told", testUpdateMany},
	{"many tokens are updated one after the other", testUpdateInOrder},
	{"an update of many that one of them refuses", testUpdateRefused},
	{"many tokens are deleted as one is, and their secrets told", testDeleteMany},
	{"a deletion of many of which one isn't there", func(s *suite) {
		first, _ := s.create("first")
		second, _ := s.create("second")
		for _, ids := range [][]string{{first.ID, "nobody", second.ID}, {first.ID, second.ID, first.ID}, {first.ID, "a\x00b"}, {"a\x00b"}} {
			s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.DeleteTokens(s.ctx, ids) }), store.ErrNotFound)
		}
		equal(s, s.tokens(""), []token.Token{first, second})
	}},
	{"many events come back in their order", testAppendMany},
	{"nothing to do is done", func(s *suite) {
		t, _ := s.create("ci")
		s.change(func(tx store.Tx) error {
			s.ok(tx.UpdateTokens(s.ctx, nil))
			s.ok(tx.DeleteTokens(s.ctx, nil))
			return tx.AppendEvents(s.ctx, nil)
		})
		equal(s, s.tokens(""), []token.Token{t})
	}},
}

// created adds many tokens, each with a secret of ours and one that another system minted,
// and one that is none of them.
func (s *suite) created() (tokens []token.Token, minted, foreign []token.Digest, other token.Token) {
	s.Helper()
	other, _ = s.create("other")
	s.change(func(tx store.Tx) error {
		tokens, minted, foreign = nil, nil, nil
		for i := range many {
			t := s.sample(fmt.Sprintf("ci %03d", i))
			ours, theirs := newSecret(t.ID), foreignSecret("foreign "+t.ID)
			s.ok(tx.CreateToken(s.ctx, t))
			s.ok(tx.AddSecret(s.ctx, t.ID, ours))
			s.ok(tx.AddSecret(s.ctx, t.ID, theirs))
			t.Hint = theirs.Hint
			tokens, minted, foreign = append(tokens, t), append(minted, ours.Digest), append(foreign, theirs.Digest)
		}
		return nil
	})
	return tokens, minted, foreign, other
}

func testUpdateMany(s *suite) {
	tokens, minted, foreign, other := s.created()
	here, there := s.listen(s.Store), s.listen(s.Second(s.T))
	want := slices.Clone(tokens)
	for i := range want {
		t := edited(want[i])
		t.Name = fmt.Sprintf("renamed %03d", i)
		want[i] = t
	}
	s.change(func(tx store.Tx) error { return tx.UpdateTokens(s.ctx, want) })
	for i := range want {
		t, old := &want[i], &tokens[i]
		t.API, t.Created, t.Hint, t.LastUsed, t.Version = old.API, old.Created, old.Hint, old.LastUsed, 2
	}
	equal(s, s.tokens(""), append([]token.Token{other}, want...))
	equal(s, s.lookup(minted[many-1]).Token, want[many-1])
	for _, l := range []*listener{here, there} {
		s.eventually("all are told", func() bool { return l.all() || len(l.digests()) == 2*many })
		if !l.all() {
			equal(s, l.digests(), digestSet(append(slices.Clone(minted), foreign...)))
		}
	}
}

// testUpdateInOrder has names that only one after the other can be given.
func testUpdateInOrder(s *suite) {
	first, _ := s.create("first")
	second, _ := s.create("second")
	freed, taken := first, second
	freed.Name, taken.Name = "third", first.Name
	again := freed
	again.Version, again.Enabled = 2, false
	s.change(func(tx store.Tx) error { return tx.UpdateTokens(s.ctx, []token.Token{freed, taken, again}) })
	again.Version, taken.Version = 3, 2
	equal(s, s.tokens(""), []token.Token{taken, again})
}

func testUpdateRefused(s *suite) {
	first, _ := s.create("first")
	second, _ := s.create("second")
	third, _ := s.create("third")
	all := []token.Token{first, second, third}
	for _, test := range []struct {
		edit func(t *token.Token)
		want error
	}{
		{func(t *token.Token) { t.Version++ }, store.ErrConflict},
		{func(t *token.Token) { t.ID = "nobody" }, store.ErrNotFound},
		{func(t *token.Token) { t.Name = first.Name }, store.ErrNameTaken},
		{func(t *token.Token) { *t = first }, store.ErrConflict}, // for the second time
	} {
		tokens := slices.Clone(all)
		for i := range tokens {
			tokens[i].Enabled = false
		}
		test.edit(&tokens[1])
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.UpdateTokens(s.ctx, tokens) }), test.want)
		equal(s, s.tokens(""), all)
	}
}

func testDeleteMany(s *suite) {
	tokens, minted, foreign, other := s.created()
	last := tokens[many-1]
	s.recordUse(token.Use{TokenID: last.ID, Day: day, Last: now, Allowed: 1}, token.Use{TokenID: other.ID, Day: day, Last: now, Allowed: 1})
	draft := store.Draft{TokenID: last.ID, API: last.API, Base: &last, Author: "ada", Created: now, Updated: now, Version: now.UnixMilli()}
	s.change(func(tx store.Tx) error { return tx.SaveDraft(s.ctx, draft, 0) })
	here, there := s.listen(s.Store), s.listen(s.Second(s.T))
	ids := make([]string, many)
	for i := range tokens {
		ids[i] = tokens[i].ID
	}
	s.change(func(tx store.Tx) error { return tx.DeleteTokens(s.ctx, ids) })
	other.LastUsed = now
	equal(s, s.tokens(""), []token.Token{other})
	for i := range ids {
		s.gone(ids[i], minted[i], foreign[i])
		equal(s, s.remembered(minted[i]), false)
		equal(s, s.remembered(foreign[i]), true)
	}
	equal(s, s.usage(last.ID, time.Time{}), nil)
	equal(s, len(s.usage(other.ID, time.Time{})), 1)
	_, err := s.Store.Draft(s.ctx, last.ID)
	s.isOnly(err, store.ErrNotFound)
	for _, l := range []*listener{here, there} {
		s.eventually("all are told", func() bool { return l.all() || len(l.digests()) == 2*many })
		if !l.all() {
			equal(s, l.digests(), digestSet(append(slices.Clone(minted), foreign...)))
		}
	}
}

func testAppendMany(s *suite) {
	want := make([]store.Event, many)
	for i := range want {
		want[i] = store.Event{Time: now, Action: "token.disable", Subject: fmt.Sprint("tok", i), Before: json.RawMessage(`{"enabled":true}`)}
	}
	bad := append(slices.Clone(want), store.Event{Time: now, Action: "token.disable", After: json.RawMessage(`{`)})
	s.isOther(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.AppendEvents(s.ctx, bad) }))
	equal(s, s.events(store.EventQuery{}), nil)

	s.change(func(tx store.Tx) error { return tx.AppendEvents(s.ctx, want) })
	got := s.events(store.EventQuery{})
	slices.Reverse(got)
	equal(s, len(got), many)
	for i := range got {
		if i > 0 && got[i].ID <= got[i-1].ID {
			s.Fatalf("event %d has number %d, after %d", i, got[i].ID, got[i-1].ID)
		}
		want[i].ID = got[i].ID
	}
	equal(s, got, want)
}
