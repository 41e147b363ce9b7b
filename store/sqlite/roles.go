package sqlite

import (
	"context"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tokenreeve/tokenreeve/store"
)

// Roles implements store.Management.
func (r reader) Roles(ctx context.Context) ([]store.Role, error) {
	roles, err := readAll(ctx, r, `SELECT name, description, may_read, may_create, may_update, may_regenerate, may_delete,
		accounts, audit, apis, types, grants, updated, version FROM roles ORDER BY name`, nil, scanRole)
	if err != nil {
		err = fmt.Errorf("roles: %w", err)
	}
	return roles, err
}

func scanRole(row scanner) (store.Role, error) {
	var r store.Role
	var scopes [5]string
	var accounts, audit, updated int64
	var apis, types, grants *string
	err := row.Scan(&r.Name, &r.Description, &scopes[0], &scopes[1], &scopes[2], &scopes[3], &scopes[4],
		&accounts, &audit, &apis, &types, &grants, &updated, &r.Version)
	if err != nil {
		return store.Role{}, err
	}
	r.Updated = readTime(updated)
	what := "role " + r.Name
	for i, scope := range []*store.Scope{&r.Read, &r.Create, &r.Update, &r.Regenerate, &r.Delete} {
		if *scope, err = store.ParseScope(scopes[i]); err != nil {
			return store.Role{}, unreadable(what, err)
		}
	}
	if r.Accounts, err = readBool(what, accounts); err != nil {
		return store.Role{}, err
	}
	if r.Audit, err = readBool(what, audit); err != nil {
		return store.Role{}, err
	}
	if r.Ceiling, err = store.ReadCeiling(apis, types, grants); err != nil {
		return store.Role{}, unreadable("ceiling of "+what, err)
	}
	return r, nil
}

// CreateRole implements store.ManagementTx.
func (t *tx) CreateRole(ctx context.Context, r store.Role) error {
	what := fmt.Sprintf("role %q", r.Name)
	values, err := store.RoleValues(&r)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	_, err = t.exec(ctx, `INSERT INTO roles (name, description, may_read, may_create, may_update, may_regenerate, may_delete,
		accounts, audit, apis, types, grants, updated, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`, values...)
	if code(err) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return fmt.Errorf("%s: %w", what, store.ErrNameTaken)
	}
	return t.outcome(ctx, what, err)
}

// UpdateRole implements store.ManagementTx.
func (t *tx) UpdateRole(ctx context.Context, r store.Role) error {
	what := fmt.Sprintf("role %q", r.Name)
	values, err := store.RoleValues(&r)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	updated, err := t.execCount(ctx, what, `UPDATE roles SET description = ?2, may_read = ?3, may_create = ?4, may_update = ?5,
		may_regenerate = ?6, may_delete = ?7, accounts = ?8, audit = ?9, apis = ?10, types = ?11, grants = ?12, updated = ?13,
		version = version + 1 WHERE name = ?1 AND version = ?14`, append(values, r.Version)...)
	if err != nil {
		return err
	}
	if updated == 0 {
		return t.notUpdated(ctx, what, `SELECT 1 FROM roles WHERE name = ?`, r.Name)
	}
	return nil
}

// DeleteRole implements store.ManagementTx.
func (t *tx) DeleteRole(ctx context.Context, name string) error {
	return t.execOne(ctx, fmt.Sprintf("role %q", name), `DELETE FROM roles WHERE name = ?`, name)
}
