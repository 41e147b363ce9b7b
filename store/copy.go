package store

import (
	"context"
	"errors"
	"fmt"
)

var errStopped = errors.New("the importing store stopped")

// Copy moves all tokens with their secrets and their use, and the catalogs, from
// one store into another that has no tokens yet (ErrNotEmpty otherwise), and
// returns how many tokens there were. Tokens come all or not at all.
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
			n++
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
		return n, fmt.Errorf("all tokens are copied, but not the catalogs, which gateways write when they start: %w", err)
	}
	return n, nil
}
