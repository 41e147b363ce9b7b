package e2e

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// oidcCaddyfile has the management of tokens, with people signing in at a provider.
const oidcCaddyfile = `{
	admin %ADMIN%
	api_tokens {
		store sqlite %STORE%
	}
}

http://%ADDRESS% {
	api_tokens_admin {
		sign_in oidc %ISSUER% {
			client_id tokenreeve
			client_secret {env.OIDC_SECRET}
			name_claim %CLAIM%
			role member
		}
	}
}
`

const oidcSecret = "what+both & nobody else=knows"

// oidcSite is some gateways of one store behind a balancer, and the provider.
type oidcSite struct {
	t        *testing.T
	node     string
	issuer   string
	address  string // of the balancer
	gateways []string
	store    string
	turn     atomic.Int64
}

func newOIDCSite(t *testing.T) *oidcSite {
	t.Helper()
	s := &oidcSite{t: t, node: installed(t), issuer: "http://" + freeAddress(t), store: filepath.Join(t.TempDir(), "tokens.db")}
	// Each request goes to another gateway than the one before.
	balancer := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", s.gateways[int(s.turn.Add(1))%len(s.gateways)]
	}})
	t.Cleanup(balancer.Close)
	s.address = balancer.URL
	return s
}

// startProvider starts oidc-provider, from npm.
func (s *oidcSite) startProvider(env ...string) {
	s.t.Helper()
	env = append(append(os.Environ(), env...), "ISSUER="+s.issuer, "SECRET="+oidcSecret, "CALLBACK="+s.address+"/sign-in/oidc/callback")
	p := start(s.t, s.t.TempDir(), env, s.node, filepath.Join(root, "e2e", "oidc", "provider.mjs"))
	p.answersOn(strings.TrimPrefix(s.issuer, "http://"))
}

// addGateway starts a gateway that has a secret for the provider.
func (s *oidcSite) addGateway(secret, claim string) *gateway {
	s.t.Helper()
	g := newGateway(s.t, readyBinary(s.t), "")
	_, port, _ := strings.Cut(g.addr, ":")
	text := strings.NewReplacer("%ADMIN%", g.admin, "%STORE%", s.store, "%ADDRESS%", ":"+port, "%ISSUER%", s.issuer, "%CLAIM%", claim).Replace(oidcCaddyfile)
	g.config = filepath.Join(g.dir, "Caddyfile")
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	g.env = append(g.env, "OIDC_SECRET="+secret)
	g.start()
	s.gateways = append(s.gateways, g.addr)
	return g
}

// visitor is a browser: it keeps cookies, follows redirects, and fills in forms.
type visitor struct {
	s      *oidcSite
	client *http.Client
	back   *http.Request // with which it came back from the provider
}

func (s *oidcSite) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	v := &visitor{s: s}
	v.client = &http.Client{Timeout: patience, Jar: jar, Transport: v}
	return v
}

// RoundTrip remembers the way back from the provider.
func (v *visitor) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/sign-in/oidc/callback") {
		v.back = r.Clone(r.Context())
	}
	return client.Transport.RoundTrip(r)
}

// visit goes to an address, with a form if there is one. If it comes too often, it waits
// and goes on where it was.
func (v *visitor) visit(address string, form url.Values) answer {
	v.s.t.Helper()
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	r, err := http.NewRequestWithContext(v.s.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		v.s.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for end := time.Now().Add(patience); ; {
		resp, err := v.client.Do(r)
		if err != nil {
			v.s.t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			v.s.t.Fatal(err)
		}
		if resp.StatusCode != http.StatusTooManyRequests || time.Now().After(end) {
			return answer{resp.StatusCode, resp.Header, string(text)}
		}
		// All visitors come from one address, and a fast machine has them come too often.
		wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil {
			v.s.t.Fatal(err)
		}
		time.Sleep(time.Duration(wait) * time.Second)
		if r, err = http.NewRequestWithContext(v.s.t.Context(), http.MethodGet, resp.Request.URL.String(), nil); err != nil {
			v.s.t.Fatal(err)
		}
	}
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	abortLink  = regexp.MustCompile(`<a href="([^"]+/abort)"`)
)

// link returns the address that a page has.
func (v *visitor) link(kind *regexp.Regexp, page answer) string {
	v.s.t.Helper()
	found := kind.FindStringSubmatch(page.body)
	if found == nil {
		v.s.t.Fatalf("there is no %v in the page, %d: %s", kind, page.status, page.body)
	}
	return html.UnescapeString(found[1])
}

// signIn signs in at the provider and agrees to what it asks, and returns the page
// that this ends with.
func (v *visitor) signIn(login string) answer {
	v.s.t.Helper()
	page := v.visit(v.s.address+"/sign-in/oidc", nil)
	page = v.visit(v.link(formAction, page), url.Values{"prompt": {"login"}, "login": {login}, "password": {"any"}})
	return v.visit(v.link(formAction, page), url.Values{"prompt": {"consent"}})
}

func (v *visitor) wants(page answer, status int, says string) {
	v.s.t.Helper()
	if page.status != status || !strings.Contains(page.body, says) {
		v.s.t.Fatalf("got %d, want %d with %q: %s", page.status, status, says, page.body)
	}
}

// is returns name and subject of whom the visitor is signed in as.
func (v *visitor) is() (name, subject string) {
	v.s.t.Helper()
	var who struct {
		Account struct{ Name, Subject string }
	}
	page := v.visit(v.s.address+"/api/v1/session", nil)
	if page.status == http.StatusUnauthorized {
		return "", ""
	}
	if err := json.Unmarshal([]byte(page.body), &who); err != nil || page.status != http.StatusOK {
		v.s.t.Fatalf("%d, %v: %s", page.status, err, page.body)
	}
	return who.Account.Name, who.Account.Subject
}

// A real provider signs people in, at gateways that take turns.
func TestOIDC(t *testing.T) {
	s := newOIDCSite(t)
	one := s.addGateway(oidcSecret, "preferred_username")
	other := s.addGateway(oidcSecret, "preferred_username")
	v := s.visitor()
	v.wants(v.visit(s.address+"/sign-in/oidc", nil), http.StatusServiceUnavailable, "can&#39;t be reached")
	s.startProvider()
	for _, address := range s.gateways {
		eventually(t, "the provider is found", func() bool {
			return send(t, http.MethodGet, "http://"+address+"/sign-in/oidc").status == http.StatusSeeOther
		})
	}

	ann := s.visitor()
	ann.wants(ann.signIn("ann@one.example"), http.StatusOK, "You are signed in")
	if name, subject := ann.is(); name != "ann" || subject != "oidc:"+s.issuer+"#ann@one.example" {
		t.Errorf("signed in as %q, %q", name, subject)
	}
	// The provider knows her, and asks nothing.
	ann.wants(ann.visit(s.address+"/sign-in/oidc", nil), http.StatusOK, "You are signed in")

	// The code was for once, also for who has it all.
	replay := send(t, http.MethodGet, s.address+ann.back.URL.RequestURI(), "Cookie: "+ann.back.Header.Get("Cookie"))
	ann.wants(replay, http.StatusBadRequest, "finished already")
	if replay.header.Get("Set-Cookie") == "" || strings.Contains(strings.Join(replay.header.Values("Set-Cookie"), ""), "trs_") {
		t.Error(replay.header)
	}

	// Another person of the same name.
	second := s.visitor()
	second.wants(second.signIn("ann@two.example"), http.StatusForbidden, "no enabled account for you")
	if name, _ := second.is(); name != "" {
		t.Errorf("signed in as %q", name)
	}

	one.command("account", "create", "boss", "--role", "owner")
	boss := s.visitor()
	boss.wants(boss.signIn("boss@one.example"), http.StatusOK, "You are signed in")
	trail := boss.visit(s.address+"/api/v1/events?action=sign-in", nil)
	if strings.Count(trail.body, `"method":"oidc"`) != 3 {
		t.Errorf("the audit trail has %s", trail.body)
	}

	// What was typed after the session had ended waits until the provider is done.
	late := s.visitor()
	late.wants(late.visit(s.address+"/tokens", url.Values{"api": {"tokenreeve"}, "name": {"typed before"}}), http.StatusUnauthorized, `name="typed.name" value="typed before"`)
	late.signIn("late@one.example")
	late.wants(late.visit(s.address+"/sign-in/typed", url.Values{"typed-path": {"/tokens"}, "typed.api": {"tokenreeve"}, "typed.name": {"typed before"}}),
		http.StatusOK, `value="typed before"`)

	no := s.visitor()
	page := no.visit(s.address+"/sign-in/oidc", nil)
	no.wants(no.visit(no.link(abortLink, page), nil), http.StatusForbidden, "you did not agree to it")
	page = no.visit(s.address+"/sign-in/oidc", nil)
	page = no.visit(no.link(formAction, page), url.Values{"prompt": {"login"}, "login": {"no@one.example"}, "password": {"any"}})
	no.wants(no.visit(no.link(abortLink, page), nil), http.StatusForbidden, "you did not agree to it")
	if name, _ := no.is(); name != "" {
		t.Errorf("signed in as %q", name)
	}

	code := ann.back.URL.Query().Get("code")
	for _, g := range []*gateway{one, other} {
		if log := g.process.out.String(); code == "" || strings.Contains(log, code) || strings.Contains(log, oidcSecret) {
			t.Errorf("the log of a gateway has a secret: %s", log)
		}
	}
}

// What is wrong is told, to the person and in the log.
func TestOIDCGoesWrong(t *testing.T) {
	for name, test := range map[string]struct {
		behind        string // seconds, the clock of the provider
		secret, claim string
		login         string
		status        int
		says, logged  string
	}{
		"a wrong secret":         {"0", "wrong", "preferred_username", "ann@one.example", http.StatusBadGateway, "its log says what is wrong", "invalid_client"},
		"an ID token of before":  {"7200", oidcSecret, "preferred_username", "ann@one.example", http.StatusBadGateway, "does not hold", "token is expired"},
		"an address":             {"0", oidcSecret, "email", "ann@one.example", http.StatusOK, "You are signed in", ""},
		"an address of somebody": {"0", oidcSecret, "email", "eve@one.example", http.StatusForbidden, "does not say what to call you (email)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newOIDCSite(t)
			s.startProvider("BEHIND=" + test.behind)
			g := s.addGateway(test.secret, test.claim)
			v := s.visitor()
			v.wants(v.signIn(test.login), test.status, test.says)
			if name, _ := v.is(); (name != "") != (test.status == http.StatusOK) {
				t.Errorf("signed in as %q", name)
			}
			if !strings.Contains(g.process.out.String(), test.logged) {
				t.Errorf("the log does not say %q", test.logged)
			}
		})
	}
}
