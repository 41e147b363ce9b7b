package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tokenreeve/tokenreeve/store"
)

// importPart is how many tokens Import has in memory at once.
const importPart = 5_000

// beginImport is beginChange for one that takes long.
const beginImport = beginChange + `;
	SET LOCAL statement_timeout = '5min';
	SET LOCAL idle_in_transaction_session_timeout = '5min'`

// Import implements store.Store. Changes wait for its end. Records that come
// from a slow source may take as long as the context allows.
func (s *Store) Import(ctx context.Context, records iter.Seq2[store.Record, error]) error {
	if s.closed.Load() {
		return errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	beginning, cancelBeginning := s.bound(ctx, changeTimeout)
	defer cancelBeginning()
	sqlTx, err := s.changes.BeginTx(beginning, pgx.TxOptions{BeginQuery: beginImport})
	if err != nil {
		return fmt.Errorf("importing: %w", s.failure(beginning, err))
	}
	defer rollBack(sqlTx) // does nothing after a commit
	t := newTx(s, sqlTx)
	t.all = true
	t.patience = s.settings.importPatience
	if err := t.mustBeEmpty(ctx); err != nil {
		return err
	}
	if err := t.copyAll(ctx, records); err != nil {
		return err
	}
	if _, err := s.recordChanges(ctx, t, recordQuietly); err != nil {
		return fmt.Errorf("importing: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("importing: %w", s.failure(ctx, err))
	}
	if _, err := s.commit(ctx, sqlTx); err != nil {
		return fmt.Errorf("importing: %w", err)
	}
	s.tell(store.ChangedBy(t.touched, t.all))
	return nil
}

// mustBeEmpty also removes the use of tokens that are gone, which may have the
// ids of those that come.
func (t *tx) mustBeEmpty(ctx context.Context) error {
	var tokens, drafts, roles, accounts bool
	err := t.run(ctx, func(ctx context.Context, db queryer) error {
		return db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM tokens), EXISTS (SELECT FROM drafts),
			EXISTS (SELECT FROM roles), EXISTS (SELECT FROM accounts)`).Scan(&tokens, &drafts, &roles, &accounts)
	})
	if err != nil {
		return fmt.Errorf("importing: %w", err)
	}
	if err := store.NotEmpty(tokens, drafts, roles, accounts); err != nil {
		return err
	}
	for _, statement := range []string{`DELETE FROM usage`, `DELETE FROM permission_usage`, `DELETE FROM last_uses`} {
		if _, err := t.exec(ctx, statement); err != nil {
			return fmt.Errorf("importing: %w", err)
		}
	}
	return nil
}

// copyAll adds the records, part by part.
func (t *tx) copyAll(ctx context.Context, records iter.Seq2[store.Record, error]) error {
	var p part
	for record, err := range records {
		if err == nil {
			err = p.add(record)
		}
		if err == nil && p.records >= importPart {
			err = t.copyPart(ctx, &p)
		}
		if err != nil {
			return err
		}
	}
	if err := t.copyPart(ctx, &p); err != nil {
		return err
	}
	if _, err := t.exec(ctx, importRetention); err != nil {
		return fmt.Errorf("importing uses: %w", err)
	}
	return nil
}

// importRetention: who counted per permission on one day counted all of the next.
const importRetention = `UPDATE usage_retention SET since = least(since, (SELECT min(day) FROM permission_usage) + 24 * 60 * 60 * 1000)`

// part is some records as rows of the tables.
type part struct {
	records                     int
	tokens, secrets             [][]any
	uses, permissions, lastUses [][]any
	drafts                      [][]any
	gone                        [][]byte
	roles, accounts, events     [][]any
}

func (p *part) add(r store.Record) error {
	p.records++
	if !r.IsToken() {
		return p.addManagement(r)
	}
	n := r.Token
	grants, err := writeGrants(n.Grants)
	if err != nil {
		return fmt.Errorf("grants of token %q: %w", n.ID, err)
	}
	p.tokens = append(p.tokens, []any{
		n.ID, n.API, n.Name, n.Description, string(n.Type), grants, n.Owner, n.Enabled, n.Hint,
		writeOptional(n.Expiry), n.Created.UnixMilli(), n.Updated.UnixMilli(), int64(1),
		store.Fold(n.Name), store.Fold(n.Owner), store.FoldedText(&n), store.Fold(n.Hint),
	})
	last := writeLast(n.LastUsed)
	for _, s := range r.Secrets {
		p.secrets = append(p.secrets, []any{s.Digest[:], string(s.Scheme), s.Hint, n.ID, s.Created.UnixMilli(), writeOptional(s.Expiry)})
	}
	uses := writeUses(r.Uses)
	for i, day := range uses.days {
		p.uses = append(p.uses, []any{n.ID, day, uses.secrets[i], uses.allowed[i], uses.refused[i], uses.last[i]})
		last = max(last, uses.last[i])
	}
	for _, u := range r.Permissions {
		p.permissions = append(p.permissions, []any{n.ID, writeDay(u.Day), u.Permission, count(u.Allowed), count(u.Refused)})
	}
	p.lastUses = append(p.lastUses, []any{n.ID, last, r.Address})
	return nil
}

// copyPart writes a part and empties it.
func (t *tx) copyPart(ctx context.Context, p *part) error {
	for _, table := range []struct {
		name    string
		columns []string
		rows    [][]any
	}{
		{"tokens", []string{
			"id", "api", "name", "description", "type", "grants", "owner", "enabled", "hint", "expiry", "created", "updated", "version",
			"folded_name", "folded_owner", "folded_text", "folded_hint",
		}, p.tokens},
		{"secrets", []string{"hash", "scheme", "hint", "token_id", "created", "expiry"}, p.secrets},
		{"usage", []string{"token_id", "day", "secret", "allowed", "refused", "last_used"}, p.uses},
		{"permission_usage", []string{"token_id", "day", "permission", "allowed", "refused"}, p.permissions},
		{"last_uses", []string{"token_id", "last_used", "address"}, p.lastUses},
		{"drafts", []string{"token_id", "api", "version", "draft"}, p.drafts},
		{"roles", append(strings.Split(roleColumns, ", "), "version"), p.roles},
		{"accounts", strings.Split(accountColumns, ", "), p.accounts},
		{"events", strings.Split(eventColumns, ", "), p.events},
	} {
		if len(table.rows) == 0 {
			continue
		}
		if err := t.copyRows(ctx, table.name, table.columns, table.rows); err != nil {
			return fmt.Errorf("importing %s: %w", table.name, err)
		}
	}
	if len(p.gone) > 0 { // the store may remember some of them
		if _, err := t.exec(ctx, insertGone, p.gone); err != nil {
			return fmt.Errorf("importing secrets that are gone: %w", err)
		}
	}
	*p = part{}
	return nil
}

// copyRows writes rows, as long as the server goes on taking them.
func (t *tx) copyRows(ctx context.Context, table string, columns []string, rows [][]any) error {
	copying, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.AfterFunc(t.patience, cancel)
	defer timer.Stop()
	source := timedRows{pgx.CopyFromRows(rows), timer, t.patience}
	_, err := t.sql.CopyFrom(copying, pgx.Identifier{table}, columns, source)
	if err != nil && ctx.Err() == nil && copying.Err() != nil {
		return fmt.Errorf("%w: it took nothing for %v: %w", store.ErrUnavailable, t.patience, err)
	}
	return t.taken(ctx, err)
}

// timedRows puts a timer off with each row that is taken.
type timedRows struct {
	pgx.CopyFromSource

	timer    *time.Timer
	patience time.Duration
}

func (r timedRows) Next() bool {
	r.timer.Reset(r.patience)
	return r.CopyFromSource.Next()
}

// taken turns a violated constraint into the contract's error for it. Only the
// text of the server on names is repeated: that on secrets has a hash.
func (t *tx) taken(ctx context.Context, err error) error {
	pgErr, _ := errors.AsType[*pgconn.PgError](err)
	switch {
	case pgErr == nil || pgErr.Code != uniqueViolation:
		return failure(ctx, err)
	case pgErr.ConstraintName == "tokens_api_name_key":
		return fmt.Errorf("%w: %s", store.ErrNameTaken, pgErr.Detail)
	case pgErr.ConstraintName == "secrets_pkey":
		return fmt.Errorf("%w: two tokens have the same", store.ErrSecretTaken)
	}
	return err
}
