package gate

import (
	"context"
	"encoding/binary"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// Salted is how secrets are found of which the store has another system's hash
// (token.HMACSHA512). It is safe for concurrent use.
type Salted struct {
	salt string
	// found has the digests of secrets in use, so that they aren't computed for
	// every request. It is no cache of tokens: what it says stays true for good, and
	// what is overwritten is computed again.
	found [1 << 12]atomic.Pointer[bothDigests]
}

// bothDigests are the digests of one secret.
type bothDigests struct{ plain, salted token.Digest }

// NewSalted returns the way to find secrets whose hashes were made with the salt.
func NewSalted(salt string) *Salted { return &Salted{salt: salt} }

// concerns reports whether the secret may be one of another system. Those that were
// minted here are stored under no other scheme.
func (s *Salted) concerns(secret string) bool {
	return s != nil && !strings.HasPrefix(secret, token.Prefix)
}

// digest returns the salted digest of the secret, of which plain is the usual one.
func (s *Salted) digest(secret string, plain *token.Digest) token.Digest {
	if both := s.place(plain).Load(); both != nil && both.plain == *plain {
		return both.salted
	}
	return token.HashSalted(s.salt, secret)
}

func (s *Salted) remember(plain, salted *token.Digest) {
	if both := s.place(plain).Load(); both == nil || both.plain != *plain {
		s.place(plain).Store(&bothDigests{*plain, *salted})
	}
}

func (s *Salted) place(plain *token.Digest) *atomic.Pointer[bothDigests] {
	return &s.found[binary.LittleEndian.Uint64(plain[:])%uint64(len(s.found))]
}

// unsalted says of a token under the usual digest of a secret that there was none
// under the salted one, as long as the generation is the same.
type unsalted struct {
	digest     token.Digest // the salted one
	generation uint64
}

// resolveForeign finds the token of a secret by its salted digest, or by the usual one
// if there is none under that. So of two tokens with one secret it is always the
// former, whatever is in memory. Both are digests like any other: what is kept,
// for how long, and who waits for whom is the same.
func (r *Resolver) resolveForeign(ctx context.Context, secret string, plain *token.Digest, salted *Salted, now time.Time) (*Known, Reason, error) {
	digest := salted.digest(secret, plain)
	without := unsalted{digest, r.generations.of(&digest).Load()}
	generation := r.generations.of(plain).Load()
	known := r.cached(plain)
	if known != nil {
		if u := known.unsalted.Load(); u != nil && *u == without {
			return r.resolveDigest(ctx, plain, generation, known, now)
		}
	}
	k, reason, err := r.resolveDigest(ctx, &digest, without.generation, r.cached(&digest), now)
	if reason == UnknownToken {
		if k, reason, err = r.resolveDigest(ctx, plain, generation, known, now); k != nil {
			kept := without // so that only this is allocated
			k.unsalted.Store(&kept)
		}
	}
	if k != nil {
		salted.remember(plain, &digest)
	}
	return k, reason, err
}
