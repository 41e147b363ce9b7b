package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/oidc"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/admin/ui"
)

// Where a browser begins to sign in by OpenID Connect, and comes back to.
const (
	oidcPath     = "/sign-in/oidc"
	oidcCallback = oidcPath + "/callback"
)

// wordSignedIn goes on by a page of ours: a redirect would still be part of a way that
// began at the provider, and browsers send no strict cookie along such a way.
var wordSignedIn = ui.Word{Title: "Signed in", Text: "You are signed in.", Next: "/"}

// oidcRoute returns what serves a path of signing in by OpenID Connect, or nil.
func (a *Admin) oidcRoute(path string) func(*admin.Service, http.ResponseWriter, *http.Request) error {
	if a.SignIn.OIDC == nil {
		return nil
	}
	switch path {
	case oidcPath:
		return a.beginOIDC
	case oidcCallback:
		return a.finishOIDC
	}
	return nil
}

// beginOIDC sends a browser to the provider.
func (a *Admin) beginOIDC(_ *admin.Service, w http.ResponseWriter, r *http.Request) error {
	callback, err := a.admitOIDC(w, r)
	if err != nil {
		return a.notSignedIn(w, r, err)
	}
	address, attempt, err := a.SignIn.OIDC.client.Begin(r.Context(), callback)
	if err != nil {
		return a.notSignedIn(w, r, err)
	}
	http.SetCookie(w, attemptCookie(r, string(attempt), int(oidc.Lasts/time.Second)))
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// finishOIDC signs in who comes back from the provider. There is nothing in the
// request that says where to go then, so nobody is led elsewhere by it.
func (a *Admin) finishOIDC(s *admin.Service, w http.ResponseWriter, r *http.Request) error {
	callback, err := a.admitOIDC(w, r)
	if err != nil {
		return a.notSignedIn(w, r, err)
	}
	o, attempt := a.SignIn.OIDC, oidc.Attempt("")
	if kept := r.CookiesNamed(attemptCookie(r, "", 0).Name); len(kept) == 1 { // of two, somebody else set one
		attempt = oidc.Attempt(kept[0].Value)
	}
	who, err := o.client.Finish(r.Context(), callback, attempt, r.URL.RawQuery)
	if refused, ok := errors.AsType[*oidc.Error](err); !ok || refused.Reason != oidc.NotBegun {
		http.SetCookie(w, attemptCookie(r, "", -1)) // this attempt is over; a stranger's link ends none
	}
	if err != nil {
		return a.notSignedIn(w, r, err)
	}
	from := admin.From{Address: clientAddress(r), Agent: r.UserAgent(), Via: admin.ViaPage}
	identity := admin.ExternalIdentity{Subject: who.Subject, Name: who.Name, Method: "oidc"}
	in, err := signInExternal(r.Context(), s, identity, o.Role, from)
	if errors.Is(err, admin.ErrSignInRefused) {
		err = &noAccountError{who}
	}
	if err != nil {
		return a.notSignedIn(w, r, err)
	}
	sessionCookie(r).Replace(w, r, s, in, from)
	return ui.Say(w, http.StatusOK, wordSignedIn)
}

// noAccountError says that the provider knows somebody, and we don't.
type noAccountError struct{ who oidc.Identity }

func (*noAccountError) Error() string { return admin.ErrSignInRefused.Error() }

// admitOIDC returns where the provider sends the browser back to, unless the request
// is not one of a person who goes to a page, or comes too often.
func (a *Admin) admitOIDC(w http.ResponseWriter, r *http.Request) (callback string, err error) {
	if r.Method != http.MethodGet { // HEAD would use the code up
		w.Header().Set("Allow", http.MethodGet)
		return "", &pageError{http.StatusMethodNotAllowed, "This address is for going to it, and nothing else."}
	}
	if to := r.Header.Get("Sec-Fetch-Dest"); to != "" && to != "document" {
		return "", &pageError{http.StatusForbidden, "Another page tried to sign you in without showing it. Sign in here yourself."}
	}
	if wait := a.SignIn.OIDC.limit(clientAddress(r)); wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(wait/time.Second)+1))
		return "", &pageError{http.StatusTooManyRequests, "There were too many attempts to sign in from where you are. Try again in a moment."}
	}
	callback, ok := callbackOf(r)
	if !ok {
		return "", &pageError{http.StatusBadRequest, "The name of this server in the request is not one."}
	}
	return callback, nil
}

// callbackOf returns where the provider sends the browser of a request back to. That
// its host is ours has been seen of the name; what comes with it may be anything.
func callbackOf(r *http.Request) (address string, ok bool) {
	scheme := "http"
	if overTLS(r) {
		scheme = "https"
	}
	u, err := url.Parse(scheme + "://" + r.Host + oidcCallback)
	if err != nil || u.Host != r.Host {
		return "", false
	}
	return u.String(), true
}

// attemptCookie returns the cookie that an attempt is kept in. It has to come with
// a request that begins at the provider, so it can't be a strict one.
func attemptCookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure goes by the name, as that of the session does
		Name: string(sessionCookie(r)) + attemptSuffix, Value: value, Path: "/", MaxAge: maxAge,
		Secure: overTLS(r), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

func sessionCookie(r *http.Request) rest.Cookie {
	if overTLS(r) {
		return rest.HostCookie
	}
	return rest.PlainCookie
}

// notSignedIn answers why somebody is not signed in.
func (a *Admin) notSignedIn(w http.ResponseWriter, r *http.Request, err error) error {
	status, text := a.explain(err)
	if r.Context().Err() == nil { // else the browser went away, which is nobody's fault
		a.logNotSignedIn(r, status, err)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	return ui.Say(w, status, ui.Word{Title: "Not signed in", Text: text, Again: oidcPath})
}

// logNotSignedIn logs what people can't help. What strangers can bring about at will
// is for those who look for it.
func (a *Admin) logNotSignedIn(r *http.Request, status int, err error) {
	refused, ok := errors.AsType[*oidc.Error](err)
	if !ok {
		if status >= http.StatusInternalServerError {
			a.failed(r, err)
		}
		return
	}
	level := zapcore.DebugLevel
	switch refused.Reason {
	case oidc.Away:
		level = zapcore.WarnLevel
	case oidc.Misconfigured, oidc.Untrusted:
		level = zapcore.ErrorLevel
	case oidc.NotBegun, oidc.Late, oidc.Denied:
	}
	if line := a.logger.Check(level, "signing in by OpenID Connect failed"); line != nil {
		line.Write(zap.String("provider", a.SignIn.OIDC.Issuer), zap.String("reason", string(refused.Reason)), zap.String("detail", refused.Detail))
	}
}

// pageError is a refusal that is told as it is.
type pageError struct {
	status int
	text   string
}

func (e *pageError) Error() string { return e.text }

// explain says what is wrong and what to do about it.
func (a *Admin) explain(err error) (status int, text string) {
	if told, ok := errors.AsType[*pageError](err); ok {
		return told.status, told.text
	}
	provider := a.SignIn.OIDC.Issuer
	if unknown, ok := errors.AsType[*noAccountError](err); ok {
		who := fmt.Sprintf("You are %q at %s", unknown.who.Name, provider)
		if unknown.who.Name == "" {
			who = fmt.Sprintf("%s does not say what to call you (%s)", provider, a.SignIn.OIDC.NameClaim)
		}
		return http.StatusForbidden, who + ", and there is no enabled account for you here. Ask somebody who manages accounts."
	}
	if isAway(err) {
		return http.StatusServiceUnavailable, "The store can't be reached. Try again soon."
	}
	refused, ok := errors.AsType[*oidc.Error](err)
	if !ok {
		return http.StatusInternalServerError, "Something failed here. The log of the server says what."
	}
	switch refused.Reason {
	case oidc.NotBegun:
		return http.StatusBadRequest, "This browser has not begun to sign in here, or has finished it already. Begin again; if that leads here again, let it keep the cookies of this site."
	case oidc.Late:
		return http.StatusBadRequest, "That took too long, or was finished already. Begin again."
	case oidc.Denied:
		return http.StatusForbidden, provider + " did not sign you in, or you did not agree to it. Begin again, or ask whoever runs it."
	case oidc.Away:
		return http.StatusServiceUnavailable, provider + " can't be reached, or has no answer now. Try again in a moment; if it stays so, tell whoever runs this server."
	case oidc.Misconfigured:
		return http.StatusBadGateway, provider + " and this server don't know each other as they should. Tell whoever runs this server: its log says what is wrong."
	case oidc.Untrusted:
	}
	return http.StatusBadGateway, "What " + provider + " answered does not hold, so you are not signed in. Tell whoever runs this server: its log says what is wrong."
}
