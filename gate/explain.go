package gate

import (
	"errors"
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
// with or without a query, or behind a kind of GraphQL operations the name of a
// root field. It returns an error if that is not a URL or a name at all.
func Explain(t token.Token, catalog *permission.Catalog, method, target string, now time.Time) (Explanation, error) {
	does, described, err := describeFor(method, target, catalog)
	if _, bad := errors.AsType[*targetError](err); bad {
		return Explanation{}, err
	}
	tokens, reason := usable(Tokens{First: &Known{Token: t}}, t.API, now)
	m := does.First
	e := Explanation{Reason: reason, Operation: m.String(), Permissions: catalog.Names(m), Err: err}
	if e.Reason == "" {
		e.Reason = described
	}
	if e.Reason == "" {
		_, _, _, e.Reason = Decide(tokens, catalog, &does)
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

// targetError is something that no request can be for.
type targetError struct{ problem string }

func (e *targetError) Error() string { return e.problem }

func describeFor(method, target string, catalog *permission.Catalog) (Matches, Reason, error) {
	if permission.IsKind(method) {
		if _, err := permission.ParseOperation(method + " " + target); err != nil {
			return Matches{}, "", &targetError{err.Error()}
		}
		free := method == permission.Query && target == typename
		return Matches{First: catalog.FindField(method, target), Free: free}, "", nil
	}
	u, err := url.ParseRequestURI(target)
	if err != nil || target[0] != '/' {
		return Matches{}, "", &targetError{fmt.Sprintf("%q is not a path; write for example /api/articles/42", target)}
	}
	r := &http.Request{Method: method, URL: u, Header: http.Header{}, ProtoMajor: 1}
	if method == permission.WebSocket {
		r.Method = http.MethodGet
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	}
	return Describe(r, catalog, nil)
}
