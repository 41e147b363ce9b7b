package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
)

// Change implements store.Store. When it can't be known whether the
// transaction holds, it returns an error and tells the watchers of everything.
func (s *Store) Change(ctx context.Context, fn func(tx store.Tx) error) error {
	if err := s.ready(); err != nil {
		return err
	}
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("changing tokens: %w", s.failure(ctx, err))
	}
	defer conn.Close()
	sqlTx, err := begin(ctx, conn)
	if err != nil {
		return fmt.Errorf("changing tokens: %w", s.failure(ctx, err))
	}
	defer sqlTx.Rollback() // does nothing after a commit

	t := newTx(s, sqlTx)
	if err := fn(t); err != nil {
		return err
	}
	if err := s.commit(ctx, t); err != nil {
		return fmt.Errorf("changing tokens: %w", err)
	}
	return nil
}

// begin takes the lock for writing. The transaction is not bound to the
// context, which would roll it back at any moment, also during the commit.
func begin(ctx context.Context, conn *sql.Conn) (sqlTx *sql.Tx, err error) {
	err = retryBusy(ctx, func() error {
		sqlTx, err = conn.BeginTx(context.WithoutCancel(ctx), nil)
		return err
	})
	return sqlTx, err
}

// commit ends the transaction and tells the watchers.
func (s *Store) commit(ctx context.Context, t *tx) error {
	if err := t.recordChanges(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return contextFailure(ctx, err)
	}
	if s.fileMissing() {
		return s.errMissing()
	}
	if err := t.sql.Commit(); err != nil {
		s.watchers.Tell(store.Changed{All: true})
		return s.failure(ctx, err)
	}
	if changed := store.ChangedBy(t.touched, t.all); changed.All || len(changed.Digests) > 0 {
		s.watchers.Tell(changed)
	}
	return nil
}

// recordChanges writes down for other processes what they must forget.
func (t *tx) recordChanges(ctx context.Context) error {
	changed := store.ChangedBy(t.touched, t.all)
	switch {
	case t.failed != nil:
		return t.failed
	case changed.All:
		return t.recordChange(ctx, nil)
	}
	for _, digest := range changed.Digests {
		if err := t.recordChange(ctx, digest[:]); err != nil {
			return err
		}
	}
	return nil
}

// recordChange adds a row for one secret, or for all with NULL, and drops one
// that is old.
func (t *tx) recordChange(ctx context.Context, hash any) error {
	result, err := t.exec(ctx, `INSERT INTO changes (hash) VALUES (?)`, hash)
	if err != nil {
		return t.failure(ctx, err)
	}
	revision, err := result.LastInsertId()
	if err != nil {
		return t.failure(ctx, err)
	}
	if _, err := t.exec(ctx, `DELETE FROM changes WHERE revision <= ?`, revision-store.KeptChanges); err != nil {
		return t.failure(ctx, err)
	}
	return nil
}
