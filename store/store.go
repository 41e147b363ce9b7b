// Package store is the contract between Tokenreeve and whatever keeps its
// tokens. The drivers are in store/sqlite and its siblings; all of them pass
// the suite in store/storetest.
package store

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// The outcomes that callers tell apart; drivers wrap them with detail. Every
// other error is a technical failure.
var (
	// ErrNotFound: there is no such token, secret or API.
	ErrNotFound = errors.New("not found")
	// ErrNameTaken: the API has another token of that name.
	ErrNameTaken = errors.New("name is taken")
	// ErrSecretTaken: the secret belongs to a token already.
	ErrSecretTaken = errors.New("secret is in use")
	// ErrConflict: the token changed since the version at hand was read.
	ErrConflict = errors.New("changed in the meantime")
	// ErrSubjectTaken: another account is that subject of single sign-on.
	ErrSubjectTaken = errors.New("subject is taken")
	// ErrBadCursor: the cursor is not one of this query.
	ErrBadCursor = errors.New("cursor is not of this query")
	// ErrUnreadable: the record is there but can't be understood. It denies
	// this one token; it is not a failure of the store.
	ErrUnreadable = errors.New("record can't be understood")
	// ErrUnavailable: the store can't be reached or did not answer in time.
	// Only this failure lets a known token go on for a while (rule 15).
	ErrUnavailable = errors.New("store is unavailable")
	// ErrNotEmpty: the store has tokens, drafts, roles or accounts already.
	ErrNotEmpty = errors.New("store is not empty")
)

// Store keeps tokens, the digests of their secrets, their use and the catalogs
// of the APIs. All methods are safe for concurrent use.
type Store interface {
	Reader
	Housekeeping

	// Lookup returns the token that a secret belongs to. It returns
	// ErrNotFound for an unknown digest and ErrUnreadable for a row that can't
	// be understood. It reads one row by its key and never waits for a writer.
	Lookup(ctx context.Context, digest token.Digest) (Found, error)

	// Change runs fn in one transaction: all that it did is durable when Change
	// returns nil, and none of it otherwise. fn may run more than once. Before
	// Change returns, the watchers of this store have been told of it.
	Change(ctx context.Context, fn func(tx Tx) error) error

	// RecordUse merges uses in one transaction of a statement or three, whatever
	// their number: counts are added, times only move forward, and addresses with
	// them. Uses of tokens that are gone are ignored. It raises no version and tells
	// no watcher.
	RecordUse(ctx context.Context, uses []token.Use) error

	// PruneUse removes the use of days before the given one, but the newest of
	// each secret, which says when it was used last; of secrets that ended, all.
	// Counts per permission all go. Like RecordUse, it raises no version, tells no watcher, and makes no change
	// wait.
	PruneUse(ctx context.Context, before time.Time) error

	// Watch calls notify for every change of tokens and secrets that commits
	// after Watch was called, by this or any other process, until the context
	// ends or the store is closed, and for no other reason; it returns the
	// context's error, or ErrUnavailable. Changes of this process are told before
	// Change returns, also while nothing can be heard of others; those within a
	// second. It begins with telling of everything, once it listens, and does so
	// again on any doubt. While it can't hear of others it goes on, says so
	// (Changed.Lost), and tells of everything when it can again.
	Watch(ctx context.Context, notify func(Changed)) error

	// Clock returns the time by the store's own clock; where the store has none,
	// by this machine's. An answer says that the store can be read now.
	Clock(ctx context.Context) (time.Time, error)

	// Export calls yield for every token, and then every draft, in the order of their
	// ids, then for every secret that is gone, role, account and event, oldest first;
	// all as of one moment. Sessions and memories of keys are left behind. It ends with yield's error, if that returns
	// one. A row that can't be understood ends it with ErrUnreadable.
	Export(ctx context.Context, yield func(Record) error) error

	// Import adds records to a store that has no tokens, drafts, roles and accounts
	// (ErrNotEmpty otherwise), all or none of them. Versions begin at 1 again, but those
	// of drafts and in them, and events get new numbers.
	Import(ctx context.Context, records iter.Seq2[Record, error]) error

	// Close releases the store. Calls after it fail.
	Close() error
}

// Reader has the reads that are the same inside and outside a transaction.
type Reader interface {
	Management
	DraftReader

	// Token returns the token with the given id, or ErrNotFound.
	Token(ctx context.Context, id string) (token.Token, error)
	// TokenByName returns the token of the given API and name, or ErrNotFound.
	TokenByName(ctx context.Context, api, name string) (token.Token, error)
	// Tokens returns the tokens of the given API, or of all for "", sorted by
	// API and name. Rows that can't be understood are left out and joined into
	// an ErrUnreadable error that comes beside the readable ones.
	Tokens(ctx context.Context, api string) ([]token.Token, error)
	// TokensByID returns those of the given ids that there are, in any order. Rows that
	// can't be understood are as with Tokens.
	TokensByID(ctx context.Context, ids []string) ([]token.Token, error)
	// Usage returns what the token did per UTC day since the given day, oldest
	// first, with all its secrets. Addresses and permissions are in UseSummary.
	Usage(ctx context.Context, tokenID string, since time.Time) ([]token.Use, error)
	// UseSummary returns what the token did since the given UTC day, per permission.
	UseSummary(ctx context.Context, tokenID string, since time.Time) (UseSummary, error)
	// Gone reports whether a secret that another system minted ended here: it was
	// replaced, or its token deleted, whatever happened to it since. Those have no hint
	// that begins with token.Prefix.
	Gone(ctx context.Context, digest token.Digest) (bool, error)
	// Catalogs returns what the gateways on this store protect, sorted by API.
	Catalogs(ctx context.Context) ([]Catalog, error)
}

// Tx is a transaction in which tokens change.
type Tx interface {
	Reader
	ManagementTx
	DraftTx

	// CreateToken adds a token as it is (version 1), or returns ErrNameTaken.
	CreateToken(ctx context.Context, t token.Token) error
	// UpdateToken writes all fields of the token but ID, API, Created, Hint and
	// LastUsed, if t.Version is still the version in the store, and raises
	// that. It returns ErrNotFound, ErrNameTaken or ErrConflict otherwise.
	UpdateToken(ctx context.Context, t token.Token) error
	// UpdateTokens is UpdateToken for many, one after the other, in few round trips. It
	// returns the error of the first that can't be updated; the others may be then.
	UpdateTokens(ctx context.Context, tokens []token.Token) error
	// DeleteToken removes a token, its secrets, its use and its draft, or returns ErrNotFound.
	DeleteToken(ctx context.Context, id string) error
	// DeleteTokens is to DeleteToken what UpdateTokens is to UpdateToken.
	DeleteTokens(ctx context.Context, ids []string) error
	// AddSecret gives the token another secret, whose hint becomes the token's,
	// or returns ErrNotFound or ErrSecretTaken. It raises no version, nor does
	// EndSecrets.
	AddSecret(ctx context.Context, tokenID string, s Secret) error
	// EndSecrets lets the token's present secrets work until the given time and
	// no longer than before; those that end at or before now are removed. It
	// returns ErrNotFound for an unknown token.
	EndSecrets(ctx context.Context, tokenID string, now, until time.Time) error
	// SaveCatalog replaces what an API protects.
	SaveCatalog(ctx context.Context, c Catalog) error
}

// Secret is a secret as stores keep it.
type Secret struct {
	Digest  token.Digest
	Scheme  token.Scheme
	Hint    string
	Created time.Time
	Expiry  time.Time // zero: as long as the token
}

// Found is the answer to a look-up.
type Found struct {
	Token        token.Token
	SecretExpiry time.Time // when this secret ends before its token does; zero if it doesn't
}

// UseSummary is what a token did in some time.
type UseSummary struct {
	Address     string                // that the last use of all came from; empty if that isn't known
	Counted     time.Time             // since when all is counted per permission; that may be later than what was asked for
	Permissions []token.PermissionUse // sorted by permission
}

// PermissionDay is what a token did with one permission on one UTC day.
type PermissionDay struct {
	token.PermissionUse

	Day time.Time
}

// Record is a token with all that a store has about it, for moving it to
// another store, or else a draft, a secret that is gone, a role, an account or an event.
type Record struct {
	Token   token.Token // its last use may be newer than those in Uses
	Secrets []Secret
	Uses    []token.Use // per UTC day and secret; their permissions are in Permissions
	// Permissions are per UTC day, sorted by it and by permission.
	Permissions []PermissionDay
	Address     string // that the last use came from

	Draft   *Draft
	Gone    *token.Digest
	Role    *Role
	Account *Account
	Event   *Event
}

// IsToken reports whether the record is one of a token.
func (r *Record) IsToken() bool {
	return r.Draft == nil && r.Gone == nil && r.Role == nil && r.Account == nil && r.Event == nil
}

// Changed names the secrets whose tokens changed. A reader that holds any of
// them must forget it.
type Changed struct {
	Digests []token.Digest
	All     bool // everything may have changed
	// Lost, if set, says that nothing can be heard of changes by others at the
	// moment, and why. It is told alone, once each time, also at the beginning if
	// Watch can't listen yet; All follows when it can.
	Lost error
}

// Catalog is an API as the gateways in front of it were configured.
type Catalog struct {
	API         string
	Permissions []permission.Permission
	// GraphQL says where the gates have GraphQL: each way once that a gate has it, one
	// without paths if others have none. It is empty if no gate has any.
	GraphQL []GraphQL
	Staged  bool // its changes are drafts first
	Updated time.Time
}

// GraphQL is where a gate has the GraphQL of its API, and what decides about it there.
type GraphQL struct {
	Paths         []permission.Pattern `json:"paths"`
	Introspection string               `json:"introspection"`
}
