package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
)

// pollInterval is how often a Watch looks for changes by other processes.
const pollInterval = 250 * time.Millisecond

// Watch implements store.Store. It first tells of everything, once it listens.
// Changes of this Store may be told twice: when they commit, and when they are
// found in the file like those of others. While the file can't be read it tells
// these only, after saying that it hears nothing; when it can be read again,
// Watch tells of everything.
func (s *Store) Watch(ctx context.Context, notify func(store.Changed)) error {
	if s.closed.Load() {
		return errClosed
	}
	one := s.watchers.Add(notify)
	defer s.watchers.Remove(one)

	f := follower{path: s.path}
	defer f.stop()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for lost := false; ; {
		changed, err := s.look(ctx, &f)
		switch {
		case err == nil:
			lost = false
			if changed.All || len(changed.Digests) > 0 {
				one.Tell(changed)
			}
		// A file with a gap was read; what is only to begin anew is no loss.
		case !lost && !errors.Is(err, errPruned) && ctx.Err() == nil && !s.closed.Load():
			lost = true
			one.Tell(store.Changed{Lost: err})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return errClosed
		case <-ticker.C:
		}
	}
}

// look is one look of a follower, at the file that was opened only: nothing is
// heard from one that was moved away.
func (s *Store) look(ctx context.Context, f *follower) (store.Changed, error) {
	if s.missing.Load() {
		f.stop()
		return store.Changed{}, s.errMissing()
	}
	changed, err := f.poll(ctx)
	if err != nil {
		err = fmt.Errorf("looking for changes: %w", err)
	}
	return changed, err
}
