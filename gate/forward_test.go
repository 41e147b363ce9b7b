package gate

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/token"
)

func newKnownToken(change func(*token.Token)) *Known {
	t := newToken("ci", token.Custom)
	if change != nil {
		change(&t)
	}
	return &Known{Token: t, identity: newIdentity(&t)}
}

// headersAfter forwards a request with the given header lines and returns what
// is left of them, as "name: value" in order.
func headersAfter(t *testing.T, f *Forwarder, fromProxy bool, tokens Tokens, lines ...string) []string {
	t.Helper()
	r := mustParse(t, "/a", lines...)
	f.Forward(r, tokens, fromProxy, new(Values))
	var left []string
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			left = append(left, name+": "+value)
		}
	}
	return left
}

// Security rules 5 and 6: what a client sends to pass for another, to be taken for
// another request, or to take our headers off again does not reach the backend.
func TestForwardRemoves(t *testing.T) {
	sources := newSources(t, Source{Place: Header, Name: "X-Cybozu-API-Token", List: true}, Source{Place: Header, Name: "apikey"}, Source{Place: Authorization, Name: "Bearer"})
	f := NewForwarder(sources, "X-Tenant-", nil)
	long := "X-Token-" + strings.Repeat("a", 80)
	for _, test := range []struct {
		name  string
		lines []string
		left  []string
	}{
		{"identity", []string{"X-Token-Id: 1", "x-token-name: 1", "X-Token-Idx: 1"}, nil},
		{"identity by aliases", []string{"X_Token_Id: 1", "X.Token.Id: 1", "X-Token_Id: 1", "x_tOKEN-ID: 1", "X~Token!Id: 1", "X-Token-: 1"}, nil},
		{"identity by a long name", []string{long + ": 1"}, nil},
		{"identity under the other prefix", []string{"X-Tenant-Id: 1", "x_tenant.roles: 1"}, nil},
		{"almost identity", []string{"X-Tokens: 1", "X-Token: 1"}, []string{"X-Token: 1", "X-Tokens: 1"}},
		{"sources", []string{"X-Cybozu-API-Token: a", "Apikey: b"}, nil},
		{"sources by aliases", []string{"X_Cybozu_API_Token: a", "x.cybozu.api.token: b", "APIKEY: c"}, nil},
		{"empty source", []string{"X-Cybozu-API-Token: "}, nil},
		{"overrides", []string{"X-HTTP-Method-Override: DELETE", "X-Original-URL: /x", "X_Rewrite_Url: /x", "X-Forwarded-Prefix: /x", "X-Forwarded-Uri: /x", "X.Forwarded.Method: PUT", "X-Method-Override: x", "X-Envoy-Original-Path: /x", "X-Original-Method: x", "X-Replaced-Path: /x", "x_method: PUT"}, nil},
		{"client addresses", []string{"X-Real-IP: 127.0.0.1", "True_Client_Ip: 127.0.0.1", "X-Client-IP: 127.0.0.1"}, nil},
		{"identities of other proxies", []string{"Remote-User: a", "Remote_Groups: a", "Client-Cert: :a:", "Tailscale-User-Login: a", "cf_access_authenticated_user_email: a", "X-Amzn-mTLS-Clientcert-Subject: a", "X-Goog-Authenticated-User-Email: a"}, nil},
		{"our scheme", []string{"Authorization: bearer x"}, nil},
		{"our scheme in a list with another", []string{"Authorization: Basic dTpw, Bearer x"}, nil},
		{"our scheme, malformed", []string{"Authorization: Bearer:x"}, nil},
		{"another scheme", []string{"Authorization: Basic dTpw"}, []string{"Authorization: Basic dTpw"}},
		{"another scheme beside ours", []string{"Authorization: Bearer x", "Authorization: Basic dTpw"}, []string{"Authorization: Basic dTpw"}},
		{"Connection names ours", []string{"Connection: close, x-tenant-id"}, []string{"Connection: close"}},
		{"Connection names theirs", []string{"Connection: X-Cybozu-API-Token", "Connection: te , Keep-Alive,upgrade"}, []string{"Connection: Keep-Alive, upgrade"}},
		{"Connection names only others", []string{"Connection: authorization"}, nil},
		{"h2c", []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"}, []string{"Connection: Upgrade"}},
		{"h2c beside a WebSocket", []string{"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"}, []string{"Connection: Upgrade"}},
		{"WebSocket", []string{"Connection: upgrade", "Upgrade: WebSocket"}, []string{"Connection: upgrade", "Upgrade: WebSocket"}},
		{"the rest stays", []string{"X-Forwarded-For: 1.2.3.4", "Cookie: a=b", "X-T: 1", "Accept: */*", "Te: trailers"}, []string{"Accept: */*", "Cookie: a=b", "Te: trailers", "X-Forwarded-For: 1.2.3.4", "X-T: 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if left := headersAfter(t, f, false, Tokens{}, test.lines...); !slices.Equal(left, test.left) {
				t.Errorf("left are %q, want %q", left, test.left)
			}
		})
	}
	addresses := []string{"X-Cluster-Client-Ip: 1.2.3.4", "X-Real-Ip: 1.2.3.4"}
	if left := headersAfter(t, f, true, Tokens{}, append(addresses, "X-Token-Id: 1", "X-Original-Url: /")...); !slices.Equal(left, addresses) {
		t.Errorf("of a trusted proxy's headers there are left %q", left)
	}
}

// HTTP/2 header names come in lower case and are made canonical by Go's server,
// but names that it can't make canonical stay as they were sent.
func TestForwardRemovesNamesAsTheyStandInTheMap(t *testing.T) {
	f := NewForwarder(newSources(t, DefaultSources()...), DefaultIdentityPrefix, nil)
	for _, name := range []string{"x-token-id", "X-TOKEN-ID", "x_token_id", "x-api-key", "x_api.key", "x-original-url"} {
		r := &http.Request{URL: &url.URL{}, Header: http.Header{name: {"1"}, "": {"1"}}}
		if f.Strip(r, false); len(r.Header[name]) > 0 {
			t.Errorf("%s stays", name)
		}
	}
}

func TestForwardSetsIdentity(t *testing.T) {
	f := NewForwarder(newSources(t, DefaultSources()...), DefaultIdentityPrefix, nil)
	for _, test := range []struct{ name, owner, wantName, wantOwner string }{
		{"ci", "ann@example.test", "ci", "ann@example.test"},
		{"a b (c):/d", "", "a b (c):/d", ""},
		// A comma would make one token look like two, a line break like a header.
		{"a,b", "c;d=\"e\"", "a%2Cb", "c%3Bd%3D%22e%22"},
		{"a\r\nX-Admin: 1", "b\x00\x7f", "a%0D%0AX-Admin: 1", "b%00%7F"},
		{"naïve", "日本", "na%C3%AFve", "%E6%97%A5%E6%9C%AC"},
		{"100%", "%2C", "100%25", "%252C"},
		{"\xff", "_", "%FF", "_"},
	} {
		k := newKnownToken(func(t *token.Token) { t.Name, t.Owner = test.name, test.owner })
		got := headersAfter(t, f, false, Tokens{First: k}, "X-Token-Id: forged", "Authorization: Bearer x")
		want := []string{"X-Token-Id: tok_ci", "X-Token-Name: " + test.wantName, "X-Token-Owner: " + test.wantOwner, "X-Token-Type: custom"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	two := Tokens{First: newKnownToken(nil), Rest: []*Known{newKnownToken(func(t *token.Token) { t.ID, t.Name, t.Owner = "tok_2", "b,c", "" })}}
	got := headersAfter(t, f, false, two)
	if want := []string{"X-Token-Id: tok_ci,tok_2", "X-Token-Name: ci,b%2Cc", "X-Token-Owner: ann,", "X-Token-Type: custom,custom"}; !slices.Equal(got, want) {
		t.Errorf("two tokens: %q, want %q", got, want)
	}
	if got := headersAfter(t, NewForwarder(newSources(t), "x-acme-", nil), false, two, "X-Token-Id: 1", "X-Acme-Role: 1"); len(got) != 4 || got[0] != "X-Acme-Id: tok_ci,tok_2" {
		t.Errorf("own prefix: %q", got)
	}
	if got := headersAfter(t, NewForwarder(newSources(t), "", nil), false, two, "X-Token-Id: 1", "X-Acme-Role: 1"); !slices.Equal(got, []string{"X-Acme-Role: 1"}) {
		t.Errorf("identity off: %q", got)
	}
}

func TestCheckIdentityPrefix(t *testing.T) {
	for prefix, ok := range map[string]bool{"X-Token-": true, "a-": true, "": false, "X-Token": false, "X Token-": false, "X:-": false, strings.Repeat("a", 32) + "-": false} {
		if err := CheckIdentityPrefix(prefix); (err == nil) != ok {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

// The room for the values may be used again once a request has ended. One that
// appends to a header of ours must not write into the room of the next value.
func TestForwardedValuesDontRunIntoEachOther(t *testing.T) {
	f := NewForwarder(newSources(t, DefaultSources()...), DefaultIdentityPrefix, nil)
	var values Values
	for _, name := range []string{"first", "second"} {
		r := mustParse(t, "/a")
		f.Forward(r, Tokens{First: newKnownToken(func(t *token.Token) { t.Name = name })}, false, &values)
		r.Header.Add("X-Token-Id", "appended by a later handler")
		if got := r.Header["X-Token-Name"]; !slices.Equal(got, []string{name}) {
			t.Errorf("the name is %q, want %q", got, name)
		}
		if k := newKnownToken(nil); k.identity[0] != "tok_ci" {
			t.Errorf("the token itself changed: %q", k.identity)
		}
	}
}

// Security rule 6, through a real proxy: neither announced nor surprise trailers reach
// the backend, nor does anything that was removed.
func TestForwardThroughAProxy(t *testing.T) {
	received := make(chan string, 1)
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		dump, _ := httputil.DumpRequest(r, false)
		for name, values := range r.Trailer {
			dump = append(dump, "Trailer "+name+strings.Join(values, ",")...)
		}
		received <- string(dump)
	}))
	defer backend.Close()
	target, _ := url.Parse(backend.URL)
	proxy := httputil.NewSingleHostReverseProxy(target)
	f := NewForwarder(hostileSources(t), DefaultIdentityPrefix, nil)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Forward(r, Tokens{First: newKnownToken(nil)}, false, new(Values))
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	conn, err := net.Dial("tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const hostile = "POST /api/articles?a=1&api_token=SECRET&b HTTP/1.1\r\nHost: x\r\nX-Cybozu-API-Token: SECRET\r\n" +
		"Connection: close, x-token-id\r\nTransfer-Encoding: chunked\r\nTrailer: X-Token-Id, X-Cybozu-Api-Token\r\n\r\n" +
		"2\r\n{}\r\n0\r\nX-Token-Id: admin\r\nX-Cybozu-Api-Token: SECRET\r\nX-Token-Type: full-access\r\n\r\n"
	if _, err := io.WriteString(conn, hostile); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatal(response, err)
	}
	response.Body.Close()
	got := <-received
	if !strings.Contains(got, "X-Token-Id: tok_ci") || !strings.Contains(got, "?a=1&b HTTP") ||
		strings.Contains(got, "admin") || strings.Contains(got, "SECRET") || strings.Contains(got, "Trailer") || strings.Contains(got, "full-access") {
		t.Errorf("the backend got %s", got)
	}
}

// Invariant 7: a request with a known token needs no memory on its way.
func TestNothingIsAllocatedForAKnownToken(t *testing.T) {
	secret := mint(1)
	for name, test := range map[string]struct{ target, line string }{
		"authorization":       {"/api/articles/42", "Authorization: Bearer " + secret},
		"header":              {"/api/articles/42", "X-Cybozu-API-Token: " + secret},
		"end of the query":    {"/api/articles/42?a=1&b=2&api_token=" + secret, "Accept: */*"},
		"start of the query":  {"/api/articles/42?api_token=" + secret + "&a=1&b=2", "Accept: */*"},
		"query of this alone": {"/api/articles/42?api_token=" + secret, "Accept: */*"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []token.Token{newToken("a", token.Custom, "article.find"), newToken("a", token.ReadOnly), newToken("a", token.FullAccess)} {
				store := newMemoryStore()
				store.put(secret, kind)
				g := newGate(t, store, hostileSources(t), articles(t))
				if n := allocationsOf(t, g, mustParse(t, test.target, test.line, "Accept-Encoding: gzip", "User-Agent: x", "Connection: keep-alive")); n != 0 {
					t.Errorf("%s token: %v allocations", kind.Type, n)
				}
			}
		})
	}
}

// allocationsOf returns how much memory Check and Forward of r ask for.
func allocationsOf(tb testing.TB, g *Gate, r *http.Request) float64 {
	tb.Helper()
	f := NewForwarder(g.Sources, DefaultIdentityPrefix, nil)
	original, query := maps.Clone(r.Header), r.URL.RawQuery
	var values Values
	if d := g.Check(r); d.Reason != Allow {
		tb.Fatalf("refused: %s, %v", d.Reason, d.Err)
	}
	g.Resolver.cache.Wait()
	f.Forward(r, Tokens{}, false, &values)
	return testing.AllocsPerRun(1000, func() {
		maps.Copy(r.Header, original)
		r.URL.RawQuery = query
		if d := g.Check(r); d.Reason.Allows() {
			f.Forward(r, d.Tokens, false, &values)
		}
	})
}

// The page that a request comes from can have had the same secret in its address.
func TestForwardCleansReferer(t *testing.T) {
	f := NewForwarder(newSources(t, Source{Place: Query, Name: "api_token"}), "", nil)
	r := mustParse(t, "/x?api_token="+mint(0), "Referer: https://a.example/p?x=1&API_TOKEN="+mint(0)+"&y=2")
	f.Forward(r, Tokens{First: newKnownToken(nil)}, false, new(Values))
	if got := r.Header.Get("Referer"); got != "https://a.example/p?x=1&y=2" {
		t.Error(got)
	}
}
