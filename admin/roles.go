package admin

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/tokenreeve/tokenreeve/store"
)

// The names of the built-in roles.
const (
	RoleOwner   = "owner"   // everything
	RoleManager = "manager" // the tokens of all; neither accounts nor the audit trail
	RoleMember  = "member"  // own tokens only
	RoleAuditor = "auditor" // reads all tokens, accounts and the audit trail
)

var builtIn = []store.Role{
	{
		Name: RoleOwner, Description: "May do everything",
		Read: store.All, Create: store.All, Update: store.All, Regenerate: store.All, Delete: store.All,
		Accounts: true, Audit: true, Version: 1,
	},
	{
		Name: RoleManager, Description: "Manages everybody's tokens",
		Read: store.All, Create: store.All, Update: store.All, Regenerate: store.All, Delete: store.All,
		Version: 1,
	},
	{
		Name: RoleMember, Description: "Manages their own tokens",
		Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own,
		Version: 1,
	},
	{
		Name: RoleAuditor, Description: "Reads everybody's tokens, the accounts and the audit trail",
		Read: store.All, Create: store.None, Update: store.None, Regenerate: store.None, Delete: store.None,
		Audit: true, Version: 1,
	},
}

func isBuiltIn(name string) bool {
	return slices.ContainsFunc(builtIn, func(r store.Role) bool { return r.Name == name })
}

// RoleEdit is a role as it shall be. Its name stays.
type RoleEdit struct {
	Role    store.Role // Version: that the edit was made from; zero is any
	Disable bool       // the members' tokens that are mightier than the role then
	DryRun  bool       // change nothing, only tell
}

// RoleChange is what came of an edit.
type RoleChange struct {
	Role      RoleRecord
	Overreach Overreach // members' active tokens that are mightier than the role now
}

// errDryRun undoes a transaction whose outcome is all that was asked for.
var errDryRun = errors.New("dry run")

// allRoles returns those that are built in, then the others by name.
func (s *Service) allRoles(ctx context.Context, r store.Reader) ([]store.Role, error) {
	roles, err := r.Roles(ctx)
	if err != nil && !errors.Is(err, store.ErrUnreadable) { // one that can't be read allows nothing
		return nil, err
	}
	// No store should have a role of these names; if one does, it does not count.
	roles = slices.DeleteFunc(roles, func(r store.Role) bool { return isBuiltIn(r.Name) })
	return append(slices.Clone(builtIn), roles...), nil
}

// role returns a role, built in or not, or store.ErrNotFound.
func (s *Service) role(ctx context.Context, r store.Reader, name string) (store.Role, error) {
	roles, err := s.allRoles(ctx, r)
	if err != nil {
		return store.Role{}, err
	}
	if i := slices.IndexFunc(roles, func(r store.Role) bool { return r.Name == name }); i >= 0 {
		return roles[i], nil
	}
	return store.Role{}, wrapRole(store.ErrNotFound, name)
}

// Roles returns a page of the roles: those that are built in, then others by name.
func (s *Service) Roles(ctx context.Context, actor Actor, p Paging) (Page[RoleRecord], error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return Page[RoleRecord]{}, err
	}
	if err := who.needAll(RoleRead); err != nil {
		return Page[RoleRecord]{}, err
	}
	roles, err := s.allRoles(ctx, s.store)
	if err != nil {
		return Page[RoleRecord]{}, err
	}
	// Built-in ones come first, which their names don't say.
	page, err := paginate(roles, p, "roles", func(r *store.Role) string {
		if i := slices.IndexFunc(builtIn, func(b store.Role) bool { return b.Name == r.Name }); i >= 0 {
			return strconv.Itoa(i) + ":" + r.Name
		}
		return "9:" + r.Name
	})
	return mapPage(page, roleRecord), err
}

// Role returns the role of a name; everybody may read their own.
func (s *Service) Role(ctx context.Context, actor Actor, name string) (RoleRecord, error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return RoleRecord{}, err
	}
	if err := who.needAny(RoleRead); err != nil {
		return RoleRecord{}, err
	}
	if who.Scope(RoleRead) != store.All && name != who.role.Name {
		return RoleRecord{}, wrapRole(store.ErrNotFound, name)
	}
	role, err := s.role(ctx, s.store, name)
	if err != nil {
		return RoleRecord{}, err
	}
	return roleRecord(&role), nil
}

// CreateRole makes a role that is not mightier than the actor's. Updated and
// Version are set here.
func (s *Service) CreateRole(ctx context.Context, actor Actor, role store.Role) (RoleRecord, error) {
	if isBuiltIn(role.Name) {
		return RoleRecord{}, ErrBuiltIn
	}
	role.Updated, role.Version = s.now(), 1
	err := s.asManager(ctx, actor, RoleManage, func(tx store.Tx, who *Actor) error {
		if err := s.checkRole(ctx, tx, &role, nil); err != nil {
			return err
		}
		if err := who.mayGive(RoleManage, &role); err != nil {
			return err
		}
		if err := tx.CreateRole(ctx, role); errors.Is(err, store.ErrNameTaken) {
			return problem("name", "there is a role %s already; choose another name", role.Name)
		} else if err != nil {
			return err
		}
		return s.note(ctx, tx, who, roleEvent(roleCreate, role.Name), nil, roleFields(&role))
	})
	return roleRecord(&role), err
}

// UpdateRole replaces a role. It holds for its members with their next request.
func (s *Service) UpdateRole(ctx context.Context, actor Actor, e RoleEdit) (RoleChange, error) {
	if isBuiltIn(e.Role.Name) {
		return RoleChange{}, ErrBuiltIn
	}
	var change RoleChange
	err := s.asManager(ctx, actor, RoleManage, func(tx store.Tx, who *Actor) (err error) {
		if change, err = s.updateRole(ctx, tx, who, e); err == nil && e.DryRun {
			return errDryRun
		}
		return err
	})
	if err != nil && !(e.DryRun && errors.Is(err, errDryRun)) {
		return RoleChange{}, err
	}
	return change, nil
}

func (s *Service) updateRole(ctx context.Context, tx store.Tx, who *Actor, e RoleEdit) (RoleChange, error) {
	old, err := s.role(ctx, tx, e.Role.Name)
	if err != nil {
		return RoleChange{}, err
	}
	role := e.Role
	if err := isVersion(old.Version, role.Version); err != nil {
		return RoleChange{}, err
	}
	role.Version, role.Updated = old.Version, s.now()
	if err := s.checkRole(ctx, tx, &role, &old); err != nil {
		return RoleChange{}, err
	}
	for _, r := range []*store.Role{&old, &role} {
		if err := who.mayGive(RoleManage, r); err != nil {
			return RoleChange{}, err
		}
	}
	if err := tx.UpdateRole(ctx, role); err != nil {
		return RoleChange{}, err
	}
	if err := s.note(ctx, tx, who, roleEvent(roleUpdate, role.Name), roleFields(&old), roleFields(&role)); err != nil {
		return RoleChange{}, err
	}
	members, err := s.members(ctx, tx, role.Name)
	if err != nil {
		return RoleChange{}, err
	}
	over, err := s.overreach(ctx, tx, who, &role, members, e.Disable)
	if err != nil {
		return RoleChange{}, err
	}
	role, err = s.role(ctx, tx, role.Name)
	return RoleChange{roleRecord(&role), over}, err
}

// DeleteRole removes a role, or returns a *RoleInUseError. If it is no longer of the
// version, that is store.ErrConflict; zero is any.
func (s *Service) DeleteRole(ctx context.Context, actor Actor, name string, version int64) error {
	if isBuiltIn(name) {
		return ErrBuiltIn
	}
	return s.asManager(ctx, actor, RoleManage, func(tx store.Tx, who *Actor) error {
		role, err := s.role(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := who.mayGive(RoleManage, &role); err != nil {
			return err
		}
		if err := isVersion(role.Version, version); err != nil {
			return err
		}
		members, err := s.members(ctx, tx, name)
		if err != nil {
			return err
		}
		if len(members) > 0 {
			return &RoleInUseError{name, len(members)}
		}
		if err := tx.DeleteRole(ctx, name); err != nil {
			return wrapRole(err, name)
		}
		return s.note(ctx, tx, who, roleEvent(roleDelete, name), roleFields(&role), nil)
	})
}

// asManager runs fn in one transaction, if the actor as of this transaction has
// the right for everything.
func (s *Service) asManager(ctx context.Context, actor Actor, right Right, fn func(store.Tx, *Actor) error) error {
	return s.store.Change(ctx, func(tx store.Tx) error {
		who, err := s.fresh(ctx, tx, actor)
		if err != nil {
			return err
		}
		if err := who.needAll(right); err != nil {
			return err
		}
		return fn(tx, &who)
	})
}

// members returns the accounts that have a role.
func (s *Service) members(ctx context.Context, r store.Reader, role string) ([]store.Account, error) {
	accounts, err := r.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(accounts, func(a store.Account) bool { return a.Role != role }), nil
}

func roleEvent(action, name string) store.Event {
	return store.Event{Action: action, Subject: name, Name: name}
}
