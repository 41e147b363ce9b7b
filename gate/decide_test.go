package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// Security rules 1, 2, 6 and 7: what a request does has one reading, or is refused.
func TestDescribe(t *testing.T) {
	catalog := articles(t)
	for _, test := range []struct {
		name, method, target string
		major                int
		header               http.Header
		want                 string // the operation
		reason               Reason
	}{
		{"plain", "GET", "/api/articles/42?x=1", 1, nil, "GET /api/articles/42", ""},
		{"escape", "GET", "/api/articles/a%20b", 1, nil, "GET /api/articles/a b", ""},
		{"wrong case is another method", "get", "/api/articles", 1, nil, "get /api/articles", ""},
		{"unknown method", "FOOBAR", "/api/articles", 1, nil, "FOOBAR /api/articles", ""},
		{"TRACE and a blank, as HTTP/2 takes it", "TRACE ", "/api/articles", 2, nil, "", AmbiguousRequest},
		{"a request line in the method", "GET /admin", "/api/articles", 2, nil, "", AmbiguousRequest},
		{"TRACE", "TRACE", "/api/articles", 1, nil, "", RefusedMethod},
		{"TRACE in lower case, which lenient servers take for it", "trace", "/api/articles", 1, nil, "", RefusedMethod},
		{"CONNECT", "CONNECT", "/api/articles", 1, nil, "", RefusedMethod},
		{"CONNECT in mixed case", "Connect", "/api/articles", 1, nil, "", RefusedMethod},
		{"our own name for handshakes", "WEBSOCKET", "/api/live", 1, nil, "", RefusedMethod},
		{"dot segment", "GET", "/api/articles/../users", 1, nil, "", AmbiguousRequest},
		{"encoded slash", "GET", "/api/articles%2f42", 1, nil, "", AmbiguousRequest},
		// Express, Node, PHP and Python end a query there: what decides would stand behind it for the gate alone.
		{"fragment", "GET", "/api/articles?a=1#&app=7", 1, nil, "", AmbiguousRequest},
		{"fragment alone", "GET", "/api/articles?#", 1, nil, "", AmbiguousRequest},
		{"encoded number sign", "GET", "/api/articles?a=%23", 1, nil, "GET /api/articles", ""},
		{"opaque", "GET", "http:http://x/admin", 1, nil, "", AmbiguousRequest},
		{"asterisk", "OPTIONS", "*", 1, nil, "", AmbiguousRequest},
		{"handshake", "GET", "/api/live", 1, handshake("Upgrade", "websocket"), "WEBSOCKET /api/live", ""},
		{"handshake, other spelling", "GET", "/api/live", 1, handshake("keep-alive,  uPGRADE", "WebSocket"), "WEBSOCKET /api/live", ""},
		{"handshake, Connection in two lines", "GET", "/api/live", 1, http.Header{"Connection": {"close", "upgrade"}, "Upgrade": {"websocket"}}, "WEBSOCKET /api/live", ""},
		// A backend that upgrades here would give a socket to who may only read.
		{"no Connection: Upgrade", "GET", "/api/articles", 1, handshake("keep-alive", "websocket"), "", AmbiguousRequest},
		{"Connection names something like it", "GET", "/api/articles", 1, handshake("xupgrade", "websocket"), "", AmbiguousRequest},
		{"by POST", "POST", "/api/live", 1, handshake("Upgrade", "websocket"), "", AmbiguousRequest},
		{"in HTTP/2", "GET", "/api/live", 2, handshake("Upgrade", "websocket"), "", AmbiguousRequest},
		{"among others", "GET", "/api/live", 1, handshake("Upgrade", "h2c, websocket"), "", AmbiguousRequest},
		{"with a version", "GET", "/api/live", 1, handshake("Upgrade", "websocket/13"), "", AmbiguousRequest},
		{"twice", "GET", "/api/live", 1, http.Header{"Connection": {"upgrade"}, "Upgrade": {"websocket", "websocket"}}, "", AmbiguousRequest},
		{"other upgrades are stripped, not decided on", "GET", "/api/articles", 1, handshake("Upgrade", "h2c"), "GET /api/articles", ""},
		{"extended CONNECT", "CONNECT", "/api/live", 2, http.Header{":protocol": {"websocket"}}, "WEBSOCKET /api/live", ""},
		{"extended CONNECT with the length of a body", "CONNECT", "/api/live", 2, http.Header{":protocol": {"websocket"}, "Content-Length": {"3"}}, "", AmbiguousRequest},
		{"extended CONNECT of something else", "CONNECT", "/api/live", 2, http.Header{":protocol": {"connect-udp"}}, "", RefusedMethod},
		{"extended CONNECT twice", "CONNECT", "/api/live", 2, http.Header{":protocol": {"websocket", "websocket"}}, "", RefusedMethod},
		{"extended CONNECT in HTTP/1", "CONNECT", "/api/live", 1, http.Header{":protocol": {"websocket"}}, "", RefusedMethod},
		{"extended CONNECT, other case", "CONNECT", "/api/live", 2, http.Header{":protocol": {"WebSocket"}}, "", RefusedMethod},
		{"CONNECT in HTTP/3", "CONNECT", "/api/live", 3, http.Header{":protocol": {"websocket"}}, "", RefusedMethod},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := url.ParseRequestURI(test.target)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: test.method, URL: u, Header: test.header, ProtoMajor: test.major, Proto: fmt.Sprintf("HTTP/%d.0", test.major)}
			does, reason, err := Describe(r, catalog, nil)
			m := does.First
			if got := m.Method + " " + m.Path; reason != test.reason || reason == "" && (got != test.want || err != nil) {
				t.Errorf("got %q, %q, %v; want %q, %q", got, reason, err, test.want, test.reason)
			}
			if (reason == AmbiguousRequest) != (err != nil) && reason != RefusedMethod {
				t.Errorf("refused as %q with error %v", reason, err)
			}
		})
	}
	r := &http.Request{Method: "CONNECT", URL: &url.URL{Path: "/api/live"}, Header: http.Header{}, ProtoMajor: 3, Proto: "websocket"}
	if does, reason, _ := Describe(r, catalog, nil); reason != "" || does.First.Method != permission.WebSocket {
		t.Errorf("extended CONNECT in HTTP/3: %q, %q", does.First.Method, reason)
	}
}

func handshake(connection, upgrade string) http.Header {
	return http.Header{"Connection": {connection}, "Upgrade": {upgrade}}
}

// Security rules 3 and 7: what each type may do, and that rights of several add up.
func TestDecide(t *testing.T) {
	catalog := articles(t)
	known := func(kind token.Type, grants ...string) *Known {
		return &Known{Token: newToken(strings.Join(append([]string{string(kind)}, grants...), "+"), kind, grants...)}
	}
	readOnly, full := known(token.ReadOnly), known(token.FullAccess)
	find, create := known(token.Custom, "article.find"), known(token.Custom, "article.create")
	written, resource := known(token.Custom, "GET /api/users/{id}"), known(token.Custom, "article.*")
	nothing, gone := known(token.Custom), known(token.Custom, "no.longer")
	bad, unknown := known(token.Custom, "article.find", "no grant at all"), known("root", "article.find")
	for _, test := range []struct {
		operation string
		tokens    []*Known
		allowing  []*Known
		reason    Reason
	}{
		{"GET /api/articles", []*Known{readOnly}, []*Known{readOnly}, Allow},
		{"HEAD /anything/else", []*Known{readOnly}, []*Known{readOnly}, Allow},
		{"OPTIONS /anything/else", []*Known{readOnly}, []*Known{readOnly}, Allow},
		{"POST /api/search", []*Known{readOnly}, []*Known{readOnly}, Allow}, // marked read
		{"GET /api/delete", []*Known{readOnly}, nil, MissingPermission},     // marked write
		{"GET /API/Delete.json", []*Known{readOnly}, nil, MissingPermission},
		{"POST /api/articles", []*Known{readOnly}, nil, MissingPermission},
		{"PUT /api/articles/1", []*Known{readOnly}, nil, MissingPermission},
		{"QUERY /api/articles", []*Known{readOnly}, nil, MissingPermission},
		{"get /api/articles", []*Known{readOnly}, nil, MissingPermission},
		{"FOOBAR /api/articles", []*Known{readOnly}, nil, MissingPermission},
		{"WEBSOCKET /api/live", []*Known{readOnly}, nil, MissingPermission},
		{"DELETE /anything", []*Known{full}, []*Known{full}, Allow},
		{"FOOBAR /anything", []*Known{full}, []*Known{full}, Allow},
		{"GET /api/articles/7", []*Known{find}, []*Known{find}, Allow},
		{"HEAD /api/articles/7", []*Known{find}, []*Known{find}, Allow},
		{"get /api/articles/7", []*Known{find}, nil, MissingPermission},
		{"GET /API/articles/7", []*Known{find}, nil, MissingPermission},
		{"GET /api/articles/", []*Known{find}, nil, MissingPermission},
		{"GET /api/articles/7/8", []*Known{find}, nil, MissingPermission},
		{"OPTIONS /api/articles", []*Known{find}, nil, MissingPermission},
		{"POST /api/articles", []*Known{find}, nil, MissingPermission},
		{"POST /api/articles", []*Known{resource}, []*Known{resource}, Allow},
		{"POST /api/search", []*Known{resource}, nil, MissingPermission},
		{"GET /api/users/7", []*Known{written}, []*Known{written}, Allow},
		{"GET /api/users", []*Known{written}, nil, MissingPermission},
		{"GET /api/articles", []*Known{nothing}, nil, MissingPermission},
		{"GET /api/articles", []*Known{gone}, nil, MissingPermission},
		{"GET /api/articles", []*Known{unknown}, nil, MissingPermission},
		{"GET /api/articles", []*Known{bad}, nil, UnreadableToken},
		// Several tokens: the union, and the one that can't be read spoils it all.
		{"POST /api/articles", []*Known{find, create}, []*Known{create}, Allow},
		{"GET /api/articles", []*Known{find, readOnly, create}, []*Known{find, readOnly}, Allow},
		{"GET /api/users/7", []*Known{find, create}, nil, MissingPermission},
		{"GET /api/articles", []*Known{find, unknown}, []*Known{find}, Allow},
		{"GET /api/articles", []*Known{full, find, bad}, nil, UnreadableToken},
	} {
		method, path, _ := strings.Cut(test.operation, " ")
		got, _, _, reason := Decide(Tokens{First: test.tokens[0], Rest: test.tokens[1:]}, catalog, &Matches{First: catalog.Find(method, path)})
		if reason != test.reason {
			t.Errorf("%s with %s: %q, want %q", test.operation, test.tokens[0].Token.Name, reason, test.reason)
		}
		if list := slices.Collect(got.all); reason == Allow && !slices.Equal(list, test.allowing) {
			t.Errorf("%s with %s: %d tokens allow it, want %d", test.operation, test.tokens[0].Token.Name, len(list), len(test.allowing))
		} else if reason == UnreadableToken && got.First != bad {
			t.Errorf("%s: %s is blamed for the unreadable token", test.operation, got.First.Token.Name)
		}
	}
}

// Security rule 4: all of a list must be valid. One bad member refuses the request,
// wherever it stands, even beside a token that may do everything.
func TestOneBadTokenRefusesTheList(t *testing.T) {
	store := newMemoryStore()
	good := mint(0)
	store.put(good, newToken("good", token.FullAccess))
	now := time.Now()
	bad := map[Reason]string{UnknownToken: mint(1), MalformedCredential: "trv_junk", DisabledToken: mint(2), ExpiredToken: mint(3), OtherAPI: mint(4), UnreadableToken: mint(5)}
	for reason, change := range map[Reason]func(*row){
		DisabledToken:   func(r *row) { r.token.Enabled = false },
		ExpiredToken:    func(r *row) { r.secretExpiry = now },
		OtherAPI:        func(r *row) { r.token.API = "other" },
		UnreadableToken: func(r *row) { r.err = ErrUnreadable },
	} {
		r := row{token: newToken(string(reason), token.FullAccess)}
		change(&r)
		store.putRow(bad[reason], r)
	}
	g := newGate(t, store, hostileSources(t), articles(t))
	for reason, secret := range bad {
		for _, list := range []string{secret, secret + "," + good, good + "," + secret} {
			r := mustParse(t, "/api/articles", "X-Cybozu-API-Token: "+list)
			if d := g.Check(r); d.Reason != reason || d.Tokens.Rest != nil {
				t.Errorf("list with a token of %s: %q", reason, d.Reason)
			}
		}
	}
}

// Security rule 19: refused at now >= expiry, of the token as of the secret.
func TestExpiryIsExact(t *testing.T) {
	end := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	token1, token2 := newToken("a", token.FullAccess), newToken("b", token.FullAccess)
	token1.Expiry = end
	for _, k := range []*Known{{Token: token1}, {Token: token2, secretExpiry: end}, {Token: token1, secretExpiry: end.Add(time.Hour)}, {Token: token1, secretExpiry: end}} {
		for offset, want := range map[time.Duration]Reason{-time.Nanosecond: "", 0: ExpiredToken, time.Nanosecond: ExpiredToken} {
			if _, reason := usable(Tokens{First: k}, "default", end.Add(offset)); reason != want {
				t.Errorf("%v after the end: %q, want %q", offset, reason, want)
			}
		}
	}
}

// Security rule 1: nothing but a CORS preflight passes without a token, and that only
// if nobody could take it for more than a question.
func TestPreflight(t *testing.T) {
	g := newGate(t, newMemoryStore(), hostileSources(t), articles(t))
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		want   Reason
	}{
		{"preflight", func(*http.Request) {}, Preflight},
		{"other method", func(r *http.Request) { r.Method = "GET" }, NoCredential},
		{"other case", func(r *http.Request) { r.Method = "options" }, NoCredential},
		{"no origin", func(r *http.Request) { r.Header.Del("Origin") }, NoCredential},
		{"no method", func(r *http.Request) { r.Header.Del("Access-Control-Request-Method") }, NoCredential},
		{"a body", func(r *http.Request) { r.ContentLength = 1 }, NoCredential},
		{"a chunked body", func(r *http.Request) { r.ContentLength = -1 }, NoCredential},
		{"an upgrade", func(r *http.Request) { r.Header.Set("Upgrade", "h2c") }, NoCredential},
		{"ambiguous path", func(r *http.Request) { r.URL.Path = "/api//articles" }, AmbiguousRequest},
		{"configured off", func(*http.Request) { g.CheckPreflights = true }, NoCredential},
	} {
		r := httptest.NewRequest("OPTIONS", "/api/articles", nil)
		r.Header.Set("Origin", "https://app.example.test")
		r.Header.Set("Access-Control-Request-Method", "DELETE")
		test.change(r)
		if d := g.Check(r); d.Reason != test.want {
			t.Errorf("%s: %q, want %q", test.name, d.Reason, test.want)
		}
	}
}

// Security rule 9: each refusal has the status that its kind has, and a failure is never
// an allow nor a 401, which would make clients throw good tokens away.
func TestReasons(t *testing.T) {
	for _, reason := range Reasons() {
		if reason.Allows() != (reason == Allow || reason == Preflight || reason == PasswordPassed) || reason.Allows() != (reason.Status() == 200) {
			t.Errorf("%s: allows %v with status %d", reason, reason.Allows(), reason.Status())
		}
	}
	if Reason("").Allows() || Reason("new").Status() != 500 || Failure.Status() != 503 || StoreUnavailable.Status() != 503 {
		t.Error("an undecided or failed request has the wrong status")
	}
	store := newMemoryStore()
	store.putRow(mint(1), row{err: errors.New("disk on fire")})
	g := newGate(t, store, hostileSources(t), articles(t))
	if d := g.Check(mustParse(t, "/api/articles", "Authorization: Bearer "+mint(1))); d.Reason != Failure || d.Err == nil {
		t.Errorf("a store that fails: %q, %v", d.Reason, d.Err)
	}
}

// A custom token that lacks a permission is told which one, the most specific.
func TestMissingPermissionIsNamed(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(1), newToken("a", token.Custom))
	g := newGate(t, store, hostileSources(t), articles(t))
	for path, want := range map[string]string{"/api/articles/1": "article.find", "/api/users": ""} {
		if d := g.Check(mustParse(t, path, "Authorization: Bearer "+mint(1))); d.Reason != MissingPermission || d.Permission != want {
			t.Errorf("%s: %q, %q; want %q", path, d.Reason, d.Permission, want)
		}
	}
}

// Rights add up over what a request does, and all tokens that allow some of it
// are named once.
func TestRightsAddUpOverReadings(t *testing.T) {
	catalog := articles(t)
	one := &Known{Token: newToken("one", token.Custom, "GET /a", "GET /c")}
	two := &Known{Token: newToken("two", token.Custom, "GET /b", "GET /c")}
	does := Matches{First: catalog.Find("GET", "/a"), Rest: []permission.Match{catalog.Find("GET", "/b"), catalog.Find("GET", "/c")}}
	got, _, _, reason := Decide(Tokens{First: one, Rest: []*Known{two}}, catalog, &does)
	if reason != Allow || got.First != one || !slices.Equal(got.Rest, []*Known{two}) {
		t.Errorf("%q, %v", reason, got)
	}
	got, missing, _, reason := Decide(Tokens{First: one}, catalog, &does)
	if reason != MissingPermission || missing.Path != "/b" || got.First != one {
		t.Errorf("%q for %s", reason, missing.Path)
	}
}
