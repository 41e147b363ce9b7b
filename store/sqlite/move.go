package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// exportPart is how many tokens Export has in memory at once.
const exportPart = 1_000

// Export implements store.Store. It reads in one transaction, and so as of one
// moment, which keeps the write-ahead log from being copied back meanwhile.
func (s *Store) Export(ctx context.Context, yield func(store.Record) error) error {
	if err := s.ready(); err != nil {
		return err
	}
	sqlTx, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("exporting: %w", s.failure(ctx, err))
	}
	defer sqlTx.Rollback() // it changed nothing
	r := reader{db: sqlTx, ready: s.ready, failure: s.failure}
	for last := ""; ; {
		part, err := r.records(ctx, last)
		if err != nil {
			return fmt.Errorf("exporting: %w", err)
		}
		if len(part) == 0 {
			return r.exportManagement(ctx, yield)
		}
		for _, record := range part {
			if err := yield(record); err != nil {
				return err
			}
		}
		last = part[len(part)-1].Token.ID
	}
}

// records returns the records of the tokens that come after the given id.
func (r reader) records(ctx context.Context, after string) ([]store.Record, error) {
	var part []store.Record
	err := r.eachReadable(ctx, `SELECT `+tokenColumns+` FROM tokens t WHERE t.id > ? ORDER BY t.id LIMIT ?`, []any{after, exportPart}, func(rows *sql.Rows) error {
		var row record
		if err := rows.Scan(row.fields()...); err != nil {
			return err
		}
		t, err := row.read()
		part = append(part, store.Record{Token: t})
		return err
	})
	if err != nil || len(part) == 0 {
		return nil, err
	}
	within := []any{after, part[len(part)-1].Token.ID}
	if err := r.addSecrets(ctx, part, within); err != nil {
		return nil, err
	}
	if err := r.addUses(ctx, part, within); err != nil {
		return nil, err
	}
	if err := r.addPermissions(ctx, part, within); err != nil {
		return nil, err
	}
	return part, r.addAddresses(ctx, part, within)
}

func (r reader) addSecrets(ctx context.Context, part []store.Record, within []any) error {
	i := 0
	return r.eachReadable(ctx, `SELECT token_id, hash, scheme, hint, created, expiry FROM secrets
		WHERE token_id > ? AND token_id <= ? ORDER BY token_id, hash`, within, func(rows *sql.Rows) error {
		var s store.Secret
		var id, scheme string
		var hash sql.RawBytes
		var created int64
		var expiry sql.NullInt64
		if err := rows.Scan(&id, &hash, &scheme, &s.Hint, &created, &expiry); err != nil {
			return err
		}
		if !token.Scheme(scheme).Known() || len(hash) != len(token.Digest{}) {
			return unreadable("secret of token "+id, fmt.Errorf("scheme %q is unknown", scheme))
		}
		s.Digest, s.Scheme = token.Digest(hash), token.Scheme(scheme)
		s.Created, s.Expiry = readTime(created), readOptional(expiry)
		for part[i].Token.ID != id {
			i++
		}
		part[i].Secrets = append(part[i].Secrets, s)
		return nil
	})
}

func (r reader) addUses(ctx context.Context, part []store.Record, within []any) error {
	i := 0
	return r.eachReadable(ctx, `SELECT token_id, secret, day, allowed, refused, last_used FROM usage
		WHERE token_id > ? AND token_id <= ? ORDER BY token_id, day, secret`, within, func(rows *sql.Rows) error {
		var use token.Use
		var secret sql.RawBytes
		if err := scanUse(rows, &use, &use.TokenID, &secret); err != nil {
			return err
		}
		copy(use.Secret[:], secret)
		for part[i].Token.ID != use.TokenID {
			i++
		}
		part[i].Uses = append(part[i].Uses, use)
		return nil
	})
}

// eachReadable is each for scans that may return store.ErrUnreadable, which is
// no failure of the store.
func (r reader) eachReadable(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	var bad error
	err := r.each(ctx, query, args, func(rows *sql.Rows) error {
		err := scan(rows)
		if errors.Is(err, store.ErrUnreadable) {
			bad, err = err, errStop
		}
		return err
	})
	if bad != nil {
		return bad
	}
	return err
}

// errStop ends a scan.
var errStop = errors.New("enough")

// Import implements store.Store. Other writers wait for its end.
func (s *Store) Import(ctx context.Context, records iter.Seq2[store.Record, error]) error {
	return s.Change(ctx, func(pending store.Tx) error {
		t := pending.(*tx) //nolint:errcheck,forcetypeassert // it is our own
		if err := t.mustBeEmpty(ctx); err != nil {
			return err
		}
		importer, err := t.importer(ctx)
		if err != nil {
			return err
		}
		defer importer.close()
		t.all = true
		for record, err := range records {
			if err == nil {
				err = importer.add(ctx, record)
			}
			if err != nil {
				return err
			}
		}
		_, err = t.exec(ctx, importRetention)
		return t.outcome(ctx, "importing uses", err)
	})
}

// importRetention: who counted per permission on one day counted all of the next.
const importRetention = `UPDATE usage_retention SET since = min(since, coalesce((SELECT min(day) FROM permission_usage) + 24 * 60 * 60 * 1000, since))`

func (t *tx) mustBeEmpty(ctx context.Context) error {
	var tokens, drafts, roles, accounts bool
	if err := t.sql.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM tokens), EXISTS (SELECT 1 FROM drafts),
		EXISTS (SELECT 1 FROM roles), EXISTS (SELECT 1 FROM accounts)`).Scan(&tokens, &drafts, &roles, &accounts); err != nil {
		return t.failure(ctx, err)
	}
	return store.NotEmpty(tokens, drafts, roles, accounts)
}

// importer has the statements that every record runs.
type importer struct {
	t                                          *tx
	token, secret, uses, permissions, lastUses *sql.Stmt
}

func (t *tx) importer(ctx context.Context) (*importer, error) {
	i := &importer{t: t}
	for statement, text := range map[**sql.Stmt]string{
		&i.token: insertToken, &i.secret: insertSecret, &i.uses: insertUse, &i.permissions: insertPermission, &i.lastUses: moveLastUse,
	} {
		prepared, err := t.sql.PrepareContext(ctx, text) //nolint:sqlclosecheck // the importer closes it
		if err != nil {
			i.close()
			return nil, t.failure(ctx, err)
		}
		*statement = prepared
	}
	return i, nil
}

func (i *importer) close() {
	for _, statement := range slices.DeleteFunc([]*sql.Stmt{i.token, i.secret, i.uses, i.permissions, i.lastUses}, func(s *sql.Stmt) bool { return s == nil }) {
		_ = statement.Close() // the transaction ends it anyway
	}
}

func (i *importer) add(ctx context.Context, r store.Record) error {
	switch {
	case r.Draft != nil:
		return i.t.SaveDraft(ctx, *r.Draft, 0)
	case r.Gone != nil:
		_, err := i.t.exec(ctx, insertGone, r.Gone[:])
		return i.t.outcome(ctx, "importing secrets that are gone", err)
	case r.Role != nil:
		return i.t.CreateRole(ctx, *r.Role)
	case r.Account != nil:
		return i.t.CreateAccount(ctx, *r.Account)
	case r.Event != nil:
		return i.t.AppendEvent(ctx, *r.Event)
	}
	return i.addToken(ctx, r)
}

func (i *importer) addToken(ctx context.Context, r store.Record) error {
	what := fmt.Sprintf("importing token %q of API %q", r.Token.Name, r.Token.API)
	grants, err := writeGrants(r.Token.Grants)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if _, err := i.token.ExecContext(ctx, tokenValues(r.Token, grants)...); err != nil {
		return i.t.outcome(ctx, what, err)
	}
	for _, s := range r.Secrets {
		if _, err := i.secret.ExecContext(ctx, secretValues(r.Token.ID, s)...); err != nil {
			return i.t.secretOutcome(ctx, what, err)
		}
	}
	last := int64(0)
	if !r.Token.LastUsed.IsZero() {
		last = r.Token.LastUsed.UnixMilli()
	}
	for _, u := range writeUses(r.Uses) {
		if _, err := i.uses.ExecContext(ctx, r.Token.ID, u.Day, u.Digest, u.Allowed, u.Refused, u.Last); err != nil {
			return i.t.outcome(ctx, what, err)
		}
		last = max(last, u.Last)
	}
	for _, u := range r.Permissions {
		if _, err := i.permissions.ExecContext(ctx, r.Token.ID, writeDay(u.Day), u.Permission, min(u.Allowed, maxCount), min(u.Refused, maxCount)); err != nil {
			return i.t.outcome(ctx, what, err)
		}
	}
	_, err = i.lastUses.ExecContext(ctx, last, r.Address, r.Token.ID)
	return i.t.outcome(ctx, what, err)
}
