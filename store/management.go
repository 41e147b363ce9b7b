package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// Account is a person, or a program, that manages tokens.
type Account struct {
	ID       string // "acc_" and 16 base62 characters
	Name     string // unique; tokens name their owner by it
	Role     string // the name of a role
	Password string // a slow hash in PHC form; empty if it has no password
	Subject  string // who it is to single sign-on; unique, or empty if it is nobody there
	Enabled  bool
	Created  time.Time
	Updated  time.Time
	SignedIn time.Time // zero for never
	Version  int64     // raised by every change but of SignedIn
}

// Scope says whose tokens a right is for.
type Scope string

// The closed list of scopes.
const (
	None Scope = "none"
	Own  Scope = "own"
	All  Scope = "all"
)

// ParseScope returns the scope with the given name.
func ParseScope(s string) (Scope, error) {
	switch scope := Scope(s); scope {
	case None, Own, All:
		return scope, nil
	}
	return "", fmt.Errorf("%q is not a scope; use none, own or all", s)
}

// Role says what its accounts may do. Those that are built in are in no store.
type Role struct {
	Name        string
	Description string
	Read        Scope // of tokens, as are the next four
	Create      Scope // All: also for other owners
	Update      Scope
	Regenerate  Scope
	Delete      Scope
	Accounts    bool // manages accounts and roles
	Audit       bool // reads the audit trail
	Ceiling     Ceiling
	Updated     time.Time
	Version     int64
}

// Ceiling is the most that a role may hand out. A nil list allows everything.
type Ceiling struct {
	APIs   []string
	Types  []token.Type
	Grants []string // of custom tokens: permissions' names, or operations written out
}

// Session lets a browser act for an account, or whoever holds a set-up link make
// the first one.
type Session struct {
	ID      string       // "ses_" and 16 base62 characters; names it to people
	Digest  token.Digest // of what the browser holds
	Account string       // id of the account; empty for a set-up link
	Method  string       // how it was signed in: password, header, oidc, set-up
	Created time.Time
	Seen    time.Time // newest use, within a minute
	Expiry  time.Time // ends at the latest then
	Address string    // it was signed in from
	Agent   string    // User-Agent of the browser
}

// Event is an entry of the audit trail. It never holds a secret.
type Event struct {
	ID      int64 // grows with time
	Time    time.Time
	Actor   string          // name of the account, or of the system user of a command; empty if nobody is signed in
	Via     string          // command, page, api or gateway
	Token   string          // id of the token that the actor used; empty if none
	Address string          // it came from; empty for commands
	Action  string          // what was done: token.create, account.update, sign-in.refused
	Subject string          // id or name of what it was done to
	Name    string          // name of the subject for people
	API     string          // of a token
	Owner   string          // of a token
	Before  json.RawMessage // what changed, as it was; nil if it was not there
	After   json.RawMessage // as it is; nil if it is gone
}

// EventQuery picks events. Empty fields pick all.
type EventQuery struct {
	Actor, Action, Subject, API string
	Since, Until                time.Time // Since is included, Until is not
	Before                      int64     // only those with a smaller ID
	// Limit is how many there are at most; 0 is all. With one they also end with the first
	// after those that have PageBytes.
	Limit int
}

// Idempotent remembers a token that was created with an Idempotency-Key.
type Idempotent struct {
	Account string       // id
	Key     token.Digest // of the key
	Request token.Digest // of the request that it came with
	TokenID string
	Created time.Time
}

// TokenQuery picks a page of tokens. Empty fields pick all.
type TokenQuery struct {
	Search      string // stands in the name, the description, the owner or the hint; case doesn't matter
	API         string
	Type        token.Type
	Status      token.Status
	Owner       string
	UnusedSince time.Time // not used since then, and created before it
	ExpiresBy   time.Time // active, and ends by then
	Now         time.Time // for Status and ExpiresBy
	Sort        TokenOrder
	Descending  bool
	After       string // Next of the page before; the other fields are as they were then
	Limit       int    // at least 1; a page that has PageBytes also ends
}

// TokenOrder is what tokens are sorted by; ties are by id, in the same direction.
// Case doesn't matter for names and owners, but for APIs. Never sorts as before all
// times for last use, and as after all for expiry.
type TokenOrder string

// The closed list of orders. The default is by name.
const (
	ByName     TokenOrder = "name"
	ByAPI      TokenOrder = "api"
	ByOwner    TokenOrder = "owner"
	ByCreated  TokenOrder = "created"
	ByLastUsed TokenOrder = "last_used"
	ByExpiry   TokenOrder = "expiry"
)

// TokenPage is a page of tokens.
type TokenPage struct {
	Tokens     []token.Token
	Unreadable []string // ids of those on it that can't be understood
	Next       string   // After of the next page; empty if there is none
}

// Gateway is a running gateway in front of an API, as it says itself.
type Gateway struct {
	ID          string // of its process and store; random, the same for all APIs
	API         string
	Name        string        // of its machine
	Version     string        // of Tokenreeve; empty if it isn't known
	Fingerprint string        // of its catalog
	Started     time.Time     // protects the API by this catalog since then, by its own clock
	Seen        time.Time     // when it was heard of last, by the store's clock
	Silent      time.Duration // for how long it has not been heard of, by the store's clock
}

// SecretUse says when a secret of a token was used last.
type SecretUse struct {
	Secret

	LastUsed time.Time // zero for never
}

// Management are the reads that managing tokens needs beside Reader. Accounts,
// roles and sessions are few, and read anew for every request, so that what
// changes holds with the next one on every gateway.
type Management interface {
	// TokenPage returns a page of tokens. Of rows that can't be understood it has
	// the ids alone, which count for the limit. It returns ErrBadCursor for
	// an After that is no cursor or one of another order. A token that changes
	// place between two pages may be on both or none; all others are on one.
	TokenPage(ctx context.Context, q TokenQuery) (TokenPage, error)
	// Secrets returns the secrets of a token that have not ended by then, newest
	// first; none if there is no such token. Those that can't be understood are
	// left out and joined into the error, as in all lists below.
	Secrets(ctx context.Context, tokenID string, now time.Time) ([]SecretUse, error)

	// Account returns the account with the given id, or ErrNotFound.
	Account(ctx context.Context, id string) (Account, error)
	// AccountByName returns the account with the given name, or ErrNotFound.
	AccountByName(ctx context.Context, name string) (Account, error)
	// AccountBySubject returns the account of single sign-on, or ErrNotFound.
	AccountBySubject(ctx context.Context, subject string) (Account, error)
	// Accounts returns all accounts, sorted by name.
	Accounts(ctx context.Context) ([]Account, error)
	// Roles returns all roles in the store, sorted by name.
	Roles(ctx context.Context) ([]Role, error)
	// Session returns the session of a digest, or ErrNotFound. Whether it has ended
	// is for the caller to see.
	Session(ctx context.Context, digest token.Digest) (Session, error)
	// Sessions returns the sessions of an account, or all for "", newest first.
	Sessions(ctx context.Context, account string) ([]Session, error)
	// Events returns entries of the audit trail, newest first.
	Events(ctx context.Context, q EventQuery) ([]Event, error)
	// Gateways returns all gateways, sorted by API, name and start.
	Gateways(ctx context.Context) ([]Gateway, error)
	// CountTokens returns how many tokens each API has, those that have any: of an
	// owner, or of all for "". Those that can't be understood count as well.
	CountTokens(ctx context.Context, owner string) (map[string]int, error)
	// Idempotent returns what was created with a key, or ErrNotFound.
	Idempotent(ctx context.Context, account string, key token.Digest) (Idempotent, error)
}

// ManagementTx is the part of a transaction that changes no token.
type ManagementTx interface {
	// CreateAccount adds an account (version 1), or returns ErrNameTaken or ErrSubjectTaken.
	CreateAccount(ctx context.Context, a Account) error
	// UpdateAccount writes role, password, subject, enabled, updated and signed-in
	// if a.Version is still the version in the store, and raises that, unless
	// nothing differs but signed-in. It returns ErrNotFound, ErrSubjectTaken or
	// ErrConflict otherwise.
	UpdateAccount(ctx context.Context, a Account) error
	// DeleteAccount removes an account and its sessions, or returns ErrNotFound.
	// Its tokens are for the caller to see to.
	DeleteAccount(ctx context.Context, id string) error
	// CreateRole adds a role (version 1), or returns ErrNameTaken.
	CreateRole(ctx context.Context, r Role) error
	// UpdateRole replaces a role if r.Version is still the one in the store, and
	// raises that. It returns ErrNotFound or ErrConflict otherwise.
	UpdateRole(ctx context.Context, r Role) error
	// DeleteRole removes a role, or returns ErrNotFound.
	DeleteRole(ctx context.Context, name string) error
	// CreateSession adds a session, or returns ErrNotFound if its account is gone
	// and ErrConflict if its id or digest is taken.
	CreateSession(ctx context.Context, s Session) error
	// DeleteSession removes a session by its id, or returns ErrNotFound: of two
	// that want the same, one gets it.
	DeleteSession(ctx context.Context, id string) error
	// DeleteSessions removes all sessions of an account but the one with the id
	// except; for "" all set-up links.
	DeleteSessions(ctx context.Context, account, except string) error
	// AppendEvent adds an entry to the audit trail and gives it its ID. Its texts
	// may come from anywhere: what no store can keep becomes U+FFFD, as it does in
	// the address and agent of a session.
	AppendEvent(ctx context.Context, e Event) error
	// AppendEvents is AppendEvent for many, in their order, in few round trips.
	AppendEvents(ctx context.Context, events []Event) error
	// SaveIdempotent remembers what was created with a key, or returns ErrConflict if the key is taken.
	SaveIdempotent(ctx context.Context, i Idempotent) error
}

// Housekeeping are writes that are no changes: nobody is told of them.
type Housekeeping interface {
	// TouchSession notes when a session was used, if that is later than what it has.
	TouchSession(ctx context.Context, id string, seen time.Time) error
	// PruneManagement removes sessions that ended, memories of keys older than a
	// day, and events from before the given time, if that is not zero. There is no
	// other way to remove an event, and none to change one.
	PruneManagement(ctx context.Context, now, eventsBefore time.Time) error
	// SaveGateway replaces what the gateway of this id says of itself: its APIs, each
	// once, or none when it stops. Seen is the store's time. What no store can keep
	// in a text becomes U+FFFD.
	SaveGateway(ctx context.Context, id string, apis []Gateway) error
	// PruneGateways removes gateways that have been silent for at least the given time.
	PruneGateways(ctx context.Context, silent time.Duration) error
}
