package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Find returns the token with the given id or name. api may be empty; then a
// name must belong to one API only. No such token is store.ErrNotFound.
func (s *Service) Find(ctx context.Context, actor Actor, api, nameOrID string) (token.Token, error) {
	if strings.HasPrefix(nameOrID, token.Prefix) {
		// Not repeated: errors end up in terminals and logs.
		return token.Token{}, problem("token", "that is a secret; use the name or the id, the list shows the hint of each secret")
	}
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return token.Token{}, err
	}
	if err := who.needAny(TokenRead); err != nil {
		return token.Token{}, err
	}
	if token.IsID(nameOrID) {
		t, err := s.seen(ctx, s.store, &who, nameOrID)
		if err == nil && api != "" && t.API != api {
			return token.Token{}, fmt.Errorf("token %s in API %s: %w; it belongs to API %s", nameOrID, api, store.ErrNotFound, t.API)
		}
		return t, wrapNotFound(err, api, nameOrID)
	}
	if api != "" {
		if _, err := s.catalog(ctx, s.store, api); err != nil {
			return token.Token{}, err
		}
		t, err := s.byName(ctx, &who, api, nameOrID)
		return t, wrapNotFound(err, api, nameOrID)
	}
	return s.findAnywhere(ctx, &who, nameOrID)
}

// findAnywhere asks each API for its token of that name: one read by key each,
// where a list of all tokens could be millions.
func (s *Service) findAnywhere(ctx context.Context, who *Actor, name string) (token.Token, error) {
	catalogs, err := s.catalogs(ctx, s.store)
	if err != nil {
		return token.Token{}, err
	}
	var found token.Token
	var having []store.Catalog
	for _, c := range catalogs {
		t, err := s.byName(ctx, who, c.API, name)
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

// byName returns the token, or store.ErrNotFound if the actor may not know of it.
func (s *Service) byName(ctx context.Context, who *Actor, api, name string) (token.Token, error) {
	t, err := s.byNameOrDraft(ctx, who, api, name)
	if errors.Is(err, store.ErrUnreadable) && who.ofRole(TokenRead) != store.All || err == nil && !who.sees(&t) {
		return token.Token{}, store.ErrNotFound
	}
	return t, err
}

// byNameOrDraft finds a token by its name, or else by the name that is drafted of it.
func (s *Service) byNameOrDraft(ctx context.Context, who *Actor, api, name string) (token.Token, error) {
	t, err := s.store.TokenByName(ctx, api, name)
	if err == nil {
		return withDraft(ctx, s.store, who, t.ID)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return t, err
	}
	drafts, draftsErr := s.store.Drafts(ctx, api)
	if draftsErr != nil && !errors.Is(draftsErr, store.ErrUnreadable) {
		return t, draftsErr
	}
	for i := range drafts {
		d := &drafts[i]
		if d.Token == nil || d.Token.Name != name || d.Base != nil && d.Base.Name == name {
			continue
		}
		found, foundErr := withDraft(ctx, s.store, who, d.TokenID)
		if d.Base == nil || foundErr != nil || found.Draft != "" { // else they may not know of the name
			return found, foundErr
		}
	}
	return t, err
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
