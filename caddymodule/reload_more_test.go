package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
)

// A failed reload leaves everything as it was, under load as well.
func TestFailedReload(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, nil)
	rt := g.runtime()
	l := startLoad(g, "full", "readonly")
	for i := range 12 {
		l.more(t, 20)
		g.words["STORE"] = []string{"/proc/none/tokens.db", "DIR/caddy.log"}[i%2]
		began := time.Now()
		if err := g.load(articlesSite); err == nil {
			t.Fatal("it loaded")
		}
		if took := time.Since(began); took > startTimeout {
			t.Errorf("it took %v to fail", took)
		}
		if g.runtime() != rt {
			t.Fatal("the runtime is another one")
		}
	}
	l.more(t, 20)
	close(l.stop)
	l.wg.Wait()
	// Caddy starts the new listener before it knows that the store can't be
	// opened: what it takes in between is refused, at once and with Retry-After.
	for _, what := range l.lost {
		if !strings.HasPrefix(what, "503") {
			t.Errorf("lost: %s", what)
		}
	}
	t.Logf("%d of %d requests came to the configuration that failed", len(l.lost), l.answered.Load())
	if refs, _ := runtimes.References(rt.settings); refs != 1 {
		t.Errorf("%d references to the runtime; want 1", refs)
	}
}

// Fifty quick reloads leak nothing.
func TestReloadsLeakNothing(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, nil)
	rt := g.runtime()
	g.mustLoad(articlesSite)
	g.ask("GET", "/x", g.bearer("full"))
	before := goruntime.NumGoroutine()
	for range 50 {
		g.mustLoad(articlesSite)
	}
	if g.runtime() != rt {
		t.Error("the runtime is another one")
	}
	if refs, _ := runtimes.References(rt.settings); refs != 1 {
		t.Errorf("%d references to the runtime; want 1", refs)
	}
	g.ask("GET", "/x", g.bearer("full"))
	// Caddy itself ends some of its own a little later.
	eventually(t, fmt.Sprintf("no more than %d goroutines and a few", before), func() bool { return goruntime.NumGoroutine() <= before+5 })
	for i := range 10 {
		g.words["TOKENS"] = fmt.Sprintf("cache_ttl %ds", i+1)
		g.mustLoad(articlesSite)
	}
	if n := runtimeCount(); n != 1 {
		t.Errorf("%d runtimes; want 1", n)
	}
	// ristretto ends its own when the collector finds the cache unused.
	eventually(t, fmt.Sprintf("no more than %d goroutines and a few, after other settings", before), func() bool {
		goruntime.GC()
		return goruntime.NumGoroutine() <= before+5
	})
}

// Caddy may start its servers before this app: requests wait for the store. When
// it can't be opened they must not go on waiting, and none may go through.
func TestRequestsBeforeAStartThatFails(t *testing.T) {
	for _, mode := range []string{"", errorsCaddy} {
		app := &App{
			started: make(chan struct{}), replaced: make(chan struct{}), logger: zap.NewNop(),
			settings: settings{store: StoreConfig{Driver: driverSQLite, Source: "/proc/none/tokens.db"}, cacheSize: 100},
		}
		h := &Handler{app: app, logger: zap.NewNop(), Errors: mode, Sources: []gate.Source{{Place: gate.Header, Name: "X-API-Key"}, {Place: gate.Query, Name: "k"}}}
		if err := h.setDefaults(); err != nil {
			t.Fatal(err)
		}
		h.sources, _ = gate.NewSources(h.Sources, h.MaxTokens)
		h.catalog, _ = permission.NewCatalog(nil)
		h.forwarder = gate.NewForwarder(h.sources, h.IdentityHeaders, nil)
		app.handlers = []*Handler{h}
		done := make(chan error)
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x?k=secret", nil)
		r.Header.Set("X-API-Key", "secret")
		go func() {
			done <- h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
				t.Error("it went through")
				return nil
			}))
		}()
		if err := app.Start(); err == nil {
			t.Fatal("it started")
		}
		select {
		case err := <-done:
			if mode == errorsCaddy && (err == nil || r.Header.Get("X-API-Key") != "" || r.URL.RawQuery != "") {
				t.Errorf("error routes get %v %v %v", err, r.URL, r.Header)
			}
		case <-time.After(startTimeout / 2):
			t.Fatal("it still waits")
		}
		if mode == "" && w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("got %d %v", w.Code, w.Header())
		}
	}
}

// pause is a handler in front of the gate that holds requests to /paused.
type pause struct{}

var paused, resume = make(chan bool), make(chan bool)

func init() {
	caddy.RegisterModule(pause{})
	httpcaddyfile.RegisterHandlerDirective("test_pause", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return pause{}, nil
	})
	httpcaddyfile.RegisterDirectiveOrder("test_pause", httpcaddyfile.After, "try_files")
}

func (pause) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_pause", New: func() caddy.Module { return pause{} }}
}

func (pause) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.URL.Path == "/paused" {
		paused <- true
		<-resume
	}
	return next.ServeHTTP(w, r)
}

// untilPaused waits until a request is held.
func untilPaused(t *testing.T, got <-chan answer) {
	t.Helper()
	select {
	case <-paused:
	case a := <-got:
		t.Fatalf("it is answered at once: %v", a)
	}
}

// On a reload Caddy does not wait for requests that have not come to the gate
// yet. They are served by the configuration that they came to, and what holds
// for all others holds for them: a change of the token (invariant 4) and their
// count (5).
func TestRequestsThatAReloadOvertakes(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, map[string]string{"TOKENS": "cache_ttl 1h\n\t\tflush_interval 1h", "REST": "test_pause"})
	for _, kind := range []string{"full", "revoked"} { // so they are in the cache of the first runtime
		g.ask("GET", "/x", g.bearer(kind))
	}
	for i, test := range []struct {
		kind    string
		disable bool
		same    bool // the settings
		status  int
	}{{"full", false, true, 200}, {"full", false, false, 200}, {"readonly", false, false, 200}, {"full", true, false, 401}} {
		got := g.askBeside("GET", "/paused", g.bearer(test.kind))
		untilPaused(t, got)
		if !test.same {
			g.words["TOKENS"] = fmt.Sprintf("cache_ttl %dm\n\t\tflush_interval 1h", 10+i)
		}
		g.mustLoad(articlesSite)
		if test.disable {
			if _, err := g.manage().SetEnabled(context.Background(), operator, g.tokens[test.kind].id, 0, false); err != nil {
				t.Fatal(err)
			}
		}
		resume <- true
		if a := <-got; a.status != test.status {
			t.Errorf("%d: got %v; want %d", i, a, test.status)
		}
		eventually(t, "the old runtime is released", func() bool { return runtimeCount() == 1 })
		if refs, _ := runtimes.References(g.runtime().settings); refs != 1 {
			t.Errorf("%d: %d references to the runtime; want 1", i, refs)
		}
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the runtime is released", func() bool { return runtimeCount() == 0 })
	if stored := g.stored(); stored != 4 {
		t.Errorf("the store knows of %d uses; want 4", stored)
	}
}
