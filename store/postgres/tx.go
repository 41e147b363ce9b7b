package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// tx implements store.Tx. Changes run one after the other, so what a statement
// here finds out still holds at the next. Refusals must not be errors of
// statements, since these abort a transaction.
type tx struct {
	reader

	sql     pgx.Tx
	touched map[token.Digest]struct{}
	all     bool // all secrets are touched
	// patience is how long a part of an import may go without progress.
	patience time.Duration
	// failed is the first technical error, as callers get it, and cause the same
	// as it came. The transaction is aborted then, so nothing may be kept.
	failed, cause error
	// ends is when a change must be done, whatever contexts its calls have; zero for
	// never. Nobody else can change anything until then.
	ends time.Time
}

func newTx(s *Store, sqlTx pgx.Tx) *tx {
	t := &tx{sql: sqlTx, touched: map[token.Digest]struct{}{}}
	t.reader = reader{run: func(ctx context.Context, do func(context.Context, queryer) error) error {
		if t.failed != nil {
			return t.failed
		}
		ctx, cancel := t.bound(ctx, s)
		defer cancel()
		err := s.failure(ctx, t.keepCause(do(ctx, sqlTx)))
		if t.cause != nil {
			t.failed = err
		}
		return err
	}}
	return t
}

func (t *tx) bound(ctx context.Context, s *Store) (context.Context, context.CancelFunc) {
	if t.ends.IsZero() {
		return s.bound(ctx, changeTimeout)
	}
	ctx, end := context.WithDeadline(ctx, t.ends)
	ctx, cancel := s.bound(ctx, changeTimeout)
	return ctx, func() { cancel(); end() }
}

func (t *tx) keepCause(err error) error {
	if err != nil && err != pgx.ErrNoRows { //nolint:errorlint // the row's own answer, not wrapped
		t.cause = err
	}
	return err
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(ctx context.Context, statement string, args ...any) (rows int64, err error) {
	err = t.run(ctx, func(ctx context.Context, _ queryer) error {
		tag, err := t.sql.Exec(ctx, statement, args...)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}

// insertToken also notes that the token was never used. A row of last_uses that
// is there is of another one of that id, which is gone.
const insertToken = `WITH created AS (
		INSERT INTO tokens (id, api, name, description, type, grants, owner, enabled, hint, expiry, created, updated, version,
			folded_name, folded_owner, folded_text, folded_hint)
		VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, $10, $11, $12, 1, $13, $14, $15, $16)
		ON CONFLICT (api, name) DO NOTHING RETURNING id
	) INSERT INTO last_uses (token_id, last_used) SELECT id, 0 FROM created ON CONFLICT (token_id) DO UPDATE SET last_used = 0`

// CreateToken implements store.Tx.
func (t *tx) CreateToken(ctx context.Context, n token.Token) error {
	what := fmt.Sprintf("token %q of API %q", n.Name, n.API)
	grants, err := writeGrants(n.Grants)
	if err != nil {
		return fmt.Errorf("grants of %s: %w", what, err)
	}
	created, err := t.exec(ctx, insertToken,
		n.ID, n.API, n.Name, n.Description, string(n.Type), grants, n.Owner, n.Enabled, n.Hint,
		writeOptional(n.Expiry), n.Created.UnixMilli(), n.Updated.UnixMilli(),
		store.Fold(n.Name), store.Fold(n.Owner), store.FoldedText(&n), store.Fold(n.Hint))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case created == 0:
		return fmt.Errorf("%s: %w", what, store.ErrNameTaken)
	}
	return nil
}

// updateToken changes no row if the version is another, or the name taken.
const updateToken = `UPDATE tokens t SET name = $2, description = $3, type = $4, grants = $5::jsonb, owner = $6, enabled = $7,
	expiry = $8, updated = $9, folded_name = $11, folded_owner = $12, folded_text = $13, version = version + 1 WHERE id = $1 AND version = $10
	AND NOT EXISTS (SELECT FROM tokens o WHERE o.api = t.api AND o.name = $2 AND o.id <> t.id)
	RETURNING ARRAY (SELECT s.hash FROM secrets s WHERE s.token_id = t.id)`

// UpdateToken implements store.Tx.
func (t *tx) UpdateToken(ctx context.Context, n token.Token) error {
	return t.UpdateTokens(ctx, []token.Token{n})
}

// UpdateTokens implements store.Tx.
func (t *tx) UpdateTokens(ctx context.Context, tokens []token.Token) error {
	return inParts(tokens, func(part []token.Token) error {
		batch, updated := &pgx.Batch{}, make([]bool, len(part))
		for i := range part {
			n := &part[i]
			grants, err := writeGrants(n.Grants)
			if err != nil {
				return fmt.Errorf("grants of token %q: %w", n.ID, err)
			}
			t.queueTouching(batch, &updated[i], updateToken, n.ID, n.Name, n.Description, string(n.Type), grants, n.Owner, n.Enabled,
				writeOptional(n.Expiry), n.Updated.UnixMilli(), n.Version, store.Fold(n.Name), store.Fold(n.Owner), store.FoldedText(n))
		}
		if err := t.send(ctx, batch); err != nil {
			return fmt.Errorf("%s: %w", whichTokens(part[0].ID, len(part)), err)
		}
		if i := slices.Index(updated, false); i >= 0 {
			return fmt.Errorf("token %q: %w", part[i].ID, t.whyNotUpdated(ctx, part[i]))
		}
		return nil
	})
}

func (t *tx) whyNotUpdated(ctx context.Context, n token.Token) error {
	version, err := t.version(ctx, n.ID)
	switch {
	case err != nil:
		return err
	case version != n.Version:
		return store.ErrConflict
	}
	return store.ErrNameTaken
}

// version returns the version of a token, or store.ErrNotFound.
func (t *tx) version(ctx context.Context, id string) (version int64, err error) {
	if !storable(id) {
		return 0, store.ErrNotFound
	}
	err = t.run(ctx, func(ctx context.Context, db queryer) error {
		return db.QueryRow(ctx, `SELECT version FROM tokens WHERE id = $1`, id).Scan(&version)
	})
	if err == pgx.ErrNoRows { //nolint:errorlint // the row's own answer, not wrapped
		return 0, store.ErrNotFound
	}
	return version, err
}

// deleteUses passes by the rows that a flush is writing just now, and doesn't
// wait for it (rule 17); nobody reads them any more, and PruneUse removes them.
const deleteUses = `WITH last AS (
		DELETE FROM last_uses WHERE token_id = (SELECT token_id FROM last_uses WHERE token_id = $1 FOR UPDATE SKIP LOCKED)
	), counted AS (
		DELETE FROM permission_usage u USING (SELECT token_id, day, permission FROM permission_usage WHERE token_id = $1 FOR UPDATE SKIP LOCKED) free
		WHERE u.token_id = free.token_id AND u.day = free.day AND u.permission = free.permission
	) DELETE FROM usage u USING (SELECT token_id, day, secret FROM usage WHERE token_id = $1 FOR UPDATE SKIP LOCKED) free
	WHERE u.token_id = free.token_id AND u.day = free.day AND u.secret = free.secret`

// deleteToken cascades to the secrets.
const deleteToken = `WITH draft AS (DELETE FROM drafts WHERE token_id = $1)
	DELETE FROM tokens t WHERE t.id = $1 RETURNING ARRAY (SELECT s.hash FROM secrets s WHERE s.token_id = t.id)`

// DeleteToken implements store.Tx.
func (t *tx) DeleteToken(ctx context.Context, id string) error {
	return t.DeleteTokens(ctx, []string{id})
}

// DeleteTokens implements store.Tx.
func (t *tx) DeleteTokens(ctx context.Context, ids []string) error {
	return inParts(ids, func(part []string) error {
		batch, deleted := &pgx.Batch{}, make([]bool, len(part))
		for i, id := range part {
			if storable(id) {
				t.queueTouching(batch, &deleted[i], deleteToken, id)
				batch.Queue(deleteUses, id)
			}
		}
		if err := t.send(ctx, batch); err != nil {
			return fmt.Errorf("%s: %w", whichTokens(part[0], len(part)), err)
		}
		if i := slices.Index(deleted, false); i >= 0 {
			return fmt.Errorf("token %q: %w", part[i], store.ErrNotFound)
		}
		return nil
	})
}

// addSecret adds nothing if the token isn't there, and sets no hint if the secret is.
const addSecret = `WITH added AS (
		INSERT INTO secrets (hash, scheme, hint, token_id, created, expiry)
		SELECT $1::bytea, $2::text, $3::text, t.id, $5::bigint, $6::bigint FROM tokens t WHERE t.id = $4
		ON CONFLICT (hash) DO NOTHING RETURNING hash
	), hinted AS (
		UPDATE tokens SET hint = $3, folded_hint = $7 WHERE id = $4 AND EXISTS (SELECT FROM added)
	) SELECT ARRAY (SELECT s.hash FROM secrets s WHERE s.token_id = t.id UNION ALL SELECT hash FROM added),
		EXISTS (SELECT FROM added) FROM tokens t WHERE t.id = $4`

// AddSecret implements store.Tx.
func (t *tx) AddSecret(ctx context.Context, tokenID string, s store.Secret) error {
	what := fmt.Sprintf("secret for token %q", tokenID)
	if !storable(tokenID) {
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	var added bool
	found, err := t.touchingAnd(ctx, &added, addSecret,
		s.Digest[:], string(s.Scheme), s.Hint, tokenID, s.Created.UnixMilli(), writeOptional(s.Expiry), store.Fold(s.Hint))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case !found:
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	case !added:
		return fmt.Errorf("%s: %w", what, store.ErrSecretTaken)
	}
	return nil
}

// endSecrets removes those that end by $3, and bounds the others.
const endSecrets = `WITH removed AS (DELETE FROM secrets WHERE token_id = $1 AND least(expiry, $2::bigint) <= $3::bigint),
	bounded AS (UPDATE secrets SET expiry = least(expiry, $2::bigint) WHERE token_id = $1 AND least(expiry, $2::bigint) > $3::bigint)
	SELECT ARRAY (SELECT s.hash FROM secrets s WHERE s.token_id = t.id) FROM tokens t WHERE t.id = $1`

// EndSecrets implements store.Tx.
func (t *tx) EndSecrets(ctx context.Context, tokenID string, now, until time.Time) error {
	return t.touchingOne(ctx, tokenID, endSecrets, until.UnixMilli(), now.UnixMilli())
}

// SaveCatalog implements store.Tx.
func (t *tx) SaveCatalog(ctx context.Context, c store.Catalog) error {
	what := fmt.Sprintf("catalog of API %q", c.API)
	permissions, err := json.Marshal(c.Permissions)
	graphQL, err2 := json.Marshal(c.GraphQL)
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if _, err = t.exec(ctx, `INSERT INTO catalogs (api, permissions, graphql, staged, updated) VALUES ($1, $2::jsonb, $3::jsonb, $4, $5)
		ON CONFLICT (api) DO UPDATE SET permissions = excluded.permissions, graphql = excluded.graphql, staged = excluded.staged, updated = excluded.updated`,
		c.API, string(permissions), string(graphQL), c.Staged, c.Updated.UnixMilli()); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// touchingAnd runs a statement that returns a row with all secrets of a token, and notes
// them: those who hold one must forget it. It reports whether there was a row. The row may
// say something else as well.
func (t *tx) touchingAnd(ctx context.Context, other *bool, statement string, args ...any) (found bool, err error) {
	var hashes [][]byte
	into := []any{&hashes}
	if other != nil {
		into = append(into, other)
	}
	err = t.run(ctx, func(ctx context.Context, db queryer) error {
		return db.QueryRow(ctx, statement, args...).Scan(into...)
	})
	if err == pgx.ErrNoRows { //nolint:errorlint // the row's own answer, not wrapped
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, t.touch(hashes)
}

func (t *tx) touch(hashes [][]byte) error {
	for _, hash := range hashes {
		if len(hash) != len(token.Digest{}) {
			return fmt.Errorf("a hash has %d bytes", len(hash))
		}
		t.touched[token.Digest(hash)] = struct{}{}
	}
	return nil
}

// touchingOne is touchingAnd for the token whose id is the statement's first argument, or
// returns store.ErrNotFound.
func (t *tx) touchingOne(ctx context.Context, id, statement string, args ...any) error {
	found, err := false, error(nil)
	if storable(id) {
		found, err = t.touchingAnd(ctx, nil, statement, append([]any{id}, args...)...)
	}
	if err == nil && !found {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("secrets of token %q: %w", id, err)
	}
	return nil
}
