package postgres

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// permissionRows are uses per permission as columns.
type permissionRows struct {
	ids, permissions       []string
	days, allowed, refused []int64
}

// writePermissions adds the permissions of uses up, which come in order, over the
// secrets of a token's day.
func writePermissions(sorted []token.Use) (rows permissionRows) {
	for first := 0; first < len(sorted); {
		u, day := &sorted[first], []token.PermissionUse{}
		for ; first < len(sorted) && sorted[first].TokenID == u.TokenID && sorted[first].Day.Equal(u.Day); first++ {
			day = append(day, sorted[first].Permissions...)
		}
		slices.SortStableFunc(day, func(a, b token.PermissionUse) int { return cmp.Compare(a.Permission, b.Permission) })
		for i, p := range day {
			switch last := len(rows.ids) - 1; {
			case !storable(p.Permission):
			case i > 0 && p.Permission == day[i-1].Permission:
				rows.allowed[last] += min(count(p.Allowed), math.MaxInt64-rows.allowed[last])
				rows.refused[last] += min(count(p.Refused), math.MaxInt64-rows.refused[last])
			default:
				rows.add(u, p)
			}
		}
	}
	return rows
}

func (r *permissionRows) add(u *token.Use, p token.PermissionUse) {
	r.ids = append(r.ids, u.TokenID)
	r.days = append(r.days, u.Day.UnixMilli())
	r.permissions = append(r.permissions, p.Permission)
	r.allowed = append(r.allowed, count(p.Allowed))
	r.refused = append(r.refused, count(p.Refused))
}

// retentionOfUse also reads where the token was used last from. It is asked last: a
// flush in between must not show counts without the address that came with them.
const retentionOfUse = `SELECT since, coalesce((SELECT l.address FROM last_uses l JOIN tokens t ON t.id = l.token_id WHERE l.token_id = $1), '')
	FROM usage_retention`

const permissionsOfToken = `SELECT u.permission, least(sum(u.allowed), 9223372036854775807)::bigint, least(sum(u.refused), 9223372036854775807)::bigint
	FROM permission_usage u JOIN tokens t ON t.id = u.token_id
	WHERE u.token_id = $1 AND u.day >= $2 GROUP BY u.permission ORDER BY u.permission`

// UseSummary implements store.Reader.
func (r reader) UseSummary(ctx context.Context, tokenID string, since time.Time) (store.UseSummary, error) {
	if !storable(tokenID) {
		return store.UseSummary{}, nil
	}
	var sum store.UseSummary
	err := r.run(ctx, func(ctx context.Context, db queryer) error {
		sum = store.UseSummary{}
		err := each(ctx, db, permissionsOfToken, []any{tokenID, writeDay(since)}, func(rows pgx.Rows) error {
			var p token.PermissionUse
			var allowed, refused int64
			err := rows.Scan(&p.Permission, &allowed, &refused)
			p.Allowed, p.Refused = readCount(allowed), readCount(refused)
			sum.Permissions = append(sum.Permissions, p)
			return err
		})
		if err != nil {
			return err
		}
		var counted int64
		err = db.QueryRow(ctx, retentionOfUse, tokenID).Scan(&counted, &sum.Address)
		sum.Counted = readTime(counted)
		return err
	})
	if err != nil {
		return store.UseSummary{}, fmt.Errorf("use of token %q by permission: %w", tokenID, err)
	}
	return sum, nil
}
