package storetest

import (
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// foreignSecret returns one that another system minted: its hint has no prefix of ours.
func foreignSecret(text string) store.Secret {
	secret := newSecret(text)
	secret.Hint = "…????"
	return secret
}

// createForeign adds a token with a minted secret and one of elsewhere.
func (s *suite) createForeign(name string) (t token.Token, minted, foreign token.Digest) {
	s.Helper()
	t, minted = s.create(name)
	secret := foreignSecret("foreign " + name)
	s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, secret) })
	return t, minted, secret.Digest
}

func (s *suite) remembered(digest token.Digest) bool {
	s.Helper()
	gone, err := s.Store.Gone(s.ctx, digest)
	s.ok(err)
	return gone
}

func testGone(s *suite) {
	deleted, mintedOfDeleted, foreignOfDeleted := s.createForeign("deleted")
	ended, mintedOfEnded, foreignOfEnded := s.createForeign("ended")
	overlapping, _, foreignOfOverlapping := s.createForeign("overlapping")
	undone, _, foreignOfUndone := s.createForeign("undone")
	for _, digest := range []token.Digest{foreignOfDeleted, foreignOfEnded} {
		equal(s, s.remembered(digest), false)
	}
	s.change(func(tx store.Tx) error {
		s.ok(tx.DeleteToken(s.ctx, deleted.ID))
		gone, err := tx.Gone(s.ctx, foreignOfDeleted)
		s.ok(err)
		equal(s, gone, true)
		return nil
	})
	s.endSecrets(ended.ID, now, now)
	s.endSecrets(overlapping.ID, now, now.Add(time.Hour))
	s.is(s.Store.Change(s.ctx, func(tx store.Tx) error {
		s.ok(tx.DeleteToken(s.ctx, undone.ID))
		return errOwn
	}), errOwn)
	for digest, want := range map[token.Digest]bool{
		foreignOfDeleted: true, foreignOfEnded: true, mintedOfDeleted: false, mintedOfEnded: false,
		foreignOfOverlapping: false, foreignOfUndone: false, token.Hash("unknown"): false,
	} {
		equal(s, s.remembered(digest), want)
	}
	s.endSecrets(overlapping.ID, now.Add(time.Hour), now.Add(time.Hour))
	equal(s, s.remembered(foreignOfOverlapping), true)

	s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, ended.ID, foreignSecret("foreign ended")) })
	s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, ended.ID) }) // once more
	equal(s, s.remembered(foreignOfEnded), true)
}

// testCopyGone has more than drivers take at once, of which the other store knows one.
func testCopyGone(s *suite) {
	t, _ := s.create("ci")
	var want []token.Digest
	s.change(func(tx store.Tx) error {
		for i := range 1_200 {
			secret := foreignSecret(string(rune('a'+i%26)) + t.ID + time.Duration(i).String())
			want = append(want, secret.Digest)
			s.ok(tx.AddSecret(s.ctx, t.ID, secret))
		}
		return tx.DeleteToken(s.ctx, t.ID)
	})
	s.account("ada")
	into := s.Another(s.T)
	there := &suite{T: s.T, ctx: s.ctx, Subject: Subject{Store: into}}
	other, _ := there.create("other")
	there.change(func(tx store.Tx) error {
		s.ok(tx.AddSecret(s.ctx, other.ID, store.Secret{Digest: want[0], Scheme: token.SHA256, Hint: "…????", Created: now}))
		return tx.DeleteToken(s.ctx, other.ID)
	})
	n, err := store.Copy(s.ctx, s.Store, into)
	s.ok(err)
	equal(s, n, 0)
	for _, digest := range want {
		equal(s, there.remembered(digest), true)
	}
	records := there.export()
	equal(s, records, s.export())
	slices.SortFunc(want, func(a, b token.Digest) int { return slices.Compare(a[:], b[:]) })
	equal(s, len(records), len(want)+1)
	for i, digest := range want {
		equal(s, *records[i].Gone, digest)
	}
}
