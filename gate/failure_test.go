package gate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

var errPermanent = errors.New("the table is gone")

func unavailable(context.Context) error { return fmt.Errorf("dial: %w", ErrUnavailable) }

// Security rule 15: while the store is away, known tokens work until bound + stale_if_error,
// unknown ones are answered 503, and all of that is told once.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, events := newMemoryStore(), new(eventCounts)
		known, other := mint(1), mint(2)
		s.put(known, newToken("a", token.FullAccess))
		s.put(other, newToken("b", token.FullAccess))
		r := newResolver(t, s, func(c *Config) { c.Event = events.event })
		ask(r, known)
		synctest.Wait()
		s.stage(unavailable)
		for range 699 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if k, reason := ask(r, known); k == nil {
				t.Fatalf("a known token is refused: %s", reason)
			}
			if k, reason := ask(r, other); k != nil || reason != StoreUnavailable {
				t.Fatalf("a token that is not known: %q", reason)
			}
			if _, reason := ask(r, "trv_junk"); reason != MalformedCredential {
				t.Fatalf("junk: %q", reason)
			}
		}
		if n := s.lookups.Load(); n > 150 {
			t.Errorf("a store that is away was asked %d times in 70 s", n)
		}
		time.Sleep(100 * time.Millisecond)
		if k, reason := ask(r, known); k != nil || reason != StoreUnavailable {
			t.Errorf("served past bound and stale_if_error: %q", reason)
		}
		if down, up := events[Down].Load(), events[Up].Load(); down != 1 || up != 0 {
			t.Errorf("while it is away: told %d times down, %d times up", down, up)
		}
		s.stage(nil)
		time.Sleep(1500 * time.Millisecond) // the longest pause
		for range 10 {
			if k, reason := ask(r, other); k == nil {
				t.Errorf("refused although the store is back: %s", reason)
			}
		}
		if down, up := events[Down].Load(), events[Up].Load(); down != 1 || up != 1 {
			t.Errorf("when it is back: told %d times down, %d times up", down, up)
		}
	})
}

// Security rule 15: only a failure of the connection keeps a token alive past its bound.
func TestStaleOnlyWhileTheStoreIsAway(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want Reason
	}{
		"other failure": {errPermanent, Failure},
		"deleted":       {ErrUnknown, UnknownToken},
		"unreadable":    {ErrUnreadable, UnreadableToken},
		"away":          {ErrUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, secret := newMemoryStore(), mint(1)
				s.put(secret, newToken("a", token.FullAccess))
				r := newResolver(t, s, nil)
				ask(r, secret)
				synctest.Wait()
				s.stage(func(context.Context) error { return test.err })
				time.Sleep(10 * time.Second)
				if _, reason := ask(r, secret); reason != test.want {
					t.Errorf("past the bound: %q, want %q", reason, test.want)
				}
			})
		})
	}
}

// Security rule 15: when the store is back, a stale token is read again within seconds.
func TestStaleEndsWhenTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		r := newResolver(t, s, nil)
		ask(r, secret)
		synctest.Wait()
		s.stage(unavailable)
		time.Sleep(20 * time.Second)
		ask(r, secret)
		s.stage(nil)
		s.put(secret, newToken("b", token.FullAccess))
		began := time.Now()
		for {
			if k, _ := ask(r, secret); k == nil {
				t.Fatal("refused")
			} else if k.Token.Name == "b" {
				break
			}
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("still stale %v after the store was back", took)
		}
	})
}

// A store that was away for a moment, long ago, says nothing about now: an
// idle token past its bound must be asked for again before it is let in.
func TestOneOldFailureMakesNothingStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		r := newResolver(t, s, nil)
		ask(r, secret)
		synctest.Wait()
		s.stage(unavailable)
		ask(r, mint(2)) // the only request during the outage
		s.stage(nil)
		s.remove(secret) // no notice of it comes
		time.Sleep(30 * time.Second)
		if k, reason := ask(r, secret); k != nil {
			t.Errorf("a token deleted 30 s ago is let in, with the store well: %q", reason)
		}
	})
}

// Security rule 16: a row that can't be understood, or one at which the code panics,
// denies that token alone.
func TestOneBadRowDeniesThatTokenAlone(t *testing.T) {
	s, bad, good, panics := newMemoryStore(), mint(1), mint(2), mint(3)
	s.putRow(bad, row{err: fmt.Errorf("tok_1: %w", ErrUnreadable)})
	s.put(good, newToken("a", token.FullAccess))
	s.put(panics, newToken("panics", token.FullAccess))
	events := new(eventCounts)
	attached := false
	r := newResolver(t, s, func(c *Config) {
		c.Event = events.event
		c.Lookup = func(ctx context.Context, d token.Digest) (token.Token, time.Time, error) {
			if d == token.Hash(panics) && !attached {
				panic("corrupt row")
			}
			return s.lookup(ctx, d)
		}
		c.Attach = func(t *token.Token) any {
			if t.Name == "panics" {
				panic("bad name")
			}
			return t.Name
		}
	})
	for range 2 {
		if _, reason, err := r.Resolve(t.Context(), Credentials{First: bad}, nil, time.Now()); reason != UnreadableToken {
			t.Errorf("unreadable: %q, %v", reason, err)
		}
		if k, reason := ask(r, good); k == nil || k.Attachment != "a" {
			t.Errorf("a good token suffers: %q", reason)
		}
		if _, reason, err := r.Resolve(t.Context(), Credentials{First: panics}, nil, time.Now()); reason != Failure || !strings.Contains(err.Error(), "panicked") {
			t.Errorf("panic: %q, %v", reason, err)
		}
		attached = true
	}
	if r.downUntil.Load() != 0 || events[LookupFailed].Load() != 2 {
		t.Error("bad rows count as a store that is away")
	}
}

// A panic in the background denies nobody, and must not end the process.
func TestPanicInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		s.put(secret, newToken("a", token.FullAccess))
		r := newResolver(t, s, nil)
		ask(r, secret)
		synctest.Wait()
		s.stage(func(context.Context) error { panic("corrupt row") })
		time.Sleep(6 * time.Second)
		if k, _ := ask(r, secret); k == nil {
			t.Error("refused within the bound")
		}
		synctest.Wait()
		if len(r.refreshes.places) != 0 {
			t.Error("the place of the refresh is lost")
		}
		time.Sleep(4 * time.Second)
		if k, reason := ask(r, secret); k != nil || reason != Failure {
			t.Errorf("past the bound: %q", reason)
		}
	})
}

// Security rule 12: failures are not kept: the next request asks again.
func TestErrorsAreNotKept(t *testing.T) {
	s, secret := newMemoryStore(), mint(1)
	s.put(secret, newToken("a", token.FullAccess))
	r := newResolver(t, s, nil)
	s.stage(func(context.Context) error { return errPermanent })
	for n := range int64(3) {
		if _, reason := ask(r, secret); reason != Failure || s.lookups.Load() != n+1 {
			t.Errorf("%q after %d look-ups", reason, s.lookups.Load())
		}
	}
	s.stage(nil)
	if k, reason := ask(r, secret); k == nil {
		t.Errorf("the failure is kept: %q", reason)
	}
}

// Each read has a deadline of its own, so that a store that hangs is found out.
func TestReadHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		s.stage(func(ctx context.Context) error {
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour):
			}
			return ErrUnavailable
		})
		r := newResolver(t, s, nil)
		began := time.Now()
		if _, reason := ask(r, mint(1)); reason != StoreUnavailable || time.Since(began) != lookupTimeout {
			t.Errorf("%q after %v", reason, time.Since(began))
		}
	})
}

// A secret that was given to another token, without notice, brings that token's
// rights with it, not those of the one before.
func TestRefreshKeepsNothingOfAnotherToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret, catalog := newMemoryStore(), mint(1), articles(t)
		s.put(secret, newToken("mighty", token.Custom, "article.*"))
		r := newResolver(t, s, nil)
		k, _ := ask(r, secret)
		synctest.Wait()
		match := catalog.Find("POST", "/api/articles")
		if _, _, _, reason := Decide(Tokens{First: k}, catalog, &Matches{First: match}); reason != Allow {
			t.Fatal(reason)
		}
		s.put(secret, newToken("weak", token.Custom, "article.find")) // of the same version
		time.Sleep(6 * time.Second)
		ask(r, secret)
		synctest.Wait()
		k, _ = ask(r, secret)
		if _, _, _, reason := Decide(Tokens{First: k}, catalog, &Matches{First: match}); k.Token.Name != "weak" || reason != MissingPermission {
			t.Errorf("%s: %q", k.Token.Name, reason)
		}
		if k.usage.tokenID != "tok_weak" || k.usage.secret != k.digest {
			t.Errorf("its uses count for %s and %x", k.usage.tokenID, k.usage.secret)
		}
	})
}
