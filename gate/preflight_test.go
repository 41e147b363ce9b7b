package gate

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/token"
)

// Over HTTP/3 a preflight has no length, so it can't be told from a request with
// a body. It passes, and whatever comes behind it stays behind.
func TestPreflightOverHTTP3CarriesNothing(t *testing.T) {
	g := newGate(t, newMemoryStore(), hostileSources(t), articles(t))
	r := mustParse(t, "/api/articles", "Origin: https://app.example", "Access-Control-Request-Method: POST")
	r.Method, r.ProtoMajor, r.ContentLength = http.MethodOptions, 3, -1
	r.Body = io.NopCloser(strings.NewReader("stowaway"))
	d := g.Check(r)
	if d.Reason != Preflight {
		t.Fatalf("a preflight is %s", d.Reason)
	}
	NewForwarder(g.Sources, DefaultIdentityPrefix, nil).Forward(r, d.Tokens, false, new(Values))
	if body, err := io.ReadAll(r.Body); len(body) > 0 || err != nil || r.ContentLength != 0 {
		t.Errorf("%q goes along, length %d, %v", body, r.ContentLength, err)
	}
	r.ProtoMajor, r.ContentLength = 1, -1 // chunked: there is a body
	if d := g.Check(r); d.Reason != NoCredential {
		t.Errorf("over HTTP/1 with a body it is %s", d.Reason)
	}
}

// HTTP/2 lets a blank into the query, where it would end the request line of
// HTTP/1: two readers, two requests.
func TestBlankInTheQueryIsRefused(t *testing.T) {
	s := newMemoryStore()
	s.put(mint(1), newToken("a", token.FullAccess))
	g := newGate(t, s, hostileSources(t), articles(t))
	for _, query := range []string{"x HTTP/1.1", "a=1\tb", "a=\x7f", " "} {
		r := mustParse(t, "/api/articles", "Authorization: Bearer "+mint(1))
		r.URL.RawQuery = query
		if d := g.Check(r); d.Reason != AmbiguousRequest {
			t.Errorf("?%q is %s", query, d.Reason)
		}
	}
}
