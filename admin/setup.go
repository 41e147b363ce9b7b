package admin

import (
	"context"
	"errors"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// NeedsSetUp reports whether there is no owner yet who can sign in. Others may be
// there: those who came by single sign-on before anybody could manage them.
func (s *Service) NeedsSetUp(ctx context.Context) (bool, error) {
	return noOwner(ctx, s.store)
}

// noOwner fails if an account can't be read: that may be one.
func noOwner(ctx context.Context, r store.Reader) (bool, error) {
	accounts, err := r.Accounts(ctx)
	for i := range accounts {
		if isOwner(&accounts[i]) {
			return false, nil
		}
	}
	return err == nil, err
}

// SetUpLink returns the secret of a link that makes the first owner, once and
// within an hour; links from before end. It is ErrSetUpDone if there is one.
// It is for who has the gateway's store: nothing is asked of the actor but its name.
func (s *Service) SetUpLink(ctx context.Context, by Actor) (token.Secret, error) {
	link, secret, err := s.newSession("", bySetUp, SetUpMost, From{})
	if err != nil {
		return token.Secret{}, err
	}
	err = s.store.Change(ctx, func(tx store.Tx) error {
		if none, err := noOwner(ctx, tx); err != nil {
			return err
		} else if !none {
			return ErrSetUpDone
		}
		if err := tx.DeleteSessions(ctx, "", ""); err != nil {
			return err
		}
		if err := tx.CreateSession(ctx, link); err != nil {
			return err
		}
		return s.note(ctx, tx, &by, store.Event{Action: setUpLink, Subject: link.ID}, nil, nil)
	})
	if err != nil {
		return token.Secret{}, err
	}
	return secret, nil
}

// SetUp makes the first account with the role owner, by the secret of a link, and
// signs it in. It is ErrSetUpLink if the link is not valid.
func (s *Service) SetUp(ctx context.Context, secret, name, password string, from From) (SignedIn, error) {
	if _, err := s.setUpLink(ctx, s.store, secret); err != nil {
		return SignedIn{}, err // before any work on the password
	}
	owner, p, err := s.newAccount(NewAccount{Name: name, Role: RoleOwner})
	if err != nil {
		return SignedIn{}, err
	}
	if owner.Password, err = s.hashChecked(ctx, password, &p); err != nil {
		return SignedIn{}, err
	}
	if err := p.err(); err != nil {
		return SignedIn{}, err
	}
	session, sessionSecret, err := s.newSession(owner.ID, byPassword, SessionMost, from)
	if err != nil {
		return SignedIn{}, err
	}
	made := owner
	err = s.store.Change(ctx, func(tx store.Tx) error {
		link, err := s.setUpLink(ctx, tx, secret)
		if err != nil {
			return err
		}
		// Of two with one link, one gets to remove it.
		if err := tx.DeleteSession(ctx, link.ID); errors.Is(err, store.ErrNotFound) {
			return ErrSetUpLink
		} else if err != nil {
			return err
		}
		made = owner
		who := actorOf(&made, from.Address, from.via())
		if _, err := s.addAccount(ctx, tx, &who, &made, setUp); err != nil {
			return err
		}
		return s.beginSession(ctx, tx, &made, session, from.via())
	})
	if err != nil {
		return SignedIn{}, err
	}
	return signedIn(sessionSecret, &session, &made), nil
}

// setUpLink returns the session of a link that still counts.
func (s *Service) setUpLink(ctx context.Context, r store.Reader, secret string) (store.Session, error) {
	none, err := noOwner(ctx, r)
	if err != nil {
		return store.Session{}, err
	}
	link, err := r.Session(ctx, token.Hash(secret))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return link, ErrSetUpLink
	case err != nil:
		return link, err
	case !none || link.Account != "" || link.Method != bySetUp || !s.now().Before(link.Expiry):
		return link, ErrSetUpLink
	}
	return link, nil
}
