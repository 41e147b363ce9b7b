package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// runtime is the state that survives a reload: the store, the cache and the
// last-use recorder. Configurations with equal settings share one.
type runtime struct {
	settings settings
	store    store.Store
	resolver *gate.Resolver
	recorder *gate.Recorder
	metrics  *metrics
	logger   atomic.Pointer[zap.Logger] // of the newest configuration
	stop     context.CancelFunc
	watching chan struct{} // closed when the watch has ended

	failureLogged atomic.Int64 // when, in unix nanoseconds
}

// runtimes holds one runtime for each settings in use.
var runtimes = caddy.NewUsagePool()

const (
	openTimeout  = 30 * time.Second
	flushTimeout = 10 * time.Second // for what is left at the end

	failureLogInterval = time.Minute
)

// acquireRuntime takes the runtime of the settings, or makes it. reused says
// that there was one.
func acquireRuntime(s settings, logger *zap.Logger) (rt *runtime, reused bool, err error) {
	value, reused, err := runtimes.LoadOrNew(s, func() (caddy.Destructor, error) { return newRuntime(s, logger) })
	rt, _ = value.(*runtime) // the pool holds nothing else
	return rt, reused, err
}

func releaseRuntime(rt *runtime) error {
	_, err := runtimes.Delete(rt.settings)
	return err
}

func newRuntime(s settings, logger *zap.Logger) (*runtime, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	opened, err := s.store.open(ctx)
	if err != nil {
		return nil, err
	}
	rt := &runtime{settings: s, store: opened, watching: make(chan struct{})}
	rt.logger.Store(logger)
	rt.resolver, err = gate.NewResolver(gate.Config{
		Lookup: lookup(opened), Now: time.Now, CacheSize: s.cacheSize, TTL: s.cacheTTL, StaleIfError: s.staleIfError,
		Attach: func(t *token.Token) any { return placeholders(t) },
		Event:  rt.event,
	})
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	rt.recorder = gate.NewRecorder(gate.RecorderConfig{
		Write: opened.RecordUse, Interval: s.flushInterval, Limit: int(2 * s.cacheSize),
		Failed: func(err error) {
			rt.logger.Load().Error("writing last-use times failed; they are kept for the next time", zap.Error(err))
		},
	})
	rt.metrics = newMetrics(rt.recorder)
	watchCtx, stop := context.WithCancel(context.Background())
	rt.stop = stop
	go rt.watch(watchCtx)
	return rt, nil
}

// watch forgets tokens as the store tells of changes. A watch that fails is
// begun again, and whatever changed in between counts as unknown.
func (rt *runtime) watch(ctx context.Context) {
	defer close(rt.watching)
	for ctx.Err() == nil {
		err := rt.store.Watch(ctx, func(c store.Changed) {
			if c.All {
				rt.resolver.InvalidateAll()
			} else {
				rt.resolver.Invalidate(c.Digests)
			}
		})
		if ctx.Err() != nil {
			return
		}
		rt.logger.Load().Error("watching the store for changes failed; trying again", zap.Error(err))
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
		rt.resolver.InvalidateAll()
	}
}

// event counts what the resolver does, and logs when the store goes away and
// comes back: once each, not with every request.
func (rt *runtime) event(e gate.Event, err error) {
	rt.metrics.event(e)
	switch e {
	case gate.Down:
		rt.logger.Load().Error("the token store is unavailable; known tokens go on working for a while, others are answered with 503",
			zap.Duration("cache_ttl", rt.settings.cacheTTL), zap.Duration("stale_if_error", rt.settings.staleIfError), zap.Error(err))
	case gate.Up:
		rt.logger.Load().Info("the token store is back")
	case gate.LookupFailed:
		if !errors.Is(err, gate.ErrUnavailable) {
			rt.logFailure(err)
		}
	case gate.Hit, gate.Miss, gate.HitAbsent, gate.Stale, gate.LookupFound, gate.LookupAbsent:
	}
}

// logFailure logs a look-up that failed for another reason than an absent
// store: a damaged file, most likely. Many requests can meet it, so it is logged
// now and then.
func (rt *runtime) logFailure(err error) {
	now := time.Now()
	last := rt.failureLogged.Load()
	if now.UnixNano()-last < int64(failureLogInterval) || !rt.failureLogged.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	rt.logger.Load().Error("looking a token up failed; its requests are answered with 503", zap.Error(err))
}

// Destruct writes what is left of the last-use times and closes the store. The
// usage pool calls it when no configuration uses the runtime any more.
func (rt *runtime) Destruct() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	err := rt.recorder.Close(ctx)
	if err != nil {
		err = fmt.Errorf("writing the last of the last-use times: %w", err)
	}
	rt.stop()
	<-rt.watching
	return errors.Join(err, rt.store.Close())
}

// placeholders makes the values of {http.auth.user.*} for a token, under the
// names that Caddy's own authentication uses.
func placeholders(t *token.Token) caddy.ReplacerFunc {
	values := map[string]any{
		"http.auth.user.id": t.ID, "http.auth.user.name": t.Name, "http.auth.user.type": string(t.Type),
		"http.auth.user.owner": t.Owner, "http.auth.user.api": t.API,
	}
	return func(key string) (any, bool) {
		value, ok := values[key]
		return value, ok
	}
}
