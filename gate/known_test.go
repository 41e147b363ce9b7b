package gate

import (
	"testing"

	"github.com/tokenreeve/tokenreeve/token"
)

// Tokens stay in memory over a reload, and their grants are bits by the numbers of a
// catalog: in another catalog these are other permissions.
func TestGrantsAreOfTheCatalogOfTheGate(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("finds", token.Custom, "b.find"))
	first, last := newPermission(t, "a.find", "", "GET /a"), newPermission(t, "b.find", "", "GET /b")
	before := newGate(t, store, hostileSources(t), newCatalog(t, first, last))
	after := *before // the same resolver, as with a reload
	after.Catalog = newCatalog(t, first, newPermission(t, "aa.delete", "", "DELETE /b"), last)
	for range 2 { // and back: both are in use for a moment
		for _, x := range []struct {
			gate   *Gate
			method string
			want   Reason
		}{{before, "GET", Allow}, {&after, "DELETE", MissingPermission}, {&after, "GET", Allow}} {
			r := mustParse(t, "/b", "Authorization: Bearer "+mint(0))
			r.Method = x.method
			if d := x.gate.Check(r); d.Reason != x.want {
				t.Errorf("%s: %s, want %s", x.method, d.Reason, x.want)
			}
		}
	}
}
