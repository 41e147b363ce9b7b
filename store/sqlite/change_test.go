package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Whether a commit that failed holds can't be known: everything is told to be read again.
func TestFailedCommitTellsOfEverything(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	mustAdd(t, s, "ci")
	told := listen(t, s)
	err := s.Change(t.Context(), func(pending store.Tx) error {
		for _, statement := range []string{
			`PRAGMA defer_foreign_keys = 1`, // looked at by the commit
			`INSERT INTO secrets (hash, scheme, hint, token_id, created) VALUES (zeroblob(32), 'sha256', '', 'nobody', 0)`,
		} {
			if _, err := pending.(*tx).exec(t.Context(), statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		t.Fatal("the change holds")
	}
	await(t, told, isAll)
	mustAdd(t, s, "later") // the connection goes on
	mustFind(t, s, "ci")
}

// Invariant 5: use that is being written is not reported as failed when the context ends.
// It would be written again, and counted twice.
func TestUseIsWrittenOnceBegun(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	mustAdd(t, s, "ci")
	conn, err := s.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = mergeAll(ctx, conn, `[{"token":"ci","digest":"","day":0,"allowed":2,"refused":1,"last":0,"address":""}]`, `[]`)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Errorf("an ended context failed it: %v", err)
	}
	var uses []token.Use
	if err := s.Change(t.Context(), func(tx store.Tx) (err error) {
		uses, err = tx.Usage(t.Context(), "ci", now.AddDate(-100, 0, 0))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(uses) != 1 || uses[0].Allowed != 2 || uses[0].Refused != 1 {
		t.Errorf("counted as %+v", uses)
	}
}
