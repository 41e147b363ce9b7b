package rest

import (
	"net/http"
	"strings"

	"github.com/tokenreeve/tokenreeve/token"
)

// Cookie is the name of the cookie that has the secret of a session.
type Cookie string

const (
	// HostCookie is for servers with TLS. Browsers take a cookie of such a name
	// only over TLS, for every path, and never from a sibling domain.
	HostCookie Cookie = "__Host-tokenreeve"
	// PlainCookie is for loopback without TLS, where not every browser takes the other.
	PlainCookie Cookie = "tokenreeve"
)

// Secret returns the secret of the session that the request comes with, or "" if
// there is none or it can't be one. Two cookies of the name have no single
// reading: somebody else set one of them.
func (c Cookie) Secret(r *http.Request) string {
	cookies := r.CookiesNamed(string(c))
	if len(cookies) != 1 || !token.WellFormed(cookies[0].Value) {
		return ""
	}
	return cookies[0].Value
}

// Set hands the browser a secret. How long it counts is up to the service.
func (c Cookie) Set(w http.ResponseWriter, secret token.Secret) {
	http.SetCookie(w, c.cookie(secret.Reveal(), 0))
}

// Clear makes the browser forget the secret.
func (c Cookie) Clear(w http.ResponseWriter) {
	http.SetCookie(w, c.cookie("", -1))
}

// cookie returns the cookie with a value. It ends with the browser, unless maxAge says sooner.
func (c Cookie) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure goes by the name: PlainCookie is for where there is no TLS
		MaxAge: maxAge,
		Name:   string(c), Value: value, Path: "/",
		Secure:   strings.HasPrefix(string(c), "__"), // browsers want it of such names
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}
