package storetest

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var useTests = []test{
	{"use of one day adds up, and its last time only moves forward (rule 17)", func(s *suite) {
		t, digest := s.create("ci")
		s.recordUse(token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 2, Refused: 1})
		s.recordUse(token.Use{TokenID: t.ID, Day: day, Last: now.Add(-time.Minute), Allowed: 3})
		s.recordUse(token.Use{TokenID: t.ID, Day: day, Refused: 4})
		equal(s, s.usage(t.ID, day), []token.Use{{TokenID: t.ID, Day: day, Last: now, Allowed: 5, Refused: 5}})
		s.lastUsed(t.ID, digest, now)

		later := now.Add(time.Minute)
		s.recordUse(token.Use{TokenID: t.ID, Day: day, Last: later})
		s.lastUsed(t.ID, digest, later)
	}},
	{"use that was refused only has no last time", func(s *suite) {
		t, digest := s.create("ci")
		use := token.Use{TokenID: t.ID, Day: day, Refused: 3}
		s.recordUse(use)
		equal(s, s.usage(t.ID, day), []token.Use{use})
		s.lastUsed(t.ID, digest, time.Time{})
	}},
	{"the newest day with a last time is the token's, in whatever order it comes", func(s *suite) {
		t, digest := s.create("ci")
		tomorrow := now.Add(24 * time.Hour)
		s.recordUse(
			token.Use{TokenID: t.ID, Day: day.Add(48 * time.Hour), Refused: 1},
			token.Use{TokenID: t.ID, Day: day.Add(24 * time.Hour), Last: tomorrow, Allowed: 1},
			token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 1},
		)
		s.lastUsed(t.ID, digest, tomorrow)
	}},
	{"use is listed by day, oldest first, since a day", func(s *suite) {
		t, _ := s.create("ci")
		var uses []token.Use
		for i := range 5 {
			today := day.AddDate(0, 0, i)
			uses = append(uses, token.Use{TokenID: t.ID, Day: today, Last: today.Add(time.Hour), Allowed: uint64(i + 1)})
		}
		s.recordUse(uses[3], uses[0], uses[4], uses[1], uses[2])
		equal(s, s.usage(t.ID, time.Time{}), uses)
		equal(s, s.usage(t.ID, day.AddDate(0, 0, 2)), uses[2:])
		equal(s, s.usage(t.ID, day.AddDate(0, 0, 2).Add(23*time.Hour)), uses[2:]) // a moment means its day
		equal(s, s.usage(t.ID, day.AddDate(0, 0, 5)), nil)
	}},
	{"use inside a transaction is readable", func(s *suite) {
		t, _ := s.create("ci")
		use := token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 1}
		s.recordUse(use)
		s.change(func(tx store.Tx) error {
			uses, err := tx.Usage(s.ctx, t.ID, day)
			s.ok(err)
			equal(s, uses, []token.Use{use})
			return nil
		})
	}},
	{"use of tokens that are gone is ignored, beside others", func(s *suite) {
		t, _ := s.create("ci")
		gone, _ := s.create("gone")
		s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, gone.ID) })
		use := token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 1}
		s.recordUse(
			token.Use{TokenID: gone.ID, Day: day, Last: now, Allowed: 1},
			use,
			token.Use{TokenID: `'"; --`, Day: day, Last: now, Allowed: 1},
		)
		equal(s, s.usage(t.ID, day), []token.Use{use})
		equal(s, s.usage(gone.ID, day), nil)
	}},
	{"use raises no version", func(s *suite) {
		t, _ := s.create("ci")
		s.recordUse(token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 1})
		t.LastUsed = now
		equal(s, s.token(t.ID), t)
	}},
	{"use counts for the secret that came, and adds up over secrets", testSecretUse},
	{"secrets are listed while they live, newest first", func(s *suite) {
		t, first := s.create("ci")
		equal(s, s.secrets(t.ID, now), []store.SecretUse{{Secret: newSecret("ci")}})
		second := newSecret("second")
		second.Created, second.Expiry = now.Add(time.Hour), now.Add(time.Minute)
		s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, second) })
		equal(s, s.secrets(t.ID, now.Add(time.Minute-1)), []store.SecretUse{{Secret: second}, {Secret: newSecret("ci")}})
		equal(s, s.secrets(t.ID, now.Add(time.Minute)), []store.SecretUse{{Secret: newSecret("ci")}})
		equal(s, s.secrets(t.ID, now)[1].Digest, first)
		equal(s, s.secrets("tok_0000000000000000", now), nil)
	}},
	{"no use is fine", func(s *suite) { s.recordUse() }},
	{"10,000 uses go in one call", testManyUses},
	{"handles merge their use", testMergedUse},
	{"any uses in any portions add up", testUseProperty},
}

func (s *suite) lastUsed(id string, digest token.Digest, want time.Time) {
	s.Helper()
	equal(s, s.token(id).LastUsed, want)
	equal(s, s.lookup(digest).Token.LastUsed, want)
}

func (s *suite) secrets(id string, now time.Time) []store.SecretUse {
	s.Helper()
	secrets, err := s.Store.Secrets(s.ctx, id, now)
	s.ok(err)
	return secrets
}

// testSecretUse rotates a secret with an overlap.
func testSecretUse(s *suite) {
	t, digest := s.create("ci")
	other, _ := s.create("other")
	old := token.Use{TokenID: t.ID, Secret: digest, Day: day, Last: now, Allowed: 1, Refused: 2}
	unknown := token.Use{TokenID: t.ID, Day: day, Last: now.Add(-time.Hour), Allowed: 16}
	s.recordUse(old, unknown)
	equal(s, s.secrets(t.ID, now)[0].LastUsed, now)

	s.endSecrets(t.ID, now, now.Add(time.Hour))
	fresh := newSecret("fresh")
	fresh.Created = now.Add(time.Second)
	s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, fresh) })
	equal(s, s.secrets(t.ID, now)[0].LastUsed, time.Time{})
	later := now.Add(24 * time.Hour)
	s.recordUse(
		token.Use{TokenID: t.ID, Secret: fresh.Digest, Day: day, Last: now.Add(time.Minute), Allowed: 4},
		token.Use{TokenID: t.ID, Secret: digest, Day: day, Last: now.Add(time.Second), Allowed: 8},
		token.Use{TokenID: t.ID, Secret: digest, Day: day.AddDate(0, 0, 1), Refused: 1},
		token.Use{TokenID: t.ID, Secret: fresh.Digest, Day: day.AddDate(0, 0, 1), Last: later, Allowed: 1},
		token.Use{TokenID: other.ID, Secret: digest, Day: day, Last: later, Allowed: 1}, // not this token's
	)
	got := s.secrets(t.ID, now)
	equal(s, len(got), 2)
	equal(s, got[0], store.SecretUse{Secret: fresh, LastUsed: later})
	equal(s, got[1].LastUsed, now.Add(time.Second))
	equal(s, got[1].Expiry, now.Add(time.Hour))
	equal(s, s.usage(t.ID, day), []token.Use{
		{TokenID: t.ID, Day: day, Last: now.Add(time.Minute), Allowed: 29, Refused: 2},
		{TokenID: t.ID, Day: day.AddDate(0, 0, 1), Last: later, Allowed: 1, Refused: 1},
	})
	s.lastUsed(t.ID, digest, later)
}

func testManyUses(s *suite) {
	const many = 10_000
	var tokens []token.Token
	for i := range 100 {
		t := s.sample(fmt.Sprint("token ", i))
		tokens = append(tokens, t)
	}
	s.change(func(tx store.Tx) error {
		for _, t := range tokens {
			s.ok(tx.CreateToken(s.ctx, t))
		}
		return nil
	})
	uses := make([]token.Use, many)
	for i := range uses {
		t, days := tokens[i%len(tokens)], i/len(tokens)
		uses[i] = token.Use{TokenID: t.ID, Day: day.AddDate(0, 0, days), Last: now.AddDate(0, 0, days), Allowed: 1, Refused: 2}
	}
	for range 2 {
		s.recordUse(uses...)
	}
	for _, t := range tokens {
		got := s.usage(t.ID, time.Time{})
		equal(s, len(got), many/len(tokens))
		equal(s, got[0], token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 2, Refused: 4})
	}
}

func testMergedUse(s *suite) {
	const handles, times = 4, 20
	t, _ := s.create("ci")
	stores := []store.Store{s.Store, s.Second(s.T)}
	var running sync.WaitGroup
	for i := range handles {
		running.Go(func() {
			for n := range times {
				use := token.Use{TokenID: t.ID, Day: day, Last: now.Add(time.Duration(n) * time.Second), Allowed: 1}
				if err := stores[i%len(stores)].RecordUse(s.ctx, []token.Use{use}); err != nil {
					s.Error(err)
				}
			}
		})
	}
	running.Wait()
	last := now.Add((times - 1) * time.Second)
	equal(s, s.usage(t.ID, day), []token.Use{{TokenID: t.ID, Day: day, Last: last, Allowed: handles * times}})
}

// testUseProperty compares the store with sums in memory.
func testUseProperty(s *suite) {
	runs := 0
	rapid.Check(s.T, func(r *rapid.T) {
		runs++
		t, _ := s.create(fmt.Sprint("run ", runs))
		want := map[time.Time]token.Use{}
		named := map[string]token.PermissionUse{}
		calls := rapid.SliceOfN(rapid.SliceOfN(drawUse(t.ID), 0, 6), 0, 4).Draw(r, "calls")
		for _, uses := range calls {
			s.recordUse(uses...)
			for _, use := range uses {
				want[use.Day] = merge(want[use.Day], use)
				for _, p := range use.Permissions {
					p.Allowed += named[p.Permission].Allowed
					p.Refused += named[p.Permission].Refused
					named[p.Permission] = p
				}
			}
		}
		got := s.usage(t.ID, time.Time{})
		if len(got) != len(want) {
			r.Fatalf("%d days, not %d", len(got), len(want))
		}
		for _, use := range got {
			if !reflect.DeepEqual(use, want[use.Day]) {
				r.Fatalf("got %+v, not %+v", use, want[use.Day])
			}
		}
		sums := s.permissions(t.ID, time.Time{})
		if len(sums) != len(named) {
			r.Fatalf("%d permissions, not %d", len(sums), len(named))
		}
		for _, p := range sums {
			if p != named[p.Permission] {
				r.Fatalf("got %+v, not %+v", p, named[p.Permission])
			}
		}
	})
}

func drawUse(id string) *rapid.Generator[token.Use] {
	secrets := []token.Digest{{}, token.Hash("first"), token.Hash("second")}
	return rapid.Custom(func(r *rapid.T) token.Use {
		use := token.Use{
			TokenID: id, Secret: rapid.SampledFrom(secrets).Draw(r, "secret"), Day: day.AddDate(0, 0, rapid.IntRange(0, 2).Draw(r, "day")),
			Allowed: rapid.Uint64Range(0, 1<<40).Draw(r, "allowed"), Refused: rapid.Uint64Range(0, 3).Draw(r, "refused"),
		}
		if rapid.Bool().Draw(r, "live") {
			use.Last = use.Day.Add(time.Duration(rapid.IntRange(0, 86_399_999).Draw(r, "last")) * time.Millisecond)
		}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"", "a.find", "GET /a"}), 0, 3).Draw(r, "permissions") {
			use.Permissions = append(use.Permissions, token.PermissionUse{Permission: name, Allowed: use.Allowed, Refused: 1})
		}
		return use
	})
}

func merge(a, b token.Use) token.Use {
	b.Secret, b.Permissions = token.Digest{}, nil
	b.Allowed += a.Allowed
	b.Refused += a.Refused
	if a.Last.After(b.Last) {
		b.Last = a.Last
	}
	return b
}
