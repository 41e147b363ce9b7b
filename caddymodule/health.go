package caddymodule

import (
	"sync"
	"time"
)

// health is what a runtime knows of its store.
type health struct {
	mu sync.Mutex
	healthState
}

type healthState struct {
	up       bool
	away     bool          // as opposed to being broken for some tokens
	refused  bool          // the newest failure was an answer
	since    time.Time     // when up became what it is
	last     time.Time     // when the store answered last; zero if it never did
	offset   time.Duration // of its clock
	clockBad bool
	writeBad bool
	watch    watchState
}

// watchState is what is known of hearing of changes by others.
type watchState struct {
	heard  bool
	since  time.Time // when heard became what it is
	reason error     // why they aren't heard
	warned bool
}

// turn is what a note made of a state.
type turn int

const (
	unchanged turn = iota
	becameBad
	becameGood
)

func turnOf(was, is bool) turn {
	switch {
	case was == is:
		return unchanged
	case is:
		return becameGood
	}
	return becameBad
}

// answered notes that the store answered, or why it did not, and returns whether
// it went away or came back.
func (h *health) answered(err error, now time.Time) turn {
	h.mu.Lock()
	defer h.mu.Unlock()
	up, away := err == nil, h.away
	h.refused = !up && !isAway(err)
	if up != h.up || h.since.IsZero() {
		h.up, h.since = up, now
	}
	switch {
	case up:
		h.last, h.away = now, false
	case isAway(err):
		h.away = true
	}
	return turnOf(!away, !h.away)
}

// wrote notes whether the store took last-use times.
func (h *health) wrote(err error) turn {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.writeBad
	h.writeBad = err != nil
	return turnOf(!was, err == nil)
}

// hears notes that changes by others are heard of, or why they aren't, and
// reports whether the warning of that is over.
func (h *health) hears(reason error, now time.Time) (over bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &h.watch
	if heard := reason == nil; heard != w.heard || w.since.IsZero() {
		w.heard, w.since = heard, now
	}
	w.reason = reason
	over = w.heard && w.warned
	w.warned = w.warned && !w.heard
	return over
}

// deaf reports, once, that changes haven't been heard of for the given time while
// the store answered, and why.
func (h *health) deaf(least time.Duration, now time.Time) (since time.Time, reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &h.watch
	since = w.since
	if h.since.After(since) { // while it is away, that is what there is to say
		since = h.since
	}
	if w.heard || w.warned || !h.up || now.Sub(since) < least {
		return since, nil
	}
	w.warned = true
	return since, w.reason
}

const maxClockOffset = 2 * time.Second // rule 19

// clock notes by how much the store's clock is ahead of this machine's, where
// that is known to within error.
func (h *health) clock(offset, within time.Duration) turn {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offset = offset
	was := h.clockBad
	switch {
	case offset.Abs()-within > maxClockOffset:
		h.clockBad = true
	case offset.Abs()+within <= maxClockOffset:
		h.clockBad = false
	}
	return turnOf(!was, !h.clockBad)
}

// snapshot returns what is known now.
func (h *health) snapshot() healthState {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.healthState
}
