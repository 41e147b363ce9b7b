package postgres

import (
	"context"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
)

const (
	selectDrafts = `SELECT token_id, api, version, draft::text FROM drafts `
	insertDraft  = `INSERT INTO drafts (token_id, api, version, draft) VALUES ($1, $2, $3, $4::jsonb) ON CONFLICT DO NOTHING`
	updateDraft  = `UPDATE drafts SET version = $3, draft = $4::jsonb WHERE token_id = $1 AND api = $2 AND version = $5`
	// nextDrafts has few at once, since each may be as large as two tokens.
	nextDrafts = selectDrafts + `WHERE token_id > $1 ORDER BY token_id LIMIT 100`
)

func scanDraft(row scanner) (store.Draft, error) {
	var d store.Draft
	var text string
	if err := row.Scan(&d.TokenID, &d.API, &d.Version, &text); err != nil {
		return store.Draft{}, err
	}
	if err := store.ReadDraft(text, &d); err != nil {
		return store.Draft{}, &store.UnreadableDraftError{TokenID: d.TokenID, Err: err}
	}
	return d, nil
}

// Draft implements store.DraftReader.
func (r reader) Draft(ctx context.Context, tokenID string) (store.Draft, error) {
	d, err := readOne(ctx, r, selectDrafts+`WHERE token_id = $1`, []any{tokenID}, scanDraft)
	if err != nil {
		return store.Draft{}, fmt.Errorf("draft of token %q: %w", tokenID, err)
	}
	return d, nil
}

// Drafts implements store.DraftReader.
func (r reader) Drafts(ctx context.Context, api string) ([]store.Draft, error) {
	where, args := ``, []any(nil)
	if api != "" {
		where, args = `WHERE api = $1 `, []any{api}
	}
	drafts, err := readAll(ctx, r, selectDrafts+where+`ORDER BY api, token_id`, args, scanDraft)
	if err != nil {
		err = fmt.Errorf("drafts: %w", err)
	}
	return drafts, err
}

// SaveDraft implements store.DraftTx.
func (t *tx) SaveDraft(ctx context.Context, d store.Draft, version int64) error {
	what := fmt.Sprintf("draft of token %q", d.TokenID)
	text, err := store.WriteDraft(&d, version)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	statement, args := insertDraft, []any{d.TokenID, d.API, d.Version, text}
	if version != 0 {
		statement, args = updateDraft, append(args, version)
	}
	saved, err := t.execCount(ctx, what, statement, args...)
	if err == nil && saved == 0 {
		return fmt.Errorf("%s: %w", what, store.ErrConflict)
	}
	return err
}

// DeleteDraft implements store.DraftTx.
func (t *tx) DeleteDraft(ctx context.Context, tokenID string) error {
	return t.execOne(ctx, fmt.Sprintf("draft of token %q", tokenID), `DELETE FROM drafts WHERE token_id = $1`, tokenID)
}

func exportDrafts(ctx context.Context, r reader, yield func(store.Record) error) error {
	next := func(last string) ([]store.Draft, error) {
		part, err := readAll(ctx, r, nextDrafts, []any{last}, scanDraft)
		if err != nil {
			return nil, fmt.Errorf("exporting drafts: %w", err)
		}
		return part, nil
	}
	return store.ExportParts(next, func(draft *store.Draft) (string, error) { return draft.TokenID, yield(store.Record{Draft: draft}) }, "")
}
