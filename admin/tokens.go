package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// TokenChange is what came of an edit of a token.
type TokenChange struct {
	Token     token.Token
	Overreach bool // it has another owner, whose role can't hand out as much
}

// Update changes what the edit names. Broken rules are FieldErrors; an edit of
// another version than the present one is store.ErrConflict.
func (s *Service) Update(ctx context.Context, actor Actor, id string, e Edit) (TokenChange, error) {
	var change TokenChange
	var err error
	var m *matching
	if e.Grants != nil {
		m = newMatching(&actor, TokenUpdate, *e.Grants)
	}
	change.Token, err = s.change(ctx, actor, id, e.Version, TokenUpdate, func(tx store.Tx, who *Actor, old *token.Token) error {
		edited, err := s.update(ctx, tx, who, old, e, m)
		change.Overreach = false // the transaction may run more than once
		if err == nil && edited.Owner != old.Owner {
			change.Overreach, err = s.mightierThanOwner(ctx, tx, &edited)
		}
		return err
	})
	if err != nil {
		return TokenChange{}, err
	}
	return change, nil
}

func (s *Service) update(ctx context.Context, tx store.Tx, who *Actor, old *token.Token, e Edit, m *matching) (token.Token, error) {
	edited, p, err := e.apply(*old, s.now())
	if err != nil {
		return edited, err
	}
	if err := who.mayReshape(old, &edited); err != nil {
		return edited, err
	}
	if edited.Owner != old.Owner {
		if err := s.checkOwner(ctx, tx, who, TokenUpdate, &edited, &p); err != nil {
			return edited, err
		}
		if err := who.gainsNothing(old, &edited); err != nil {
			return edited, err
		}
	}
	if err := checkNameFree(ctx, tx, &edited, &p); err != nil {
		return edited, err
	}
	if err := s.checkRights(ctx, tx, &edited, old.Grants, m, &p); err != nil {
		return edited, err
	}
	if err := s.checkCeiling(ctx, tx, who, &edited, &p); err != nil {
		return edited, err
	}
	if err := p.err(); err != nil {
		return edited, err
	}
	if len(differing(tokenFields(&edited), tokenFields(old))) == 0 {
		return edited, nil // whoever edits it at the same time need not know
	}
	if err := tx.UpdateToken(ctx, edited); err != nil {
		return edited, nameProblem(err, &edited)
	}
	return edited, s.noteToken(ctx, tx, who, tokenUpdate, old, &edited)
}

// mayReshape refuses to change what a token may do, and for how long, if it acts for
// somebody else.
func (a *Actor) mayReshape(old, edited *token.Token) error {
	if edited.Type == old.Type && slices.Equal(edited.Grants, old.Grants) && edited.Expiry.Equal(old.Expiry) {
		return nil
	}
	return a.needOwner(TokenUpdate, old, "change its type, grants or duration")
}

// SetEnabled switches a token on or off. A token that is so already stays
// untouched. If it is no longer of the version, that is store.ErrConflict; zero is any.
func (s *Service) SetEnabled(ctx context.Context, actor Actor, id string, version int64, enabled bool) (token.Token, error) {
	return s.change(ctx, actor, id, version, TokenUpdate, func(tx store.Tx, who *Actor, old *token.Token) error {
		if old.Enabled == enabled {
			return nil
		}
		if enabled {
			if err := s.mayEnable(ctx, tx, who, old); err != nil {
				return err
			}
		}
		return s.switchTo(ctx, tx, who, old, enabled)
	})
}

// mayEnable refuses to enable a token that is mightier than the actor, or that acts
// for somebody else.
func (s *Service) mayEnable(ctx context.Context, tx store.Tx, who *Actor, t *token.Token) error {
	if who.command {
		return nil
	}
	if err := who.needOwner(TokenUpdate, t, "enable it"); err != nil {
		return err
	}
	return s.judge(tx, who).refuse(ctx, TokenUpdate, t)
}

// switchTo enables or disables a token.
func (s *Service) switchTo(ctx context.Context, tx store.Tx, who *Actor, old *token.Token, enabled bool) error {
	action := tokenDisable
	if enabled {
		action = tokenEnable
	}
	_, err := s.edit(ctx, tx, who, action, []token.Token{*old}, func(t *token.Token) { t.Enabled = enabled })
	return err
}

// Regenerate mints a new secret for a token. The old ones end at once, or after
// the overlap, so that a client can be moved without an outage. If the token is no
// longer of the version, nothing is done and the error is store.ErrConflict; zero
// is any.
func (s *Service) Regenerate(ctx context.Context, actor Actor, id string, version int64, overlap time.Duration) (token.Token, token.Secret, error) {
	if overlap < 0 {
		return token.Token{}, token.Secret{}, problem("overlap", "%s is negative", overlap)
	}
	secret, err := token.Mint(s.random)
	if err != nil {
		return token.Token{}, token.Secret{}, err
	}
	t, err := s.change(ctx, actor, id, version, TokenRegenerate, func(tx store.Tx, who *Actor, old *token.Token) error {
		if err := s.mayHaveSecret(ctx, tx, who, old); err != nil {
			return err
		}
		return s.replaceSecret(ctx, tx, who, old, secret, overlap)
	})
	if err != nil {
		return token.Token{}, token.Secret{}, err
	}
	return t, secret, nil
}

// mayHaveSecret refuses a new secret of a token that is mightier than the actor,
// or that acts for somebody else: with its secret the actor would be them.
func (s *Service) mayHaveSecret(ctx context.Context, tx store.Tx, who *Actor, t *token.Token) error {
	if who.command {
		return nil
	}
	if err := who.needOwner(TokenRegenerate, t, "have its secret"); err != nil {
		return err
	}
	return s.judge(tx, who).refuse(ctx, TokenRegenerate, t)
}

func (s *Service) replaceSecret(ctx context.Context, tx store.Tx, who *Actor, old *token.Token, secret token.Secret, overlap time.Duration) error {
	now := s.now()
	if err := endSecrets(ctx, tx, old.ID, now, overlap); err != nil {
		return err
	}
	kept := stored(secret)
	kept.Created = now
	if err := tx.AddSecret(ctx, old.ID, kept); err != nil {
		return err
	}
	t := *old
	t.Updated = now
	if err := tx.UpdateToken(ctx, t); err != nil {
		return err
	}
	t.Hint = secret.Hint()
	e, was, is := tokenEvent(tokenRegenerate, old, &t)
	is[oldSecretsEnd] = moment(now.Add(overlap))
	return s.note(ctx, tx, who, e, was, is)
}

// MaxSecrets bounds the secrets of a token that work at the same time: whatever
// changes the token goes through all of them, while nothing else can change.
const MaxSecrets = 10

// endSecrets lets the present secrets of a token work on for the overlap, if there
// is room for a new one beside them.
func endSecrets(ctx context.Context, tx store.Tx, id string, now time.Time, overlap time.Duration) error {
	if overlap > 0 {
		present, err := tx.Secrets(ctx, id, now)
		if err != nil && !errors.Is(err, store.ErrUnreadable) {
			return err
		}
		if len(present) >= MaxSecrets {
			return problem("overlap", "the token has %d secrets that work, which is the most; leave the overlap out, and all of them end at once, or wait until one ends", len(present))
		}
	}
	return tx.EndSecrets(ctx, id, now, now.Add(overlap))
}

// Delete removes a token for good and returns it as it was; of one whose record
// can't be understood only the id. If that is a draft, it is returned as that. If the
// token is no longer of the version, that is store.ErrConflict; zero is any.
func (s *Service) Delete(ctx context.Context, actor Actor, id string, version int64) (token.Token, error) {
	var t token.Token
	err := s.changeTokens(ctx, actor, func(tx *staged, who *Actor) (err error) {
		t, err = tx.Token(ctx, id)
		switch {
		case errors.Is(err, store.ErrUnreadable) && who.Scope(TokenDelete) == store.All:
			t = token.Token{ID: id} // whose it is can't be said
		case errors.Is(err, store.ErrUnreadable):
			return store.ErrNotFound
		case err != nil:
			return err
		case !who.sees(&t):
			return hidden(ctx, tx, who, id)
		}
		if err := who.need(TokenDelete, &t); err != nil {
			return err
		}
		if err := tx.mayLive(ctx, TokenDelete, id); err != nil && !errors.Is(err, store.ErrUnreadable) {
			return err
		}
		if err := isVersion(t.Version, version); err != nil {
			return err
		}
		if t.Draft == token.DraftDelete {
			return nil // so that it can be asked for again
		}
		if err := s.remove(ctx, tx, who, &t); err != nil {
			return err
		}
		if t.Draft = ""; tx.actions[id] != asDraft {
			return nil
		}
		t, err = tx.Token(ctx, id)
		return err
	})
	if err != nil {
		return token.Token{}, wrapNotFound(err, "", id)
	}
	return t, nil
}

func (s *Service) remove(ctx context.Context, tx store.Tx, who *Actor, t *token.Token) error {
	return s.removeAll(ctx, tx, who, []token.Token{*t})
}

// isVersion returns store.ErrConflict unless a record has the version that a change was
// made from; zero is any.
func isVersion(present, wanted int64) error {
	if wanted != 0 && wanted != present {
		return store.ErrConflict
	}
	return nil
}

// change runs fn in one transaction, if the actor as of this transaction has the
// right for the token and that is of the version, and returns the token as it is at its end.
func (s *Service) change(ctx context.Context, actor Actor, id string, version int64, right Right, fn func(store.Tx, *Actor, *token.Token) error) (token.Token, error) {
	var t token.Token
	err := s.changeTokens(ctx, actor, func(tx *staged, who *Actor) error {
		old, err := s.seen(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if err := who.need(right, &old); err != nil {
			return err
		}
		if err := tx.mayLive(ctx, right, id); err != nil {
			return err
		}
		if err := isVersion(old.Version, version); err != nil {
			return err
		}
		if err := fn(tx, who, &old); err != nil {
			return err
		}
		t, err = tx.Token(ctx, id)
		return err
	})
	if err != nil {
		return token.Token{}, wrapNotFound(err, "", id)
	}
	return t, nil
}

// seen returns the token, or store.ErrNotFound if the actor may not know of it.
// Nobody can tell the one from the other. Of a new one that is only a draft it returns that.
func (s *Service) seen(ctx context.Context, r store.Reader, who *Actor, id string) (token.Token, error) {
	t, err := withDraft(ctx, r, who, id)
	if errors.Is(err, store.ErrUnreadable) && who.ofRole(TokenRead) != store.All || err == nil && !who.sees(&t) {
		return token.Token{}, wrapNotFound(hidden(ctx, r, who, id), "", id)
	}
	return t, wrapNotFound(err, "", id)
}

// hidden is the error for a token that the actor may not see as it is drafted: that it can't be
// changed, if they see it as it works now, else store.ErrNotFound.
func hidden(ctx context.Context, r store.Reader, who *Actor, id string) error {
	tx, ok := r.(*staged)
	if !ok {
		return store.ErrNotFound
	}
	live, err := tx.Tx.Token(ctx, id)
	if err != nil || !who.sees(&live) {
		return store.ErrNotFound
	}
	return problem("draft", "somebody else has a draft of this token that you may not see; ask who updates API %s", live.API)
}

// withDraft returns a token and says what is drafted of it, if the actor may know that, or a new
// one as it is drafted.
func withDraft(ctx context.Context, r store.Reader, who *Actor, id string) (token.Token, error) {
	if tx, ok := r.(*staged); ok {
		return tx.Token(ctx, id)
	}
	t, err := r.Token(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return t, err
	}
	d, draftErr := r.Draft(ctx, id)
	switch {
	case draftErr == nil && err == nil:
		t.Draft = seenKind(who, d, &t)
	case draftErr == nil && d.Token != nil:
		return (&overlaid{draft: &d}).token(true), nil
	case draftErr != nil && !errors.Is(draftErr, store.ErrNotFound) && !errors.Is(draftErr, store.ErrUnreadable):
		return t, draftErr
	}
	return t, err
}

// seenKind returns what a draft of a token does, or nothing if the actor may not know of it.
func seenKind(who *Actor, d store.Draft, live *token.Token) token.Draft {
	if full := newDrafted(d, live); !full.seenBy(who) {
		return ""
	}
	return draftKind(&d)
}

// stored is the only form in which a secret goes to the store, but for its time.
func stored(secret token.Secret) store.Secret {
	return store.Secret{Digest: secret.Digest(), Scheme: token.SHA256, Hint: secret.Hint()}
}

func nameProblem(err error, t *token.Token) error {
	if errors.Is(err, store.ErrNameTaken) {
		return problem("name", "API %s has a token %q already; choose another name", t.API, t.Name)
	}
	return err
}

func secretProblem(err error) error {
	if errors.Is(err, store.ErrSecretTaken) {
		return problem("secret", "belongs to a token already; every token needs its own")
	}
	return err
}
