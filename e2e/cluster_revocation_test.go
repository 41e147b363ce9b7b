package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// TestRevocation takes rights from tokens in use and measures, from the moment
// that the change is answered, how long it takes until each of three gateways
// refuses. Not one request that begins later than the bound, cache_ttl, may be
// allowed. A change is made by a process that is no gateway, as the command line
// is: for all three it is a change by somebody else.
//
//	CLUSTER_CHANGES  in each case (100)
func TestRevocation(t *testing.T) {
	n := number(t, "CLUSTER_CHANGES", 100)
	for _, c := range []struct {
		name     string
		settings []string
		bound    time.Duration
		at       int           // changes at a time
		pause    time.Duration // between two requests with one token at one gateway
		network  func(*proxy)
		cut      bool // connections are cut all the time
	}{
		// Nothing is served longer than that, not even if the machine stands still so long
		// that a look-up fails.
		// Of these, only the notifications can be quick.
		{name: "notified", settings: []string{"cache_ttl 10s", "stale_if_error 0s"}, bound: 10 * time.Second, at: 2, pause: time.Millisecond},
		{name: "polled", settings: []string{"cache_ttl 10s", "stale_if_error 0s", "invalidation poll 1s"}, bound: 10 * time.Second, at: 20, pause: 20 * time.Millisecond},
		{
			name: "notifications are lost", settings: []string{"cache_ttl 1s", "stale_if_error 0s"}, bound: time.Second, at: 20, pause: 20 * time.Millisecond,
			network: func(p *proxy) { p.deaf.Store(true) },
		},
		{
			name: "the listener hangs", settings: []string{"cache_ttl 1s", "stale_if_error 0s"}, bound: time.Second, at: 20, pause: 20 * time.Millisecond,
			network: func(p *proxy) { p.setHang(hangListener) },
		},
		// What was not heard must be forgotten with the next connection, since here
		// nothing else would make it so.
		{
			name: "connections are cut", settings: []string{"cache_ttl 1h", "stale_if_error 1h"}, bound: 10 * time.Second, at: 20,
			pause: 20 * time.Millisecond, cut: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := newCluster(t, pgtest.Shared(t), append(c.settings, "flush_interval 1s")...)
			r := &revocations{cluster: cl, bound: c.bound, pause: c.pause, cut: c.cut}
			for i := range gateways {
				r.stores = append(r.stores, cl.open(cl.dsn))
				if c.network != nil {
					c.network(cl.proxies[i])
				}
			}
			if c.cut {
				t.Cleanup(r.keepCutting())
			}
			r.run(n, c.at)
			for i := range gateways {
				if listened := cl.proxies[i].listeners.Load() > 0; listened == (c.name == "polled") {
					t.Errorf("gateway %d has listened for notifications: %v", i, listened)
				}
				if deaf := cl.proxies[i].deaf.Load(); deaf && cl.proxies[i].dropped.Load() == 0 {
					t.Errorf("gateway %d lost no notification; this test shows nothing", i)
				}
			}
		})
	}
}

// revocations is one run.
type revocations struct {
	*cluster
	bound  time.Duration
	pause  time.Duration
	cut    bool          // connections are cut all the time
	stores []store.Store // beside the gateways
	loaded atomic.Int64  // requests of the load
	polled atomic.Int64  // requests with tokens that change

	unavailable atomic.Int64 // requests of the load that got 503

	mu     sync.Mutex
	delays []time.Duration
}

// keepCutting cuts the connections of each gateway soon after it has begun to
// listen for notifications. Before that it can't have heard of anything, and if it
// were cut again and again on its way there, it never would.
func (r *revocations) keepCutting() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var cutting sync.WaitGroup
	for _, p := range r.proxies[:gateways] {
		cutting.Go(func() {
			for before := p.listeners.Load() - 1; ctx.Err() == nil; time.Sleep(time.Millisecond) {
				if n := p.listeners.Load(); n > before {
					before = n
					time.Sleep(rand.N(400 * time.Millisecond))
					p.cut()
				}
			}
		})
	}
	return func() {
		cancel()
		cutting.Wait()
	}
}

func (r *revocations) run(n, at int) {
	ctx, stop := context.WithCancel(r.t.Context())
	defer stop()
	load := r.load(ctx)
	begin := time.Now()
	var changers sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for range at {
		changers.Go(func() {
			for i := left.Add(-1); i >= 0 && !r.t.Failed(); i = left.Add(-1) {
				if err := r.revoke(ctx, int(i)); err != nil {
					r.t.Error(err)
				}
			}
		})
	}
	changers.Wait()
	length := time.Since(begin)
	stop()
	load.Wait()
	if r.t.Failed() {
		return
	}
	// Without its connections a gateway can't know what it forgot a moment ago; with
	// them, only a machine that is too busy makes it say so: never half of the time.
	if n := r.unavailable.Load(); n > r.loaded.Load()/2 && !r.cut {
		r.t.Errorf("%d of %d requests with tokens that nobody changed got 503", n, r.loaded.Load())
	}
	slices.Sort(r.delays)
	at100 := func(percent int) time.Duration {
		return r.delays[min(len(r.delays)-1, len(r.delays)*percent/100)].Round(10 * time.Microsecond)
	}
	r.t.Logf("%d changes at %d gateways in %v, under %.0f requests a second: refused after p50 %v, p90 %v, p99 %v, max %v; bound %v; 503 for %d of %d with other tokens",
		n, gateways, length.Round(time.Millisecond), float64(r.loaded.Load()+r.polled.Load())/length.Seconds(),
		at100(50), at100(90), at100(99), at100(100), r.bound, r.unavailable.Load(), r.loaded.Load())
}

// load sends requests with tokens that nobody changes, 100 a second to each gateway.
func (r *revocations) load(ctx context.Context) *sync.WaitGroup {
	l := newLane(1, "load", 20, time.Hour)
	for range 20 {
		s := l.planCreate(time.Now().UTC().Truncate(time.Millisecond))
		s.Type, s.Grants, s.Expiry = token.FullAccess, nil, time.Time{}
		must(ctx, r.t, s, r.stores[0])
	}
	var load sync.WaitGroup
	for i := range gateways {
		load.Go(func() {
			to := r.caller(i)
			defer to.close()
			for n := 0; ctx.Err() == nil; n++ {
				got, err := to.call("GET", l.given[n%len(l.given)])
				switch {
				case ctx.Err() != nil:
				case err == nil && got.status == 503: // a look-up took too long; run judges how many
					r.unavailable.Add(1)
				case err != nil || got.status != 200:
					r.t.Errorf("gateway %d: a token that nobody changed got %d, %v", i, got.status, err)
					return
				}
				r.loaded.Add(1)
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	return &load
}

// revoke makes a token, lets all gateways know it, and takes a right from it.
func (r *revocations) revoke(ctx context.Context, i int) error {
	to := r.stores[rand.IntN(len(r.stores))]
	now := time.Now().UTC().Truncate(time.Millisecond)
	create := step{Kind: "create", Name: fmt.Sprintf("revoked-%d", i), At: now, Seed: rand.Uint64(), Type: token.Custom, Grants: []string{"article.find"}}
	secret, id := drawn(create.Seed)
	create.ID = id
	if err := create.run(ctx, to); err != nil {
		return fmt.Errorf("%+v: %w", create, err)
	}
	var watches sync.WaitGroup
	watch := &watch{of: given{id, secret.Reveal()}, revocations: r}
	var known sync.WaitGroup
	known.Add(gateways)
	for g := range gateways {
		watches.Go(func() { watch.gateway(r.caller(g), known.Done) })
	}
	known.Wait()
	time.Sleep(rand.N(50 * r.pause)) // so that the change meets every age of what the gateways know
	change := step{ID: id, At: now.Add(time.Millisecond), Seed: rand.Uint64(), Type: token.Custom, Grants: []string{"article.create"}}
	change.Kind = []string{"disable", "grants", "regenerate", "delete"}[i%4]
	err := change.run(ctx, r.stores[rand.IntN(len(r.stores))])
	answered := time.Now()
	watch.answered.Store(&answered)
	watches.Wait()
	if err != nil {
		return fmt.Errorf("%+v: %w", change, err)
	}
	return watch.err
}

// watch sends requests with one token to all gateways until they refuse it.
type watch struct {
	*revocations
	of       given
	answered atomic.Pointer[time.Time] // when the change was
	err      error                     // under mu
}

func (w *watch) gateway(to *caller, known func()) {
	defer to.close()
	refused, err := w.untilRefused(to, sync.OnceFunc(known))
	for w.answered.Load() == nil { // refused before the change was answered
		time.Sleep(time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.err = err
		return
	}
	w.delays = append(w.delays, max(0, refused.Sub(*w.answered.Load())))
}

// untilRefused returns when the first refusal had come after which none was
// allowed: five in a row count for all.
func (w *watch) untilRefused(to *caller, known func()) (first time.Time, err error) {
	defer known()
	used := false
	begin := time.Now()
	for refusals := 0; refusals < 5; time.Sleep(w.pause) {
		got, err := to.call("GET", w.of)
		w.polled.Add(1)
		answered := w.answered.Load()
		switch {
		case err != nil:
			return first, err
		case answered == nil && time.Since(begin) > patience:
			return first, fmt.Errorf("gateway %d does not know a token after %v", to.gateway, patience)
		case got.status == 200 && answered != nil && got.start.After(answered.Add(w.bound)):
			return first, fmt.Errorf("gateway %d allows a request that began %v after the change was answered; the bound is %v", to.gateway, got.start.Sub(*answered), w.bound)
		case got.status == 200:
			used, refusals = true, 0
			known()
		case !used && (got.status == 401 || got.status == 503): // the gateway has to hear of the token first
		case got.status == 503: // it could not ask the store; that lets nobody in
		case got.status == 401 || got.status == 403:
			if refusals++; refusals == 1 {
				first = got.end
			}
		default:
			return first, fmt.Errorf("gateway %d answers %d", to.gateway, got.status)
		}
	}
	return first, nil
}
