package rest_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/store"
)

func TestSetUp(t *testing.T) {
	f := newFixture(t)
	anyone := f.anyone()
	if p := read[struct{ Needed bool }](t, anyone.do(t, "GET", "/set-up", nil)); !p.Needed {
		t.Error("no set-up is needed")
	}
	link, err := f.SetUpLink(t.Context(), admin.Actor{Via: admin.ViaGateway})
	if err != nil {
		t.Fatal(err)
	}
	body := object{"link": link.Reveal(), "name": "ann", "password": "short"}
	anyone.do(t, "POST", "/set-up", body).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
	body["password"] = password
	anyone.do(t, "POST", "/set-up", object{"link": "x", "name": "ann", "password": password}).refused(t, http.StatusForbidden, "set_up_link_invalid")
	in := anyone.do(t, "POST", "/set-up", body).want(t, http.StatusCreated)
	ann := &client{f: f, cookie: in.cookie(t)}
	who := read[struct {
		Account admin.AccountRecord
		Rights  map[admin.Right]store.Scope
	}](t, ann.do(t, "GET", "/session", nil).want(t, http.StatusOK))
	if who.Account.Role != admin.RoleOwner || who.Rights[admin.AccountManage] != store.All || len(who.Rights) != len(admin.Rights()) {
		t.Errorf("got %+v", who)
	}
	anyone.do(t, "POST", "/set-up", body).refused(t, http.StatusForbidden, "set_up_link_invalid")
	if p := read[struct{ Needed bool }](t, anyone.do(t, "GET", "/set-up", nil)); p.Needed {
		t.Error("set-up is still needed")
	}
}

func TestSignInAndOut(t *testing.T) {
	f := newFixture(t)
	f.anyone().do(t, "GET", "/tokens", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	ann := f.member(t, "ann", admin.RoleMember)
	f.anyone().do(t, "POST", "/session", object{"name": "ann", "password": "wrong"}).refused(t, http.StatusUnauthorized, "sign_in_refused")
	f.anyone().do(t, "POST", "/session", object{"name": "nobody", "password": "wrong"}).refused(t, http.StatusUnauthorized, "sign_in_refused")

	in := ann.do(t, "POST", "/session", object{"name": "ann", "password": password}).want(t, http.StatusCreated)
	set := in.Header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(set, want) {
			t.Errorf("%s is missing in %q", want, set)
		}
	}
	if strings.Contains(string(in.body), in.cookie(t)) {
		t.Error("the secret of the session is in the body")
	}
	ann.do(t, "GET", "/session", nil).refused(t, http.StatusUnauthorized, "not_signed_in") // the one before has ended
	renewed := &client{f: f, cookie: in.cookie(t)}
	out := renewed.do(t, "DELETE", "/session", nil).want(t, http.StatusNoContent)
	if !strings.Contains(out.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("the cookie stays: %q", out.Header.Get("Set-Cookie"))
	}
	renewed.do(t, "GET", "/session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	renewed.do(t, "POST", "/tokens", newToken("ci")).refused(t, http.StatusUnauthorized, "not_signed_in")
	f.scriptOf(t, "ann").do(t, "DELETE", "/session", nil).refused(t, http.StatusConflict, "no_session")
	f.script("trv_nonsense").do(t, "GET", "/tokens", nil).refused(t, http.StatusUnauthorized, "invalid_token")
}

func TestHostCookie(t *testing.T) {
	f := newFixture(t, func(c *rest.Config) { c.Cookie = "" })
	_, _, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: "ann", Role: "member", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	in := f.anyone().do(t, "POST", "/session", object{"name": "ann", "password": password}).want(t, http.StatusCreated)
	set := in.Header.Get("Set-Cookie")
	if !strings.HasPrefix(set, "__Host-tokenreeve=") || !strings.Contains(set, "Secure") || strings.Contains(set, "Domain") {
		t.Errorf("got %q", set)
	}
}

// Two cookies of the name have no single reading.
func TestTwoCookies(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	f.anyone().do(t, "GET", "/session", nil, "Cookie", "tokenreeve="+ann.cookie+"; tokenreeve="+ann.cookie).refused(t, http.StatusUnauthorized, "not_signed_in")
	f.anyone().do(t, "GET", "/session", nil, "Cookie", "tokenreeve="+ann.cookie).want(t, http.StatusOK)
}

func TestChangePassword(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	other := f.signIn(t, "ann")
	const changed = "another horse battery staple"
	p := ann.do(t, "POST", "/account/password", object{"current": "wrong", "changed": changed}).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
	if p.Errors[0].Field != "current" {
		t.Errorf("got %v", p.Errors)
	}
	ann.do(t, "POST", "/account/password", object{"current": password, "changed": "short"}).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
	done := ann.do(t, "POST", "/account/password", object{"current": password, "changed": changed}).want(t, http.StatusNoContent)
	ann.do(t, "GET", "/session", nil).refused(t, http.StatusUnauthorized, "not_signed_in") // whoever has the old cookie
	renewed := &client{f: f, cookie: done.cookie(t)}
	renewed.do(t, "GET", "/session", nil).want(t, http.StatusOK)
	other.do(t, "GET", "/session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	f.anyone().do(t, "POST", "/session", object{"name": "ann", "password": changed}).want(t, http.StatusCreated)
	f.member(t, "boss", admin.RoleOwner)
	body := object{"current": password, "changed": changed}
	if p := f.scriptOf(t, "boss").do(t, "POST", "/account/password", body).refused(t, http.StatusForbidden, "forbidden"); p.Permission != "" {
		t.Errorf("got %+v", p)
	}
	f.scriptOf(t, "boss", "account.manage").do(t, "POST", "/account/password", body).refused(t, http.StatusForbidden, "missing_permission")
	f.signIn(t, "boss")
}

// A thousand wrong passwords: nearly all are refused unchecked, and who was
// signed in stays so.
func TestThousandWrongPasswords(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	var refused, throttled atomic.Int64
	var guessers sync.WaitGroup
	started := time.Now()
	for range 20 {
		guessers.Go(func() {
			for range 50 {
				got, err := f.anyone().try(t, "POST", "/session", object{"name": "ann", "password": "guess"})
				if err != nil {
					t.Error(err)
					return
				}
				switch got.StatusCode {
				case http.StatusUnauthorized:
					refused.Add(1)
				case http.StatusTooManyRequests:
					throttled.Add(1)
				default:
					t.Errorf("got %d: %s", got.StatusCode, got.body)
				}
			}
		})
	}
	guessers.Wait()
	t.Logf("%d refused, %d throttled in %s", refused.Load(), throttled.Load(), time.Since(started))
	if refused.Load() > 50 {
		t.Errorf("%d guesses were checked", refused.Load())
	}
	ann.do(t, "GET", "/session", nil).want(t, http.StatusOK)
	got := f.anyone().do(t, "POST", "/session", object{"name": "ann", "password": password})
	if got.StatusCode == http.StatusTooManyRequests {
		if got.Header.Get("Retry-After") == "" {
			t.Error("nobody says when to try again")
		}
		f.wait(time.Hour)
		f.signIn(t, "ann")
	}
}
