// Package oidctest is a provider of OpenID Connect for tests. It is strict with its
// client, and lies when it is told to.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// What the provider knows its only client by.
const (
	ClientID     = "tokenreeve"
	ClientSecret = "a secret+of&the client"
)

// Claims are those of an ID token, or of user info.
type Claims map[string]any

// Lies are what the provider does otherwise than it should.
type Lies struct {
	Document func(Claims)             // what it says of itself
	Claims   func(Claims)             // of the ID token
	Sign     func(text string) string // makes an ID token of claims
	UserInfo Claims                   // instead of what it knows
	Token    http.HandlerFunc         // instead of answering with tokens
}

// Provider is a provider.
type Provider struct {
	URL string // the issuer

	t   testing.TB
	key *ecdsa.PrivateKey

	mu     sync.Mutex
	lies   Lies
	codes  map[string]url.Values // what was asked for with each
	tokens map[string]Claims     // who each access token is for
	looked int
}

// Start starts a provider that ends with the test.
func Start(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{t: t, codes: map[string]url.Values{}, tokens: map[string]Claims{}}
	p.key = NewKey(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.document)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userInfo)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// NewKey returns a key of the kind that the provider signs with.
func NewKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Lie makes the provider lie from now on; no lies make it honest.
func (p *Provider) Lie(lies Lies) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lies = lies
}

// Looked returns how often the provider was looked up.
func (p *Provider) Looked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.looked
}

// SignIn signs somebody in who was sent to an address of the provider, and returns
// where the browser is sent back to. Claims are who it is.
func (p *Provider) SignIn(address string, who Claims) (callback string) {
	p.t.Helper()
	asked, back := p.request(address)
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = asked
	p.tokens["access-"+code] = who
	p.mu.Unlock()
	back.RawQuery = url.Values{"code": {code}, "state": asked["state"], "iss": {p.URL}}.Encode()
	return back.String()
}

// Refuse is SignIn for somebody who is refused.
func (p *Provider) Refuse(address, reason string) (callback string) {
	p.t.Helper()
	asked, back := p.request(address)
	back.RawQuery = url.Values{"error": {reason}, "state": asked["state"], "iss": {p.URL}}.Encode()
	return back.String()
}

// request reads what a browser asks for, and wants all that a client has to send.
func (p *Provider) request(address string) (asked url.Values, back *url.URL) {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	asked = u.Query()
	for name, want := range map[string]string{"client_id": ClientID, "response_type": "code", "code_challenge_method": "S256"} {
		if got := asked.Get(name); got != want {
			p.t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(asked.Get(name)) < 43 {
			p.t.Errorf("%s is %q, which can be guessed", name, asked.Get(name))
		}
	}
	if !strings.HasPrefix(address, p.URL+"/authorize?") || !strings.HasPrefix(asked.Get("scope"), "openid profile") {
		p.t.Errorf("the browser is sent to %s", address)
	}
	if back, err = url.Parse(asked.Get("redirect_uri")); err != nil {
		p.t.Fatal(err)
	}
	return asked, back
}

func (p *Provider) told() Lies {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lies
}

func (p *Provider) document(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	p.looked++
	p.mu.Unlock()
	says := Claims{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"jwks_uri": p.URL + "/keys", "userinfo_endpoint": p.URL + "/userinfo",
		"id_token_signing_alg_values_supported":          []string{oidc.ES256},
		"authorization_response_iss_parameter_supported": true,
	}
	if lie := p.told().Document; lie != nil {
		lie(says)
	}
	answer(w, http.StatusOK, says)
}

func (p *Provider) keys(w http.ResponseWriter, r *http.Request) {
	server := oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: p.key.Public(), KeyID: "key", Algorithm: oidc.ES256}}}
	server.ServeHTTP(w, r)
}

// token exchanges a code, once, for the client that asked for it.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	lies := p.told()
	if lies.Token != nil {
		lies.Token(w, r)
		return
	}
	id, secret, _ := r.BasicAuth()
	if id != url.QueryEscape(ClientID) || secret != url.QueryEscape(ClientSecret) {
		answer(w, http.StatusUnauthorized, Claims{"error": "invalid_client", "error_description": "not " + secret})
		return
	}
	code := r.PostFormValue("code")
	p.mu.Lock()
	asked, ok := p.codes[code]
	delete(p.codes, code)
	who := p.tokens["access-"+code]
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") {
		answer(w, http.StatusBadRequest, Claims{"error": "invalid_grant", "error_description": "no such code: " + code})
		return
	}
	now := time.Now()
	claims := Claims{"iss": p.URL, "aud": ClientID, "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "nonce": asked.Get("nonce")}
	maps.Copy(claims, who)
	if lies.Claims != nil {
		lies.Claims(claims)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	sign := lies.Sign
	if sign == nil {
		sign = p.Sign(p.key, "key")
	}
	answer(w, http.StatusOK, Claims{"access_token": "access-" + code, "token_type": "Bearer", "id_token": sign(string(text))})
}

// Sign returns what signs claims with a key that is called id.
func (p *Provider) Sign(key crypto.PrivateKey, id string) func(text string) string {
	return func(text string) string { return oidctest.SignIDToken(key, id, oidc.ES256, text) }
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	who, ok := p.tokens[bearer]
	p.mu.Unlock()
	if !ok {
		answer(w, http.StatusUnauthorized, Claims{"error": "invalid_token", "error_description": "not " + bearer})
		return
	}
	says := Claims{"sub": who["sub"]}
	maps.Copy(says, p.told().UserInfo)
	answer(w, http.StatusOK, says)
}

func answer(w http.ResponseWriter, status int, says Claims) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(says) // who went away misses nothing
}
