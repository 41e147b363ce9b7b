package sqlite

import (
	"context"
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
// found in the file like those of others. While the file can't be read there is
// nothing to tell; when it can again, Watch tells of everything.
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
	for {
		if changed := f.poll(ctx); changed.All || len(changed.Digests) > 0 {
			one.tell(changed)
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
