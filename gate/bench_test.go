package gate

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// decision is a gate and a request, ready to be decided on again and again:
// Check, and what Forward does to the headers and the query.
type decision struct {
	gate      *Gate
	forwarder *Forwarder
	request   *http.Request
	header    http.Header
	query     string
	values    Values
}

// newDecision makes a gate and a request as curl or a service would send it:
// five headers beside the credential's.
func newDecision(b *testing.B, lookup Lookup, cacheSize int64, catalog *permission.Catalog) *decision {
	b.Helper()
	r, err := NewResolver(Config{
		Lookup: lookup, Now: time.Now, CacheSize: cacheSize, TTL: time.Hour, StaleIfError: time.Minute,
		Event: new(eventCounts).event,
	})
	if err != nil {
		b.Fatal(err)
	}
	sources := newSources(b, Source{Place: Authorization, Name: "Bearer"}, Source{Place: Header, Name: "X-API-Key"}, Source{Place: Query, Name: "api_token"})
	d := &decision{
		gate: &Gate{
			API: "default", Catalog: catalog, Sources: sources, Resolver: r, Now: time.Now,
			Recorder: newRecorder(b, func(c *RecorderConfig) { c.Limit = 2_000_000 }),
		},
		forwarder: NewForwarder(sources, DefaultIdentityPrefix, nil),
	}
	d.send("GET", "/api/articles/42", "")
	return d
}

func (d *decision) send(method, target, authorization string) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err)
	}
	d.header = http.Header{
		"Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"curl/8.14.1"},
		"X-Forwarded-For": {"192.0.2.1"}, "Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	}
	if authorization != "" {
		d.header["Authorization"] = []string{authorization}
	}
	d.query = u.RawQuery
	d.request = &http.Request{Method: method, URL: u, Header: maps.Clone(d.header), ProtoMajor: 1}
}

func (d *decision) decide() Reason {
	decided := d.gate.Check(d.request)
	if decided.Reason.Allows() {
		d.forwarder.Forward(d.request, decided.Tokens, false, &d.values)
	}
	return decided.Reason
}

// restore undoes what decide did to the request.
func (d *decision) restore(authorization []string) {
	d.request.URL.RawQuery = d.query
	if authorization != nil {
		d.request.Header["Authorization"] = authorization
	}
	for _, name := range d.forwarder.names {
		delete(d.request.Header, name)
	}
}

// run measures decide, and reports beside it ("restore-ns/op") what of it is
// the work of undoing: ns/op less that is the decision alone. Stopping the timer
// in every iteration would measure the stopping.
func (d *decision) run(b *testing.B, want Reason) {
	b.Helper()
	if got := d.decide(); got != want {
		b.Fatalf("decided %q, want %q", got, want)
	}
	d.gate.Resolver.cache.Wait()
	authorization := d.header["Authorization"]
	// Undoing, with headers to undo as after a decision.
	const n = 1_000_000
	identity := make([]string, 1)
	began := time.Now()
	for range n {
		for _, name := range d.forwarder.names {
			d.request.Header[name] = identity
		}
		delete(d.request.Header, "Authorization")
	}
	making := time.Since(began)
	began = time.Now()
	for range n {
		for _, name := range d.forwarder.names {
			d.request.Header[name] = identity
		}
		delete(d.request.Header, "Authorization")
		d.restore(authorization)
	}
	undoing := time.Since(began) - making
	if !want.Allows() {
		undoing = 0
	}
	b.ReportAllocs()
	for b.Loop() {
		d.decide()
		if want.Allows() {
			d.restore(authorization)
		}
	}
	perUndo := float64(undoing) / n
	b.ReportMetric(perUndo, "restore-ns/op")
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)-perUndo, "decision-ns/op")
}

func oneToken(secret string, t token.Token) Lookup {
	digest := token.Hash(secret)
	return func(_ context.Context, d token.Digest) (token.Token, time.Time, error) {
		if d != digest {
			return token.Token{}, time.Time{}, ErrUnknown
		}
		return t, time.Time{}, nil
	}
}

func BenchmarkDecision(b *testing.B) {
	secret := mint(1)
	bearer := "Bearer " + secret
	lookup := oneToken(secret, newToken("ci", token.Custom, "article.find"))
	b.Run("known", func(b *testing.B) {
		d := newDecision(b, lookup, 100_000, articles(b))
		d.send("GET", "/api/articles/42", bearer)
		d.run(b, Allow)
	})
	for place, query := range map[string]string{"end": "page=1&size=20&api_token=" + secret, "start": "api_token=" + secret + "&page=1&size=20", "middle": "page=1&api_token=" + secret + "&size=20"} {
		b.Run("query="+place, func(b *testing.B) {
			d := newDecision(b, lookup, 100_000, articles(b))
			d.send("GET", "/api/articles/42?"+query, "")
			d.run(b, Allow)
		})
	}
	b.Run("refused=403", func(b *testing.B) {
		d := newDecision(b, lookup, 100_000, articles(b))
		d.send("POST", "/api/articles", bearer)
		d.run(b, MissingPermission)
	})
	b.Run("refused=401-none", func(b *testing.B) {
		d := newDecision(b, lookup, 100_000, articles(b))
		d.run(b, NoCredential)
	})
	b.Run("refused=401-malformed", func(b *testing.B) {
		d := newDecision(b, lookup, 100_000, articles(b))
		d.send("GET", "/api/articles", "Bearer trv_junk")
		d.run(b, MalformedCredential)
	})
	b.Run("refused=401-unknown", func(b *testing.B) {
		d := newDecision(b, lookup, 100_000, articles(b))
		d.send("GET", "/api/articles", "Bearer "+mint(2))
		d.run(b, UnknownToken)
	})
	for _, kind := range []token.Type{token.ReadOnly, token.FullAccess} {
		b.Run("type="+string(kind), func(b *testing.B) {
			d := newDecision(b, oneToken(secret, newToken("ci", kind)), 100_000, articles(b))
			d.send("GET", "/api/articles/42", bearer)
			d.run(b, Allow)
		})
	}
	b.Run("parallel", func(b *testing.B) {
		d := newDecision(b, lookup, 100_000, articles(b))
		d.send("GET", "/api/articles/42", bearer)
		d.decide()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			mine := &decision{gate: d.gate, forwarder: d.forwarder}
			mine.send("GET", "/api/articles/42", bearer)
			for authorization := mine.header["Authorization"]; pb.Next(); mine.restore(authorization) {
				mine.decide()
			}
		})
	})
}

// The size of the catalog: a decision costs the length of the path.
func BenchmarkDecisionByOperations(b *testing.B) {
	for _, operations := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprint("operations=", operations), func(b *testing.B) {
			var list []permission.Permission
			for i := range operations / 2 {
				list = append(list, newPermission(b, fmt.Sprintf("r%d.find", i), "", fmt.Sprintf("GET /api/r%d", i), fmt.Sprintf("GET /api/r%d/{id}", i)))
			}
			name := fmt.Sprintf("r%d", operations/4)
			d := newDecision(b, oneToken(mint(1), newToken("ci", token.Custom, name+".find")), 100_000, newCatalog(b, list...))
			d.send("GET", "/api/"+name+"/42", "Bearer "+mint(1))
			d.run(b, Allow)
		})
	}
}

func BenchmarkDecisionByGrants(b *testing.B) {
	for _, grants := range []int{1, token.MaxGrants} {
		b.Run(fmt.Sprint("grants=", grants), func(b *testing.B) {
			list := make([]string, grants)
			for i := range list {
				list[i] = fmt.Sprintf("GET /api/r%d/{id}", i)
			}
			d := newDecision(b, oneToken(mint(1), newToken("ci", token.Custom, list...)), 100_000, articles(b))
			d.send("GET", fmt.Sprintf("/api/r%d/42", grants-1), "Bearer "+mint(1))
			d.run(b, Allow)
		})
	}
}

// The number of tokens, each used in turn. Beyond the size of the cache a
// decision asks the store, which is a map here.
func BenchmarkDecisionByTokens(b *testing.B) {
	for _, n := range []int{1, 1000, 1_000_000} {
		for _, size := range []int64{100_000, 2_000_000} {
			if size > 100_000 && n <= 1000 {
				continue
			}
			b.Run(fmt.Sprintf("tokens=%d/cache=%d", n, size), func(b *testing.B) {
				store := make(map[token.Digest]token.Token, n)
				bearers := make([]string, n)
				for i := range n {
					secret := mint(uint64(i))
					bearers[i] = "Bearer " + secret
					store[token.Hash(secret)] = newToken(fmt.Sprint(i), token.Custom, "article.find")
				}
				events := new(eventCounts)
				d := newDecision(b, func(_ context.Context, digest token.Digest) (token.Token, time.Time, error) {
					t, ok := store[digest]
					if !ok {
						return t, time.Time{}, ErrUnknown
					}
					return t, time.Time{}, nil
				}, size, articles(b))
				d.gate.Resolver.config.Event = events.event
				d.send("GET", "/api/articles/42", bearers[0])
				authorization := []string{""}
				for range 2 { // the cache drops some of many at once
					for i := range bearers {
						authorization[0] = bearers[i]
						d.restore(authorization)
						d.decide()
					}
					d.gate.Resolver.cache.Wait()
				}
				hits, misses := events[Hit].Load(), events[Miss].Load()
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if i++; i == n {
						i = 0
					}
					authorization[0] = bearers[i]
					d.restore(authorization)
					d.decide()
				}
				hits, misses = events[Hit].Load()-hits, events[Miss].Load()-misses
				b.ReportMetric(100*float64(hits)/float64(max(1, hits+misses)), "%hits")
			})
		}
	}
}
