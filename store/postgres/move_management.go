package postgres

import (
	"context"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
)

// exportManagement exports what is no token.
func (s *Store) exportManagement(ctx context.Context, db queryer, yield func(store.Record) error) error {
	r := reader{run: func(ctx context.Context, do func(context.Context, queryer) error) error {
		ctx, cancel := s.bound(ctx, readTimeout)
		defer cancel()
		return s.failure(ctx, do(ctx, db))
	}}
	if err := exportDrafts(ctx, r, yield); err != nil {
		return err
	}
	if err := exportGone(ctx, r, yield); err != nil {
		return err
	}
	roles, err := readAll(ctx, r, selectRoles, nil, scanRole)
	if err != nil {
		return fmt.Errorf("exporting roles: %w", err)
	}
	for _, role := range roles {
		if err := yield(store.Record{Role: &role}); err != nil {
			return err
		}
	}
	accounts, err := readAll(ctx, r, selectAccounts+`ORDER BY name`, nil, scanAccount)
	if err != nil {
		return fmt.Errorf("exporting accounts: %w", err)
	}
	for _, account := range accounts {
		if err := yield(store.Record{Account: &account}); err != nil {
			return err
		}
	}
	return exportEvents(ctx, r, yield)
}

func exportEvents(ctx context.Context, r reader, yield func(store.Record) error) error {
	next := func(last int64) ([]store.Event, error) {
		part, err := readAll(ctx, r, `SELECT id, `+eventColumns+` FROM events WHERE id > $1 ORDER BY id LIMIT $2::bigint`, []any{last, int64(exportPart)}, scanEvent)
		if err != nil {
			return nil, fmt.Errorf("exporting events: %w", err)
		}
		return part, nil
	}
	return store.ExportParts(next, func(event *store.Event) (int64, error) { return event.ID, yield(store.Record{Event: event}) }, int64(0))
}

// addManagement adds a record that is no token.
func (p *part) addManagement(r store.Record) error {
	switch {
	case r.Draft != nil:
		text, err := store.WriteDraft(r.Draft, 0)
		if err != nil {
			return fmt.Errorf("draft of token %q: %w", r.Draft.TokenID, err)
		}
		p.drafts = append(p.drafts, []any{r.Draft.TokenID, r.Draft.API, r.Draft.Version, text})
	case r.Gone != nil:
		p.gone = append(p.gone, r.Gone[:])
	case r.Role != nil:
		values, err := store.RoleValues(r.Role)
		if err != nil {
			return fmt.Errorf("role %q: %w", r.Role.Name, err)
		}
		p.roles = append(p.roles, append(values, int64(1)))
	case r.Account != nil:
		p.accounts = append(p.accounts, accountValues(r.Account))
	case r.Event != nil:
		values, err := eventValues(r.Event)
		if err != nil {
			return fmt.Errorf("event %d: %w", r.Event.ID, err)
		}
		p.events = append(p.events, values)
	}
	return nil
}
