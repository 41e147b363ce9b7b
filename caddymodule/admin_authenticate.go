package caddymodule

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/gate"
)

// authenticator says who asks: the owner of a token, who a proxy says, or whose
// session the browser has a cookie of.
type authenticator struct {
	*Admin
	managing *managing
	cookie   rest.Cookie
}

func (a authenticator) authenticate(r *http.Request) (admin.Actor, error) {
	actor, err := a.find(r)
	if err != nil || actor.Token != nil { // that has placeholders already
		return actor, err
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.auth.user.id", actor.Account.ID)
		repl.Set("http.auth.user.name", actor.Account.Name)
	}
	return actor, nil
}

func (a authenticator) find(r *http.Request) (admin.Actor, error) {
	_, reason := a.gate.sources.Extract(r)
	cookies := len(r.CookiesNamed(string(a.cookie))) > 0
	switch {
	case reason != gate.NoCredential && cookies && a.SignIn.byCookie():
		return admin.Actor{}, &rest.ProblemError{
			Status: http.StatusBadRequest, Code: string(gate.AmbiguousCredential),
			Detail: "The request has a token and the cookie of a session. Send one of them.",
		}
	case reason != gate.NoCredential:
		return a.byToken(r)
	}
	if h := a.SignIn.Header; h != nil && len(r.Header.Values(h.Name)) > 0 {
		if h.trusts(r) {
			return a.byHeader(r)
		}
		if !cookies {
			return admin.Actor{}, h.problemUntrusted(r)
		}
	}
	if !a.SignIn.byCookie() {
		return admin.Actor{}, admin.ErrSignedOut
	}
	return rest.BySession(a.managing.service.Load(), a.cookie, clientAddress)(r)
}

// byToken asks the gate, as any other API would be asked, and returns the owner
// of the token.
func (a authenticator) byToken(r *http.Request) (admin.Actor, error) {
	d, err := a.gate.decide(r)
	if err != nil {
		d = gate.Decision{Reason: gate.StoreUnavailable, Err: err}
	}
	setPlaceholders(r, &d)
	if d.Reason != gate.Allow || d.Tokens.First == nil {
		a.gate.logRefusal(r, &d)
		return admin.Actor{}, a.refusal(&d)
	}
	return a.managing.service.Load().TokenActor(r.Context(), d.Tokens.First.Token.ID, clientAddress(r))
}

// refusal is what the gate answers.
func (a authenticator) refusal(d *gate.Decision) error {
	p := describeRefusal(d, a.gate.catalog)
	refused := &rest.ProblemError{Status: p.Status, Code: p.Code, Detail: p.Detail, Permission: p.Permission, Header: http.Header{}}
	if challenge := a.gate.challenge(d); challenge != "" {
		refused.Header.Set("WWW-Authenticate", challenge)
	}
	if p.Status == http.StatusServiceUnavailable {
		refused.Header.Set("Retry-After", retryAfter)
	}
	return refused
}

// viaOf says what is asked: who signs in by a header does so with any request.
func viaOf(r *http.Request) admin.Via {
	if strings.HasPrefix(r.URL.Path, rest.Path) {
		return admin.ViaAPI
	}
	return admin.ViaPage
}

// byHeader returns the account of who the proxy says it is.
func (a authenticator) byHeader(r *http.Request) (admin.Actor, error) {
	name, err := a.SignIn.Header.name(r)
	if err != nil {
		return admin.Actor{}, err
	}
	from := admin.From{Address: clientAddress(r), Agent: r.UserAgent(), Via: viaOf(r)}
	return a.managing.vouched.actor(r.Context(), a.managing.service.Load(), name, a.SignIn.Header.Role, from)
}

// signInRefused returns the answer to who asks for a way to sign in that is off.
func (a *Admin) signInRefused(r *http.Request) *problem {
	if a.SignIn.Password || r.Method != http.MethodPost || r.URL.Path != rest.Path+"session" && r.URL.Path != rest.Path+"set-up" {
		return nil
	}
	instead := "the proxy in front of this server says who you are"
	if a.SignIn.OIDC != nil {
		instead = "sign in at " + oidcPath
	}
	return &problem{
		Status: http.StatusForbidden, Code: "sign_in_method_off",
		Detail: "Nobody signs in by password here; " + instead + ".",
	}
}
