package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
)

// TestChaos kills and restarts gateways and Postgres, halts Postgres, cuts,
// hangs and delays connections, loses notifications and reloads configurations,
// all at random, while tokens are changed and used. A judge, who knows what was
// committed, looks at every answer. In between and at the end all is well for a
// while; then every token must be answered as the store has it.
//
// Gateway 0 is never stopped, so that what it leaks shows at the end.
//
//	CHAOS_TIME  how long, such as 10m (20s)
//	CHAOS_SEED  of what is done, and in which order
func TestChaos(t *testing.T) {
	length := 20 * time.Second
	if text := os.Getenv("CHAOS_TIME"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	x := newChaos(t, uint64(number(t, "CHAOS_SEED", 1)))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() { x.change(ctx, fmt.Sprintf("lane%d", i)) })
	}
	for i := range 6 {
		all.Go(func() { x.use(ctx, uint64(i)) })
	}
	all.Go(func() { x.lookAtUse(ctx) })
	looking, stopLooking := context.WithCancel(t.Context())
	var lookingDone sync.WaitGroup
	lookingDone.Go(func() { x.lookAtMachine(looking) })
	defer lookingDone.Wait()
	defer stopLooking()
	network, stopNetwork := context.WithCancel(ctx)
	defer stopNetwork()
	var networkDone sync.WaitGroup
	networkDone.Go(func() { x.disturbNetwork(network) })

	for begin := time.Now(); time.Since(begin) < length && !t.Failed(); {
		// Rough times show that stale_if_error has an end, gentle ones that without
		// trouble cache_ttl is the bound, whatever is not heard.
		for rough := time.Now(); time.Since(rough) < 12*time.Second; {
			x.disturbProcesses(ctx)
		}
		x.gentle.Store(true)
		x.wait(ctx, 10*time.Second)
		x.settle(ctx)
		x.gentle.Store(false)
	}
	stopNetwork()
	networkDone.Wait()
	x.settle(ctx)
	stop()
	all.Wait()
	x.finish()
}

// The settings are small, so that a run meets what they bound.
const (
	chaosTTL   = time.Second
	chaosStale = 1500 * time.Millisecond
	// longAway is longer than any token may go on without the store.
	longAway = chaosTTL + chaosStale + time.Second
)

// chaos is one run.
type chaos struct {
	*cluster
	seed    uint64
	rng     *rand.Rand // of the processes
	history *history
	judge   *judge
	changes store.Store // through the last proxy
	direct  store.Store // past all proxies

	quiet    sync.RWMutex   // held by those who change tokens, a step long, and by settle
	network  sync.Mutex     // held by who disturbs the network, and by settle
	gentle   atomic.Bool    // nothing is done that keeps gateways from the store
	halted   atomic.Bool    // Postgres is down or halted, so direct is of no use
	looks    atomic.Int64   // at the machine, that have ended
	problems atomic.Int64   // reported
	slowest  time.Duration  // that all took to be well again
	lanes    []*lane        // after the changers have ended
	book     book           // of secrets
	counted  useCounts      // what was sent and found
	tally    tally          // totals for the log
	actions  map[string]int // by the goroutine of the test, and under network
	mu       sync.Mutex
}

// tally is what a run counts for its log.
type tally struct {
	answers                                 [600]atomic.Int64 // by status
	unanswered                              atomic.Int64
	changed, ambiguous, made, lost, samples atomic.Int64
}

func newChaos(t *testing.T, seed uint64) *chaos {
	t.Helper()
	c := newCluster(t, pgtest.Start(t), "cache_ttl "+chaosTTL.String(), "stale_if_error "+chaosStale.String(), "flush_interval 200ms")
	x := &chaos{
		cluster: c, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), history: newHistory(), actions: map[string]int{},
		changes: c.open(c.through(gateways)), direct: c.open(c.dsn),
	}
	x.judge = &judge{history: x.history, cacheTTL: chaosTTL, staleIfError: chaosStale}
	for range gateways {
		x.judge.trouble = append(x.judge.trouble, &trouble{})
	}
	return x
}

// problem reports what must not be. The first few tell enough.
func (x *chaos) problem(format string, args ...any) {
	if x.problems.Add(1) <= 10 {
		x.t.Errorf(format, args...)
	}
}

// did notes that something was done.
func (x *chaos) did(what string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.actions[what]++
}

// book is the secrets that clients have.
type book struct {
	mu      sync.RWMutex
	given   []given            // all of them
	changed []given            // of tokens that changed a moment ago
	live    map[string][]given // by lane, those of tokens that are there
}

// note takes down what a change of one token of a lane made of its secrets.
func (b *book) note(l *lane, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live == nil {
		b.live = map[string][]given{}
	}
	var live []given
	for _, one := range l.given {
		if one.id == id {
			b.changed = append(b.changed, one)
		}
		if l.tokens[one.id].there {
			live = append(live, one)
		}
	}
	b.changed = b.changed[max(0, len(b.changed)-100):]
	l.given, b.live[l.name] = live, live
}

func (b *book) add(all ...given) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.given = append(b.given, all...)
}

// all returns the secrets of tokens that are there.
func (b *book) all() (live []given) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, some := range b.live {
		live = append(live, some...)
	}
	return live
}

// pick returns a secret, half of the time one that changed a moment ago. One in
// thirty is nobody's.
func (b *book) pick(rng *rand.Rand) given {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all, dice := b.given, rng.IntN(30)
	if dice < 15 {
		all = b.changed
	}
	if dice == 29 || len(all) == 0 {
		secret, _ := drawn(rng.Uint64())
		return given{"", secret.Reveal()}
	}
	return all[len(all)-1-rng.IntN(min(len(all), 250))]
}

// use sends requests to all gateways, one after the other, and has every answer judged.
func (x *chaos) use(ctx context.Context, number uint64) {
	rng := rand.New(rand.NewPCG(x.seed, 100+number))
	var to [gateways]*caller
	for i := range to {
		to[i] = x.caller(i)
		defer to[i].close()
	}
	for ctx.Err() == nil {
		method := "GET"
		if rng.IntN(4) == 0 {
			method = "POST"
		}
		x.ask(to[rng.IntN(gateways)], method, x.book.pick(rng))
		time.Sleep(time.Duration(rng.IntN(6)) * time.Millisecond)
	}
}

// ask sends a request and has the answer judged.
func (x *chaos) ask(to *caller, method string, of given) (status int) {
	x.counted.send(of.id, to.gateway)
	r, err := to.call(method, of)
	if err != nil { // the gateway was killed, or is not there; that it is there in time shows in settle
		x.tally.unanswered.Add(1)
		time.Sleep(5 * time.Millisecond)
		return 0
	}
	x.tally.answers[r.status].Add(1)
	if err := x.judge.judge(r); err != nil {
		x.awaitLooks()
		if err := x.judge.judge(r); err != nil {
			x.problem("%v", err)
		}
	}
	return r.status
}
