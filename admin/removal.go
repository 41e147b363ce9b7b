package admin

import (
	"context"
	"errors"

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
}

// DeleteAccount removes an account and its sessions. If it has tokens and there
// is no plan for them, nothing is done and the error is a *PlanError.
func (s *Service) DeleteAccount(ctx context.Context, actor Actor, name string, plan TokenPlan) (Removal, error) {
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
	tokens, err := s.ownedBy(ctx, tx, a.Name)
	if err != nil || len(tokens) == 0 {
		return err
	}
	if err := s.checkPlan(ctx, tx, who, a, plan, len(tokens)); err != nil {
		return err
	}
	for i := range tokens {
		if plan.Delete || tokens[i].API == ManagementAPI {
			done.Deleted++
			err = s.remove(ctx, tx, who, &tokens[i])
		} else {
			done.HandedOver++
			err = s.handOver(ctx, tx, who, &tokens[i], plan.HandTo)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkPlan(ctx context.Context, tx store.Tx, who *Actor, a *store.Account, plan TokenPlan, tokens int) error {
	switch {
	case plan.Delete:
		return who.needAll(TokenDelete)
	case plan.HandTo == "":
		return &PlanError{a.Name, tokens}
	case plan.HandTo == a.Name:
		return problem("hand_to", "%s is the account that is removed; name another one", a.Name)
	}
	if err := who.needAll(TokenUpdate); err != nil {
		return err
	}
	to, err := tx.AccountByName(ctx, plan.HandTo)
	if errors.Is(err, store.ErrNotFound) || err == nil && !to.Enabled {
		return problem("hand_to", "%q is no account that is enabled", plan.HandTo)
	}
	return err
}

func (s *Service) handOver(ctx context.Context, tx store.Tx, who *Actor, old *token.Token, owner string) error {
	t := *old
	t.Owner, t.Updated = owner, s.now()
	if err := tx.UpdateToken(ctx, t); err != nil {
		return err
	}
	return s.noteToken(ctx, tx, who, tokenUpdate, old, &t)
}
