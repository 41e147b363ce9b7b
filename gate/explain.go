package gate

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
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
	// Lacks are those of which the token would need one: Permissions, or what they require.
	Lacks []string
	// Grants are those grants of a custom token that allow it.
	Grants []string
	// Match is what the request does, with the values of its parameters.
	Match permission.Match
	// Err says what is ambiguous about the request, or wrong with the token's record.
	Err error
}

// Asked is a request to be explained. Target is a path with or without a query, or
// behind a kind of GraphQL operations the name of a root field; JSON is a body, or "".
type Asked struct{ Method, Target, JSON string }

// Explain decides about a request as Check would, for people. It returns an error if
// the target is not a URL or a name at all.
func Explain(t token.Token, catalog *permission.Catalog, asked Asked, now time.Time) (Explanation, error) {
	tokens, reason := usable(Tokens{First: &Known{Token: t}}, t.API, now)
	does, described, err := describeFor(asked, catalog, tokens)
	if _, bad := errors.AsType[*targetError](err); bad {
		return Explanation{}, err
	}
	m := does.First
	e := Explanation{Reason: reason, Operation: m.String(), Permissions: catalog.Names(m), Match: m, Err: err}
	if e.Reason == "" {
		e.Reason = described
	}
	if e.Reason == "" {
		var lacks permission.Match
		if _, lacks, _, e.Reason = Decide(tokens, catalog, &does); e.Reason == MissingPermission {
			e.Lacks = catalog.Names(lacks)
		}
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

func describeFor(asked Asked, catalog *permission.Catalog, tokens Tokens) (Matches, Reason, error) {
	method, target := asked.Method, asked.Target
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
	if asked.JSON != "" {
		r.Header["Content-Type"] = []string{"application/json"}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(asked.JSON)), int64(len(asked.JSON))
	}
	does, reason, err := Describe(r, catalog, nil)
	if reason != "" || tokens.mayAll() {
		return does, reason, err
	}
	g := &Gate{Catalog: catalog}
	read, reason, err := g.readParameters(r, tokens, &does)
	if read != nil {
		read(r)
		_, reason, err = g.readParameters(r, tokens, &does)
	}
	return does, reason, err
}
