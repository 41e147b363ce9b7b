package caddymodule

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
)

func TestAdminFromSetUpToRevocation(t *testing.T) {
	g := newManagement(t, nil)
	address, link := g.setUpLink()
	if want := "http://" + g.addr + "/set-up"; address != want {
		t.Errorf("the link leads to %q, want %q", address, want)
	}
	if a := g.ask("GET", "/set-up").want(t, http.StatusOK); !strings.Contains(a.body, `action="/set-up"`) || strings.Contains(a.body, link) {
		t.Error(a.body)
	}
	if a := g.ask("GET", "/"); a.status != http.StatusSeeOther || a.header.Get("Location") != "/sign-in" {
		t.Errorf("the first page: %v", a)
	}
	g.ask("POST", "/set-up").want(t, http.StatusUnprocessableEntity)
	g.ask("GET", "/nothing").want(t, http.StatusNotFound)

	asked := object{"api": "articles", "name": "ci", "type": "custom", "duration": "30d", "grants": []string{"article.find"}}
	g.anyone().do("POST", "tokens", asked).refused(t, http.StatusUnauthorized, "not_signed_in")
	owner := object{"link": link, "name": "ann", "password": adminPassword}
	in := g.anyone().do("POST", "set-up", owner).want(t, http.StatusCreated)
	g.anyone().do("POST", "set-up", owner).refused(t, http.StatusForbidden, "set_up_link_invalid")

	ann := g.anyone("Cookie: " + in.cookie(t))
	made := readAs[issued](t, ann.do("POST", "tokens", asked).want(t, http.StatusCreated))
	bearer := "Authorization: Bearer " + made.Secret
	if a := g.ask("GET", "/api/articles", bearer); a.status != http.StatusOK || a.body != "backend" {
		t.Fatal(a)
	}
	if a := g.ask("POST", "/api/articles", bearer); a.status != http.StatusForbidden {
		t.Error(a)
	}
	for _, change := range []struct {
		action string
		status int
	}{{"disable", 401}, {"enable", 200}, {"disable", 401}} {
		ann.do("POST", "tokens/"+made.Token.ID+"/"+change.action, nil).want(t, http.StatusOK)
		if a := g.ask("GET", "/api/articles", bearer); a.status != change.status {
			t.Fatalf("%s: the next request got %v", change.action, a)
		}
	}
	ann.do("DELETE", "session", nil).want(t, http.StatusNoContent)
	ann.do("GET", "tokens", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	again := g.signIn("ann")
	again.do("GET", "tokens", nil).want(t, http.StatusOK)
	// The catalog is there from the start, so that tokens can be made for it.
	again.do("GET", "apis/"+admin.ManagementAPI, nil).want(t, http.StatusOK)
	if log := g.log(); strings.Contains(log, adminPassword) || strings.Contains(log, made.Secret) || strings.Count(log, link) != 1 {
		t.Error("the log has a secret")
	}
}

func TestAdminRightsOfMembers(t *testing.T) {
	g := newManagement(t, nil)
	g.account("ann", admin.RoleOwner, adminPassword)
	g.account("mia", admin.RoleMember, adminPassword)
	ann, mia := g.signIn("ann"), g.signIn("mia")
	of := func(name string) object {
		return object{"api": "articles", "name": name, "type": "read-only", "duration": "7d"}
	}
	anns := readAs[issued](t, ann.do("POST", "tokens", of("ann's")).want(t, http.StatusCreated))
	mias := readAs[issued](t, mia.do("POST", "tokens", of("mia's")).want(t, http.StatusCreated))
	mia.do("GET", "tokens/"+mias.Token.ID, nil).want(t, http.StatusOK)
	mia.do("GET", "tokens/"+anns.Token.ID, nil).refused(t, http.StatusNotFound, "not_found")
	mia.do("POST", "tokens/"+anns.Token.ID+"/disable", nil).refused(t, http.StatusNotFound, "not_found")
	mia.do("GET", "accounts", nil).refused(t, http.StatusForbidden, "forbidden")
	mia.do("GET", "events", nil).refused(t, http.StatusForbidden, "forbidden")
	ann.do("GET", "tokens/"+mias.Token.ID, nil).want(t, http.StatusOK)
	// A change of the role holds with the next request.
	ann.do("PATCH", "accounts/mia", object{"role": "auditor"}, "If-Match: *").want(t, http.StatusOK)
	g.signIn("mia").do("GET", "events", nil).want(t, http.StatusOK)
}

func TestAdminByToken(t *testing.T) {
	g := newManagement(t, map[string]string{"TOKENS": "flush_interval 50ms"})
	g.account("ann", admin.RoleOwner, adminPassword)
	g.account("mia", admin.RoleMember, adminPassword)
	ann := g.signIn("ann")
	id, script := g.script("mia")
	_, reader := g.script("mia", "token.read")
	asked := object{"api": "articles", "name": "ci", "type": "read-only", "duration": "7d"}

	made := readAs[issued](t, script.do("POST", "tokens", asked).want(t, http.StatusCreated))
	if made.Token.Owner != "mia" {
		t.Errorf("the token belongs to %q", made.Token.Owner)
	}
	script.do("GET", "accounts", nil).refused(t, http.StatusForbidden, "forbidden") // mia may not either
	reader.do("GET", "tokens/"+made.Token.ID, nil).want(t, http.StatusOK)
	a := reader.do("POST", "tokens", asked).refused(t, http.StatusForbidden, "missing_permission")
	if p := readAs[problem](t, a); p.Permission != "token.create" || !strings.Contains(a.header.Get("WWW-Authenticate"), `scope="token.create"`) {
		t.Error(a)
	}
	eventually(t, "the use is counted", func() bool {
		uses, err := g.runtime().store.Load().Usage(t.Context(), id, time.Now().AddDate(0, 0, -1))
		var allowed uint64
		for _, use := range uses { // of two days, around midnight
			allowed += use.Allowed
		}
		return err == nil && allowed == 2
	})
	if n := g.metric(`tokenreeve_decisions_total{api="tokenreeve",outcome="refused",reason="missing_permission"}`); n != 1 {
		t.Errorf("%v refusals were counted", n)
	}

	// A form has a say in what is decided elsewhere: it is looked into, and refused for its type alone.
	_, maker := g.script("mia", "token.create")
	g.askWith("POST", "/api/v1/tokens", "name=ci", append(maker.headers, "Content-Type: application/x-www-form-urlencoded")...).refused(t, http.StatusUnsupportedMediaType, "unsupported_media_type")

	for name, headers := range map[string][]string{
		"of another API": {g.bearer("full")}, "unknown": {g.bearer("unknown")}, "junk": {"Authorization: Bearer trv_junk"},
	} {
		a := g.anyone(headers...).do("GET", "tokens", nil).refused(t, http.StatusUnauthorized, "invalid_token")
		if want := `Bearer realm="tokenreeve", error="invalid_token"`; a.header.Get("WWW-Authenticate") != want {
			t.Errorf("%s: the challenge is %q", name, a.header.Get("WWW-Authenticate"))
		}
	}
	both := g.anyone(append(ann.headers, script.headers...)...)
	both.do("GET", "tokens", nil).refused(t, http.StatusBadRequest, "ambiguous_credential")
	twice := g.anyone(append(script.headers, "X-API-Key: "+g.tokens["full"].secret)...)
	twice.do("GET", "tokens", nil).refused(t, http.StatusBadRequest, "ambiguous_credential")
	preflight := g.anyone("Origin: https://example.com", "Access-Control-Request-Method: GET")
	preflight.do("OPTIONS", "tokens", nil).want(t, http.StatusNoContent)
	preflight.do("GET", "tokens", nil).refused(t, http.StatusUnauthorized, "not_signed_in")

	// The token is worth what its owner is.
	ann.do("PATCH", "accounts/mia", object{"enabled": false}, "If-Match: *").want(t, http.StatusOK)
	script.do("GET", "tokens", nil).refused(t, http.StatusForbidden, "forbidden")
	ann.do("PATCH", "accounts/mia", object{"enabled": true}, "If-Match: *").want(t, http.StatusOK)
	script.do("GET", "tokens", nil).want(t, http.StatusOK)
	ann.do("POST", "tokens/"+id+"/disable", nil).want(t, http.StatusOK)
	script.do("GET", "tokens", nil).refused(t, http.StatusUnauthorized, "invalid_token")
}

// A reload keeps sessions, and what is known of guesses at passwords.
func TestAdminReload(t *testing.T) {
	g := newManagement(t, nil)
	_, link := g.setUpLink()
	g.anyone().do("POST", "set-up", object{"link": link, "name": "ann", "password": adminPassword}).want(t, http.StatusCreated)
	ann := g.signIn("ann")
	guess := func() int {
		return g.anyone().do("POST", "session", object{"name": "nobody", "password": "guess"}).status
	}
	untilSlowedDown := func() (guesses int) {
		for ; guess() == http.StatusUnauthorized; guesses++ {
			if guesses > 100 {
				t.Fatal("guesses are not slowed down")
			}
		}
		return guesses
	}
	untilSlowedDown()
	g.words["INSIDE"] = "host other.example.com"
	g.mustLoad(adminSite)
	// The first five are free, had it forgotten; on a slow machine the delay may have
	// passed, and each guess doubles it.
	if guesses := untilSlowedDown(); guesses >= 5 {
		t.Errorf("after a reload %d guesses were looked at", guesses)
	}
	ann.do("GET", "session", nil).want(t, http.StatusOK)
	if len(g.setUpLinks()) != 1 {
		t.Error("the reload made another link")
	}
}

// A reload while nobody has followed the link leaves it alone.
func TestAdminReloadKeepsSetUpLink(t *testing.T) {
	g := newManagement(t, nil)
	_, link := g.setUpLink()
	g.words["INSIDE"] = "host other.example.com"
	g.mustLoad(adminSite)
	g.anyone().do("POST", "set-up", object{"link": link, "name": "ann", "password": adminPassword}).want(t, http.StatusCreated)
	g.setUpLink() // there is but one
}

func TestAdminHosts(t *testing.T) {
	g := newManagement(t, map[string]string{"INSIDE": "host Tokens.example.com *.internal"})
	for host, ours := range map[string]bool{
		"tokens.example.com": true, "TOKENS.example.com:8080": true, "tokens.example.com.": true, "a.internal": true, "localhost": true,
		"x.localhost:80": true, "127.0.0.1": true, "[::1]:99": true, "192.0.2.1:8080": true,
		"example.com": false, "a.b.internal": false, "internal": false, "evil.example": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false,
	} {
		for _, path := range []string{"/", "/set-up", "/api/v1/session"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.addr+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host, r.Close = host, true
			if a := g.do(r); (a.status != http.StatusMisdirectedRequest) != ours {
				t.Errorf("%s as %s got %v", path, host, a)
			}
		}
	}
}

func TestAdminStoreAway(t *testing.T) {
	g := newManagement(t, nil)
	g.account("ann", admin.RoleOwner, adminPassword)
	ann := g.signIn("ann")
	_, script := g.script("ann")
	script.do("GET", "tokens", nil).want(t, http.StatusOK)
	rt := g.runtime()
	rt.managing.begin(awayStore{Store: rt.store.Load()})
	g.words["INSIDE"] = "host a"
	g.mustLoad(adminSite)
	for _, who := range []*person{ann, script} {
		a := who.do("GET", "tokens", nil).refused(t, http.StatusServiceUnavailable, "store_unavailable")
		if a.header.Get("Retry-After") == "" {
			t.Error("nobody says when to try again")
		}
	}
	g.anyone().do("POST", "session", object{"name": "ann", "password": adminPassword}).refused(t, http.StatusServiceUnavailable, "store_unavailable")
	rt.managing.service.Store(nil) // as for one that was never reached
	a := ann.do("GET", "tokens", nil).refused(t, http.StatusServiceUnavailable, "store_unavailable")
	if a.header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
	rt.managing.begin(rt.store.Load())
	g.words["INSIDE"] = "host b"
	g.mustLoad(adminSite)
	ann.do("GET", "tokens", nil).want(t, http.StatusOK)
}

// Two handlers share a store, so they agree on how long the audit trail is kept.
func TestAdminRetentionDiffers(t *testing.T) {
	const other = "http://OTHER {\n\tapi_tokens_admin\n}\n"
	g := newGateway(t, map[string]string{"LOGS": "", "INSIDE": "audit_retention 30d", "OTHER": anyHost(freeAddress(t))})
	if err := g.load(adminSite + other); err == nil || !strings.Contains(err.Error(), "audit_retention differs") {
		t.Error(err)
	}
	g.words["INSIDE"] = "audit_retention 400d"
	g.mustLoad(adminSite + other)
	eventually(t, "the link is in the log", func() bool { return len(g.setUpLinks()) == 1 })
}

// The name of the management API is reserved in JSON too.
func TestAdminAPIIsReserved(t *testing.T) {
	h := &Handler{API: admin.ManagementAPI}
	if err := h.setDefaults(); err == nil || !strings.Contains(err.Error(), "choose another one") {
		t.Error(err)
	}
}
