package admin

import (
	"context"
	"errors"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// DisableNow disables a token at once, also if changes of its API are drafts first, and so
// that its draft doesn't enable it again: a leak is no time for a second step. If the token
// as it works now is no longer of the version, that is store.ErrConflict; zero is any.
func (s *Service) DisableNow(ctx context.Context, actor Actor, id string, version int64) (token.Token, error) {
	var t token.Token
	err := s.store.Change(ctx, func(tx store.Tx) error {
		who, err := s.fresh(ctx, tx, actor)
		if err != nil {
			return err
		}
		old, err := s.seen(ctx, tx, &who, id)
		if err != nil {
			return err
		}
		if err := who.need(TokenUpdate, &old); err != nil {
			return err
		}
		if err := isVersion(old.Version, version); err != nil {
			return err
		}
		if old.Draft != token.DraftCreate && old.Enabled {
			if err := s.switchTo(ctx, tx, &who, &old, false); err != nil {
				return err
			}
		}
		if err := s.disableDraft(ctx, s.stageAlways(tx, &who), id); err != nil {
			return err
		}
		t, err = s.seen(ctx, tx, &who, id)
		return err
	})
	if err != nil {
		return token.Token{}, wrapNotFound(err, "", id)
	}
	return t, nil
}

// disableDraft sees to it that the draft of a token, if there is one, leaves it disabled.
func (s *Service) disableDraft(ctx context.Context, stage *staged, id string) error {
	d, err := stage.Draft(ctx, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) || err == nil && d.Token == nil {
		return nil // the draft that can't be understood is never put in force
	}
	if err != nil {
		return err
	}
	if !d.Token.Enabled && (d.Base == nil || d.Base.Enabled) {
		return dropEmpty(ctx, stage.Tx, d)
	}
	t, err := stage.Token(ctx, id)
	if err != nil || !t.Enabled {
		return err
	}
	return s.switchTo(ctx, stage, stage.who, &t, false)
}

// dropEmpty drops a draft that no longer changes anything, as the token is now.
func dropEmpty(ctx context.Context, tx store.Tx, d store.Draft) error {
	full, err := withLive(ctx, tx, d)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) || err == nil && !full.empty() {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.DeleteDraft(ctx, d.TokenID)
}
