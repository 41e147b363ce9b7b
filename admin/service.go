// Package admin manages tokens, accounts and roles: one service with all rules. The command line,
// the REST API and the pages are thin over it, so that they can't differ.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Service manages the tokens of a store. It is safe for concurrent use.
type Service struct {
	store  store.Store
	clock  func() time.Time
	random io.Reader
	known  []store.Catalog

	passwords  *passwords
	throttle   *throttle
	refusals   *refusals
	explaining places
}

// New returns a service on the given store, clock and source of randomness.
// known are catalogs that are configured but may not have reached the store
// yet; they count instead of the store's for the same API. This lets tokens be
// made before a gateway runs for the first time.
func New(s store.Store, now func() time.Time, random io.Reader, known ...store.Catalog) *Service {
	return &Service{
		store: s, clock: now, random: random, known: known,
		throttle: newThrottle(), refusals: newRefusals(), explaining: make(places, explanations),
	}
}

// now returns the time as tokens hold it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }

// FieldErrors are all fields of one input that break a rule, so that a form can
// show them together. Its text is one line.
type FieldErrors []*token.FieldError

func (p FieldErrors) Error() string {
	lines := make([]string, len(p))
	for i, invalid := range p {
		lines[i] = invalid.Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap gives errors.As the single problems.
func (p FieldErrors) Unwrap() []error {
	errs := make([]error, len(p))
	for i, invalid := range p {
		errs[i] = invalid
	}
	return errs
}

// add notes err if it is a broken rule of a field, and returns it otherwise.
func (p *FieldErrors) add(err error) error {
	invalid, ok := errors.AsType[*token.FieldError](err)
	if !ok {
		return err
	}
	p.addf(invalid.Field, "%s", invalid.Problem)
	return nil
}

// has reports whether there is a problem with a field.
func (p FieldErrors) has(field string) bool {
	return slices.ContainsFunc(p, func(invalid *token.FieldError) bool { return invalid.Field == field })
}

// addf notes a problem with a field, as it may be told.
func (p *FieldErrors) addf(field, format string, args ...any) {
	*p = append(*p, &token.FieldError{Field: field, Problem: Told(fmt.Sprintf(format, args...))})
}

// err returns the problems as an error, or nil if there are none.
func (p FieldErrors) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// problem returns a single problem as an error.
func problem(field, format string, args ...any) error {
	var p FieldErrors
	p.addf(field, format, args...)
	return p
}

// Catalogs returns the catalogs of all known APIs, sorted by API.
func (s *Service) Catalogs(ctx context.Context, actor Actor) ([]store.Catalog, error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return nil, err
	}
	if err := who.needAny(APIRead); err != nil {
		return nil, err
	}
	return s.catalogs(ctx, s.store)
}

func (s *Service) catalogs(ctx context.Context, r store.Reader) ([]store.Catalog, error) {
	stored, err := r.Catalogs(ctx)
	if err != nil && !errors.Is(err, store.ErrUnreadable) { // that is for its own API to feel
		return nil, err
	}
	all := slices.Clone(s.known)
	for _, c := range stored {
		if indexAPI(s.known, c.API) < 0 {
			all = append(all, c)
		}
	}
	if i := indexAPI(all, ManagementAPI); i >= 0 {
		// What its tokens may do is said here alone, and what changes about them holds at once.
		all[i].Permissions, all[i].GraphQL, all[i].Staged = ManagementPermissions(), nil, false
	}
	slices.SortFunc(all, func(a, b store.Catalog) int { return strings.Compare(a.API, b.API) })
	return all, nil
}

// catalog returns the catalog of one API, or a problem that lists those that are known.
func (s *Service) catalog(ctx context.Context, r store.Reader, api string) (store.Catalog, error) {
	all, err := s.catalogs(ctx, r)
	if err != nil {
		return store.Catalog{}, err
	}
	if i := indexAPI(all, api); i >= 0 {
		return all[i], nil
	}
	if len(all) == 0 {
		return store.Catalog{}, problem("api", "%q is not known, nor is any other; start the gateway once, or name its configuration", api)
	}
	return store.Catalog{}, problem("api", "%q is not known; there is %s", api, apiNames(all))
}

// compiled returns the catalog of one API ready for matching.
func (s *Service) compiled(ctx context.Context, r store.Reader, api string) (*permission.Catalog, error) {
	memo := memoOf(r)
	if memo != nil && memo.compiled[api] != nil {
		return memo.compiled[api], nil
	}
	c, err := s.catalog(ctx, r, api)
	if err != nil {
		return nil, err
	}
	compiled, err := compile(&c)
	if err == nil && memo != nil {
		memo.compiled[api] = compiled
	}
	return compiled, err
}

func compile(c *store.Catalog) (*permission.Catalog, error) {
	compiled, err := permission.NewCatalog(c.Permissions)
	if err != nil {
		return nil, fmt.Errorf("catalog of API %s: %w", c.API, err)
	}
	return compiled, nil
}

// keepCatalog writes a configured catalog to the store if that has none for the
// API, so that the API of every token is known to those who come without the
// configuration. A gateway that starts replaces it.
func (s *Service) keepCatalog(ctx context.Context, tx store.Tx, api string) error {
	i := indexAPI(s.known, api)
	if i < 0 {
		return nil
	}
	stored, err := tx.Catalogs(ctx)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return err
	}
	if indexAPI(stored, api) >= 0 {
		return nil
	}
	c := s.known[i]
	c.Updated = s.now()
	return tx.SaveCatalog(ctx, c)
}

func indexAPI(catalogs []store.Catalog, api string) int {
	return slices.IndexFunc(catalogs, func(c store.Catalog) bool { return c.API == api })
}

func apiNames(catalogs []store.Catalog) string {
	names := make([]string, len(catalogs))
	for i, c := range catalogs {
		names[i] = c.API
	}
	return strings.Join(names, ", ")
}
