package sqlite

import (
	"context"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
)

// exportManagement exports what is no token.
func (r reader) exportManagement(ctx context.Context, yield func(store.Record) error) error {
	if err := r.exportDrafts(ctx, yield); err != nil {
		return err
	}
	if err := r.exportGone(ctx, yield); err != nil {
		return err
	}
	roles, err := r.Roles(ctx)
	if err != nil {
		return fmt.Errorf("exporting %w", err)
	}
	for _, role := range roles {
		if err := yield(store.Record{Role: &role}); err != nil {
			return err
		}
	}
	accounts, err := r.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("exporting %w", err)
	}
	for _, account := range accounts {
		if err := yield(store.Record{Account: &account}); err != nil {
			return err
		}
	}
	return r.exportEvents(ctx, yield)
}

func (r reader) exportEvents(ctx context.Context, yield func(store.Record) error) error {
	next := func(last int64) ([]store.Event, error) {
		part, err := readAll(ctx, r, `SELECT id, `+eventColumns+` FROM events WHERE id > ? ORDER BY id LIMIT ?`, []any{last, exportPart}, scanEvent)
		if err != nil {
			return nil, fmt.Errorf("exporting events: %w", err)
		}
		return part, nil
	}
	return store.ExportParts(next, func(event *store.Event) (int64, error) { return event.ID, yield(store.Record{Event: event}) }, int64(0))
}
