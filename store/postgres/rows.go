package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/store"
)

// scanner is a row.
type scanner interface {
	Scan(into ...any) error
}

// readOne returns what scan makes of the row of a query, or store.ErrNotFound.
func readOne[T any](ctx context.Context, r reader, query string, args []any, scan func(scanner) (T, error)) (one T, err error) {
	if !storableArgs(args) {
		return one, store.ErrNotFound
	}
	var bad error
	err = r.run(ctx, func(ctx context.Context, db queryer) error {
		one, err = scan(db.QueryRow(ctx, query, args...))
		if bad = nil; errors.Is(err, store.ErrUnreadable) {
			bad, err = err, nil
		}
		return err
	})
	switch {
	case bad != nil:
		return one, bad
	case errors.Is(err, pgx.ErrNoRows):
		return one, store.ErrNotFound
	}
	return one, err
}

// readAll returns what scan makes of the rows of a query. Those that it finds to
// be store.ErrUnreadable are left out and joined into the error.
func readAll[T any](ctx context.Context, r reader, query string, args []any, scan func(scanner) (T, error)) ([]T, error) {
	return readPart(ctx, r, query, args, scan, nil)
}

// readPart is readAll that ends with the first after those that have store.PageBytes, if
// there is a size.
func readPart[T any](ctx context.Context, r reader, query string, args []any, scan func(scanner) (T, error), size func(*T) int) ([]T, error) {
	if !storableArgs(args) {
		return nil, nil
	}
	var all []T
	var bad []error
	err := r.run(ctx, func(ctx context.Context, db queryer) error {
		all, bad = nil, nil
		read, last := 0, false
		return each(ctx, db, query, args, func(rows pgx.Rows) error {
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
	})
	if err != nil {
		return nil, err
	}
	return all, errors.Join(bad...)
}

// storableArgs reports whether Postgres can have the texts that are asked for;
// no row has others.
func storableArgs(args []any) bool {
	for _, arg := range args {
		if text, ok := arg.(string); ok && !storable(text) {
			return false
		}
	}
	return true
}

// execCount runs a statement and says what it was about when it fails.
func (t *tx) execCount(ctx context.Context, what, statement string, args ...any) (int64, error) {
	changed, err := t.exec(ctx, statement, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return changed, nil
}

// execOne runs a statement that is about one record, and returns
// store.ErrNotFound if it changed none.
func (t *tx) execOne(ctx context.Context, what, statement string, args ...any) error {
	if !storableArgs(args) {
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	changed, err := t.execCount(ctx, what, statement, args...)
	if err == nil && changed == 0 {
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	return err
}

// exists reports whether a query finds anything.
func (t *tx) exists(ctx context.Context, query string, args ...any) (exists bool, err error) {
	err = t.run(ctx, func(ctx context.Context, db queryer) error {
		return db.QueryRow(ctx, `SELECT EXISTS (`+query+`)`, args...).Scan(&exists)
	})
	return exists, err
}

// refused returns an error for what a statement did not do: first, if the query
// finds anything, else the other one.
func (t *tx) refused(ctx context.Context, what string, first, other error, query string, args ...any) error {
	switch exists, err := t.exists(ctx, query, args...); {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case exists:
		return fmt.Errorf("%s: %w", what, first)
	}
	return fmt.Errorf("%s: %w", what, other)
}

// writeText makes NULL of an empty text.
func writeText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func readText(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
