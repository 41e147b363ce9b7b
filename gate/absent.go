package gate

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// absents remembers for a moment which digests the store does not know, so that
// a repeated unknown secret is one look-up. It is a fixed table in which newer
// entries overwrite older ones: a flood of unknown secrets can neither grow it
// nor crowd out known tokens, which are kept elsewhere (security rule 13).
type absents [1 << 14]atomic.Pointer[absent]

type absent struct {
	digest     token.Digest
	reason     Reason // UnknownToken or UnreadableToken
	generation uint64
	until      time.Time
}

// absentTime is how long the store's word that a secret is unknown holds.
const absentTime = 1500 * time.Millisecond

func (a *absents) slot(d *token.Digest) *atomic.Pointer[absent] {
	return &a[binary.LittleEndian.Uint64(d[16:])%uint64(len(a))]
}

func (a *absents) find(d *token.Digest, generation uint64, now time.Time) Reason {
	e := a.slot(d).Load()
	if e == nil || e.digest != *d || e.generation != generation || !now.Before(e.until) {
		return ""
	}
	return e.reason
}

func (a *absents) add(e *absent) { a.slot(&e.digest).Store(e) }
