package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
)

// clockNow is the time in milliseconds by the clock of this machine.
const clockNow = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`

const (
	// dropAPIs and mergeAPIs take an id and a JSON array of gatewayRow. WHERE true
	// keeps the parser from taking ON CONFLICT for a part of the join.
	dropAPIs  = `DELETE FROM gateways WHERE id = ?1 AND api NOT IN (SELECT value ->> 'api' FROM json_each(?2))`
	mergeAPIs = `INSERT INTO gateways (id, api, name, version, fingerprint, started, seen)
		SELECT ?1, g.value ->> 'api', g.value ->> 'name', g.value ->> 'version', g.value ->> 'fingerprint', g.value ->> 'started', ` + clockNow + `
		FROM json_each(?2) g WHERE true
		ON CONFLICT (id, api) DO UPDATE SET name = excluded.name, version = excluded.version,
			fingerprint = excluded.fingerprint, started = excluded.started, seen = excluded.seen`
)

// gatewayRow is a store.Gateway as mergeAPIs reads it.
type gatewayRow struct {
	API         string `json:"api"`
	Name        string `json:"name"`
	Version     string `json:"version"`
	Fingerprint string `json:"fingerprint"`
	Started     int64  `json:"started"`
}

// SaveGateway implements store.Housekeeping.
func (s *Store) SaveGateway(ctx context.Context, id string, apis []store.Gateway) error {
	rows := make([]gatewayRow, len(apis))
	for i, g := range apis {
		rows[i] = gatewayRow{store.Clean(g.API), store.Clean(g.Name), store.Clean(g.Version), store.Clean(g.Fingerprint), g.Started.UnixMilli()}
	}
	text, err := json.Marshal(rows)
	if err == nil {
		err = s.saveGateway(ctx, id, string(text))
	}
	if err != nil {
		return fmt.Errorf("gateway %q: %w", id, err)
	}
	return nil
}

func (s *Store) saveGateway(ctx context.Context, id, rows string) error {
	if err := s.ready(); err != nil {
		return err
	}
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return s.failure(ctx, err)
	}
	defer conn.Close()
	if s.fileMissing() {
		return s.errMissing()
	}
	sqlTx, err := begin(ctx, conn)
	if err != nil {
		return s.failure(ctx, err)
	}
	defer sqlTx.Rollback() // does nothing after a commit
	for _, statement := range []string{dropAPIs, mergeAPIs} {
		if _, err := sqlTx.ExecContext(ctx, statement, id, rows); err != nil {
			return s.failure(ctx, err)
		}
	}
	if err := sqlTx.Commit(); err != nil {
		return s.failure(ctx, err)
	}
	return nil
}

// PruneGateways implements store.Housekeeping.
func (s *Store) PruneGateways(ctx context.Context, silent time.Duration) error {
	err := s.keepHouse(ctx, `DELETE FROM gateways WHERE seen <= `+clockNow+` - ?`, silent.Milliseconds())
	if err != nil {
		return fmt.Errorf("pruning gateways: %w", err)
	}
	return nil
}

// Gateways implements store.Management.
func (r reader) Gateways(ctx context.Context) ([]store.Gateway, error) {
	gateways, err := readAll(ctx, r, `SELECT id, api, name, version, fingerprint, started, seen, max(0, `+clockNow+` - seen)
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
	query, args := `SELECT api, count(*) FROM tokens INDEXED BY tokens_by_api GROUP BY api`, []any(nil)
	if owner != "" {
		query, args = `SELECT api, count(*) FROM tokens INDEXED BY tokens_of_owner WHERE owner = ? GROUP BY api`, []any{owner}
	}
	counts := map[string]int{}
	err := r.each(ctx, query, args, func(rows *sql.Rows) error {
		var api string
		var count int
		err := rows.Scan(&api, &count)
		counts[api] = count
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("numbers of tokens: %w", err)
	}
	return counts, nil
}
