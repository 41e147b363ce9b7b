package admin

import (
	"errors"
	"fmt"
	"strings"
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
	// by a newer one, or there is an owner already.
	ErrSetUpLink = errors.New("the set-up link is not valid; restart the gateway for a new one, or make an account with caddy api-tokens account create")
	// ErrSetUpDone: there is an owner who can sign in, so nobody becomes one by a
	// link any more.
	ErrSetUpDone = errors.New("there is an owner already")
	// ErrKeyReused: the idempotency key came with another request before.
	ErrKeyReused = errors.New("the idempotency key was used with another request; use a new key for every new request")
	// ErrCreatedGone: the request came before, and the token that it made then was
	// deleted, or the actor may not know of it any more.
	ErrCreatedGone = errors.New("this request made a token before, which is gone; use a new key to make another one")
	// ErrLastOwner: nobody would be left who may do everything.
	ErrLastOwner = errors.New("this is the last enabled account with the role owner that has a password or a subject to sign in by; see to another one first")
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

// DraftError says why a draft can't be put in force: FieldErrors or a *ForbiddenError.
type DraftError struct {
	TokenID, Name string // of its token
	Err           error
}

func (e *DraftError) Error() string { return fmt.Sprintf("token %q: %v", e.Name, e.Err) }

func (e *DraftError) Unwrap() error { return e.Err }

// DraftErrors are all drafts that keep an API from being updated. Its text is one line.
type DraftErrors []*DraftError

func (d DraftErrors) Error() string {
	lines := make([]string, len(d))
	for i, one := range d {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "; ")
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
	return fmt.Sprintf("account %s has %s; say whether to hand over, and to whom, or to delete", e.Account, Count(e.Tokens, "token"))
}

// RoleInUseError says that a role can't go since accounts have it.
type RoleInUseError struct {
	Role     string
	Accounts int
}

func (e *RoleInUseError) Error() string {
	have := "have"
	if e.Accounts == 1 {
		have = "has"
	}
	return fmt.Sprintf("%s %s the role %s; give another one first", Count(e.Accounts, "account"), have, e.Role)
}

// Count says how many there are of what, such as 1 token or 2 tokens.
func Count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
