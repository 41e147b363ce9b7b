package store

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// Draft is what shall become of a token. An API whose changes are staged has drafts
// of them until somebody puts all in force. No look-up finds the secret of a draft, and
// no read of tokens what it shall become.
type Draft struct {
	TokenID string
	API     string
	Base    *token.Token // as the token was when its first change was drafted; nil for a new one
	Token   *token.Token // as it shall be; nil if it shall be gone
	// Secret is that of a new token, or the one that replaces those which a token has; nil
	// if they stay.
	Secret *Secret
	// SecretAuthor is who drafted the secret, and so may know it; empty if there is none, or
	// if that was not written yet.
	SecretAuthor string
	Overlap      time.Duration // for how long those that are replaced go on to work, from the update on; in milliseconds
	Author       string        // who changed it last
	Created      time.Time
	Updated      time.Time
	Version      int64 // the time of its last change; no version that the token or a draft of it had
}

// UnreadableDraftError is ErrUnreadable for a draft, and says of which token it is, so that
// whoever hits upon it can drop it.
type UnreadableDraftError struct {
	TokenID string
	Err     error // what is wrong with it
}

func (e *UnreadableDraftError) Error() string {
	return fmt.Sprintf("draft of token %s: %v: %v", e.TokenID, ErrUnreadable, e.Err)
}

// Unwrap makes it ErrUnreadable as well.
func (e *UnreadableDraftError) Unwrap() []error { return []error{ErrUnreadable, e.Err} }

// DraftReader are the reads of drafts.
type DraftReader interface {
	// Draft returns the draft of a token, or ErrNotFound. One that can't be
	// understood in all its parts is an *UnreadableDraftError.
	Draft(ctx context.Context, tokenID string) (Draft, error)
	// Drafts returns the drafts of the given API, or of all for "", sorted by API and
	// id of the token. Those that can't be understood are left out and joined into an
	// error of *UnreadableDraftErrors that comes beside the readable ones.
	Drafts(ctx context.Context, api string) ([]Draft, error)
}

// DraftTx is the part of a transaction that changes drafts. No watcher is told, and no
// version of a token raised.
type DraftTx interface {
	// SaveDraft adds a draft, if version is 0, or replaces the one of the version, with
	// a newer version. It returns ErrConflict if there is another one, or none. What no
	// store could give back as it is (a text in which a byte is 0 or no UTF-8, a token of
	// another id or API, no token at all, a version that isn't newer) is an error that
	// leaves the transaction as it was.
	SaveDraft(ctx context.Context, d Draft, version int64) error
	// DeleteDraft removes the draft of a token, also one that can't be understood, or
	// returns ErrNotFound. DeleteToken removes it as well.
	DeleteDraft(ctx context.Context, tokenID string) error
}
