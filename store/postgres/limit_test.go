package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// A change that takes longer than it may ends with its next statement, whatever contexts
// it gives those, and others can change something then.
func TestChangePastItsLimit(t *testing.T) {
	t.Parallel()
	s, c := fresh(t, pgtest.Shared(t))
	mustAdd(t, s, "ci")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := s.Change(ctx, func(tx store.Tx) error {
		if err := tx.DeleteToken(t.Context(), "ci"); err != nil {
			return err
		}
		for {
			if _, err := tx.Drafts(t.Context(), ""); err != nil {
				return err
			}
		}
	})
	mustBeAway(t, "Change", err)
	check(t, disable(t.Context(), open(t, c), "ci"))
}

// No change has more statements than it needs, since each waits for the database while
// nobody else can change anything.
func TestStatementsOfChanges(t *testing.T) {
	t.Parallel()
	s, _ := fresh(t, pgtest.Shared(t))
	mustAdd(t, s, "ci")
	second := store.Secret{Digest: token.Hash("second"), Scheme: token.SHA256, Hint: "…d", Created: now}
	edited, err := s.Token(t.Context(), "ci")
	check(t, err)
	for _, c := range []struct {
		name   string
		change func(tx store.Tx) error
		most   int
	}{
		{"AddSecret", func(tx store.Tx) error { return tx.AddSecret(t.Context(), "ci", second) }, 1},
		{"EndSecrets", func(tx store.Tx) error { return tx.EndSecrets(t.Context(), "ci", now, now) }, 1},
		{"UpdateToken", func(tx store.Tx) error { return tx.UpdateToken(t.Context(), edited) }, 1},
		{"TokensByID", func(tx store.Tx) error {
			_, err := tx.TokensByID(t.Context(), []string{"ci", "a", "b"})
			return err
		}, 1},
		{"DeleteToken", func(tx store.Tx) error { return tx.DeleteToken(t.Context(), "ci") }, 3},
	} {
		statements, needed := 0, 0
		check(t, s.Change(t.Context(), func(inner store.Tx) error {
			counted := inner.(*tx)
			run := counted.run
			counted.run = func(ctx context.Context, do func(context.Context, queryer) error) error {
				statements++
				return run(ctx, do)
			}
			err := c.change(inner)
			needed = statements
			return err
		}))
		if needed > c.most {
			t.Errorf("%s has %d statements; want %d", c.name, needed, c.most)
		}
	}
}
