package gate

import (
	"sync/atomic"
	"time"
)

// pace spreads the look-ups that find nothing over time, so that a flood of
// unknown secrets can't take more than a small part of the machine from the
// known ones. A look-up takes a place when it begins and gives it back if it
// found something: tokens that are read for the first time cost nothing.
type pace struct {
	interval time.Duration // between two places
	burst    time.Duration // how many unused places are kept, as time
	next     atomic.Int64  // when the next place is; nanoseconds since the resolver began
}

// newPace makes a pace of so many places a second. Those of one second are kept.
func newPace(perSecond int) *pace {
	p := &pace{interval: time.Second / time.Duration(perSecond), burst: time.Second}
	p.next.Store(-int64(p.burst))
	return p
}

// take returns how long to wait for the next place, or false, and takes none,
// if that is longer than patience.
func (p *pace) take(now int64, patience time.Duration) (time.Duration, bool) {
	for {
		next := p.next.Load()
		place := max(next, now-int64(p.burst))
		wait := time.Duration(place - now)
		if wait > patience {
			return 0, false
		}
		if p.next.CompareAndSwap(next, place+int64(p.interval)) {
			return max(0, wait), true
		}
	}
}

// giveBack returns a place that was not used up.
func (p *pace) giveBack() { p.next.Add(-int64(p.interval)) }
