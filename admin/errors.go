package admin

import (
	"errors"
	"fmt"
	"time"
)

// The outcomes that callers tell apart, beside those of package store and FieldErrors.
var (
	// ErrSignedOut: nobody is signed in. The session is unknown, ended or
	// revoked, or its account is gone or disabled.
	ErrSignedOut = errors.New("not signed in")
	// ErrSignInRefused: name or password is wrong, or the account may not sign
	// in. It says no more on purpose; the audit trail does.
	ErrSignInRefused = errors.New("name or password is wrong, or the account is disabled")
	// ErrSetUpLink: the set-up link was used, is older than an hour, was replaced
	// by a newer one, or there is an account already.
	ErrSetUpLink = errors.New("the set-up link is not valid; restart the gateway for a new one, or make an account with caddy api-tokens account create")
	// ErrSetUpDone: there is an account, so nobody is set up by a link any more.
	ErrSetUpDone = errors.New("there is an account already")
	// ErrKeyReused: the idempotency key came with another request before.
	ErrKeyReused = errors.New("the idempotency key was used with another request; use a new key for every new request")
	// ErrLastOwner: nobody would be left who may do everything.
	ErrLastOwner = errors.New("this is the last enabled account with the role owner; give another one that role first")
	// ErrBuiltIn: built-in roles can't be changed, deleted or shadowed.
	ErrBuiltIn = errors.New("the roles owner, manager, member and auditor are built in and can't be changed; make a role of another name")
)

// ForbiddenError says which right is missing for something that the actor may see.
type ForbiddenError struct {
	Right   Right
	Problem string // what is wrong and what to do
}

func (e *ForbiddenError) Error() string { return string(e.Right) + ": " + e.Problem }

func forbidden(right Right, format string, args ...any) error {
	return &ForbiddenError{right, fmt.Sprintf(format, args...)}
}

// ThrottledError says that there were too many attempts to sign in. Nothing was
// checked; whoever waits for RetryAfter may try again.
type ThrottledError struct{ RetryAfter time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts to sign in; try again in %s", e.RetryAfter.Truncate(time.Second)+time.Second)
}

// PlanError says that an account has tokens and nobody said what becomes of them.
type PlanError struct {
	Account string
	Tokens  int
}

func (e *PlanError) Error() string {
	return fmt.Sprintf("account %s has %d tokens; say whether to hand them over, and to whom, or to delete them", e.Account, e.Tokens)
}

// RoleInUseError says that a role can't go since accounts have it.
type RoleInUseError struct {
	Role     string
	Accounts int
}

func (e *RoleInUseError) Error() string {
	return fmt.Sprintf("%d accounts have the role %s; give them another one first", e.Accounts, e.Role)
}
