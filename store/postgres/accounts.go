package postgres

import (
	"context"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
)

const accountColumns = `id, name, role, password, subject, enabled, created, updated, signed_in, version`

const selectAccounts = `SELECT ` + accountColumns + ` FROM accounts `

func scanAccount(row scanner) (store.Account, error) {
	var a store.Account
	var subject *string
	var signedIn *int64
	var created, updated int64
	err := row.Scan(&a.ID, &a.Name, &a.Role, &a.Password, &subject, &a.Enabled, &created, &updated, &signedIn, &a.Version)
	if err != nil {
		return store.Account{}, err
	}
	a.Subject = readText(subject)
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
	return r.account(ctx, "account", `WHERE id = $1`, id)
}

// AccountByName implements store.Management.
func (r reader) AccountByName(ctx context.Context, name string) (store.Account, error) {
	return r.account(ctx, "account", `WHERE name = $1`, name)
}

// AccountBySubject implements store.Management.
func (r reader) AccountBySubject(ctx context.Context, subject string) (store.Account, error) {
	return r.account(ctx, "account of subject", `WHERE subject = $1`, subject) // never NULL
}

// Accounts implements store.Management.
func (r reader) Accounts(ctx context.Context) ([]store.Account, error) {
	accounts, err := readAll(ctx, r, selectAccounts+`ORDER BY name`, nil, scanAccount)
	if err != nil {
		err = fmt.Errorf("accounts: %w", err)
	}
	return accounts, err
}

// accountValues are the columns of a new account.
func accountValues(a *store.Account) []any {
	return []any{
		a.ID, a.Name, a.Role, a.Password, writeText(a.Subject), a.Enabled,
		a.Created.UnixMilli(), a.Updated.UnixMilli(), writeOptional(a.SignedIn), int64(1),
	}
}

// CreateAccount implements store.ManagementTx.
func (t *tx) CreateAccount(ctx context.Context, a store.Account) error {
	what := fmt.Sprintf("account %q", a.Name)
	created, err := t.execCount(ctx, what, `INSERT INTO accounts (`+accountColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
		accountValues(&a)...)
	if err != nil || created == 1 {
		return err
	}
	return t.refused(ctx, what, store.ErrNameTaken, store.ErrSubjectTaken, `SELECT FROM accounts WHERE name = $1`, a.Name)
}

// updateAccount raises the version if more than signed_in is new. It changes no
// row if the version is another, or the subject taken.
const updateAccount = `UPDATE accounts SET
	version = version + CASE WHEN (role, password, subject, enabled, updated) IS DISTINCT FROM ($1::text, $2::text, $3::text, $4::boolean, $5::bigint) THEN 1 ELSE 0 END,
	role = $1, password = $2, subject = $3, enabled = $4, updated = $5, signed_in = $6 WHERE id = $7 AND version = $8
	AND NOT EXISTS (SELECT FROM accounts o WHERE o.subject = $3 AND o.id <> $7)`

// UpdateAccount implements store.ManagementTx.
func (t *tx) UpdateAccount(ctx context.Context, a store.Account) error {
	what := fmt.Sprintf("account %q", a.ID)
	updated, err := t.execCount(ctx, what, updateAccount, a.Role, a.Password, writeText(a.Subject), a.Enabled,
		a.Updated.UnixMilli(), writeOptional(a.SignedIn), a.ID, a.Version)
	if err != nil || updated == 1 {
		return err
	}
	now, err := t.Account(ctx, a.ID)
	switch {
	case err != nil:
		return err
	case now.Version != a.Version:
		return fmt.Errorf("%s: %w", what, store.ErrConflict)
	}
	return fmt.Errorf("%s: %w", what, store.ErrSubjectTaken)
}

// DeleteAccount implements store.ManagementTx.
func (t *tx) DeleteAccount(ctx context.Context, id string) error {
	return t.execOne(ctx, fmt.Sprintf("account %q", id), `DELETE FROM accounts WHERE id = $1`, id) // cascades to sessions
}
