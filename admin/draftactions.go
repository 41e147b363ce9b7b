package admin

import (
	"context"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Drafts returns the drafts of an API, and what would be answered otherwise with them, of
// the requests of the last days: DefaultDraftDays for 0.
func (s *Service) Drafts(ctx context.Context, actor Actor, api string, days int) (Drafts, error) {
	return Drafts{}, store.ErrNotFound
}

// Draft returns the draft of a token, or store.ErrNotFound. An editor of it begins with what
// is drafted, and names its version.
func (s *Service) Draft(ctx context.Context, actor Actor, id string) (DraftRecord, error) {
	return DraftRecord{}, store.ErrNotFound
}

// UpdateAPI puts all drafts of an API in force, or none: then the error is DraftErrors, or
// store.ErrConflict if the drafts are not those that were seen, see Drafts.Seen.
func (s *Service) UpdateAPI(ctx context.Context, actor Actor, api, seen string) (Updated, error) {
	return Updated{}, store.ErrConflict
}

// DiscardAPI drops all drafts of an API and returns how many there were. If they are not
// those that were seen, that is store.ErrConflict.
func (s *Service) DiscardAPI(ctx context.Context, actor Actor, api, seen string) (int, error) {
	return 0, store.ErrConflict
}

// DiscardDraft drops the draft of a token, or returns store.ErrNotFound.
func (s *Service) DiscardDraft(ctx context.Context, actor Actor, id string) error {
	return store.ErrNotFound
}

// DisableNow disables a token at once, also if changes of its API are drafts first, and so
// that its draft doesn't enable it again: a leak is no time for a second step.
func (s *Service) DisableNow(ctx context.Context, actor Actor, id string) (token.Token, error) {
	return token.Token{}, store.ErrNotFound
}
