package gate

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// asked is a memoryStore that notes for which digests it was asked.
type asked struct {
	*memoryStore
	mu      sync.Mutex
	digests []token.Digest
}

func (a *asked) lookup(ctx context.Context, d token.Digest) (token.Token, time.Time, error) {
	a.mu.Lock()
	a.digests = append(a.digests, d)
	a.mu.Unlock()
	return a.memoryStore.lookup(ctx, d)
}

func newAskedGate(t *testing.T) (*Gate, *asked) {
	t.Helper()
	list := []Source{
		{Place: Authorization, Name: "Bearer"},
		{Place: Header, Name: "X-Key"},
		{Place: Header, Name: "X-Keys", List: true},
		{Place: Query, Name: "key"},
	}
	store := &asked{memoryStore: newMemoryStore()}
	g := newGate(t, store.memoryStore, newSources(t, list...), articles(t))
	g.Resolver = newResolver(t, store.memoryStore, func(c *Config) { c.Lookup = store.lookup })
	return g, store
}

// inEverySource returns a request for each source that has the text there,
// byte for byte, whether a server would have taken such a header or not.
func inEverySource(text string) map[string]*http.Request {
	requests := map[string]*http.Request{}
	for source, header := range map[string][2]string{
		"authorization": {"Authorization", "Bearer " + text}, "header": {"X-Key", text}, "list": {"X-Keys", text},
		"query": {}, "query as it is": {},
	} {
		r := &http.Request{Method: "GET", URL: &url.URL{Path: "/api/articles"}, Header: http.Header{}}
		switch {
		case header[0] != "":
			r.Header.Set(header[0], header[1])
		case source == "query":
			r.URL.RawQuery = "key=" + url.QueryEscape(text)
		default:
			r.URL.RawQuery = "key=" + text
		}
		requests[source] = r
	}
	return requests
}

// storedForms are the ways in which somebody who has read the store, or a
// backup of it, could send the hash of a secret.
func storedForms(secret string) map[string]string {
	digest := token.Hash(secret)
	return map[string]string{
		"hexadecimal":              hex.EncodeToString(digest[:]),
		"hexadecimal, upper case":  strings.ToUpper(hex.EncodeToString(digest[:])),
		"as SQLite writes it":      "X'" + strings.ToUpper(hex.EncodeToString(digest[:])) + "'",
		"base64":                   base64.StdEncoding.EncodeToString(digest[:]),
		"base64 without padding":   base64.RawStdEncoding.EncodeToString(digest[:]),
		"base64 for URLs":          base64.URLEncoding.EncodeToString(digest[:]),
		"with its scheme":          "sha256:" + hex.EncodeToString(digest[:]),
		"with our prefix":          token.Prefix + hex.EncodeToString(digest[:]),
		"with our prefix, cut":     token.Prefix + hex.EncodeToString(digest[:])[:38],
		"the bytes themselves":     string(digest[:]),
		"the key of the cache":     string(digest[:8]),
		"the bytes, %-encoded":     url.QueryEscape(string(digest[:])),
		"the hint and nothing new": "trv_…" + secret[len(secret)-4:],
	}
}

// Security rule 20: who has read the hashes can't use them. None opens
// anything in any source, whether its token is in memory or not, and the store
// is never asked for the token behind it.
func TestStoredHashOpensNothing(t *testing.T) {
	secret := mint(1)
	digest := token.Hash(secret)
	for _, inMemory := range []bool{false, true} {
		for form, text := range storedForms(secret) {
			for source, r := range inEverySource(text) {
				g, store := newAskedGate(t)
				store.put(secret, newToken("mine", token.FullAccess))
				if inMemory {
					if k, reason := ask(g.Resolver, secret); k == nil {
						t.Fatalf("the secret itself: %q", reason)
					}
					store.digests = nil
				}
				d := g.Check(r)
				if status := d.Reason.Status(); d.Reason.Allows() || status != http.StatusUnauthorized && status != http.StatusBadRequest || d.Tokens.First != nil {
					t.Errorf("%s in %s, in memory %v: %q", form, source, inMemory, d.Reason)
				}
				if slices.Contains(store.digests, digest) {
					t.Errorf("%s in %s: the store was asked for the token itself", form, source)
				}
			}
		}
	}
}

// Security rule 20: a secret that reads like the hash of another one, as who
// can read the store might import it, opens its own token and no other.
func TestImportedHashIsASecretOfItsOwn(t *testing.T) {
	secret := mint(1)
	for form, text := range storedForms(secret) {
		imported, err := token.Import(text)
		if err != nil {
			continue // can't be sent either, see TestStoredHashOpensNothing
		}
		g, store := newAskedGate(t)
		store.put(secret, newToken("mine", token.FullAccess))
		store.put(imported.Reveal(), newToken("theirs", token.ReadOnly))
		for range 2 { // from the store, and from memory
			if k, _ := ask(g.Resolver, text); k == nil || k.Token.Name != "theirs" {
				t.Errorf("%s opens %+v", form, k)
			}
			if k, _ := ask(g.Resolver, secret); k == nil || k.Token.Name != "mine" {
				t.Errorf("beside %s, the secret opens %+v", form, k)
			}
		}
		if imported.Digest() == token.Hash(secret) {
			t.Errorf("%s has the digest that it is", form)
		}
	}
}
