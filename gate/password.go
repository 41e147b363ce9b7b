package gate

import (
	"net/http"
	"strings"
)

// Password is a header in which a backend takes a password. It would win over the
// token that the gate checks, so by default such a request is refused.
type Password struct {
	Header string // in its canonical form
	// Pass lets requests with it through without a look at tokens: the backend
	// must check every one of them.
	Pass bool
}

// stands reports whether the header is there, in any spelling that a backend may take for it.
func (p *Password) stands(h http.Header) bool {
	if p == nil {
		return false
	}
	for name := range h {
		if len(name) == len(p.Header) && strings.EqualFold(foldHeader(name), foldHeader(p.Header)) {
			return true
		}
	}
	return false
}

// checkPassword decides about a request with a password.
func (g *Gate) checkPassword(r *http.Request) Decision {
	_, reason := g.Sources.Extract(r)
	switch {
	case g.Password.Pass && len(r.Header[g.Password.Header]) == 1:
	case reason == NoCredential:
		return Decision{Reason: NoCredential}
	default:
		return Decision{Reason: AmbiguousCredential}
	}
	does, refused, err := Describe(r, g.Catalog, g.Openings)
	if refused != "" {
		return Decision{Match: does.First, Reason: refused, Err: err}
	}
	return Decision{Match: does.First, Reason: PasswordPassed}
}
