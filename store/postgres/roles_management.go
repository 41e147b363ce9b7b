package postgres

import (
	"context"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
)

const roleColumns = `name, description, may_read, may_create, may_update, may_regenerate, may_delete, accounts, audit, apis, types, grants, updated`

const selectRoles = `SELECT ` + roleColumns + `, version FROM roles ORDER BY name`

// Roles implements store.Management.
func (r reader) Roles(ctx context.Context) ([]store.Role, error) {
	roles, err := readAll(ctx, r, selectRoles, nil, scanRole)
	if err != nil {
		err = fmt.Errorf("roles: %w", err)
	}
	return roles, err
}

func scanRole(row scanner) (store.Role, error) {
	var r store.Role
	var scopes [5]string
	var updated int64
	var apis, types, grants *string
	err := row.Scan(&r.Name, &r.Description, &scopes[0], &scopes[1], &scopes[2], &scopes[3], &scopes[4],
		&r.Accounts, &r.Audit, &apis, &types, &grants, &updated, &r.Version)
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
	created, err := t.execCount(ctx, what, `INSERT INTO roles (`+roleColumns+`, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1) ON CONFLICT DO NOTHING`, values...)
	if err == nil && created == 0 {
		return fmt.Errorf("%s: %w", what, store.ErrNameTaken)
	}
	return err
}

// UpdateRole implements store.ManagementTx.
func (t *tx) UpdateRole(ctx context.Context, r store.Role) error {
	what := fmt.Sprintf("role %q", r.Name)
	values, err := store.RoleValues(&r)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	updated, err := t.execCount(ctx, what, `UPDATE roles SET description = $2, may_read = $3, may_create = $4, may_update = $5,
		may_regenerate = $6, may_delete = $7, accounts = $8, audit = $9, apis = $10, types = $11, grants = $12, updated = $13,
		version = version + 1 WHERE name = $1 AND version = $14`, append(values, r.Version)...)
	if err != nil || updated == 1 {
		return err
	}
	return t.refused(ctx, what, store.ErrConflict, store.ErrNotFound, `SELECT FROM roles WHERE name = $1`, r.Name)
}

// DeleteRole implements store.ManagementTx.
func (t *tx) DeleteRole(ctx context.Context, name string) error {
	return t.execOne(ctx, fmt.Sprintf("role %q", name), `DELETE FROM roles WHERE name = $1`, name)
}
