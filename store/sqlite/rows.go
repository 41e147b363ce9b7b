package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
)

// scanner is a row.
type scanner interface {
	Scan(into ...any) error
}

// readOne returns what scan makes of the row of a query, or store.ErrNotFound.
func readOne[T any](ctx context.Context, r reader, query string, args []any, scan func(scanner) (T, error)) (one T, err error) {
	if err := r.ready(); err != nil {
		return one, err
	}
	one, err = scan(r.db.QueryRowContext(ctx, query, args...))
	switch {
	case err == nil, errors.Is(err, store.ErrUnreadable):
		return one, err
	case errors.Is(err, sql.ErrNoRows):
		return one, store.ErrNotFound
	}
	return one, r.failure(ctx, err)
}

// readAll returns what scan makes of the rows of a query. Those that it finds to
// be store.ErrUnreadable are left out and joined into the error.
func readAll[T any](ctx context.Context, r reader, query string, args []any, scan func(scanner) (T, error)) ([]T, error) {
	return readPart(ctx, r, query, args, scan, nil)
}

// readPart is readAll that ends with the first after those that have store.PageBytes, if
// there is a size.
func readPart[T any](ctx context.Context, r reader, query string, args []any, scan func(scanner) (T, error), size func(*T) int) ([]T, error) {
	var all []T
	var bad []error
	read, last := 0, false
	err := r.each(ctx, query, args, func(rows *sql.Rows) error {
		if last {
			return errEnough
		}
		last = read >= store.PageBytes
		one, err := scan(rows)
		switch {
		case errors.Is(err, store.ErrUnreadable):
			bad = append(bad, err)
		case err != nil:
			return err
		default:
			all = append(all, one)
			if size != nil {
				read += size(&one)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, errors.Join(bad...)
}

// execOne runs a statement that is about one record, and returns
// store.ErrNotFound if it changed none.
func (t *tx) execOne(ctx context.Context, what, statement string, args ...any) error {
	changed, err := t.execCount(ctx, what, statement, args...)
	if err == nil && changed == 0 {
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	return err
}

// execCount runs a statement and returns how many records it changed.
func (t *tx) execCount(ctx context.Context, what, statement string, args ...any) (int64, error) {
	result, err := t.exec(ctx, statement, args...)
	if err != nil {
		return 0, t.outcome(ctx, what, err)
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return 0, t.failure(ctx, err)
	}
	return changed, nil
}

// exists reports whether a query finds anything.
func (t *tx) exists(ctx context.Context, query string, args ...any) (exists bool, err error) {
	if t.failed != nil {
		return false, t.failed
	}
	if err := t.sql.QueryRowContext(ctx, `SELECT EXISTS (`+query+`)`, args...).Scan(&exists); err != nil {
		return false, t.failure(ctx, err)
	}
	return exists, nil
}

// notUpdated says why an update of a version changed nothing.
func (t *tx) notUpdated(ctx context.Context, what, find string, key any) error {
	switch exists, err := t.exists(ctx, find, key); {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case exists:
		return fmt.Errorf("%s: %w", what, store.ErrConflict)
	}
	return fmt.Errorf("%s: %w", what, store.ErrNotFound)
}

// readBool reads a 0 or 1.
func readBool(what string, n int64) (bool, error) {
	if n != 0 && n != 1 {
		return false, unreadable(what, fmt.Errorf("a mark is %d, not 0 or 1", n))
	}
	return n == 1, nil
}
