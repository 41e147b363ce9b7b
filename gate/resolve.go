package gate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
	"weak"

	"github.com/dgraph-io/ristretto/v2"
	"golang.org/x/sync/singleflight"

	"github.com/tokenreeve/tokenreeve/token"
)

// The outcomes of a look-up that the gate tells apart. All other errors are
// failures for which nobody is let in.
var (
	// ErrUnknown: no token has this secret.
	ErrUnknown = errors.New("no token has this secret")
	// ErrUnreadable: there is a token, but its record can't be understood.
	ErrUnreadable = errors.New("the token's record can't be understood")
	// ErrUnavailable: the store can't be reached or did not answer in time.
	ErrUnavailable = errors.New("the store is unavailable")

	// errBusy is not for the store to answer for, so it makes nothing stale good.
	errBusy = errors.New("too many look-ups at a time")
)

// Lookup asks the store for the token of a digest and for the end of that
// secret, zero if it lasts as long as the token.
type Lookup func(ctx context.Context, digest token.Digest) (t token.Token, secretExpiry time.Time, err error)

// Config is what a Resolver is made of.
type Config struct {
	Lookup Lookup
	// Now is the clock; it must carry the monotonic reading of time.Now.
	Now func() time.Time
	// CacheSize is how many tokens are kept; fewer if some have large grants, see cost.
	CacheSize int64
	// UnknownRate is how many look-ups a second may find nothing. Further ones
	// wait for up to a second, then they are refused as if the store were away.
	// Default: 500 for each core.
	UnknownRate int
	// TTL is for how long after the start of the read that made it an entry is
	// used: the hard bound on how long a change can go unseen.
	TTL time.Duration
	// StaleIfError is how much longer that is while the store is unavailable.
	StaleIfError time.Duration
	// Attach, if set, makes what the caller wants at hand with each token.
	Attach func(*token.Token) any
	// Event is told what happened, for metrics and logs. It must not block.
	Event func(Event, error)
}

// Event is something that a Resolver does beside answering.
type Event int

// The closed list of events.
const (
	Hit          Event = iota // a known token, no look-up
	Miss                      // a look-up was needed
	HitAbsent                 // a secret known to be unknown
	Stale                     // a known token, past its bound, since the store is away
	LookupFound               // the store knew the secret
	LookupAbsent              // the store did not know it
	LookupFailed              // the store could not say
	Down                      // the store became unavailable
	Up                        // the store is back
)

const (
	lookupTimeout    = time.Second // rule 18
	unknownPerCore   = 500         // look-ups a second that find nothing
	lookupsAtATime   = 64          // of secrets that are not known
	refreshesAtATime = 16          // of known ones, in the background
	retryAfter       = time.Second // how soon an unavailable store is asked again
)

// Resolver turns secrets into tokens: from memory for those that are known,
// from the store for the others. It is safe for concurrent use.
type Resolver struct {
	config      Config
	cache       *ristretto.Cache[uint64, *Known]
	generations generations
	absents     absents
	flights     singleflight.Group
	lookups     lane // of unknown secrets
	rereads     lane // of known tokens that a request waits for
	refreshes   lane // of known tokens in the background
	began       time.Time
	answered    atomic.Int64 // when the store last did; nanoseconds since began
	downUntil   atomic.Int64 // nanoseconds since began; 0 while the store is well
}

// NewResolver makes a resolver. It needs no closing.
func NewResolver(c Config) (*Resolver, error) {
	if c.UnknownRate == 0 {
		c.UnknownRate = unknownPerCore * runtime.GOMAXPROCS(0)
	}
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, *Known]{
		NumCounters:        10 * c.CacheSize,
		MaxCost:            c.CacheSize,
		BufferItems:        64,
		IgnoreInternalCost: true, // most tokens cost 1; otherwise 56 more
		// The key is 64 bits of a SHA-256. Known.digest, compared after each
		// hit, is the check for the rest: two that collide cost look-ups, never more.
		KeyToHash: func(key uint64) (uint64, uint64) { return key, 0 },
	})
	if err != nil {
		return nil, fmt.Errorf("making the token cache: %w", err)
	}
	r := &Resolver{
		config:    c,
		cache:     cache,
		began:     c.Now(),
		rereads:   lane{places: make(chan struct{}, lookupsAtATime)},
		refreshes: lane{places: make(chan struct{}, refreshesAtATime)},
	}
	r.lookups = lane{
		places: make(chan struct{}, lookupsAtATime), pace: newPace(c.UnknownRate),
		now: func() int64 { return int64(r.config.Now().Sub(r.began)) },
	}
	// A Set after Close panics, and a request or a refresh may outlive the
	// configuration that it began under: so the cache ends with its last user.
	runtime.AddCleanup(r, func(c *ristretto.Cache[uint64, *Known]) { go c.Close() }, cache)
	return r, nil
}

// Resolve finds the tokens of the credentials; all of them must be known. It
// returns a reason to refuse the request otherwise, with the failure if it is one.
//
// salted, if it isn't nil, is how else the store may have hashed the secrets.
func (r *Resolver) Resolve(ctx context.Context, c Credentials, salted *Salted, now time.Time) (Tokens, Reason, error) {
	var tokens Tokens
	first, reason, err := r.resolve(ctx, c.First, salted, now)
	if reason != "" {
		return tokens, reason, err
	}
	tokens.First = first
	for _, secret := range c.Rest {
		k, reason, err := r.resolve(ctx, secret, salted, now)
		if reason != "" {
			return Tokens{}, reason, err
		}
		tokens.Rest = append(tokens.Rest, k)
	}
	return tokens, "", nil
}

func (r *Resolver) resolve(ctx context.Context, secret string, salted *Salted, now time.Time) (*Known, Reason, error) {
	digest := token.Hash(secret)
	generation := r.generations.of(&digest).Load()
	known := r.cached(&digest)
	if known == nil && !token.WellFormed(secret) {
		return nil, MalformedCredential, nil
	}
	if salted.concerns(secret) {
		return r.resolveForeign(ctx, secret, &digest, salted, now)
	}
	return r.resolveDigest(ctx, &digest, generation, known, now)
}

// resolveDigest finds the token of a digest. generation and known are what was read
// of it in this order.
func (r *Resolver) resolveDigest(ctx context.Context, digest *token.Digest, generation uint64, known *Known, now time.Time) (*Known, Reason, error) {
	if known != nil && known.generation == generation && r.fresh(known, now) {
		r.config.Event(Hit, nil)
		return known, "", nil
	}
	return r.resolveSlowly(ctx, *digest, generation, known, now)
}

// cached returns the entry of the digest. One of an older generation says no
// more than that there was such a token: nothing in it may be used.
func (r *Resolver) cached(digest *token.Digest) *Known {
	k, ok := r.cache.Get(cacheKey(digest))
	if !ok || k == nil || k.digest != *digest {
		return nil
	}
	return k
}

func cacheKey(d *token.Digest) uint64 { return binary.LittleEndian.Uint64(d[:]) }

// fresh reports whether the entry is within its bound. From half of it on, the
// entry is re-read in the background, so that no request with a token in
// use waits for the store.
func (r *Resolver) fresh(k *Known, now time.Time) bool {
	age := now.Sub(k.read)
	if age >= r.config.TTL {
		return false
	}
	if age > r.config.TTL/2 {
		r.refresh(k, now)
	}
	return true
}

// resolveSlowly answers for a digest that is not in memory, or too old there. A
// token that was there is read beside the unknown secrets, so that they can't
// hold it up.
func (r *Resolver) resolveSlowly(ctx context.Context, digest token.Digest, generation uint64, old *Known, now time.Time) (*Known, Reason, error) {
	way, old := r.wayOf(old, generation)
	if reason := r.absents.find(&digest, generation, now); reason != "" {
		r.config.Event(HitAbsent, nil)
		return nil, reason, nil
	}
	stale := old != nil && now.Sub(old.read) < r.config.TTL+r.config.StaleIfError
	if stale && r.away(now) {
		r.refresh(old, now)
		r.config.Event(Stale, nil)
		return old, "", nil
	}
	if r.down(now) {
		return nil, StoreUnavailable, ErrUnavailable
	}
	r.config.Event(Miss, nil)
	known, err := r.load(ctx, digest, generation, old, way)
	if err == nil && now.Sub(known.read) >= r.config.TTL {
		// The read that it joined was slow, and had begun too long before.
		known, err = r.load(ctx, digest, generation, old, way)
	}
	switch {
	case err == nil:
		return known, "", nil
	case errors.Is(err, ErrUnknown):
		return nil, UnknownToken, nil
	case errors.Is(err, ErrUnreadable):
		return nil, UnreadableToken, err
	case errors.Is(err, ErrUnavailable) && stale:
		r.config.Event(Stale, nil)
		return old, "", nil
	case errors.Is(err, ErrUnavailable), errors.Is(err, errBusy), ctx.Err() != nil:
		return nil, StoreUnavailable, err
	}
	return nil, Failure, err
}

// wayOf returns how to read a token anew that was in memory, or was not, and
// what was there if it is still of use.
func (r *Resolver) wayOf(old *Known, generation uint64) (*lane, *Known) {
	switch {
	case old == nil:
		return &r.lookups, nil
	case old.generation != generation:
		return &r.rereads, nil
	}
	return &r.rereads, old
}

// load reads the token from the store. Requests for the same secret share one
// read, but none joins a read that began under an older generation.
func (r *Resolver) load(ctx context.Context, digest token.Digest, generation uint64, old *Known, way *lane) (*Known, error) {
	key := string(binary.LittleEndian.AppendUint64(digest[:], generation))
	began := r.config.Now()
	result := r.flights.DoChan(key, func() (any, error) {
		if err := way.enter(); err != nil {
			return nil, err
		}
		defer way.leave()
		known, err := r.read(digest, generation, old)
		if errors.Is(err, ErrUnknown) || errors.Is(err, ErrUnreadable) {
			way.foundNothing()
			r.cache.Del(cacheKey(&digest)) // of an older generation, if it is there
		}
		return known, err
	})
	patience := time.NewTimer(3 * lookupTimeout) // for a store that keeps no deadline
	defer patience.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		err := fmt.Errorf("%w: it did not answer in time", ErrUnavailable)
		r.goDown(began, err)
		return nil, err
	case res := <-result:
		known, _ := res.Val.(*Known)
		return known, res.Err
	}
}

// refresh re-reads an entry in the background. It gives up at once if enough
// others are at it: the next request with the token tries again.
func (r *Resolver) refresh(k *Known, now time.Time) {
	due, age := k.retry.Load(), now.Sub(k.read)
	if int64(age) < due || r.down(now) || !k.retry.CompareAndSwap(due, int64(age+retryAfter)) {
		return
	}
	select {
	case r.refreshes.places <- struct{}{}:
	default:
		k.retry.Store(due)
		return
	}
	go func() {
		defer r.refreshes.leave()
		// A failure shows in events and, past the bound, to the requests themselves.
		_, _ = r.read(k.digest, k.generation, k)
	}()
}

// read asks the store once, on a deadline of its own: a client that goes away
// must not fail the others that wait for the same answer.
func (r *Resolver) read(digest token.Digest, generation uint64, old *Known) (known *Known, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("look-up panicked: %v\n%s", p, debug.Stack())
			r.config.Event(LookupFailed, err)
		}
	}()
	began := r.config.Now()
	t, secretExpiry, err := r.config.Lookup(ctx, digest)
	return r.note(digest, generation, old, began, t, secretExpiry, err)
}

// note keeps what the store said.
func (r *Resolver) note(digest token.Digest, generation uint64, old *Known, began time.Time, t token.Token, secretExpiry time.Time, err error) (*Known, error) {
	switch {
	case err == nil:
		r.backUp()
		r.config.Event(LookupFound, nil)
		k := r.newKnown(digest, generation, old, began, t, secretExpiry)
		r.cache.Set(cacheKey(&digest), k, r.cost(k))
		r.cache.Wait() // until it can be seen, lest the next request reads it again
		return k, nil
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrUnreadable):
		r.backUp()
		r.config.Event(LookupAbsent, nil)
		reason := UnknownToken
		if errors.Is(err, ErrUnreadable) {
			reason = UnreadableToken
		}
		r.absents.add(&absent{digest, reason, generation, began.Add(min(absentTime, r.config.TTL))})
		if old != nil {
			r.cache.Del(cacheKey(&digest))
		}
		return nil, err
	}
	r.config.Event(LookupFailed, err)
	if errors.Is(err, ErrUnavailable) {
		r.goDown(began, err)
	}
	return nil, err
}

func (r *Resolver) newKnown(digest token.Digest, generation uint64, old *Known, began time.Time, t token.Token, secretExpiry time.Time) *Known {
	k := &Known{
		Token: t, secretExpiry: secretExpiry, identity: newIdentity(&t),
		digest: digest, generation: generation, read: began, resolver: weak.Make(r),
	}
	if old != nil && old.Token.ID == t.ID {
		k.usage = old.usage
		if slices.Equal(old.Token.Grants, t.Grants) {
			k.compiled.Store(old.compiled.Load())
		}
	} else {
		k.usage = &usage{tokenID: t.ID, secret: digest}
	}
	if old != nil {
		k.unsalted.Store(old.unsalted.Load())
	}
	if r.config.Attach != nil {
		k.Attachment = r.config.Attach(&k.Token)
	}
	return k
}

// Invalidate forgets the given digests: a request that begins after it returns
// gets no answer that was read before. The entries stay in the cache until they
// are read again or crowded out, and say only that there was such a token.
func (r *Resolver) Invalidate(digests []token.Digest) {
	r.endPause()
	for i := range digests {
		r.generations.of(&digests[i]).Add(1)
	}
}

// InvalidateAll forgets everything in the same sense.
func (r *Resolver) InvalidateAll() {
	r.endPause()
	r.generations.raiseAll()
}
