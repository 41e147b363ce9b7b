package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// How long sessions last.
const (
	SessionIdle = 30 * time.Minute // without use
	SessionMost = 12 * time.Hour
	SetUpMost   = time.Hour // of set-up links
)

// The methods of sessions that are begun here, and that of those that a gateway keeps
// for people whom a proxy vouches for.
const (
	byPassword = "password"
	bySetUp    = "set-up"
	byHeader   = "header"
)

// From is where a request comes from.
type From struct {
	Address string // IP address
	Agent   string // User-Agent of the browser
	Via     Via    // ViaPage if empty
}

func (f From) via() Via {
	if f.Via == "" {
		return ViaPage
	}
	return f.Via
}

const maxAgent = 300 // bytes

// SignedIn is a session that has just begun.
type SignedIn struct {
	Secret  token.Secret // for the cookie; nobody keeps it
	Session SessionRecord
	Account AccountRecord
}

// live reports whether a session of an account has not ended.
func (s *Service) live(session *store.Session) bool {
	now := s.now()
	return session.Account != "" && now.Before(session.Expiry) && now.Sub(session.Seen) < SessionIdle
}

// newSession returns a session, not in the store yet, and its secret.
func (s *Service) newSession(account, method string, most time.Duration, from From) (store.Session, token.Secret, error) {
	secret, err := s.newSecret()
	if err != nil {
		return store.Session{}, secret, err
	}
	id, err := s.newID("ses_")
	now := s.now()
	return store.Session{
		ID: id, Digest: secret.Digest(), Account: account, Method: method, Created: now, Seen: now, Expiry: now.Add(most),
		Address: from.Address, Agent: from.Agent[:min(len(from.Agent), maxAgent)],
	}, secret, err
}

// beginSession signs an account in, within the transaction that checked that it may.
func (s *Service) beginSession(ctx context.Context, tx store.Tx, account *store.Account, session store.Session, via Via) error {
	account.SignedIn = session.Created
	if err := tx.UpdateAccount(ctx, *account); err != nil {
		return err
	}
	if err := tx.CreateSession(ctx, session); err != nil {
		return err
	}
	who := actorOf(account, session.Address, via)
	return s.note(ctx, tx, &who, accountEvent(signIn, account), nil, fields{"method": session.Method, "session": session.ID})
}

// actorOf returns an account that is about to be signed in, for the audit trail. It may do nothing.
func actorOf(a *store.Account, address string, via Via) Actor {
	record := accountRecord(a)
	return Actor{Account: &record, Via: via, Address: address}
}

func signedIn(secret token.Secret, session *store.Session, account *store.Account) SignedIn {
	return SignedIn{Secret: secret, Session: sessionRecord(session, account.Name, session.ID), Account: accountRecord(account)}
}

func sessionRecord(s *store.Session, account, current string) SessionRecord {
	return SessionRecord{
		ID: s.ID, Account: account, Method: s.Method, Created: moment(s.Created), Seen: moment(s.Seen), Expiry: moment(s.Expiry),
		Address: s.Address, Agent: s.Agent, Current: s.ID == current,
	}
}

// SignOut ends the session of the actor.
func (s *Service) SignOut(ctx context.Context, actor Actor) error {
	return s.store.Change(ctx, func(tx store.Tx) error {
		who, err := s.fresh(ctx, tx, actor)
		if err != nil || who.Session == "" {
			return err
		}
		if err := tx.DeleteSession(ctx, who.Session); err != nil {
			return err
		}
		e := store.Event{Action: signOut, Subject: who.Account.ID, Name: who.Account.Name}
		return s.note(ctx, tx, &who, e, fields{"session": who.Session}, nil)
	})
}

// Sessions returns a page of the live sessions of an account, newest first; of
// the actor's for "", and of all accounts for "*".
func (s *Service) Sessions(ctx context.Context, actor Actor, account string, p Paging) (Page[SessionRecord], error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return Page[SessionRecord]{}, err
	}
	records, err := s.liveSessions(ctx, s.store, &who, SessionRead, account)
	if err != nil {
		return Page[SessionRecord]{}, err
	}
	return paginateDown(records, p, "sessions", func(r *SessionRecord) string {
		return fmt.Sprintf("%020d>%s", r.Created.UnixMilli(), r.ID)
	})
}

// liveSessions returns the sessions of an account that the actor has the right for.
func (s *Service) liveSessions(ctx context.Context, r store.Reader, who *Actor, right Right, account string) ([]SessionRecord, error) {
	if err := who.needAny(right); err != nil {
		return nil, err
	}
	if account = canonical(account); account == "" {
		account = who.Name()
	}
	if account != who.Name() && who.Scope(right) != store.All {
		return nil, wrapAccount(store.ErrNotFound, account)
	}
	id := ""
	if account != "*" {
		a, err := r.AccountByName(ctx, account)
		if err != nil {
			return nil, wrapAccount(err, account)
		}
		id = a.ID
	}
	return s.readSessions(ctx, r, who, id)
}

func (s *Service) readSessions(ctx context.Context, r store.Reader, who *Actor, account string) ([]SessionRecord, error) {
	accounts, err := r.Accounts(ctx)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, err
	}
	names := map[string]string{}
	for i := range accounts {
		names[accounts[i].ID] = accounts[i].Name
	}
	sessions, err := r.Sessions(ctx, account)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, err
	}
	records := []SessionRecord{}
	for i := range sessions {
		if s.live(&sessions[i]) {
			records = append(records, sessionRecord(&sessions[i], names[sessions[i].Account], who.Session))
		}
	}
	return records, nil
}

// DeleteSession ends a session by its id.
func (s *Service) DeleteSession(ctx context.Context, actor Actor, id string) error {
	return s.store.Change(ctx, func(tx store.Tx) error {
		who, err := s.fresh(ctx, tx, actor)
		if err != nil {
			return err
		}
		account := ""
		if who.Scope(SessionDelete) == store.All {
			account = "*"
		}
		sessions, err := s.liveSessions(ctx, tx, &who, SessionDelete, account)
		if err != nil {
			return err
		}
		for i := range sessions {
			if sessions[i].ID == id {
				return s.endSession(ctx, tx, &who, &sessions[i])
			}
		}
		return fmt.Errorf("session %q: %w", id, store.ErrNotFound)
	})
}

// DeleteSessions ends all sessions of an account ("" is the actor's) but the one that asks.
func (s *Service) DeleteSessions(ctx context.Context, actor Actor, account string) error {
	return s.store.Change(ctx, func(tx store.Tx) error {
		who, err := s.fresh(ctx, tx, actor)
		if err != nil {
			return err
		}
		if canonical(account) == "*" {
			return problem("account", "name one account")
		}
		sessions, err := s.liveSessions(ctx, tx, &who, SessionDelete, account)
		if err != nil {
			return err
		}
		for i := range sessions {
			if sessions[i].Current {
				continue
			}
			if err := s.endSession(ctx, tx, &who, &sessions[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) endSession(ctx context.Context, tx store.Tx, who *Actor, session *SessionRecord) error {
	a, _, err := s.ownOrManageable(ctx, tx, who, session.Account)
	if err != nil {
		return err
	}
	if err := tx.DeleteSession(ctx, session.ID); err != nil {
		return err
	}
	return s.note(ctx, tx, who, accountEvent(sessionDelete, &a), fields{"session": session.ID, "method": session.Method}, nil)
}

// ownOrManageable is manageable that lets everybody have a say over themselves.
func (s *Service) ownOrManageable(ctx context.Context, tx store.Tx, who *Actor, name string) (store.Account, store.Role, error) {
	if name == who.Name() {
		a, err := tx.AccountByName(ctx, name)
		return a, who.role, err
	}
	return s.manageable(ctx, tx, who, name)
}
