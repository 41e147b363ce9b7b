package gate

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

func TestPace(t *testing.T) {
	p := newPace(10)
	const second, tenth = time.Second, time.Second / 10
	debt := func(at, want time.Duration) {
		t.Helper()
		if got := p.debt(int64(at)); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	charge := func(at time.Duration, times int) {
		for range times {
			p.charge(int64(at))
		}
	}
	debt(0, 0)
	charge(0, 10) // what a quiet second left
	debt(0, 0)
	charge(0, 3)
	debt(0, 3*tenth)
	debt(2*tenth, tenth)
	debt(second, 0)
	charge(100*second, 11) // a long quiet time is worth no more than a second
	debt(100*second, tenth)
}

// flood asks for unknown secrets from many clients until the end, and counts the
// answers that say so and those that were not to be had.
type flood struct {
	wg            sync.WaitGroup
	unknown, busy atomic.Uint64
}

func (f *flood) start(t *testing.T, r *Resolver, clients int, end time.Time) {
	t.Helper()
	var number atomic.Uint64
	for range clients {
		f.wg.Go(func() {
			for time.Now().Before(end) {
				switch _, reason := ask(r, mint(1_000_000+number.Add(1))); reason { //nolint:exhaustive // others are faults
				case UnknownToken:
					f.unknown.Add(1)
				case StoreUnavailable:
					f.busy.Add(1)
				default:
					t.Errorf("an unknown secret: %q", reason)
				}
			}
		})
	}
}

// slowly makes the store take a while for each answer.
func slowly(s *memoryStore, took time.Duration) func(*Config) {
	return func(c *Config) {
		c.UnknownRate, c.TTL, c.CacheSize = 100, time.Hour, 20_000
		c.Lookup = func(ctx context.Context, d token.Digest) (token.Token, time.Time, error) {
			time.Sleep(took)
			return s.lookup(ctx, d)
		}
	}
}

// Security rule 13: a flood of well-formed unknown secrets gets its share of
// the store and no more, however many clients it has. Known tokens don't notice,
// also when everything that is in memory has to be read again.
func TestFloodOfUnknownSecretsIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const seconds, tokens = 5, 50
		s := newMemoryStore()
		r := newResolver(t, s, slowly(s, time.Millisecond))
		for i := range uint64(tokens) {
			s.put(mint(i), newToken("known", token.FullAccess))
			if k, reason := ask(r, mint(i)); k == nil {
				t.Fatal(reason)
			}
		}
		var f flood
		f.start(t, r, 200, time.Now().Add(seconds*time.Second))
		for range seconds {
			time.Sleep(time.Second - 100*time.Millisecond)
			r.InvalidateAll()
			began := time.Now()
			for i := range uint64(tokens) {
				if _, reason := ask(r, mint(i)); reason != "" {
					t.Errorf("a known token beside a flood: %q", reason)
				}
			}
			if took := time.Since(began); took > tokens*2*time.Millisecond {
				t.Errorf("the known tokens were read in %s", took)
			}
		}
		f.wg.Wait()
		// A second's worth was free. Those that have a place go on together: at the
		// beginning before any is paid for, and after the end.
		if n := f.unknown.Load(); n < 100*seconds || n > 100*(seconds+1)+3*lookupsAtATime || f.busy.Load() == 0 {
			t.Errorf("%d look-ups found nothing in %d s at 100/s, %d were refused", n, seconds, f.busy.Load())
		}
		if r.down(time.Now()) {
			t.Error("a flood made the store count as away")
		}
	})
}

// At a cold start all tokens are unknown to the gateway. They are read as fast
// as the store answers.
func TestFirstReadsAreNotPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		r := newResolver(t, s, slowly(s, time.Millisecond))
		const tokens = 10_000
		for i := range uint64(tokens) {
			s.put(mint(i), newToken("known", token.FullAccess))
		}
		began := time.Now()
		var wg sync.WaitGroup
		for i := range uint64(tokens) {
			wg.Go(func() {
				if k, reason := ask(r, mint(i)); k == nil {
					t.Errorf("token %d: %q", i, reason)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 2*tokens/lookupsAtATime*time.Millisecond {
			t.Errorf("reading %d tokens for the first time took %s", tokens, took)
		}
	})
}
