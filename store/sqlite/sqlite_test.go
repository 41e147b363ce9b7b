package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/storetest"
	"github.com/tokenreeve/tokenreeve/token"
)

// patience is how long a test waits for what must happen. It only ever passes
// in a test that fails.
const patience = time.Minute

var now = time.Date(2026, time.November, 3, 14, 15, 16, 0, time.UTC)

// TestMain also is the other process of tests that need one.
func TestMain(m *testing.M) {
	if job := os.Getenv(jobVariable); job != "" {
		os.Exit(runJob(job))
	}
	os.Exit(storetest.RunLeakFree(m))
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		path := filepath.Join(t.TempDir(), "tokens.db")
		s := open(t, path)
		return storetest.Subject{
			Store:  s,
			Second: func(t *testing.T) store.Store { return open(t, path) },
			Another: func(t *testing.T) store.Store {
				return open(t, filepath.Join(t.TempDir(), "another.db"))
			},
			Spoil: func(t *testing.T, id string) {
				execute(t, s, `UPDATE tokens SET type = 'mighty' WHERE id = ?`, id)
				execute(t, s, `UPDATE drafts SET draft = replace(draft, '"custom"', '"mighty"') WHERE token_id = ?`, id)
			},
		}
	})
}

// open opens a store and closes it at the end of the test.
func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// execute does what the contract can't.
func execute(t *testing.T, s *Store, statement string, args ...any) {
	t.Helper()
	if _, err := s.writer.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// add creates a token whose id, name and secret are all the given text.
func add(ctx context.Context, s store.Store, name string) error {
	return s.Change(ctx, func(tx store.Tx) error {
		err := tx.CreateToken(ctx, token.Token{
			ID: name, API: "articles", Name: name, Type: token.ReadOnly, Enabled: true, Created: now, Updated: now,
		})
		if err != nil {
			return err
		}
		return tx.AddSecret(ctx, name, store.Secret{
			Digest: token.Hash(name), Scheme: token.SHA256, Hint: "…" + name[len(name)-1:], Created: now,
		})
	})
}

func mustAdd(t *testing.T, s store.Store, name string) {
	t.Helper()
	if err := add(t.Context(), s, name); err != nil {
		t.Fatal(err)
	}
}

func mustFind(t *testing.T, s store.Store, name string) {
	t.Helper()
	found, err := s.Lookup(t.Context(), token.Hash(name))
	if err != nil || found.Token.ID != name {
		t.Fatalf("looking up %s: %q, %v", name, found.Token.ID, err)
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}
