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
	// Lacks are grants of which the token would need one: of Permissions, or of what they
	// require, for the values that its grants are held to.
	Lacks []string
	// Almost says what has the operation if the request had other parameters, if nothing
	// has it as it is.
	Almost string
	// Grants are those grants of a custom token that allow it.
	Grants []string
	// Match is what the request does, with the values of its parameters.
	Match permission.Match
	// Parts explains each of the requests that a bulk request holds: the token must be
	// allowed all of them.
	Parts []Explanation
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
	does, bulk, described, err := describeFor(asked, catalog, tokens)
	if _, bad := errors.AsType[*targetError](err); bad {
		return Explanation{}, err
	}
	if reason == "" {
		reason = described
	}
	if bulk == nil || described != "" {
		return explain(tokens, catalog, &does, reason, err), nil
	}
	e := Explanation{Operation: bulk.String(), Match: *bulk}
	for m := range does.all {
		if m.IsRequired() {
			continue
		}
		part := explain(tokens, catalog, &Matches{First: m, Rest: catalog.Required(m)}, reason, nil)
		e.Parts = append(e.Parts, part)
		if e.Reason == "" || e.Reason == Allow {
			e.Reason, e.Lacks, e.Almost, e.Err = part.Reason, part.Lacks, part.Almost, part.Err
		}
	}
	return e, nil
}

// explain decides about what was described, if nothing speaks against it yet.
func explain(tokens Tokens, catalog *permission.Catalog, does *Matches, reason Reason, err error) Explanation {
	m, t := does.First, &tokens.First.Token
	e := Explanation{Reason: reason, Operation: m.String(), Permissions: catalog.Names(m), Match: m, Err: err}
	if reason == "" {
		var lacks permission.Match
		if _, lacks, _, e.Reason = Decide(tokens, catalog, does); e.Reason == MissingPermission {
			e.Lacks = tokens.Lacking(catalog, lacks)
		}
		if e.Reason == MissingPermission && len(e.Lacks) == 0 {
			e.Almost = catalog.Almost(lacks)
		}
	}
	if e.Reason == MethodOverride {
		e.Err = errOverride
	}
	if e.Reason == UnreadableToken {
		_, e.Err = catalog.Compile(t.Grants)
	}
	if t.Type == token.Custom && err == nil && m.Path != "" {
		e.Grants = catalog.Matching(t.Grants, m)
	}
	return e
}

// Lacking returns the grants of which the tokens would need one for what was matched, for
// the values that their own are held to. A value in which a secret could stand is left out.
func (t Tokens) Lacking(catalog *permission.Catalog, m permission.Match) []string {
	var grants []string
	for k := range t.all {
		grants = append(grants, k.Token.Grants...)
	}
	lacking := catalog.Lacking(m, grants)
	for i, grant := range lacking {
		if strings.Contains(grant, token.Prefix) {
			lacking[i], _ = permission.CutFixes(grant)
		}
	}
	return lacking
}

// targetError is something that no request can be for.
type targetError struct{ problem string }

func (e *targetError) Error() string { return e.problem }

// describeFor says what a request does. bulk is what a request is that holds others,
// or nil.
func describeFor(asked Asked, catalog *permission.Catalog, tokens Tokens) (does Matches, bulk *permission.Match, reason Reason, err error) {
	if permission.IsKind(asked.Method) {
		does, err = describeField(asked.Method, asked.Target, catalog)
		if err == nil {
			does.require(catalog)
		}
		return does, nil, "", err
	}
	r, err := asked.request()
	if err != nil {
		return does, nil, "", err
	}
	does, reason, err = Describe(r, catalog, nil)
	if reason != "" || tokens.mayAll() {
		return does, nil, reason, err
	}
	g := &Gate{Catalog: catalog}
	if g.isBulk(&does) {
		whole := does.First
		bulk = &whole
	}
	read, reason, err := g.readParameters(r, tokens, &does)
	if read != nil {
		read(r)
		_, reason, err = g.readParameters(r, tokens, &does)
	}
	return does, bulk, reason, err
}

func describeField(kind, name string, catalog *permission.Catalog) (Matches, error) {
	if _, err := permission.ParseOperation(kind + " " + name); err != nil {
		return Matches{}, &targetError{err.Error()}
	}
	return Matches{First: catalog.FindField(kind, name), Free: kind == permission.Query && name == typename}, nil
}

// request returns the request, as it would come.
func (a Asked) request() (*http.Request, error) {
	u, err := url.ParseRequestURI(a.Target)
	if err != nil || a.Target[0] != '/' {
		return nil, &targetError{fmt.Sprintf("%q is not a path; write for example /api/articles/42", a.Target)}
	}
	r := &http.Request{Method: a.Method, URL: u, Header: http.Header{}, ProtoMajor: 1}
	if a.Method == permission.WebSocket {
		r.Method = http.MethodGet
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	}
	if a.JSON != "" {
		r.Header["Content-Type"] = []string{"application/json"}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(a.JSON)), int64(len(a.JSON))
	}
	return r, nil
}
