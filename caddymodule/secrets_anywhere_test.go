package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/internal/porttest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// Secrets of another system: one as most are, one with all that has to be
// encoded somewhere.
const (
	plainSecret = "legacyKey-7cQ2mZ9xVb4tN8sLpW3kD6hJ1fG5yR0aE"
	oddSecret   = `leg"A<c&y>=z%41+/x\K?#;{q}[w]'e~9^8|7*5$3!`
)

// secretsConfig is a gate with all kinds of sources, and all that Caddy can write
// about requests. Everything that goes wrong with a backend has a path.
const secretsConfig = `{
	admin ADMIN
	persist_config off
	auto_https off
	metrics
	storage file_system DIR/caddy
	log default {
		output file DIR/default.log {
			roll_disabled
		}
		FORMAT
		level DEBUG
	}
	servers {
		log_credentials
		trace
		max_header_size 1MB
	}
	api_tokens {
		store sqlite DIR/tokens.db
		cache_ttl 100ms
		stale_if_error 0s
		flush_interval 1h
	}
}
(gate) {
	api_tokens articles {
		from header X-API-Key
		from header X-Cybozu-API-Token list
		from authorization Bearer
		from authorization apiToken
		from query api_token
		resource article /api/articles
		preflight check
		{args[:]}
	}
}
http://GATE {
	bind 127.0.0.1
	log {
		output file DIR/access.log {
			roll_disabled
		}
		FORMAT
	}
	log_append x_api_key {http.request.header.X-API-Key}
	test_panic /panic/before*
	rewrite /moved /api/articles?{query}&moved=1
	rewrite /lent /api/articles?api_token={query.lent}
	@errors path /errors*
	handle @errors {
		import gate errors caddy
		reverse_proxy 127.0.0.1:1
	}
	handle {
		import gate
		test_panic /panic/behind*
		reverse_proxy /api/down* 127.0.0.1:1
		reverse_proxy /api/closed* CLOSED
		reverse_proxy /api/broken* BROKEN
		reverse_proxy BACKEND
	}
	handle_errors 400 401 403 502 503 { # what comes from the gate, and from behind it
		header X-Key "{http.request.header.X-API-Key}"
		respond "RELOAD {err.status_code} {err.message} {err.trace} {query.api_token} {http.request.orig_uri.query} {http.request.header.X-Cybozu-API-Token}"
	}
}
`

// testPanic panics with all of the request.
type testPanic struct{}

func init() {
	caddy.RegisterModule(new(testPanic))
	httpcaddyfile.RegisterHandlerDirective("test_panic", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return new(testPanic), nil
	})
	httpcaddyfile.RegisterDirectiveOrder("test_panic", httpcaddyfile.After, "try_files")
}

func (*testPanic) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_panic", New: func() caddy.Module { return new(testPanic) }}
}

func (*testPanic) ServeHTTP(_ http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	caddy.Log().Named("test").Error("about to panic", zap.Any("header", r.Header), zap.Any("query", r.URL.Query()), zap.Reflect("url", r.URL))
	panic(fmt.Sprintf("%s %v %+v", r.RequestURI, r.Header, r.URL))
}

// secretsRun is one gateway with logs of one format.
type secretsRun struct {
	*gateway
	parts []secretParts
	admin string
}

// Invariant 3: a secret appears in no log, metric, error or answer, whatever
// happens. The gateway is in a process of its own, so that what goes past all
// logs, to the standard outputs, is searched too.
func TestNoSecretAnywhere(t *testing.T) {
	for name, format := range map[string]string{
		"json":    "format api_tokens",
		"console": "format api_tokens {\n\twrap console\n}",
	} {
		t.Run(name, func(t *testing.T) {
			file := os.Getenv("TOKENREEVE_TEST_SECRETS")
			if file != "" {
				runSecrets(t, format, file)
				return
			}
			t.Parallel()
			file = filepath.Join(t.TempDir(), "secrets.json")
			child := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.timeout=5m")
			child.Env = append(os.Environ(), "TOKENREEVE_TEST_SECRETS="+file)
			output, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			secrets := map[string]string{}
			if err := json.Unmarshal(text, &secrets); err != nil {
				t.Fatal(err)
			}
			tokens := map[string]testToken{}
			for kind, secret := range secrets {
				tokens[kind] = testToken{secret: secret}
			}
			if len(tokens) < 10 || !bytes.Contains(output, []byte("redirected default logger")) {
				t.Fatalf("%d secrets, and the output is %s", len(tokens), output)
			}
			hasNoSecret(t, "the output of the process", string(output), partsOf(tokens))
		})
	}
}

func runSecrets(t *testing.T, format, file string) {
	s := newSecretsRun(t, format)
	secrets := map[string]string{}
	for kind, tok := range s.tokens {
		secrets[kind] = tok.secret
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}

	s.reload("1")
	s.sendSecrets(slices.Collect(maps.Keys(s.tokens))...)
	s.searchMemory()
	stop := make(chan bool)
	reloading := make(chan bool)
	go func() {
		defer close(reloading)
		for i := range 10 {
			select {
			case <-stop:
				return
			default:
				s.reload(fmt.Sprint(i))
			}
		}
	}()
	s.sendRows()
	close(stop)
	<-reloading
	s.searchAdmin()

	db := filepath.Join(s.dir, "tokens.db")
	execute(t, db, `ALTER TABLE secrets RENAME TO gone`)
	s.sendSecrets("full", "plain", "odd", "unknown") // every look-up fails
	execute(t, db, `ALTER TABLE gone RENAME TO secrets`)
	s.becomes(http.StatusOK)
	rename(t, db, db+".away")
	s.becomes(http.StatusServiceUnavailable)
	s.sendSecrets("full", "plain", "odd", "unknown") // the store is away
	rename(t, db+".away", db)

	s.searchAdmin()
	filesHaveNoSecret(t, s.dir, s.parts, "default.log", "access.log", "tokens.db", "tokens.db-wal", "tokens.db-shm")
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	filesHaveNoSecret(t, s.dir, s.parts, "default.log", "access.log", "tokens.db")
	s.checkLogs(format)
	s.mustLoad("") // turns the admin endpoint off
}

func newSecretsRun(t *testing.T, format string) *secretsRun {
	t.Helper()
	s := &secretsRun{admin: freeAddress(t)}
	s.gateway = newGateway(t, map[string]string{
		"FORMAT": format, "ADMIN": s.admin, "BACKEND": startBackend(t, "").addr(), "CLOSED": startRaw(t, ""),
		"BROKEN": startRaw(t, "HTTP/1.1 200 OK\r\nX-Backend: yes\r\nContent-Length: 100\r\n\r\nhalf"), "TOKENS": "cache_ttl 1h",
	})
	s.corrupt("finder") // its record can't be read
	opened, err := sqlite.Open(t.Context(), filepath.Join(s.dir, "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for kind, text := range map[string]string{"plain": plainSecret, "odd": oddSecret} {
		tok := putToken(t, opened, token.Token{Name: kind, Type: token.FullAccess, Enabled: true})
		secret, err := token.Import(text)
		if err != nil {
			t.Fatal(err)
		}
		err = opened.Change(t.Context(), func(tx store.Tx) error {
			return tx.AddSecret(context.Background(), tok.id, store.Secret{Digest: secret.Digest(), Scheme: token.SHA256, Hint: secret.Hint(), Created: time.Now().UTC()})
		})
		if err != nil {
			t.Fatal(err)
		}
		s.tokens[kind] = testToken{tok.id, text}
	}
	s.parts = partsOf(s.tokens)
	return s
}

// reload loads the configuration with another text in it.
func (s *secretsRun) reload(text string) {
	config, err := adapt(s.fill(strings.ReplaceAll(secretsConfig, "RELOAD", text)))
	if err == nil {
		err = caddy.Load(config, true)
		porttest.WaitForOne(s.t)
	}
	if err != nil {
		s.t.Error(err)
	}
}

// becomes waits until a good request gets this status.
func (s *secretsRun) becomes(status int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprint("status ", status), func() bool { return s.ask("GET", "/api/articles", s.bearer("full")).status == status })
}

// searchMemory looks into what waits to be written.
func (s *secretsRun) searchMemory() {
	var waiting strings.Builder
	everyString(reflect.ValueOf(s.runtime().recorder), map[place]bool{}, &waiting)
	if !strings.Contains(waiting.String(), s.tokens["plain"].id) {
		s.t.Errorf("no use is waiting to be written: %q", waiting.String())
	}
	hasNoSecret(s.t, "the last-use buffer", waiting.String(), s.parts)
}

func (s *secretsRun) searchAdmin() {
	for _, path := range []string{"/config/", "/metrics", "/debug/vars", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/reverse_proxy/upstreams"} {
		text := fetch(s.t, "http://"+s.admin+path)
		hasNoSecret(s.t, path, text, s.parts)
		if path == "/metrics" && !strings.Contains(text, `tokenreeve_decisions_total{api="articles",outcome="refused",reason="unknown_token"}`) {
			s.t.Error("the metrics have no decisions")
		}
	}
}

// checkLogs looks for all kinds of lines: what was never logged proves nothing.
func (s *secretsRun) checkLogs(format string) {
	var all string
	for _, name := range []string{"default.log", "access.log"} {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			s.t.Fatal(err)
		}
		all += string(text)
	}
	if !strings.Contains(format, "console") {
		for line := range strings.Lines(all) {
			if !json.Valid([]byte(line)) {
				s.t.Errorf("no JSON: %q", line)
			}
		}
	}
	for _, want := range []string{
		"http.log.access", "http.log.error", "rewrote request", "upstream roundtrip", "aborting with incomplete response", "connection refused",
		"http: panic serving", "about to panic", "request refused", "handled request", "EOF",
		"the token store is unavailable", "looking a token up failed",
		`"reason": ?"missing_permission"`, `"reason": ?"unknown_token"`, `"reason": ?"disabled_token"`, `"reason": ?"expired_token"`,
		`"reason": ?"other_api"`, `"reason": ?"store_unavailable"`, `"reason": ?"failure"`, `"reason": ?"unreadable_token"`,
		`"X-Api-Key": ?\["REDACTED"\]`, `"X-Cybozu-Api-Token": ?\["REDACTED", ?"REDACTED"\]`, `"Authorization": ?\["Bearer REDACTED"\]`,
		`"uri": ?"/api/articles\?a=1&api_token=REDACTED&b=2"`, `"uri": ?"/api/articles/REDACTED"`, `"x_api_key": ?"REDACTED"`,
	} {
		if !regexp.MustCompile(want).MatchString(all) {
			s.t.Errorf("the logs have no %s", want)
		}
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
