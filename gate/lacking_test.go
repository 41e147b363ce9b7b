package gate

import (
	"slices"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// Invariant 3: the grant that a token lacks has no value in which a secret stands.
func TestLackingHasNoSecret(t *testing.T) {
	catalog := newCatalog(t, newPermission(t, "org.read", "", "GET /orgs/{org}"))
	tok := newToken("a", token.Custom, "org.read org=x")
	for path, want := range map[string]string{
		"/orgs/y":                    "org.read org=y",
		"/orgs/" + mint(1):           "org.read",
		"/orgs/before-" + mint(1):    "org.read",
		"/orgs/%74rv_" + mint(1)[4:]: "org.read",
	} {
		e, err := Explain(tok, catalog, nil, Asked{"GET", path, ""}, time.Now())
		if err != nil || e.Reason != MissingPermission || !slices.Equal(e.Lacks, []string{want}) {
			t.Errorf("%s: %s, lacks %q, %v", path, e.Reason, e.Lacks, err)
		}
	}
}
