package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

// API is a protected API.
type API struct {
	store.Catalog

	Gateways []Gateway // in front of it, sorted by name and start
	Tokens   *int      // how many of them the actor may read; nil for an actor who may read none
	Drafts   *int      // how many of its drafts the actor may see; nil as above
}

// Gateway is a gateway in front of an API.
type Gateway struct {
	Name    string // of its machine
	Version string // of Tokenreeve; empty if it isn't known
	Started time.Time
	Seen    time.Time
	Alive   bool
	Current bool // it has the catalog that is shown here
}

// GatewayAlive is how long a gateway may be silent and still counts as alive.
// One that is says so three times in it.
const GatewayAlive = 90 * time.Second

// APIs returns all known APIs, sorted by name.
func (s *Service) APIs(ctx context.Context, actor Actor) ([]API, error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return nil, err
	}
	if err := who.needAny(APIRead); err != nil {
		return nil, err
	}
	catalogs, err := s.catalogs(ctx, s.store)
	if err != nil {
		return nil, err
	}
	gateways, err := s.store.Gateways(ctx)
	if err != nil {
		return nil, err
	}
	apis := make([]API, len(catalogs))
	for i, c := range catalogs {
		if apis[i], err = newAPI(c, gateways); err != nil {
			return nil, err
		}
	}
	return apis, s.countTokens(ctx, &who, apis)
}

func newAPI(c store.Catalog, gateways []store.Gateway) (API, error) {
	fingerprint, err := permission.Fingerprint(c.Permissions)
	if err != nil {
		return API{}, fmt.Errorf("catalog of API %s: %w", c.API, err)
	}
	api := API{Catalog: c, Gateways: []Gateway{}}
	for _, g := range present(c.API, gateways) {
		api.Gateways = append(api.Gateways, Gateway{
			Name: g.Name, Version: g.Version, Started: g.Started, Seen: g.Seen,
			Alive: g.Silent <= GatewayAlive, Current: g.Fingerprint == fingerprint,
		})
	}
	return api, nil
}

// present returns the gateways of an API. Of those of one name that are silent,
// the one that was heard of last stands for all, and none does if another is
// alive: a gateway that crashed was started again.
func present(api string, gateways []store.Gateway) (list []store.Gateway) {
	best := map[string]store.Gateway{}
	for _, g := range gateways {
		if other, ok := best[g.Name]; g.API == api && (!ok || g.Silent < other.Silent) {
			best[g.Name] = g
		}
	}
	for _, g := range gateways {
		if g.API == api && (g.Silent <= GatewayAlive || g.ID == best[g.Name].ID) {
			list = append(list, g)
		}
	}
	return list
}

// countTokens counts those that the actor may read, and their drafts.
func (s *Service) countTokens(ctx context.Context, who *Actor, apis []API) error {
	owner := ""
	switch who.Scope(TokenRead) {
	case store.All:
	case store.Own:
		if owner = who.Name(); owner == "" { // which would be all
			return nil
		}
	case store.None:
		return nil
	}
	counts, err := s.store.CountTokens(ctx, owner)
	if err != nil {
		return err
	}
	drafts, err := s.countDrafts(ctx, who, owner)
	if err != nil {
		return err
	}
	for i := range apis {
		apis[i].Tokens, apis[i].Drafts = new(counts[apis[i].API]), new(drafts[apis[i].API])
	}
	return nil
}

// countDrafts counts those that the actor may see: all, unless an owner is named.
func (s *Service) countDrafts(ctx context.Context, who *Actor, owner string) (map[string]int, error) {
	drafts, err := s.store.Drafts(ctx, "")
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, err
	}
	counts := map[string]int{}
	for _, d := range drafts {
		if owner != "" {
			full, err := withLive(ctx, s.store, d)
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) || err == nil && !full.seenBy(who) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		counts[d.API]++
	}
	return counts, nil
}
