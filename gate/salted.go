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

// resolveSalted finds the token of a secret by its salted digest. That is a digest
// like any other: what is kept, for how long, and who waits for whom is the same.
func (r *Resolver) resolveSalted(ctx context.Context, secret string, plain *token.Digest, salted *Salted, now time.Time) (*Known, Reason, error) {
	digest := salted.digest(secret, plain)
	generation := r.generations.of(&digest).Load()
	known := r.cached(&digest)
	if known != nil && known.generation == generation && r.fresh(known, now) {
		r.config.Event(Hit, nil)
		salted.remember(plain, &digest)
		return known, "", nil
	}
	return r.resolveSlowly(ctx, digest, generation, known, now)
}
