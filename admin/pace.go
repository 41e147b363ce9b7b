package admin

import (
	"sync"
	"time"
)

// How many refused attempts to sign in are noted: so many at once, and one more
// after each span.
var (
	paceOfOne = pace{burst: 30, every: 10 * time.Second} // of an account, or from a network
	paceOfAll = pace{burst: 150, every: 2 * time.Second}
)

// maxPaced is how many accounts and networks are told apart. Beyond, all begin
// anew; the pace of all holds on.
const maxPaced = 10_000

// refusals let events of refused attempts through at a bounded rate, so that a
// flood of them can't fill the store: each account's, each network's and those of
// unknown names at one of their own, so that who floods hides no more than that.
type refusals struct {
	mu  sync.Mutex
	of  map[string]*pace
	all pace
}

func newRefusals() *refusals {
	return &refusals{of: map[string]*pace{}, all: paceOfAll}
}

// allow reports whether an event of an attempt from a network may be written now,
// and how many of that network or account were not since the one before it. account
// is empty for an unknown name.
func (r *refusals) allow(now time.Time, network, account string) (dropped int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	paces := []*pace{r.pace("network " + network), r.pace("account " + account)}
	ok = r.all.has(now)
	for _, p := range paces {
		ok = p.has(now) && ok
	}
	if ok {
		r.all.spent++
	}
	for _, p := range paces {
		if !ok {
			p.dropped++
			continue
		}
		p.spent++
		dropped, p.dropped = max(dropped, p.dropped), 0
	}
	return dropped, ok
}

func (r *refusals) pace(key string) *pace {
	p := r.of[key]
	if p == nil {
		if len(r.of) >= maxPaced {
			clear(r.of)
		}
		one := paceOfOne
		p = &one
		r.of[key] = p
	}
	return p
}

// pace bounds how often something is done.
type pace struct {
	burst   float64
	every   time.Duration
	spent   float64
	last    time.Time
	dropped int
}

// has reports whether it may be done once more now.
func (p *pace) has(now time.Time) bool {
	if since := now.Sub(p.last); since > 0 {
		p.spent = max(0, p.spent-since.Seconds()/p.every.Seconds())
		p.last = now
	}
	return p.spent+1 <= p.burst
}
