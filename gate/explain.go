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
	"github.com/tokenreeve/tokenreeve/permission/graphql"
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
	// Parts explains each of the requests that a bulk request holds, and each of the root
	// fields of a GraphQL request: the token must be allowed all of them.
	Parts []Explanation
	// Page says that the path is one of GraphQL, and that the request has no document.
	Page bool
	// Err says what is ambiguous about the request, or wrong with the token's record.
	Err error
}

// Asked is a request to be explained. Target is a path with or without a query, or
// behind a kind of GraphQL operations the name of a root field; JSON is a body, or "".
type Asked struct{ Method, Target, JSON string }

// Explain decides about a request as Check would, for people. graphQL is nil for an API
// without. It returns an error if the target is not a URL or a name at all.
func Explain(t token.Token, catalog *permission.Catalog, graphQL *GraphQL, asked Asked, now time.Time) (Explanation, error) {
	tokens, reason := usable(Tokens{First: &Known{Token: t}}, t.API, now)
	x := &explainer{tokens: tokens, catalog: catalog, graphQL: graphQL}
	described, err := x.describe(asked)
	if _, bad := errors.AsType[*targetError](err); bad {
		return Explanation{}, err
	}
	if reason == "" {
		reason = described
	}
	if x.whole == nil || described != "" {
		e := explain(tokens, catalog, &x.does, reason, err)
		e.Page = x.page
		return e, nil
	}
	e := Explanation{Operation: x.whole.String(), Match: *x.whole}
	for m := range x.does.all {
		if m.IsRequired() {
			continue
		}
		part := explain(tokens, catalog, &Matches{First: m, Rest: catalog.Required(m), Override: x.does.Override}, reason, nil)
		e.Parts = append(e.Parts, part)
		if e.Reason == "" || e.Reason == Allow {
			e.Reason, e.Lacks, e.Almost, e.Err = part.Reason, part.Lacks, part.Almost, part.Err
		}
	}
	return e, nil
}

// explainer finds out what a request does, as a gate would.
type explainer struct {
	tokens  Tokens
	catalog *permission.Catalog
	graphQL *GraphQL

	does Matches
	// whole is what a request is of which each part is explained, or nil.
	whole *permission.Match
	page  bool // as in Explanation
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

// targetError is something that no request can be for, or that is not explained.
type targetError struct{ problem string }

func (e *targetError) Error() string { return e.problem }

// describe says what a request does.
func (x *explainer) describe(asked Asked) (reason Reason, err error) {
	if permission.IsKind(asked.Method) {
		return x.describeField(asked.Method, asked.Target)
	}
	r, err := asked.request()
	if err != nil {
		return "", err
	}
	x.does, reason, err = Describe(r, x.catalog, nil)
	if reason != "" {
		return reason, err
	}
	if x.graphQL.concerns(&x.does) && !(x.tokens.mayAll() && x.graphQL.Introspection != IntrospectionDeny) {
		return x.describeGraphQL(r)
	}
	if x.tokens.mayAll() {
		return "", nil
	}
	g := &Gate{Catalog: x.catalog}
	if g.isBulk(&x.does) {
		whole := x.does.First
		x.whole = &whole
	}
	read, reason, err := g.readParameters(r, x.tokens, &x.does)
	if read != nil {
		read(r)
		_, reason, err = g.readParameters(r, x.tokens, &x.does)
	}
	return reason, err
}

func (x *explainer) describeField(kind, name string) (reason Reason, err error) {
	if _, err := permission.ParseOperation(kind + " " + name); err != nil {
		return "", &targetError{err.Error()}
	}
	q := x.graphQL
	if q == nil {
		q = &GraphQL{}
	}
	if x.tokens.mayAll() && q.Introspection != IntrospectionDeny {
		x.does.First = x.catalog.FindField(kind, name)
		return "", nil
	}
	reason, err = q.lookUp(&x.does, []graphql.Field{{Kind: graphql.Kind(kind), Name: name}}, x.catalog)
	if x.does.Free || x.does.First.Method == "" { // lookUp says the one of no field in particular, the other of a bad one
		x.does.First = x.catalog.FindField(kind, name)
	}
	x.does.require(x.catalog)
	return reason, err
}

// mostParts is how many root fields are explained at once: each is a decision of its own,
// and a document of a few kilobytes can have thousands.
const mostParts = 50

var (
	errNoDocument = badRequest("the path is one of GraphQL, where the document decides: give it in the JSON body or in the query, or ask for its root fields")
	errUnknown    = &graphql.Error{Code: graphql.NotFound, Problem: "the request has the hash of a document, and which documents a gate knows is not known here; give the document"}
)

// describeGraphQL says what a request does whose document decides.
func (x *explainer) describeGraphQL(r *http.Request) (reason Reason, err error) {
	sent := x.does.First
	read, reason, err := x.graphQL.describe(r, &x.does, x.catalog)
	switch {
	case read != nil && r.ContentLength == 0:
		reason, err = AmbiguousRequest, errNoDocument
	case read != nil:
		read(r)
		_, reason, err = x.graphQL.describe(r, &x.does, x.catalog)
	}
	if reason == UnknownDocument {
		err = errUnknown
	}
	if err != nil { // grants of the path say nothing about it
		x.does.First = permission.Match{Method: sent.Method, Path: sent.Path}
	}
	if reason != "" {
		return reason, err
	}
	x.page = x.does.First.String() == sent.String()
	if fields := 1 + len(x.does.Rest); fields > mostParts {
		return "", &targetError{fmt.Sprintf("its document has %d different root fields; ask for %d at most at a time", fields, mostParts)}
	} else if fields > 1 {
		x.whole = &sent
	}
	x.does.require(x.catalog)
	return "", nil
}

// request returns the request, as it would come.
func (a Asked) request() (*http.Request, error) {
	u, err := url.ParseRequestURI(a.Target)
	if err != nil || a.Target[0] != '/' {
		return nil, &targetError{fmt.Sprintf("%q is not a path; write for example /api/articles/42", a.Target)}
	}
	r := &http.Request{Method: a.Method, URL: u, Header: http.Header{}, Body: http.NoBody, ProtoMajor: 1}
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
