package gate

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/tokenreeve/tokenreeve/token"
)

// Security rule 10: an entry is served for at most the bound since the start of the read
// that made it. Use does not extend that, a slow read shortens it.
func TestAgeBoundIsNeverExtendedByUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		r := newResolver(t, s, func(c *Config) { c.StaleIfError = 0 })
		s.stage(func(context.Context) error { time.Sleep(700 * time.Millisecond); return nil })
		if k, reason := ask(r, secret); k == nil {
			t.Fatal(reason)
		}
		synctest.Wait()
		// The answer is 700 ms old when it comes, and no read succeeds any more.
		s.stage(func(context.Context) error { return errPermanent })
		for range 92 {
			if k, reason := ask(r, secret); k == nil {
				t.Fatalf("refused within the bound: %s", reason)
			}
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		time.Sleep(100*time.Millisecond - time.Nanosecond) // 10 s less 1 ns after the start of the read
		if k, reason := ask(r, secret); k == nil {
			t.Fatalf("refused within the bound: %s", reason)
		}
		time.Sleep(time.Nanosecond)
		if k, reason := ask(r, secret); k != nil || reason != Failure {
			t.Errorf("served at the bound: %q", reason)
		}
	})
}

// A read that takes longer than a short bound must not serve those who came
// later and joined it: for them the answer is too old.
func TestAgeBoundHoldsForSharedReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("before", token.FullAccess))
		r := newResolver(t, s, func(c *Config) { c.TTL = 200 * time.Millisecond })
		s.stage(func(context.Context) error { time.Sleep(500 * time.Millisecond); return nil })
		go ask(r, secret)
		time.Sleep(10 * time.Millisecond)
		s.put(secret, newToken("after", token.FullAccess)) // no notice of it comes
		time.Sleep(300 * time.Millisecond)
		if k, reason := ask(r, secret); k == nil || k.Token.Name != "after" {
			t.Errorf("an answer that is older than the bound: %+v, %q", k, reason)
		}
	})
}

// Security rule 10: the wall clock may jump; entries age by the monotonic one.
func TestWallClockJumpsExtendNothing(t *testing.T) {
	s, known, unknown := newMemoryStore(), mint(1), mint(2)
	s.put(known, newToken("a", token.FullAccess))
	var clock atomic.Pointer[time.Time]
	advance := func(d, jump time.Duration) {
		now := wallJump(clock.Load().Add(d), jump)
		clock.Store(&now)
	}
	now := time.Now()
	clock.Store(&now)
	r := newResolver(t, s, func(c *Config) { c.Now = func() time.Time { return *clock.Load() } })
	ask(r, known)
	ask(r, unknown)
	r.cache.Wait()
	s.put(unknown, newToken("b", token.FullAccess))
	s.put(known, newToken("changed", token.FullAccess))
	advance(9*time.Second, -24*time.Hour)
	if k, _ := ask(r, known); k == nil {
		t.Error("refused after a jump back")
	}
	if k, _ := ask(r, unknown); k == nil {
		t.Error("a secret stays unknown after a jump back")
	}
	for len(r.refreshes.places) > 0 { // the read in the background
		runtime.Gosched()
	}
	advance(2*time.Second, -24*time.Hour)
	if k, _ := ask(r, known); k == nil || k.Token.Name != "changed" {
		t.Error("a jump back kept an entry past its bound")
	}
	r.cache.Wait()
	before := s.lookups.Load()
	advance(time.Second, 365*24*time.Hour)
	if k, _ := ask(r, known); k == nil || s.lookups.Load() != before {
		t.Error("a jump forward ended an entry before its bound")
	}
}

// wallJump moves the wall clock of t, which has a monotonic reading, and leaves
// that reading alone (layout: src/time/time.go).
func wallJump(t time.Time, d time.Duration) time.Time {
	reading := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	if reading.wall>>63 != 1 {
		panic("no monotonic reading")
	}
	reading.wall += uint64(int64(d/time.Second)) << 30
	return t
}

// Security rule 10: hot entries are re-read in the background from half the bound on; no
// request waits for it, and no more than one read is under way for a token.
func TestRefreshInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		r := newResolver(t, s, nil)
		ask(r, secret)
		synctest.Wait()
		time.Sleep(5 * time.Second)
		ask(r, secret)
		synctest.Wait()
		if n := s.lookups.Load(); n != 1 {
			t.Fatalf("%d look-ups at half the bound", n)
		}
		s.put(secret, newToken("b", token.FullAccess))
		s.stage(func(context.Context) error { time.Sleep(900 * time.Millisecond); return nil })
		time.Sleep(time.Millisecond)
		for range 100 {
			began := time.Now()
			if k, _ := ask(r, secret); k == nil || k.Token.Name != "a" || time.Since(began) != 0 {
				t.Fatal("a request waited for the refresh")
			}
		}
		synctest.Wait()
		if n := s.lookups.Load(); n != 2 {
			t.Fatalf("%d look-ups past half the bound", n)
		}
		time.Sleep(901 * time.Millisecond)
		synctest.Wait()
		if k, _ := ask(r, secret); k == nil || k.Token.Name != "b" {
			t.Error("the refresh brought nothing")
		}
		// Its age counts from its own start: it lasts 10 s from there.
		time.Sleep(9098 * time.Millisecond)
		s.stage(func(context.Context) error { return errPermanent })
		if k, reason := ask(r, secret); k == nil {
			t.Errorf("refused 1 ms before the bound: %s", reason)
		}
		time.Sleep(time.Millisecond)
		if k, _ := ask(r, secret); k != nil {
			t.Error("served at the bound")
		}
	})
}

// Security rule 10, in numbers: the background never has more than its share of reads.
func TestRefreshesAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		r := newResolver(t, s, nil)
		for i := range uint64(200) {
			s.put(mint(i), newToken(strconv.FormatUint(i, 10), token.FullAccess))
			ask(r, mint(i))
		}
		synctest.Wait()
		time.Sleep(6 * time.Second)
		var running, most atomic.Int64
		s.stage(func(context.Context) error {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(100 * time.Millisecond)
			running.Add(-1)
			return nil
		})
		for range 30 {
			for i := range uint64(200) {
				if k, _ := ask(r, mint(i)); k == nil {
					t.Fatal("refused")
				}
			}
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		if most.Load() > refreshesAtATime || s.lookups.Load() < 390 {
			t.Errorf("%d at a time, %d look-ups for 400", most.Load(), s.lookups.Load())
		}
	})
}

// Security rule 12: concurrent misses of one secret are one look-up.
func TestConcurrentMissesAreOneLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		s.stage(func(context.Context) error { time.Sleep(100 * time.Millisecond); return nil })
		r := newResolver(t, s, nil)
		var wg sync.WaitGroup
		var answered atomic.Int64
		for range 1000 {
			wg.Go(func() {
				if k, _ := ask(r, secret); k != nil {
					answered.Add(1)
				}
			})
		}
		wg.Wait()
		if answered.Load() != 1000 || s.lookups.Load() != 1 {
			t.Errorf("%d answers, %d look-ups", answered.Load(), s.lookups.Load())
		}
	})
}

// Security rule 12: a shared read does not end with the request that began it.
func TestSharedReadOutlivesTheFirstRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		s.stage(func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ErrUnavailable
			case <-time.After(500 * time.Millisecond):
				return nil
			}
		})
		r := newResolver(t, s, nil)
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan Reason, 1), make(chan *Known, 1)
		go func() {
			_, reason, _ := r.Resolve(ctx, Credentials{First: secret}, nil, time.Now())
			first <- reason
		}()
		synctest.Wait()
		go func() {
			k, _ := ask(r, secret)
			second <- k
		}()
		synctest.Wait()
		began := time.Now()
		cancel()
		if reason := <-first; reason != StoreUnavailable || time.Since(began) != 0 {
			t.Errorf("the request that was given up ended with %q after %v", reason, time.Since(began))
		}
		if k := <-second; k == nil || s.lookups.Load() != 1 {
			t.Errorf("the other got %v after %d look-ups", k, s.lookups.Load())
		}
	})
}

// Security rule 13: secrets that are not known may not flood the store.
func TestLookupsAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		var running, most atomic.Int64
		s.stage(func(context.Context) error {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(300 * time.Millisecond)
			running.Add(-1)
			return nil
		})
		r := newResolver(t, s, nil)
		var wg sync.WaitGroup
		var unknown, unavailable atomic.Int64
		for i := range uint64(1000) {
			wg.Go(func() {
				if _, reason := ask(r, mint(i)); reason == UnknownToken {
					unknown.Add(1)
				} else if reason == StoreUnavailable {
					unavailable.Add(1)
				}
			})
		}
		wg.Wait()
		if most.Load() != lookupsAtATime || unknown.Load()+unavailable.Load() != 1000 || unknown.Load() != 4*lookupsAtATime {
			t.Errorf("%d at a time, %d unknown, %d unavailable", most.Load(), unknown.Load(), unavailable.Load())
		}
		if r.downUntil.Load() != 0 {
			t.Error("a flood of requests counts as a store that is away")
		}
	})
}

// Security rule 13: junk is refused before anything else, and even its hash is no key.
func TestJunkNeverReachesTheStore(t *testing.T) {
	s := newMemoryStore()
	r := newResolver(t, s, nil)
	good := mint(1)
	for _, junk := range []string{"", "x", good[:len(good)-1], good + "x", "trv_" + good[5:] + "0", good[:10] + "\x00" + good[11:], "Bearer " + good} {
		if k, reason := ask(r, junk); k != nil || reason != MalformedCredential {
			t.Errorf("%q: %q", junk, reason)
		}
	}
	if s.lookups.Load() != 0 {
		t.Errorf("%d look-ups", s.lookups.Load())
	}
}

// Security rule 13: that a secret is unknown is remembered shortly, in bounded room, and
// the word of the store about a new token ends it.
func TestUnknownIsRememberedShortly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		r := newResolver(t, s, nil)
		for range 100 {
			if _, reason := ask(r, secret); reason != UnknownToken {
				t.Fatal(reason)
			}
		}
		if s.lookups.Load() != 1 {
			t.Errorf("%d look-ups", s.lookups.Load())
		}
		s.put(secret, newToken("a", token.FullAccess))
		time.Sleep(absentTime - 1)
		if k, _ := ask(r, secret); k != nil {
			t.Error("the store was asked too soon")
		}
		time.Sleep(time.Nanosecond)
		if k, reason := ask(r, secret); k == nil {
			t.Errorf("still unknown: %s", reason)
		}
		s.remove(secret)
		r.Invalidate([]token.Digest{token.Hash(secret)})
		ask(r, secret)
		s.put(secret, newToken("a", token.FullAccess))
		r.Invalidate([]token.Digest{token.Hash(secret)})
		if k, reason := ask(r, secret); k == nil {
			t.Errorf("a new token is not seen at once: %s", reason)
		}
	})
}

// Security rule 12: the key of the cache is 64 bits of the hash, and the whole hash is
// compared: another token under the same key is a miss, never an answer.
func TestCollisionIsAMiss(t *testing.T) {
	s, mine, theirs := newMemoryStore(), mint(1), mint(2)
	s.put(mine, newToken("mine", token.ReadOnly))
	s.put(theirs, newToken("theirs", token.FullAccess))
	r := newResolver(t, s, nil)
	admin, _ := ask(r, theirs)
	digest := token.Hash(mine)
	forged := Known{Token: admin.Token, digest: admin.digest, read: admin.read, usage: admin.usage}
	forged.generation = r.generations.of(&digest).Load()
	r.cache.Set(cacheKey(&digest), &forged, 1)
	r.cache.Wait()
	if k, _ := r.cache.Get(cacheKey(&digest)); k != &forged {
		t.Fatal("the collision was not made")
	}
	if k, reason := ask(r, mine); k == nil || k.Token.Name != "mine" || s.lookups.Load() != 2 {
		t.Errorf("got %+v, %q", k, reason)
	}
	// The same for the table of unknown secrets, whose slots are shared on purpose.
	r.absents.slot(&digest).Store(&absent{digest: token.Hash(mint(3)), reason: UnknownToken, until: time.Now().Add(time.Hour)})
	r.cache.Del(cacheKey(&digest))
	if k, reason := ask(r, mine); k == nil {
		t.Errorf("another secret's absence counts: %q", reason)
	}
}
