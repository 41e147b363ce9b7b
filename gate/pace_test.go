package gate

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

func TestPace(t *testing.T) {
	p := newPace(10)
	take := func(at, patience time.Duration, want time.Duration, ok bool) {
		t.Helper()
		if wait, got := p.take(int64(at), patience); wait != want || got != ok {
			t.Errorf("at %s: %s, %v; want %s, %v", at, wait, got, want, ok)
		}
	}
	const second, tenth = time.Second, time.Second / 10
	for range 10 { // those of the second before
		take(second, second, 0, true)
	}
	for wait := time.Duration(0); wait <= second; wait += tenth {
		take(second, second, wait, true)
	}
	take(second, second, 0, false)
	p.giveBack()
	take(second, second, second, true)
	take(5*second, 0, 0, true) // long enough for a second's worth, and no more
	for range 9 {
		take(5*second, 0, 0, true)
	}
	take(5*second, 0, 0, true)
	take(5*second, 0, 0, false)
}

// Security rule 13: a flood of well-formed unknown secrets gets its share of
// the store and no more, however many clients it has. Known tokens, those that
// are read for the first time among them, do not count.
func TestFloodOfUnknownSecretsIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, seconds, clients = 100, 5, 200
		s := newMemoryStore()
		s.put(mint(0), newToken("known", token.FullAccess))
		r := newResolver(t, s, func(c *Config) { c.UnknownRate, c.TTL = rate, time.Hour })
		if k, reason := ask(r, mint(0)); k == nil {
			t.Fatal(reason)
		}
		end := time.Now().Add(seconds * time.Second)
		var number, busy atomic.Uint64
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for time.Now().Before(end) {
					_, reason := ask(r, mint(1+number.Add(1)))
					if reason == StoreUnavailable {
						busy.Add(1)
						time.Sleep(100 * time.Millisecond)
					} else if reason != UnknownToken {
						t.Errorf("an unknown secret: %q", reason)
					}
					if _, reason := ask(r, mint(0)); reason != "" {
						t.Errorf("the known one: %q", reason)
					}
				}
			})
		}
		wg.Wait()
		// One second's worth was there, one is being waited for at the end.
		if n := s.lookups.Load(); n < rate*seconds || n > rate*(seconds+2)+2 || busy.Load() == 0 {
			t.Errorf("%d look-ups in %d s at %d/s, %d refused", n, seconds, rate, busy.Load())
		}
		if r.down(time.Now()) {
			t.Error("a flood made the store count as away")
		}
	})
}

// At a cold start all tokens are unknown to the gateway, and none waits.
func TestFirstReadsAreNotPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		r := newResolver(t, s, func(c *Config) { c.UnknownRate, c.CacheSize = 1, 10_000 })
		began := time.Now()
		for i := range uint64(1000) {
			s.put(mint(i), newToken("known", token.FullAccess))
			if k, reason := ask(r, mint(i)); k == nil {
				t.Fatal(i, reason)
			}
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("first reads waited for %s", took)
		}
	})
}
