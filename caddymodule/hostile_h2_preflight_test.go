package caddymodule

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// preflightTest is a request that is a CORS preflight, or nearly.
type preflightTest struct {
	name  string
	want  []string // outcomes
	field [][2]string
	method, path,
	data string
	trailers [][2]string
	once     bool // the request goes on before its data is known, or not at all, see orReset
}

// orReset are the outcomes of a preflight that ends with its header for the
// server, and has data for the client. The server resets the stream when the data
// comes: before the request went on, behind the answer, or between the header of the
// answer and its end. In no case does data go on, see what the backend got.
var orReset = []string{forward, "reset", "broken200"}

var preflightTests = []preflightTest{
	{name: "a preflight", want: []string{forward}},
	{name: "identity and overrides", want: []string{forward}, field: [][2]string{
		{"x-token-id", "forged"}, {"x_token_id", "forged"}, {"x-original-url", "/forged"}, {"referer", " https://x.test/?api_token=forged"},
	}},
	{name: "another method", want: []string{"reject400", "reject403", "reject401", forward}, field: [][2]string{{"x-http-method-override", " forged"}}},
	{name: "a credential", want: []string{forward}, field: [][2]string{{"authorization", " Bearer forged"}, {"x-cybozu-api-token", "forged"}}},
	{name: "a credential in the query", want: []string{forward}, path: "/api/articles?a=1&api_token=forged"},
	{name: "data", want: []string{"reject401"}, data: "forged"},
	{name: "data of a said length", want: []string{"reject401"}, data: "forged", field: [][2]string{{"content-length", "6"}}},
	{name: "data although there is none", want: orReset, data: "GET /forged HTTP/1.1\r\nHost: x\r\n\r\n", field: [][2]string{{"content-length", "0"}}, once: true},
	{name: "data of a length that is no number", want: orReset, data: "GET /forged HTTP/1.1\r\nHost: x\r\n\r\n", field: [][2]string{{"content-length", "x"}}, once: true},
	{name: "trailers", want: []string{"reject401"}, field: [][2]string{{"trailer", "x-token-id"}}, trailers: [][2]string{{"x-token-id", "forged"}}},
	{name: "a length without data", want: []string{forward, "reset", "reject401"}, field: [][2]string{{"content-length", "6"}}},
	{name: "a path with two readings", want: []string{"reject400"}, path: "/api/articles/../forged"},
	{name: "a blank in the query", want: []string{"reject400"}, path: "/api/articles?forged HTTP/1.1"},
	{name: "a blank behind the method", want: []string{"reject401", "reject400"}, method: "OPTIONS "},
	{name: "lower case", want: []string{"reject401"}, method: "options"},
	{name: "a method that is not asked about", want: []string{"reject401"}, method: "DELETE"},
	{name: "an upgrade", want: []string{"reject400"}, field: [][2]string{{"upgrade", "websocket"}}},
	{name: "a connection header", want: []string{"reject400"}, field: [][2]string{{"connection", "origin"}}},
}

// Preflights pass without a token, so they must carry nothing along.
func TestHostileHTTP2Preflights(t *testing.T) {
	_, sites := startH2(t, strings.Replace(hostileSite, "preflight check", "", 1), 1)
	passed, possible := 0, 0
	bothH2(t, func(t *testing.T, encrypted bool) {
		for _, test := range preflightTests {
			method, path := "OPTIONS", "/api/articles"
			if test.method != "" {
				method = test.method
			}
			if test.path != "" {
				path = test.path
			}
			r := requestH2(method, schemeOf(encrypted), path, "")
			r.fields = append(r.fields, [2]string{"origin", "https://app.test"}, [2]string{"access-control-request-method", "DELETE"})
			r.fields, r.trailers = append(r.fields, test.field...), test.trailers
			if test.data != "" {
				r.data = []string{test.data}
			}
			c := mustDialH2(t, sites[0].addr(encrypted), encrypted)
			id := c.send(r)
			if err := c.wait(id); err != nil {
				t.Fatal(err)
			}
			got, _ := c.outcome(id)
			if !slices.Contains(test.want, got) {
				t.Errorf("%s: %s; want one of %v", test.name, got, test.want)
			}
			if test.once {
				possible++
			} else if got == forward {
				passed++
			}
		}
	})
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	got := sites[0].backend.take()
	if len(got) < passed || len(got) > passed+possible {
		t.Errorf("the backend got %d requests; want %d, and %d at most", len(got), passed, passed+possible)
	}
	for _, r := range got {
		if !strings.HasPrefix(r.raw, "OPTIONS /api/articles") || r.body != "" || strings.Contains(strings.ToLower(r.raw), "forged") ||
			strings.Contains(strings.ToLower(r.head), "\nx-token-") || r.header("Transfer-Encoding") != nil {
			t.Errorf("the backend got %q", r.raw)
		}
	}
}
