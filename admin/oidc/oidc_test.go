package oidc_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin/oidc"
	"github.com/tokenreeve/tokenreeve/internal/oidctest"
)

const callback = "https://tokens.example.com/sign-in/oidc/callback"

var ann = oidctest.Claims{"sub": "1234", "preferred_username": "ann"}

// clock is what a client takes for the time.
type clock struct{ ahead time.Duration }

func (c *clock) now() time.Time { return time.Now().Add(c.ahead) }

func newClient(p *oidctest.Provider, changes ...func(*oidc.Config)) (*oidc.Client, *clock) {
	c := &clock{}
	config := oidc.Config{
		Issuer: p.URL, ClientID: oidctest.ClientID, ClientSecret: oidctest.ClientSecret,
		NameClaim: "preferred_username", Now: c.now, Random: rand.Reader,
	}
	for _, change := range changes {
		change(&config)
	}
	return oidc.New(config), c
}

// begin begins an attempt.
func begin(t *testing.T, c *oidc.Client) (address string, a oidc.Attempt) {
	t.Helper()
	address, a, err := c.Begin(t.Context(), callback)
	if err != nil {
		t.Fatal(err)
	}
	return address, a
}

// finish finishes an attempt by the address that the browser comes back to.
func finish(t *testing.T, c *oidc.Client, a oidc.Attempt, address string) (oidc.Identity, error) {
	t.Helper()
	rest, ok := strings.CutPrefix(address, callback+"?")
	if !ok {
		t.Fatalf("the browser comes back to %s", address)
	}
	return c.Finish(t.Context(), callback, a, rest)
}

// signIn is all of it.
func signIn(t *testing.T, p *oidctest.Provider, c *oidc.Client, who oidctest.Claims) (oidc.Identity, error) {
	t.Helper()
	address, a := begin(t, c)
	return finish(t, c, a, p.SignIn(address, who))
}

// wantReason fails the test unless err is a refusal for a reason that says this,
// without a secret.
func wantReason(t *testing.T, err error, want oidc.Reason, says string) {
	t.Helper()
	refused, ok := errors.AsType[*oidc.Error](err)
	if !ok || refused.Reason != want || !strings.Contains(refused.Detail, says) {
		t.Fatalf("got %v, want %s with %q", err, want, says)
	}
	for _, secret := range []string{oidctest.ClientSecret, url.QueryEscape(oidctest.ClientSecret), "access-"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("a secret is in %q", err)
		}
	}
	if len(err.Error()) > 500 {
		t.Errorf("it is %d bytes long", len(err.Error()))
	}
}

func TestSignIn(t *testing.T) {
	p := oidctest.Start(t)
	one, _ := newClient(p)
	other, _ := newClient(p) // another gateway
	address, a := begin(t, one)
	who, err := finish(t, other, a, p.SignIn(address, ann))
	if want := (oidc.Identity{Subject: "oidc:" + p.URL + "#1234", Name: "ann"}); err != nil || who != want {
		t.Fatalf("got %+v, %v", who, err)
	}
	if p.Looked() != 2 {
		t.Errorf("two clients looked the provider up %d times", p.Looked())
	}
}

func TestName(t *testing.T) {
	for name, test := range map[string]struct {
		claim    string
		who      oidctest.Claims
		userInfo oidctest.Claims
		want     string
	}{
		"in the ID token":          {"nickname", oidctest.Claims{"nickname": "Ann"}, oidctest.Claims{"nickname": "bob"}, "Ann"},
		"in the user info":         {"nickname", nil, oidctest.Claims{"nickname": "ann"}, "ann"},
		"nowhere":                  {"nickname", nil, nil, ""},
		"no text":                  {"nickname", oidctest.Claims{"nickname": 7}, nil, ""},
		"too long":                 {"nickname", oidctest.Claims{"nickname": strings.Repeat("a", 201)}, nil, ""},
		"with a line break":        {"nickname", oidctest.Claims{"nickname": "ann\nbob"}, nil, ""},
		"a verified address":       {"email", oidctest.Claims{"email": "a@example.com", "email_verified": true}, nil, "a@example.com"},
		"an address, not verified": {"email", oidctest.Claims{"email": "a@example.com", "email_verified": false}, nil, ""},
		"an address, nobody knows": {"email", oidctest.Claims{"email": "a@example.com"}, nil, ""},
		"verified in the user info, not in the token that has the address": {
			"email", oidctest.Claims{"email": "a@example.com"}, oidctest.Claims{"email": "b@example.com", "email_verified": true}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := oidctest.Start(t)
			p.Lie(oidctest.Lies{UserInfo: test.userInfo})
			c, _ := newClient(p, func(c *oidc.Config) { c.NameClaim = test.claim })
			claims := oidctest.Claims{"sub": "1"}
			maps.Copy(claims, test.who)
			if who, err := signIn(t, p, c, claims); err != nil || who.Name != test.want {
				t.Errorf("got %q, %v; want %q", who.Name, err, test.want)
			}
		})
	}
}

// What an ID token has to be. Security rule 23.
func TestIDTokens(t *testing.T) {
	p := oidctest.Start(t)
	set := func(claim string, value any) oidctest.Lies {
		return oidctest.Lies{Claims: func(c oidctest.Claims) { c[claim] = value }}
	}
	without := func(claim string) oidctest.Lies {
		return oidctest.Lies{Claims: func(c oidctest.Claims) { delete(c, claim) }}
	}
	encode := base64.RawURLEncoding.EncodeToString
	for name, test := range map[string]struct {
		lies oidctest.Lies
		says string // empty: it is good
	}{
		"good":                       {},
		"for two, and made for us":   {lies: oidctest.Lies{Claims: func(c oidctest.Claims) { c["aud"], c["azp"] = []string{"x", oidctest.ClientID}, oidctest.ClientID }}},
		"for two, and for whom":      {set("aud", []string{"x", oidctest.ClientID}), "another client"},
		"made for another":           {set("azp", "x"), "another client"},
		"made for none":              {set("azp", nil), "another client"},
		"for another":                {set("aud", "x"), "audience"},
		"for nobody":                 {without("aud"), "audience"},
		"of another provider":        {set("iss", "https://evil.example"), "different provider"},
		"of nobody":                  {without("iss"), "different provider"},
		"of another attempt":         {set("nonce", strings.Repeat("n", 43)), "another attempt"},
		"of no attempt":              {without("nonce"), "another attempt"},
		"expired":                    {set("exp", time.Now().Add(-time.Minute).Unix()), "expired"},
		"without an expiry":          {without("exp"), "expired"},
		"not valid yet":              {set("nbf", time.Now().Add(time.Hour).Unix()), "not before"},
		"nobody's":                   {without("sub"), "no subject"},
		"of an empty name":           {set("sub", ""), "no subject"},
		"of a number":                {set("sub", 7), "not valid"},
		"of a name that is too long": {set("sub", strings.Repeat("s", 256)), "can't be kept: it has 256 bytes"},
		"of a name that breaks":      {set("sub", "a\nb"), "can't be kept"},
		"signed by another key":      {oidctest.Lies{Sign: p.Sign(oidctest.NewKey(t), "key")}, "signature"},
		"signed by an unknown key":   {oidctest.Lies{Sign: p.Sign(oidctest.NewKey(t), "other")}, "signature"},
		"not signed": {oidctest.Lies{Sign: func(text string) string {
			return encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(text)) + "."
		}}, "not valid"},
		"signed with our secret": {oidctest.Lies{Sign: func(text string) string {
			return encode([]byte(`{"alg":"HS256","kid":"key"}`)) + "." + encode([]byte(text)) + "." + encode([]byte("whatever"))
		}}, "not valid"},
		"no token":   {oidctest.Lies{Sign: func(string) string { return "junk" }}, "not valid"},
		"none":       {oidctest.Lies{Sign: func(string) string { return "" }}, "no ID token"},
		"no claims":  {oidctest.Lies{Sign: func(string) string { return p.Sign(oidctest.NewKey(t), "key")("[]") }}, "not valid"},
		"other info": {oidctest.Lies{Claims: func(c oidctest.Claims) { delete(c, "preferred_username") }, UserInfo: oidctest.Claims{"sub": "boss", "preferred_username": "boss"}}, "somebody else"},
	} {
		t.Run(name, func(t *testing.T) {
			p.Lie(test.lies)
			c, _ := newClient(p)
			who, err := signIn(t, p, c, ann)
			if test.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantReason(t, err, oidc.Untrusted, test.says)
			if who != (oidc.Identity{}) {
				t.Errorf("it is %+v", who)
			}
		})
	}
}

// What a browser has to come back with. Security rule 23.
func TestAnswers(t *testing.T) {
	p, evil := oidctest.Start(t), oidctest.Start(t)
	c, clock := newClient(p)
	elsewhere, _ := newClient(evil)
	change := func(name, value string) func(url.Values) {
		return func(q url.Values) { q.Set(name, value) }
	}
	for name, test := range map[string]struct {
		attempt func(oidc.Attempt) oidc.Attempt
		answer  func(url.Values)
		reason  oidc.Reason
		says    string
	}{
		"no attempt":          {func(oidc.Attempt) oidc.Attempt { return "" }, nil, oidc.NotBegun, "no attempt"},
		"junk for an attempt": {func(oidc.Attempt) oidc.Attempt { return "1.x" }, nil, oidc.NotBegun, "no attempt"},
		"the attempt of another": {func(oidc.Attempt) oidc.Attempt {
			_, other := begin(t, c)
			return other
		}, nil, oidc.NotBegun, "another attempt"},
		"a later time":           {func(a oidc.Attempt) oidc.Attempt { return bump(a) }, nil, oidc.NotBegun, "another attempt"},
		"no state":               {nil, func(q url.Values) { q.Del("state") }, oidc.NotBegun, "another attempt"},
		"another state":          {nil, change("state", "x"), oidc.NotBegun, "another attempt"},
		"two states":             {nil, func(q url.Values) { q.Add("state", "x") }, oidc.NotBegun, "state twice"},
		"two codes":              {nil, func(q url.Values) { q.Add("code", "x") }, oidc.NotBegun, "code twice"},
		"too long":               {nil, change("x", strings.Repeat("x", 9000)), oidc.NotBegun, "longer than"},
		"an error nobody asked":  {func(oidc.Attempt) oidc.Attempt { return "" }, change("error", "access_denied"), oidc.NotBegun, "no attempt"},
		"of another provider":    {nil, change("iss", evil.URL), oidc.Untrusted, "another provider"},
		"of which provider":      {nil, func(q url.Values) { q.Del("iss") }, oidc.Untrusted, "which provider"},
		"denied":                 {nil, change("error", "access_denied"), oidc.Denied, "access_denied"},
		"denied, elsewhere":      {nil, func(q url.Values) { q.Set("error", "access_denied"); q.Set("iss", evil.URL) }, oidc.Untrusted, "another provider"},
		"busy":                   {nil, change("error", "temporarily_unavailable"), oidc.Away, "temporarily_unavailable"},
		"another error":          {nil, change("error", "unauthorized_client"), oidc.Misconfigured, "unauthorized_client"},
		"no code":                {nil, func(q url.Values) { q.Del("code") }, oidc.Untrusted, "no code"},
		"another code":           {nil, change("code", "guessed-by-somebody"), oidc.Late, "invalid_grant"},
		"the code of another":    {nil, func(q url.Values) { q.Set("code", stolen(t, p, c)) }, oidc.Late, "invalid_grant"},
		"the code goes unlogged": {nil, change("code", "guessed-by-somebody"), oidc.Late, "no such code: REDACTED"},
	} {
		t.Run(name, func(t *testing.T) {
			address, a := begin(t, c)
			back, err := url.Parse(p.SignIn(address, ann))
			if err != nil {
				t.Fatal(err)
			}
			answer := back.Query()
			if test.attempt != nil {
				a = test.attempt(a)
			}
			if test.answer != nil {
				test.answer(answer)
			}
			_, err = c.Finish(t.Context(), callback, a, answer.Encode())
			wantReason(t, err, test.reason, test.says)
		})
	}
	t.Run("at another provider", func(t *testing.T) {
		address, a := begin(t, c)
		_, err := finish(t, elsewhere, a, p.SignIn(address, ann))
		wantReason(t, err, oidc.NotBegun, "another attempt")
	})
	t.Run("twice", func(t *testing.T) {
		address, a := begin(t, c)
		back := p.SignIn(address, ann)
		if _, err := finish(t, c, a, back); err != nil {
			t.Fatal(err)
		}
		_, err := finish(t, c, a, back)
		wantReason(t, err, oidc.Late, "invalid_grant")
	})
	t.Run("late", func(t *testing.T) {
		for ahead, want := range map[time.Duration]oidc.Reason{oidc.Lasts + 2*time.Second: oidc.Late, -oidc.Lasts - 2*time.Second: oidc.Late} {
			address, a := begin(t, c)
			clock.ahead = ahead
			_, err := finish(t, c, a, p.SignIn(address, ann))
			clock.ahead = 0
			wantReason(t, err, want, "older than")
		}
	})
	t.Run("by way of another address", func(t *testing.T) {
		address, a := begin(t, c)
		back, err := url.Parse(p.SignIn(address, ann))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Finish(t.Context(), "https://other.example.com/sign-in/oidc/callback", a, back.RawQuery)
		wantReason(t, err, oidc.Late, "invalid_grant")
	})
}

// bump makes an attempt a second younger than it is.
func bump(a oidc.Attempt) oidc.Attempt {
	digit := a[9] // the last one of the time
	return a[:9] + oidc.Attempt('0'+(digit-'0'+1)%10) + a[10:]
}

// stolen returns the code of somebody else's attempt.
func stolen(t *testing.T, p *oidctest.Provider, c *oidc.Client) string {
	t.Helper()
	address, _ := begin(t, c)
	back, err := url.Parse(p.SignIn(address, oidctest.Claims{"sub": "boss", "preferred_username": "boss"}))
	if err != nil {
		t.Fatal(err)
	}
	return back.Query().Get("code")
}

// What a provider says of itself, and how it takes what it is asked.
func TestProviders(t *testing.T) {
	says := func(what string, value any) oidctest.Lies {
		return oidctest.Lies{Document: func(c oidctest.Claims) { c[what] = value }}
	}
	token := func(status int, kind, body string) oidctest.Lies {
		return oidctest.Lies{Token: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", "https://evil.example/token")
			w.WriteHeader(status)
			w.Write([]byte(body))
		}}
	}
	for name, test := range map[string]struct {
		lies   oidctest.Lies
		secret string
		reason oidc.Reason
		says   string
	}{
		"another issuer":           {says("issuer", "https://evil.example"), "", oidc.Misconfigured, "write it as the provider does"},
		"tokens without TLS":       {says("token_endpoint", "http://id.example.com/token"), "", oidc.Untrusted, "token_endpoint, which is not over https"},
		"signing in without TLS":   {says("authorization_endpoint", "http://id.example.com/"), "", oidc.Untrusted, "authorization_endpoint"},
		"signing in by a script":   {says("authorization_endpoint", "javascript:alert(1)"), "", oidc.Untrusted, "authorization_endpoint"},
		"keys without TLS":         {says("jwks_uri", "http://id.example.com/keys"), "", oidc.Untrusted, "jwks_uri"},
		"no keys":                  {says("jwks_uri", ""), "", oidc.Untrusted, "jwks_uri"},
		"a document of a megabyte": {says("x", strings.Repeat("x", 1<<20)), "", oidc.Away, "too large"},
		"a wrong secret":           {oidctest.Lies{}, "wrong and wrong", oidc.Misconfigured, `401 "invalid_client": "not REDACTED"`},
		"tokens elsewhere":         {token(http.StatusTemporaryRedirect, "text/html", "there"), "", oidc.Misconfigured, "307"},
		"tokens later":             {token(http.StatusServiceUnavailable, "text/html", "later"), "", oidc.Away, "503"},
		"not so fast":              {token(http.StatusTooManyRequests, "application/json", `{"error":"slow_down"}`), "", oidc.Away, "slow_down"},
		"a long story":             {token(http.StatusBadRequest, "application/json", `{"error":"invalid_request","error_description":"`+strings.Repeat("x", 5000)+`"}`), "", oidc.Misconfigured, "xxx"},
		"a page for tokens":        {token(http.StatusOK, "text/html", "<p>Hello"), "", oidc.Untrusted, "cannot parse"},
		"tokens of a megabyte":     {token(http.StatusOK, "application/json", `{"x":"`+strings.Repeat("x", 1<<20)), "", oidc.Untrusted, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			p := oidctest.Start(t)
			p.Lie(test.lies)
			c, _ := newClient(p, func(c *oidc.Config) {
				if test.secret != "" {
					c.ClientSecret = test.secret
				}
			})
			address, a, err := c.Begin(t.Context(), callback)
			if err == nil {
				_, err = finish(t, c, a, p.SignIn(address, ann))
			}
			wantReason(t, err, test.reason, test.says)
		})
	}
	t.Run("the secret in the body", func(t *testing.T) {
		p := oidctest.Start(t)
		p.Lie(oidctest.Lies{
			Document: func(c oidctest.Claims) { c["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} },
			Token: func(w http.ResponseWriter, r *http.Request) {
				if r.PostFormValue("client_secret") != oidctest.ClientSecret || r.Header.Get("Authorization") != "" {
					t.Errorf("it got %v, %v", r.PostForm, r.Header)
				}
				w.WriteHeader(http.StatusInternalServerError)
			},
		})
		c, _ := newClient(p)
		_, err := signIn(t, p, c, ann)
		wantReason(t, err, oidc.Away, "500")
	})
}

// A gateway works without the provider, and with it as soon as it is there.
func TestProviderAway(t *testing.T) {
	p := oidctest.Start(t)
	c, clock := newClient(p)
	away := func(c oidctest.Claims) { c["issuer"] = "nobody" }
	p.Lie(oidctest.Lies{Document: away})
	for range 3 {
		if _, _, err := c.Begin(t.Context(), callback); err == nil {
			t.Fatal("it began")
		}
	}
	if p.Looked() > 1 {
		t.Errorf("it was looked up %d times within a second", p.Looked())
	}
	p.Lie(oidctest.Lies{})
	clock.ahead = time.Second
	begin(t, c)
	clock.ahead += time.Hour
	p.Lie(oidctest.Lies{Document: away})
	begin(t, c)
	if p.Looked() != 3 {
		t.Errorf("it was looked up %d times", p.Looked())
	}
}

// What hangs holds up no more than who waits for it, and no more than a few.
func TestProviderHangs(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	c, _ := newClient(&oidctest.Provider{URL: server.URL})
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 40)
	for range cap(errs) {
		go func() {
			_, _, err := c.Begin(ctx, callback)
			errs <- err
		}()
	}
	cancel()
	for range cap(errs) - 1 { // one looks it up for the others
		wantReason(t, <-errs, oidc.Away, "")
	}
}

func TestCheckIssuer(t *testing.T) {
	for issuer, says := range map[string]string{
		"https://id.example.com": "", "https://id.example.com:8443/realms/one/": "", "http://localhost:9000": "", "http://127.0.0.1:9000": "", "http://[::1]:9000": "",
		"": "not the address", "id.example.com": "not the address", "https://": "not the address", "https://a b": "not the address",
		"https://id.example.com?x": "not the address", "https://id.example.com#x": "not the address", "https://u:p@id.example.com": "not the address",
		"{env.ISSUER}": "not the address", "http://id.example.com": "over https", "http://127.0.0.1.example.com": "over https", "http://10.0.0.5": "over https", "ftp://id.example.com": "over https",
		"https://id.example.com/" + strings.Repeat("x", 150): "more than 150 bytes",
	} {
		err := oidc.CheckIssuer(issuer)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}
