package admin

import (
	"context"
	"errors"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// ChangePassword changes the actor's own password and ends all of their sessions.
// The one that they act by goes on under a new secret, which is returned: somebody
// else may have the old one. There is none for who is vouched for by a proxy, which no
// browser has a secret for. Who acts through a token is refused: with the new password
// they could sign in and go on when the token has ended.
func (s *Service) ChangePassword(ctx context.Context, actor Actor, current, changed string) (token.Secret, error) {
	account, err := s.comparedAccount(ctx, actor, current, changed)
	if err != nil {
		return token.Secret{}, err
	}
	hash, err := s.passwords.hash(ctx, changed)
	if err != nil {
		return token.Secret{}, err
	}
	return s.savePassword(ctx, actor, &account, hash)
}

// comparedAccount returns the account of the actor, if they know its password and
// the one that it shall get keeps the rules.
func (s *Service) comparedAccount(ctx context.Context, actor Actor, current, changed string) (store.Account, error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return store.Account{}, err
	}
	if who.Account == nil {
		return store.Account{}, problem("account", "a command has no password; name the account to change")
	}
	if who.Token != nil {
		return store.Account{}, forbidden("", "a token sets no password, which would outlast it; sign in to change yours")
	}
	var p FieldErrors
	checkPassword(changed, &p)
	if err := p.err(); err != nil {
		return store.Account{}, err
	}
	account, err := s.checkedAccount(ctx, who.Account.Name, current, From{Address: who.Address, Via: who.Via})
	if errors.Is(err, ErrSignInRefused) {
		err = problem("current", "is not your present password")
	}
	return account, err
}

// savePassword writes a new hash, if the account still has the password that was compared.
func (s *Service) savePassword(ctx context.Context, actor Actor, compared *store.Account, hash string) (secret token.Secret, err error) {
	err = s.store.Change(ctx, func(tx store.Tx) error {
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
		if secret, err = s.renewSession(ctx, tx, &who); err != nil {
			return err
		}
		return s.note(ctx, tx, &who, accountEvent(accountPassword, &present), nil, fields{"password": "changed"})
	})
	if err != nil {
		return token.Secret{}, err
	}
	return secret, nil
}

// renewSession ends the sessions of the actor, and lets the present one go on, no
// longer than it would have, as a new one with a new secret.
func (s *Service) renewSession(ctx context.Context, tx store.Tx, who *Actor) (token.Secret, error) {
	if who.Session == "" {
		return token.Secret{}, tx.DeleteSessions(ctx, who.Account.ID, "")
	}
	old, err := tx.Session(ctx, who.digest)
	if err != nil {
		return token.Secret{}, err
	}
	if old.Method == byHeader {
		return token.Secret{}, tx.DeleteSessions(ctx, who.Account.ID, old.ID)
	}
	renewed, secret, err := s.newSession(old.Account, old.Method, SessionMost, From{Address: who.Address, Agent: old.Agent})
	if err != nil {
		return token.Secret{}, err
	}
	renewed.Expiry = old.Expiry
	if err := tx.DeleteSessions(ctx, who.Account.ID, ""); err != nil {
		return token.Secret{}, err
	}
	return secret, tx.CreateSession(ctx, renewed)
}
