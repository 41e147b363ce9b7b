package admin

import (
	"context"
	"errors"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// ahead is a transaction that has read drafts and their tokens all at once, for what goes
// through many of them. It is for transactions that change nothing but drafts from then on.
type ahead struct {
	store.Tx

	drafts map[string]store.Draft
	tokens map[string]answer[token.Token]
}

// readAhead also returns the drafts, sorted. Those that can't be understood are left out, since
// they are never put in force.
func readAhead(ctx context.Context, tx store.Tx) (*ahead, []store.Draft, error) {
	drafts, err := tx.Drafts(ctx, "")
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, nil, err
	}
	tokens, err := tokensOf(ctx, tx, drafts)
	if err != nil {
		return nil, nil, err
	}
	a := &ahead{tx, make(map[string]store.Draft, len(drafts)), tokens}
	for _, d := range drafts {
		a.drafts[d.TokenID] = d
	}
	return a, drafts, nil
}

// Token asks the store for tokens without a draft only.
func (a *ahead) Token(ctx context.Context, id string) (token.Token, error) {
	if t, ok := a.tokens[id]; ok {
		return t.value, t.err
	}
	return a.Tx.Token(ctx, id)
}

// Draft asks the store for drafts only that were changed.
func (a *ahead) Draft(ctx context.Context, id string) (store.Draft, error) {
	if d, ok := a.drafts[id]; ok {
		return d, nil
	}
	return a.Tx.Draft(ctx, id)
}

// SaveDraft forgets the draft that was read.
func (a *ahead) SaveDraft(ctx context.Context, d store.Draft, version int64) error {
	delete(a.drafts, d.TokenID)
	return a.Tx.SaveDraft(ctx, d, version)
}

// DeleteDraft forgets the draft that was read.
func (a *ahead) DeleteDraft(ctx context.Context, tokenID string) error {
	delete(a.drafts, tokenID)
	return a.Tx.DeleteDraft(ctx, tokenID)
}
