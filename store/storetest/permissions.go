package storetest

import (
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var permissionUseTests = []test{
	{"use per permission adds up over secrets, days and calls", func(s *suite) {
		t, digest := s.create("ci")
		other, _ := s.create("other")
		use := func(id string, secret token.Digest, days int, permissions ...token.PermissionUse) token.Use {
			return token.Use{TokenID: id, Secret: secret, Day: day.AddDate(0, 0, days), Allowed: 1, Permissions: permissions}
		}
		find := token.PermissionUse{Permission: "article.find", Allowed: 2, Refused: 1}
		written := token.PermissionUse{Permission: `GET /a/{id}?x='"é`, Allowed: 4}
		unnamed := token.PermissionUse{Refused: 8}
		s.recordUse(
			use(t.ID, digest, 0, find, unnamed), use(t.ID, token.Digest{}, 0, written, find), use(t.ID, digest, 1, find),
			use(other.ID, digest, 0, written), use("tok_0000000000000000", digest, 0, find),
		)
		s.recordUse(use(t.ID, digest, 0, find), use(t.ID, digest, 2))
		times := func(n uint64) token.PermissionUse {
			return token.PermissionUse{Permission: find.Permission, Allowed: n * find.Allowed, Refused: n * find.Refused}
		}
		equal(s, s.permissions(t.ID, time.Time{}), []token.PermissionUse{unnamed, written, times(4)})
		equal(s, s.permissions(t.ID, day.Add(23*time.Hour)), []token.PermissionUse{unnamed, written, times(4)}) // a moment means its day
		equal(s, s.permissions(t.ID, day.AddDate(0, 0, 1)), []token.PermissionUse{find})
		equal(s, s.permissions(t.ID, day.AddDate(0, 0, 2)), nil)
		equal(s, s.permissions(other.ID, day), []token.PermissionUse{written})
		equal(s, s.summary("tok_0000000000000000", day).Permissions, nil)
		equal(s, len(s.usage(t.ID, day)), 3)
		s.change(func(tx store.Tx) error {
			got, err := tx.UseSummary(s.ctx, t.ID, day)
			equal(s, got.Permissions, []token.PermissionUse{unnamed, written, times(4)})
			s.ok(err)
			return tx.DeleteToken(s.ctx, t.ID)
		})
		equal(s, s.permissions(t.ID, day), nil)
		equal(s, len(s.permissions(other.ID, day)), 1)
	}},
	{"the address moves with the last use, forward only", func(s *suite) {
		t, digest := s.create("ci")
		other, _ := s.create("other")
		use := func(last time.Time, address string) token.Use {
			return token.Use{TokenID: t.ID, Secret: digest, Day: day, Last: last, Address: address, Allowed: 1}
		}
		equal(s, s.summary(t.ID, day).Address, "")
		s.recordUse(use(now.Add(time.Second), "192.0.2.2"), use(now, "192.0.2.1"))
		equal(s, s.summary(t.ID, day).Address, "192.0.2.2")
		s.recordUse(use(now.Add(-time.Second), "192.0.2.3"), use(time.Time{}, "192.0.2.4"))
		equal(s, s.summary(t.ID, day).Address, "192.0.2.2")
		s.recordUse(use(now, "192.0.2.5"), use(now.Add(time.Minute), "2001:db8::1"))
		equal(s, s.summary(t.ID, day).Address, "2001:db8::1")
		s.lastUsed(t.ID, digest, now.Add(time.Minute))
		s.recordUse(use(now.Add(time.Hour), "")) // not known
		equal(s, s.summary(t.ID, day).Address, "")
		equal(s, s.summary(other.ID, day).Address, "")
	}},
	{"all is counted since the store is there", func(s *suite) {
		t, _ := s.create("ci")
		clock, err := s.Store.Clock(s.ctx)
		s.ok(err)
		if since := clock.Sub(s.summary(t.ID, day).Counted); since < -time.Second || since > time.Hour {
			s.Errorf("counted since %v ago", since)
		}
	}},
	{"counts per permission before a day all go", func(s *suite) {
		t, _ := s.create("ci")
		find := token.PermissionUse{Permission: "article.find", Allowed: 1}
		future := day.AddDate(100, 0, 0)
		for i := range 4 {
			s.recordUse(token.Use{TokenID: t.ID, Day: future.AddDate(0, 0, i), Allowed: 1, Permissions: []token.PermissionUse{find}})
		}
		s.prune(future.AddDate(0, 0, 1).Add(5 * time.Hour)) // a moment means its day
		s.prune(future)
		got := s.summary(t.ID, time.Time{})
		equal(s, got.Permissions, []token.PermissionUse{{Permission: "article.find", Allowed: 3}})
		equal(s, got.Counted, future.AddDate(0, 0, 1))
		s.prune(future.AddDate(1, 0, 0))
		equal(s, s.permissions(t.ID, time.Time{}), nil)
		equal(s, len(s.usage(t.ID, time.Time{})), 1)
	}},
	{"who counted on one day counted all of the next, also in a copy", func(s *suite) {
		records := s.records(2)
		long := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
		records[1].Permissions = []store.PermissionDay{{PermissionUse: token.PermissionUse{Permission: "a.b", Allowed: 1}, Day: long}}
		s.ok(s.Store.Import(s.ctx, sequence(records)))
		equal(s, s.summary(records[0].Token.ID, day).Counted, long.AddDate(0, 0, 1))
	}},
}

func (s *suite) summary(id string, since time.Time) store.UseSummary {
	s.Helper()
	sum, err := s.Store.UseSummary(s.ctx, id, since)
	s.ok(err)
	return sum
}

func (s *suite) permissions(id string, since time.Time) []token.PermissionUse {
	s.Helper()
	return s.summary(id, since).Permissions
}
