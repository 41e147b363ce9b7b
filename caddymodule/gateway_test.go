package caddymodule

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/internal/porttest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// patience is how long a test waits for what must happen. Nothing is decided by it
// but that it never happened.
const patience = time.Minute

// gateway is a Caddy with this module, in this process. Caddy's state is global,
// so tests with one must not run in parallel.
type gateway struct {
	t       *testing.T
	dir     string // tokens.db, caddy.log, Caddy's data
	addr    string // where sites with GATE listen
	metrics string // where its metrics are
	words   map[string]string
	tokens  map[string]testToken // by kind
}

// testToken is a token of the store and its secret.
type testToken struct {
	id, secret string
}

// preamble is the global options of every configuration that is tested. TOKENS
// are those of the global option api_tokens.
const preamble = `{
	admin ENDPOINT
	persist_config off
	auto_https off
	storage file_system DIR/caddy
	log {
		output file DIR/caddy.log {
			roll_disabled
		}
		level DEBUG
	}
	SERVERS
	api_tokens {
		store DRIVER STORE
		TOKENS
	}
}
http://METRICS {
	bind 127.0.0.1
	metrics
}
`

// newGateway prepares a gateway and the usual tokens of the API articles. words
// are replaced in the configurations that it loads.
func newGateway(t *testing.T, words map[string]string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), addr: freeAddress(t), metrics: freeAddress(t), words: map[string]string{"TOKENS": "", "SERVERS": "", "DRIVER": "sqlite", "STORE": "DIR/tokens.db", "ENDPOINT": "off"}}
	maps.Copy(g.words, words)
	if g.words["DRIVER"] == "sqlite" {
		g.tokens = makeTokens(t, filepath.Join(g.dir, "tokens.db"))
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		eventually(t, "all runtimes are released", func() bool { return runtimeCount() == 0 })
	})
	return g
}

// fill replaces the words of a configuration.
func (g *gateway) fill(text string) string {
	pairs := []string{"DIR", g.dir, "GATE", anyHost(g.addr), "METRICS", anyHost(g.metrics)}
	for word, to := range g.words {
		pairs = append(pairs, word, to)
	}
	return strings.NewReplacer(pairs...).Replace(strings.NewReplacer(pairs...).Replace(text))
}

// load makes Caddy run the given sites, or returns its error.
func (g *gateway) load(sites string) error {
	config, err := adapt(g.fill(preamble + sites))
	if err != nil {
		return err
	}
	err = caddy.Load(config, true)
	porttest.WaitForOne(g.t)
	return err
}

// mustLoad makes Caddy run the given sites.
func (g *gateway) mustLoad(sites string) {
	g.t.Helper()
	if err := g.load(sites); err != nil {
		g.t.Fatal(err)
	}
}

func adapt(caddyfile string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	return config, err
}

func freeAddress(t *testing.T) string { return porttest.Address(t, "127.0.0.1", porttest.CaddyModule) }

// anyHost makes of an address one for a site that serves all hosts.
func anyHost(addr string) string { return addr[strings.LastIndexByte(addr, ':'):] }

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request over a connection of its own. headers are "Name: value".
func (g *gateway) ask(method, target string, headers ...string) answer {
	g.t.Helper()
	return g.askWith(method, target, "", headers...)
}

// askWith sends a body too.
func (g *gateway) askWith(method, target, body string, headers ...string) answer {
	g.t.Helper()
	return g.do(g.request(method, target, body, headers...))
}

// request is what askWith sends.
func (g *gateway) request(method, target, body string, headers ...string) *http.Request {
	g.t.Helper()
	r, err := http.NewRequest(method, "http://"+g.addr+target, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	r.Close = true
	return r
}

// askBeside sends a request while the test goes on. One that fails is a fault, and its
// answer is empty: only the test itself may end the test.
func (g *gateway) askBeside(method, target string, headers ...string) <-chan answer {
	g.t.Helper()
	r, got := g.request(method, target, "", headers...), make(chan answer, 1)
	go func() {
		a, err := try(r)
		if err != nil {
			g.t.Error(err)
		}
		got <- a
	}()
	return got
}

func (g *gateway) do(r *http.Request) answer {
	g.t.Helper()
	a, err := try(r)
	if err != nil {
		g.t.Fatal(err)
	}
	return a
}

func try(r *http.Request) (answer, error) {
	client := http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	for end := time.Now().Add(patience); brokenConnection(err) && time.Now().Before(end); {
		resp, err = client.Do(r)
	}
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// brokenConnection reports whether a connection ended without a byte of an
// answer. Caddy changes listeners on a reload, and new connections can fall
// between the two: just as many do so without this module.
func brokenConnection(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

// bearer is the header with the secret of a kind of token.
func (g *gateway) bearer(kind string) string { return "Authorization: Bearer " + g.tokens[kind].secret }

// metric returns the value of a series such as `name{label="x"}`, 0 if there is none.
func (g *gateway) metric(series string) float64 {
	g.t.Helper()
	for line := range strings.SplitSeq(g.allMetrics(), "\n") {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				g.t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

func (g *gateway) allMetrics() string {
	g.t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+g.metrics+"/metrics", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Close = true
	return g.do(r).body
}

// log returns what Caddy has logged so far.
func (g *gateway) log() string {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, "caddy.log"))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(text)
}

// runtime returns the one runtime in use.
func (g *gateway) runtime() *runtime {
	g.t.Helper()
	var found []*runtime
	runtimes.Range(func(_, value any) bool {
		found = append(found, value.(*runtime))
		return true
	})
	if len(found) != 1 {
		g.t.Fatalf("%d runtimes are in use; want 1", len(found))
	}
	return found[0]
}

func runtimeCount() (n int) {
	runtimes.Range(func(_, _ any) bool { n++; return true })
	return n
}

// operator is who makes changes in these tests.
var operator = admin.Operator("tests")

// manage gives the management service on the gateway's own store.
func (g *gateway) manage() *admin.Service {
	g.t.Helper()
	return admin.New(g.runtime().store.Load(), time.Now, rand.Reader)
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%s: not within %v", what, patience)
			return
		}
	}
}

// kinds of tokens, as the hostile requests name them. All are of the API
// articles but other.
func makeTokens(t *testing.T, path string) map[string]testToken {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return fillStore(t, s)
}

func fillStore(t *testing.T, s store.Store) map[string]testToken {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	made := map[string]testToken{"unknown": {secret: mint(t).Reveal()}}
	for _, tok := range []token.Token{
		{Name: "readonly", Type: token.ReadOnly, Enabled: true},
		{Name: "full", Type: token.FullAccess, Enabled: true, Owner: "Zoë"},
		{Name: "custom", Type: token.Custom, Enabled: true, Grants: []string{"GET /api/articles/{id}"}},
		{Name: "finder", Type: token.Custom, Enabled: true, Grants: []string{"article.find"}},
		{Name: "expired", Type: token.Custom, Enabled: true, Grants: []string{"GET /api/articles/{id}"}, Expiry: now.Add(-time.Minute)},
		{Name: "revoked", Type: token.FullAccess},
		{Name: "other", Type: token.FullAccess, Enabled: true, API: "other"},
	} {
		made[tok.Name] = putToken(t, s, tok)
	}
	return made
}

func mint(t *testing.T) token.Secret {
	t.Helper()
	secret, err := token.Mint(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// putToken adds a token to the store, whatever the rules for new ones.
func putToken(t *testing.T, s store.Store, tok token.Token) testToken {
	t.Helper()
	secret := mint(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	id, err := token.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tok.ID, tok.Hint, tok.Created, tok.Updated, tok.Version = id, secret.Hint(), now, now, 1
	if tok.API == "" {
		tok.API = "articles"
	}
	err = s.Change(context.Background(), func(tx store.Tx) error {
		if err := tx.CreateToken(context.Background(), tok); err != nil {
			return err
		}
		return tx.AddSecret(context.Background(), id, store.Secret{Digest: secret.Digest(), Scheme: token.SHA256, Hint: secret.Hint(), Created: now})
	})
	if err != nil {
		t.Fatal(fmt.Errorf("token %s: %w", tok.Name, err))
	}
	return testToken{id, secret.Reveal()}
}
