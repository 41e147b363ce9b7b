package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Security rule 17: no change waits for a flush, not even the deletion of the
// token whose use is being written.
func TestChangesDontWaitForFlushes(t *testing.T) {
	s, c := fresh(t, pgtest.Shared(t))
	mustAdd(t, s, "ci")
	mustAdd(t, s, "second")
	permissions := []token.PermissionUse{{Permission: "article.find", Allowed: 1}}
	uses := []token.Use{
		{TokenID: "ci", Day: now, Last: now, Allowed: 1, Permissions: permissions},
		{TokenID: "second", Day: now, Last: now, Allowed: 1, Permissions: permissions},
	}
	check(t, s.RecordUse(t.Context(), uses))
	flush, err := pgx.Connect(t.Context(), c.DSN)
	check(t, err)
	defer flush.Close(t.Context())
	_, err = flush.Exec(t.Context(), "BEGIN") // a flush that is in the middle of its statement
	check(t, err)
	_, err = flush.Exec(t.Context(), mergeUses, writeUses(uses).args()...)
	check(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	check(t, disable(ctx, s, "ci"))
	check(t, s.Change(ctx, func(tx store.Tx) error {
		return errors.Join(tx.EndSecrets(ctx, "ci", now, now), tx.DeleteToken(ctx, "ci"))
	}))
	check(t, s.PruneUse(ctx, now.AddDate(1, 0, 0)))
	_, err = flush.Exec(t.Context(), "COMMIT")
	check(t, err)

	for _, id := range []string{"ci", "second"} {
		got, err := s.Usage(t.Context(), id, time.Time{})
		if want := map[string]int{"ci": 0, "second": 1}[id]; err != nil || len(got) != want {
			t.Errorf("%s has %v, %v", id, got, err)
		}
	}
	if sum, err := s.UseSummary(t.Context(), "ci", time.Time{}); err != nil || sum.Permissions != nil || sum.Address != "" {
		t.Errorf("a token that is gone has %+v, %v", sum, err)
	}
	check(t, s.PruneUse(t.Context(), now))
	for _, table := range []string{"usage", "permission_usage", "last_uses"} {
		if rows := query[int](t, c, `SELECT count(*) FROM `+table); rows != 1 {
			t.Errorf("%d rows of %s are left", rows, table)
		}
	}
}

// A broken counter can't make a flush fail, nor those to come.
func TestCountsStopAtTheLargest(t *testing.T) {
	s, _ := fresh(t, pgtest.Shared(t))
	mustAdd(t, s, "ci")
	most := token.Use{TokenID: "ci", Day: now, Last: now, Allowed: math.MaxUint64, Refused: math.MaxInt64}
	most.Permissions = []token.PermissionUse{{Permission: "article.find", Allowed: most.Allowed, Refused: most.Refused}}
	for range 2 {
		check(t, s.RecordUse(t.Context(), []token.Use{most, most, {TokenID: "ci", Day: now, Allowed: 7}}))
	}
	got, err := s.Usage(t.Context(), "ci", now)
	if err != nil || len(got) != 1 || got[0].Allowed != math.MaxInt64 || got[0].Refused != math.MaxInt64 {
		t.Errorf("%+v, %v", got, err)
	}
	sum, err := s.UseSummary(t.Context(), "ci", now)
	if want := (token.PermissionUse{Permission: "article.find", Allowed: math.MaxInt64, Refused: math.MaxInt64}); err != nil || len(sum.Permissions) != 1 || sum.Permissions[0] != want {
		t.Errorf("%+v, %v", sum, err)
	}
}

// What Postgres can't have in a text is no token's, and breaks nothing.
func TestTextsThatCantBeStored(t *testing.T) {
	s, _ := fresh(t, pgtest.Shared(t))
	mustAdd(t, s, "ci")
	for _, text := range []string{"\x00", "a\xff"} {
		check(t, s.RecordUse(t.Context(), []token.Use{
			{TokenID: text, Day: now},
			{TokenID: "ci", Day: now, Last: now, Address: text, Allowed: 1, Permissions: []token.PermissionUse{{Permission: text, Allowed: 1}}},
		}))
		_, err := s.TokenByName(t.Context(), "articles", text)
		if !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		err = s.Change(t.Context(), func(tx store.Tx) error { return tx.DeleteToken(t.Context(), text) })
		if !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		if err := add(t.Context(), s, text+"x"); err == nil || !strings.Contains(err.Error(), "invalid byte sequence") {
			t.Error(err)
		}
	}
	got, err := s.Usage(t.Context(), "ci", now)
	if err != nil || len(got) != 1 || got[0].Allowed != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A gateway that only checks tokens needs few rights, and has no others.
func TestGateRole(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	schema := newSchema(t, server, database)
	owner := open(t, inSchema(server.DSN(database, pgtest.Superuser), schema))
	mustAdd(t, owner, "ci")
	s := open(t, granted(t, server, database, schema, GrantsToGate))
	told := listen(t, s)

	mustFind(t, s, "ci")
	check(t, s.RecordUse(t.Context(), []token.Use{
		{TokenID: "ci", Day: now, Last: now, Allowed: 1, Permissions: []token.PermissionUse{{Permission: "article.find", Allowed: 1}}},
		{TokenID: "ci", Day: now.AddDate(0, 0, 1), Last: now, Allowed: 1, Permissions: []token.PermissionUse{{Permission: "article.find", Allowed: 2}}},
	}))
	check(t, s.PruneUse(t.Context(), now.AddDate(0, 0, 1)))
	if sum, err := s.UseSummary(t.Context(), "ci", time.Time{}); err != nil || len(sum.Permissions) != 1 || sum.Permissions[0].Allowed != 2 {
		t.Errorf("%+v, %v", sum, err)
	}
	uses, err := s.Usage(t.Context(), "ci", time.Time{})
	if err != nil || len(uses) != 1 {
		t.Errorf("%+v, %v", uses, err)
	}
	for range 2 {
		check(t, s.Change(t.Context(), func(tx store.Tx) error {
			return tx.SaveCatalog(t.Context(), store.Catalog{API: "articles", Updated: now})
		}))
	}
	check(t, s.SaveGateway(t.Context(), "1", []store.Gateway{{API: "articles", Started: now}}))
	check(t, s.SaveGateway(t.Context(), "1", nil))
	check(t, s.PruneGateways(t.Context(), 0))
	check(t, disable(t.Context(), owner, "ci"))
	told.toldAlone(t, "ci")

	for name, change := range map[string]func(tx store.Tx) error{
		"CreateToken": func(tx store.Tx) error { return tx.CreateToken(t.Context(), token.Token{ID: "x", Name: "x"}) },
		"DeleteToken": func(tx store.Tx) error { return tx.DeleteToken(t.Context(), "ci") },
		"EndSecrets":  func(tx store.Tx) error { return tx.EndSecrets(t.Context(), "ci", now, now) },
		"AddSecret":   func(tx store.Tx) error { return tx.AddSecret(t.Context(), "ci", store.Secret{}) },
		"UpdateToken": func(tx store.Tx) error {
			one, err := tx.Token(t.Context(), "ci")
			return errors.Join(err, tx.UpdateToken(t.Context(), one))
		},
	} {
		if err := s.Change(t.Context(), change); err == nil || !strings.Contains(err.Error(), "the role lacks rights") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.changes.Exec(t.Context(), `INSERT INTO changes VALUES (99, NULL)`); code(err) != insufficientRights {
		t.Error(err)
	}
}

// BenchmarkRecordUse measures a flush of 10,000 tokens in use, and the largest.
func BenchmarkRecordUse(b *testing.B) {
	for _, c := range []struct{ size, permissions int }{{10_000, 0}, {10_000, 3}, {200_000, 3}} {
		b.Run(fmt.Sprint(c.size, " tokens with ", c.permissions, " permissions"), func(b *testing.B) {
			s, _ := fresh(b, pgtest.Shared(b))
			check(b, s.Import(b.Context(), many(c.size)))
			uses := make([]token.Use, c.size)
			for i := range uses {
				uses[i] = token.Use{TokenID: manyID(i), Day: now, Last: now.Add(time.Duration(i)), Address: "192.0.2.1", Allowed: 1}
				for n := range c.permissions {
					uses[i].Permissions = append(uses[i].Permissions, token.PermissionUse{Permission: fmt.Sprintf("article.action%d", n), Allowed: 1})
				}
			}
			for b.Loop() {
				check(b, s.RecordUse(b.Context(), uses))
			}
		})
	}
}

// BenchmarkLookup measures look-ups of one secret after the other. A million
// tokens are measured with TOKENREEVE_BENCH_LARGE=1 only.
func BenchmarkLookup(b *testing.B) {
	sizes := []int{1, 10_000}
	if os.Getenv("TOKENREEVE_BENCH_LARGE") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, size := range sizes {
		b.Run(fmt.Sprint(size, " tokens"), func(b *testing.B) {
			s, _ := fresh(b, pgtest.Shared(b))
			check(b, s.Import(b.Context(), many(size)))
			i := 0
			for b.Loop() {
				if _, err := s.Lookup(b.Context(), token.Hash(manyID(i*7919%size))); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkChange(b *testing.B) {
	s, _ := fresh(b, pgtest.Shared(b))
	mustAdd(b, s, "ci")
	for b.Loop() {
		check(b, disable(b.Context(), s, "ci"))
	}
}
