package caddymodule

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Browsers know no ports in cookies, so a session of the pages comes to every API of
// their host.
func TestPageCookiesAreRemoved(t *testing.T) {
	for _, test := range []struct{ sent, left []string }{
		{[]string{"a=1; b=2"}, []string{"a=1; b=2"}},
		{[]string{"tokenreeve=trs_x"}, nil},
		{[]string{"__Host-tokenreeve=trs_x"}, nil},
		{[]string{"tokenreeve-oidc=x; __Host-tokenreeve-oidc=x"}, nil},
		{[]string{"tokenreeve=x; a=1; b=2"}, []string{"a=1; b=2"}},
		{[]string{"a=1; tokenreeve=x; b=2"}, []string{"a=1; b=2"}},
		{[]string{"a=1; b=2; tokenreeve=x"}, []string{"a=1; b=2"}},
		{[]string{"tokenreeve=x; tokenreeve=y;a=\"1\";;  b = %20,c; __Host-tokenreeve=z"}, []string{"a=\"1\";;  b = %20,c"}},
		{[]string{" tokenreeve\t= x;tokenreeve"}, nil},
		{[]string{"a=1", "tokenreeve=x", "b=2; tokenreeve=x"}, []string{"a=1", "b=2"}},
		{[]string{"Tokenreeve=1; tokenreeve2=1; my-tokenreeve=1"}, []string{"Tokenreeve=1; tokenreeve2=1; my-tokenreeve=1"}},
		{[]string{"a=tokenreeve=1; __Host-a=1; tokenreeve-a=1"}, []string{"a=tokenreeve=1; __Host-a=1; tokenreeve-a=1"}},
	} {
		h := http.Header{"Cookie": slices.Clone(test.sent)}
		stripPageCookies(h)
		if _, there := h["Cookie"]; !slices.Equal(h["Cookie"], test.left) || there != (test.left != nil) {
			t.Errorf("of %q there are left %q, want %q", test.sent, h["Cookie"], test.left)
		}
	}
	for _, h := range []http.Header{{}, {"Cookie": {"a=1; b=2", "__Host-session=3"}}} {
		if n := testing.AllocsPerRun(100, func() { stripPageCookies(h) }); n != 0 {
			t.Errorf("%v: %v allocations", h, n)
		}
	}
}

// Nothing behind the gate gets them: no backend, no placeholder, and no error route.
func TestPageCookiesReachNobody(t *testing.T) {
	const cookies = "Cookie: a=1; tokenreeve=trs_12345678; __Host-tokenreeve=trs_12345678"
	b := startBackend(t, "")
	for name, test := range map[string]struct {
		site, request string
		headers       []string
		seen          string
	}{
		"let in":      {"api_tokens articles\n\theader >X-Seen `{http.request.cookie.tokenreeve}{http.request.header.Cookie}`\n\treverse_proxy BACKEND", "GET", []string{"full"}, "a=1"},
		"a preflight": {"api_tokens articles\n\treverse_proxy BACKEND", "OPTIONS", nil, ""},
		"a password": {
			"api_tokens articles {\n\t\tdialect kintone {\n\t\t\tpassword pass\n\t\t}\n\t}\n\treverse_proxy BACKEND", "GET",
			[]string{"X-Cybozu-Authorization: dTpw"},
			"",
		},
		"refused": {"api_tokens articles {\n\t\terrors caddy\n\t}\n\thandle_errors {\n\t\treverse_proxy BACKEND\n\t}", "GET", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, map[string]string{"BACKEND": b.addr()})
			g.mustLoad("http://GATE {\n\tbind 127.0.0.1\n\t" + test.site + "\n}\n")
			headers := []string{cookies, "Origin: https://example.com", "Access-Control-Request-Method: GET"}
			for _, h := range test.headers {
				if h == "full" {
					h = g.bearer(h)
				}
				headers = append(headers, h)
			}
			a := g.ask(test.request, "/k/v1/app.json", headers...)
			if got := b.only(t); !slices.Equal(got.header("Cookie"), []string{"a=1"}) || strings.Contains(got.raw, "trs_") {
				t.Errorf("the backend got %q", got.raw)
			}
			if seen := a.header.Get("X-Seen"); seen != test.seen {
				t.Errorf("placeholders say %q, want %q", seen, test.seen)
			}
		})
	}
}

var proposedLines = regexp.MustCompile(`(?s)<code id="lines">(.*?)</code>`)

// Who follows the lines of the first visit keeps the management as it was, and has an
// API whose backend is of another origin and never sees a session.
func TestLinesOfFirstVisit(t *testing.T) {
	for _, host := range []string{"localhost", "127.0.0.1", ""} {
		t.Run(host, func(t *testing.T) {
			b := startBackend(t, "")
			g := newGateway(t, nil)
			port := anyHost(g.addr)
			g.addr = host + port
			if host == "" {
				g.addr = "127.0.0.1" + port
			}
			pages := "http://" + host + port + " {\n\tbind 127.0.0.1\n\tapi_tokens_admin\n}\n"
			g.mustLoad(pages)
			g.account("ann", "owner", adminPassword)
			ann := g.signIn("ann")
			found := proposedLines.FindStringSubmatch(g.ask("GET", "/apis", ann.headers...).body)
			if found == nil {
				t.Fatal("no lines")
			}
			lines := html.UnescapeString(found[1])

			// What it proposes need not be free here.
			proposed := regexp.MustCompile(`(?m)^http://([^\s:]+)(:\d+) \{$`).FindStringSubmatch(lines)
			if proposed == nil || proposed[2] == port || strings.Contains(lines, "api_tokens_admin") {
				t.Fatalf("it proposes\n%s", lines)
			}
			free := anyHost(freeAddress(t))
			g.mustLoad(pages + strings.NewReplacer(proposed[2]+" ", free+" ", "localhost:3000", b.addr()).Replace(lines) + "\n")

			g.ask("GET", "/api/v1/openapi.yaml", ann.headers...).want(t, http.StatusOK)
			ann.do("GET", "tokens", nil).want(t, http.StatusOK)
			g.anyone(g.bearer("full")).do("GET", "tokens", nil).refused(t, http.StatusUnauthorized, "invalid_token")
			if got := b.take(); len(got) > 0 {
				t.Errorf("the backend got %v", got)
			}
			g.addr = proposed[1] + free
			for _, target := range []string{"/api/articles", "/api/v1/tokens", "/"} {
				if a := g.ask("GET", target, append([]string{g.bearer("full")}, ann.headers...)...); a.status != http.StatusOK || a.body != "backend" {
					t.Fatal(a)
				}
				if got := b.only(t); len(got.header("Cookie")) > 0 || strings.Contains(got.raw, "trs_") {
					t.Errorf("the backend got %q", got.raw)
				}
			}
			if a := g.ask("GET", "/api/articles", ann.headers...); a.status != http.StatusUnauthorized {
				t.Error(fmt.Sprint("without a token: ", a))
			}
		})
	}
}
