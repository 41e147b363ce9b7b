package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
)

// NewAccount is an account as somebody asks for it. One with neither password
// nor subject is for the first who comes by single sign-on under its name.
type NewAccount struct {
	Name     string // lower-cased
	Role     string
	Password string // may be empty
	Subject  string // of single sign-on; may be empty
}

// CreateAccount makes an account, and returns how many tokens have this name as
// owner already: they are the account's from now on.
func (s *Service) CreateAccount(ctx context.Context, actor Actor, d NewAccount) (account AccountRecord, inherited int, err error) {
	made, p, err := s.newAccount(d)
	if err != nil {
		return AccountRecord{}, 0, err
	}
	if err := s.mayManage(ctx, actor); err != nil { // before any work on a password
		return AccountRecord{}, 0, err
	}
	actor.checkSignIn(d.Password != "", d.Subject != "", &p)
	if d.Password != "" && actor.Token == nil {
		if made.Password, err = s.hashChecked(ctx, d.Password, &p); err != nil {
			return AccountRecord{}, 0, err
		}
	}
	err = s.asManager(ctx, actor, AccountManage, func(tx store.Tx, who *Actor) error {
		p := append(FieldErrors(nil), p...)
		if err := s.checkGivenRole(ctx, tx, who, made.Role, &p); err != nil {
			return err
		}
		if err := p.err(); err != nil {
			return err
		}
		if inherited, err = s.addAccount(ctx, tx, who, &made, accountCreate); err != nil || inherited == 0 || who.command {
			return err
		}
		// Who names an account like an owner gets that owner's tokens.
		return who.needTokensOfOthers()
	})
	if err != nil {
		return AccountRecord{}, 0, err
	}
	return accountRecord(&made), inherited, nil
}

// newAccount returns the account that is asked for, but for its password.
func (s *Service) newAccount(d NewAccount) (store.Account, FieldErrors, error) {
	var p FieldErrors
	id, err := s.newID("acc_")
	if err != nil {
		return store.Account{}, nil, err
	}
	now := s.now()
	a := store.Account{
		ID: id, Name: canonical(d.Name), Role: d.Role, Subject: d.Subject, Enabled: true, Created: now, Updated: now, Version: 1,
	}
	checkAccountName(a.Name, &p)
	checkSubject(a.Subject, &p)
	return a, p, nil
}

// addAccount adds an account and returns how many tokens have its name as owner.
func (s *Service) addAccount(ctx context.Context, tx store.Tx, who *Actor, a *store.Account, action string) (int, error) {
	if err := tx.CreateAccount(ctx, *a); err != nil {
		return 0, accountProblem(err, a)
	}
	owned, err := s.ownsTokens(ctx, tx, a.Name)
	if err != nil {
		return 0, err
	}
	after := accountFields(a)
	if owned > 0 {
		after["inherited_tokens"] = owned
	}
	return owned, s.note(ctx, tx, who, accountEvent(action, a), nil, after)
}

// Accounts returns a page of the accounts, sorted by name.
func (s *Service) Accounts(ctx context.Context, actor Actor, p Paging) (Page[AccountRecord], error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return Page[AccountRecord]{}, err
	}
	if err := who.needAll(AccountRead); err != nil {
		return Page[AccountRecord]{}, err
	}
	accounts, err := s.store.Accounts(ctx)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return Page[AccountRecord]{}, err
	}
	page, err := paginate(accounts, p, "accounts", func(a *store.Account) string { return a.Name })
	return mapPage(page, accountRecord), err
}

// Account returns the account of a name; everybody may read their own.
func (s *Service) Account(ctx context.Context, actor Actor, name string) (AccountRecord, error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return AccountRecord{}, err
	}
	if err := who.needAny(AccountRead); err != nil {
		return AccountRecord{}, err
	}
	name = canonical(name)
	if who.Scope(AccountRead) != store.All && name != who.Name() {
		return AccountRecord{}, wrapAccount(store.ErrNotFound, name)
	}
	a, err := s.store.AccountByName(ctx, name)
	if err != nil {
		return AccountRecord{}, wrapAccount(err, name)
	}
	return accountRecord(&a), nil
}

// AccountNames returns the names of the enabled accounts, which tokens can be
// made for or handed to, to those who may do that.
func (s *Service) AccountNames(ctx context.Context, actor Actor) ([]string, error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return nil, err
	}
	if who.Scope(TokenCreate) != store.All {
		if err := who.needAll(TokenUpdate); err != nil {
			return nil, err
		}
	}
	accounts, err := s.store.Accounts(ctx)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, err
	}
	names := []string{}
	for i := range accounts {
		if accounts[i].Enabled {
			names = append(names, accounts[i].Name)
		}
	}
	return names, nil
}

// mayManage refuses early, before work that is only worth it for those who may.
func (s *Service) mayManage(ctx context.Context, actor Actor) error {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return err
	}
	return who.needAll(AccountManage)
}

func accountEvent(action string, a *store.Account) store.Event {
	return store.Event{Action: action, Subject: a.ID, Name: a.Name}
}

func accountProblem(err error, a *store.Account) error {
	switch {
	case errors.Is(err, store.ErrNameTaken):
		return problem("name", "there is an account %s already; choose another name", a.Name)
	case errors.Is(err, store.ErrSubjectTaken):
		return problem("subject", "belongs to another account already")
	default:
		return wrapAccount(err, a.Name)
	}
}

func wrapAccount(err error, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("account %q: %w", name, store.ErrNotFound)
	}
	return err
}
