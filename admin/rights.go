package admin

import (
	"errors"
	"slices"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Right is one thing that an actor can do here. Each is a permission of the
// catalog of ManagementAPI by the same name.
type Right string

// The closed list of rights.
const (
	APIRead         Right = "api.read"
	TokenRead       Right = "token.read"
	TokenExplain    Right = "token.explain"
	TokenCreate     Right = "token.create"
	TokenUpdate     Right = "token.update"
	TokenRegenerate Right = "token.regenerate"
	TokenDelete     Right = "token.delete"
	DraftRead       Right = "draft.read"
	DraftUpdate     Right = "draft.update" // puts them in force
	DraftDiscard    Right = "draft.discard"
	AccountRead     Right = "account.read"
	AccountManage   Right = "account.manage"
	RoleRead        Right = "role.read"
	RoleManage      Right = "role.manage"
	SessionRead     Right = "session.read"
	SessionDelete   Right = "session.delete"
	AuditRead       Right = "audit.read"
)

// Rights returns the closed list of rights.
func Rights() []Right {
	var rights []Right
	for _, route := range managementRoutes {
		rights = append(rights, route.right)
	}
	return slices.Clip(rights)
}

// Scope says whose tokens the actor has the right for. For rights that are not
// about tokens it is All or None, or Own for one's own account, role and sessions.
// It is for showing and hiding; every method asks again.
func (a *Actor) Scope(right Right) store.Scope {
	if a.Token != nil && !slices.Contains(a.Permissions, right) {
		return store.None
	}
	return a.ofRole(right)
}

// ofRole is Scope without regard to the token that the actor acts through.
func (a *Actor) ofRole(right Right) store.Scope {
	if !a.command && a.Account == nil {
		return store.None
	}
	switch right {
	case APIRead:
		return store.All
	case TokenRead, TokenExplain, DraftRead:
		return a.role.Read
	case TokenCreate:
		return a.role.Create
	case TokenUpdate:
		return a.role.Update
	case TokenRegenerate:
		return a.role.Regenerate
	case TokenDelete:
		return a.role.Delete
	case DraftUpdate, DraftDiscard: // each asks for the right to do what it does besides
		return widest(a.role.Create, a.role.Update, a.role.Regenerate, a.role.Delete)
	case AccountRead, RoleRead:
		return allIf(a.role.Accounts || a.role.Audit, store.Own)
	case SessionRead, SessionDelete:
		return allIf(a.role.Accounts, store.Own)
	case AccountManage, RoleManage:
		return allIf(a.role.Accounts, store.None)
	case AuditRead:
		return allIf(a.role.Audit, store.None)
	default:
		return store.None
	}
}

func widest(scopes ...store.Scope) store.Scope {
	for _, scope := range []store.Scope{store.All, store.Own} {
		if slices.Contains(scopes, scope) {
			return scope
		}
	}
	return store.None
}

func allIf(all bool, otherwise store.Scope) store.Scope {
	if all {
		return store.All
	}
	return otherwise
}

// May reports whether the actor has the right for this token. It is for showing
// and hiding; every method asks again.
func (a *Actor) May(right Right, t *token.Token) bool { return a.includes(a.Scope(right), t) }

// ActsForOther reports whether the token acts for somebody else than the actor. Who
// has its secret, perhaps from a job that runs with it, would be them: so nobody but
// they give it rights, time, or a new start.
func (a *Actor) ActsForOther(t *token.Token) bool {
	return !a.command && t.API == ManagementAPI && t.Owner != a.Name()
}

// needOwner returns an error if the token acts for somebody else than the actor.
func (a *Actor) needOwner(right Right, t *token.Token, what string) error {
	if !a.ActsForOther(t) {
		return nil
	}
	return forbidden(right, "a token of API %s acts for its owner, so only %s may %s", ManagementAPI, t.Owner, what)
}

// gainsNothing returns an error if the actor would get a right over a token by
// changing its owner, as somebody could who may update all tokens but regenerate
// only their own.
func (a *Actor) gainsNothing(old, edited *token.Token) error {
	for _, right := range []Right{TokenRead, TokenUpdate, TokenRegenerate, TokenDelete} {
		if a.May(right, edited) && !a.May(right, old) {
			return a.lacks(right)
		}
	}
	return nil
}

// includes reports whether the token is one of the scope.
func (a *Actor) includes(scope store.Scope, t *token.Token) bool {
	return scope == store.All || scope == store.Own && t.Owner == a.Name() && t.Owner != ""
}

// sees reports whether the token is there at all for the actor. This goes by the
// role: who acts through a token that may only regenerate is told so.
func (a *Actor) sees(t *token.Token) bool { return a.includes(a.ofRole(TokenRead), t) }

// need returns an error unless the actor has the right for this token.
func (a *Actor) need(right Right, t *token.Token) error {
	if a.May(right, t) {
		return nil
	}
	return a.lacks(right)
}

// needAll returns an error unless the actor has the right for everything.
func (a *Actor) needAll(right Right) error {
	if a.Scope(right) == store.All {
		return nil
	}
	return a.lacks(right)
}

// needTokensOfOthers returns an error unless the actor may do with everybody's tokens
// what they could do as their owner.
func (a *Actor) needTokensOfOthers() error {
	return errors.Join(a.needAll(TokenUpdate), a.needAll(TokenRegenerate))
}

// needAny returns an error unless the actor has the right for something.
func (a *Actor) needAny(right Right) error {
	if scope := a.Scope(right); scope == store.Own || scope == store.All {
		return nil
	}
	return a.lacks(right)
}

// lacks says which right is missing, and whether it is the token that lacks it.
func (a *Actor) lacks(right Right) error {
	if a.Token != nil && !slices.Contains(a.Permissions, right) {
		return forbidden(right, "the token that you use lacks this permission; use another one, or have it granted")
	}
	return forbidden(right, "your role %s does not allow this here; ask somebody who manages accounts", a.Role.Name)
}
