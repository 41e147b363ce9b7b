package gate

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tokenreeve/tokenreeve/token"
)

// A proxy that sends a request to another server, because the first broke off, closed
// the body before: it must get an error then, never an empty body, which asks for
// something else than what was decided on.
func TestClosedBodiesAreNotEmptyOnes(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("custom", token.Custom, "record.*", "article.create"))
	g := newGate(t, store, hostileSources(t), newCatalog(t,
		newPermission(t, "record.view", "", "GET /records json:app={app}"),
		newPermission(t, "article.create", "", "POST /articles"),
	))
	graphQL := graphQLGate(t, nil)
	for _, x := range []struct {
		gate                     *Gate
		method, path, kind, body string
	}{
		{g, "GET", "/records", "application/json", `{"app": 7}`},
		{g, "POST", "/articles", "application/x-www-form-urlencoded", "title=x"},
		{g, "POST", "/articles", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n"},
		{graphQL, "POST", "/graphql", "application/json", `{"query":"{ articles }"}`},
	} {
		for _, most := range []int64{0, 3, 1000} {
			r := httptest.NewRequestWithContext(t.Context(), x.method, x.path, iotest.OneByteReader(strings.NewReader(x.body)))
			r.ContentLength = -1
			r.Header.Set("Authorization", "Bearer "+mint(0))
			r.Header.Set("Content-Type", x.kind)
			d := x.gate.Check(r)
			if d.ReadBody == nil {
				t.Fatalf("%s %s: the body is not read: %s %v", x.method, x.path, d.Reason, d.Err)
			}
			d.ReadBody(r)
			if d = x.gate.Resume(r, d); d.Reason != Allow {
				t.Fatalf("%s %s: %s %v", x.method, x.path, d.Reason, d.Err)
			}
			if _, err := io.CopyN(io.Discard, r.Body, min(most, int64(len(x.body)))); err != nil {
				t.Fatal(err)
			}
			if err := r.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(r.Body); !errors.Is(err, http.ErrBodyReadAfterClose) || len(text) > 0 {
				t.Errorf("%s %s %s: a closed body gives %q, %v", x.method, x.path, x.kind, text, err)
			}
		}
	}
}
