package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// exportPart is how many tokens Export has in memory at once.
const exportPart = 1_000

// beginExport begins a transaction that sees one moment. What is exported may
// be taken slowly.
const beginExport = `BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ; SET LOCAL idle_in_transaction_session_timeout = '5min'`

// Export implements store.Store. It has one of the connections for reads until
// it ends.
func (s *Store) Export(ctx context.Context, yield func(store.Record) error) error {
	if s.closed.Load() {
		return errClosed
	}
	beginning, cancel := s.bound(ctx, readTimeout)
	defer cancel()
	sqlTx, err := s.reads.BeginTx(beginning, pgx.TxOptions{BeginQuery: beginExport})
	if err != nil {
		return fmt.Errorf("exporting: %w", s.failure(beginning, err))
	}
	defer rollBack(sqlTx) // it changed nothing
	for last := ""; ; {
		part, err := s.exportAfter(ctx, sqlTx, last)
		if err != nil {
			return fmt.Errorf("exporting: %w", err)
		}
		if len(part) == 0 {
			return s.exportManagement(ctx, sqlTx, yield)
		}
		for _, record := range part {
			if err := yield(record); err != nil {
				return err
			}
		}
		last = part[len(part)-1].Token.ID
	}
}

// exportAfter returns the records of the tokens that come after the given id.
func (s *Store) exportAfter(ctx context.Context, db queryer, after string) ([]store.Record, error) {
	ctx, cancel := s.bound(ctx, readTimeout)
	defer cancel()
	e := export{}
	err := e.read(ctx, db, after)
	if e.bad != nil {
		return nil, e.bad
	}
	return e.part, s.failure(ctx, err)
}

// export reads a part of the tokens.
type export struct {
	part []store.Record
	at   int   // index in part of the token that a secret or a use belongs to
	bad  error // of the first row that can't be understood; no failure of the store
}

func (e *export) read(ctx context.Context, db queryer, after string) error {
	err := each(ctx, db, `SELECT `+tokenColumns+` FROM tokens t WHERE t.id > $1 ORDER BY t.id LIMIT $2::bigint`, []any{after, int64(exportPart)}, e.token)
	if err != nil || len(e.part) == 0 {
		return err
	}
	within := []any{after, e.part[len(e.part)-1].Token.ID}
	e.at = 0
	err = each(ctx, db, `SELECT token_id, hash, scheme, hint, created, expiry FROM secrets
		WHERE token_id > $1 AND token_id <= $2 ORDER BY token_id, hash`, within, e.secret)
	if err != nil {
		return err
	}
	e.at = 0
	err = each(ctx, db, `SELECT u.token_id, u.secret, u.day, u.allowed, u.refused, u.last_used FROM usage u JOIN tokens t ON t.id = u.token_id
		WHERE u.token_id > $1 AND u.token_id <= $2 ORDER BY u.token_id, u.day, u.secret`, within, e.use)
	if err != nil {
		return err
	}
	e.at = 0
	err = each(ctx, db, `SELECT u.token_id, u.day, u.permission, u.allowed, u.refused FROM permission_usage u JOIN tokens t ON t.id = u.token_id
		WHERE u.token_id > $1 AND u.token_id <= $2 ORDER BY u.token_id, u.day, u.permission`, within, e.permission)
	if err != nil {
		return err
	}
	e.at = 0
	return each(ctx, db, `SELECT l.token_id, l.address FROM last_uses l JOIN tokens t ON t.id = l.token_id
		WHERE l.token_id > $1 AND l.token_id <= $2 AND l.address <> '' ORDER BY l.token_id`, within, e.address)
}

func (e *export) token(rows pgx.Rows) error {
	var row record
	if err := rows.Scan(row.fields()...); err != nil {
		return err
	}
	t, err := row.read()
	e.part = append(e.part, store.Record{Token: t})
	e.bad = err
	return err
}

func (e *export) secret(rows pgx.Rows) error {
	var s store.Secret
	var id, scheme string
	var hash []byte
	var created int64
	var expiry *int64
	if err := rows.Scan(&id, &hash, &scheme, &s.Hint, &created, &expiry); err != nil {
		return err
	}
	if e.bad = checkScheme(id, scheme); e.bad != nil {
		return e.bad
	}
	s.Digest, s.Scheme = token.Digest(hash), token.Scheme(scheme)
	s.Created, s.Expiry = readTime(created), readOptional(expiry)
	r := e.of(id)
	r.Secrets = append(r.Secrets, s)
	return nil
}

func (e *export) use(rows pgx.Rows) error {
	var use token.Use
	var secret []byte
	if err := scanUse(rows, &use, &use.TokenID, &secret); err != nil {
		return err
	}
	copy(use.Secret[:], secret)
	r := e.of(use.TokenID)
	r.Uses = append(r.Uses, use)
	return nil
}

func (e *export) permission(rows pgx.Rows) error {
	var id string
	var day, allowed, refused int64
	var p store.PermissionDay
	if err := rows.Scan(&id, &day, &p.Permission, &allowed, &refused); err != nil {
		return err
	}
	p.Day, p.Allowed, p.Refused = readTime(day), readCount(allowed), readCount(refused)
	r := e.of(id)
	r.Permissions = append(r.Permissions, p)
	return nil
}

func (e *export) address(rows pgx.Rows) error {
	var id, address string
	if err := rows.Scan(&id, &address); err != nil {
		return err
	}
	e.of(id).Address = address
	return nil
}

// of returns the record of a token. Rows come in the order of the tokens.
func (e *export) of(id string) *store.Record {
	for e.part[e.at].Token.ID != id {
		e.at++
	}
	return &e.part[e.at]
}
