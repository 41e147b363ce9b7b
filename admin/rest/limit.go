package rest

import (
	"math"
	"sync"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// Rate bounds how often somebody may ask.
type Rate struct {
	PerSecond float64
	Burst     int // so many at once after a pause
}

func (r Rate) or(standard Rate) Rate {
	if r.PerSecond <= 0 || r.Burst <= 0 {
		return standard
	}
	return r
}

// maxBuckets bounds the memory of a limiter: it has at most twice as many.
const maxBuckets = 10_000

// limiter has a bucket for each key that asked of late. Those that did not ask
// while maxBuckets others did are forgotten, and begin with a full one again.
type limiter struct {
	rate Rate
	now  func() time.Time

	mu         sync.Mutex
	young, old map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(rate Rate, now func() time.Time) *limiter {
	return &limiter{rate: rate, now: now, young: map[string]*bucket{}}
}

// take returns 0, or how long to wait for if the key asked too often.
func (l *limiter) take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, now := l.bucket(key), l.now()
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left = math.Min(float64(l.rate.Burst), b.left+passed*l.rate.PerSecond)
		b.at = now
	}
	if b.left >= 1 {
		b.left--
		return 0
	}
	return time.Duration((1 - b.left) / l.rate.PerSecond * float64(time.Second))
}

func (l *limiter) bucket(key string) *bucket {
	if b := l.young[key]; b != nil {
		return b
	}
	b := l.old[key]
	if b == nil {
		b = &bucket{left: float64(l.rate.Burst), at: l.now()}
	}
	if len(l.young) >= maxBuckets {
		l.young, l.old = make(map[string]*bucket, maxBuckets), l.young
	}
	l.young[key] = b
	return b
}

// give takes back what take took.
func (l *limiter) give(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	b.left = math.Min(float64(l.rate.Burst), b.left+1)
}

// recent remembers what was good of late, by its digest. What was not seen while
// maxBuckets others were is forgotten.
type recent struct {
	mu         sync.Mutex
	young, old map[token.Digest]struct{}
}

func newRecent() *recent { return &recent{young: map[token.Digest]struct{}{}} }

func (r *recent) has(d token.Digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, young := r.young[d]
	_, old := r.old[d]
	return young || old
}

func (r *recent) add(d token.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, young := r.young[d]; young {
		return
	}
	if len(r.young) >= maxBuckets {
		r.young, r.old = make(map[token.Digest]struct{}, maxBuckets), r.young
	}
	r.young[d] = struct{}{}
}

func (r *recent) remove(d token.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, d)
	delete(r.old, d)
}

// LimitByAddress returns what says how long the network of an address has to wait until
// it may ask again, for what stands beside the API.
func LimitByAddress(rate Rate, now func() time.Time) func(address string) (wait time.Duration) {
	l := newLimiter(rate, now)
	return func(address string) time.Duration { return l.take(admin.Network(address)) }
}
