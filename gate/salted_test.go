package gate

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

const strapiSecret = "2f7d9c5e1b8a4036f7d9c5e1b8a40362f7d9c5e1b8a4036"

// strapiHash is what Strapi stores of a secret.
func strapiHash(secret string) string {
	mac := hmac.New(sha512.New, []byte("salt"))
	mac.Write([]byte(secret))
	return hex.EncodeToString(mac.Sum(nil))
}

// putStrapi adds a token of which only Strapi's hash is known.
func (s *memoryStore) putStrapi(tb testing.TB, hash string, t token.Token) token.Digest {
	tb.Helper()
	digest, err := token.ParseDigest(token.HMACSHA512, hash)
	if err != nil {
		tb.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows[digest] = row{token: t}
	return digest
}

func askSalted(r *Resolver, salted *Salted, secret string) (*Known, Reason) {
	tokens, reason, _ := r.Resolve(context.Background(), Credentials{First: secret}, salted, r.config.Now())
	return tokens.First, reason
}

func TestSaltedSecretsAreFound(t *testing.T) {
	s := newMemoryStore()
	digest := s.putStrapi(t, strapiHash(strapiSecret), newToken("strapi", token.ReadOnly))
	s.put("an-imported-secret-of-others", newToken("plain", token.ReadOnly))
	s.put(mint(1), newToken("minted", token.ReadOnly))
	r, salted := newResolver(t, s, nil), NewSalted("salt")
	for _, test := range []struct {
		name, secret string
		salted       *Salted
		reason       Reason
		lookups      int64 // the first time
	}{
		{"strapi", strapiSecret, salted, "", 1},
		{"plain", "an-imported-secret-of-others", salted, "", 2},
		{"minted", mint(1), salted, "", 1},
		{"no salt", strapiSecret, nil, UnknownToken, 1},
		{"another salt", strapiSecret, NewSalted("pepper"), UnknownToken, 1}, // the usual digest was asked for already
		{"unknown", "nobody-has-this-secret-here", salted, UnknownToken, 2},
		{"unknown, minted", mint(2), salted, UnknownToken, 1},
		{"too short", "short", salted, MalformedCredential, 0},
		// Security rule 20: what is in a stolen database of Strapi's is no key.
		{"the hash itself", strapiHash(strapiSecret), salted, UnknownToken, 2},
		{"half of the hash", strapiHash(strapiSecret)[:64], salted, UnknownToken, 2},
	} {
		before := s.lookups.Load()
		for range 3 {
			k, reason := askSalted(r, test.salted, test.secret)
			if reason != test.reason || k != nil && k.Token.Name != test.name {
				t.Errorf("%s: got %q, %+v", test.name, reason, k)
			}
		}
		if got := s.lookups.Load() - before; got != test.lookups {
			t.Errorf("%s: %d look-ups; want %d", test.name, got, test.lookups)
		}
	}
	// Uses are written beside the hash that the store has.
	if k, _ := askSalted(r, salted, strapiSecret); k == nil || k.usage.secret != digest {
		t.Errorf("its use is of another digest: %+v", k)
	}
}

// A change of the token is told by the digest that the store has.
func TestSaltedSecretsAreForgotten(t *testing.T) {
	s := newMemoryStore()
	r, salted := newResolver(t, s, nil), NewSalted("salt")
	if _, reason := askSalted(r, salted, strapiSecret); reason != UnknownToken {
		t.Fatal(reason)
	}
	digest := s.putStrapi(t, strapiHash(strapiSecret), newToken("a", token.FullAccess))
	for i, enabled := range []bool{true, false, true} {
		changed := newToken("a", token.FullAccess)
		changed.Enabled = enabled
		s.putStrapi(t, strapiHash(strapiSecret), changed)
		r.Invalidate([]token.Digest{digest})
		if k, reason := askSalted(r, salted, strapiSecret); reason != "" || k.Token.Enabled != enabled {
			t.Errorf("change %d: got %q, %+v", i, reason, k)
		}
	}
	s.mu.Lock()
	delete(s.rows, digest)
	s.mu.Unlock()
	r.Invalidate([]token.Digest{digest})
	if k, reason := askSalted(r, salted, strapiSecret); reason != UnknownToken {
		t.Errorf("after it was deleted: %q, %+v", reason, k)
	}
}

// Of two tokens with one secret the one under Strapi's hash is it, in whatever order
// they came and whatever is in memory; never both.
func TestSaltedSecretsComeFirst(t *testing.T) {
	s := newMemoryStore()
	r, salted := newResolver(t, s, nil), NewSalted("salt")
	is := func(want string) {
		t.Helper()
		for range 3 {
			if k, reason := askSalted(r, salted, strapiSecret); reason != "" || k.Token.Name != want {
				t.Errorf("got %q, %+v; want %s", reason, k, want)
			}
		}
	}
	s.put(strapiSecret, newToken("plain", token.FullAccess))
	is("plain")
	off := newToken("strapi", token.ReadOnly)
	off.Enabled = false
	digest := s.putStrapi(t, strapiHash(strapiSecret), off)
	r.Invalidate([]token.Digest{digest})
	is("strapi")
	r.Invalidate([]token.Digest{token.Hash(strapiSecret)})
	is("strapi")
	if k, _ := askSalted(r, nil, strapiSecret); k.Token.Name != "plain" { // a gate without the salt can't know
		t.Errorf("without a salt: %+v", k)
	}
	is("strapi")
	s.mu.Lock()
	delete(s.rows, digest)
	s.mu.Unlock()
	r.Invalidate([]token.Digest{digest})
	is("plain")
	s.putStrapi(t, strapiHash(strapiSecret), off)
	r.InvalidateAll()
	is("strapi")
}

// A token in use under the usual digest is not looked for under the salted one again.
func TestUnsaltedTokensStayKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		s.put("an-imported-secret-of-others", newToken("plain", token.ReadOnly))
		r, salted := newResolver(t, s, nil), NewSalted("salt")
		for range 10 { // it is re-read in the background at half of its bound
			if k, reason := askSalted(r, salted, "an-imported-secret-of-others"); k == nil {
				t.Error(reason)
			}
			synctest.Wait()
			time.Sleep(r.config.TTL/2 + time.Millisecond)
		}
		if got := s.lookups.Load(); got != 2+9 {
			t.Errorf("%d look-ups; want one of the salted digest, and one each time of the other", got)
		}
	})
}

// Many at once are one look-up, and a store that fails never makes a secret unknown.
func TestSaltedSecretsShareALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore()
		s.putStrapi(t, strapiHash(strapiSecret), newToken("a", token.FullAccess))
		r, salted := newResolver(t, s, nil), NewSalted("salt")
		answer := make(chan struct{})
		s.stage(func(context.Context) error { <-answer; return nil })
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if k, reason := askSalted(r, salted, strapiSecret); k == nil {
					t.Error(reason)
				}
			})
		}
		synctest.Wait()
		close(answer)
		all.Wait()
		if got := s.lookups.Load(); got != 1 {
			t.Errorf("%d look-ups; want 1", got)
		}
		// A failure is no "unknown", whatever the other digest would be answered.
		failures := []error{errPermanent}
		s.stage(func(context.Context) (err error) {
			if len(failures) > 0 {
				err, failures = failures[0], nil
			}
			return err
		})
		if _, reason := askSalted(r, salted, "nobody-has-this-secret-here"); reason != Failure {
			t.Errorf("the store fails: %q", reason)
		}
	})
}

// Two secrets that share a place in the table of digests don't share a token.
func TestSaltedDigestsAreComparedAsAWhole(t *testing.T) {
	salted := NewSalted("salt")
	first, second := token.Hash("first"), token.Hash("first")
	second[31] ^= 1 // the same place
	digest := token.HashSalted("salt", "first")
	salted.remember(&first, &digest)
	if got := salted.digest("first", &first); got != digest {
		t.Error("it was not remembered")
	}
	if got := salted.digest("second", &second); got != token.HashSalted("salt", "second") {
		t.Error("another secret has its digest")
	}
}
