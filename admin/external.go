package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
)

// ExternalIdentity is who somebody is by single sign-on.
type ExternalIdentity struct {
	Subject string // never changes and belongs to nobody else
	Name    string // for an account that is made on first use
	Method  string // header or oidc
}

// refusal is why single sign-on does not sign in, for the audit trail.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

// SignInExternal begins a session for who was signed in elsewhere. An unknown
// subject gets the account of that name if it was made for this (it has
// neither password nor subject), else a new account of the default role, unless that is empty.
func (s *Service) SignInExternal(ctx context.Context, who ExternalIdentity, defaultRole string, from From) (SignedIn, error) {
	who.Name = canonical(who.Name)
	if who.Subject == "" || len(who.Subject) > 255 || who.Method == byPassword || who.Method == bySetUp {
		return SignedIn{}, fmt.Errorf("single sign-on by %q gave no subject that can be kept", who.Method)
	}
	asked, _, err := s.newAccount(NewAccount{Name: who.Name, Role: defaultRole, Subject: who.Subject})
	if err != nil {
		return SignedIn{}, err
	}
	session, secret, err := s.newSession("", who.Method, SessionMost, from)
	if err != nil {
		return SignedIn{}, err
	}
	var account store.Account
	err = s.store.Change(ctx, func(tx store.Tx) error {
		account, err = s.externalAccount(ctx, tx, who, asked, from)
		if err != nil {
			return err
		}
		session.Account = account.ID
		return s.beginSession(ctx, tx, &account, session, from.via())
	})
	if refused, ok := errors.AsType[*refusal](err); ok {
		// Who signs people in has a name for them, which is no password.
		tried := store.Account{ID: account.ID, Name: who.Name}
		return SignedIn{}, s.refuseSignIn(ctx, &tried, from, who.Method, refused.reason, ErrSignInRefused)
	}
	if err != nil {
		return SignedIn{}, err
	}
	return signedIn(secret, &session, &account), nil
}

// externalAccount returns the account that an identity is here.
func (s *Service) externalAccount(ctx context.Context, tx store.Tx, who ExternalIdentity, asked store.Account, from From) (store.Account, error) {
	account, err := tx.AccountBySubject(ctx, who.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return s.firstUse(ctx, tx, who, asked, from)
	}
	if err == nil && !account.Enabled {
		return account, &refusal{"disabled"}
	}
	return account, err
}

// firstUse links an identity to the account that waits for it, or makes one.
func (s *Service) firstUse(ctx context.Context, tx store.Tx, who ExternalIdentity, asked store.Account, from From) (store.Account, error) {
	if !accountName.MatchString(who.Name) {
		return store.Account{}, &refusal{"the name can't name an account"}
	}
	actor := Actor{Via: from.via(), Address: from.Address}
	account, err := tx.AccountByName(ctx, who.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return asked, s.makeOnFirstUse(ctx, tx, &actor, &asked)
	case err != nil:
		return account, err
	case account.Subject != "" || account.Password != "":
		// A name is not proof of being the same person.
		return account, &refusal{"the name belongs to another account"}
	case !account.Enabled:
		return account, &refusal{"disabled"}
	}
	linked := account
	linked.Subject, linked.Updated = who.Subject, s.now()
	if err := tx.UpdateAccount(ctx, linked); err != nil {
		return account, err
	}
	if err := s.note(ctx, tx, &actor, accountEvent(accountUpdate, &linked), accountFields(&account), accountFields(&linked)); err != nil {
		return account, err
	}
	return tx.Account(ctx, account.ID)
}

func (s *Service) makeOnFirstUse(ctx context.Context, tx store.Tx, actor *Actor, asked *store.Account) error {
	if asked.Role == "" {
		return &refusal{"no account for this subject"}
	}
	if _, err := s.role(ctx, tx, asked.Role); err != nil {
		return fmt.Errorf("default role of single sign-on: %w", err)
	}
	owned, err := s.ownsTokens(ctx, tx, asked.Name)
	if err != nil {
		return err
	}
	if owned > 0 {
		return &refusal{"the name owns tokens already; somebody who manages accounts has to make this one"}
	}
	_, err = s.addAccount(ctx, tx, actor, asked, accountCreate)
	return err
}
