package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
)

const headerInside = "sign_in header Remote-User {\n\t\t\t\tfrom FROM\n\t\t\t\trole member\n\t\t\t}"

type whoAmI struct {
	Account admin.AccountRecord
	Session *string
}

func (p *person) who() whoAmI {
	p.g.t.Helper()
	return readAs[whoAmI](p.g.t, p.do("GET", "session", nil).want(p.g.t, http.StatusOK))
}

func TestAdminHeaderSignIn(t *testing.T) {
	g := newManagement(t, map[string]string{"INSIDE": headerInside, "FROM": "192.0.2.0/24 127.0.0.1"})
	eventually(t, "the log says what to do", func() bool { return strings.Contains(g.log(), "account create <name> --role owner") })
	if len(g.setUpLinks()) != 0 {
		t.Error("there is a link, though nobody signs in by password")
	}
	g.account("boss", admin.RoleOwner, "")
	boss, mia := g.anyone("Remote-User: boss"), g.anyone("Remote-User: Mia@example.com")

	first := boss.who()
	if first.Account.Name != "boss" || first.Account.Role != admin.RoleOwner || first.Account.Subject != "header:boss" {
		t.Errorf("got %+v", first)
	}
	if made := mia.who(); made.Account.Name != "mia@example.com" || made.Account.Role != admin.RoleMember {
		t.Errorf("got %+v", made)
	}
	if again := boss.who(); *again.Session != *first.Session {
		t.Error("each request begins a session")
	}
	if a := boss.do("GET", "session", nil); a.header.Get("Set-Cookie") != "" {
		t.Error("there is a cookie")
	}
	mia.do("GET", "accounts", nil).refused(t, http.StatusForbidden, "forbidden")

	// Signing out ends the session; who the proxy still sends gets another.
	boss.do("DELETE", "session", nil).want(t, http.StatusNoContent)
	second := boss.who()
	if *second.Session == *first.Session {
		t.Error("the session goes on after its end")
	}
	// So the account is what counts.
	boss.do("PATCH", "accounts/mia@example.com", object{"enabled": false}, "If-Match: *").want(t, http.StatusOK)
	mia.do("GET", "session", nil).refused(t, http.StatusUnauthorized, "sign_in_refused")

	// A page of another site must not use what the proxy says.
	boss.do("POST", "accounts", object{"name": "eve", "role": "owner"}, "Sec-Fetch-Site: cross-site").refused(t, http.StatusForbidden, "cross_origin")
	boss.do("POST", "accounts", object{"name": "eve", "role": "owner"}, "Origin: https://evil.example").refused(t, http.StatusForbidden, "cross_origin")

	g.anyone("Remote-User: boss", "Remote-User: boss").do("GET", "session", nil).refused(t, http.StatusBadRequest, "ambiguous_identity")
	g.anyone("Remote-User: mia@EXAMPLE.com").do("GET", "session", nil).refused(t, http.StatusUnauthorized, "sign_in_refused")
	g.anyone("Remote-User:  ").do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	g.anyone("Remote_User: boss").do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	g.anyone().do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")

	// Passwords and cookies are off.
	g.account("pat", admin.RoleOwner, adminPassword)
	g.anyone().do("POST", "session", object{"name": "pat", "password": adminPassword}).refused(t, http.StatusForbidden, "sign_in_method_off")
	g.anyone().do("POST", "set-up", object{"link": "x", "name": "eve", "password": adminPassword}).refused(t, http.StatusForbidden, "sign_in_method_off")
	// A token counts before the header: it was sent on purpose.
	_, script := g.script("pat", "token.read")
	g.anyone(append(script.headers, "Remote-User: boss")...).do("GET", "accounts", nil).refused(t, http.StatusForbidden, "missing_permission")
}

// Whoever is not the proxy gains nothing by the header.
func TestAdminHeaderFromElsewhere(t *testing.T) {
	g := newManagement(t, map[string]string{
		"INSIDE": "sign_in password\n\t\t\t" + headerInside, "FROM": "192.0.2.0/24",
		"SERVERS": "servers {\n\t\ttrusted_proxies static 127.0.0.1\n\t}",
	})
	g.account("boss", admin.RoleOwner, "")
	g.account("ann", admin.RoleMember, adminPassword)
	ann := g.signIn("ann")
	for _, more := range [][]string{
		nil, {"X-Forwarded-For: 192.0.2.1"}, {"X-Real-IP: 192.0.2.1"}, {"Forwarded: for=192.0.2.1"},
	} {
		headers := append([]string{"Remote-User: boss"}, more...)
		a := g.anyone(headers...).do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
		if !strings.Contains(a.body, "this request came from 127.0.0.1") {
			t.Error(a.body)
		}
		if who := g.anyone(append(headers, ann.headers...)...).who(); who.Account.Name != "ann" {
			t.Errorf("%v: got %+v", headers, who)
		}
	}
	// Nor does anybody become an account by asking.
	g.anyone("Remote-User: eve").do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	accounts, err := g.runtime().managing.service.Load().AccountNames(t.Context(), admin.Operator("root"))
	if err != nil || len(accounts) != 2 {
		t.Error(accounts, err)
	}
	// The address of sign-ins is the one that the trusted proxy gives.
	in := g.anyone().do("POST", "session", object{"name": "ann", "password": adminPassword}, "X-Forwarded-For: 203.0.113.7").want(t, http.StatusCreated)
	sessions := g.anyone("Cookie: "+in.cookie(t)).do("GET", "sessions", nil).want(t, http.StatusOK)
	if !strings.Contains(sessions.body, `"address":"203.0.113.7"`) {
		t.Error(sessions.body)
	}
}

// What holds for a cookie goes by the configuration, not by what it was when it was set.
func TestAdminHeaderAlone(t *testing.T) {
	g := newManagement(t, map[string]string{"FROM": "127.0.0.1"})
	g.account("ann", admin.RoleMember, adminPassword)
	ann := g.signIn("ann")
	g.words["INSIDE"] = headerInside
	g.mustLoad(adminSite)
	ann.do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	g.anyone("Remote-User: ann").do("GET", "session", nil).refused(t, http.StatusUnauthorized, "sign_in_refused") // she has a password
	rt := g.runtime()
	rt.managing.begin(awayStore{Store: rt.store.Load()})
	g.words["INSIDE"] = headerInside + "\n\t\t\thost a"
	g.mustLoad(adminSite)
	g.anyone("Remote-User: boss").do("GET", "session", nil).refused(t, http.StatusServiceUnavailable, "store_unavailable")
}

// A role that does not exist keeps newcomers out, and is said at the start.
func TestAdminHeaderUnknownRole(t *testing.T) {
	g := newManagement(t, map[string]string{"INSIDE": strings.Replace(headerInside, "member", "guest", 1), "FROM": "127.0.0.1"})
	eventually(t, "the log says so", func() bool { return strings.Contains(g.log(), "there is no such role") })
	g.anyone("Remote-User: eve").do("GET", "session", nil).refused(t, http.StatusInternalServerError, "failure")
}

// Over TLS, to us or to a trusted proxy, the cookie is one for TLS only.
func TestAdminCookieGoesByTLS(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		g := newManagement(t, map[string]string{"SERVERS": map[bool]string{true: "servers {\n\t\ttrusted_proxies static 127.0.0.1\n\t}"}[trusted]})
		g.account("ann", admin.RoleOwner, adminPassword)
		body := object{"name": "ann", "password": adminPassword}
		in := g.anyone().do("POST", "session", body, "X-Forwarded-Proto: https").want(t, http.StatusCreated)
		set := in.header.Get("Set-Cookie")
		if secure := strings.HasPrefix(set, "__Host-tokenreeve=") && strings.Contains(set, "Secure"); secure != trusted {
			t.Errorf("trusted %v: got %q", trusted, set)
		}
		if trusted { // it does not count without TLS
			g.anyone("Cookie: "+in.cookie(t)).do("GET", "session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
			g.anyone("Cookie: "+in.cookie(t), "X-Forwarded-Proto: https").do("GET", "session", nil).want(t, http.StatusOK)
		}
	}
}
