package caddymodule

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// articlesSite is a gate with all kinds of sources in front of a backend.
const articlesSite = `http://GATE {
	bind 127.0.0.1
	api_tokens articles {
		from authorization Bearer
		from header X-API-Key
		from query api_token
		permission article.find {
			GET /api/articles
			GET /api/articles/{id}
		}
		permission article.create {
			POST /api/articles
		}
		MORE
	}
	reverse_proxy BACKEND
	REST
}
`

// newArticles starts a gateway with articlesSite. words fill in MORE, REST and TOKENS.
func newArticles(t *testing.T, b *backend, words map[string]string) *gateway {
	t.Helper()
	all := map[string]string{"BACKEND": b.addr(), "MORE": "", "REST": "", "TOKENS": "cache_ttl 1h"}
	maps.Copy(all, words)
	g := newGateway(t, all)
	g.mustLoad(articlesSite)
	return g
}

// corrupt makes the record of a token unreadable.
func (g *gateway) corrupt(kind string) {
	g.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(g.dir, "tokens.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		g.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE tokens SET type = 'mighty' WHERE id = ?`, g.tokens[kind].id); err != nil {
		g.t.Fatal(err)
	}
}

// Rule 9, and invariant 1: no failure of any part turns into an allow.
func TestRefusals(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, nil)
	g.corrupt("finder") // before anyone asks for it
	const (
		realm     = `Bearer realm="articles"`
		bad       = realm + `, error="invalid_token"`
		ambiguous = realm + `, error="invalid_request"`
		scope     = realm + `, error="insufficient_scope"`
	)
	for name, test := range map[string]struct {
		method, target string
		headers        []string
		status         int
		challenge      string
		code           string
		permission     string
		operation      string
	}{
		"none":              {"GET", "/api/articles", nil, 401, realm, "invalid_token", "", ""},
		"empty":             {"GET", "/api/articles", []string{"Authorization: Bearer"}, 401, realm, "invalid_token", "", ""},
		"malformed":         {"GET", "/api/articles", []string{"X-API-Key: x"}, 401, bad, "invalid_token", "", ""},
		"unknown":           {"GET", "/api/articles", []string{g.bearer("unknown")}, 401, bad, "invalid_token", "", ""},
		"disabled":          {"GET", "/api/articles", []string{g.bearer("revoked")}, 401, bad, "invalid_token", "", ""},
		"expired":           {"GET", "/api/articles/1", []string{g.bearer("expired")}, 401, bad, "invalid_token", "", ""},
		"of another API":    {"GET", "/api/articles", []string{g.bearer("other")}, 401, bad, "invalid_token", "", ""},
		"unreadable":        {"GET", "/api/articles", []string{g.bearer("finder")}, 401, bad, "invalid_token", "", ""},
		"two sources":       {"GET", "/api/articles", []string{g.bearer("full"), "X-API-Key: " + g.tokens["full"].secret}, 400, ambiguous, "ambiguous_credential", "", ""},
		"ambiguous path":    {"GET", "/api//articles", []string{g.bearer("full")}, 400, ambiguous, "ambiguous_request", "", ""},
		"no permission":     {"POST", "/api/articles", []string{g.bearer("custom")}, 403, scope + `, scope="article.create"`, "missing_permission", "article.create", ""},
		"in no permission":  {"DELETE", "/api/x", []string{g.bearer("custom")}, 403, scope, "missing_permission", "", "DELETE /api/x"},
		"read-only writes":  {"POST", "/api/articles", []string{g.bearer("readonly")}, 403, scope + `, scope="article.create"`, "missing_permission", "article.create", ""},
		"never this method": {"TRACE", "/api/articles", []string{g.bearer("full")}, 403, "", "refused_method", "", ""},
		"another method":    {"GET", "/api/articles?_method=DELETE", []string{g.bearer("readonly")}, 403, "", "method_override", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.ask(test.method, test.target, test.headers...)
			var p problem
			if err := json.Unmarshal([]byte(a.body), &p); err != nil {
				t.Fatalf("%v: %q", err, a.body)
			}
			if a.status != test.status || p.Status != test.status || p.Code != test.code || p.Title != http.StatusText(test.status) || p.Detail == "" {
				t.Errorf("got %d %+v; want %d %s", a.status, p, test.status, test.code)
			}
			if p.Permission != test.permission || p.Operation != test.operation {
				t.Errorf("names permission %q and operation %q", p.Permission, p.Operation)
			}
			for header, want := range map[string]string{
				"WWW-Authenticate": test.challenge, "Content-Type": "application/problem+json", "Cache-Control": "private, no-store", "Retry-After": "",
			} {
				if got := strings.Join(a.header.Values(header), "|"); got != want {
					t.Errorf("%s: %q; want %q", header, got, want)
				}
			}
			if findSecret(a.body, g.tokens) != "" {
				t.Errorf("the answer holds a secret: %s", a.body)
			}
		})
	}
	if got := b.take(); len(got) > 0 {
		t.Errorf("the backend got %q", got[0].raw)
	}
	log := g.log()
	if kind := findSecret(log, g.tokens); kind != "" {
		t.Errorf("the log holds the secret of %s", kind)
	}
	for _, want := range []string{`"reason":"expired_token"`, `"reason":"unreadable_token"`, `"token":"` + g.tokens["revoked"].id + `"`, `"permission":"article.create"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no line with %s", want)
		}
	}
}

// What a stranger has in hand is not for them to learn: all that is wrong with a
// token itself, even that there is none, gets the same body.
func TestRefusalsOfTokensLookTheSame(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), nil)
	want := g.ask("GET", "/api/articles").body
	for _, kind := range []string{"unknown", "revoked", "expired", "other"} {
		for _, from := range []string{"Authorization: Bearer ", "X-API-Key: "} {
			if a := g.ask("GET", "/api/articles", from+g.tokens[kind].secret); a.body != want || a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s; want %s", kind, a.status, a.body, want)
			}
		}
	}
	a := g.ask("GET", "/api/articles?api_token="+g.tokens["revoked"].secret)
	if a.header.Get("Referrer-Policy") != "no-referrer" || a.header.Get("Cache-Control") != "private, no-store" || a.body != want {
		t.Errorf("with a token in the query: %v", a)
	}
}

// Invariant 1: with the store away, known tokens go on for as long as the
// settings say, all others get 503: neither let in nor told that they are bad.
func TestStoreAway(t *testing.T) {
	b := startBackend(t, "")
	for name, test := range map[string]struct {
		tokens string
		known  int
	}{
		"known tokens go on":      {"cache_ttl 100ms\n\t\tstale_if_error 1h", 200},
		"known tokens stop later": {"cache_ttl 100ms\n\t\tstale_if_error 0s", 503},
	} {
		t.Run(name, func(t *testing.T) {
			g := newArticles(t, b, map[string]string{"TOKENS": test.tokens})
			full, readonly := g.bearer("full"), g.bearer("readonly")
			db := filepath.Join(g.dir, "tokens.db")
			losses := 0
			for again := true; again && losses < 10; {
				eventually(t, "a token is known", func() bool { return g.ask("GET", "/x", full).status == 200 })
				if err := os.Rename(db, db+".away"); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the loss is noticed", func() bool {
					return g.ask("GET", "/x", "Authorization: Bearer "+mint(t).Reveal()).status == 503
				})
				losses++
				// The news of the token's own making may have come late, and made it unknown.
				if again = test.known == 200 && g.ask("GET", "/x", full).status != 200; again {
					if err := os.Rename(db+".away", db); err != nil {
						t.Fatal(err)
					}
				}
			}
			a := g.ask("GET", "/x", readonly)
			if a.status != 503 || a.header.Get("Retry-After") == "" || a.header.Get("WWW-Authenticate") != "" || !strings.Contains(a.body, "store_unavailable") {
				t.Errorf("a token that is not known: %v", a)
			}
			eventually(t, "a known token", func() bool { return g.ask("GET", "/x", full).status == test.known })
			for range 20 {
				if a := g.ask("GET", "/x", full); a.status != test.known {
					t.Errorf("a known token: %v", a)
				}
			}
			if g.metric("tokenreeve_store_up") != 0 {
				t.Error("the metric says that the store is up")
			}
			if err := os.Rename(db+".away", db); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the store is back", func() bool { return g.ask("GET", "/x", readonly).status == 200 })
			if g.metric("tokenreeve_store_up") != 1 {
				t.Error("the metric says that the store is down")
			}
			if n := strings.Count(g.log(), "the token store is unavailable"); n != losses {
				t.Errorf("%d log lines about the store; want %d", n, losses)
			}
		})
	}
}

// Invariants 3 and 6: an error route may forward the request, so it must be as
// harmless as one that passed. What it can say of a bad token is one and the same.
func TestErrorsCaddy(t *testing.T) {
	b, errorBackend := startBackend(t, ""), startBackend(t, "")
	g := newArticles(t, b, map[string]string{
		"MORE": "errors caddy",
		"REST": "handle_errors {\n\t\t@plain header X-Plain *\n\t\trespond @plain `{err.status_code} {err.message}`\n\t\treverse_proxy " + errorBackend.addr() + "\n\t}",
	})
	for kind, says := range map[string]string{
		"revoked": "401 api_tokens: invalid_token", "unknown": "401 api_tokens: invalid_token",
		"other": "401 api_tokens: invalid_token", "custom": "403 api_tokens: missing_permission",
	} {
		secret := g.tokens[kind].secret
		for _, where := range []struct {
			target  string
			headers []string
		}{
			{"/deny?a=1", []string{"Authorization: Bearer " + secret}},
			{"/deny?a=1", []string{"X-API-Key: " + secret}},
			{"/deny?a=1&api_token=" + secret, nil},
			{"/deny?a=1&API%5Ftoken[]=" + secret, []string{"X-API-Key: " + secret}},
		} {
			headers := append(where.headers, "X-Token-Id: admin", "X_Token_Name: admin", "X-Original-URL: /admin")
			a := g.ask("GET", where.target, headers...)
			got := errorBackend.only(t)
			if findSecret(got.raw, g.tokens) != "" || strings.Contains(got.raw, "admin") || got.target() != "/deny?a=1" {
				t.Errorf("%s: the error route's backend got %q", kind, got.raw)
			}
			if a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no challenge", kind)
			}
			if a := g.ask("GET", where.target, append(headers, "X-Plain: 1")...); fmt.Sprint(a.status) != says[:3] || a.body != says {
				t.Errorf("%s: the error route says %d %q; want %s", kind, a.status, a.body, says)
			}
		}
	}
	if got := b.take(); len(got) > 0 {
		t.Errorf("the backend got %q", got[0].raw)
	}
}

// Also when the backend of an allowed request is down, the error route gets a
// request without the credential.
func TestErrorRouteBehindADeadBackend(t *testing.T) {
	dead, errorBackend := startBackend(t, ""), startBackend(t, "")
	g := newArticles(t, dead, map[string]string{
		"REST": "@rewritten header X-Rewritten *\n\turi @rewritten query -api_token\n\thandle_errors {\n\t\treverse_proxy " + errorBackend.addr() + "\n\t}",
	})
	dead.listener.Close()
	query := "/x?api_token=" + g.tokens["full"].secret + "&a"
	for _, test := range []struct {
		target  string
		headers []string
	}{
		{query, nil},
		{"/x?a", []string{g.bearer("full")}},
		// A rewrite in front of the gate took it out, Caddy keeps the original.
		{query, []string{g.bearer("full"), "X-Rewritten: yes"}},
	} {
		g.ask("GET", test.target, test.headers...)
		if got := errorBackend.only(t); findSecret(got.raw, g.tokens) != "" || got.target() != "/x?a" {
			t.Errorf("the error route's backend got %q", got.raw)
		}
	}
}
