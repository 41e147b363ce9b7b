package admin

import (
	"context"
	"errors"
	"strings"

	"github.com/tokenreeve/tokenreeve/store"
)

// AccountEdit is what shall change about an account. Fields that are nil stay.
type AccountEdit struct {
	Version  int64 // the version that the edit was made from; zero is any
	Role     *string
	Enabled  *bool
	Password *string // of others; for one's own there is ChangePassword
	Subject  *string
	Disable  bool // the tokens that are mightier than the new role
	DryRun   bool // change nothing, only tell
}

// AccountChange is what came of an edit.
type AccountChange struct {
	Account   AccountRecord
	Overreach Overreach // the account's active tokens that are mightier than its new role
}

// UpdateAccount changes what the edit names. A new password, role or subject, and
// disabling, ends the sessions of the account.
func (s *Service) UpdateAccount(ctx context.Context, actor Actor, name string, e AccountEdit) (AccountChange, error) {
	if err := s.mayManage(ctx, actor); err != nil {
		return AccountChange{}, err
	}
	var p FieldErrors
	var hash string
	actor.checkSignIn(e.Password != nil, e.Subject != nil, &p)
	if e.Password != nil && *e.Password == "" && actor.Via != ViaCommand {
		p.addf("password", "is empty; leave it out to keep the one that there is (a command can take it away)")
	}
	if e.Password != nil && *e.Password != "" && actor.Token == nil {
		var err error
		if hash, err = s.hashChecked(ctx, *e.Password, &p); err != nil {
			return AccountChange{}, err
		}
	}
	var change AccountChange
	err := s.asManager(ctx, actor, AccountManage, func(tx store.Tx, who *Actor) (err error) {
		p := append(FieldErrors(nil), p...)
		if change, err = s.updateAccount(ctx, tx, who, canonical(name), e, hash, &p); err == nil && e.DryRun {
			return errDryRun
		}
		return err
	})
	if err != nil && !(e.DryRun && errors.Is(err, errDryRun)) {
		return AccountChange{}, err
	}
	return change, nil
}

func (s *Service) updateAccount(ctx context.Context, tx store.Tx, who *Actor, name string, e AccountEdit, hash string, p *FieldErrors) (AccountChange, error) {
	old, oldRole, err := s.manageable(ctx, tx, who, name)
	if err != nil {
		return AccountChange{}, err
	}
	if err := isVersion(old.Version, e.Version); err != nil {
		return AccountChange{}, err
	}
	a := old
	set(&a.Role, e.Role)
	set(&a.Enabled, e.Enabled)
	set(&a.Subject, e.Subject)
	if e.Password != nil {
		a.Password = hash
		if who.Account != nil && who.Account.ID == a.ID {
			p.addf("password", "is your own; change it by giving the present one as well")
		}
	}
	checkSubject(a.Subject, p)
	role := oldRole
	if a.Role != old.Role {
		if err := s.checkGivenRole(ctx, tx, who, a.Role, p); err != nil {
			return AccountChange{}, err
		}
		if role, err = s.role(ctx, tx, a.Role); err != nil && !errors.Is(err, store.ErrNotFound) {
			return AccountChange{}, err
		}
	}
	if err := p.err(); err != nil {
		return AccountChange{}, err
	}
	if a.Password != old.Password || a.Subject != old.Subject {
		if err := s.mayBecome(ctx, tx, who, &a); err != nil {
			return AccountChange{}, err
		}
	}
	return s.saveAccount(ctx, tx, who, &old, &a, &role, e.Disable)
}

// mayBecome refuses to say how to sign in to an account that has tokens, unless
// the actor may change them and have their secrets anyway: they could sign in to it.
func (s *Service) mayBecome(ctx context.Context, tx store.Tx, who *Actor, a *store.Account) error {
	if who.command || who.Account != nil && who.Account.ID == a.ID {
		return nil
	}
	owned, err := s.ownsTokens(ctx, tx, a.Name)
	if err != nil || owned == 0 {
		return err
	}
	return who.needTokensOfOthers()
}

// saveAccount writes what changed about an account and draws the consequences.
func (s *Service) saveAccount(ctx context.Context, tx store.Tx, who *Actor, old, a *store.Account, role *store.Role, disable bool) (AccountChange, error) {
	if isOwner(old) && !isOwner(a) {
		if err := s.keepOwner(ctx, tx, a.ID); err != nil {
			return AccountChange{}, err
		}
	}
	a.Updated = s.now()
	if err := tx.UpdateAccount(ctx, *a); err != nil {
		return AccountChange{}, accountProblem(err, a)
	}
	before, after := accountFields(old), accountFields(a)
	if a.Password != old.Password {
		before["password"], after["password"] = nil, "changed"
	}
	if err := s.note(ctx, tx, who, accountEvent(accountUpdate, a), before, after); err != nil {
		return AccountChange{}, err
	}
	if a.Role != old.Role || a.Password != old.Password || a.Subject != old.Subject || !a.Enabled {
		if err := tx.DeleteSessions(ctx, a.ID, ""); err != nil {
			return AccountChange{}, err
		}
	}
	var change AccountChange
	if a.Role != old.Role {
		var err error
		if change.Overreach, err = s.overreach(ctx, tx, who, role, []store.Account{*a}, disable); err != nil {
			return AccountChange{}, err
		}
	}
	present, err := tx.Account(ctx, a.ID)
	change.Account = accountRecord(&present)
	return change, err
}

// manageable returns an account and its role if the actor may manage it: if it
// is not mightier than they are.
func (s *Service) manageable(ctx context.Context, tx store.Tx, who *Actor, name string) (store.Account, store.Role, error) {
	a, err := tx.AccountByName(ctx, name)
	if err != nil {
		return a, store.Role{}, wrapAccount(err, name)
	}
	role, err := s.role(ctx, tx, a.Role)
	if errors.Is(err, store.ErrNotFound) {
		role, err = store.Role{Name: a.Role}, nil
	}
	if err != nil {
		return a, role, err
	}
	return a, role, who.mayGive(AccountManage, &role)
}

// checkGivenRole checks that a role is there and that the actor may give it.
func (s *Service) checkGivenRole(ctx context.Context, tx store.Tx, who *Actor, name string, p *FieldErrors) error {
	role, err := s.role(ctx, tx, name)
	if errors.Is(err, store.ErrNotFound) {
		roles, err := s.allRoles(ctx, tx)
		if err != nil {
			return err
		}
		var names []string
		for _, r := range roles {
			names = append(names, r.Name)
		}
		p.addf("role", "%q is no role; there is %s", name, strings.Join(names, ", "))
		return nil
	}
	if err != nil {
		return err
	}
	return who.mayGive(AccountManage, &role)
}

// isOwner reports whether the account may do everything, and there is a way to
// sign in to it. Whether that way is on is not known here.
func isOwner(a *store.Account) bool {
	return a.Enabled && a.Role == RoleOwner && (a.Password != "" || a.Subject != "")
}

// keepOwner returns ErrLastOwner unless another account is an owner who can sign in.
func (s *Service) keepOwner(ctx context.Context, tx store.Tx, id string) error {
	accounts, err := tx.Accounts(ctx)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return err
	}
	for i := range accounts {
		if accounts[i].ID != id && isOwner(&accounts[i]) {
			return nil
		}
	}
	return ErrLastOwner
}
