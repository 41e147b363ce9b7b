package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
)

// Invariant 7: a known token costs next to no memory up to the next handler. The
// headers of many requests share one allocation, which rounds down to none; so
// does the place that Caddy's replacer needs for the placeholders.
func TestKnownTokenAllocatesNothing(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), nil)
	h := &Handler{API: "articles", logger: zap.NewNop()}
	if err := h.setDefaults(); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.sources, err = gate.NewSources(h.Sources, h.MaxTokens); err != nil {
		t.Fatal(err)
	}
	if h.catalog, err = permission.NewCatalog(nil); err != nil {
		t.Fatal(err)
	}
	h.forwarder = gate.NewForwarder(h.sources, h.IdentityHeaders, nil)
	h.opened.Store(h.open(g.runtime()))

	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/api/articles", nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "192.0.2.1") // as Caddy's server does
	secret := []string{"Bearer " + g.tokens["full"].secret}
	serve := func() {
		r.Header["Authorization"] = secret
		delete(w.Header(), "Cache-Control")
		if err := h.ServeHTTP(w, r, next); err != nil || r.Header["Authorization"] != nil {
			t.Fatalf("the request did not pass: %v", err)
		}
	}
	serve() // looks the token up
	least := testing.AllocsPerRun(1000, serve)
	for range 9 { // what the gateway does beside it counts too, now and then
		least = min(least, testing.AllocsPerRun(1000, serve))
	}
	if least > 0 {
		t.Errorf("a request costs %v allocations", least)
	}
}
