package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// lookupSecret joins two rows by their keys.
const lookupSecret = `SELECT ` + tokenColumns + `, s.scheme, s.expiry
	FROM secrets s JOIN tokens t ON t.id = s.token_id WHERE s.hash = ?`

var errNoSecret = fmt.Errorf("secret %w", store.ErrNotFound)

// Lookup implements store.Store. Only the wait for a connection ends with the
// context: the read itself takes microseconds, and watching the context during
// it as much again.
func (s *Store) Lookup(ctx context.Context, digest token.Digest) (store.Found, error) {
	if err := s.ready(); err != nil {
		return store.Found{}, err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return store.Found{}, contextFailure(ctx, err)
	}
	return s.readSecret(context.WithoutCancel(ctx), digest)
}

func (s *Store) readSecret(ctx context.Context, digest token.Digest) (store.Found, error) {
	var r record
	var scheme string
	var expiry sql.NullInt64
	err := s.lookup.QueryRowContext(ctx, digest[:]).Scan(append(r.fields(), &scheme, &expiry)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.Found{}, errNoSecret
	case err != nil:
		return store.Found{}, s.failure(ctx, err)
	case !token.Scheme(scheme).Known():
		return store.Found{}, unreadable("secret of token "+r.token.ID, fmt.Errorf("scheme %q is unknown", scheme))
	}
	t, err := r.read()
	if err != nil {
		return store.Found{}, err
	}
	return store.Found{Token: t, SecretExpiry: earlier(readOptional(expiry), t.Expiry)}, nil
}

// earlier returns the expiry of a secret if it ends before its token does.
func earlier(secret, token time.Time) time.Time {
	if secret.IsZero() || token.IsZero() || secret.Before(token) {
		return secret
	}
	return time.Time{}
}

// queryer is a *sql.DB or a *sql.Tx.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// reader implements store.Reader, inside and outside of a transaction.
type reader struct {
	db      queryer
	ready   func() error
	failure func(context.Context, error) error
}

// Token implements store.Reader.
func (r reader) Token(ctx context.Context, id string) (token.Token, error) {
	t, err := r.one(ctx, `SELECT `+tokenColumns+` FROM tokens t WHERE t.id = ?`, id)
	if err != nil {
		return token.Token{}, fmt.Errorf("token %q: %w", id, err)
	}
	return t, nil
}

// TokenByName implements store.Reader.
func (r reader) TokenByName(ctx context.Context, api, name string) (token.Token, error) {
	t, err := r.one(ctx, `SELECT `+tokenColumns+` FROM tokens t WHERE t.api = ? AND t.name = ?`, api, name)
	if err != nil {
		return token.Token{}, fmt.Errorf("token %q of API %q: %w", name, api, err)
	}
	return t, nil
}

func (r reader) one(ctx context.Context, query string, args ...any) (token.Token, error) {
	if err := r.ready(); err != nil {
		return token.Token{}, err
	}
	var row record
	err := r.db.QueryRowContext(ctx, query, args...).Scan(row.fields()...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return token.Token{}, store.ErrNotFound
	case err != nil:
		return token.Token{}, r.failure(ctx, err)
	}
	return row.read()
}

// Tokens implements store.Reader.
func (r reader) Tokens(ctx context.Context, api string) ([]token.Token, error) {
	query, args := `SELECT `+tokenColumns+` FROM tokens t ORDER BY t.api, t.name`, []any(nil)
	if api != "" {
		query, args = `SELECT `+tokenColumns+` FROM tokens t WHERE t.api = ? ORDER BY t.name`, []any{api}
	}
	return r.some(ctx, query, args...)
}

// TokensByID implements store.Reader.
func (r reader) TokensByID(ctx context.Context, ids []string) ([]token.Token, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return r.some(ctx, `SELECT `+tokenColumns+` FROM tokens t WHERE t.id IN (SELECT value FROM json_each(?))`, string(list))
}

func (r reader) some(ctx context.Context, query string, args ...any) ([]token.Token, error) {
	var tokens []token.Token
	var bad []error
	err := r.each(ctx, query, args, func(rows *sql.Rows) error {
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
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return tokens, errors.Join(bad...)
}

// Usage implements store.Reader.
func (r reader) Usage(ctx context.Context, tokenID string, since time.Time) ([]token.Use, error) {
	var uses []token.Use
	err := r.each(ctx, `SELECT day, sum(allowed), sum(refused), max(last_used) FROM usage
		WHERE token_id = ? AND day >= ? GROUP BY day ORDER BY day`,
		[]any{tokenID, writeDay(since)}, func(rows *sql.Rows) error {
			use := token.Use{TokenID: tokenID}
			err := scanUse(rows, &use)
			uses = append(uses, use)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("use of token %q: %w", tokenID, err)
	}
	return uses, nil
}

// scanUse reads the columns day, allowed, refused and last_used after others.
func scanUse(rows *sql.Rows, use *token.Use, before ...any) error {
	var day, last int64
	if err := rows.Scan(append(before, &day, &use.Allowed, &use.Refused, &last)...); err != nil {
		return err
	}
	use.Day = readTime(day)
	if last != 0 {
		use.Last = readTime(last)
	}
	return nil
}

// Catalogs implements store.Reader. Those that can't be understood are left
// out and joined into the error, as with Tokens.
func (r reader) Catalogs(ctx context.Context) ([]store.Catalog, error) {
	catalogs, err := readAll(ctx, r, `SELECT api, permissions, graphql, staged, updated FROM catalogs ORDER BY api`, nil, scanCatalog)
	if err != nil {
		err = fmt.Errorf("catalogs: %w", err)
	}
	return catalogs, err
}

func scanCatalog(row scanner) (store.Catalog, error) {
	var c store.Catalog
	var permissions, graphQL string
	var staged, updated int64
	if err := row.Scan(&c.API, &permissions, &graphQL, &staged, &updated); err != nil {
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
	var err error
	c.Staged, err = readBool(what, staged)
	return c, err
}

// errEnough ends each where nothing more is wanted.
var errEnough = errors.New("enough")

// each calls scan for each row of a query, until that returns errEnough.
func (r reader) each(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	if err := r.ready(); err != nil {
		return err
	}
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return r.failure(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return r.failure(ctx, err)
		}
	}
	if err := rows.Err(); err != nil {
		return r.failure(ctx, err)
	}
	return nil
}
