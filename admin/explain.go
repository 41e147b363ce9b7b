package admin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/permission/graphql"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Explanation says why a token may or may not make a request.
type Explanation struct {
	gate.Explanation
	// Operations are those of the catalog that the request is, as they are written there.
	Operations []string
	// Parts explains each of the requests that a bulk request holds, or each root field.
	Parts []Explanation
}

// ExplanationRecord is an explanation as scripts see it: a closed list of fields, all
// of them always there.
type ExplanationRecord struct {
	Allowed     bool                `json:"allowed"`
	Reason      gate.Reason         `json:"reason"`
	Problem     string              `json:"problem"`
	Operation   string              `json:"operation"`
	Operations  []string            `json:"operations"`
	Permissions []string            `json:"permissions"`
	Grants      []string            `json:"grants"`
	Lacks       []string            `json:"lacks"`
	Parts       []ExplanationRecord `json:"parts"`
}

// TargetOf takes path and query out of an address that was pasted as a whole.
func TargetOf(text string) string {
	if u, err := url.Parse(text); err == nil && u.Host != "" && u.Scheme != "" {
		return u.RequestURI()
	}
	return text
}

// PageProblem is what to know about a request for a path of GraphQL without a document.
const PageProblem = "the path is one of GraphQL, and this a request without a document, as for a page such as GraphiQL; with one, its root fields decide"

// Record returns the explanation in the form in which it leaves the service.
func (e *Explanation) Record() ExplanationRecord {
	r := ExplanationRecord{
		Allowed: e.Reason.Allows(), Reason: e.Reason, Operation: e.Operation, Operations: append([]string{}, e.Operations...),
		Permissions: append([]string{}, e.Permissions...), Grants: append([]string{}, e.Grants...), Lacks: append([]string{}, e.Lacks...),
		Problem: e.Almost, Parts: []ExplanationRecord{},
	}
	switch {
	case e.Err != nil:
		r.Problem = e.Err.Error()
	case e.Page:
		r.Problem = PageProblem
	}
	for i := range e.Parts {
		r.Parts = append(r.Parts, e.Parts[i].Record())
	}
	return r
}

// explanations is how many are made at a time. One takes some 10 MB if the token has as many
// grants as there can be, and several times that with grants from before there was a bound.
const explanations = 4

// Explain decides about a request with a token as the gate would if it came now.
func (s *Service) Explain(ctx context.Context, actor Actor, id string, asked gate.Asked) (Explanation, error) {
	method := asked.Method
	if upper := strings.ToUpper(method); method != upper && !permission.IsKind(method) {
		if lower := strings.ToLower(method); permission.IsKind(lower) {
			upper = lower
		}
		if Told(strconv.Quote(method)) != strconv.Quote(method) { // nor is it told in capitals
			return Explanation{}, problem("method", "%q is not a method", method)
		}
		return Explanation{}, problem("method", "%q is not a method; write %s", method, upper)
	}
	present, err := s.readable(ctx, &actor, TokenExplain, id)
	if err != nil {
		return Explanation{}, err
	}
	if present.Draft == token.DraftCreate { // its secret is as unknown as any
		return Explanation{Explanation: gate.Explanation{Reason: gate.UnknownToken}}, nil
	}
	c, err := s.catalog(ctx, s.store, present.API)
	if err != nil {
		return Explanation{}, err
	}
	if err := s.explaining.enter(ctx); err != nil {
		return Explanation{}, err
	}
	defer s.explaining.leave()
	catalog, err := compile(&c)
	if err != nil {
		return Explanation{}, err
	}
	return s.explain(&present, &c, catalog, asked)
}

// explain decides as every gate of the API does: where they have GraphQL in different
// ways, one that refuses the request speaks for all.
func (s *Service) explain(t *token.Token, c *store.Catalog, catalog *permission.Catalog, asked gate.Asked) (told Explanation, err error) {
	ways := c.GraphQL
	if permission.IsKind(asked.Method) { // gates without know no fields
		ways = slices.DeleteFunc(slices.Clone(ways), func(way store.GraphQL) bool { return len(way.Paths) == 0 })
	}
	if len(ways) == 0 {
		ways = []store.GraphQL{{}}
	}
	for i, way := range ways {
		graphQL, err := gateGraphQL(way)
		if err != nil {
			return Explanation{}, fmt.Errorf("GraphQL of API %s: %w", c.API, err)
		}
		e, err := gate.Explain(*t, catalog, graphQL, asked, s.now())
		if err != nil {
			return Explanation{}, problem("path", "%v", err)
		}
		if i == 0 || !e.Reason.Allows() {
			told = explanation(catalog, e)
		}
		if !e.Reason.Allows() {
			break
		}
	}
	return told, nil
}

// gateGraphQL is what a gate has by default beside what is known of it; nil if it has no
// GraphQL. It remembers no documents from one request to another.
func gateGraphQL(way store.GraphQL) (*gate.GraphQL, error) {
	if len(way.Paths) == 0 {
		return nil, nil
	}
	paths, err1 := permission.NewPaths(way.Paths)
	reader, err2 := graphql.New(graphql.DefaultLimits)
	return &gate.GraphQL{
		Paths: paths, Reader: reader, MaxBody: graphql.DefaultLimits.Body, Introspection: gate.Introspection(way.Introspection),
	}, errors.Join(err1, err2)
}

func explanation(catalog *permission.Catalog, e gate.Explanation) Explanation {
	told := Explanation{Explanation: e, Operations: matched(catalog, e)}
	for _, part := range e.Parts {
		told.Parts = append(told.Parts, explanation(catalog, part))
	}
	return told
}

// matched returns the operations of the explained permissions that the request is.
func matched(catalog *permission.Catalog, e gate.Explanation) []string {
	if len(e.Permissions) == 0 {
		return nil // and perhaps no path that can be looked up at all
	}
	var operations []string
	for _, name := range e.Permissions {
		for _, p := range catalog.Permissions() {
			if p.Name != name {
				continue
			}
			for _, op := range p.Operations {
				operations = append(operations, op.String())
			}
		}
	}
	return catalog.Matching(operations, e.Match)
}
