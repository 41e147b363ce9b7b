package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/token"
)

// runtime is the state that survives a reload: the store, the cache and the
// last-use recorder. Configurations with equal settings share one.
type runtime struct {
	settings settings
	store    atomic.Pointer[ownStore] // nil until it could be reached; see opened
	managing managing
	resolver *gate.Resolver
	recorder *gate.Recorder
	metrics  *metrics
	health   health
	presence *presence
	logger   atomic.Pointer[zap.Logger] // of the newest configuration
	stop     context.CancelFunc
	stopped  chan struct{} // closed when all that runs in the background has ended
	told     atomic.Bool   // own changes are told to the resolver by the store's watch, whatever is heard of others

	startedWithout bool // the store could not be reached when this was made

	failureLogged atomic.Int64 // when, in unix nanoseconds
}

// runtimes holds one runtime for each settings in use.
var runtimes = caddy.NewUsagePool()

// live are the runtimes that are in use. The pool can't be asked while one is
// being made.
var live struct {
	sync.Mutex
	list []*runtime
}

const (
	openTimeout  = 30 * time.Second // migrations included
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

func liveRuntimes() []*runtime {
	live.Lock()
	defer live.Unlock()
	return slices.Clone(live.list)
}

func newRuntime(s settings, logger *zap.Logger) (rt *runtime, err error) {
	rt = &runtime{settings: s, presence: newPresence(), stopped: make(chan struct{})}
	rt.logger.Store(logger)
	rt.resolver, err = gate.NewResolver(gate.Config{
		Lookup: rt.lookup, Now: time.Now, CacheSize: s.cacheSize, TTL: s.cacheTTL, StaleIfError: s.staleIfError,
		Attach: func(t *token.Token) any { return placeholders(t) },
		Event:  rt.event,
	})
	if err != nil {
		return nil, err
	}
	rt.metrics = newMetrics(rt)
	if err := rt.open(context.Background()); err != nil {
		if !isAway(err) || !s.mayWaitForStore() {
			return nil, err
		}
		rt.startedWithout = true
		rt.noteStore(err)
	}
	rt.recorder = gate.NewRecorder(gate.RecorderConfig{
		Write: rt.recordUse, Interval: s.flushInterval, Limit: int(2 * s.cacheSize),
		Failed: func(error) {}, // recordUse knows
	})
	background, stop := context.WithCancel(context.Background())
	rt.stop = stop
	go rt.run(background)
	live.Lock()
	defer live.Unlock()
	live.list = append(live.list, rt)
	return rt, nil
}

// recordUse writes last-use times, and logs when that begins to fail and when it
// works again.
func (rt *runtime) recordUse(ctx context.Context, uses []token.Use) error {
	s, err := rt.opened()
	if err == nil {
		err = s.RecordUse(ctx, uses)
	}
	switch rt.health.wrote(err) {
	case becameBad:
		rt.logger.Load().Error("writing last-use times failed; they are kept and tried again", zap.Error(err))
	case becameGood:
		rt.logger.Load().Info("last-use times are written again")
	case unchanged:
	}
	return err
}

// event counts what the resolver does, and notes what it says of the store.
func (rt *runtime) event(e gate.Event, err error) {
	rt.metrics.event(e)
	switch e {
	case gate.Down:
		rt.noteStore(err)
	case gate.LookupFound, gate.LookupAbsent:
		rt.noteStore(nil)
	case gate.LookupFailed: // one that took too long says less than Down does
		if !errors.Is(err, gate.ErrUnavailable) {
			rt.noteStore(err)
		}
	case gate.Hit, gate.Miss, gate.HitAbsent, gate.Stale, gate.Up:
	}
}

// noteStore notes whether the store answered. It logs when the store goes away
// and when it comes back: once each, not with every request.
func (rt *runtime) noteStore(err error) {
	switch change := rt.health.answered(err, time.Now()); {
	case change == becameBad:
		rt.logger.Load().Error("the token store is unavailable; known tokens go on working for a while, others are answered with 503",
			zap.Duration("cache_ttl", rt.settings.cacheTTL), zap.Duration("stale_if_error", rt.settings.staleIfError), zap.Error(err))
	case change == becameGood:
		rt.logger.Load().Info("the token store is back")
	case err != nil && !isAway(err):
		rt.logFailure(err)
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
	<-rt.stopped
	live.Lock()
	live.list = slices.DeleteFunc(live.list, func(other *runtime) bool { return other == rt })
	live.Unlock()
	if s := rt.store.Load(); s != nil {
		err = errors.Join(err, s.Close())
	}
	return err
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
