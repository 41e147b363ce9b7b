package caddymodule

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

const (
	// probeInterval is how often the store is asked, so that its state is known
	// also where no look-up is needed.
	probeInterval = 5 * time.Second
	probeTimeout  = 2 * time.Second

	// clockInterval is how often the clocks are compared.
	clockInterval = 3 * time.Minute

	// watchPatience is how long changes may not be heard of, while the store
	// answers, until that is worth a warning.
	watchPatience = 15 * time.Second

	// keptUse is for how many days the counts of a token are kept: a year, and
	// some more to compare with.
	keptUse       = 400
	pruneInterval = 24 * time.Hour
	pruneRetry    = time.Hour
	pruneTimeout  = 5 * time.Minute
)

// care looks after the store until the context ends.
func (rt *runtime) care(ctx context.Context, s store.Store) {
	done := make(chan struct{})
	go func() { defer close(done); rt.prune(ctx, s) }()
	due := time.Now()
	for {
		offset, within, ok := rt.probe(ctx, s)
		if ok && !time.Now().Before(due) {
			rt.noteClock(offset, within)
			due = time.Now().Add(clockInterval)
		}
		rt.warnIfDeaf()
		if !sleep(ctx, probeInterval+jitter(probeInterval/10)) {
			break
		}
	}
	<-done
}

// probe asks the store for the time and for a token that nobody has, and notes
// whether it answered. It returns by how much the store's clock is ahead: zero if
// that can't be told from the time that the answer took.
func (rt *runtime) probe(ctx context.Context, s store.Store) (offset, within time.Duration, ok bool) {
	asking, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	began := time.Now()
	clock, err := s.Clock(asking)
	within = time.Since(began) / 2 // the answer was made somewhere in between
	if err == nil {
		if _, err = s.Lookup(asking, token.Digest{}); errors.Is(err, store.ErrNotFound) {
			err = nil
		}
	}
	if ctx.Err() != nil {
		return 0, 0, false
	}
	rt.noteStore(err)
	if offset = clock.Sub(began.Add(within).Round(0)); offset.Abs() <= within {
		offset = 0
	}
	return offset, within, err == nil
}

// warnIfDeaf warns, once, when the store answers but its changes can't be
// watched: a role may lack the rights.
func (rt *runtime) warnIfDeaf() {
	if since, reason := rt.health.deaf(watchPatience, time.Now()); reason != nil {
		rt.logger.Load().Warn("changes of tokens can't be watched; until they can, cache_ttl bounds how long they go unseen",
			zap.Time("since", since), zap.Error(reason))
	}
}

// noteWatch notes that changes by others are heard of, or why they aren't.
func (rt *runtime) noteWatch(reason error) {
	if rt.health.hears(reason, time.Now()) {
		rt.logger.Load().Info("changes of tokens are watched again")
	}
}

// noteClock warns when the clocks differ: a token that has expired by one of
// them may not have by the other.
func (rt *runtime) noteClock(offset, within time.Duration) {
	switch rt.health.clock(offset, within) {
	case becameBad:
		rt.logger.Load().Warn("the clocks of this machine and of the token store differ by more than 2s; set both by NTP, tokens expire by this machine's",
			zap.Duration("store_ahead", offset))
	case becameGood:
		rt.logger.Load().Info("the clocks of this machine and of the token store agree again")
	case unchanged:
	}
}

// prune removes use that is too old, once a day. It does not begin at once, so that
// gateways that start together don't all come together, and a restart is quick.
func (rt *runtime) prune(ctx context.Context, s store.Store) {
	wait := jitter(pruneRetry)
	for sleep(ctx, wait) {
		wait = pruneInterval + jitter(pruneRetry)
		pruning, cancel := context.WithTimeout(ctx, pruneTimeout)
		err := s.PruneUse(pruning, time.Now().UTC().AddDate(0, 0, -keptUse))
		cancel()
		if err != nil && ctx.Err() == nil {
			rt.logger.Load().Warn("removing old counts of tokens failed; trying again in an hour", zap.Error(err))
			wait = pruneRetry
		}
	}
}
