package gate

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// heldLookup is a look-up that can be held between its read of the store and
// its return, which is where a change can overtake it.
type heldLookup struct {
	store   *memoryStore
	mu      sync.Mutex
	release chan struct{} // set: the next look-up waits for it
}

func (h *heldLookup) lookup(ctx context.Context, d token.Digest) (token.Token, time.Time, error) {
	t, expiry, err := h.store.lookup(ctx, d)
	h.mu.Lock()
	release := h.release
	h.release = nil
	h.mu.Unlock()
	if release != nil {
		<-release
	}
	return t, expiry, err
}

// holdNext makes the next look-up wait until the returned function is called.
func (h *heldLookup) holdNext() (release func()) {
	c := make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.release = c
	return func() { close(c); synctest.Wait() }
}

// interleaved is a store with one secret, a resolver over it, and what was
// answered to a request that was under way during a change.
type interleaved struct {
	*heldLookup
	resolver *Resolver
	secret   string
}

func (i *interleaved) ask(t *testing.T) string {
	t.Helper()
	answer := make(chan string, 1)
	go func() { answer <- i.name() }()
	synctest.Wait()
	select {
	case name := <-answer:
		return name
	default:
		t.Error("a request that begins after the change waits for a read that began before it")
		return "nothing yet"
	}
}

// name is the name of the token that a request gets, or why it gets none.
func (i *interleaved) name() string {
	k, reason := ask(i.resolver, i.secret)
	if k == nil {
		return string(reason)
	}
	return k.Token.Name
}

// Security rule 11, on purpose: a look-up has read the store and not returned yet while
// the token changes and Invalidate runs. Whoever begins after that gets the new
// state and does not wait for the old read; what that brings later counts for
// nobody.
func TestChangeOvertakesALookup(t *testing.T) {
	const unknown, before, after = string(UnknownToken), "before", "after"
	one := func(i *interleaved) { i.resolver.Invalidate([]token.Digest{token.Hash(i.secret)}) }
	all := func(i *interleaved) { i.resolver.InvalidateAll() }
	set := func(name string) func(*interleaved) {
		return func(i *interleaved) {
			if name == unknown {
				i.store.remove(i.secret)
			} else {
				i.store.put(i.secret, newToken(name, token.FullAccess))
			}
		}
	}
	for _, test := range []struct {
		name, before, after string
		inBackground        bool
		invalidate          func(*interleaved)
	}{
		{"changed", before, after, false, one},
		{"deleted", before, unknown, false, one},
		{"created", unknown, after, false, one},
		{"changed, all forgotten", before, after, false, all},
		{"deleted, all forgotten", before, unknown, false, all},
		{"created, all forgotten", unknown, after, false, all},
		{"changed during a refresh", before, after, true, one},
		{"deleted during a refresh", before, unknown, true, one},
		{"deleted during a refresh, all forgotten", before, unknown, true, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &interleaved{heldLookup: &heldLookup{store: newMemoryStore()}, secret: mint(1)}
				i.resolver = newResolver(t, i.store, func(c *Config) { c.Lookup = i.lookup })
				set(test.before)(i)
				if test.inBackground {
					i.ask(t)
					time.Sleep(6 * time.Second)
				}
				release := i.holdNext()
				early := make(chan string, 1)
				go func() { early <- i.name() }()
				synctest.Wait()

				set(test.after)(i)
				test.invalidate(i)
				if got := i.ask(t); got != test.after {
					t.Errorf("the first request after the change got %q, want %q", got, test.after)
				}
				release()
				if got := <-early; got != test.before {
					t.Errorf("the request that was under way got %q, want %q", got, test.before)
				}
				for range 3 {
					if got := i.ask(t); got != test.after {
						t.Errorf("once the old read returned, a request got %q, want %q", got, test.after)
					}
				}
			})
		})
	}
}

// The same with a change first, whose new read is the one that is held: a
// second change must not be lost behind it.
func TestSecondChangeOvertakesTheReadAfterTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &interleaved{heldLookup: &heldLookup{store: newMemoryStore()}, secret: mint(1)}
		i.resolver = newResolver(t, i.store, func(c *Config) { c.Lookup = i.lookup })
		var releases []func()
		for _, name := range []string{"first", "second", "third", "fourth"} {
			i.store.put(i.secret, newToken(name, token.FullAccess))
			i.resolver.Invalidate([]token.Digest{token.Hash(i.secret)})
			if name != "fourth" {
				releases = append(releases, i.holdNext())
				go i.name()
				synctest.Wait()
			}
		}
		for _, release := range releases {
			if got := i.ask(t); got != "fourth" {
				t.Errorf("got %q", got)
			}
			release()
		}
		if got := i.ask(t); got != "fourth" {
			t.Errorf("in the end: %q", got)
		}
	})
}

// Invalidate forgets what it names. Others may share a generation with it and
// pay with a look-up, but nobody loses a token.
func TestInvalidateForgetsOnlyWhatItNames(t *testing.T) {
	s := newMemoryStore()
	r := newResolver(t, s, nil)
	for i := range uint64(100) {
		s.put(mint(i), newToken("a", token.FullAccess))
		ask(r, mint(i))
	}
	r.cache.Wait()
	before := s.lookups.Load()
	r.Invalidate([]token.Digest{token.Hash(mint(0))})
	for i := range uint64(100) {
		if k, reason := ask(r, mint(i)); k == nil {
			t.Fatal(reason)
		}
	}
	if n := s.lookups.Load() - before; n < 1 || n > 5 {
		t.Errorf("%d look-ups after one change", n)
	}
	r.cache.Wait()
	before = s.lookups.Load()
	r.InvalidateAll()
	for i := range uint64(100) {
		ask(r, mint(i))
	}
	if n := s.lookups.Load() - before; n != 100 {
		t.Errorf("%d look-ups after all was forgotten", n)
	}
}
