package storetest

import (
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var secretTests = []test{
	{"the hint of the newest secret is the token's", func(s *suite) {
		t, first := s.create("ci")
		second := newSecret("second")
		s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, second) })
		t.Hint = second.Hint
		equal(s, s.lookup(first).Token, t)
		equal(s, s.lookup(second.Digest).Token, t)
	}},
	{"a secret keeps the scheme of its hash", func(s *suite) {
		t, _ := s.create("ci")
		want := newSecret("salted")
		want.Digest, want.Scheme = token.HashSalted("salt", "salted"), token.HMACSHA512
		s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, want) })
		equal(s, s.lookup(want.Digest).Token.ID, t.ID)
		secrets, err := s.Store.Secrets(s.ctx, t.ID, now)
		s.ok(err)
		for _, secret := range secrets {
			if secret.Digest == want.Digest {
				equal(s, secret.Secret, want)
			}
		}
		equal(s, len(secrets), 2)
		var moved []store.Secret
		s.ok(s.Store.Export(s.ctx, func(r store.Record) error { moved = append(moved, r.Secrets...); return nil }))
		equal(s, slices.Contains(moved, want), true)
	}},
	{"a secret of elsewhere is remembered when it ended, however that was", testGone},
	{"a secret belongs to one token", func(s *suite) {
		first, digest := s.create("first")
		second, _ := s.create("second")
		for _, id := range []string{first.ID, second.ID} {
			s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error {
				return tx.AddSecret(s.ctx, id, newSecret("first"))
			}), store.ErrSecretTaken)
		}
		equal(s, s.lookup(digest).Token, first)
		equal(s, s.token(second.ID), second)
	}},
	{"secrets raise no version", func(s *suite) {
		t, _ := s.create("ci")
		s.change(func(tx store.Tx) error {
			if err := tx.EndSecrets(s.ctx, t.ID, now, now.Add(time.Hour)); err != nil {
				return err
			}
			return tx.AddSecret(s.ctx, t.ID, newSecret("second"))
		})
		equal(s, s.token(t.ID).Version, 1)
	}},
	{"the expiry of a secret shows when it is before the token's", testSecretExpiry},
	{"ending secrets at once removes them, and only this token's", func(s *suite) {
		other, otherDigest := s.create("other")
		t, digest := s.create("ci")
		s.endSecrets(t.ID, now, now)
		_, err := s.Store.Lookup(s.ctx, digest)
		s.isOnly(err, store.ErrNotFound)
		equal(s, s.token(t.ID), t)
		equal(s, s.lookup(otherDigest), store.Found{Token: other})
	}},
	{"ending secrets with an overlap lets them work until then", func(s *suite) {
		t, old := s.create("ci")
		s.endSecrets(t.ID, now, now.Add(time.Hour))
		fresh := newSecret("fresh")
		s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, fresh) })
		equal(s, s.lookup(old).SecretExpiry, now.Add(time.Hour))
		equal(s, s.lookup(fresh.Digest).SecretExpiry, time.Time{})
	}},
	{"ending secrets later doesn't prolong them, and removes those that ended", func(s *suite) {
		t, first := s.create("ci")
		s.endSecrets(t.ID, now, now.Add(time.Hour))
		second := newSecret("second")
		s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, second) })
		s.endSecrets(t.ID, now, now.Add(2*time.Hour))
		equal(s, s.lookup(first).SecretExpiry, now.Add(time.Hour))
		equal(s, s.lookup(second.Digest).SecretExpiry, now.Add(2*time.Hour))

		s.endSecrets(t.ID, now.Add(time.Hour), now.Add(3*time.Hour))
		_, err := s.Store.Lookup(s.ctx, first)
		s.isOnly(err, store.ErrNotFound)
		equal(s, s.lookup(second.Digest).SecretExpiry, now.Add(2*time.Hour))
	}},
	{"a token may have no secret", func(s *suite) {
		t := s.sample("bare")
		s.change(func(tx store.Tx) error { return tx.CreateToken(s.ctx, t) })
		s.endSecrets(t.ID, now, now)
		equal(s, s.token(t.ID), t)
	}},
}

func (s *suite) endSecrets(id string, now, until time.Time) {
	s.Helper()
	s.change(func(tx store.Tx) error { return tx.EndSecrets(s.ctx, id, now, until) })
}

func testSecretExpiry(s *suite) {
	hour, day := now.Add(time.Hour), now.Add(24*time.Hour)
	var never time.Time
	for _, c := range []struct {
		name                string
		token, secret, want time.Time
	}{
		{"neither", never, never, never},
		{"token only", hour, never, never},
		{"secret only", never, hour, hour},
		{"secret first", day, hour, hour},
		{"together", hour, hour, never},
		{"token first", hour, day, never},
	} {
		t, secret := s.sample(c.name), newSecret(c.name)
		t.Expiry, secret.Expiry = c.token, c.secret
		s.change(func(tx store.Tx) error {
			if err := tx.CreateToken(s.ctx, t); err != nil {
				return err
			}
			return tx.AddSecret(s.ctx, t.ID, secret)
		})
		t.Hint = secret.Hint
		equal(s, s.lookup(secret.Digest), store.Found{Token: t, SecretExpiry: c.want})
	}
}

// digestSet makes lists of digests comparable.
func digestSet(digests []token.Digest) map[token.Digest]bool {
	set := map[token.Digest]bool{}
	for _, d := range digests {
		set[d] = true
	}
	return set
}
