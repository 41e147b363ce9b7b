package caddymodule

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A preflight has no token, and there are GraphQL servers that run what is in its query:
// FastCGI backends, which get the original URL, get none either.
func TestFastCGIGetsNoQueryOfPreflights(t *testing.T) {
	php := startFastCGI(t, func(r *http.Request) string { return r.URL.RequestURI() }) // from REQUEST_URI
	g := newArticles(t, startBackend(t, ""), map[string]string{
		"MORE": "graphql /index.php",
		"REST": "handle /index.php {\n\t\troot DIR\n\t\tphp_fastcgi " + php.addr + "\n\t}",
	})
	if err := os.WriteFile(filepath.Join(g.dir, "index.php"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	preflight := []string{"Origin: https://x.test", "Access-Control-Request-Method: POST"}
	for _, query := range []string{"?query=mutation%7Bx%7D", "?"} {
		if a := g.ask("OPTIONS", "/index.php"+query, preflight...); a.status != 200 {
			t.Fatal(query, a)
		}
	}
	if seen := php.seen(); !slices.Equal(seen, []string{"/index.php", "/index.php"}) {
		t.Errorf("the backend got %q", seen)
	}
}
