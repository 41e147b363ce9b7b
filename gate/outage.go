package gate

import (
	"math"
	"time"
)

// longAgo is when a pause ended that a look-up has yet to confirm as over.
const longAgo = math.MinInt64 / 2

// endPause lets the store be asked at once: who tells of changes is there, and
// what is forgotten because of them must be read again.
func (r *Resolver) endPause() {
	if until := r.downUntil.Load(); until > 0 {
		r.downUntil.CompareAndSwap(until, longAgo)
	}
}

// down reports whether the store was unavailable a moment ago, so that asking
// again would only make requests wait for their deadline.
func (r *Resolver) down(now time.Time) bool { return r.downWithin(now, 0) }

// away reports whether the store was found unavailable not long ago. That ends
// some time after the pause if nobody asks again: a failure of long ago says
// nothing about now.
func (r *Resolver) away(now time.Time) bool { return r.downWithin(now, 2*lookupTimeout) }

func (r *Resolver) downWithin(now time.Time, grace time.Duration) bool {
	until := r.downUntil.Load()
	return until != 0 && int64(now.Sub(r.began)-grace) < until
}

// goDown notes that the store is unavailable. The pause until it is asked again
// differs by up to a half from gateway to gateway, so that they don't all come at once.
//
// A failure says nothing if the store has answered since that look-up began:
// then it was slow for one.
func (r *Resolver) goDown(began time.Time, err error) {
	if int64(began.Sub(r.began)) < r.answered.Load() {
		return
	}
	now := r.config.Now()
	pause := retryAfter + time.Duration(now.UnixNano())%(retryAfter/2)
	if r.downUntil.Swap(int64(now.Sub(r.began)+pause)) == 0 {
		r.config.Event(Down, err)
	}
}

func (r *Resolver) backUp() {
	r.answered.Store(int64(r.config.Now().Sub(r.began)))
	if r.downUntil.Load() != 0 && r.downUntil.Swap(0) != 0 {
		r.config.Event(Up, nil)
	}
}
