package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/store"
)

// catalogsRetry is how often writing the catalogs is tried while the store is away.
const catalogsRetry = 5 * time.Second

// saveCatalogsOrLater writes the catalogs to the store. The gates have their own,
// so nobody is kept from a reload while the store is away or read-only, nor from
// a start without it: they are written when that is possible again.
func (a *App) saveCatalogsOrLater(reused bool) error {
	err := a.saveCatalogs()
	if err == nil || !reused && !(isAway(err) && a.runtime.startedWithout) {
		return err
	}
	a.logger.Error("writing the permissions to the store failed; trying again, commands know those of before until then", zap.Error(err))
	a.saving.Go(func() {
		for err != nil && sleep(a.ctx, catalogsRetry) {
			err = a.saveCatalogs()
		}
	})
	return nil
}

// saveCatalogs lets the command line and the pages know what is protected.
func (a *App) saveCatalogs() error {
	s, err := a.runtime.opened()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, openTimeout)
	defer cancel()
	saved, err := s.Catalogs(ctx)
	if err != nil && !errors.Is(err, store.ErrUnreadable) { // an unreadable one of ours is written anew
		return err
	}
	changed := maps.Clone(a.catalogs)
	for _, c := range saved {
		catalog, ok := changed[c.API]
		if ok && c.Staged == a.staged[c.API] && sameJSON(c.Permissions, catalog.Permissions()) && sameJSON(c.GraphQL, graphQLOf(a.graphQL[c.API])) {
			delete(changed, c.API)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return s.Change(ctx, func(tx store.Tx) error {
		for api, catalog := range changed {
			c := store.Catalog{
				API: api, Permissions: catalog.Permissions(), GraphQL: graphQLOf(a.graphQL[api]), Staged: a.staged[api], Updated: time.Now().UTC(),
			}
			if err := tx.SaveCatalog(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func sameJSON[T any](a, b []T) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}
