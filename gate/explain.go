package gate

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// Explanation says why a token may or may not make a request.
type Explanation struct {
	Reason Reason
	// Operation is what the request does, such as "GET /api/articles/42".
	Operation string
	// Permissions are those that have the operation, the most specific first.
	Permissions []string
	// Grants are those grants of a custom token that allow it.
	Grants []string
	// Err says what is ambiguous about the request, or wrong with the token's record.
	Err error
}

// Explain decides about a request as Check would, for people: target is a path
// with or without a query. It returns an error if that is not a URL at all.
func Explain(t token.Token, catalog *permission.Catalog, method, target string, now time.Time) (Explanation, error) {
	u, err := url.ParseRequestURI(target)
	if err != nil || target[0] != '/' {
		return Explanation{}, fmt.Errorf("%q is not a path; write for example /api/articles/42", target)
	}
	r := &http.Request{Method: method, URL: u, Header: http.Header{}, ProtoMajor: 1}
	if method == permission.WebSocket {
		r.Method = http.MethodGet
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	}
	tokens, reason := usable(Tokens{First: &Known{Token: t}}, t.API, now)
	does, described, err := Describe(r, catalog, nil)
	m := does.First
	e := Explanation{Reason: reason, Operation: m.Method + " " + m.Path, Permissions: catalog.Names(m), Err: err}
	if e.Reason == "" {
		e.Reason = described
	}
	if e.Reason == "" {
		_, _, e.Reason = Decide(tokens, catalog, &does)
	}
	if e.Reason == MethodOverride {
		e.Err = errOverride
	}
	if e.Reason == UnreadableToken {
		_, e.Err = catalog.Compile(t.Grants)
	}
	if t.Type == token.Custom && described == "" {
		e.Grants = catalog.Matching(t.Grants, m)
	}
	return e, nil
}
