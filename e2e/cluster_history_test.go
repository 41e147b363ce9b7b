package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// history is what every token was at any time, as far as that is known.
type history struct {
	mu     sync.RWMutex
	tokens map[string][]*span
}

// span is a state that a token may have had at any moment from one to another. A
// change can take hold at any moment between its call and its answer: then both
// the state before and the one after may be. A change without an answer leaves it
// open which, until somebody finds out.
type span struct {
	state
	from, to time.Time // to is zero as long as it may be so
}

func newHistory() *history { return &history{tokens: map[string][]*span{}} }

// maybe notes that a token may be in a state from now on.
func (h *history) maybe(id string, s state) *span {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tokens[id] == nil { // until now there was no such token
		h.tokens[id] = []*span{{}}
	}
	one := &span{state: s, from: time.Now()}
	h.tokens[id] = append(h.tokens[id], one)
	return one
}

// known notes that a token is in this state for certain, and in no other.
func (h *history) known(id string, is *span) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.tokens[id] {
		if one != is && one.to.IsZero() {
			one.to = now
		}
	}
	is.to = time.Time{}
}

// during calls yield for each state that a token may have had between two moments.
func (h *history) during(id string, from, to time.Time, yield func(*state)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	spans := h.tokens[id]
	if spans == nil {
		spans = []*span{{}}
	}
	for _, one := range spans {
		if !one.from.After(to) && (one.to.IsZero() || !one.to.Before(from)) {
			yield(&one.state)
		}
	}
}

// certain returns the state of a token, if only one is possible at present.
func (h *history) certain(id string) (s state, ok bool) {
	n := 0
	now := time.Now()
	h.during(id, now, now, func(one *state) { s, n = *one, n+1 })
	return s, n == 1
}

// call is what a client saw.
type call struct {
	gateway    int
	id         string // of the token whose secret it was; "" for a secret of nobody
	secret     string
	method     string
	start, end time.Time
	status     int
	retryAfter string
}

// judge knows what gateways may answer.
//
// An answer is good if it follows from a state that the token may have had at
// some moment in [start - bound, end]: a gateway decides by what it read from the
// store since then. Time itself is not allowed to be late: what an expiry says is
// asked for the moment of the request, whatever was read. For an allow, that is its
// start: what has expired by then must be refused.
//
// bound is cache_ttl; and cache_ttl + stale_if_error for a gateway that was in
// trouble with the store during the request or within `recovery` before it. Only then
// may it answer 503, with Retry-After.
type judge struct {
	history      *history
	trouble      []*trouble // by gateway
	cacheTTL     time.Duration
	staleIfError time.Duration
	strict       atomic.Int64 // answers that were held against cache_ttl alone
}

// recovery is how long after a trouble a gateway may still feel it: a look-up
// that began in it fails a second later (security rule 18), and then the store is
// taken for unavailable for another one and a half, and for two more for tokens
// that are known (gate.Resolver).
const recovery = 4500 * time.Millisecond

func (j *judge) judge(r *call) error {
	trouble := j.trouble[r.gateway].during(r.start.Add(-recovery), r.end)
	if r.status == 503 {
		switch {
		case r.retryAfter == "":
			return fmt.Errorf("503 without Retry-After: %+v", *r)
		case !trouble:
			return fmt.Errorf("503 while the store was well, for %v at least: %+v", recovery, *r)
		}
		return nil
	}
	bound := j.cacheTTL
	if trouble {
		bound += j.staleIfError
	} else {
		j.strict.Add(1)
	}
	good, digest := false, token.Hash(r.secret)
	j.history.during(r.id, r.start.Add(-bound), r.end, func(s *state) {
		last := s.verdict(digest, r.method, r.end)
		good = good || r.status == s.verdict(digest, r.method, r.start) || r.status == last && last != 200
	})
	if good {
		return nil
	}
	possible := ""
	j.history.during(r.id, r.start.Add(-bound), r.end, func(s *state) {
		possible += fmt.Sprintf("\n%d at its start: %v", s.verdict(digest, r.method, r.start), s)
	})
	return fmt.Errorf("%s at gateway %d got %d, from %s on, for %v, bound %v; possible were:%s",
		r.method, r.gateway, r.status, r.start.Format(time.StampMicro), r.end.Sub(r.start), bound, possible)
}

// trouble is when a gateway could not reach the store, or not well.
type trouble struct {
	mu    sync.Mutex
	times []period
}

type period struct{ from, to time.Time } // to is zero while it lasts

// begin notes trouble from now on; the function that it returns, that it is over.
func (t *trouble) begin() (over func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := len(t.times)
	t.times = append(t.times, period{from: time.Now()})
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.times[i].to = time.Now()
	}
}

// was notes trouble that was found out afterwards.
func (t *trouble) was(from, to time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.times = append(t.times, period{from, to})
}

func (t *trouble) during(from, to time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.times {
		if !p.from.After(to) && (p.to.IsZero() || !p.to.Before(from)) {
			return true
		}
	}
	return false
}
