package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
)

// dialect makes a gate look like the token check of another system, so that its
// clients need no change: where credentials stand if nothing else is configured,
// and how a refusal looks. What is decided is the same for all.
type dialect struct {
	sources []gate.Source
	// answer turns a refusal into what clients of the system know. If it is nil they
	// take problem JSON, with the status 401 for what their token may not do.
	answer      func(h *Handler, r *http.Request, d *gate.Decision, p *problem) (status int, body any)
	permissions []permission.Permission // of all APIs of the system
	// brings sets what else gates need for the system.
	brings func(h *Handler) error
}

// forbidsBy401 reports whether 401 is the answer to what is 403 elsewhere.
func (d *dialect) forbidsBy401() bool { return d != nil && d.answer == nil }

// dialects are the systems whose clients work unchanged, by name.
var dialects = map[string]*dialect{
	dialectKintone: {[]gate.Source{{Place: gate.Header, Name: "X-Cybozu-API-Token", List: true}}, answerKintone, kintonePermissions(), bringKintone},
	dialectStrapi:  {[]gate.Source{{Place: gate.Authorization, Name: "Bearer"}}, answerStrapi, nil, nil},
	"apitoken":     {[]gate.Source{{Place: gate.Authorization, Name: "apiToken"}}, nil, nil, nil},
}

const dialectKintone = "kintone"

// withDialect returns the permissions that a dialect brings, and those beside them.
func withDialect(name string, own []permission.Permission) []permission.Permission {
	if d, err := findDialect(name); err == nil && d != nil {
		return slices.Concat(d.permissions, own)
	}
	return own
}

// setDialect finds the dialect, and takes its sources if none are configured.
func (h *Handler) setDialect() (err error) {
	if h.dialect, err = findDialect(h.Dialect); err != nil || h.dialect == nil {
		return err
	}
	if h.Errors != "" {
		return errDialectErrors
	}
	if len(h.Sources) == 0 {
		h.Sources = h.dialect.sources
	}
	return nil
}

// bring sets what the dialect brings.
func (h *Handler) bring() error {
	if h.Password != "" && (h.Dialect != dialectKintone || h.Password != passwordPass) {
		return errPassword
	}
	if h.dialect == nil || h.dialect.brings == nil {
		return nil
	}
	return h.dialect.brings(h)
}

var errDialectErrors = errors.New("errors caddy leaves the answers to handle_errors, so a dialect has no say in them; leave one of both out")

func errDialectBrings(permission, dialect string) error {
	return fmt.Errorf("permission %s is defined twice: dialect %s brings one", permission, dialect)
}

func findDialect(name string) (*dialect, error) {
	if name == "" {
		return nil, nil
	}
	if d, ok := dialects[name]; ok {
		return d, nil
	}
	return nil, fmt.Errorf("there is no dialect %q; use kintone, strapi or apitoken, or leave the line out", name)
}

// strapiError is how Strapi answers.
type strapiError struct {
	Data    any             `json:"data"`
	Error   *strapiProblem  `json:"error,omitempty"`
	GraphQL []strapiGraphQL `json:"errors,omitempty"`
}

type strapiProblem struct {
	Status  int      `json:"status,omitempty"`
	Name    string   `json:"name"`
	Message string   `json:"message"`
	Details struct{} `json:"details"`
}

type strapiGraphQL struct {
	Message    string           `json:"message"`
	Extensions strapiExtensions `json:"extensions"`
}

type strapiExtensions struct {
	Error strapiProblem `json:"error"`
	Code  string        `json:"code"`
}

// strapiNames are the names of Strapi's errors by status; clients tell them apart by these.
var strapiNames = map[int]string{
	http.StatusBadRequest:            "BadRequestError",
	http.StatusUnauthorized:          "UnauthorizedError",
	http.StatusForbidden:             "ForbiddenError",
	http.StatusRequestEntityTooLarge: "PayloadTooLargeError",
	http.StatusServiceUnavailable:    "ServiceUnavailableError",
}

func answerStrapi(h *Handler, r *http.Request, d *gate.Decision, p *problem) (int, any) {
	if d.Reason == gate.MissingPermission && h.graphQL != nil && h.graphQL.Paths.Cover(r.URL.Path) {
		return answerStrapiGraphQL(r)
	}
	problem := strapiProblem{Status: p.Status, Name: strapiNames[p.Status], Message: p.Detail}
	switch {
	case d.Reason == gate.ExpiredToken:
		problem.Message = "Token expired"
	case p.Status == http.StatusUnauthorized:
		problem.Message = "Missing or invalid credentials"
	case p.Status == http.StatusForbidden:
		problem.Message = "Forbidden"
	}
	return p.Status, strapiError{Error: &problem}
}

// answerStrapiGraphQL is 200, as Strapi answers what its resolvers refuse.
func answerStrapiGraphQL(r *http.Request) (int, any) {
	const forbidden = "Forbidden access"
	refused := strapiError{GraphQL: []strapiGraphQL{{
		Message:    forbidden,
		Extensions: strapiExtensions{Error: strapiProblem{Name: "ForbiddenError", Message: forbidden}, Code: "FORBIDDEN"},
	}}}
	if batch := gate.BatchOf(r); batch > 0 {
		return http.StatusOK, slices.Repeat([]strapiError{refused}, batch)
	}
	return http.StatusOK, refused
}

// encodeDialect returns a refusal as clients of the dialect know it.
func (h *Handler) encodeDialect(r *http.Request, d *gate.Decision, p *problem) (status int, body []byte, err error) {
	status, answer := h.dialect.answer(h, r, d, p)
	body, err = json.Marshal(answer)
	return status, body, err
}
