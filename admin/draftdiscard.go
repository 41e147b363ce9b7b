package admin

import (
	"context"
	"errors"
	"maps"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// DiscardAPI drops all drafts of an API and returns how many there were. If they are not
// those that were seen, that is store.ErrConflict.
func (s *Service) DiscardAPI(ctx context.Context, actor Actor, api, seen string) (int, error) {
	n := 0
	err := s.withDrafts(ctx, actor, DraftDiscard, api, seen, func(tx store.Tx, who *Actor, list []drafted) error {
		n = len(list)
		if err := eachDraft(list, func(d *drafted) error { return s.discard(ctx, tx, who, d) }); err != nil {
			return err
		}
		return s.noteAPI(ctx, tx, who, apiDiscard, api, n)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// DiscardDraft drops the draft of a token, or returns store.ErrNotFound. If the draft is no
// longer of the version, that is store.ErrConflict; zero is any.
func (s *Service) DiscardDraft(ctx context.Context, actor Actor, id string, version int64) error {
	return s.store.Change(ctx, func(tx store.Tx) error {
		who, err := s.fresh(ctx, tx, actor)
		if err != nil {
			return err
		}
		if err := who.needAny(DraftDiscard); err != nil {
			return err
		}
		d, err := s.seenDraft(ctx, tx, &who, id)
		if errors.Is(err, store.ErrUnreadable) { // so who asks may see all tokens
			return s.discardUnreadable(ctx, tx, &who, id, version)
		}
		if err != nil {
			return err
		}
		if err := isVersion(d.Version, version); err != nil {
			return err
		}
		return s.discard(ctx, tx, &who, &d)
	})
}

// discard drops a draft. It takes the rights to do what the draft does.
func (s *Service) discard(ctx context.Context, tx store.Tx, who *Actor, d *drafted) error {
	var rights []Right
	switch draftKind(&d.Draft) {
	case token.DraftCreate:
		rights = []Right{TokenCreate}
	case token.DraftUpdate:
		rights, _ = d.needs()
	case token.DraftDelete:
		rights = []Right{TokenDelete}
	}
	for _, right := range rights {
		if err := who.need(right, d.token()); err != nil {
			return err
		}
	}
	if err := tx.DeleteDraft(ctx, d.TokenID); err != nil {
		return err
	}
	return s.noteDiscarded(ctx, tx, who, d)
}

// noteDiscarded has in the audit trail what was drafted, and by whom.
func (s *Service) noteDiscarded(ctx context.Context, tx store.Tx, who *Actor, d *drafted) error {
	was := fields{"kind": draftKind(&d.Draft), "drafted_by": d.Author}
	_, after := d.differing()
	maps.Copy(was, after)
	t := d.token()
	return s.note(ctx, tx, who, store.Event{Action: draftDiscard, Subject: d.TokenID, Name: t.Name, API: d.API, Owner: t.Owner}, was, nil)
}

// discardUnreadable drops a draft of which nobody can tell what it does.
func (s *Service) discardUnreadable(ctx context.Context, tx store.Tx, who *Actor, id string, version int64) error {
	for _, right := range []Right{TokenCreate, TokenUpdate, TokenRegenerate, TokenDelete} {
		if err := who.needAll(right); err != nil {
			return err
		}
	}
	if version != 0 {
		return store.ErrConflict // of which version it is can't be said either
	}
	if err := tx.DeleteDraft(ctx, id); err != nil {
		return wrapNotFound(err, "", id)
	}
	return s.note(ctx, tx, who, store.Event{Action: draftDiscard, Subject: id}, fields{}, nil)
}
