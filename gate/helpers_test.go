package gate

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// mint returns the secret of the given number: always the same one.
func mint(number uint64) string {
	var seed [32]byte
	for i := range 8 {
		seed[i] = byte(number >> (8 * i))
	}
	s, err := token.Mint(rand.NewChaCha8(seed))
	if err != nil {
		panic(err)
	}
	return s.Reveal()
}

// newToken returns a token of the API "default" that is in order.
func newToken(name string, kind token.Type, grants ...string) token.Token {
	return token.Token{
		ID: "tok_" + name, API: "default", Name: name, Type: kind, Grants: grants,
		Owner: "ann", Enabled: true, Version: 1,
	}
}

// row is what a memoryStore has for one digest.
type row struct {
	token        token.Token
	secretExpiry time.Time
	err          error // answered instead
}

// memoryStore is a store in memory whose failures can be staged.
type memoryStore struct {
	mu      sync.Mutex
	rows    map[token.Digest]row
	lookups atomic.Int64
	// staged, if set, runs between the read and the answer; its error is the
	// answer if there is one.
	staged func(context.Context) error
}

func newMemoryStore() *memoryStore { return &memoryStore{rows: map[token.Digest]row{}} }

func (s *memoryStore) put(secret string, t token.Token) { s.putRow(secret, row{token: t}) }

func (s *memoryStore) putRow(secret string, r row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows[token.Hash(secret)] = r
}

func (s *memoryStore) remove(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, token.Hash(secret))
}

func (s *memoryStore) stage(f func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.staged = f
}

func (s *memoryStore) lookup(ctx context.Context, d token.Digest) (token.Token, time.Time, error) {
	s.lookups.Add(1)
	s.mu.Lock()
	r, ok := s.rows[d]
	staged := s.staged
	s.mu.Unlock()
	if staged != nil {
		if err := staged(ctx); err != nil {
			return token.Token{}, time.Time{}, err
		}
	}
	if !ok {
		return token.Token{}, time.Time{}, ErrUnknown
	}
	return r.token, r.secretExpiry, r.err
}

// eventCounts counts the events of a resolver.
type eventCounts [Up + 1]atomic.Int64

func (c *eventCounts) event(e Event, _ error) { c[e].Add(1) }

// newResolver makes a resolver over the store, with the bounds of the design's
// defaults, that ends with the test.
func newResolver(tb testing.TB, s *memoryStore, change func(*Config)) *Resolver {
	tb.Helper()
	c := Config{
		Lookup: s.lookup, Now: time.Now, CacheSize: 1000, TTL: 10 * time.Second, StaleIfError: time.Minute,
		UnknownRate: 1e6, Event: func(Event, error) {},
	}
	if change != nil {
		change(&c)
	}
	r, err := NewResolver(c)
	if err != nil {
		tb.Fatal(err)
	}
	if _, ok := tb.(*testing.T); ok {
		// Kept, since the cache of one that is collected is closed from outside
		// of the bubble in which it was made, and it can't be closed twice.
		resolvers.Store(r, nil)
		tb.Cleanup(func() {
			for range refreshesAtATime { // none is under way any more
				r.refreshes.places <- struct{}{}
			}
			r.cache.Close()
		})
	}
	return r
}

var resolvers sync.Map

// ask resolves one secret as a request that begins now would.
func ask(r *Resolver, secret string) (*Known, Reason) {
	tokens, reason, _ := r.Resolve(context.Background(), Credentials{First: secret}, nil, r.config.Now())
	return tokens.First, reason
}

func newPermission(tb testing.TB, name string, mark permission.Mark, operations ...string) permission.Permission {
	tb.Helper()
	p := permission.Permission{Name: name, Mark: mark}
	for _, text := range operations {
		op, err := permission.ParseOperation(text)
		if err != nil {
			tb.Fatal(err)
		}
		p.Operations = append(p.Operations, op)
	}
	return p
}

func newCatalog(tb testing.TB, permissions ...permission.Permission) *permission.Catalog {
	tb.Helper()
	c, err := permission.NewCatalog(permissions)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// articles is the catalog of most tests.
func articles(tb testing.TB) *permission.Catalog {
	tb.Helper()
	return newCatalog(tb,
		newPermission(tb, "article.find", "", "GET /api/articles", "GET /api/articles/{id}"),
		newPermission(tb, "article.create", "", "POST /api/articles"),
		newPermission(tb, "article.watch", "", "WEBSOCKET /api/live"),
		newPermission(tb, "legacy.delete", permission.Write, "GET /api/delete"),
		newPermission(tb, "search.run", permission.Read, "POST /api/search"),
	)
}

func newSources(tb testing.TB, list ...Source) *Sources {
	tb.Helper()
	s, err := NewSources(list, DefaultMaxTokens)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// hostileSources are those that hostile-requests.jsonl assumes.
func hostileSources(tb testing.TB) *Sources {
	tb.Helper()
	return newSources(tb,
		Source{Place: Header, Name: "X-Cybozu-API-Token", List: true},
		Source{Place: Authorization, Name: "Bearer"},
		Source{Place: Authorization, Name: "apiToken"},
		Source{Place: Query, Name: "api_token"},
	)
}

// newRecorder makes a recorder that ends with the test.
func newRecorder(tb testing.TB, change func(*RecorderConfig)) *Recorder {
	tb.Helper()
	c := RecorderConfig{
		Write:    func(context.Context, []token.Use) error { return nil },
		Interval: 10 * time.Second, Limit: 1000, Failed: func(error) {},
	}
	if change != nil {
		change(&c)
	}
	r := NewRecorder(c)
	tb.Cleanup(func() { _ = r.Close(context.Background()) })
	return r
}

func newGate(tb testing.TB, s *memoryStore, sources *Sources, catalog *permission.Catalog) *Gate {
	tb.Helper()
	return &Gate{
		API: "default", Catalog: catalog, Sources: sources, Resolver: newResolver(tb, s, nil),
		Recorder: newRecorder(tb, nil), Now: time.Now,
	}
}

// parse reads a request as a server would: a target and header lines, as they
// stand on the wire.
func parse(target string, lines ...string) (*http.Request, error) {
	raw := "GET " + target + " HTTP/1.1\r\nHost: gw.example.test\r\n"
	for _, line := range lines {
		raw += line + "\r\n"
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw + "\r\n")))
	if err != nil {
		return nil, err
	}
	for name := range r.Header {
		if !isHTTPToken(name) { // http.Server looks again
			return nil, fmt.Errorf("bad header name %q", name)
		}
	}
	return r, nil
}

func mustParse(tb testing.TB, target string, lines ...string) *http.Request {
	tb.Helper()
	r, err := parse(target, lines...)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func (c Credentials) String() string {
	return fmt.Sprintf("%q", c.all())
}

func (c Credentials) all() []string {
	if c.First == "" {
		return c.Rest
	}
	return append([]string{c.First}, c.Rest...)
}
