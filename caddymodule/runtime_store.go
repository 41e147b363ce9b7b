package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	if !s.rt.told.Load() {
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
	s, err := rt.settings.store.open(ctx)
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
	reopenTimeout  = 5 * time.Second
	rewatchDelay   = time.Second
)

// reopen opens a store that could not be reached. Migrations may need more time
// than it may hang for, so it must answer first.
func (rt *runtime) reopen(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, reopenTimeout)
	defer cancel()
	if _, err := rt.settings.store.missing(asking); err != nil {
		return err
	}
	return rt.open(ctx)
}

// run opens the store, if that was not possible before, and looks after it.
func (rt *runtime) run(ctx context.Context) {
	defer close(rt.stopped)
	for rt.store.Load() == nil {
		if !sleep(ctx, reopenInterval+jitter(reopenInterval/2)) {
			return
		}
		if err := rt.reopen(ctx); err != nil && ctx.Err() == nil {
			rt.noteStore(err)
		}
	}
	s := rt.store.Load()
	var running sync.WaitGroup
	running.Go(func() { rt.watch(ctx, s) })
	running.Go(func() { rt.announce(ctx, s) })
	rt.care(ctx, s)
	running.Wait()
}

// watch forgets tokens as the store tells of changes. It ends with the context
// only; should it end before, it is begun again, and whatever changed in between
// counts as unknown.
func (rt *runtime) watch(ctx context.Context, s store.Store) {
	rt.noteWatch(errNotWatchedYet)
	for {
		err := s.Watch(ctx, rt.changed)
		rt.told.Store(false)
		if ctx.Err() != nil {
			return
		}
		if err == nil { // not by the contract
			err = errNotWatchedYet
		}
		rt.noteWatch(err)
		rt.logger.Load().Error("watching the store for changes failed; trying again", zap.Error(err))
		sleep(ctx, rewatchDelay)
		rt.resolver.InvalidateAll()
	}
}

var errNotWatchedYet = errors.New("watching has not begun yet")

// changed forgets what changed before it notes that it was told so.
func (rt *runtime) changed(c store.Changed) {
	if c.All {
		rt.resolver.InvalidateAll()
	} else if len(c.Digests) > 0 {
		rt.resolver.Invalidate(c.Digests)
	}
	rt.told.Store(true)
	switch {
	case c.Lost != nil:
		rt.noteWatch(c.Lost)
	case c.All: // digests alone may be of own changes
		rt.noteWatch(nil)
	}
}

// hears reports whether changes by others are heard of, as far as that is known
// here. That a store is away can be known before its watch says so.
func (rt *runtime) hears() bool { return rt.health.snapshot().hearsOthers() }

func (h healthState) hearsOthers() bool { return h.watch.heard && !h.away }

// whyDeaf says why changes by others aren't heard of, in words of our own: what
// the store said is for the log.
func (h healthState) whyDeaf() string {
	var answer interface{ SQLState() string }
	switch {
	case h.hearsOthers():
		return ""
	case h.away || isAway(h.watch.reason):
		return "the store can't be reached, or does not answer in time"
	case h.watch.reason == nil || errors.Is(h.watch.reason, errNotWatchedYet):
		return "watching has not begun yet"
	case errors.As(h.watch.reason, &answer):
		return "the store refuses it, with code " + answer.SQLState() + "; see the log"
	}
	return "watching fails; see the log"
}

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
