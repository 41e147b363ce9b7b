package postgres

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/token"
)

// mergeUses adds rows to the table usage, those of tokens that are there, and
// moves the newest time of each token in last_uses. It comes with one row for
// each token, day and secret, and in their order, in which every
// flush locks, so that none waits for another in a circle. Counts stop at the
// largest that there is: one that overflows would fail all flushes to come.
const mergeUses = `WITH fresh AS (
		SELECT u.token_id COLLATE "C" AS token_id, u.day, u.secret, u.allowed, u.refused, u.last_used
		FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[]) AS u (token_id, day, secret, allowed, refused, last_used)
		WHERE EXISTS (SELECT FROM tokens t WHERE t.id = u.token_id)
	), moved AS (
		INSERT INTO last_uses AS kept (token_id, last_used)
		SELECT token_id, max(last_used) FROM fresh WHERE last_used > 0 GROUP BY token_id ORDER BY token_id
		ON CONFLICT (token_id) DO UPDATE SET last_used = excluded.last_used WHERE excluded.last_used > kept.last_used
	)
	INSERT INTO usage AS kept (token_id, day, secret, allowed, refused, last_used)
	SELECT token_id, day, secret, allowed, refused, last_used FROM fresh ORDER BY token_id, day, secret
	ON CONFLICT (token_id, day, secret) DO UPDATE SET
		allowed = kept.allowed + least(excluded.allowed, 9223372036854775807 - kept.allowed),
		refused = kept.refused + least(excluded.refused, 9223372036854775807 - kept.refused),
		last_used = greatest(kept.last_used, excluded.last_used)`

// useAttempts is how often a statement is tried that another one stood in the
// way of.
const useAttempts = 3

// RecordUse implements store.Store. A deadline ends it, but not a caller that
// goes away: that would report what is written as failed, and it would be
// written, and counted, again.
func (s *Store) RecordUse(ctx context.Context, uses []token.Use) error {
	if s.closed.Load() {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("recording use: %w", contextFailure(ctx, err))
	}
	rows := writeUses(uses)
	if len(rows.ids) == 0 {
		return nil
	}
	ctx, cancel := s.persistent(ctx, useTimeout)
	defer cancel()
	if err := s.execUse(ctx, mergeUses, rows.ids, rows.days, rows.secrets, rows.allowed, rows.refused, rows.last); err != nil {
		return fmt.Errorf("recording use: %w", s.failure(ctx, err))
	}
	return nil
}

// persistent returns a context with the deadline of the given one, or one after
// some time, that doesn't end when the caller goes away.
func (s *Store) persistent(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if !bounded {
		return s.bound(ctx, most)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// execUse runs a statement on the connection for the use of tokens.
func (s *Store) execUse(ctx context.Context, statement string, args ...any) error {
	for attempt := 1; ; attempt++ {
		_, err := s.use.Exec(ctx, statement, args...)
		if c := code(err); c != deadlockDetected && c != serializationFailure || attempt == useAttempts {
			return err
		}
	}
}

// useRows are uses as columns.
type useRows struct {
	ids                          []string
	secrets                      [][]byte
	days, allowed, refused, last []int64
}

// writeUses puts uses in order and adds those of one token, day and secret up.
func writeUses(uses []token.Use) useRows {
	sorted := make([]token.Use, 0, len(uses))
	for _, u := range uses {
		if storable(u.TokenID) {
			u.Day = readTime(writeDay(u.Day))
			sorted = append(sorted, u)
		}
	}
	slices.SortStableFunc(sorted, func(a, b token.Use) int {
		return cmp.Or(cmp.Compare(a.TokenID, b.TokenID), a.Day.Compare(b.Day), bytes.Compare(a.Secret[:], b.Secret[:]))
	})
	var rows useRows
	for i, u := range sorted {
		if i > 0 && u.TokenID == sorted[i-1].TokenID && u.Day.Equal(sorted[i-1].Day) && u.Secret == sorted[i-1].Secret {
			rows.addToLast(u)
			continue
		}
		rows.ids = append(rows.ids, u.TokenID)
		rows.days = append(rows.days, u.Day.UnixMilli())
		rows.secrets = append(rows.secrets, writeSecret(u.Secret))
		rows.allowed = append(rows.allowed, count(u.Allowed))
		rows.refused = append(rows.refused, count(u.Refused))
		rows.last = append(rows.last, writeLast(u.Last))
	}
	return rows
}

func (r *useRows) addToLast(u token.Use) {
	i := len(r.ids) - 1
	r.allowed[i] += min(count(u.Allowed), math.MaxInt64-r.allowed[i])
	r.refused[i] += min(count(u.Refused), math.MaxInt64-r.refused[i])
	r.last[i] = max(r.last[i], writeLast(u.Last))
}

// writeSecret returns no byte for a secret that isn't known.
func writeSecret(secret token.Digest) []byte {
	if secret == (token.Digest{}) {
		return []byte{}
	}
	return secret[:]
}

// count returns a number as Postgres can have it.
func count(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

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

// PruneUse implements store.Store. It goes through the table in parts, each a
// transaction of its own.
func (s *Store) PruneUse(ctx context.Context, before time.Time) error {
	if s.closed.Load() {
		return errClosed
	}
	if err := s.pruneLastUses(ctx); err != nil {
		return fmt.Errorf("pruning use: %w", err)
	}
	id, day := "", int64(math.MinInt64)
	for more := true; more; {
		var err error
		if id, day, more, err = s.pruneAfter(ctx, writeDay(before), id, day); err != nil {
			return fmt.Errorf("pruning use: %w", err)
		}
	}
	return nil
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

func (s *Store) pruneAfter(ctx context.Context, before int64, id string, day int64) (lastID string, lastDay int64, more bool, err error) {
	ctx, cancel := s.bound(ctx, useTimeout)
	defer cancel()
	err = each(ctx, s.use, pruneUses, []any{before, id, day, int64(prunePart)}, func(rows pgx.Rows) error {
		more = true
		return rows.Scan(&lastID, &lastDay)
	})
	return lastID, lastDay, more, s.failure(ctx, err)
}
