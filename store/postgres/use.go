package postgres

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// mergeUses adds rows to the tables usage and permission_usage, those of tokens
// that are there, and moves the newest time of each token in last_uses. It comes
// with one row for each token, day and secret, or permission, and in their order,
// in which every flush locks, so that none waits for another in a circle. Counts stop at the
// largest that there is: one that overflows would fail all flushes to come.
const mergeUses = `WITH fresh AS (
		SELECT u.token_id COLLATE "C" AS token_id, u.day, u.secret, u.allowed, u.refused, u.last_used, u.address
		FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
			AS u (token_id, day, secret, allowed, refused, last_used, address)
		WHERE EXISTS (SELECT FROM tokens t WHERE t.id = u.token_id)
	), moved AS (
		INSERT INTO last_uses AS kept (token_id, last_used, address)
		SELECT DISTINCT ON (token_id) token_id, last_used, address FROM fresh WHERE last_used > 0 ORDER BY token_id, last_used DESC
		ON CONFLICT (token_id) DO UPDATE SET last_used = excluded.last_used, address = excluded.address
			WHERE excluded.last_used > kept.last_used
	), counted AS (
		INSERT INTO permission_usage AS kept (token_id, day, permission, allowed, refused)
		SELECT p.token_id COLLATE "C", p.day, p.permission COLLATE "C", p.allowed, p.refused
		FROM unnest($8::text[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[]) AS p (token_id, day, permission, allowed, refused)
		WHERE EXISTS (SELECT FROM tokens t WHERE t.id = p.token_id) ORDER BY 1, 2, 3
		ON CONFLICT (token_id, day, permission) DO UPDATE SET
			allowed = kept.allowed + least(excluded.allowed, 9223372036854775807 - kept.allowed),
			refused = kept.refused + least(excluded.refused, 9223372036854775807 - kept.refused)
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
	args := writeUses(uses).args()
	if args == nil {
		return nil
	}
	ctx, cancel := s.persistent(ctx, useTimeout)
	defer cancel()
	if err := s.execUse(ctx, mergeUses, args...); err != nil {
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
	ids, addresses               []string
	secrets                      [][]byte
	days, allowed, refused, last []int64

	permissions permissionRows
}

// args are what mergeUses takes; nil if there is nothing.
func (r useRows) args() []any {
	if len(r.ids) == 0 {
		return nil
	}
	p := r.permissions
	return []any{
		r.ids, r.days, r.secrets, r.allowed, r.refused, r.last, r.addresses,
		p.ids, p.days, p.permissions, p.allowed, p.refused,
	}
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
		rows.addresses = append(rows.addresses, writeAddress(u.Address))
	}
	rows.permissions = writePermissions(sorted)
	return rows
}

func (r *useRows) addToLast(u token.Use) {
	i := len(r.ids) - 1
	r.allowed[i] += min(count(u.Allowed), math.MaxInt64-r.allowed[i])
	r.refused[i] += min(count(u.Refused), math.MaxInt64-r.refused[i])
	if last := writeLast(u.Last); last > r.last[i] {
		r.last[i], r.addresses[i] = last, writeAddress(u.Address)
	}
}

// writeAddress returns what Postgres can have of an address.
func writeAddress(address string) string {
	if !storable(address) {
		return ""
	}
	return address
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
