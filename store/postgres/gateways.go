package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/store"
)

// clockNow is the time in milliseconds by the clock of the database, as the
// transaction began.
const clockNow = `floor(extract(epoch FROM now()) * 1000)::bigint`

const mergeAPIs = `WITH dropped AS (
		DELETE FROM gateways WHERE id = $1 AND api <> ALL ($2::text[])
	)
	INSERT INTO gateways (id, api, name, version, fingerprint, started, seen)
	SELECT $1, g.api, g.name, g.version, g.fingerprint, g.started, ` + clockNow + `
	FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) AS g (api, name, version, fingerprint, started)
	ON CONFLICT (id, api) DO UPDATE SET name = excluded.name, version = excluded.version,
		fingerprint = excluded.fingerprint, started = excluded.started, seen = excluded.seen`

// SaveGateway implements store.Housekeeping.
func (s *Store) SaveGateway(ctx context.Context, id string, gateways []store.Gateway) error {
	apis, names, versions, fingerprints := []string{}, []string{}, []string{}, []string{}
	started := []int64{}
	for _, g := range gateways {
		apis, names = append(apis, store.Clean(g.API)), append(names, store.Clean(g.Name))
		versions, fingerprints = append(versions, store.Clean(g.Version)), append(fingerprints, store.Clean(g.Fingerprint))
		started = append(started, g.Started.UnixMilli())
	}
	if err := s.keepHouse(ctx, mergeAPIs, id, apis, names, versions, fingerprints, started); err != nil {
		return fmt.Errorf("gateway %q: %w", id, err)
	}
	return nil
}

// PruneGateways implements store.Housekeeping.
func (s *Store) PruneGateways(ctx context.Context, silent time.Duration) error {
	err := s.keepHouse(ctx, `DELETE FROM gateways WHERE seen <= `+clockNow+` - $1::bigint`, silent.Milliseconds())
	if err != nil {
		return fmt.Errorf("pruning gateways: %w", err)
	}
	return nil
}

// Gateways implements store.Management.
func (r reader) Gateways(ctx context.Context) ([]store.Gateway, error) {
	gateways, err := readAll(ctx, r, `SELECT id, api, name, version, fingerprint, started, seen, greatest(0, `+clockNow+` - seen)
		FROM gateways ORDER BY api, name, started, id`, nil, scanGateway)
	if err != nil {
		err = fmt.Errorf("gateways: %w", err)
	}
	return gateways, err
}

func scanGateway(row scanner) (store.Gateway, error) {
	var g store.Gateway
	var started, seen, silent int64
	err := row.Scan(&g.ID, &g.API, &g.Name, &g.Version, &g.Fingerprint, &started, &seen, &silent)
	g.Started, g.Seen, g.Silent = readTime(started), readTime(seen), time.Duration(silent)*time.Millisecond
	return g, err
}

// CountTokens implements store.Management.
func (r reader) CountTokens(ctx context.Context, owner string) (map[string]int, error) {
	query, args := `SELECT api, count(*) FROM tokens GROUP BY api`, []any(nil)
	if owner != "" {
		query, args = `SELECT api, count(*) FROM tokens WHERE owner = $1 GROUP BY api`, []any{owner}
	}
	counts := map[string]int{}
	if !storableArgs(args) {
		return counts, nil
	}
	err := r.run(ctx, func(ctx context.Context, db queryer) error {
		clear(counts)
		return each(ctx, db, query, args, func(rows pgx.Rows) error {
			var api string
			var count int
			err := rows.Scan(&api, &count)
			counts[api] = count
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("numbers of tokens: %w", err)
	}
	return counts, nil
}
