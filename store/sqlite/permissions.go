package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// mergePermissions adds what the JSON array ?1 holds to the table permission_usage.
const mergePermissions = `INSERT INTO permission_usage (token_id, day, permission, allowed, refused)
	SELECT t.id, u.value ->> 'day', u.value ->> 'permission', u.value ->> 'allowed', u.value ->> 'refused'
	FROM json_each(?1) u JOIN tokens t ON t.id = u.value ->> 'token' WHERE true
	ON CONFLICT (token_id, day, permission) DO UPDATE SET allowed = allowed + excluded.allowed, refused = refused + excluded.refused`

const insertPermission = `INSERT INTO permission_usage (token_id, day, permission, allowed, refused) VALUES (?, ?, ?, ?, ?)`

// permissionUse is a token.PermissionUse as mergePermissions reads it.
type permissionUse struct {
	Token      string `json:"token"`
	Day        int64  `json:"day"`
	Permission string `json:"permission"`
	Allowed    uint64 `json:"allowed"`
	Refused    uint64 `json:"refused"`
}

func writePermissions(uses []token.Use) []permissionUse {
	written := []permissionUse{}
	for _, u := range uses {
		for _, p := range u.Permissions {
			written = append(written, permissionUse{
				Token: u.TokenID, Day: writeDay(u.Day), Permission: p.Permission,
				Allowed: min(p.Allowed, maxCount), Refused: min(p.Refused, maxCount),
			})
		}
	}
	return written
}

// retentionOfUse also reads where the token was used last from. It is asked last: a
// flush in between must not show counts without the address that came with them.
const retentionOfUse = `SELECT since, coalesce((SELECT address FROM last_uses WHERE token_id = ?), '') FROM usage_retention`

// UseSummary implements store.Reader.
func (r reader) UseSummary(ctx context.Context, tokenID string, since time.Time) (store.UseSummary, error) {
	sum, err := r.useSummary(ctx, tokenID, since)
	if err != nil {
		return store.UseSummary{}, fmt.Errorf("use of token %q by permission: %w", tokenID, err)
	}
	return sum, nil
}

func (r reader) useSummary(ctx context.Context, tokenID string, since time.Time) (sum store.UseSummary, err error) {
	err = r.each(ctx, `SELECT permission, sum(allowed), sum(refused) FROM permission_usage
		WHERE token_id = ? AND day >= ? GROUP BY permission ORDER BY permission`,
		[]any{tokenID, writeDay(since)}, func(rows *sql.Rows) error {
			var p token.PermissionUse
			err := rows.Scan(&p.Permission, &p.Allowed, &p.Refused)
			sum.Permissions = append(sum.Permissions, p)
			return err
		})
	if err != nil {
		return sum, err
	}
	err = r.each(ctx, retentionOfUse, []any{tokenID}, func(rows *sql.Rows) error {
		var counted int64
		err := rows.Scan(&counted, &sum.Address)
		sum.Counted = readTime(counted)
		return err
	})
	return sum, err
}

// addPermissions adds uses per permission to the records of their tokens.
func (r reader) addPermissions(ctx context.Context, part []store.Record, within []any) error {
	i := 0
	return r.eachReadable(ctx, `SELECT token_id, day, permission, allowed, refused FROM permission_usage
		WHERE token_id > ? AND token_id <= ? ORDER BY token_id, day, permission`, within, func(rows *sql.Rows) error {
		var id string
		var day int64
		var p store.PermissionDay
		if err := rows.Scan(&id, &day, &p.Permission, &p.Allowed, &p.Refused); err != nil {
			return err
		}
		p.Day = readTime(day)
		for part[i].Token.ID != id {
			i++
		}
		part[i].Permissions = append(part[i].Permissions, p)
		return nil
	})
}

// addAddresses adds where tokens were used last from to their records.
func (r reader) addAddresses(ctx context.Context, part []store.Record, within []any) error {
	i := 0
	return r.eachReadable(ctx, `SELECT token_id, address FROM last_uses
		WHERE token_id > ? AND token_id <= ? ORDER BY token_id`, within, func(rows *sql.Rows) error {
		var id, address string
		if err := rows.Scan(&id, &address); err != nil {
			return err
		}
		for part[i].Token.ID != id {
			i++
		}
		part[i].Address = address
		return nil
	})
}
