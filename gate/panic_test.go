package gate

import (
	"testing"

	"github.com/tokenreeve/tokenreeve/token"
)

// Security rule 16: whichever step panics, there is no decision to forward by,
// and the next request is decided on as if nothing had been. The server ends the
// request: net/http recovers from a panic of a handler, and so does HTTP/3's.
func TestPanicLetsNobodyIn(t *testing.T) {
	store, secret := newMemoryStore(), mint(1)
	store.put(secret, newToken("a", token.Custom, "article.find"))
	g := newGate(t, store, newSources(t, DefaultSources()...), articles(t))
	check := func() (d Decision, panicked bool) {
		defer func() { panicked = recover() != nil }()
		return g.Check(mustParse(t, "/api/articles", "X-API-Key: "+secret)), false
	}
	whole := *g
	for step, spoil := range map[string]func(){
		"extract": func() { g.Sources = nil },
		"resolve": func() { g.Resolver = nil },
		"decide":  func() { g.Catalog = nil },
		"clock":   func() { g.Now = nil },
	} {
		*g = whole
		spoil()
		if d, panicked := check(); !panicked || d.Reason.Allows() {
			t.Errorf("%s: panicked %v, and decided %q", step, panicked, d.Reason)
		}
		*g = whole
		if d, panicked := check(); panicked || d.Reason != Allow {
			t.Errorf("after a panic in %s: panicked %v, and decided %q", step, panicked, d.Reason)
		}
	}
}
