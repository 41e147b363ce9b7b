package caddymodule

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

// The media types of GraphQL's answers (GraphQL over HTTP, sections 4.1 and 6.4).
const (
	problemType         = "application/problem+json"
	graphQLType         = "application/json"
	graphQLResponseType = "application/graphql-response+json"
)

// graphQLAnswer is a refusal in the form in which GraphQL clients show errors.
type graphQLAnswer struct {
	Errors []graphQLError `json:"errors"`
}

type graphQLError struct {
	Message    string            `json:"message"`
	Extensions map[string]string `json:"extensions"`
}

// encode returns the body of a refusal and its type: for GraphQL clients one of
// theirs, of the status that the problem has.
func (h *Handler) encode(r *http.Request, d *gate.Decision, p *problem) (kind string, body []byte, err error) {
	if h.graphQL == nil || !h.graphQL.Paths.Cover(r.URL.Path) {
		body, err = json.Marshal(p)
		return problemType, body, err
	}
	answer := graphQLAnswer{[]graphQLError{{Message: p.Detail, Extensions: extensions(d, p)}}}
	if batch := gate.BatchOf(r); batch > 0 {
		body, err = json.Marshal(slices.Repeat([]graphQLAnswer{answer}, batch))
	} else {
		body, err = json.Marshal(answer)
	}
	if accepts(r, graphQLResponseType) {
		return graphQLResponseType + "; charset=utf-8", body, err
	}
	return graphQLType + "; charset=utf-8", body, err
}

// extensions has the code that GraphQL clients know, and ours as the reason.
func extensions(d *gate.Decision, p *problem) map[string]string {
	e := map[string]string{"code": graphQLCode(d, p.Status), "reason": p.Code}
	if p.Permission != "" {
		e["permission"] = p.Permission
	}
	if p.Operation != "" {
		e["operation"] = p.Operation
	}
	return e
}

// graphQLCode returns the code of a refusal as Apollo's servers have it.
func graphQLCode(d *gate.Decision, status int) string {
	if code, ok := gate.GraphQLCode(d.Err); ok {
		return string(code)
	}
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "FORBIDDEN"
	case http.StatusServiceUnavailable:
		return "SERVICE_UNAVAILABLE"
	case http.StatusRequestEntityTooLarge:
		return string(graphql.TooLarge)
	}
	return string(graphql.Malformed)
}

// accepts reports whether the client names a media type among those it takes.
func accepts(r *http.Request, kind string) bool {
	for _, value := range r.Header["Accept"] {
		for one := range strings.SplitSeq(value, ",") {
			one, _, _ = strings.Cut(one, ";")
			if strings.EqualFold(strings.TrimSpace(one), kind) {
				return true
			}
		}
	}
	return false
}
