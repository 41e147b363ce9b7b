package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// staged is a transaction in which the tokens of an API whose changes are staged are
// as their drafts have them, and what changes them makes or changes drafts. So the rules
// need not know of drafts. Other reads and writes go through, lists of tokens among them.
type staged struct {
	store.Tx
	service *Service
	who     *Actor
	always  bool // whatever the API says

	apis     map[string]bool          // that are staged; nil until they were read
	doubtful bool                     // some catalog can't be read: an API that isn't known may be staged
	drafts   []store.Draft            // of all APIs
	loaded   bool                     // drafts were read
	read     map[string]int64         // the version of each token as it was read first
	overlaps map[string]time.Duration // of the secrets that are about to be replaced
	actions  map[string]string        // of events, by the tokens that they are of
}

// changeTokens runs fn in one transaction, for the actor as of this transaction.
func (s *Service) changeTokens(ctx context.Context, actor Actor, fn func(tx *staged, who *Actor) error) error {
	return s.store.Change(ctx, func(tx store.Tx) error {
		who, err := s.fresh(ctx, tx, actor)
		if err != nil {
			return err
		}
		return fn(s.stage(newMemo(tx, &who), &who), &who)
	})
}

func (s *Service) stage(tx store.Tx, who *Actor) *staged {
	return &staged{
		Tx: tx, service: s, who: who,
		read: map[string]int64{}, overlaps: map[string]time.Duration{}, actions: map[string]string{},
	}
}

// stageAlways is stage for what is a draft whatever the API says.
func (s *Service) stageAlways(tx store.Tx, who *Actor) *staged {
	stage := s.stage(tx, who)
	stage.always = true
	return stage
}

// isStaged reports whether what changes in an API is a draft first. In doubt it is: then
// nothing changes for its clients.
func (s *staged) isStaged(ctx context.Context, api string) (bool, error) {
	if s.always || api == ManagementAPI {
		return s.always, nil
	}
	if s.apis == nil {
		_, err := s.Tx.Catalogs(ctx)
		if s.doubtful = errors.Is(err, store.ErrUnreadable); err != nil && !s.doubtful {
			return false, err
		}
		all, err := s.service.catalogs(ctx, s.Tx)
		if err != nil {
			return false, err
		}
		s.apis = map[string]bool{}
		for _, c := range all {
			s.apis[c.API] = c.Staged
		}
	}
	staged, known := s.apis[api]
	return staged || !known && s.doubtful, nil
}

// load reads a token with its draft. It returns store.ErrNotFound if there is neither.
func (s *staged) load(ctx context.Context, id string) (overlaid, error) {
	var o overlaid
	live, err := s.Tx.Token(ctx, id)
	if err == nil {
		o.live = &live
	} else if !errors.Is(err, store.ErrNotFound) {
		return o, err
	}
	d, draftErr := s.Tx.Draft(ctx, id)
	switch {
	case draftErr == nil:
		o.draft = &d
	case errors.Is(draftErr, store.ErrUnreadable) && o.live != nil:
		o.bad = true
	case !errors.Is(draftErr, store.ErrNotFound):
		return o, draftErr
	case o.live == nil:
		return o, err
	}
	return o, nil
}

// drafting reports whether a change of the token is a draft: if its API is staged, or if
// there is nothing but a draft of it.
func (s *staged) drafting(ctx context.Context, o *overlaid) (bool, error) {
	if o.live == nil {
		return true, nil
	}
	return s.isStaged(ctx, o.live.API)
}

// Token returns the token as it is drafted. One that is to be deleted is there until
// then, and marked as such.
func (s *staged) Token(ctx context.Context, id string) (token.Token, error) {
	o, err := s.load(ctx, id)
	if err != nil {
		return token.Token{}, err
	}
	drafting, err := s.drafting(ctx, &o)
	if err != nil {
		return token.Token{}, err
	}
	t := o.token(drafting)
	if _, ok := s.read[id]; !ok {
		s.read[id] = t.Version
	}
	return t, nil
}

// mayLive refuses what the actor may not do to the token as it works now, whatever its
// draft says about whose it is.
func (s *staged) mayLive(ctx context.Context, right Right, id string) error {
	live, err := s.Tx.Token(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil // it is only a draft
	case err != nil:
		return err
	case !s.who.sees(&live):
		return store.ErrNotFound
	}
	return s.who.need(right, &live)
}

// all returns the drafts of all APIs. One that can't be understood takes no name.
func (s *staged) all(ctx context.Context) ([]store.Draft, error) {
	if !s.loaded {
		drafts, err := s.Tx.Drafts(ctx, "")
		if err != nil && !errors.Is(err, store.ErrUnreadable) {
			return nil, err
		}
		s.drafts, s.loaded = drafts, true
	}
	return s.drafts, nil
}

func (s *staged) index(id string) int {
	return slices.IndexFunc(s.drafts, func(d store.Draft) bool { return d.TokenID == id })
}

// TokenByName finds the token that has the name in an API as it is drafted.
func (s *staged) TokenByName(ctx context.Context, api, name string) (token.Token, error) {
	staged, err := s.isStaged(ctx, api)
	if err != nil {
		return token.Token{}, err
	}
	if !staged {
		return s.Tx.TokenByName(ctx, api, name)
	}
	drafts, err := s.all(ctx)
	if err != nil {
		return token.Token{}, err
	}
	for _, d := range drafts {
		if d.API == api && d.Token != nil && d.Token.Name == name && (d.Base == nil || d.Base.Name != name) {
			return s.Token(ctx, d.TokenID)
		}
	}
	live, err := s.Tx.TokenByName(ctx, api, name)
	if err != nil {
		return live, err
	}
	drafted, err := s.Token(ctx, live.ID)
	if err == nil && (drafted.Draft == token.DraftDelete || drafted.Name != name) {
		return token.Token{}, store.ErrNotFound // it will be free
	}
	return drafted, err
}

// save makes a draft or replaces the one that there is. One that changes nothing is dropped.
func (s *staged) save(ctx context.Context, o *overlaid, d store.Draft) error {
	if _, err := s.all(ctx); err != nil {
		return err
	}
	var replaced int64
	if o.draft != nil {
		replaced = o.draft.Version
	} else if err := s.haveRoom(d.API); err != nil {
		return err
	}
	now := s.service.now()
	d.Author, d.Updated = s.who.Name(), now
	d.Version = max(now.UnixMilli(), replaced+1, s.read[d.TokenID]+1)
	s.drop(d.TokenID)
	if changesNothing(&d) {
		if o.draft == nil {
			return nil
		}
		return s.Tx.DeleteDraft(ctx, d.TokenID)
	}
	for _, t := range []*token.Token{d.Base, d.Token} {
		if t != nil {
			t.Draft = ""
		}
	}
	s.drafts = append(s.drafts, d)
	return s.Tx.SaveDraft(ctx, d, replaced)
}

func (s *staged) drop(id string) {
	if i := s.index(id); i >= 0 {
		s.drafts = slices.Delete(s.drafts, i, i+1)
	}
}

// haveRoom refuses a draft that is one too many for the API, or for who makes it.
func (s *staged) haveRoom(api string) error {
	all, own := 0, 0
	for i := range s.drafts {
		if s.drafts[i].API == api {
			all++
			if s.drafts[i].Author == s.who.Name() {
				own++
			}
		}
	}
	switch {
	case all >= MaxDrafts:
		return problem("draft", "API %s has %d drafts, which is the most that it can have; update it or discard some first", api, MaxDrafts)
	case own >= MaxOwnDrafts && !s.who.command && s.who.Scope(TokenUpdate) != store.All:
		return problem("draft", "%d drafts of API %s are yours, which is the most that one can have who may not update the tokens of others; have it updated, or discard some first", MaxOwnDrafts, api)
	}
	return nil
}

// CreateToken makes a draft of a new token.
func (s *staged) CreateToken(ctx context.Context, t token.Token) error {
	staged, err := s.isStaged(ctx, t.API)
	if err != nil {
		return err
	}
	if !staged {
		return s.Tx.CreateToken(ctx, t)
	}
	if err := s.nameFree(ctx, &t); err != nil {
		return err
	}
	s.actions[t.ID] = asDraft
	return s.save(ctx, &overlaid{}, store.Draft{TokenID: t.ID, API: t.API, Token: &t, Created: t.Created})
}

func (s *staged) nameFree(ctx context.Context, t *token.Token) error {
	switch other, err := s.TokenByName(ctx, t.API, t.Name); {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case other.ID != t.ID:
		return store.ErrNameTaken
	}
	return nil
}

// changeable returns a token with its draft if a change of it is a draft.
func (s *staged) changeable(ctx context.Context, id string) (o overlaid, drafting bool, err error) {
	if o, err = s.load(ctx, id); err != nil {
		return o, false, err
	}
	if drafting, err = s.drafting(ctx, &o); err != nil || !drafting {
		return o, false, err
	}
	switch {
	case o.bad:
		err = problem("draft", "the draft of this token can't be understood; discard it first")
	case o.draft != nil && o.draft.Token == nil:
		err = problem("draft", "the token is to be deleted with the next update of API %s; discard that first", o.draft.API)
	}
	return o, true, err
}

// UpdateToken drafts an edit.
func (s *staged) UpdateToken(ctx context.Context, t token.Token) error {
	o, drafting, err := s.changeable(ctx, t.ID)
	if err != nil {
		return err
	}
	if !drafting {
		return s.Tx.UpdateToken(ctx, t)
	}
	if version, ok := s.read[t.ID]; !ok || t.Version != version {
		return store.ErrConflict
	}
	if err := s.nameFree(ctx, &t); err != nil {
		return err
	}
	d := o.next(s.service.now())
	if d.Base != nil {
		t.Hint, t.Version = d.Base.Hint, d.Base.Version
	}
	d.Token = &t
	s.actions[t.ID] = asDraft
	return s.save(ctx, &o, d)
}

// UpdateTokens drafts edits.
func (s *staged) UpdateTokens(ctx context.Context, tokens []token.Token) error {
	for i := range tokens {
		if err := s.UpdateToken(ctx, tokens[i]); err != nil {
			return err
		}
	}
	return nil
}

// DeleteToken drafts that a token goes. A new one that is only a draft is dropped, and so
// is, with its token, a draft that can't be understood.
func (s *staged) DeleteToken(ctx context.Context, id string) error {
	o, drafting, err := s.changeable(ctx, id)
	if errors.Is(err, store.ErrUnreadable) {
		return s.Tx.DeleteToken(ctx, id) // it works for nobody, and what API it is of can't be said
	}
	if err != nil {
		return err
	}
	switch {
	case !drafting:
		return s.Tx.DeleteToken(ctx, id)
	case o.live == nil:
		s.actions[id] = draftDiscard
		s.drop(id)
		return s.Tx.DeleteDraft(ctx, id)
	}
	d := o.next(s.service.now())
	d.Base, d.Token, d.Secret, d.SecretAuthor, d.Overlap = new(*o.live), nil, nil, "", 0
	s.actions[id] = asDraft
	return s.save(ctx, &o, d)
}

// DeleteTokens drafts that tokens go.
func (s *staged) DeleteTokens(ctx context.Context, ids []string) error {
	for _, id := range ids {
		if err := s.DeleteToken(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// EndSecrets notes for how long the present secrets shall work on, once the API is updated.
func (s *staged) EndSecrets(ctx context.Context, id string, now, until time.Time) error {
	_, drafting, err := s.changeable(ctx, id)
	if err != nil {
		return err
	}
	if !drafting {
		return s.Tx.EndSecrets(ctx, id, now, until)
	}
	s.overlaps[id] = until.Sub(now)
	return nil
}

// AddSecret drafts the secret of a new token, or the one that replaces those which a token has.
// Whether another token has it is found out before, or when the API is updated.
func (s *staged) AddSecret(ctx context.Context, id string, secret store.Secret) error {
	o, drafting, err := s.changeable(ctx, id)
	if err != nil {
		return err
	}
	if !drafting {
		return s.Tx.AddSecret(ctx, id, secret)
	}
	other, err := s.withSecret(ctx, secret.Digest)
	if err != nil {
		return err
	}
	if other != nil && other.TokenID != id {
		return store.ErrSecretTaken
	}
	d := o.next(s.service.now())
	d.Secret, d.SecretAuthor, d.Overlap = &secret, s.who.Name(), s.overlaps[id]
	return s.save(ctx, &o, d)
}

// withSecret returns the draft that has a secret, or nil.
func (s *staged) withSecret(ctx context.Context, digest token.Digest) (*store.Draft, error) {
	drafts, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	for i := range drafts {
		if secret := drafts[i].Secret; secret != nil && secret.Digest == digest {
			return &drafts[i], nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// AppendEvent says of an event whether it is of a draft.
func (s *staged) AppendEvent(ctx context.Context, e store.Event) error {
	return s.AppendEvents(ctx, []store.Event{e})
}

// AppendEvents says of events whether they are of drafts.
func (s *staged) AppendEvents(ctx context.Context, events []store.Event) error {
	events = slices.Clone(events)
	for i := range events {
		switch action := s.actions[events[i].Subject]; action {
		case "":
		case asDraft:
			events[i].Action += asDraft
		default:
			events[i].Action = action
		}
	}
	return s.Tx.AppendEvents(ctx, events)
}
