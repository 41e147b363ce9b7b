package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Filter picks tokens out of a list. Empty fields pick all.
type Filter struct {
	API    string
	Type   token.Type
	Status token.Status
	Owner  string
}

func (f Filter) picks(t *token.Token, now time.Time) bool {
	return (f.Type == "" || t.Type == f.Type) &&
		(f.Status == "" || t.Status(now) == f.Status) &&
		(f.Owner == "" || t.Owner == f.Owner)
}

// List returns the tokens that the filter picks, sorted by API and name. Records
// that can't be understood are left out; the readable ones come beside a
// store.ErrUnreadable error then.
func (s *Service) List(ctx context.Context, actor Actor, f Filter) ([]token.Token, error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return nil, err
	}
	if err := who.needAny(TokenRead); err != nil {
		return nil, err
	}
	if f.API != "" {
		if _, err := s.catalog(ctx, s.store, f.API); err != nil {
			return nil, err
		}
	}
	tokens, err := s.store.Tokens(ctx, f.API)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, err
	}
	now := s.now()
	tokens = slices.DeleteFunc(tokens, func(t token.Token) bool { return !f.picks(&t, now) || !who.May(TokenRead, &t) })
	if err := markDrafts(ctx, s.store, &who, f.API, tokens); err != nil {
		return nil, err
	}
	return tokens, err
}

// markDrafts says of the tokens what is drafted of them, as far as the actor may know.
func markDrafts(ctx context.Context, r store.Reader, who *Actor, api string, tokens []token.Token) error {
	if len(tokens) == 0 {
		return nil
	}
	drafts, err := r.Drafts(ctx, api)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return err
	}
	byToken := make(map[string]store.Draft, len(drafts))
	for i := range drafts {
		byToken[drafts[i].TokenID] = drafts[i]
	}
	for i := range tokens {
		if d, ok := byToken[tokens[i].ID]; ok {
			tokens[i].Draft = seenKind(who, d, &tokens[i])
		}
	}
	return nil
}

// Tokens returns a page of the tokens that the actor may read. q.Now is set here, and
// q.Limit by the rules of Paging.
func (s *Service) Tokens(ctx context.Context, actor Actor, q store.TokenQuery) (store.TokenPage, error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return store.TokenPage{}, err
	}
	if err := who.needAny(TokenRead); err != nil {
		return store.TokenPage{}, err
	}
	if who.Scope(TokenRead) == store.Own {
		if q.Owner != "" && q.Owner != who.Name() || who.Name() == "" {
			return store.TokenPage{}, nil
		}
		q.Owner = who.Name()
	}
	if err := s.checkQuery(ctx, &q); err != nil {
		return store.TokenPage{}, err
	}
	q.Now, q.Limit = s.now(), Paging{Limit: q.Limit}.limit()
	page, err := s.store.TokenPage(ctx, q)
	if err != nil {
		return store.TokenPage{}, err
	}
	return page, markDrafts(ctx, s.store, &who, q.API, page.Tokens)
}

// checkQuery refuses what could pick nothing by a typing error.
func (s *Service) checkQuery(ctx context.Context, q *store.TokenQuery) error {
	var p FieldErrors
	if q.API != "" {
		if _, err := s.catalog(ctx, s.store, q.API); err != nil {
			if err := p.add(err); err != nil {
				return err
			}
		}
	}
	if _, err := token.ParseType(string(q.Type)); q.Type != "" && err != nil {
		if err := p.add(err); err != nil {
			return err
		}
	}
	statuses := []token.Status{"", token.Active, token.Disabled, token.Expired}
	if !slices.Contains(statuses, q.Status) {
		p.addf("status", "%q is not a status; use active, disabled or expired", q.Status)
	}
	orders := []store.TokenOrder{"", store.ByName, store.ByAPI, store.ByOwner, store.ByCreated, store.ByLastUsed, store.ByExpiry}
	if !slices.Contains(orders, q.Sort) {
		p.addf("sort", "%q is not an order; use name, api, owner, created, last_used or expiry", q.Sort)
	}
	return p.err()
}

// readable returns a token that the actor has a right to read for.
func (s *Service) readable(ctx context.Context, actor *Actor, right Right, id string) (token.Token, error) {
	who, err := s.fresh(ctx, s.store, *actor)
	if err != nil {
		return token.Token{}, err
	}
	*actor = who
	t, err := s.seen(ctx, s.store, &who, id)
	if err != nil {
		return token.Token{}, err
	}
	return t, who.need(right, &t)
}

// Usage returns what the token did per UTC day since the given day, oldest first.
func (s *Service) Usage(ctx context.Context, actor Actor, id string, since time.Time) ([]token.Use, error) {
	if _, err := s.readable(ctx, &actor, TokenRead, id); err != nil {
		return nil, err
	}
	return s.store.Usage(ctx, id, since)
}

// Secrets returns the secrets of a token that work, newest first, and the last
// use of each.
func (s *Service) Secrets(ctx context.Context, actor Actor, id string) ([]SecretRecord, error) {
	if _, err := s.readable(ctx, &actor, TokenRead, id); err != nil {
		return nil, err
	}
	secrets, err := s.store.Secrets(ctx, id, s.now())
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, err
	}
	records := make([]SecretRecord, len(secrets))
	for i, secret := range secrets {
		records[i] = SecretRecord{secret.Hint, moment(secret.Created), moment(secret.Expiry), moment(secret.LastUsed), secret.Scheme}
	}
	return records, nil
}
