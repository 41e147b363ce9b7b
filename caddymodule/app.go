package caddymodule

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/admin/ui"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App holds what all gates of a configuration share: the store, the cache of
// tokens and the batches of last-use times. It needs no configuration: without
// any, tokens are in a SQLite file in Caddy's data folder.
//
// `GET /api_tokens/health` of Caddy's admin endpoint says how the store is.
//
// What it holds survives a reload of the configuration unless one of
// its own settings changed.
type App struct {
	// Store says where tokens are kept.
	Store *StoreConfig `json:"store,omitempty"`
	// Invalidation says how the gateways on one Postgres hear of each other's
	// changes. Default: listen.
	Invalidation *Invalidation `json:"invalidation,omitempty"`
	// CacheSize is how many tokens are kept in memory. Default: 100000.
	CacheSize *int64 `json:"cache_size,omitempty"`
	// CacheTTL is the hard bound on how long a change of a token can go unseen,
	// whatever fails. Default: 10s.
	CacheTTL *caddy.Duration `json:"cache_ttl,omitempty"`
	// StaleIfError is how much longer than that a known token works while the
	// store is unavailable. Default: 60s.
	StaleIfError *caddy.Duration `json:"stale_if_error,omitempty"`
	// FlushInterval is how often last-use times and counts are written.
	// Default: 10s.
	FlushInterval *caddy.Duration `json:"flush_interval,omitempty"`

	ctx      caddy.Context
	logger   *zap.Logger
	settings settings
	handlers []*Handler
	admins   []*Admin
	catalogs map[string]*permission.Catalog
	staged   map[string]bool            // APIs whose changes are drafts first
	graphQL  map[string][]store.GraphQL // of the APIs, of all of their gates
	places   map[string]ui.Place        // of the APIs, for the pages; set by Start
	runtime  *runtime                   // set by Start, released by Cleanup
	started  chan struct{}              // closed when Start is done, or can't be any more
	once     sync.Once                  // for closing it
	replaced chan struct{}              // closed when Cleanup has released the runtime
	saving   sync.WaitGroup
}

// settings is all that a runtime is built from: two configurations with equal
// settings share one.
type settings struct {
	store         StoreConfig
	cacheSize     int64
	cacheTTL      time.Duration
	staleIfError  time.Duration
	flushInterval time.Duration
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "api_tokens",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision checks the settings. It opens nothing, since it runs for
// `caddy validate` as well.
func (a *App) Provision(ctx caddy.Context) (err error) {
	a.ctx, a.logger = ctx, ctx.Logger()
	a.catalogs, a.staged, a.graphQL = map[string]*permission.Catalog{}, map[string]bool{}, map[string][]store.GraphQL{}
	a.started, a.replaced = make(chan struct{}), make(chan struct{})
	a.settings = settings{
		cacheSize:     100_000,
		cacheTTL:      durationOr(a.CacheTTL, defaultCacheTTL),
		staleIfError:  durationOr(a.StaleIfError, 60*time.Second),
		flushInterval: durationOr(a.FlushInterval, 10*time.Second),
	}
	if a.CacheSize != nil {
		a.settings.cacheSize = *a.CacheSize
	}
	if a.Store != nil {
		a.settings.store = *a.Store
	}
	if a.settings.store, err = a.settings.store.resolve(); err != nil {
		return a.Store.located(err)
	}
	a.settings.store.Origin = "" // a line that moves makes no other store
	if a.Invalidation != nil {
		a.settings.store.poll = time.Duration(a.Invalidation.Interval)
	}
	return errors.Join(a.checkInvalidation(), a.settings.check())
}

func durationOr(d *caddy.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return time.Duration(*d)
}

// Bounds of the settings. They keep typing errors out, such as a cache_ttl of
// 10 (nanoseconds), and the promises of the documentation in.
const (
	defaultCacheTTL = 10 * time.Second

	minCacheSize, maxCacheSize         = 100, 100_000_000
	minCacheTTL, maxCacheTTL           = 100 * time.Millisecond, time.Hour
	maxStaleIfError                    = 24 * time.Hour
	minFlushInterval, maxFlushInterval = 10 * time.Millisecond, time.Hour
)

func (s settings) check() error {
	return errors.Join(
		within("cache_size", s.cacheSize, minCacheSize, maxCacheSize),
		within("cache_ttl", s.cacheTTL, minCacheTTL, maxCacheTTL),
		within("stale_if_error", s.staleIfError, 0, maxStaleIfError),
		within("flush_interval", s.flushInterval, minFlushInterval, maxFlushInterval),
	)
}

func within[T ~int64](name string, value, least, most T) error {
	if value < least || value > most {
		return fmt.Errorf("%s is %v; it must be from %v to %v", name, value, least, most)
	}
	return nil
}

// register adds a gate of this configuration and returns the catalog for its
// API, which gates of the same API share.
func (a *App) register(h *Handler, catalog *permission.Catalog) (*permission.Catalog, error) {
	a.handlers = append(a.handlers, h)
	a.graphQL[h.API] = addGraphQL(a.graphQL[h.API], h.GraphQL)
	if other, ok := a.catalogs[h.API]; ok {
		if !other.Same(catalog) {
			return nil, fmt.Errorf("API %q is configured twice with different permissions; give both the same, or one of them another name", h.API)
		}
		if a.staged[h.API] != (h.Changes == changesStaged) {
			return nil, fmt.Errorf("API %q is configured twice, with changes staged and without; write the same for both", h.API)
		}
		return other, nil
	}
	a.catalogs[h.API], a.staged[h.API] = catalog, h.Changes == changesStaged
	return catalog, nil
}

// Start opens the store, or takes over the one of the configuration before, and
// opens the gates. Requests that come earlier wait for it.
func (a *App) Start() error {
	// Also when it fails: requests that wait would keep the failed configuration
	// from going away, and wait in vain.
	defer a.letIn()
	rt, reused, err := acquireRuntime(a.settings, a.logger)
	if err != nil {
		return a.Store.located(err)
	}
	a.runtime = rt
	rt.logger.Store(a.logger)
	if err := rt.metrics.register(a.ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	if err := a.saveCatalogsOrLater(reused); err != nil {
		return fmt.Errorf("writing the permissions to the store: %w", err)
	}
	rt.presence.begin(a, time.Now())
	for _, h := range a.handlers {
		h.opened.Store(h.open(rt))
	}
	a.startAdmins()
	a.hintAtLogs()
	return nil
}

// letIn ends the waiting of requests that came before the start.
func (a *App) letIn() {
	a.once.Do(func() {
		if a.started != nil { // Provision came that far
			close(a.started)
		}
	})
}

// Stop does nothing: requests are still under way. On a reload some can be even
// after Cleanup, since Caddy doesn't wait for them then.
func (a *App) Stop() error { return nil }

// Cleanup releases what the gates share. The last configuration that uses it
// writes what is left of the last-use times and closes the store.
func (a *App) Cleanup() error {
	a.letIn()
	if a.runtime == nil {
		return nil
	}
	a.saving.Wait() // its context has ended
	rt := a.runtime
	a.runtime = nil
	close(a.replaced)
	rt.presence.end(a)
	for _, h := range a.handlers {
		h.close()
	}
	return releaseRuntime(rt)
}

var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
