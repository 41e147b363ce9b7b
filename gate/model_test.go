package gate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// TestNoStaleAnswerSurvivesAChange is a model of millions of random steps:
// requests, changes followed by Invalidate or InvalidateAll, evictions, time
// going by, delays in the store. It judges every answer: none may be older than
// a change whose Invalidate had returned when the request began (security rule 11), nor
// than the age bound (security rule 10).
//
// MODEL_STEPS sets the number of steps (2 million; a tenth of that under the
// race detector), MODEL_SEED repeats a run.
func TestNoStaleAnswerSurvivesAChange(t *testing.T) {
	steps, seed := 2_000_000, uint64(1)
	if raceDetector {
		steps /= 10
	}
	if n, err := strconv.Atoi(os.Getenv("MODEL_STEPS")); err == nil {
		steps = n
	}
	if n, err := strconv.ParseUint(os.Getenv("MODEL_SEED"), 10, 64); err == nil {
		seed = n
	}
	m := newModel(t, seed)
	const workers = 8
	var wg sync.WaitGroup
	for w := range uint64(workers) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, w+1))
			for range steps / workers {
				if m.step(random); m.wrong.Load() != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if wrong := m.wrong.Load(); wrong != nil {
		t.Fatalf("seed %d, after %d requests: %s", seed, m.requests.Load(), *wrong)
	}
	t.Logf("%d requests, %d of them answered from memory, %d changes, %d look-ups",
		m.requests.Load(), m.events[Hit].Load()+m.events[HitAbsent].Load(), m.changes.Load(), m.lookups.Load())
	for what, n := range map[string]int64{
		"answers from memory": m.events[Hit].Load(), "known absences": m.events[HitAbsent].Load(),
		"changes": m.changes.Load(), "look-ups": m.lookups.Load(), "failures": m.events[LookupFailed].Load(),
	} {
		if n < int64(steps/1000) {
			t.Errorf("only %d %s: the model does not test what it should", n, what)
		}
	}
}

// model is a store whose every state is remembered, and a resolver over it.
type model struct {
	resolver *Resolver
	tokens   [32]modelToken
	secrets  map[token.Digest]int // 2*token, plus one for the token's other secret
	texts    []string
	events   eventCounts
	seed     atomic.Uint64
	clock    atomic.Int64
	began    time.Time
	requests atomic.Int64
	changes  atomic.Int64
	lookups  atomic.Int64
	wrong    atomic.Pointer[string]
}

// modelToken is a token with two secrets, of which regenerating makes the other
// one the valid one.
type modelToken struct {
	change  sync.Mutex // held from the change until its Invalidate returned
	mu      sync.Mutex
	history []modelState
	settled atomic.Int64 // the newest state whose Invalidate returned
}

type modelState struct {
	valid   int // which secret; -1 if the token is deleted
	enabled bool
	grant   string
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{secrets: map[token.Digest]int{}, began: time.Now()}
	m.seed.Store(seed * 1_000_003)
	for i := range m.tokens {
		m.tokens[i].history = []modelState{{enabled: true, grant: "article.find"}}
		for j := range 2 {
			secret := mint(uint64(2*i + j))
			m.texts = append(m.texts, secret)
			m.secrets[token.Hash(secret)] = 2*i + j
		}
	}
	r, err := NewResolver(Config{
		Lookup: m.lookup, Now: m.now, CacheSize: 24, // less than there are: ristretto evicts all the time
		TTL: 10 * time.Second, StaleIfError: 0, Event: m.events.event,
	})
	if err != nil {
		t.Fatal(err)
	}
	m.resolver = r
	return m
}

func (m *model) now() time.Time { return m.began.Add(time.Duration(m.clock.Load())) }

// lookup reads the state, dawdles, and then answers.
func (m *model) lookup(_ context.Context, d token.Digest) (token.Token, time.Time, error) {
	n := m.secrets[d]
	mt := &m.tokens[n/2]
	mt.mu.Lock()
	version := len(mt.history) - 1
	state := mt.history[version]
	mt.mu.Unlock()
	m.lookups.Add(1)
	random := rand.New(rand.NewPCG(m.seed.Add(1), 0))
	switch random.IntN(20) {
	case 0:
		time.Sleep(time.Duration(random.IntN(50)) * time.Microsecond)
	case 1:
		return token.Token{}, time.Time{}, errPermanent
	default:
		for range random.IntN(8) {
			runtime.Gosched()
		}
	}
	if state.valid != n%2 {
		return token.Token{}, time.Time{}, ErrUnknown
	}
	found := newToken(strconv.Itoa(n/2), token.Custom, state.grant)
	found.Enabled, found.Version = state.enabled, int64(version)
	return found, time.Time{}, nil
}

func (m *model) step(random *rand.Rand) {
	switch n := random.IntN(1000); {
	case n < 20:
		m.changeToken(random)
	case n < 25:
		m.clock.Add(int64(time.Duration(random.IntN(100)) * time.Millisecond))
	default:
		m.request(random.IntN(len(m.texts)))
	}
}

func (m *model) changeToken(random *rand.Rand) {
	i := random.IntN(len(m.tokens))
	mt := &m.tokens[i]
	mt.change.Lock()
	defer mt.change.Unlock()
	mt.mu.Lock()
	state := mt.history[len(mt.history)-1]
	switch random.IntN(4) {
	case 0:
		state.enabled = !state.enabled
	case 1: // regenerate, or create again
		state.valid = (state.valid + 1) & 1
	case 2:
		state.valid = -1
	default:
		state.grant = "g." + strconv.Itoa(len(mt.history))
	}
	mt.history = append(mt.history, state)
	version := int64(len(mt.history) - 1)
	mt.mu.Unlock()
	m.changes.Add(1)
	if random.IntN(10) == 0 {
		m.resolver.InvalidateAll()
	} else {
		m.resolver.Invalidate([]token.Digest{token.Hash(m.texts[2*i]), token.Hash(m.texts[2*i+1])})
	}
	mt.settled.Store(version)
}

// request asks for the token of a secret and judges the answer.
func (m *model) request(n int) {
	mt := &m.tokens[n/2]
	oldest := mt.settled.Load()
	now := m.now()
	tokens, reason, _ := m.resolver.Resolve(context.Background(), Credentials{First: m.texts[n]}, nil, now)
	m.requests.Add(1)
	mt.mu.Lock()
	newest := int64(len(mt.history) - 1)
	states := mt.history[oldest : newest+1]
	mt.mu.Unlock()
	switch {
	case reason == UnknownToken:
		for _, s := range states {
			if s.valid != n%2 {
				return
			}
		}
		m.fail("secret %d is unknown, but was valid in all states %d to %d", n, oldest, newest)
	case reason == "":
		k := tokens.First
		if v := k.Token.Version; v < oldest || v > newest {
			m.fail("secret %d: got state %d, want %d to %d", n, v, oldest, newest)
		} else if s := states[v-oldest]; s.valid != n%2 || k.Token.Enabled != s.enabled || k.Token.Grants[0] != s.grant {
			m.fail("secret %d: state %d is %+v, got %+v", n, v, s, k.Token)
		}
		if age := now.Sub(k.read); age >= m.resolver.config.TTL {
			m.fail("secret %d: the answer was %v old", n, age)
		}
	case reason != Failure && reason != StoreUnavailable: // the second for a machine that stands still
		m.fail("secret %d: %s", n, reason)
	}
}

func (m *model) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	m.wrong.CompareAndSwap(nil, &text)
}
