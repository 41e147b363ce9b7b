package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/gate"
)

// Cleanup waits for a request that is being decided on: its use must reach a
// recorder that still writes.
func TestCleanupWaitsForRequestsInside(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), nil)
	app, err := caddy.ActiveContext().AppIfConfigured("api_tokens")
	if err != nil {
		t.Fatal(err)
	}
	h := app.(*App).handlers[0]
	opened := h.opened.Load()
	opened.inside.Add(1) // a request that has just been let in
	done := make(chan error)
	go func() {
		g.words["TOKENS"] = "cache_ttl 30m"
		done <- g.load(articlesSite)
	}()
	eventually(t, "the old gate is closed", func() bool { return h.opened.Load() == nil })
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	r.Header.Set("Authorization", "Bearer "+g.tokens["full"].secret)
	if d := opened.decide(r, (*gate.Gate).Check); !d.Reason.Allows() {
		t.Errorf("%s: %v", d.Reason, d.Err)
	}
	opened.inside.Add(-1)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := g.stored(); n != 1 {
		t.Errorf("the store knows of %d uses; 1 was let through", n)
	}
}

// A request that a reload overtakes takes the runtime for its decision, not for
// as long as its answer streams: that would keep a stop from writing last uses.
func TestOvertakenStreamHoldsNoRuntime(t *testing.T) {
	streaming, end := make(chan bool), make(chan bool)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/paused" {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			streaming <- true
			<-end
		}
	}))
	defer backend.Close()
	g := newArticles(t, startBackend(t, ""), map[string]string{"BACKEND": backend.Listener.Addr().String(), "REST": "test_pause"})
	got := g.askBeside("GET", "/paused", g.bearer("full"))
	untilPaused(t, got)
	g.mustLoad(articlesSite) // the same settings
	resume <- true
	<-streaming
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := runtimeCount(); n != 0 {
		t.Errorf("after the stop %d runtimes are left", n)
	}
	close(end)
	<-got
}

// A catalog that this version can't read, such as one of a newer gateway, is for
// its own API to feel (rule 16).
func TestUnreadableCatalogStopsNobodyElse(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), nil)
	execute(t, filepath.Join(g.dir, "tokens.db"), `INSERT INTO catalogs (api, permissions, updated) VALUES ('other', '[{"name":"a.b","operations":["query articles"]}]', 0)`)
	if err := g.load(articlesSite); err != nil {
		t.Errorf("a reload: %v", err)
	}
	if _, err := g.manage().Find(t.Context(), operator, "articles", "full"); err != nil {
		t.Errorf("finding a token of another API: %v", err)
	}
}
