package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// tx implements store.Tx.
type tx struct {
	reader

	sql     *sql.Tx
	touched map[token.Digest]struct{}
	all     bool // all secrets are touched
	// failed is the first technical error. SQLite may have rolled back by
	// itself then, and whatever came after would be kept alone; so nothing may.
	failed error
}

func newTx(s *Store, sqlTx *sql.Tx) *tx {
	t := &tx{sql: sqlTx, touched: map[token.Digest]struct{}{}}
	t.reader = reader{
		db:    sqlTx,
		ready: func() error { return t.failed },
		failure: func(ctx context.Context, err error) error {
			t.failed = s.failure(ctx, err)
			return t.failed
		},
	}
	return t
}

func (t *tx) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	return t.sql.ExecContext(ctx, query, args...)
}

const (
	insertToken = `INSERT INTO tokens (id, api, name, description, type, grants, owner, enabled, hint, expiry, created, updated,
		folded_name, folded_owner, folded_text, folded_hint, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`
	insertSecret = `INSERT INTO secrets (hash, scheme, hint, token_id, created, expiry) VALUES (?, ?, ?, ?, ?, ?)`
)

// tokenValues are what insertToken takes.
func tokenValues(n token.Token, grants string) []any {
	return []any{
		n.ID, n.API, n.Name, n.Description, string(n.Type), grants, n.Owner, n.Enabled, n.Hint,
		writeOptional(n.Expiry), n.Created.UnixMilli(), n.Updated.UnixMilli(),
		store.Fold(n.Name), store.Fold(n.Owner), store.FoldedText(&n), store.Fold(n.Hint),
	}
}

// secretValues are what insertSecret takes.
func secretValues(tokenID string, s store.Secret) []any {
	return []any{s.Digest[:], string(s.Scheme), s.Hint, tokenID, s.Created.UnixMilli(), writeOptional(s.Expiry)}
}

// CreateToken implements store.Tx.
func (t *tx) CreateToken(ctx context.Context, n token.Token) error {
	grants, err := writeGrants(n.Grants)
	if err != nil {
		return fmt.Errorf("grants of token %q: %w", n.Name, err)
	}
	_, err = t.exec(ctx, insertToken, tokenValues(n, grants)...)
	return t.outcome(ctx, fmt.Sprintf("token %q of API %q", n.Name, n.API), err)
}

// UpdateToken implements store.Tx.
func (t *tx) UpdateToken(ctx context.Context, n token.Token) error {
	what := fmt.Sprintf("token %q", n.ID)
	grants, err := writeGrants(n.Grants)
	if err != nil {
		return fmt.Errorf("grants of %s: %w", what, err)
	}
	result, err := t.exec(ctx, `UPDATE tokens SET name = ?, description = ?, type = ?, grants = ?, owner = ?, enabled = ?,
		expiry = ?, updated = ?, folded_name = ?, folded_owner = ?, folded_text = ?, version = version + 1 WHERE id = ? AND version = ?`,
		n.Name, n.Description, string(n.Type), grants, n.Owner, n.Enabled, writeOptional(n.Expiry), n.Updated.UnixMilli(),
		store.Fold(n.Name), store.Fold(n.Owner), store.FoldedText(&n), n.ID, n.Version)
	if err != nil {
		return t.outcome(ctx, what, err)
	}
	if updated, err := result.RowsAffected(); err != nil {
		return t.failure(ctx, err)
	} else if updated == 0 {
		if err := t.mustExist(ctx, n.ID); err != nil {
			return err
		}
		return fmt.Errorf("%s: %w", what, store.ErrConflict)
	}
	return t.touch(ctx, n.ID)
}

// UpdateTokens implements store.Tx.
func (t *tx) UpdateTokens(ctx context.Context, tokens []token.Token) error {
	for i := range tokens {
		if err := t.UpdateToken(ctx, tokens[i]); err != nil {
			return err
		}
	}
	return nil
}

// DeleteToken implements store.Tx.
func (t *tx) DeleteToken(ctx context.Context, id string) error {
	if err := t.mustExist(ctx, id); err != nil {
		return err
	}
	if err := t.touch(ctx, id); err != nil {
		return err
	}
	for _, statement := range []string{`DELETE FROM drafts WHERE token_id = ?`, `DELETE FROM tokens WHERE id = ?`} { // the latter cascades
		if _, err := t.exec(ctx, statement, id); err != nil {
			return t.outcome(ctx, fmt.Sprintf("token %q", id), err)
		}
	}
	return nil
}

// DeleteTokens implements store.Tx.
func (t *tx) DeleteTokens(ctx context.Context, ids []string) error {
	for _, id := range ids {
		if err := t.DeleteToken(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// AddSecret implements store.Tx. It returns store.ErrNotFound for a token that
// is gone.
func (t *tx) AddSecret(ctx context.Context, tokenID string, s store.Secret) error {
	what := fmt.Sprintf("secret for token %q", tokenID)
	if _, err := t.exec(ctx, insertSecret, secretValues(tokenID, s)...); err != nil {
		return t.secretOutcome(ctx, what, err)
	}
	if _, err := t.exec(ctx, `UPDATE tokens SET hint = ?, folded_hint = ? WHERE id = ?`, s.Hint, store.Fold(s.Hint), tokenID); err != nil {
		return t.outcome(ctx, what, err)
	}
	return t.touch(ctx, tokenID)
}

// EndSecrets implements store.Tx. It returns store.ErrNotFound for a token
// that is gone.
func (t *tx) EndSecrets(ctx context.Context, tokenID string, now, until time.Time) error {
	if err := t.mustExist(ctx, tokenID); err != nil {
		return err
	}
	if err := t.touch(ctx, tokenID); err != nil {
		return err
	}
	what := fmt.Sprintf("secrets of token %q", tokenID)
	if _, err := t.exec(ctx, `UPDATE secrets SET expiry = min(coalesce(expiry, ?1), ?1) WHERE token_id = ?2`, until.UnixMilli(), tokenID); err != nil {
		return t.outcome(ctx, what, err)
	}
	_, err := t.exec(ctx, `DELETE FROM secrets WHERE token_id = ? AND expiry <= ?`, tokenID, now.UnixMilli())
	return t.outcome(ctx, what, err)
}

// SaveCatalog implements store.Tx.
func (t *tx) SaveCatalog(ctx context.Context, c store.Catalog) error {
	permissions, err := json.Marshal(c.Permissions)
	graphQL, err2 := json.Marshal(c.GraphQL)
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("catalog of API %q: %w", c.API, err)
	}
	_, err = t.exec(ctx, `INSERT INTO catalogs (api, permissions, graphql, staged, updated) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (api) DO UPDATE SET permissions = excluded.permissions, graphql = excluded.graphql, staged = excluded.staged, updated = excluded.updated`,
		c.API, string(permissions), string(graphQL), c.Staged, c.Updated.UnixMilli())
	return t.outcome(ctx, fmt.Sprintf("catalog of API %q", c.API), err)
}

// touch notes all secrets of a token: those who hold one must forget it.
func (t *tx) touch(ctx context.Context, tokenID string) error {
	return t.each(ctx, `SELECT hash FROM secrets WHERE token_id = ?`, []any{tokenID}, func(rows *sql.Rows) error {
		var hash sql.RawBytes
		if err := rows.Scan(&hash); err != nil {
			return err
		}
		if len(hash) != len(token.Digest{}) {
			return fmt.Errorf("a hash of token %q has %d bytes", tokenID, len(hash))
		}
		t.touched[token.Digest(hash)] = struct{}{}
		return nil
	})
}

func (t *tx) mustExist(ctx context.Context, id string) error {
	var exists bool
	if t.failed != nil {
		return t.failed
	}
	if err := t.sql.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM tokens WHERE id = ?)`, id).Scan(&exists); err != nil {
		return t.failure(ctx, err)
	}
	if !exists {
		return fmt.Errorf("token %q: %w", id, store.ErrNotFound)
	}
	return nil
}

// secretOutcome is outcome for adding a secret.
func (t *tx) secretOutcome(ctx context.Context, what string, err error) error {
	if code(err) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return fmt.Errorf("%s: %w", what, store.ErrSecretTaken)
	}
	return t.outcome(ctx, what, err)
}

// outcome turns the error of a statement into one of the contract. After a
// constraint that doesn't hold, the transaction goes on without the statement.
func (t *tx) outcome(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, t.failed):
		return err
	}
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE: // of tokens, only (api, name) is unique without being a key
		return fmt.Errorf("%s: %w", what, store.ErrNameTaken)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: // of secrets to tokens, or of sessions to accounts
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	return fmt.Errorf("%s: %w", what, t.failure(ctx, err))
}
