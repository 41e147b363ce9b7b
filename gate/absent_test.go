package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// Invariant 4: that a secret is unknown is not believed for longer than the bound either.
func TestUnknownIsForgottenAtTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := newMemoryStore(), mint(1)
		r := newResolver(t, s, func(c *Config) { c.TTL = 200 * time.Millisecond })
		if _, reason := ask(r, secret); reason != UnknownToken {
			t.Fatal(reason)
		}
		s.put(secret, newToken("a", token.FullAccess)) // no notice of it comes
		time.Sleep(250 * time.Millisecond)
		if k, reason := ask(r, secret); k == nil {
			t.Errorf("still unknown: %s", reason)
		}
	})
}
