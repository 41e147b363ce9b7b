package gate

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/tokenreeve/tokenreeve/token"
)

// generations guards against answers that were read before a change and arrive
// after it (security rule 11): whoever reads the store notes the generation of
// the digest first, a change raises it before anything else, and what was read
// under an older generation counts for nothing. Digests share counters; a
// raise that hits others as well only costs them a look-up.
type generations [4096]atomic.Uint64

func (g *generations) of(d *token.Digest) *atomic.Uint64 {
	return &g[binary.LittleEndian.Uint64(d[8:])%uint64(len(g))]
}

func (g *generations) raiseAll() {
	for i := range g {
		g[i].Add(1)
	}
}
