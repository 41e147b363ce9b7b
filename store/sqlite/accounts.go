package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tokenreeve/tokenreeve/store"
)

const selectAccounts = `SELECT id, name, role, password, subject, enabled, created, updated, signed_in, version FROM accounts `

func scanAccount(row scanner) (store.Account, error) {
	var a store.Account
	var subject sql.NullString
	var signedIn sql.NullInt64
	var enabled, created, updated int64
	err := row.Scan(&a.ID, &a.Name, &a.Role, &a.Password, &subject, &enabled, &created, &updated, &signedIn, &a.Version)
	if err != nil {
		return store.Account{}, err
	}
	if a.Enabled, err = readBool("account "+a.ID, enabled); err != nil {
		return store.Account{}, err
	}
	a.Subject = subject.String
	a.Created, a.Updated, a.SignedIn = readTime(created), readTime(updated), readOptional(signedIn)
	return a, nil
}

func (r reader) account(ctx context.Context, what, where, key string) (store.Account, error) {
	a, err := readOne(ctx, r, selectAccounts+where, []any{key}, scanAccount)
	if err != nil {
		return store.Account{}, fmt.Errorf("%s %q: %w", what, key, err)
	}
	return a, nil
}

// Account implements store.Management.
func (r reader) Account(ctx context.Context, id string) (store.Account, error) {
	return r.account(ctx, "account", `WHERE id = ?`, id)
}

// AccountByName implements store.Management.
func (r reader) AccountByName(ctx context.Context, name string) (store.Account, error) {
	return r.account(ctx, "account", `WHERE name = ?`, name)
}

// AccountBySubject implements store.Management.
func (r reader) AccountBySubject(ctx context.Context, subject string) (store.Account, error) {
	return r.account(ctx, "account of subject", `WHERE subject = ?`, subject) // never NULL
}

// Accounts implements store.Management.
func (r reader) Accounts(ctx context.Context) ([]store.Account, error) {
	accounts, err := readAll(ctx, r, selectAccounts+`ORDER BY name`, nil, scanAccount)
	if err != nil {
		err = fmt.Errorf("accounts: %w", err)
	}
	return accounts, err
}

// CreateAccount implements store.ManagementTx.
func (t *tx) CreateAccount(ctx context.Context, a store.Account) error {
	what := fmt.Sprintf("account %q", a.Name)
	_, err := t.exec(ctx, `INSERT INTO accounts (id, name, role, password, subject, enabled, created, updated, signed_in, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`,
		a.ID, a.Name, a.Role, a.Password, writeText(a.Subject), a.Enabled,
		a.Created.UnixMilli(), a.Updated.UnixMilli(), writeOptional(a.SignedIn))
	if code(err) != sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return t.outcome(ctx, what, err)
	}
	switch taken, err := t.exists(ctx, `SELECT 1 FROM accounts WHERE name = ?`, a.Name); {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case taken:
		return fmt.Errorf("%s: %w", what, store.ErrNameTaken)
	}
	return fmt.Errorf("%s: %w", what, store.ErrSubjectTaken)
}

// updateAccount raises the version if more than signed_in is new.
const updateAccount = `UPDATE accounts SET
	version = version + ((role, password, subject, enabled, updated) IS NOT (?1, ?2, ?3, ?4, ?5)),
	role = ?1, password = ?2, subject = ?3, enabled = ?4, updated = ?5, signed_in = ?6 WHERE id = ?7 AND version = ?8`

// UpdateAccount implements store.ManagementTx.
func (t *tx) UpdateAccount(ctx context.Context, a store.Account) error {
	what := fmt.Sprintf("account %q", a.ID)
	result, err := t.exec(ctx, updateAccount, a.Role, a.Password, writeText(a.Subject), a.Enabled,
		a.Updated.UnixMilli(), writeOptional(a.SignedIn), a.ID, a.Version)
	if code(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return fmt.Errorf("%s: %w", what, store.ErrSubjectTaken)
	}
	if err != nil {
		return t.outcome(ctx, what, err)
	}
	if updated, err := result.RowsAffected(); err != nil {
		return t.failure(ctx, err)
	} else if updated == 0 {
		return t.notUpdated(ctx, what, `SELECT 1 FROM accounts WHERE id = ?`, a.ID)
	}
	return nil
}

// DeleteAccount implements store.ManagementTx.
func (t *tx) DeleteAccount(ctx context.Context, id string) error {
	return t.execOne(ctx, fmt.Sprintf("account %q", id), `DELETE FROM accounts WHERE id = ?`, id) // cascades to sessions
}

// writeText makes NULL of an empty text.
func writeText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
