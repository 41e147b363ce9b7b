package caddymodule

import (
	"fmt"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestPlaceholders(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), map[string]string{
		"REST": "header >X-Who `{http.auth.user.id} {http.auth.user.name} {http.auth.user.type} {http.auth.user.owner} {http.auth.user.api}`\n" +
			"\theader >X-Candidate {http.auth.candidate.id}\n\tlog {\n\t\toutput file DIR/access.log\n\t}",
	})
	for name, test := range map[string]struct {
		kind, target string
		who          bool
		candidate    bool
	}{
		"allowed":        {"full", "/x", true, false},
		"not permitted":  {"custom", "/x", true, false},
		"disabled":       {"revoked", "/x", false, true},
		"expired":        {"expired", "/api/articles/1", false, true},
		"of another API": {"other", "/x", false, true},
		"unknown":        {"unknown", "/x", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			tok := g.tokens[test.kind]
			a := g.ask("GET", test.target, g.bearer(test.kind))
			who, candidate := placeholderText(a, "X-Who"), placeholderText(a, "X-Candidate")
			if want := map[bool]string{true: tok.id}[test.who]; !strings.HasPrefix(who, want) || want == "" && who != "" {
				t.Errorf("user %q; want %q", who, want)
			}
			if test.kind == "full" && who != tok.id+" full full-access Zoë articles" {
				t.Errorf("user %q", who)
			}
			if want := map[bool]string{true: tok.id}[test.candidate]; candidate != want {
				t.Errorf("candidate %q; want %q", candidate, want)
			}
		})
	}
	eventually(t, "the access log names the token", func() bool {
		text, err := os.ReadFile(filepath.Join(g.dir, "access.log"))
		return err == nil && strings.Contains(string(text), `"user_id":"`+g.tokens["full"].id+`"`)
	})
}

// placeholderText returns a header made of placeholders, "" if those are not set.
func placeholderText(a answer, header string) string {
	if text := a.header.Get(header); !strings.HasPrefix(text, "{") {
		return text
	}
	return ""
}

// The backend can't undo what keeps a URL with a token private.
func TestQueryTokensArePrivate(t *testing.T) {
	b := startBackend(t, "Cache-Control: public, max-age=3600\r\nReferrer-Policy: unsafe-url\r\n")
	g := newArticles(t, b, nil)
	a := g.ask("GET", "/x?api_token="+g.tokens["full"].secret)
	if a.status != 200 || fmt.Sprint(a.header.Values("Cache-Control"), a.header.Values("Referrer-Policy")) != "[private, no-store] [no-referrer]" {
		t.Errorf("with a token in the query: %v", a)
	}
}

// A cache in front of the gate knows no tokens but Authorization, and believes a
// backend that knows none at all: it kept the answer to a request with X-API-Key
// and gave it to strangers (nginx's proxy_cache; RFC 9111, section 3.5).
func TestAnswersToTokensAreForNoSharedCache(t *testing.T) {
	b := startBackend(t, "Cache-Control: public, max-age=3600\r\nReferrer-Policy: unsafe-url\r\n")
	g := newGateway(t, map[string]string{"BACKEND": b.addr()})
	g.mustLoad(`http://GATE {
	bind 127.0.0.1
	header /own Cache-Control no-cache
	api_tokens articles
	reverse_proxy BACKEND
}
`)
	for _, test := range []struct{ path, with, want string }{
		{"/x", g.bearer("full"), "[private public, max-age=3600]"},
		{"/x", "X-API-Key: " + g.tokens["full"].secret, "[private public, max-age=3600]"},
		{"/own", g.bearer("full"), "[no-cache private public, max-age=3600]"},
	} {
		a := g.ask("GET", test.path, test.with)
		if got := fmt.Sprint(a.header.Values("Cache-Control")); a.status != 200 || got != test.want || a.header.Get("Referrer-Policy") != "unsafe-url" {
			t.Errorf("%s: %d, Cache-Control %s; want %s", test.path, a.status, got, test.want)
		}
	}
	preflight := g.ask("OPTIONS", "/x", "Origin: https://app.example.com", "Access-Control-Request-Method: GET")
	if got := fmt.Sprint(preflight.header.Values("Cache-Control")); preflight.status != 200 || got != "[public, max-age=3600]" {
		t.Errorf("a preflight, which has no token: %d, Cache-Control %s", preflight.status, got)
	}
}

// fastCGI is a FastCGI backend that notes something of each request.
type fastCGI struct {
	addr string
	mu   sync.Mutex
	got  []string
}

func startFastCGI(t *testing.T, note func(*http.Request) string) *fastCGI {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f := &fastCGI{addr: l.Addr().String()}
	go fcgi.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.got = append(f.got, note(r))
	}))
	return f
}

// seen returns the notes so far.
func (f *fastCGI) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// Caddy keeps the original URL and shows it to FastCGI backends, placeholders
// and debug logs (invariants 3 and 6).
func TestQueryTokenIsGoneEverywhere(t *testing.T) {
	php := startFastCGI(t, func(r *http.Request) string {
		return fmt.Sprint(r.RequestURI, r.URL, r.Header, fcgi.ProcessEnv(r))
	})
	b := startBackend(t, "")
	g := newArticles(t, b, map[string]string{
		"REST": "rewrite /php/a/* /php/b?{query}&more\n\theader >X-Original `{http.request.orig_uri} {http.request.uri}`\n" +
			"\thandle /php/* {\n\t\troot DIR\n\t\tphp_fastcgi " + php.addr + "\n\t}",
	})
	if err := os.WriteFile(filepath.Join(g.dir, "index.php"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	secret := g.tokens["full"].secret
	for _, query := range []string{"api_token=" + secret, "a=1&api%5Ftoken=" + secret + "&b;c", "%61pi_token=" + secret + "&a"} {
		for _, path := range []string{"/php/x", "/php/a/1", "/plain"} {
			a := g.ask("GET", path+"?"+query)
			if a.status != 200 {
				t.Fatal(a)
			}
			if findSecret(fmt.Sprint(a), g.tokens) != "" {
				t.Errorf("%s: placeholders show the token: %v", path, a)
			}
		}
	}
	for _, r := range b.take() {
		if findSecret(r.raw, g.tokens) != "" {
			t.Errorf("the backend got %q", r.raw)
		}
	}
	seen := php.seen()
	if len(seen) != 6 {
		t.Errorf("the FastCGI backend got %d requests; want 6", len(seen))
	}
	for _, s := range seen {
		if findSecret(s, g.tokens) != "" || !strings.Contains(s, "/php/") {
			t.Errorf("the FastCGI backend got %s", s)
		}
	}
	log := g.log()
	if !strings.Contains(log, "http.handlers.reverse_proxy") {
		t.Error("reverse_proxy logged nothing, so this shows nothing")
	}
	for line := range strings.SplitSeq(log, "\n") {
		if strings.Contains(line, `"uri":"/php/b?`) && strings.Contains(line, `"logger":"http.handlers.rewrite"`) {
			continue // the rewrite in front of the gate, which the gate can't know of
		}
		if kind := findSecret(line, g.tokens); kind != "" {
			t.Errorf("the debug log holds the secret of %s: %s", kind, line)
		}
	}
}

func TestPreflights(t *testing.T) {
	b := startBackend(t, "")
	preflight := []string{"Origin: https://x.test", "Access-Control-Request-Method: DELETE", "X-Token-Id: admin", "X_Token_Id: admin"}
	for word, want := range map[string]int{"": 200, "preflight pass": 200, "preflight check": 401} {
		t.Run(word, func(t *testing.T) {
			g := newArticles(t, b, map[string]string{"MORE": word})
			if a := g.ask("OPTIONS", "/x", preflight...); a.status != want {
				t.Errorf("got %v; want %d", a, want)
			}
			for _, r := range b.take() {
				if strings.Contains(r.raw, "admin") || strings.Contains(r.raw, "Token") {
					t.Errorf("the backend got %q", r.raw)
				}
			}
			for name, ask := range map[string]func() answer{
				"not OPTIONS":      func() answer { return g.ask("GET", "/x", preflight...) },
				"no origin":        func() answer { return g.ask("OPTIONS", "/x", preflight[1]) },
				"no method":        func() answer { return g.ask("OPTIONS", "/x", preflight[0]) },
				"an upgrade":       func() answer { return g.ask("OPTIONS", "/x", append(preflight, "Upgrade: websocket")...) },
				"an ambiguous one": func() answer { return g.ask("OPTIONS", "/x//y", preflight...) },
			} {
				if a := ask(); a.status != 401 && a.status != 400 {
					t.Errorf("%s: got %v", name, a)
				}
			}
			if got := b.take(); len(got) > 0 {
				t.Errorf("the backend got %q", got[0].raw)
			}
		})
	}
}

// Invariant 6, whatever the identity headers are called.
func TestIdentityHeaders(t *testing.T) {
	b := startBackend(t, "")
	for word, prefix := range map[string]string{"": "X-Token-", "identity X-Who-": "X-Who-", "identity off": ""} {
		t.Run(word, func(t *testing.T) {
			g := newArticles(t, b, map[string]string{"MORE": word})
			g.ask("GET", "/x", g.bearer("full"), "X-Token-Id: admin", "X_Token_Type: admin", "X.Token.Owner: admin", "X-Who-Id: "+map[bool]string{true: "admin", false: "me"}[prefix == "X-Who-"])
			got := b.only(t)
			if strings.Contains(got.raw, "admin") {
				t.Errorf("the client's own reached the backend: %q", got.raw)
			}
			for name, want := range map[string]string{"Id": g.tokens["full"].id, "Name": "full", "Type": "full-access", "Owner": "Zo%C3%AB"} {
				for _, p := range []string{"X-Token-", "X-Who-"} {
					values := got.header(p + name)
					if p == prefix && (len(values) != 1 || values[0] != want) || p == "X-Token-" && p != prefix && len(values) > 0 {
						t.Errorf("%s%s: %q", p, name, values)
					}
				}
			}
		})
	}
}
