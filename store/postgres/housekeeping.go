package postgres

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
	i, err := readOne(ctx, r, `SELECT request, token_id, created FROM idempotents WHERE account_id = $1 AND key = $2`,
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
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, i.Account, i.Key[:], i.Request[:], i.TokenID, i.Created.UnixMilli())
	if err == nil && saved == 0 {
		return fmt.Errorf("%s: %w", what, store.ErrConflict)
	}
	return err
}

// PruneManagement implements store.Housekeeping.
func (s *Store) PruneManagement(ctx context.Context, now, eventsBefore time.Time) error {
	err := s.keepHouse(ctx, `DELETE FROM sessions WHERE expiry <= $1`, now.UnixMilli())
	if err == nil {
		err = s.keepHouse(ctx, `DELETE FROM idempotents WHERE created < $1`, store.Ceil(now.Add(-store.IdempotentAge)))
	}
	if err == nil && !eventsBefore.IsZero() {
		err = s.pruneEvents(ctx, store.Ceil(eventsBefore))
	}
	if err != nil {
		return fmt.Errorf("pruning: %w", err)
	}
	return nil
}

// prunedEvents is how many events one statement removes.
const prunedEvents = 5_000

func (s *Store) pruneEvents(ctx context.Context, before int64) error {
	if err := s.keepHouse(ctx, `UPDATE retention SET since = $1 WHERE since < $1`, before); err != nil {
		return err
	}
	for {
		removed, err := s.keepHouseCount(ctx, `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE time < $1 ORDER BY time LIMIT $2::bigint)`, before, int64(prunedEvents))
		if err != nil || removed == 0 {
			return err
		}
	}
}

// keepHouse runs a statement that is no change: nobody is told of it, and no
// change waits for it.
func (s *Store) keepHouse(ctx context.Context, statement string, args ...any) error {
	_, err := s.keepHouseCount(ctx, statement, args...)
	return err
}

func (s *Store) keepHouseCount(ctx context.Context, statement string, args ...any) (int64, error) {
	if s.closed.Load() {
		return 0, errClosed
	}
	if !storableArgs(args) {
		return 0, nil
	}
	ctx, cancel := s.bound(ctx, changeTimeout)
	defer cancel()
	tag, err := s.changes.Exec(ctx, statement, args...)
	return tag.RowsAffected(), s.failure(ctx, err)
}
