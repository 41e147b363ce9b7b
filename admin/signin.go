package admin

import (
	"context"
	"errors"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
)

// SignIn begins a session by password. It is ErrSignInRefused or a
// *ThrottledError otherwise, as it is for names that are unknown.
func (s *Service) SignIn(ctx context.Context, name, password string, from From) (SignedIn, error) {
	name = canonical(name)
	account, err := s.checkedAccount(ctx, name, password, from)
	if err != nil {
		return SignedIn{}, err
	}
	session, secret, err := s.newSession(account.ID, byPassword, SessionMost, from)
	if err != nil {
		return SignedIn{}, err
	}
	var present store.Account
	err = s.store.Change(ctx, func(tx store.Tx) error {
		present, err = tx.Account(ctx, account.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && (!present.Enabled || present.Password != account.Password) {
			return ErrSignInRefused // it changed while its password was compared
		}
		if err != nil {
			return err
		}
		return s.beginSession(ctx, tx, &present, session, from.via())
	})
	if err != nil {
		return SignedIn{}, err
	}
	return signedIn(secret, &session, &present), nil
}

// checkedAccount returns the enabled account of that name and password. Unknown
// names take as long and get as far as others.
func (s *Service) checkedAccount(ctx context.Context, name, password string, from From) (store.Account, error) {
	account, err := s.accountToCheck(ctx, name)
	if err != nil {
		return account, err
	}
	attempt, wait, err := s.attempt(ctx, name, from.Address)
	if err != nil {
		return account, err
	}
	if wait > 0 {
		return account, s.refuseSignIn(ctx, &account, from, byPassword, "throttled", &ThrottledError{wait})
	}
	if len(password) > MaxPassword {
		password = "" // no account has either
	}
	same, err := s.passwords.compare(ctx, account.Password, password)
	switch {
	case err != nil:
		attempt.succeed(s.now()) // nothing was tried
		return account, err
	case account.ID == "":
		return account, s.refuseSignIn(ctx, &account, from, byPassword, "unknown name", ErrSignInRefused)
	case !same:
		return account, s.refuseSignIn(ctx, &account, from, byPassword, "wrong password", ErrSignInRefused)
	}
	attempt.succeed(s.now())
	if !account.Enabled {
		return account, s.refuseSignIn(ctx, &account, from, byPassword, "disabled", ErrSignInRefused)
	}
	return account, nil
}

// accountToCheck returns the account, or none if there is none of that name.
func (s *Service) accountToCheck(ctx context.Context, name string) (store.Account, error) {
	if !accountName.MatchString(name) {
		return store.Account{}, nil
	}
	account, err := s.store.AccountByName(ctx, name)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) {
		return store.Account{}, nil
	}
	return account, err
}

// attempt counts an attempt to sign in, or returns how long to wait until one may be made.
func (s *Service) attempt(ctx context.Context, name, address string) (attempt, time.Duration, error) {
	if len(name) > MaxPassword {
		name = name[:MaxPassword] // what is kept in memory is bounded
	}
	now, from := s.now(), Network(address)
	familiar := false
	if byName, byNetwork := s.throttle.wait(now, name, from); byName > 0 && byNetwork == 0 {
		var err error
		if familiar, err = s.isFamiliar(ctx, name, from); err != nil {
			return attempt{}, 0, err
		}
	}
	a, wait := s.throttle.begin(now, name, from, familiar)
	return a, wait, nil
}

// How far back sign-ins make a network familiar.
const (
	familiarFor  = 30 * 24 * time.Hour
	familiarMost = 100 // events
)

// isFamiliar reports whether the account was signed in to from the network
// lately. The audit trail knows, on every gateway and after every restart.
func (s *Service) isFamiliar(ctx context.Context, name, from string) (bool, error) {
	events, err := s.store.Events(ctx, store.EventQuery{
		Actor: name, Action: signIn, Since: s.now().Add(-familiarFor), Limit: familiarMost,
	})
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return false, err
	}
	for i := range events {
		if Network(events[i].Address) == from {
			return true, nil
		}
	}
	return false, nil
}

// refuseSignIn notes in the audit trail why somebody was not signed in, and
// returns what they are told. The name that was typed is kept only if it is one
// of an account: people do type their password there.
func (s *Service) refuseSignIn(ctx context.Context, account *store.Account, from From, method, reason string, told error) error {
	dropped, ok := s.refusals.allow(s.now(), Network(from.Address), account.ID)
	if !ok {
		return told
	}
	after := fields{"reason": reason, "method": method}
	if dropped > 0 {
		after["not_noted_before"] = dropped
	}
	who := Actor{Via: from.via(), Address: from.Address}
	err := s.store.Change(ctx, func(tx store.Tx) error {
		return s.note(ctx, tx, &who, accountEvent(signInRefused, account), nil, after)
	})
	if err != nil {
		return err
	}
	return told
}
