package store

import (
	"encoding/binary"
	"maps"
	"testing"

	"github.com/tokenreeve/tokenreeve/token"
)

// A change names the secrets that it touched, and says "all" rather than very many.
func TestChangedBy(t *testing.T) {
	for _, c := range []struct {
		name      string
		touched   int
		all, want bool
	}{
		{"nothing", 0, false, false},
		{"one", 1, false, false},
		{"as many as are named", maxNamed, false, false},
		{"more", maxNamed + 1, false, true},
		{"all", 1, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			touched := map[token.Digest]struct{}{}
			for i := range c.touched {
				touched[token.Digest(binary.BigEndian.AppendUint32(make([]byte, len(token.Digest{})-4), uint32(i)))] = struct{}{}
			}
			changed := ChangedBy(touched, c.all)
			if changed.All != c.want {
				t.Errorf("all is %t", changed.All)
			}
			named := map[token.Digest]struct{}{}
			for _, digest := range changed.Digests {
				named[digest] = struct{}{}
			}
			if c.want {
				touched = nil
			}
			if len(changed.Digests) != len(named) || !maps.Equal(named, touched) {
				t.Errorf("%d of %d are named", len(named), len(touched))
			}
		})
	}
}
