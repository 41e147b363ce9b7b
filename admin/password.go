package admin

import (
	"context"
	"errors"

	"github.com/tokenreeve/tokenreeve/store"
)

// ChangePassword changes the actor's own password and ends their other sessions.
func (s *Service) ChangePassword(ctx context.Context, actor Actor, current, changed string) error {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return err
	}
	if who.Account == nil {
		return problem("account", "a command has no password; name the account to change")
	}
	if who.Token != nil && who.Scope(AccountManage) == store.None {
		return who.lacks(AccountManage)
	}
	var p FieldErrors
	checkPassword(changed, &p)
	if err := p.err(); err != nil {
		return err
	}
	account, err := s.checkedAccount(ctx, who.Account.Name, current, From{Address: who.Address, Via: who.Via})
	if errors.Is(err, ErrSignInRefused) {
		return problem("current", "is not your present password")
	}
	if err != nil {
		return err
	}
	hash, err := s.passwords.hash(ctx, changed)
	if err != nil {
		return err
	}
	return s.savePassword(ctx, actor, &account, hash)
}

// savePassword writes a new hash, if the account still has the password that was compared.
func (s *Service) savePassword(ctx context.Context, actor Actor, compared *store.Account, hash string) error {
	return s.store.Change(ctx, func(tx store.Tx) error {
		who, err := s.fresh(ctx, tx, actor)
		if err != nil {
			return err
		}
		present, err := tx.Account(ctx, compared.ID)
		if err != nil {
			return err
		}
		if present.Password != compared.Password {
			return store.ErrConflict
		}
		present.Password, present.Updated = hash, s.now()
		if err := tx.UpdateAccount(ctx, present); err != nil {
			return err
		}
		if err := tx.DeleteSessions(ctx, present.ID, who.Session); err != nil {
			return err
		}
		return s.note(ctx, tx, &who, accountEvent(accountPassword, &present), nil, fields{"password": "changed"})
	})
}
