package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Idempotent implements store.Management.
func (r reader) Idempotent(ctx context.Context, account string, key token.Digest) (store.Idempotent, error) {
	i := store.Idempotent{Account: account, Key: key}
	i, err := readOne(ctx, r, `SELECT request, token_id, created FROM idempotents WHERE account_id = ? AND key = ?`,
		[]any{account, key[:]}, func(row scanner) (store.Idempotent, error) {
			var request []byte
			var created int64
			if err := row.Scan(&request, &i.TokenID, &created); err != nil {
				return store.Idempotent{}, err
			}
			if len(request) != len(i.Request) {
				return store.Idempotent{}, unreadable("memory of a key", fmt.Errorf("its hash has %d bytes", len(request)))
			}
			i.Request, i.Created = token.Digest(request), readTime(created)
			return i, nil
		})
	if err != nil {
		return store.Idempotent{}, fmt.Errorf("key of a creation: %w", err)
	}
	return i, nil
}

// SaveIdempotent implements store.ManagementTx.
func (t *tx) SaveIdempotent(ctx context.Context, i store.Idempotent) error {
	const what = "key of a creation"
	saved, err := t.execCount(ctx, what, `INSERT INTO idempotents (account_id, key, request, token_id, created)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, i.Account, i.Key[:], i.Request[:], i.TokenID, i.Created.UnixMilli())
	if err == nil && saved == 0 {
		return fmt.Errorf("%s: %w", what, store.ErrConflict)
	}
	return err
}

// PruneManagement implements store.Housekeeping.
func (s *Store) PruneManagement(ctx context.Context, now, eventsBefore time.Time) error {
	err := s.keepHouse(ctx, `DELETE FROM sessions WHERE expiry <= ?`, now.UnixMilli())
	if err == nil {
		err = s.keepHouse(ctx, `DELETE FROM idempotents WHERE created < ?`, store.Ceil(now.Add(-store.IdempotentAge)))
	}
	if err == nil && !eventsBefore.IsZero() {
		err = s.pruneEvents(ctx, store.Ceil(eventsBefore))
	}
	if err != nil {
		return fmt.Errorf("pruning: %w", err)
	}
	return nil
}

// prunedEvents is how many events one statement removes, so that others can
// write in between.
const prunedEvents = 1_000

func (s *Store) pruneEvents(ctx context.Context, before int64) error {
	if err := s.keepHouse(ctx, `UPDATE retention SET since = ?1 WHERE since < ?1`, before); err != nil {
		return err
	}
	for {
		if err := s.ready(); err != nil {
			return err
		}
		var more bool
		err := s.readers.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM events WHERE time < ?)`, before).Scan(&more)
		if err != nil {
			return s.failure(ctx, err)
		}
		if !more {
			return nil
		}
		err = s.keepHouse(ctx, `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE time < ? ORDER BY time LIMIT ?)`, before, prunedEvents)
		if err != nil {
			return err
		}
	}
}

// keepHouse runs a statement that is no change: nobody is told of it.
func (s *Store) keepHouse(ctx context.Context, statement string, args ...any) error {
	if err := s.ready(); err != nil {
		return err
	}
	if s.fileMissing() {
		return s.errMissing()
	}
	err := retryBusy(ctx, func() error {
		_, err := s.writer.ExecContext(ctx, statement, args...)
		return err
	})
	if err != nil {
		return s.failure(ctx, err)
	}
	return nil
}
