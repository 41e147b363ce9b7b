package store

import (
	"slices"
	"sync"
)

// Watchers are the running Watches of one store, as a driver keeps them. The
// zero value has none.
type Watchers struct {
	mu   sync.Mutex
	list []*Watcher
}

// Watcher is one of them. It tells one change after the other, and none when it has ended.
type Watcher struct {
	mu     sync.Mutex
	ended  bool
	notify func(Changed)
}

// Add begins a Watch.
func (w *Watchers) Add(notify func(Changed)) *Watcher {
	one := &Watcher{notify: notify}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, one)
	return one
}

// Remove ends a Watch: once it returns, nothing is told to it any more.
func (w *Watchers) Remove(one *Watcher) {
	w.mu.Lock()
	w.list = slices.DeleteFunc(w.list, func(other *Watcher) bool { return other == one })
	w.mu.Unlock()

	one.mu.Lock()
	defer one.mu.Unlock()
	one.ended = true
}

// Tell tells all of them.
func (w *Watchers) Tell(changed Changed) {
	w.mu.Lock()
	list := slices.Clone(w.list)
	w.mu.Unlock()
	for _, one := range list {
		one.Tell(changed)
	}
}

// Tell tells this one, unless it has ended.
func (w *Watcher) Tell(changed Changed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.notify(changed)
	}
}

// Running returns how many there are.
func (w *Watchers) Running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.list)
}
