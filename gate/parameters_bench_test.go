package gate

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// What it costs that a value decides: in the path, in the query, in a JSON body. Operations
// without parameters are known, beside them.
func BenchmarkDecisionByValue(b *testing.B) {
	secret := mint(1)
	bearer := "Bearer " + secret
	catalog := newCatalog(b,
		newPermission(b, "page.view", "", "GET /page"),
		newPermission(b, "org.read", "", "GET /orgs/{org}/*"),
		newPermission(b, "record.view", "", "GET /record?app={app}"),
		newPermission(b, "record.add", permission.Unmarked, "POST /record json:app={app}"))
	lookup := oneToken(secret, newToken("ci", token.Custom, "page.view", "org.read org=acme", "record.view app=7", "record.add app=7"))
	for name, target := range map[string]string{"none": "/page", "path": "/orgs/acme/people/42", "query": "/record?app=7&id=42"} {
		b.Run(name, func(b *testing.B) {
			d := newDecision(b, lookup, 100_000, catalog)
			d.send("GET", target, bearer)
			d.run(b, Allow)
		})
	}
	for _, size := range []int{200, 16 << 10, 1 << 20} {
		b.Run(fmt.Sprint("json=", size), func(b *testing.B) {
			d := newDecision(b, lookup, 100_000, catalog)
			d.send("POST", "/record", bearer)
			d.request.Header.Set("Content-Type", jsonType)
			body := `{"app":7,"record":{"text":{"value":"` + strings.Repeat("x", size-len(`{"app":7,"record":{"text":{"value":""}}}`)) + `"}}}`
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				d.request.Body, d.request.ContentLength = io.NopCloser(strings.NewReader(body)), int64(size)
				decided := d.gate.Check(d.request)
				decided.ReadBody(d.request)
				if decided = d.gate.Resume(d.request, decided); decided.Reason != Allow {
					b.Fatal(decided.Reason)
				}
			}
		})
	}
}
