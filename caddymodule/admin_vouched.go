package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

// vouched has the sessions of those whom a proxy vouches for with each request.
// Their secrets stay here: such people need no cookie, and what ends a session
// ends it for good only once the proxy sends no one any more.
type vouched struct {
	mu    sync.Mutex
	known map[string]*vouchedFor
}

// vouchedFor is one person.
type vouchedFor struct {
	signingIn sync.Mutex
	secret    atomic.Pointer[string] // of the session; nil if there is none yet
}

// maxVouched bounds the memory. Who is forgotten gets another session.
const maxVouched = 10_000

func (v *vouched) of(name string) *vouchedFor {
	v.mu.Lock()
	defer v.mu.Unlock()
	who := v.known[name]
	if who == nil {
		if v.known == nil || len(v.known) >= maxVouched {
			v.known = map[string]*vouchedFor{}
		}
		who = &vouchedFor{}
		v.known[name] = who
	}
	return who
}

// actor returns the account of a name that the proxy gave. role is for one that
// is made on first use.
func (v *vouched) actor(ctx context.Context, s *admin.Service, name, role string, from admin.From) (admin.Actor, error) {
	who := v.of(name)
	before := who.secret.Load()
	if before != nil {
		if actor, err := s.SessionActor(ctx, *before, from.Address); !errors.Is(err, admin.ErrSignedOut) {
			return actor, err
		}
	}
	who.signingIn.Lock()
	defer who.signingIn.Unlock()
	if who.secret.Load() == before { // nobody else was quicker
		secret, err := signInVouched(ctx, s, name, role, from)
		if err != nil {
			return admin.Actor{}, err
		}
		who.secret.Store(&secret)
	}
	actor, err := s.SessionActor(ctx, *who.secret.Load(), from.Address)
	if errors.Is(err, admin.ErrSignedOut) {
		err = errSignInAgain
	}
	return actor, err
}

func signInVouched(ctx context.Context, s *admin.Service, name, role string, from admin.From) (string, error) {
	identity := admin.ExternalIdentity{Subject: "header:" + name, Name: name, Method: "header"}
	in, err := signInExternal(ctx, s, identity, role, from)
	if errors.Is(err, admin.ErrSignInRefused) {
		err = problemNoAccount(name)
	}
	if err != nil {
		return "", err
	}
	return in.Secret.Reveal(), nil
}

// signInExternal signs in who was signed in elsewhere, or says admin.ErrSignInRefused.
func signInExternal(ctx context.Context, s *admin.Service, who admin.ExternalIdentity, role string, from admin.From) (admin.SignedIn, error) {
	in, err := s.SignInExternal(ctx, who, role, from)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNameTaken) || errors.Is(err, store.ErrSubjectTaken) {
		in, err = s.SignInExternal(ctx, who, role, from) // another gateway made the account just now
	}
	if err == nil || errors.Is(err, admin.ErrSignInRefused) || isAway(err) || ctx.Err() != nil {
		return in, err
	}
	// Not that the role, say, is not found: that is no answer to what was asked.
	return in, fmt.Errorf("signing in by %s failed: %v", who.Method, err) //nolint:errorlint // on purpose
}
