package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// NotEmpty returns ErrNotEmpty with what a store has already, nil if that is nothing.
func NotEmpty(tokens, drafts, roles, accounts bool) error {
	var has []string
	for _, kind := range []struct {
		name  string
		there bool
	}{{"tokens", tokens}, {"drafts", drafts}, {"roles of its own", roles}, {"accounts", accounts}} {
		if kind.there {
			has = append(has, kind.name)
		}
	}
	switch last := len(has) - 1; last {
	case -1:
		return nil
	case 0:
		return fmt.Errorf("%w: it has %s already", ErrNotEmpty, has[0])
	default:
		return fmt.Errorf("%w: it has %s and %s already", ErrNotEmpty, strings.Join(has[:last], ", "), has[last])
	}
}

var errStopped = errors.New("the importing store stopped")

// Copy moves all tokens with their secrets and their use, drafts, secrets that are
// gone, roles, accounts, the audit trail and the catalogs from one store into another
// that has no tokens, drafts, roles and accounts yet (ErrNotEmpty otherwise), and
// returns how many tokens there were. All but the catalogs comes as a whole or not at all. People sign in
// anew: sessions are not moved.
func Copy(ctx context.Context, from, to Store) (n int, err error) {
	catalogs, err := from.Catalogs(ctx)
	if err != nil {
		return 0, err
	}
	err = to.Import(ctx, func(yield func(Record, error) bool) {
		n = 0
		err := from.Export(ctx, func(r Record) error {
			if !yield(r, nil) {
				return errStopped
			}
			if r.IsToken() {
				n++
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(Record{}, err)
		}
	})
	if err != nil {
		return 0, err
	}
	err = to.Change(ctx, func(tx Tx) error {
		for _, c := range catalogs {
			if err := tx.SaveCatalog(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return n, fmt.Errorf("all is copied but the catalogs, which gateways write when they start: %w", err)
	}
	return n, nil
}
