package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// listen starts a Watch and waits until it listens.
func listen(t *testing.T, s *Store) <-chan store.Changed {
	t.Helper()
	told, ended := make(chan store.Changed, 1000), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		s.Watch(ctx, func(changed store.Changed) { told <- changed })
	}()
	t.Cleanup(func() { cancel(); <-ended })
	await(t, told, isAll)
	return told
}

// await takes what was told until it is what the test waits for.
func await(t *testing.T, told <-chan store.Changed, wanted func(store.Changed) bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case changed := <-told:
			if wanted(changed) {
				return
			}
		case <-timeout:
			t.Fatalf("not told for %v", patience)
		}
	}
}

func isAll(changed store.Changed) bool { return changed.All }

func TestWatchTellsOfEverything(t *testing.T) {
	for name, statement := range map[string]string{
		"after a row for all":        `INSERT INTO changes (hash) VALUES (NULL)`,
		"after a row it can't read":  `INSERT INTO changes (hash) VALUES (x'00')`,
		"after its row was pruned":   `DELETE FROM changes`,
		"after rows that came again": `UPDATE changes SET revision = revision - 1`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens.db")
			s, other := open(t, path), open(t, path)
			told := listen(t, s)
			execute(t, other, statement)
			await(t, told, isAll)
		})
	}
}

// The table changes doesn't grow without end; who reads it too slowly is told
// of everything, once.
func TestChangesArePruned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s, other := open(t, path), open(t, path)
	told := listen(t, other)
	err := s.Change(t.Context(), func(pending store.Tx) error { // one commit, so that the other sees all or nothing
		_, err := pending.(*tx).exec(t.Context(), `INSERT INTO changes (hash) SELECT randomblob(32)
			FROM json_each('[' || replace(hex(zeroblob(11000)), '00', '0,') || '0]')`)
		if err != nil {
			return err
		}
		return pending.(*tx).recordChange(t.Context(), make([]byte, 32))
	})
	if err != nil {
		t.Fatal(err)
	}
	await(t, told, isAll)
	var rows int
	if err := s.writer.QueryRowContext(t.Context(), `SELECT count(*) FROM changes`).Scan(&rows); err != nil || rows != store.KeptChanges {
		t.Errorf("%d rows are kept, %v", rows, err)
	}
	mustAdd(t, s, "later")
	await(t, told, func(changed store.Changed) bool {
		if changed.All {
			t.Error("everything was told again")
		}
		return slices.Contains(changed.Digests, token.Hash("later"))
	})
}

func isLost(changed store.Changed) bool { return changed.Lost != nil }

// While the file is elsewhere, nothing is heard: that is told once, and
// everything when it is back.
func TestWatchTellsOfItsLoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s := open(t, path)
	told := listen(t, s)
	for range 2 {
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		await(t, told, func(changed store.Changed) bool {
			return errors.Is(changed.Lost, store.ErrUnavailable) && !changed.All
		})
		time.Sleep(3 * pollInterval)
		if len(told) > 0 {
			t.Errorf("told meanwhile: %+v", <-told)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
		await(t, told, func(changed store.Changed) bool {
			if isLost(changed) {
				t.Error("the loss was told again")
			}
			return changed.All
		})
		time.Sleep(2 * pollInterval)
		for len(told) > 0 { // the file's guard and the follower tell of everything
			<-told
		}
	}
}

// A Watch that can't begin says so.
func TestWatchThatCannotBegin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s := open(t, path)
	s.missing.Store(true)
	told, ctx := make(chan store.Changed, 1000), t.Context()
	go s.Watch(ctx, func(changed store.Changed) { told <- changed })
	if first := <-told; !isLost(first) {
		t.Errorf("told of %+v", first)
	}
	await(t, told, isAll) // its guard finds the file within a second
}
