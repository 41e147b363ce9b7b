package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// lookupSecret joins two rows by their keys.
const lookupSecret = `SELECT ` + tokenColumns + `, s.scheme, s.expiry
	FROM secrets s JOIN tokens t ON t.id = s.token_id WHERE s.hash = $1`

var errNoSecret = fmt.Errorf("secret %w", store.ErrNotFound)

// Lookup implements store.Store.
func (s *Store) Lookup(ctx context.Context, digest token.Digest) (store.Found, error) {
	var r record
	var scheme string
	var expiry *int64
	err := s.readOn(ctx, s.lookups, func(ctx context.Context, db queryer) error {
		return db.QueryRow(ctx, lookupSecret, digest[:]).Scan(append(r.fields(), &scheme, &expiry)...)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return store.Found{}, errNoSecret
	case err != nil:
		return store.Found{}, err
	}
	if err := checkScheme(r.token.ID, scheme); err != nil {
		return store.Found{}, err
	}
	t, err := r.read()
	if err != nil {
		return store.Found{}, err
	}
	return store.Found{Token: t, SecretExpiry: earlier(readOptional(expiry), t.Expiry)}, nil
}

func checkScheme(tokenID, scheme string) error {
	if !token.Scheme(scheme).Known() {
		return unreadable("secret of token "+tokenID, fmt.Errorf("scheme %q is unknown", scheme))
	}
	return nil
}

// earlier returns the expiry of a secret if it ends before its token does.
func earlier(secret, token time.Time) time.Time {
	if secret.IsZero() || token.IsZero() || secret.Before(token) {
		return secret
	}
	return time.Time{}
}

// queryer is a pool or a transaction.
type queryer interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

// read runs a read that may be repeated.
func (s *Store) read(ctx context.Context, do func(context.Context, queryer) error) error {
	return s.readOn(ctx, s.reads, do)
}

// readOn repeats a read once when its connection turns out to be broken: after
// a restart of the server, all idle ones are.
func (s *Store) readOn(ctx context.Context, pool *pgxpool.Pool, do func(context.Context, queryer) error) error {
	if s.closed.Load() {
		return errClosed
	}
	ctx, cancel := s.bound(ctx, readTimeout)
	defer cancel()
	err := do(ctx, pool)
	if err != nil && ctx.Err() == nil && isBroken(err) {
		pool.Reset()
		err = do(ctx, pool)
	}
	return s.failure(ctx, err)
}

// failure is the function of that name, but for a Store that was closed.
func (s *Store) failure(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if s.closed.Load() {
		return errClosed
	}
	return failure(ctx, err)
}

// reader implements store.Reader, inside and outside of a transaction. run may
// run a read again, and returns a technical error as its callers get it.
type reader struct {
	run func(ctx context.Context, do func(context.Context, queryer) error) error
}

// Token implements store.Reader.
func (r reader) Token(ctx context.Context, id string) (token.Token, error) {
	t, err := r.one(ctx, `SELECT `+tokenColumns+` FROM tokens t WHERE t.id = $1`, id)
	if err != nil {
		return token.Token{}, fmt.Errorf("token %q: %w", id, err)
	}
	return t, nil
}

// TokenByName implements store.Reader.
func (r reader) TokenByName(ctx context.Context, api, name string) (token.Token, error) {
	t, err := r.one(ctx, `SELECT `+tokenColumns+` FROM tokens t WHERE t.api = $1 AND t.name = $2`, api, name)
	if err != nil {
		return token.Token{}, fmt.Errorf("token %q of API %q: %w", name, api, err)
	}
	return t, nil
}

func (r reader) one(ctx context.Context, query string, texts ...string) (token.Token, error) {
	if !storable(texts...) {
		return token.Token{}, store.ErrNotFound
	}
	args := make([]any, len(texts))
	for i, text := range texts {
		args[i] = text
	}
	var row record
	err := r.run(ctx, func(ctx context.Context, db queryer) error {
		return db.QueryRow(ctx, query, args...).Scan(row.fields()...)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return token.Token{}, store.ErrNotFound
	case err != nil:
		return token.Token{}, err
	}
	return row.read()
}

// Tokens implements store.Reader.
func (r reader) Tokens(ctx context.Context, api string) ([]token.Token, error) {
	query, args := `SELECT `+tokenColumns+` FROM tokens t ORDER BY t.api, t.name`, []any(nil)
	if api != "" {
		query, args = `SELECT `+tokenColumns+` FROM tokens t WHERE t.api = $1 ORDER BY t.name`, []any{api}
	}
	if !storable(api) {
		return nil, nil
	}
	return r.some(ctx, query, args...)
}

// TokensByID implements store.Reader.
func (r reader) TokensByID(ctx context.Context, ids []string) ([]token.Token, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !storable(id) })
	return r.some(ctx, `SELECT `+tokenColumns+` FROM tokens t WHERE t.id = ANY($1::text[])`, ids)
}

func (r reader) some(ctx context.Context, query string, args ...any) ([]token.Token, error) {
	var tokens []token.Token
	var bad []error
	err := r.run(ctx, func(ctx context.Context, db queryer) error {
		tokens, bad = nil, nil
		return each(ctx, db, query, args, func(rows pgx.Rows) error {
			var row record
			if err := rows.Scan(row.fields()...); err != nil {
				return err
			}
			t, err := row.read()
			if err != nil {
				bad = append(bad, err)
				return nil
			}
			tokens = append(tokens, t)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return tokens, errors.Join(bad...)
}

// usageOfToken leaves out what a flush wrote for a token that was deleted
// meanwhile.
const usageOfToken = `SELECT u.day, least(sum(u.allowed), 9223372036854775807)::bigint,
	least(sum(u.refused), 9223372036854775807)::bigint, max(u.last_used) FROM usage u JOIN tokens t ON t.id = u.token_id
	WHERE u.token_id = $1 AND u.day >= $2 GROUP BY u.day ORDER BY u.day`

// Usage implements store.Reader.
func (r reader) Usage(ctx context.Context, tokenID string, since time.Time) ([]token.Use, error) {
	if !storable(tokenID) {
		return nil, nil
	}
	var uses []token.Use
	err := r.run(ctx, func(ctx context.Context, db queryer) error {
		uses = nil
		return each(ctx, db, usageOfToken, []any{tokenID, writeDay(since)}, func(rows pgx.Rows) error {
			use := token.Use{TokenID: tokenID}
			err := scanUse(rows, &use)
			uses = append(uses, use)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("use of token %q: %w", tokenID, err)
	}
	return uses, nil
}

// scanUse reads the columns day, allowed, refused and last_used after others.
func scanUse(rows pgx.Rows, use *token.Use, before ...any) error {
	var day, last, allowed, refused int64
	if err := rows.Scan(append(before, &day, &allowed, &refused, &last)...); err != nil {
		return err
	}
	use.Day, use.Allowed, use.Refused = readTime(day), readCount(allowed), readCount(refused)
	if last != 0 {
		use.Last = readTime(last)
	}
	return nil
}

// readCount returns a count as count wrote it.
func readCount(n int64) uint64 { return uint64(max(n, 0)) }

// Catalogs implements store.Reader. Those that can't be understood are left
// out and joined into the error, as with Tokens.
func (r reader) Catalogs(ctx context.Context) ([]store.Catalog, error) {
	catalogs, err := readAll(ctx, r, `SELECT api, permissions::text, graphql::text, staged, updated FROM catalogs ORDER BY api`, nil, scanCatalog)
	if err != nil {
		err = fmt.Errorf("catalogs: %w", err)
	}
	return catalogs, err
}

func scanCatalog(row scanner) (store.Catalog, error) {
	var c store.Catalog
	var permissions, graphQL string
	var updated int64
	if err := row.Scan(&c.API, &permissions, &graphQL, &c.Staged, &updated); err != nil {
		return store.Catalog{}, err
	}
	c.Updated = readTime(updated)
	what := "catalog of API " + c.API
	if err := json.Unmarshal([]byte(permissions), &c.Permissions); err != nil {
		return store.Catalog{}, unreadable(what, err)
	}
	if err := json.Unmarshal([]byte(graphQL), &c.GraphQL); err != nil {
		return store.Catalog{}, unreadable(what, err)
	}
	return c, nil
}

// errEnough ends each where nothing more is wanted.
var errEnough = errors.New("enough")

// each calls scan for each row of a query, until that returns errEnough.
func each(ctx context.Context, db queryer, query string, args []any, scan func(pgx.Rows) error) error {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return rows.Err()
}
