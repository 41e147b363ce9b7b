package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
)

// pollInterval is how often a Watch looks for changes by other processes.
const pollInterval = 250 * time.Millisecond

// watchers are the running Watches of one Store.
type watchers struct {
	mu   sync.Mutex
	list []*watcher
}

// watcher tells one change after the other, and none when it has ended.
type watcher struct {
	mu     sync.Mutex
	ended  bool
	notify func(store.Changed)
}

func (w *watchers) add(notify func(store.Changed)) *watcher {
	one := &watcher{notify: notify}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, one)
	return one
}

func (w *watchers) remove(one *watcher) {
	w.mu.Lock()
	w.list = slices.DeleteFunc(w.list, func(other *watcher) bool { return other == one })
	w.mu.Unlock()

	one.mu.Lock()
	defer one.mu.Unlock()
	one.ended = true
}

func (w *watchers) tell(changed store.Changed) {
	w.mu.Lock()
	list := slices.Clone(w.list)
	w.mu.Unlock()
	for _, one := range list {
		one.tell(changed)
	}
}

func (w *watcher) tell(changed store.Changed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.notify(changed)
	}
}

// Watch implements store.Store. It first tells of everything, once it listens.
// Changes of this Store may be told twice: when they commit, and when they are
// found in the file like those of others. While the file can't be read it tells
// these only, after saying that it hears nothing; when it can be read again,
// Watch tells of everything.
func (s *Store) Watch(ctx context.Context, notify func(store.Changed)) error {
	if s.closed.Load() {
		return errClosed
	}
	one := s.watchers.add(notify)
	defer s.watchers.remove(one)

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
				one.tell(changed)
			}
		// A file with a gap was read; what is only to begin anew is no loss.
		case !lost && !errors.Is(err, errPruned) && ctx.Err() == nil && !s.closed.Load():
			lost = true
			one.tell(store.Changed{Lost: err})
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
