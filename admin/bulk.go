package admin

import (
	"context"
	"slices"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// bulk is how many tokens change at once. All that an account has may be thousands, and a
// round trip to the database for each takes longer than a change may. Many more would need
// much memory for their events.
const bulk = 250

// edit changes tokens in the same way, with an event for each, and returns them as they were written.
func (s *Service) edit(ctx context.Context, tx store.Tx, who *Actor, action string, old []token.Token, change func(*token.Token)) ([]token.Token, error) {
	edited := slices.Clone(old)
	for i := range edited {
		change(&edited[i])
		edited[i].Updated = s.now()
	}
	for i := 0; i < len(old); i += bulk {
		end := min(i+bulk, len(old))
		if err := tx.UpdateTokens(ctx, edited[i:end]); err != nil {
			return nil, err
		}
		if err := s.noteTokens(ctx, tx, who, action, old[i:end], edited[i:end]); err != nil {
			return nil, err
		}
	}
	return edited, nil
}

// removeAll removes tokens, with an event for each.
func (s *Service) removeAll(ctx context.Context, tx store.Tx, who *Actor, tokens []token.Token) error {
	for part := range slices.Chunk(tokens, bulk) {
		if err := tx.DeleteTokens(ctx, idsOf(part)); err != nil {
			return err
		}
		if err := s.noteTokens(ctx, tx, who, tokenDelete, part, nil); err != nil {
			return err
		}
	}
	return nil
}

// noteTokens is noteToken for many. after is empty for those that are gone.
func (s *Service) noteTokens(ctx context.Context, tx store.Tx, who *Actor, action string, before, after []token.Token) error {
	var events []store.Event
	for i := range before {
		var is *token.Token
		if after != nil {
			is = &after[i]
		}
		e, was, fields := tokenEvent(action, &before[i], is)
		if told, err := s.tell(who, &e, was, fields); err != nil {
			return err
		} else if told {
			events = append(events, e)
		}
	}
	return tx.AppendEvents(ctx, events)
}

// reread reads tokens that are there once more, after a change.
func reread(ctx context.Context, r store.Reader, tokens []token.Token) error {
	if len(tokens) == 0 {
		return nil
	}
	found, err := r.TokensByID(ctx, idsOf(tokens))
	if err != nil {
		return err
	}
	byID := make(map[string]token.Token, len(found))
	for _, t := range found {
		byID[t.ID] = t
	}
	for i := range tokens {
		t, ok := byID[tokens[i].ID]
		if !ok {
			return store.ErrNotFound
		}
		tokens[i] = t
	}
	return nil
}

func idsOf(tokens []token.Token) []string {
	ids := make([]string, len(tokens))
	for i := range tokens {
		ids[i] = tokens[i].ID
	}
	return ids
}
