package admin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// TokenPlan says what becomes of the tokens of an account that is removed.
// Tokens of ManagementAPI are deleted in any case: they would act for whoever
// gets them while somebody else has the secret.
type TokenPlan struct {
	HandTo string // name of the account that gets them
	Delete bool
}

// Removal is what came of removing an account.
type Removal struct {
	Account             AccountRecord
	HandedOver, Deleted int
	Overreach           []token.Token // active ones that were handed over and are mightier than their new owner's role
}

// DeleteAccount removes an account and its sessions. If it has tokens and there
// is no plan for them, nothing is done and the error is a *PlanError. If it is no longer
// of the version, that is store.ErrConflict; zero is any.
func (s *Service) DeleteAccount(ctx context.Context, actor Actor, name string, version int64, plan TokenPlan) (Removal, error) {
	name, plan.HandTo = canonical(name), canonical(plan.HandTo)
	if plan.Delete && plan.HandTo != "" {
		return Removal{}, problem("hand_to", "the tokens are either handed over or deleted; say one of them")
	}
	var done Removal
	err := s.asManager(ctx, actor, AccountManage, func(tx store.Tx, who *Actor) error {
		a, _, err := s.manageable(ctx, tx, who, name)
		if err != nil {
			return err
		}
		if err := isVersion(a.Version, version); err != nil {
			return err
		}
		if isOwner(&a) {
			if err := s.keepOwner(ctx, tx, a.ID); err != nil {
				return err
			}
		}
		done = Removal{Account: accountRecord(&a)}
		if err := s.clear(ctx, tx, who, &a, plan, &done); err != nil {
			return err
		}
		if err := tx.DeleteAccount(ctx, a.ID); err != nil {
			return wrapAccount(err, name)
		}
		return s.note(ctx, tx, who, accountEvent(accountDelete, &a), accountFields(&a), nil)
	})
	if err != nil {
		return Removal{}, err
	}
	return done, nil
}

// clear leaves the account without tokens.
func (s *Service) clear(ctx context.Context, tx store.Tx, who *Actor, a *store.Account, plan TokenPlan, done *Removal) error {
	owned, err := s.ownedBy(ctx, tx, a.Name)
	if err != nil {
		return err
	}
	if owned.count() == 0 {
		return s.clearDrafts(ctx, tx, who, a, plan, done)
	}
	if err := s.checkPlan(ctx, tx, who, a, plan, &owned); err != nil {
		return err
	}
	var deleted, kept []token.Token
	for i := range owned.tokens {
		if t := owned.tokens[i]; plan.Delete || t.API == ManagementAPI {
			deleted = append(deleted, t)
		} else {
			kept = append(kept, t)
		}
	}
	for _, id := range owned.unreadable {
		deleted = append(deleted, token.Token{ID: id, Owner: a.Name})
	}
	done.Deleted, done.HandedOver = len(deleted), len(kept)
	if err := s.removeAll(ctx, tx, who, deleted); err != nil {
		return err
	}
	if err := s.handOver(ctx, tx, who, kept, plan.HandTo, done); err != nil {
		return err
	}
	return s.clearDrafts(ctx, tx, who, a, plan, done)
}

// clearDrafts leaves no draft by which the account would have a token: the next account of
// its name would be its owner.
func (s *Service) clearDrafts(ctx context.Context, tx store.Tx, who *Actor, a *store.Account, plan TokenPlan, done *Removal) error {
	read, drafts, err := readAhead(ctx, tx)
	if err != nil {
		return err
	}
	tx = read
	stage := s.stageAlways(read, who)
	for _, draft := range drafts {
		if draft.Base != nil && secretBy(&draft) == a.Name {
			if err := s.dropSecret(ctx, tx, who, &draft); err != nil {
				return err
			}
		}
		if draft.Token == nil || draft.Token.Owner != a.Name || draft.Base != nil && draft.Base.Owner == a.Name {
			continue
		}
		d, err := withLive(ctx, tx, draft)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) {
			err = tx.DeleteDraft(ctx, draft.TokenID) // it is of no token
		} else if err == nil {
			err = s.clearDraft(ctx, stage, &d, plan, done)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropSecret takes out of the draft of a token that works a secret which somebody may know who
// is no more: it would come into force with an update by others. The rest of the draft stays.
func (s *Service) dropSecret(ctx context.Context, tx store.Tx, who *Actor, d *store.Draft) error {
	was := fields{"hint": d.Secret.Hint, "secret_by": secretBy(d)}
	replaced := d.Version
	d.Token.Hint = d.Base.Hint
	d.Secret, d.SecretAuthor, d.Overlap = nil, "", 0
	d.Updated = s.now()
	d.Version = max(d.Updated.UnixMilli(), replaced+1)
	e := store.Event{Action: tokenUpdate + asDraft, Subject: d.TokenID, Name: d.Token.Name, API: d.API, Owner: d.Token.Owner}
	var err error
	if changesNothing(d) {
		e.Action, err = draftDiscard, tx.DeleteDraft(ctx, d.TokenID)
	} else {
		err = tx.SaveDraft(ctx, *d, replaced)
	}
	if err != nil {
		return err
	}
	return s.note(ctx, tx, who, e, was, fields{"hint": d.Base.Hint})
}

// clearDraft hands a new token over that is only a draft, or drops it; a token that works
// stays with whom it belongs to.
func (s *Service) clearDraft(ctx context.Context, stage *staged, d *drafted, plan TokenPlan, done *Removal) error {
	who := stage.who
	if d.live == nil && plan.HandTo == "" {
		done.Deleted++
		if err := stage.DeleteDraft(ctx, d.TokenID); err != nil {
			return err
		}
		return s.noteDiscarded(ctx, stage.Tx, who, d)
	}
	old, err := stage.Token(ctx, d.TokenID)
	if err != nil {
		return err
	}
	t := old
	t.Owner, t.Updated = plan.HandTo, s.now()
	if d.live == nil {
		done.HandedOver++
		if err := who.gainsNothing(&old, &t); err != nil {
			return err
		}
	} else {
		t.Owner = d.live.Owner
	}
	if err := stage.UpdateToken(ctx, t); err != nil {
		return err
	}
	return s.noteToken(ctx, stage, who, tokenUpdate, &old, &t)
}

// checkPlan refuses a plan that does not say what becomes of all tokens, or asks
// for more than the actor may do to each of them.
func (s *Service) checkPlan(ctx context.Context, tx store.Tx, who *Actor, a *store.Account, plan TokenPlan, owned *owned) error {
	switch {
	case plan.Delete:
		return who.needAll(TokenDelete)
	case plan.HandTo == "":
		return &PlanError{a.Name, owned.count()}
	case plan.HandTo == a.Name:
		return problem("hand_to", "%s is the account that is removed; name another one", a.Name)
	case len(owned.unreadable) > 0:
		return problem("hand_to", "records that can't be understood can't be handed over; delete these first: %s", strings.Join(owned.unreadable, ", "))
	}
	if err := who.needAll(TokenUpdate); err != nil {
		return err
	}
	acting := func(t token.Token) bool { return t.API == ManagementAPI }
	if slices.ContainsFunc(owned.tokens, acting) && who.Scope(TokenDelete) != store.All {
		return forbidden(TokenDelete, "the account has tokens of API %s, which are deleted with it, and you may not delete those of others", ManagementAPI)
	}
	to, err := tx.AccountByName(ctx, plan.HandTo)
	if errors.Is(err, store.ErrNotFound) || err == nil && !to.Enabled {
		return problem("hand_to", "%q is no account that is enabled", plan.HandTo)
	}
	return err
}

// handOver gives tokens to another owner, and notes which of them are mightier than the new
// owner's role.
func (s *Service) handOver(ctx context.Context, tx store.Tx, who *Actor, old []token.Token, owner string, done *Removal) error {
	give := func(t *token.Token) { t.Owner = owner }
	for i := range old {
		t := old[i]
		give(&t)
		if err := who.gainsNothing(&old[i], &t); err != nil {
			return err
		}
	}
	given, err := s.edit(ctx, tx, who, tokenUpdate, old, give)
	if err != nil {
		return err
	}
	judges := s.ownerJudges(tx)
	for i := range given {
		if mightier, err := judges.mightier(ctx, &given[i]); err != nil {
			return err
		} else if mightier {
			done.Overreach = append(done.Overreach, given[i])
		}
	}
	if err := reread(ctx, tx, done.Overreach); err != nil {
		return err
	}
	shorten(done.Overreach)
	return nil
}
