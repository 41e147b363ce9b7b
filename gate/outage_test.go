package gate

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// An attack on security rule 15: a flood of unknown secrets fills the places for
// look-ups. That is no store that is away, so a token that was deleted in the
// meantime must not be served from memory.
func TestFullPlacesMakeNothingStaleGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		r := newResolver(t, s, nil)
		ask(r, secret)
		s.remove(secret)
		time.Sleep(30 * time.Second)
		s.stage(func(context.Context) error { time.Sleep(900 * time.Millisecond); return nil })
		for i := range uint64(4 * lookupsAtATime) {
			go ask(r, mint(1000+i))
		}
		synctest.Wait()
		if k, reason := ask(r, secret); k != nil {
			t.Errorf("a token deleted 30 s ago was let in (%q)", reason)
		}
		time.Sleep(10 * time.Second)
	})
}

// One look-up that takes too long says nothing of a store that answers others.
func TestOneSlowLookupIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow, good := newMemoryStore(), mint(1), mint(2)
		s.put(good, newToken("b", token.FullAccess))
		r := newResolver(t, s, func(c *Config) {
			c.Lookup = func(ctx context.Context, d token.Digest) (token.Token, time.Time, error) {
				if d == token.Hash(slow) {
					<-ctx.Done()
					return token.Token{}, time.Time{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
				}
				return s.lookup(ctx, d)
			}
		})
		go ask(r, slow)
		time.Sleep(lookupTimeout / 2)
		ask(r, mint(100))
		time.Sleep(lookupTimeout/2 + time.Millisecond)
		if k, reason := ask(r, good); k == nil {
			t.Errorf("a good token was refused: %s", reason)
		}
	})
}

// A store that keeps no deadline holds nobody up: known tokens go on.
func TestHangingStoreKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		r := newResolver(t, s, nil)
		ask(r, secret)
		time.Sleep(30 * time.Second)
		s.stage(func(context.Context) error { time.Sleep(time.Minute); return nil })
		began := time.Now()
		k, reason := ask(r, secret)
		if took := time.Since(began); k == nil || took > 3*lookupTimeout {
			t.Errorf("a known token waited %v and got %q", took, reason)
		}
		time.Sleep(2 * time.Minute)
	})
}

// Who tells of changes is there: tokens that worked through the outage are read
// again at once, not refused until the pause is over.
func TestNoticeEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		r := newResolver(t, s, nil)
		ask(r, secret)
		s.stage(func(context.Context) error { return ErrUnavailable })
		ask(r, mint(2))
		s.stage(nil)
		if _, reason := ask(r, mint(3)); reason != StoreUnavailable {
			t.Fatalf("there is no pause: %q", reason)
		}
		r.InvalidateAll()
		if k, reason := ask(r, secret); k == nil {
			t.Errorf("the store is back and says so: %q", reason)
		}
	})
}

// A token past its bound costs one look-up: no second one in the background.
func TestPastTheBoundIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		r := newResolver(t, s, nil)
		ask(r, secret)
		time.Sleep(20 * time.Second)
		ask(r, secret)
		synctest.Wait()
		if n := s.lookups.Load(); n != 2 {
			t.Errorf("%d look-ups; want 2", n)
		}
	})
}

// Grants that were changed without a step of the version, as by hand in the
// database, are compiled anew like all else that was read.
func TestChangedGrantsAreCompiledAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret, catalog := newMemoryStore(), mint(1), articles(t)
		s.put(secret, newToken("a", token.Custom, "article.*"))
		r := newResolver(t, s, nil)
		match := catalog.Find("POST", "/api/articles")
		k, _ := ask(r, secret)
		if _, _, _, reason := Decide(Tokens{First: k}, catalog, &Matches{First: match}); reason != Allow {
			t.Fatal(reason)
		}
		s.put(secret, newToken("a", token.Custom, "article.find"))
		for range 5 {
			time.Sleep(6 * time.Second)
			k, _ = ask(r, secret)
			synctest.Wait()
		}
		if _, _, _, reason := Decide(Tokens{First: k}, catalog, &Matches{First: match}); reason == Allow {
			t.Errorf("the grants are %v, and still it is allowed", k.Token.Grants)
		}
	})
}
