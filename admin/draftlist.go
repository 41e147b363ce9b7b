package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// drafted is a draft with the token that it is of, as that works now and as it will be.
type drafted struct {
	store.Draft

	live   *token.Token // nil for a new one
	result *token.Token // nil if it will be gone
	parked bool         // the live one has another name for a moment, and the next version
}

func newDrafted(d store.Draft, live *token.Token) drafted {
	full := drafted{Draft: d, live: live}
	if d.Token != nil {
		result := merge(&d, live)
		result.Draft, result.Version = draftKind(&d), d.Version
		full.result = &result
	}
	return full
}

// token returns the token as it works now, or the new one.
func (d *drafted) token() *token.Token {
	if d.live != nil {
		return d.live
	}
	return d.result
}

// seenBy reports whether the actor may see both what the token is and what it will be.
func (d *drafted) seenBy(who *Actor) bool {
	return (d.live == nil || who.sees(d.live)) && (d.result == nil || who.sees(d.result))
}

// draftsOf returns the drafts of an API, sorted by the names of their tokens: first
// those that go, then those that change, then new ones. gone are tokens that have a draft
// but are no more.
func draftsOf(ctx context.Context, r store.Reader, api string) (list []drafted, gone []string, err error) {
	drafts, err := r.Drafts(ctx, api)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, nil, err
	}
	tokens, readErr := tokensOf(ctx, r, drafts)
	if readErr != nil {
		return nil, nil, readErr
	}
	for _, d := range drafts {
		full, readErr := withToken(d, tokens[d.TokenID])
		switch {
		case errors.Is(readErr, store.ErrNotFound):
			gone = append(gone, d.TokenID)
		case errors.Is(readErr, store.ErrUnreadable):
			err = errors.Join(err, &store.UnreadableDraftError{TokenID: d.TokenID, Err: readErr})
		case readErr != nil:
			return nil, nil, readErr
		default:
			list = append(list, full)
		}
	}
	slices.SortFunc(list, func(a, b drafted) int {
		return cmp.Or(cmp.Compare(order(&a.Draft), order(&b.Draft)), cmp.Compare(a.token().Name, b.token().Name), cmp.Compare(a.TokenID, b.TokenID))
	})
	return list, gone, err
}

// order is that in which drafts are put in force: names that tokens had are free for others then.
func order(d *store.Draft) int {
	return slices.Index([]token.Draft{token.DraftDelete, token.DraftUpdate, token.DraftCreate}, draftKind(d))
}

// tokensOf reads the tokens of drafts, all at once if they can be understood.
func tokensOf(ctx context.Context, r store.Reader, drafts []store.Draft) (map[string]answer[token.Token], error) {
	ids := make([]string, len(drafts))
	all := map[string]answer[token.Token]{}
	for i := range drafts {
		ids[i] = drafts[i].TokenID
		all[ids[i]] = answer[token.Token]{err: store.ErrNotFound}
	}
	tokens, err := r.TokensByID(ctx, ids)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, err
	}
	for _, t := range tokens {
		all[t.ID] = answer[token.Token]{value: t}
	}
	for _, id := range ids {
		if err != nil && all[id].err != nil { // which of them it is
			t, one := r.Token(ctx, id)
			all[id] = answer[token.Token]{t, one}
		}
	}
	return all, nil
}

// withLive returns a draft with its token, or store.ErrNotFound if that is gone.
func withLive(ctx context.Context, r store.Reader, d store.Draft) (drafted, error) {
	live, err := r.Token(ctx, d.TokenID)
	return withToken(d, answer[token.Token]{live, err})
}

func withToken(d store.Draft, found answer[token.Token]) (drafted, error) {
	live, err := found.value, found.err
	switch {
	case err == nil && (live.API != d.API || live.API == ManagementAPI):
		return drafted{}, store.ErrNotFound
	case err == nil:
		return newDrafted(d, &live), nil
	case errors.Is(err, store.ErrNotFound) && d.Base == nil && d.API != ManagementAPI:
		return newDrafted(d, nil), nil
	}
	return drafted{}, err
}

// seenDrafts stands for exactly these drafts of the tokens as they are now, since all that
// a person was shown is a part of it.
func seenDrafts(list []drafted) (string, error) {
	sum := sha256.New()
	for i := range list {
		d := list[i]
		if d.live != nil {
			live := *d.live
			live.LastUsed = time.Time{} // which changes by itself
			d.live = &live
		}
		text, err := json.Marshal([]any{d.Draft, d.live})
		if err != nil {
			return "", err
		}
		sum.Write(append(text, '\n'))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Drafts returns the drafts of an API, and what would be answered otherwise with them, of
// the requests of the last days: DefaultDraftDays for 0. Drafts that can't be understood
// are left out; the readable ones come beside a store.ErrUnreadable error then.
func (s *Service) Drafts(ctx context.Context, actor Actor, api string, days int) (Drafts, error) {
	if days < 0 || days > MaxDraftDays {
		return Drafts{}, problem("days", "%d is not a number of days from 1 to %d", days, MaxDraftDays)
	}
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return Drafts{}, err
	}
	if err := who.needAny(DraftRead); err != nil {
		return Drafts{}, err
	}
	catalog, err := s.catalog(ctx, s.store, api)
	if err != nil {
		return Drafts{}, err
	}
	list, _, unreadable := draftsOf(ctx, s.store, api)
	if unreadable != nil && !errors.Is(unreadable, store.ErrUnreadable) {
		return Drafts{}, unreadable
	}
	all := len(list)
	list = slices.DeleteFunc(list, func(d drafted) bool { return !d.seenBy(&who) })
	answer := Drafts{API: api, Staged: catalog.Staged, Drafts: make([]DraftRecord, len(list)), Unseen: len(list) != all}
	foresight, judges := s.foresight(days, len(list)), s.ownerJudges(s.store)
	for i := range list {
		if answer.Drafts[i], err = s.draftRecord(ctx, foresight, judges, &list[i]); err != nil {
			return Drafts{}, err
		}
	}
	if answer.Seen, err = seenDrafts(list); err != nil {
		return Drafts{}, err
	}
	if unreadable != nil && who.ofRole(TokenRead) != store.All {
		answer.Unseen, unreadable = true, nil
	}
	return answer, unreadable
}

// Draft returns the draft of a token, or store.ErrNotFound. An editor of it begins with what
// is drafted, and names its version.
func (s *Service) Draft(ctx context.Context, actor Actor, id string) (DraftRecord, error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return DraftRecord{}, err
	}
	if err := who.needAny(DraftRead); err != nil {
		return DraftRecord{}, err
	}
	d, err := s.seenDraft(ctx, s.store, &who, id)
	if err != nil {
		return DraftRecord{}, err
	}
	return s.draftRecord(ctx, s.foresight(DefaultDraftDays, 1), s.ownerJudges(s.store), &d)
}

// seenDraft returns the draft of a token, or store.ErrNotFound if there is none or the
// actor may not know of it.
func (s *Service) seenDraft(ctx context.Context, r store.Reader, who *Actor, id string) (drafted, error) {
	d, err := r.Draft(ctx, id)
	if err == nil {
		var full drafted
		if full, err = withLive(ctx, r, d); err == nil && full.seenBy(who) {
			return full, nil
		}
	}
	if err == nil || errors.Is(err, store.ErrUnreadable) && who.ofRole(TokenRead) != store.All {
		err = store.ErrNotFound
	}
	return drafted{}, wrapNotFound(err, "", id)
}

// draftRecord returns a draft in the form in which it leaves the service.
func (s *Service) draftRecord(ctx context.Context, f *foresight, judges *ownerJudges, d *drafted) (DraftRecord, error) {
	r := DraftRecord{
		TokenID: d.TokenID, API: d.API, Name: d.token().Name, Kind: draftKind(&d.Draft), Author: d.Author, SecretBy: secretBy(&d.Draft),
		Created: moment(d.Created), Updated: moment(d.Updated), Version: d.Version,
	}
	if d.live != nil {
		live := s.Record(d.live)
		live.Draft = &r.Kind
		r.Live = &live
	}
	if d.result != nil {
		result := s.Record(d.result)
		r.Drafted = &result
	}
	if d.Secret != nil && d.live != nil {
		r.NewSecret, r.Overlap = d.Secret.Hint, int64(d.Overlap/time.Second)
	}
	before, after := d.differing()
	var err error
	if d.result != nil {
		if r.Overreach, err = judges.mightier(ctx, d.result); err != nil {
			return r, err
		}
	}
	if r.Before, err = before.encode(); err != nil {
		return r, err
	}
	if r.After, err = after.encode(); err != nil {
		return r, err
	}
	r.Answers, err = f.answers(ctx, d)
	return r, err
}

// secretBy returns who drafted the secret of a draft. If that was not written yet, it was
// whoever changed the draft last, as far as anybody knows.
func secretBy(d *store.Draft) string {
	if d.Secret == nil {
		return ""
	}
	return cmp.Or(d.SecretAuthor, d.Author)
}

// differing returns the fields that the draft changes, as they are and as they will be.
func (d *drafted) differing() (before, after fields) {
	if d.live != nil {
		before = tokenFields(d.live)
	}
	if d.result != nil {
		after = tokenFields(d.result)
	}
	if before != nil && after != nil {
		return differing(before, after), differing(after, before)
	}
	return before, after
}
