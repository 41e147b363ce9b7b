package caddymodule

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// h2Site is one gate with a backend of its own, over TLS and without.
type h2Site struct {
	plain, encrypted string // addresses
	backend          *backend
}

func (s *h2Site) addr(encrypted bool) string {
	if encrypted {
		return s.encrypted
	}
	return s.plain
}

func schemeOf(encrypted bool) string {
	if encrypted {
		return "https"
	}
	return "http"
}

// newH2 prepares a gateway for sites of loadH2.
func newH2(t *testing.T) *gateway {
	t.Helper()
	g := newGateway(t, map[string]string{
		"TOKENS":  "cache_ttl 1h",
		"SERVERS": "servers {\n\t\tprotocols h1 h2 h2c\n\t\tmax_header_size 256KB\n\t}",
	})
	writeCertificate(t, g.dir)
	return g
}

// loadH2 makes the gateway serve a site, as hostileSite, in front of each
// backend, over TLS and without.
func (g *gateway) loadH2(site string, backends ...string) []h2Site {
	g.t.Helper()
	overTLS := strings.NewReplacer("http://", "https://", "bind 127.0.0.1", "bind 127.0.0.1\n\ttls DIR/cert.pem DIR/key.pem").Replace(site)
	var config strings.Builder
	var sites []h2Site
	for _, backend := range backends {
		s := h2Site{plain: freeAddress(g.t), encrypted: freeAddress(g.t)}
		fmt.Fprintf(&config, site, anyHost(s.plain), backend)
		fmt.Fprintf(&config, overTLS, anyHost(s.encrypted), backend)
		sites = append(sites, s)
	}
	g.mustLoad(config.String())
	return sites
}

// startH2 starts a gateway with n sites, each with a backend that records.
func startH2(t *testing.T, site string, n int) (*gateway, []h2Site) {
	t.Helper()
	g := newH2(t)
	var backends []*backend
	var addrs []string
	for range n {
		b := startBackend(t, "")
		backends, addrs = append(backends, b), append(addrs, b.addr())
	}
	sites := g.loadH2(site, addrs...)
	for i := range sites {
		sites[i].backend = backends[i]
	}
	return g, sites
}

// writeCertificate writes cert.pem and key.pem.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"gw.example.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// fewestTranslated is a floor under the number of HTTP/1 rows that are said in
// HTTP/2, lest a fault of translate make this test say nothing.
const fewestTranslated = 300

// The hostile requests of HTTP/1, as far as HTTP/2 can say them.
func TestHostileRequestsOverHTTP2(t *testing.T) {
	g, sites := startH2(t, hostileSite, 4)
	rows := slices.Concat(readRows(t, "testdata/hostile-requests.jsonl"), readRows(t, "testdata/more-hostile-requests.jsonl"))
	var ready []*row
	var requests []h2Request
	unsaid := map[string]int{}
	for i := range rows {
		r := &rows[i]
		if err := r.prepare(g.tokens); err != nil {
			t.Fatal(err)
		}
		request, reason := translate(r.bytes)
		if reason != "" {
			unsaid[reason]++
			continue
		}
		ready, requests = append(ready, r), append(requests, request)
	}
	for _, reason := range slices.Sorted(maps.Keys(unsaid)) {
		t.Logf("%d rows can't be said in HTTP/2: %s", unsaid[reason], reason)
	}
	if len(ready) < fewestTranslated {
		t.Errorf("%d rows were said in HTTP/2; want %d", len(ready), fewestTranslated)
	}
	broken := runH2(t, g, sites, ready, requests, asInHTTP1)
	checkH2Rest(t, sites, g.tokens, broken)
}

// asInHTTP1 gives an outcome the name that rows of HTTP/1 have for it: an error
// for a malformed request, of the stream or of the connection, is what status
// 400 is there. (The connection's it is if data follows on the refused stream.)
// No class of rows needs another exception.
func asInHTTP1(outcome string) string {
	if outcome == "reset" || outcome == "goaway" {
		return "reject400"
	}
	return outcome
}

// What only HTTP/2 can say.
func TestHostileHTTP2(t *testing.T) {
	g, sites := startH2(t, hostileSite, 4)
	rows := decodeRows(t, "testdata/http2-requests.jsonl", h2Outcomes, func(r *h2Row) *row { return &r.row })
	var ready []*row
	var requests []h2Request
	breaks := 0
	for i := range rows {
		r := &rows[i]
		if err := r.prepareH2(g.tokens); err != nil {
			t.Fatal(err)
		}
		if r.BreaksIn {
			breaks++
		}
		ready, requests = append(ready, &r.row), append(requests, r.request)
	}
	runH2(t, g, sites, ready, requests, func(outcome string) string { return outcome })
	checkH2Rest(t, sites, g.tokens, 2*breaks)
}

// runH2 sends all requests with and without TLS and judges what happens. It
// returns how many were refused for their trailers, behind their bodies.
func runH2(t *testing.T, g *gateway, sites []h2Site, rows []*row, requests []h2Request, name func(string) string) (broken int) {
	t.Helper()
	for _, encrypted := range []bool{false, true} {
		t.Run(schemeOf(encrypted), func(t *testing.T) {
			results := make([]result, len(rows))
			next := make(chan int)
			var wg sync.WaitGroup
			for w := range sites {
				wg.Go(func() {
					for i := range next {
						results[i] = runH2Row(requests[i], &sites[w], encrypted)
						results[i].outcome = name(results[i].outcome)
						judge(rows[i], &results[i], g.tokens)
					}
				})
			}
			for i := range rows {
				next <- i
			}
			close(next)
			wg.Wait()
			report(t, rows, results)
			for i := range results {
				if results[i].byServer && len(requests[i]("").trailers) > 0 {
					broken++
				}
			}
		})
	}
	return broken
}

// runH2Row sends one request on a connection of its own. A request without a
// token follows it, whose answer says that the connection still works.
func runH2Row(request h2Request, site *h2Site, encrypted bool) (res result) {
	fault := func(format string, args ...any) { res.faults = append(res.faults, fmt.Sprintf(format, args...)) }
	c, err := dialH2(site.addr(encrypted), encrypted)
	if err != nil {
		fault("no connection: %v", err)
		return res
	}
	defer c.Close()
	scheme := schemeOf(encrypted)
	id := c.send(request(scheme))
	if err := c.wait(id); err != nil {
		fault("no answer: %v", err)
		return res
	}
	res.outcome, res.byServer = c.outcome(id)
	if res.answers = nil; c.answers[id].header != nil {
		res.answers = []answer{c.answers[id].answer}
	}
	probe := c.send(h2request{fields: usual("GET", scheme, "probe.test", "/probe")})
	if err := c.wait(probe); err != nil {
		fault("the connection is dead: %v", err)
	}
	if outcome, _ := c.outcome(probe); c.broken == "" && outcome != "reject401" {
		fault("the next request without a token got %s", outcome)
	}
	res.forwarded = site.backend.take()
	return res
}

// checkH2Rest stops Caddy, which waits for what is under way, and looks at what
// reached the backends beside the requests of rows: at most so many parts of
// allowed requests whose bodies broke off.
func checkH2Rest(t *testing.T, sites []h2Site, tokens map[string]testToken, parts int) {
	t.Helper()
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	for i := range sites {
		b := sites[i].backend
		if late := b.take(); len(late) > 0 {
			t.Errorf("a backend got a request that is of no row: %q", late[0].raw)
		}
		for _, part := range b.takePartial() {
			parts--
			if parts < 0 || !strings.Contains(part, "\r\nX-Token-Id: tok_") || findSecret(part, tokens) != "" {
				t.Errorf("a backend got a part of a request: %q", part)
			}
		}
	}
}
