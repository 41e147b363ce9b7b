package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var pruneTests = []test{
	{"use before a day goes, but the newest of each token", func(s *suite) {
		busy, digest := s.create("busy")
		idle, idleDigest := s.create("idle")
		var uses []token.Use
		for i := range 6 {
			today := day.AddDate(0, 0, i)
			uses = append(uses, token.Use{TokenID: busy.ID, Day: today, Last: today.Add(time.Hour), Allowed: 1})
		}
		old := token.Use{TokenID: idle.ID, Day: day, Last: now, Allowed: 2}
		older := token.Use{TokenID: idle.ID, Day: day.AddDate(0, 0, -1), Last: now.AddDate(0, 0, -1), Allowed: 3}
		s.recordUse(append(uses, old, older)...)
		s.prune(day.AddDate(0, 0, 3).Add(5 * time.Hour)) // a moment means its day
		equal(s, s.usage(busy.ID, time.Time{}), uses[3:])
		equal(s, s.usage(idle.ID, time.Time{}), []token.Use{old})
		s.lastUsed(busy.ID, digest, uses[5].Last)
		s.lastUsed(idle.ID, idleDigest, now)
	}},
	{"the day that says when a token was used last stays", func(s *suite) {
		t, digest := s.create("ci")
		used := token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 1}
		refused := token.Use{TokenID: t.ID, Day: day.AddDate(0, 0, 1), Refused: 1}
		newest := token.Use{TokenID: t.ID, Day: day.AddDate(0, 0, 2), Refused: 1}
		s.recordUse(used, refused, newest)
		s.prune(day.AddDate(1, 0, 0))
		equal(s, s.usage(t.ID, time.Time{}), []token.Use{used, newest})
		s.lastUsed(t.ID, digest, now)
	}},
	{"the newest use of each secret stays while it is there", func(s *suite) {
		t, first := s.create("ci")
		second := newSecret("second")
		s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, second) })
		for i := range 3 {
			for _, secret := range []token.Digest{first, second.Digest, token.Hash("gone")} {
				today := day.AddDate(0, 0, i)
				if secret == first && i == 2 {
					continue // the overlap has ended for its users
				}
				s.recordUse(token.Use{TokenID: t.ID, Secret: secret, Day: today, Last: today.Add(time.Hour), Allowed: 1})
			}
		}
		last := day.AddDate(0, 0, 2).Add(time.Hour)
		s.prune(day.AddDate(1, 0, 0))
		equal(s, s.usage(t.ID, time.Time{}), []token.Use{
			{TokenID: t.ID, Day: day.AddDate(0, 0, 1), Last: last.AddDate(0, 0, -1), Allowed: 1},
			{TokenID: t.ID, Day: day.AddDate(0, 0, 2), Last: last, Allowed: 1},
		})
		for _, secret := range s.secrets(t.ID, now) {
			equal(s, secret.LastUsed, map[token.Digest]time.Time{first: last.AddDate(0, 0, -1), second.Digest: last}[secret.Digest])
		}
		s.endSecrets(t.ID, now, now)
		s.prune(day.AddDate(1, 0, 0))
		equal(s, s.usage(t.ID, time.Time{}), nil)
		equal(s, s.token(t.ID).LastUsed, last)
	}},
	{"nothing old is nothing to do", func(s *suite) {
		s.prune(day)
		t, _ := s.create("ci")
		use := token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 1}
		s.recordUse(use)
		s.prune(day)
		equal(s, s.usage(t.ID, time.Time{}), []token.Use{use})
	}},
	{"much goes in one call", func(s *suite) {
		const tokens, days = 300, 100 // more than drivers take at once
		var uses []token.Use
		var ids []string
		s.change(func(tx store.Tx) error {
			uses, ids = nil, nil
			for i := range tokens {
				t := s.sample(fmt.Sprint("token ", i))
				s.ok(tx.CreateToken(s.ctx, t))
				ids = append(ids, t.ID)
				for n := range days {
					today := day.AddDate(0, 0, n)
					uses = append(uses, token.Use{TokenID: t.ID, Day: today, Last: today, Allowed: 1})
				}
			}
			return nil
		})
		s.recordUse(uses...)
		s.prune(day.AddDate(0, 0, days-2))
		for _, id := range ids {
			equal(s, len(s.usage(id, time.Time{})), 2)
		}
	}},
	{"pruning raises no version and is told to nobody", func(s *suite) {
		t, _ := s.create("ci")
		marker, markerDigest := s.create("marker")
		s.recordUse(
			token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 1},
			token.Use{TokenID: t.ID, Day: day.AddDate(0, 0, 1), Last: now, Allowed: 1},
		)
		here, there := s.listen(s.Store), s.listen(s.Second(s.T))
		s.prune(day.AddDate(0, 0, 1))
		equal(s, s.token(t.ID).Version, 1)
		s.update(marker.ID, func(t *token.Token) { t.Enabled = false }) // told after whatever came before
		s.eventually("the marker is told", func() bool { return here.named(markerDigest) && there.named(markerDigest) })
		for _, l := range []*listener{here, there} {
			equal(s, l.digests(), digestSet([]token.Digest{markerDigest}))
		}
	}},
	{"flushes, pruning and deleting go on at once", testUseAtOnce},
}

func (s *suite) prune(before time.Time) {
	s.Helper()
	s.ok(s.Store.PruneUse(s.ctx, before))
}

// testUseAtOnce lets everything that writes use meet, on two handles, in
// opposite orders.
func testUseAtOnce(s *suite) {
	const many = 12
	stores := []store.Store{s.Store, s.Second(s.T)}
	var uses []token.Use
	var ids []string
	for i := range many {
		t, _ := s.create(fmt.Sprint("token ", i))
		ids = append(ids, t.ID)
		for n := range 5 {
			uses = append(uses, token.Use{
				TokenID: t.ID, Day: day.AddDate(0, 0, n), Last: now.AddDate(0, 0, n), Allowed: 1,
				Permissions: []token.PermissionUse{{Permission: "article.find", Allowed: 1}, {Permission: "article.create", Refused: 1}},
			})
		}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	errs := make(chan error, 4)
	for i := range 4 {
		go func() {
			var took time.Duration
			for n := 0; ctx.Err() == nil; n++ {
				// A file is not fair to who waits for writers that hardly pause.
				time.Sleep(max(20*time.Millisecond, 6*took))
				began := time.Now() //nolint:forbidigo // a pause goes by it, no outcome
				mine := append([]token.Use{}, uses...)
				for a, b := 0, len(mine)-1; i%2 == 1 && a < b; a, b = a+1, b-1 {
					mine[a], mine[b] = mine[b], mine[a]
				}
				err := stores[i%2].RecordUse(s.ctx, mine)
				if err == nil && i == 3 {
					err = stores[n%2].PruneUse(s.ctx, day.AddDate(0, 0, 4))
				}
				if err != nil {
					errs <- err
					return
				}
				took = time.Since(began) //nolint:forbidigo // as above
			}
			errs <- nil
		}()
	}
	for i := range ids {
		id := ids[len(ids)-1-i]
		s.ok(stores[i%2].Change(s.ctx, func(tx store.Tx) error { return tx.DeleteToken(s.ctx, id) }))
		equal(s, s.usage(id, time.Time{}), nil)
	}
	cancel()
	for range 4 {
		s.ok(<-errs)
	}
	s.ok(s.Store.PruneUse(s.ctx, day))
	equal(s, s.export(), nil)
}

var clockTests = []test{
	{"the clock is one of now, in UTC", func(s *suite) {
		at, err := s.Store.Clock(s.ctx)
		s.ok(err)
		if off := time.Since(at).Abs(); off > time.Minute || at.Location() != time.UTC { //nolint:forbidigo // a clock is compared with another
			s.Fatalf("the clock says %v, which is off by %v", at, off)
		}
	}},
}
