package admin

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Via says how an actor came here.
type Via string

// The closed list of ways.
const (
	ViaCommand Via = "command"
	ViaPage    Via = "page"
	ViaAPI     Via = "api"
	ViaGateway Via = "gateway" // by itself
)

// Actor is who asks, as of this request; the zero Actor may do nothing. Its
// fields are for showing: what an actor may do is read anew from the store, in
// the transaction of every change, so that keeping an Actor keeps no right.
type Actor struct {
	Account     *AccountRecord // nil for the command line
	Role        RoleRecord
	Via         Via
	Token       *token.Token // that it acts through; nil if none
	Permissions []Right      // that this token has; nil without one
	Session     string       // id of its session; empty if none
	Address     string

	command bool         // may do everything
	system  string       // name of the system user of a command
	digest  token.Digest // of its session
	role    store.Role
	acting  *acting // of Token
	whole   []Right // of Permissions, those that the token has all operations of
}

// Operator returns the actor of the command line. Who may run a command on the
// store may do everything anyway.
func Operator(systemUser string) Actor {
	return Actor{Role: roleRecord(&builtIn[0]), Via: ViaCommand, command: true, system: systemUser, role: builtIn[0]}
}

// Name returns the name of the account or of the system user: tokens of that
// owner are the actor's own.
func (a *Actor) Name() string {
	if a.Account != nil {
		return a.Account.Name
	}
	return a.system
}

// seenEvery is how often the use of a session is written at most.
const seenEvery = time.Minute

// SessionActor returns who acts by the secret of a session, and notes its use,
// or ErrSignedOut. It comes by a page, unless the caller knows better and says so
// in Via.
func (s *Service) SessionActor(ctx context.Context, secret, address string) (Actor, error) {
	asked := Actor{Via: ViaPage, Session: "?", Address: address, digest: token.Hash(secret)}
	actor, session, err := s.bySession(ctx, s.store, asked)
	if err != nil {
		return Actor{}, err
	}
	if now := s.now(); now.Sub(session.Seen) >= seenEvery {
		err = s.store.TouchSession(ctx, session.ID, now)
	}
	return actor, err
}

// TokenActor returns who acts through a token of ManagementAPI that the gate let
// through: the account of its owner. It is a *ForbiddenError if that has none
// that is enabled.
func (s *Service) TokenActor(ctx context.Context, tokenID, address string) (Actor, error) {
	return s.byToken(ctx, s.store, Actor{Via: ViaAPI, Token: &token.Token{ID: tokenID}, Address: address})
}

// fresh reads anew who the actor is and what they may do. In a change, r is its transaction.
func (s *Service) fresh(ctx context.Context, r store.Reader, a Actor) (Actor, error) {
	switch {
	case a.command:
		return a, nil
	case a.Token != nil:
		return s.byToken(ctx, r, a)
	case a.Session != "":
		fresh, _, err := s.bySession(ctx, r, a)
		return fresh, err
	default:
		return Actor{}, ErrSignedOut
	}
}

func (s *Service) bySession(ctx context.Context, r store.Reader, a Actor) (Actor, store.Session, error) {
	session, err := r.Session(ctx, a.digest)
	if errors.Is(err, store.ErrNotFound) || err == nil && !s.live(&session) {
		return Actor{}, session, ErrSignedOut
	}
	if err != nil {
		return Actor{}, session, err
	}
	account, err := r.Account(ctx, session.Account)
	if errors.Is(err, store.ErrNotFound) || err == nil && !account.Enabled {
		return Actor{}, session, ErrSignedOut
	}
	if err != nil {
		return Actor{}, session, err
	}
	a.Session = session.ID
	err = s.fill(ctx, r, &a, &account)
	return a, session, err
}

func (s *Service) byToken(ctx context.Context, r store.Reader, a Actor) (Actor, error) {
	t, err := r.Token(ctx, a.Token.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (t.Status(s.now()) != token.Active || t.API != ManagementAPI) {
		return Actor{}, ErrSignedOut
	}
	if err != nil {
		return Actor{}, err
	}
	account, err := r.AccountByName(ctx, t.Owner)
	if errors.Is(err, store.ErrNotFound) || err == nil && !account.Enabled {
		return Actor{}, forbidden("", "this token acts for its owner, and %q is no account that is enabled; make or enable it", t.Owner)
	}
	if err != nil {
		return Actor{}, err
	}
	if a.Token = &t; a.acting.is(&t) {
		a.acting = &acting{t, a.acting.cover, a.acting.rights, a.acting.whole}
	} else if a.acting, err = actingThrough(&t); err != nil {
		return Actor{}, err
	}
	a.Permissions, a.whole = slices.Clone(a.acting.rights), a.acting.whole
	err = s.fill(ctx, r, &a, &account)
	return a, err
}

func (s *Service) fill(ctx context.Context, r store.Reader, a *Actor, account *store.Account) error {
	role, err := s.role(ctx, r, account.Role)
	if errors.Is(err, store.ErrNotFound) {
		role = store.Role{Name: account.Role} // may do nothing
	} else if err != nil {
		return err
	}
	record := accountRecord(account)
	a.Account, a.role, a.Role = &record, role, roleRecord(&role)
	return nil
}

// acting is a token of ManagementAPI that somebody acts through, and what it allows.
type acting struct {
	token         token.Token
	cover         *cover
	rights, whole []Right
}

// is reports whether a token allows the same, so that what was found out in front of a
// transaction, which others wait for, holds in it as well.
func (x *acting) is(t *token.Token) bool {
	return x != nil && x.token.Type == t.Type && slices.Equal(x.cover.list, t.Grants)
}

// actingThrough returns what a token of ManagementAPI allows. One that is allowed some
// operations of a right has it: which ones, the gate has decided. To give a right to
// others, it must have the whole of it.
func actingThrough(t *token.Token) (*acting, error) {
	catalog, err := managementCatalog()
	if err != nil {
		return nil, err
	}
	x := &acting{token: *t, cover: newCover(catalog, t.Grants), rights: []Right{}}
	if x.cover.err != nil {
		return nil, x.cover.err
	}
	steps := &steps{left: coverSteps}
	for _, p := range catalog.Permissions() {
		allowed := 0
		for _, op := range p.Operations {
			m := catalog.Find(op.Method, paths(op, 0)[0])
			if t.Type == token.FullAccess || t.Type == token.ReadOnly && catalog.Reads(m) || t.Type == token.Custom && x.cover.matches(new(newShape(op)), steps) {
				allowed++
			}
		}
		if allowed > 0 {
			x.rights = append(x.rights, Right(p.Name))
		}
		if allowed == len(p.Operations) {
			x.whole = append(x.whole, Right(p.Name))
		}
	}
	return x, nil
}

// managementCatalog is that of ManagementAPI, ready for matching.
var managementCatalog = sync.OnceValues(func() (*permission.Catalog, error) {
	return permission.NewCatalog(ManagementPermissions())
})
