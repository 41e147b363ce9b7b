package caddymodule

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/store"
)

// ownStore is the store of a runtime. Its changes hold with the next request
// whatever the watch does.
type ownStore struct {
	store.Store
	rt *runtime
}

// Change implements store.Store. While no watch tells the resolver of changes,
// because it has not begun yet or has ended, everything is forgotten: also when
// the change failed, since that may not be certain.
func (s *ownStore) Change(ctx context.Context, fn func(tx store.Tx) error) error {
	err := s.Store.Change(ctx, fn)
	if !s.rt.watched.Load() {
		s.rt.resolver.InvalidateAll()
	}
	return err
}

var errNotReached = fmt.Errorf("%w: it could not be reached yet since the gateway started", store.ErrUnavailable)

// opened returns the store, or an error while it was never reached.
func (rt *runtime) opened() (store.Store, error) {
	if s := rt.store.Load(); s != nil {
		return s, nil
	}
	return nil, errNotReached
}

func (rt *runtime) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	s, err := rt.settings.store.open(ctx, rt.settings.poll)
	if err != nil {
		return err
	}
	own := &ownStore{s, rt}
	rt.managing.begin(own)
	rt.store.Store(own)
	rt.noteStore(nil)
	return nil
}

// mayWaitForStore reports whether a gateway may start without its store: one on
// Postgres, which comes back by itself. If there is another runtime, this is a
// reload, and the tokens that the other one has in memory are worth more than
// new settings: the reload fails. See docs/decisions/0019-start-without-store.md.
func (s settings) mayWaitForStore() bool {
	return s.store.Driver == driverPostgres && len(liveRuntimes()) == 0
}

const (
	reopenInterval = 2 * time.Second // for a store that was never reached
	rewatchDelay   = time.Second
)

// run opens the store, if that was not possible before, and looks after it.
func (rt *runtime) run(ctx context.Context) {
	defer close(rt.stopped)
	for rt.store.Load() == nil {
		if !sleep(ctx, reopenInterval+jitter(reopenInterval/2)) {
			return
		}
		if err := rt.open(ctx); err != nil && ctx.Err() == nil {
			rt.noteStore(err)
		}
	}
	s := rt.store.Load()
	done := make(chan struct{})
	go func() { defer close(done); rt.watch(ctx, s) }()
	rt.care(ctx, s)
	<-done
}

// watch forgets tokens as the store tells of changes. It ends with the context
// only; should it end before, it is begun again, and whatever changed in between
// counts as unknown.
func (rt *runtime) watch(ctx context.Context, s store.Store) {
	for {
		err := s.Watch(ctx, func(c store.Changed) {
			rt.watched.Store(true)
			if c.All {
				rt.resolver.InvalidateAll()
			} else {
				rt.resolver.Invalidate(c.Digests)
			}
		})
		rt.watched.Store(false)
		if ctx.Err() != nil {
			return
		}
		rt.logger.Load().Error("watching the store for changes failed; trying again", zap.Error(err))
		sleep(ctx, rewatchDelay)
		rt.resolver.InvalidateAll()
	}
}

// hears reports whether changes by others are heard of, as far as that is known
// here: a watch goes on while the store is away, and begins anew by itself.
func (rt *runtime) hears() bool { return rt.watched.Load() && rt.health.snapshot().up }

// sleep waits, and reports whether the context is still there.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// jitter differs from gateway to gateway, so that they don't all come at once.
func jitter(most time.Duration) time.Duration {
	return time.Duration(time.Now().UnixNano()) % most
}
