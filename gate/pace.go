package gate

import (
	"context"
	"sync/atomic"
	"time"
)

// pace spreads the look-ups that find nothing over time, so that a flood of
// unknown secrets can't take more than a small part of the machine from the
// known ones. They are paid for afterwards: look-ups that find something cost
// nothing, however many come at once, unless there are debts.
type pace struct {
	interval time.Duration // what one of them costs
	burst    time.Duration // how much is free after a quiet time
	paid     atomic.Int64  // until when all is paid; nanoseconds since the resolver began
}

// newPace makes a pace of so many a second. Those of one second are free.
func newPace(perSecond int) *pace {
	p := &pace{interval: time.Second / time.Duration(perSecond), burst: time.Second}
	p.paid.Store(-int64(p.burst))
	return p
}

// debt returns how long it takes until all is paid.
func (p *pace) debt(now int64) time.Duration { return time.Duration(max(0, p.paid.Load()-now)) }

// charge adds a look-up that found nothing.
func (p *pace) charge(now int64) {
	for {
		paid := p.paid.Load()
		if p.paid.CompareAndSwap(paid, max(paid, now-int64(p.burst))+int64(p.interval)) {
			return
		}
	}
}

// lane is a way to the store: so many may be on it at a time. With a pace, those
// that have their place wait for debts to be paid.
type lane struct {
	places chan struct{}
	pace   *pace // or nil
	now    func() int64
}

// enter waits for a place, for a second at most. leave gives it back.
func (l *lane) enter() error {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	select {
	case l.places <- struct{}{}:
	case <-ctx.Done():
		return errBusy
	}
	if l.pace == nil {
		return nil
	}
	for debt := l.pace.debt(l.now()); debt > 0; debt = l.pace.debt(l.now()) {
		select {
		case <-time.After(debt):
		case <-ctx.Done():
			l.leave()
			return errBusy
		}
	}
	return nil
}

func (l *lane) leave() { <-l.places }

// foundNothing charges the look-up that has a place now.
func (l *lane) foundNothing() {
	if l.pace != nil {
		l.pace.charge(l.now())
	}
}
