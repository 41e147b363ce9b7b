package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// prunePart is how many rows one statement of PruneUse looks at.
const prunePart = 20_000

// pruneUses removes what is old from a part of the table and returns where the
// part ended. The newest row of each secret that is there stays, and the newest
// with a last time; rows of tokens that are gone do not. It passes by rows that a flush is
// writing, and the next time finds them.
const pruneUses = `WITH part AS (
		SELECT DISTINCT token_id, day FROM (
			SELECT token_id, day FROM usage WHERE (token_id, day) > ($2::text, $3::bigint) ORDER BY token_id, day LIMIT $4::bigint) rows
	), old AS (
		SELECT u.token_id, u.day, u.secret FROM usage u JOIN part p ON p.token_id = u.token_id AND p.day = u.day
		WHERE u.day < $1::bigint AND (EXISTS (SELECT FROM usage n
			WHERE n.token_id = u.token_id AND n.day > u.day AND n.secret = u.secret AND (n.last_used > 0 OR u.last_used = 0))
			OR u.secret <> '' AND NOT EXISTS (SELECT FROM secrets s WHERE s.hash = u.secret))
		OR NOT EXISTS (SELECT FROM tokens t WHERE t.id = u.token_id)
		FOR UPDATE OF u SKIP LOCKED
	), gone AS (
		DELETE FROM usage u USING old WHERE u.token_id = old.token_id AND u.day = old.day AND u.secret = old.secret
	)
	SELECT token_id, day FROM part ORDER BY token_id DESC, day DESC LIMIT 1`

// prunePermissions removes all that is old from a part of permission_usage, and
// the rows of tokens that are gone, as pruneUses does.
const prunePermissions = `WITH part AS (
		SELECT DISTINCT token_id, day FROM (
			SELECT token_id, day FROM permission_usage WHERE (token_id, day) > ($2::text, $3::bigint) ORDER BY token_id, day LIMIT $4::bigint) rows
	), old AS (
		SELECT u.token_id, u.day, u.permission FROM permission_usage u JOIN part p ON p.token_id = u.token_id AND p.day = u.day
		WHERE u.day < $1::bigint OR NOT EXISTS (SELECT FROM tokens t WHERE t.id = u.token_id)
		FOR UPDATE OF u SKIP LOCKED
	), gone AS (
		DELETE FROM permission_usage u USING old WHERE u.token_id = old.token_id AND u.day = old.day AND u.permission = old.permission
	)
	SELECT token_id, day FROM part ORDER BY token_id DESC, day DESC LIMIT 1`

// PruneUse implements store.Store. It goes through the tables in parts, each a
// transaction of its own.
func (s *Store) PruneUse(ctx context.Context, before time.Time) error {
	if s.closed.Load() {
		return errClosed
	}
	if err := s.pruneLastUses(ctx); err != nil {
		return fmt.Errorf("pruning use: %w", err)
	}
	if err := s.raiseRetention(ctx, writeDay(before)); err != nil {
		return fmt.Errorf("pruning use: %w", err)
	}
	for _, statement := range []string{pruneUses, prunePermissions} {
		id, day := "", int64(math.MinInt64)
		for more := true; more; {
			var err error
			if id, day, more, err = s.pruneAfter(ctx, statement, writeDay(before), id, day); err != nil {
				return fmt.Errorf("pruning use: %w", err)
			}
		}
	}
	return nil
}

// raiseRetention says that what is older is not counted per permission any more.
func (s *Store) raiseRetention(ctx context.Context, before int64) error {
	ctx, cancel := s.bound(ctx, useTimeout)
	defer cancel()
	_, err := s.use.Exec(ctx, `UPDATE usage_retention SET since = $1 WHERE since < $1`, before)
	return s.failure(ctx, err)
}

// pruneLastUses removes the rows of tokens that are gone. Ids come only once, so
// that no such token comes back meanwhile.
func (s *Store) pruneLastUses(ctx context.Context) error {
	ctx, cancel := s.bound(ctx, useTimeout)
	defer cancel()
	_, err := s.use.Exec(ctx, `DELETE FROM last_uses WHERE token_id IN (SELECT l.token_id FROM last_uses l
		WHERE NOT EXISTS (SELECT FROM tokens t WHERE t.id = l.token_id) FOR UPDATE OF l SKIP LOCKED)`)
	return s.failure(ctx, err)
}

func (s *Store) pruneAfter(ctx context.Context, statement string, before int64, id string, day int64) (lastID string, lastDay int64, more bool, err error) {
	ctx, cancel := s.bound(ctx, useTimeout)
	defer cancel()
	err = each(ctx, s.use, statement, []any{before, id, day, int64(prunePart)}, func(rows pgx.Rows) error {
		more = true
		return rows.Scan(&lastID, &lastDay)
	})
	return lastID, lastDay, more, s.failure(ctx, err)
}
