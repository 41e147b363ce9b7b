package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Find returns the token with the given id or name. api may be empty; then a
// name must belong to one API only. No such token is store.ErrNotFound.
func (s *Service) Find(ctx context.Context, api, nameOrID string) (token.Token, error) {
	if strings.HasPrefix(nameOrID, token.Prefix) {
		// Not repeated: errors end up in terminals and logs.
		return token.Token{}, problem("token", "that is a secret; use the name or the id, the list shows the hint of each secret")
	}
	if token.IsID(nameOrID) {
		t, err := s.store.Token(ctx, nameOrID)
		if err == nil && api != "" && t.API != api {
			return token.Token{}, fmt.Errorf("token %s in API %s: %w; it belongs to API %s", nameOrID, api, store.ErrNotFound, t.API)
		}
		return t, wrapNotFound(err, api, nameOrID)
	}
	if api != "" {
		if _, err := s.catalog(ctx, s.store, api); err != nil {
			return token.Token{}, err
		}
		t, err := s.store.TokenByName(ctx, api, nameOrID)
		return t, wrapNotFound(err, api, nameOrID)
	}
	return s.findAnywhere(ctx, nameOrID)
}

// findAnywhere asks each API for its token of that name: one read by key each,
// where a list of all tokens could be millions.
func (s *Service) findAnywhere(ctx context.Context, name string) (token.Token, error) {
	catalogs, err := s.catalogs(ctx, s.store)
	if err != nil {
		return token.Token{}, err
	}
	var found token.Token
	var having []store.Catalog
	for _, c := range catalogs {
		t, err := s.store.TokenByName(ctx, c.API, name)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return token.Token{}, err
		}
		found = t
		having = append(having, c)
	}
	switch len(having) {
	case 0:
		return token.Token{}, wrapNotFound(store.ErrNotFound, "", name)
	case 1:
		return found, nil
	default:
		return token.Token{}, problem("api", "%d APIs have a token %q: %s; say which", len(having), name, apiNames(having))
	}
}

func wrapNotFound(err error, api, nameOrID string) error {
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return err
	case api != "":
		return fmt.Errorf("token %q in API %s: %w", nameOrID, api, store.ErrNotFound)
	default:
		return fmt.Errorf("token %q: %w", nameOrID, store.ErrNotFound)
	}
}

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
func (s *Service) List(ctx context.Context, f Filter) ([]token.Token, error) {
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
	return slices.DeleteFunc(tokens, func(t token.Token) bool { return !f.picks(&t, now) }), err
}

// Usage returns what the token did per UTC day since the given day, oldest first.
func (s *Service) Usage(ctx context.Context, id string, since time.Time) ([]token.Use, error) {
	return s.store.Usage(ctx, id, since)
}

// Gone returns those grants of the token that name permissions which its API no
// longer has. They match nothing.
func (s *Service) Gone(ctx context.Context, t *token.Token) ([]string, error) {
	if len(t.Grants) == 0 {
		return nil, nil
	}
	catalog, err := s.compiled(ctx, s.store, t.API)
	if _, unknownAPI := errors.AsType[FieldErrors](err); unknownAPI {
		catalog, err = permission.NewCatalog(nil)
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(t.Grants), func(grant string) bool { return catalog.CheckGrant(grant) == nil }), nil
}
