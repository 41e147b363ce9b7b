package caddymodule

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a route opens goes on byte for byte, for who may do every reading of it.
func TestOpenings(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, map[string]string{
		"MORE": "open encoded_slash /api/articles/* /files/*\n\t\topen semicolon /files/*\n\t\topen method_override /files/*",
	})
	for _, test := range []struct {
		kind, method, target string
		header               []string
		want                 int
	}{
		{"full", "GET", "/files/a%2Fb%20c", nil, 200},
		{"full", "GET", "/files/https:%2f%2fx", nil, 200},
		{"full", "GET", "/files/app;jsessionid=1/view", nil, 200},
		{"full", "GET", "/files/a%2F..%2Fb", nil, 400},
		{"full", "GET", "/files/..;/api", nil, 400},
		{"full", "GET", "/other/a%2Fb", nil, 400},
		{"full", "GET", "/api/articles/1;x", nil, 400},
		{"custom", "GET", "/api/articles/1", nil, 200},
		{"custom", "GET", "/api/articles/a%2Fb", nil, 403}, // two segments for who decodes it first
		{"full", "POST", "/files/x", []string{"X-HTTP-Method-Override: GET"}, 200},
		{"readonly", "GET", "/files/x", []string{"X-HTTP-Method-Override: HEAD"}, 200},
		{"readonly", "GET", "/files/x", []string{"X-HTTP-Method-Override: DELETE"}, 403},
	} {
		a := g.ask(test.method, test.target, append(test.header, g.bearer(test.kind))...)
		if a.status != test.want {
			t.Errorf("%s, %s %s %v: %v; want %d", test.kind, test.method, test.target, test.header, a, test.want)
		}
		if got := b.take(); test.want == 200 {
			if len(got) != 1 || got[0].line() != test.method+" "+test.target+" HTTP/1.1" {
				t.Errorf("%s: the backend got %q", test.target, got)
			} else if value := got[0].header("X-HTTP-Method-Override"); len(value) != len(test.header) {
				t.Errorf("%s: the override arrived as %q", test.target, value)
			}
		}
	}
}

// A form that names another method is refused; if it does so late, the backend
// never has the whole of it. Others arrive as they were sent.
func TestForms(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, map[string]string{"MORE": "permission form.send read {\n\t\t\tPOST /form\n\t\t}"})
	long := "text=" + strings.Repeat("x", 1<<20)
	for _, test := range []struct {
		kind, body string
		want       int
	}{
		{"readonly", "a=1&b=%20+&c", 200},
		{"readonly", long, 200},
		{"readonly", "a=1&_method=DELETE", 403},
		{"full", "a=1&_method=DELETE", 200},
		{"readonly", long + "&_method=DELETE", 403},
	} {
		for _, chunked := range []bool{false, true} {
			status := sendForm(t, g, test.kind, test.body, chunked)
			if status != test.want {
				t.Errorf("%s, %.30q, chunked %v: %d; want %d", test.kind, test.body, chunked, status, test.want)
			}
			got := b.take()
			if test.want != 200 {
				if len(got) > 0 {
					t.Errorf("%.30q, chunked %v: the backend got all of it", test.body, chunked)
				}
				continue
			}
			if len(got) != 1 || !chunked && got[0].body != test.body {
				t.Errorf("%.30q, chunked %v: the backend got %d requests, %.60q", test.body, chunked, len(got), got)
			}
		}
	}
	for _, partial := range b.takePartial() {
		if strings.Contains(partial, "_method") {
			t.Error("the backend got the field before the request broke off")
		}
	}
}

func sendForm(t *testing.T, g *gateway, kind, body string, chunked bool) int {
	t.Helper()
	var reader io.Reader = bytes.NewReader([]byte(body))
	if chunked {
		reader = io.MultiReader(reader) // hides its length
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+g.addr+"/form", reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+g.tokens[kind].secret)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// Behind a rewrite, FastCGI backends get the original URL, which nobody has
// checked. It must not have more readings than the one that was.
func TestFastCGIGetsNoPathWithTwoReadings(t *testing.T) {
	php := startFastCGI(t, func(r *http.Request) string { return r.URL.RequestURI() }) // from REQUEST_URI
	g := newArticles(t, startBackend(t, ""), map[string]string{
		"REST": "rewrite /php/* /index.php?{query}\n\thandle /index.php {\n\t\troot DIR\n\t\tphp_fastcgi " + php.addr + "\n\t}",
	})
	if err := os.WriteFile(filepath.Join(g.dir, "index.php"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/php/a?x=1", "/php/a/..;/admin", "/php/a;x/b?x=1&y", "/php//admin", "/php/%2fadmin"} {
		if a := g.ask("GET", target, g.bearer("full")); a.status != 200 {
			t.Fatal(target, a)
		}
	}
	seen := php.seen()
	want := []string{"/php/a?x=1", "/index.php", "/index.php?x=1&y", "/index.php", "/index.php"}
	if !slices.Equal(seen, want) {
		t.Errorf("the backend got %s; want %s", fmt.Sprintf("%q", seen), fmt.Sprintf("%q", want))
	}
}
