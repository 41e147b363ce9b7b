package caddymodule

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/internal/oidctest"
)

const oidcInside = "sign_in oidc ISSUER {\n\t\t\t\tclient_id tokenreeve\n\t\t\t\tclient_secret {env.TEST_OIDC_SECRET}\n\t\t\t\tROLE\n\t\t\t}"

// newOIDC starts a gateway where people sign in at a provider. words are added to
// those of the configuration.
func newOIDC(t *testing.T, words map[string]string) (*gateway, *oidctest.Provider) {
	t.Helper()
	t.Setenv("TEST_OIDC_SECRET", oidctest.ClientSecret)
	p := oidctest.Start(t)
	all := map[string]string{"INSIDE": oidcInside, "ISSUER": p.URL, "ROLE": "role member"}
	maps.Copy(all, words)
	return newManagement(t, all), p
}

// browser keeps cookies, by name.
type browser struct {
	g       *gateway
	cookies map[string]string
	headers []string
}

func (g *gateway) browser(headers ...string) *browser {
	return &browser{g, map[string]string{}, headers}
}

// visit asks for an address of the gateway and keeps the cookies of the answer.
func (b *browser) visit(address string) answer {
	b.g.t.Helper()
	headers := slices.Clone(b.headers)
	for name, value := range b.cookies {
		headers = append(headers, "Cookie: "+name+"="+value)
	}
	a := b.g.ask("GET", strings.TrimPrefix(strings.TrimPrefix(address, "https://"+b.g.addr), "http://"+b.g.addr), headers...)
	for _, line := range a.header.Values("Set-Cookie") {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			b.g.t.Fatal(err)
		}
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		} else {
			b.cookies[cookie.Name] = cookie.Value
		}
	}
	return a
}

// begin begins to sign in, and returns where the browser is sent.
func (b *browser) begin() (provider string) {
	b.g.t.Helper()
	return b.visit("/sign-in/oidc").want(b.g.t, http.StatusSeeOther).header.Get("Location")
}

func (b *browser) signIn(p *oidctest.Provider, who oidctest.Claims) answer {
	b.g.t.Helper()
	return b.visit(p.SignIn(b.begin(), who))
}

// person is who the browser is signed in as.
func (b *browser) person() *person {
	if secret := b.cookies["tokenreeve"]; secret != "" {
		return b.g.anyone("Cookie: tokenreeve=" + secret)
	}
	return b.g.anyone()
}

// page fails the test unless the answer is a page for people that says this.
func (a answer) page(t *testing.T, status int, says string) answer {
	t.Helper()
	a.want(t, status)
	if !strings.Contains(a.body, says) || a.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("want %q in it: %s", says, a.body)
	}
	return a
}

func ann() oidctest.Claims { return oidctest.Claims{"sub": "1234", "preferred_username": "Ann"} }

func TestAdminOIDC(t *testing.T) {
	g, p := newOIDC(t, nil)
	b := g.browser()
	b.signIn(p, ann()).page(t, http.StatusOK, `<meta http-equiv="refresh" content="0; url=/">`)
	who := b.person().who()
	if who.Account.Name != "ann" || who.Account.Role != admin.RoleMember || who.Account.Subject != "oidc:"+p.URL+"#1234" {
		t.Errorf("got %+v", who)
	}
	if len(b.cookies) != 1 {
		t.Errorf("there is more than the session: %v", b.cookies)
	}
	again := g.browser()
	again.signIn(p, oidctest.Claims{"sub": "1234", "preferred_username": "renamed"}).page(t, http.StatusOK, "signed in")
	if other := again.person().who(); other.Account.ID != who.Account.ID || *other.Session == *who.Session {
		t.Errorf("got %+v after %+v", other, who)
	}
	if sessions := b.person().do("GET", "sessions", nil).want(t, http.StatusOK); strings.Count(sessions.body, `"method":"oidc"`) != 2 {
		t.Error(sessions.body)
	}
	g.account("boss", admin.RoleOwner, "")
	boss := g.browser()
	boss.signIn(p, oidctest.Claims{"sub": "b", "preferred_username": "boss"}).page(t, http.StatusOK, "signed in")
	events := boss.person().do("GET", "events?action=sign-in", nil).want(t, http.StatusOK)
	if strings.Count(events.body, `"method":"oidc"`) != 3 {
		t.Error(events.body)
	}
	b.person().do("DELETE", "session", nil).want(t, http.StatusNoContent)
	b.person().do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")

	// The passwords of accounts count only where they are switched on.
	g.account("pat", admin.RoleOwner, adminPassword)
	a := g.anyone().do("POST", "session", object{"name": "pat", "password": adminPassword}).refused(t, http.StatusForbidden, "sign_in_method_off")
	if !strings.Contains(a.body, "sign in at /sign-in/oidc") {
		t.Error(a.body)
	}
	g.words["INSIDE"] = "sign_in password\n\t\t\t" + oidcInside
	g.mustLoad(adminSite)
	g.signIn("pat").do("GET", "session", nil).want(t, http.StatusOK)
	g.browser().signIn(p, ann()).page(t, http.StatusOK, "signed in")
	g.words["INSIDE"] = ""
	g.mustLoad(adminSite)
	g.ask("GET", "/sign-in/oidc").want(t, http.StatusNotFound)
	g.ask("GET", "/sign-in/oidc/callback").want(t, http.StatusNotFound)
}

// Security rule 23: who somebody is, the subject says alone; a name takes nothing over.
func TestAdminOIDCAccounts(t *testing.T) {
	g, p := newOIDC(t, nil)
	g.account("local", admin.RoleOwner, adminPassword)
	g.browser().signIn(p, ann()).page(t, http.StatusOK, "signed in")
	script, _ := g.script("ghost") // a token whose owner has no account
	_ = script
	for name, who := range map[string]oidctest.Claims{
		"an account with a password":   {"sub": "evil", "preferred_username": "LOCAL"},
		"the account of somebody else": {"sub": "evil", "preferred_username": "ann"},
		"another subject of a person":  {"sub": "12345", "preferred_username": "Ann"},
		"the owner of tokens":          {"sub": "evil", "preferred_username": "ghost"},
		"a name that can't be one":     {"sub": "evil", "preferred_username": "<b>x</b>"},
	} {
		t.Run(name, func(t *testing.T) {
			b := g.browser()
			a := b.signIn(p, who).page(t, http.StatusForbidden, "there is no enabled account for you here")
			b.person().do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
			if strings.Contains(a.body, "<b>") || len(b.cookies) != 0 {
				t.Error(a.body, b.cookies)
			}
		})
	}
	g.browser().signIn(p, oidctest.Claims{"sub": "evil"}).page(t, http.StatusForbidden, "does not say what to call you (preferred_username)")
	s := g.runtime().managing.service.Load()
	if _, err := s.UpdateAccount(t.Context(), admin.Operator("root"), "ann", admin.AccountEdit{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	g.browser().signIn(p, ann()).page(t, http.StatusForbidden, "no enabled account")

	g.words["ROLE"] = ""
	g.mustLoad(adminSite)
	newcomer := oidctest.Claims{"sub": "new", "preferred_username": "new"}
	g.browser().signIn(p, newcomer).page(t, http.StatusForbidden, `no enabled account`)
	g.account("new", admin.RoleAuditor, "")
	b := g.browser()
	b.signIn(p, newcomer).page(t, http.StatusOK, "signed in")
	if who := b.person().who(); who.Account.Role != admin.RoleAuditor {
		t.Errorf("got %+v", who)
	}
	// A header that names the same person is somebody else.
	g.words["INSIDE"], g.words["FROM"] = oidcInside+"\n\t\t\t"+headerInside, "127.0.0.1"
	g.mustLoad(adminSite)
	g.anyone("Remote-User: new").do("GET", "session", nil).refused(t, http.StatusUnauthorized, "sign_in_refused")

	g.words["INSIDE"], g.words["ROLE"] = oidcInside, "role nobody"
	g.mustLoad(adminSite)
	eventually(t, "the log says that there is no such role", func() bool { return strings.Contains(g.log(), `"role":"nobody"`) })
	g.browser().signIn(p, oidctest.Claims{"sub": "n2", "preferred_username": "n2"}).page(t, http.StatusInternalServerError, "The log of the server says what")
}

// Security rule 23: an attempt belongs to the browser that began it, and is finished once.
func TestAdminOIDCAttempts(t *testing.T) {
	g, p := newOIDC(t, nil)
	nobody := func(b *browser) {
		t.Helper()
		b.person().do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	}
	evil := g.browser()
	hers := p.SignIn(evil.begin(), oidctest.Claims{"sub": "evil", "preferred_username": "evil"})

	// Login CSRF: a link to somebody else's answer.
	victim := g.browser()
	victim.visit(hers).page(t, http.StatusBadRequest, "has not begun to sign in")
	nobody(victim)
	address := victim.begin()
	victim.visit(hers).page(t, http.StatusBadRequest, "has not begun to sign in")
	nobody(victim)
	// Which does not keep the victim from finishing.
	back := p.SignIn(address, ann())
	kept := maps.Clone(victim.cookies)
	victim.visit(back).page(t, http.StatusOK, "signed in")
	first := victim.person().who()

	// The answer again, as by going back, and with a cookie that was kept.
	victim.visit(back).page(t, http.StatusBadRequest, "or has finished it already")
	replayed := g.browser()
	replayed.cookies = kept
	replayed.visit(back).page(t, http.StatusBadRequest, "too long, or was finished already")
	nobody(replayed)
	twice := g.browser()
	back = p.SignIn(twice.begin(), ann())
	cookie := "Cookie: tokenreeve-oidc=" + twice.cookies["tokenreeve-oidc"]
	g.browser(cookie, "Cookie: tokenreeve-oidc=x").visit(back).page(t, http.StatusBadRequest, "has not begun")

	// Session fixation: what the browser had before is over.
	before := victim.cookies["tokenreeve"]
	victim.signIn(p, ann()).page(t, http.StatusOK, "signed in")
	if victim.cookies["tokenreeve"] == before || *victim.person().who().Session == *first.Session {
		t.Error("the session is the one from before")
	}
	g.anyone("Cookie: tokenreeve="+before).do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	fixed := g.browser()
	fixed.cookies["tokenreeve"] = "trs_" + strings.Repeat("0", 64)
	fixed.signIn(p, ann()).page(t, http.StatusOK, "signed in")
	if fixed.cookies["tokenreeve"] == "trs_"+strings.Repeat("0", 64) {
		t.Error("the session is one that somebody chose")
	}

	// There is no other place to be led to.
	open := g.browser()
	address = open.visit("/sign-in/oidc?next=https://evil.example/&redirect_uri=https://evil.example/").want(t, http.StatusSeeOther).header.Get("Location")
	back = p.SignIn(address, ann())
	if want := "http://" + g.addr + "/sign-in/oidc/callback?"; !strings.HasPrefix(back, want) {
		t.Errorf("the browser comes back to %s", back)
	}
	if a := open.visit(back+"&next=https://evil.example/").page(t, http.StatusOK, "url=/"); strings.Contains(a.body+a.header.Get("Location"), "evil") {
		t.Error(a)
	}

	// Another provider's answer, and none of ours (mix-up).
	mixed := g.browser()
	mixed.visit(strings.Replace(p.SignIn(mixed.begin(), ann()), url.QueryEscape(p.URL), "https%3A%2F%2Fevil.example", 1)).page(t, http.StatusBadGateway, "does not hold")
	nobody(mixed)

	// A configuration that is loaded meanwhile makes no difference.
	reloaded := g.browser()
	back = p.SignIn(reloaded.begin(), ann())
	g.words["ROLE"] = "role auditor"
	g.mustLoad(adminSite)
	reloaded.visit(back).page(t, http.StatusOK, "signed in")
}

func TestCallbackOf(t *testing.T) {
	for host, want := range map[string]string{
		"tokens.example.com": "http://tokens.example.com/sign-in/oidc/callback", "[::1]:8080": "http://[::1]:8080/sign-in/oidc/callback",
		"localhost:80@evil.example": "", "localhost@evil.example": "", "localhost:x": "", "localhost/evil": "", "localhost?": "", "localhost#": "", "a b": "", "[::1": "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/sign-in/oidc", nil)
		r.Host = host
		if got, ok := callbackOf(r); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", host, got, ok)
		}
	}
}

func TestAdminOIDCRequests(t *testing.T) {
	g, p := newOIDC(t, map[string]string{"SERVERS": "servers {\n\t\ttrusted_proxies static 127.0.0.1\n\t}"})
	for _, path := range []string{"/sign-in/oidc", "/sign-in/oidc/callback"} {
		for _, method := range []string{"POST", "HEAD", "PUT"} {
			if a := g.ask(method, path).want(t, http.StatusMethodNotAllowed); a.header.Get("Allow") != "GET" {
				t.Error(a)
			}
		}
		for _, to := range []string{"image", "iframe", "empty"} {
			g.ask("GET", path, "Sec-Fetch-Dest: "+to).page(t, http.StatusForbidden, "without showing it")
		}
	}
	for host, want := range map[string]string{
		"localhost": "http://localhost/", "tokens.localhost:8080": "http://tokens.localhost:8080/", "[::1]:99": "http://[::1]:99/", "192.0.2.1": "http://192.0.2.1/",
		"evil.example": "", "localhost:x": "",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.addr+"/sign-in/oidc", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host, r.Close = host, true
		a := g.do(r)
		u, err := url.Parse(a.header.Get("Location"))
		if got := u.Query().Get("redirect_uri"); err != nil || got != strings.TrimSuffix(want, "/")+map[bool]string{true: "/sign-in/oidc/callback"}[want != ""] {
			t.Errorf("%s: %d, back to %q", host, a.status, got)
		}
	}

	// Over TLS.
	b := g.browser("X-Forwarded-Proto: https", "Sec-Fetch-Dest: document", "X-Forwarded-For: 203.0.113.7", "User-Agent: Test")
	began := b.visit("/sign-in/oidc").want(t, http.StatusSeeOther)
	if want := "; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"; !strings.HasPrefix(began.header.Get("Set-Cookie"), "__Host-tokenreeve-oidc=") || !strings.HasSuffix(began.header.Get("Set-Cookie"), want) {
		t.Errorf("the cookie is %q", began.header.Get("Set-Cookie"))
	}
	back := p.SignIn(began.header.Get("Location"), ann())
	if !strings.HasPrefix(back, "https://"+g.addr+"/") {
		t.Errorf("the browser comes back to %s", back)
	}
	in := b.visit(back).page(t, http.StatusOK, "signed in")
	if cookies := in.header.Values("Set-Cookie"); len(cookies) != 2 || !strings.HasPrefix(cookies[1], "__Host-tokenreeve=trs_") || !strings.HasSuffix(cookies[1], "; Path=/; HttpOnly; Secure; SameSite=Strict") {
		t.Errorf("the cookies are %q", cookies)
	}
	me := g.anyone("Cookie: __Host-tokenreeve="+b.cookies["__Host-tokenreeve"], "X-Forwarded-Proto: https")
	if sessions := me.do("GET", "sessions", nil).want(t, http.StatusOK); !strings.Contains(sessions.body, `"address":"203.0.113.7"`) || !strings.Contains(sessions.body, `"agent":"Test"`) {
		t.Error(sessions.body)
	}

	// Too often, from one place.
	untilStopped := func(path string) (a answer) {
		for often := 0; a.status != http.StatusTooManyRequests; often++ {
			if a = g.ask("GET", path); often > 1000 {
				t.Fatal("nobody stops it")
			}
		}
		return a
	}
	untilStopped("/sign-in/oidc")
	a := untilStopped("/sign-in/oidc/callback").page(t, http.StatusTooManyRequests, "too many attempts")
	if a.header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
	g.ask("GET", "/sign-in/oidc", "X-Forwarded-For: 203.0.113.9").want(t, http.StatusSeeOther)
}

// What the provider does wrong, or not at all.
func TestAdminOIDCProvider(t *testing.T) {
	g, p := newOIDC(t, nil)
	b := g.browser()
	b.visit(p.Refuse(b.begin(), "access_denied")).page(t, http.StatusForbidden, "you did not agree to it")
	if len(b.cookies) != 0 {
		t.Errorf("it can be tried again: %v", b.cookies)
	}
	p.Lie(oidctest.Lies{Claims: func(c oidctest.Claims) { c["aud"] = "other" }})
	g.browser().signIn(p, ann()).page(t, http.StatusBadGateway, "does not hold")
	p.Lie(oidctest.Lies{Token: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }})
	if a := g.browser().signIn(p, ann()).page(t, http.StatusServiceUnavailable, "can&#39;t be reached"); a.header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
	p.Lie(oidctest.Lies{})
	t.Setenv("TEST_OIDC_SECRET", "not the secret")
	g.words["ROLE"] = ""
	g.mustLoad(adminSite)
	g.browser().signIn(p, ann()).page(t, http.StatusBadGateway, "its log says what is wrong")
	g.words["ISSUER"] = p.URL + "/"
	g.mustLoad(adminSite)
	g.browser().visit("/sign-in/oidc").page(t, http.StatusBadGateway, "its log says what is wrong")
	g.words["ISSUER"] = "http://" + freeAddress(t)
	g.mustLoad(adminSite)
	g.browser().visit("/sign-in/oidc").page(t, http.StatusServiceUnavailable, "can&#39;t be reached")
	for _, line := range []string{
		`"reason":"untrusted","detail":"the ID token is not valid`, `"reason":"provider_away","detail":"the provider answered 502`,
		`"reason":"misconfigured","detail":"the provider answered 401 \"invalid_client\"`, `write it as the provider does`, `connection refused`,
	} {
		if !strings.Contains(g.log(), line) {
			t.Errorf("the log has no %s", line)
		}
	}
	rt := g.runtime()
	rt.managing.begin(awayStore{Store: rt.store.Load()})
	g.words["ISSUER"] = p.URL
	t.Setenv("TEST_OIDC_SECRET", oidctest.ClientSecret)
	g.mustLoad(adminSite)
	g.browser().signIn(p, ann()).page(t, http.StatusServiceUnavailable, "The store can&#39;t be reached")
}

// Security rule 20: no secret in logs, nor what Caddy shows.
func TestAdminOIDCSecretsInLogs(t *testing.T) {
	g, p := newOIDC(t, map[string]string{
		"LOGS":    "log {\n\t\toutput file DIR/access.log\n\t\tformat api_tokens\n\t}\n\tlog_append attempt {http.request.cookie.tokenreeve-oidc}",
		"SERVERS": "servers {\n\t\tlog_credentials\n\t}",
		"DEBUG\n": "debug\n\t\tformat api_tokens\n",
	})
	b := g.browser()
	address := b.begin()
	attempt := b.cookies["tokenreeve-oidc"]
	back := p.SignIn(address, ann())
	b.visit(back).page(t, http.StatusOK, "signed in")
	again := g.browser()
	again.cookies["tokenreeve-oidc"] = attempt
	again.visit(back).page(t, http.StatusBadRequest, "finished already")
	t.Setenv("TEST_OIDC_SECRET", "another secret of the client")
	g.words["ROLE"] = ""
	g.mustLoad(adminSite)
	g.browser().signIn(p, ann()).page(t, http.StatusBadGateway, "log")

	access, err := os.ReadFile(filepath.Join(g.dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	logs := g.log() + string(access)
	if !strings.Contains(logs, "/sign-in/oidc/callback?REDACTED") || !strings.Contains(logs, "no such code: REDACTED") {
		t.Error("the log does not have what happened")
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(attempt, "trs_")
	for what, secret := range map[string]string{
		"code": u.Query().Get("code"), "attempt": secret, "session": b.cookies["tokenreeve"],
		"client's secret": oidctest.ClientSecret, "other secret": "another secret of the client", "other secret, encoded": "another+secret+of+the+client",
	} {
		if i := strings.Index(logs, secret); i >= 0 {
			t.Errorf("the %s is in a log: …%s", what, logs[max(0, i-200):i+20])
		}
	}
}

func TestHideAnswers(t *testing.T) {
	for line, want := range map[string]string{
		`{"uri":"/sign-in/oidc/callback?code=abcdef&state=x","n":1}`:                  `{"uri":"/sign-in/oidc/callback?REDACTED","n":1}`,
		`{"uri":"/sign-in/oidc/callback?code=abcdef\u0026state=x","n":1}`:             `{"uri":"/sign-in/oidc/callback?REDACTED","n":1}`,
		`{"msg":"GET \"/sign-in/oidc/callback?code=abcdef\" failed"}`:                 `{"msg":"GET \"/sign-in/oidc/callback?REDACTED\" failed"}`,
		"GET /sign-in/oidc/callback?code=abcdef HTTP/1.1\t/sign-in/oidc/callback?x\n": "GET /sign-in/oidc/callback?REDACTED HTTP/1.1\t/sign-in/oidc/callback?x\n",
		`/sign-in/oidc/callback?code=abcdef`:                                          `/sign-in/oidc/callback?REDACTED`,
		`/sign-in/oidc/callback`:                                                      `/sign-in/oidc/callback`,
		`/sign-in/oidc?code=abcdefgh`:                                                 `/sign-in/oidc?code=abcdefgh`,
	} {
		if got := string(hideAnswers([]byte(line))); got != want {
			t.Errorf("%s became %s", line, got)
		}
	}
}

// What is checked when a configuration is loaded.
func TestAdminOIDCProvision(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_OIDC_SECRET", "x")
	good := OIDCSignIn{Issuer: "https://id.example.com", ClientID: "tokenreeve", ClientSecret: "{env.TEST_OIDC_SECRET}"}
	for name, test := range map[string]struct {
		change func(*OIDCSignIn)
		says   string
	}{
		"good":             {func(*OIDCSignIn) {}, ""},
		"no such variable": {func(o *OIDCSignIn) { o.ClientSecret = "{env.TEST_NO_SUCH_VARIABLE}" }, "client_secret: "},
		"an empty file":    {func(o *OIDCSignIn) { o.ClientSecret = "{file." + file + "}" }, "client_secret: "},
		"a secret":         {func(o *OIDCSignIn) { o.ClientSecret = "s3cret" }, "is not a placeholder"},
		"a part of it":     {func(o *OIDCSignIn) { o.ClientSecret = "s3cret{env.TEST_OIDC_SECRET}" }, "is not a placeholder"},
		"no secret":        {func(o *OIDCSignIn) { o.ClientSecret = "" }, "needs the secret"},
		"no id":            {func(o *OIDCSignIn) { o.ClientID = "" }, "client_id tokenreeve"},
		"no TLS":           {func(o *OIDCSignIn) { o.Issuer = "http://id.example.com" }, "over https"},
		"no claim":         {func(o *OIDCSignIn) { o.NameClaim = "a b" }, "not the name of a claim"},
	} {
		o := good
		test.change(&o)
		err := o.provision()
		if (err == nil) != (test.says == "") || err != nil && (!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
