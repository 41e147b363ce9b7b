package caddymodule

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// attemptSuffix stands behind the name of the session's cookie in that of an attempt to sign in.
const attemptSuffix = "-oidc"

// stripPageCookies removes the cookies of the management pages. Browsers know no ports
// in cookies: they send a session of the pages to every API of the same host as well,
// whose backend could act with it.
func stripPageCookies(h http.Header) {
	values := h["Cookie"]
	if !slices.ContainsFunc(values, hasPageCookie) {
		return
	}
	var kept []string
	for _, value := range values {
		if value = withoutPageCookies(value); value != "" {
			kept = append(kept, value)
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}

func hasPageCookie(value string) bool {
	for pair := range strings.SplitSeq(value, ";") {
		if isPageCookie(pair) {
			return true
		}
	}
	return false
}

// withoutPageCookies leaves all other cookies as they are, byte for byte.
func withoutPageCookies(value string) string {
	pairs := slices.DeleteFunc(strings.Split(value, ";"), isPageCookie)
	return strings.TrimLeft(strings.Join(pairs, ";"), " \t")
}

// isPageCookie reports whether one is of the pages, over TLS or without: also of those
// that this gateway would not set just now.
func isPageCookie(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	name = strings.TrimSuffix(strings.Trim(name, " \t"), attemptSuffix)
	return name == string(rest.HostCookie) || name == string(rest.PlainCookie)
}
