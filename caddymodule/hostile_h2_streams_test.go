package caddymodule

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// requestH2 is the usual request with a token as a bearer.
func requestH2(method, scheme, path, secret string, data ...string) h2request {
	fields := usual(method, scheme, "gw.example.test", path)
	if secret != "" {
		fields = append(fields, [2]string{"authorization", "Bearer " + secret})
	}
	return h2request{fields: fields, data: data}
}

// bothH2 runs a test over TLS and without.
func bothH2(t *testing.T, test func(t *testing.T, encrypted bool)) {
	t.Helper()
	for _, encrypted := range []bool{false, true} {
		t.Run(schemeOf(encrypted), func(t *testing.T) { test(t, encrypted) })
	}
}

// mustAnswer sends a request and reports another outcome than the wanted one.
func (h *h2conn) mustAnswer(t *testing.T, want string, r h2request) *h2answer {
	t.Helper()
	id := h.send(r)
	if err := h.wait(id); err != nil {
		t.Fatal(err)
	}
	if got, _ := h.outcome(id); got != want {
		t.Errorf("%q got %s; want %s", r.fields, got, want)
	}
	return h.answers[id]
}

// A hundred requests at once on one connection: all header blocks first, then the
// bodies in reverse, so that all of them are under way together. Each must be
// decided on, and go on, as its own token's.
func TestHTTP2StreamsKeepTheirTokens(t *testing.T) {
	const streams = 100
	g := newH2(t)
	s, err := sqlite.Open(t.Context(), filepath.Join(g.dir, "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var tokens []testToken
	for i := range streams {
		tokens = append(tokens, putToken(t, s, token.Token{Name: fmt.Sprint("t", i), Type: token.FullAccess, Enabled: i%10 != 3}))
	}
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, r.URL.Path, " ", r.Header["X-Token-Id"], " ", string(body), " ", err)
	}))
	t.Cleanup(echo.Close)
	site := g.loadH2(hostileSite, echo.Listener.Addr().String())[0]
	bothH2(t, func(t *testing.T, encrypted bool) {
		c := mustDialH2(t, site.addr(encrypted), encrypted)
		for round := range 2 { // the second finds the tokens in the cache, and in the table of the header blocks
			ids := make([]uint32, streams)
			for i := range ids {
				ids[i] = c.open()
				r := requestH2("POST", schemeOf(encrypted), fmt.Sprint("/", i), tokens[i].secret)
				c.sendHeaders(ids[i], c.encode(r.fields), 0, false)
			}
			for i := streams - 1; i >= 0; i-- {
				c.framer.WriteData(ids[i], true, fmt.Appendf(nil, "body %d", i))
			}
			if err := c.wait(ids...); err != nil || c.broken != "" {
				t.Fatal(err, c.broken)
			}
			for i, id := range ids {
				a := c.answers[id]
				want := fmt.Sprintf("/%d [%s] body %d <nil>", i, tokens[i].id, i)
				if i%10 == 3 {
					if a.status != http.StatusUnauthorized {
						t.Errorf("round %d: the disabled token %d got %d %s", round, i, a.status, a.body)
					}
				} else if a.body != want {
					t.Errorf("round %d: got %d %q; want %q", round, a.status, a.body, want)
				}
			}
		}
	})
}

// Both ends of a connection keep a table of header fields, so that a later
// request can name the token of an earlier one in one byte. It must be named.
func TestHTTP2HeaderTableLendsNoToken(t *testing.T) {
	g, sites := startH2(t, hostileSite, 1)
	secret := g.tokens["full"].secret
	bothH2(t, func(t *testing.T, encrypted bool) {
		scheme := schemeOf(encrypted)
		with, without := requestH2("GET", scheme, "/api/x", secret), requestH2("GET", scheme, "/api/x", "")
		c := mustDialH2(t, sites[0].addr(encrypted), encrypted)
		c.mustAnswer(t, "reject401", without)
		c.mustAnswer(t, forward, with)
		c.mustAnswer(t, "reject401", without)
		c.mustAnswer(t, "reject401", requestH2("GET", scheme, "/api/x", g.tokens["revoked"].secret))
		c.mustAnswer(t, "reject403", requestH2("DELETE", scheme, "/api/x", g.tokens["readonly"].secret))
		c.mustAnswer(t, forward, with)
		c.mustAnswer(t, "reject401", without)

		byIndex := c.encode(with.fields)
		if len(byIndex) > 20 {
			t.Fatalf("the request took %d bytes; it should be indexes into the table", len(byIndex))
		}
		other := mustDialH2(t, sites[0].addr(encrypted), encrypted)
		id := other.open()
		other.sendHeaders(id, byIndex, 0, true)
		if err := other.wait(id); err != nil {
			t.Fatal(err)
		}
		if got, _ := other.outcome(id); got != "goaway-COMPRESSION_ERROR" {
			t.Errorf("another connection's table: %s", got)
		}
		if got := sites[0].backend.take(); len(got) != 2 {
			t.Errorf("the backend got %d requests; want 2", len(got))
		}
	})
}

// What was refused on a connection, and how, says nothing about what follows.
func TestHTTP2RequestsAfterRefusals(t *testing.T) {
	g, sites := startH2(t, hostileSite, 1)
	full, readonly := g.tokens["full"].secret, g.tokens["readonly"].secret
	bothH2(t, func(t *testing.T, encrypted bool) {
		s := schemeOf(encrypted)
		malformed := requestH2("GET", s, "/a", full)
		malformed.fields = append(malformed.fields, [2]string{"X-Token-Id", "admin"})
		c := mustDialH2(t, sites[0].addr(encrypted), encrypted)
		for _, step := range []struct {
			want    string
			request h2request
		}{
			{"reject401", requestH2("POST", s, "/a", "", "body")},
			{forward, requestH2("POST", s, "/a", full, "body")},
			{"reject403", requestH2("POST", s, "/a", readonly, "body")},
			{"reset", malformed},
			{"reject401", requestH2("GET", s, "/a", "")},
			{"reject400", requestH2("GET", s, "/a/../b", full)},
			{forward, requestH2("GET", s, "/a", readonly)},
			{"reject401", requestH2("GET", s, "/a?b=", "")},
		} {
			c.mustAnswer(t, step.want, step.request)
		}
		if got := sites[0].backend.take(); len(got) != 2 {
			t.Errorf("the backend got %d requests; want 2", len(got))
		}
	})
}

// A client that takes its requests back at once. What reaches the backend all
// the same is whole and of its token, and the connection goes on.
func TestHTTP2ResetAtOnce(t *testing.T) {
	g, sites := startH2(t, hostileSite, 1)
	bothH2(t, func(t *testing.T, encrypted bool) {
		c := mustDialH2(t, sites[0].addr(encrypted), encrypted)
		for i := range 60 {
			kind := []string{"full", "readonly", "revoked"}[i%3]
			id := c.send(requestH2("GET", schemeOf(encrypted), "/reset/"+kind, g.tokens[kind].secret))
			c.framer.WriteRSTStream(id, 8) // CANCEL
		}
		c.mustAnswer(t, forward, requestH2("GET", schemeOf(encrypted), "/reset/full", g.tokens["full"].secret))
		c.mustAnswer(t, "reject401", requestH2("GET", schemeOf(encrypted), "/reset/none", ""))
	})
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, r := range sites[0].backend.take() {
		kind := strings.TrimPrefix(r.target(), "/reset/")
		if ids := r.header("X-Token-Id"); kind == "revoked" || len(ids) != 1 || ids[0] != g.tokens[kind].id || findSecret(r.raw, g.tokens) != "" {
			t.Errorf("the backend got %q", r.raw)
		}
	}
}

// A body that breaks off must not look whole to the backend.
func TestHTTP2ResetInTheBody(t *testing.T) {
	g := newH2(t)
	seen := make(chan string, 2)
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begin := make([]byte, 4)
		io.ReadFull(r.Body, begin)
		seen <- string(begin)
		rest, err := io.ReadAll(r.Body)
		seen <- fmt.Sprint(string(rest), " ", err != nil)
	}))
	t.Cleanup(backend.Close)
	site := g.loadH2(hostileSite, backend.Listener.Addr().String())[0]
	bothH2(t, func(t *testing.T, encrypted bool) {
		for _, length := range []string{"", "99"} {
			c := mustDialH2(t, site.addr(encrypted), encrypted)
			r := requestH2("POST", schemeOf(encrypted), "/a", g.tokens["full"].secret)
			if length != "" {
				r.fields = append(r.fields, [2]string{"content-length", length})
			}
			id := c.open()
			c.sendHeaders(id, c.encode(r.fields), 0, false)
			c.framer.WriteData(id, false, []byte("part"))
			if got := <-seen; got != "part" {
				t.Errorf("length %q: the backend got %q", length, got)
			}
			c.framer.WriteRSTStream(id, 8) // CANCEL
			if got := <-seen; got != " true" {
				t.Errorf("length %q: the backend read on: %q", length, got)
			}
		}
	})
}

// A length that is no number counts as 0 for Go's server, and a request of
// length 0 goes on before its data has come. Only that much of it may.
func TestHTTP2LengthsThatLie(t *testing.T) {
	g, sites := startH2(t, hostileSite, 1)
	const stowaway = "GET /stowaway HTTP/1.1\r\nHost: x\r\n\r\n"
	requests := 0
	bothH2(t, func(t *testing.T, encrypted bool) {
		for _, length := range []string{"0", "-1", "+9", "abc", "0x9", " 9", "9, 9", "1e9", "99999999999999999999", ""} {
			for _, late := range []bool{false, true} {
				requests++
				c := mustDialH2(t, sites[0].addr(encrypted), encrypted)
				r := requestH2("POST", schemeOf(encrypted), "/a", g.tokens["full"].secret)
				r.fields = append(r.fields, [2]string{"content-length", length})
				id := c.open()
				c.sendHeaders(id, c.encode(r.fields), 0, false)
				if late { // behind the answer, which does not wait for the data
					if err := c.wait(id); err != nil {
						t.Fatal(err)
					}
				}
				c.framer.WriteData(id, true, []byte(stowaway))
				if err := c.wait(id); err != nil {
					t.Fatal(err)
				}
				// Data that comes before the answer may end the stream before or amid it.
				if got, _ := c.outcome(id); got != forward && (late || got != "reset" && got != "broken200") {
					t.Errorf("length %q: %s", length, got)
				}
				c.mustAnswer(t, "reject401", requestH2("GET", schemeOf(encrypted), "/a", ""))
			}
		}
	})
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	got := sites[0].backend.take()
	for _, r := range got {
		if r.body != "" || !slices.Equal(r.header("Content-Length"), []string{"0"}) || r.header("Transfer-Encoding") != nil || strings.Contains(r.raw, "stowaway") {
			t.Errorf("the backend got %q", r.raw)
		}
	}
	if len(got) > requests {
		t.Errorf("the backend got %d requests of %d", len(got), requests)
	}
}
