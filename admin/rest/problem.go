package rest

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/tokenreeve/tokenreeve/admin"
)

// ProblemError is the answer to a request that is refused (RFC 9457). Code is for
// programs and stays the same over versions; Detail is for people.
type ProblemError struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Code   string         `json:"code"`
	Errors []FieldProblem `json:"errors,omitempty"` // what is wrong with the input, by field
	// Permission is the right that is missing, as the catalog of
	// admin.ManagementAPI has it.
	Permission string `json:"permission,omitempty"`
	Tokens     int    `json:"tokens,omitempty"`   // that an account has
	Accounts   int    `json:"accounts,omitempty"` // that have a role
	// Drafts are those that keep an API from being updated.
	Drafts []DraftProblem `json:"drafts,omitempty"`

	Header http.Header `json:"-"` // of the answer, beside what all answers have
}

// FieldProblem says what is wrong with a field of the input, or a parameter.
type FieldProblem struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// DraftProblem says why the draft of a token can't be put in force.
type DraftProblem struct {
	TokenID    string         `json:"token_id"`
	Name       string         `json:"name"`
	Detail     string         `json:"detail"`
	Errors     []FieldProblem `json:"errors,omitempty"`
	Permission string         `json:"permission,omitempty"` // the right that is missing
}

func (p *ProblemError) Error() string { return p.Code + ": " + p.Detail }

func problem(status int, code, detail string) *ProblemError {
	return &ProblemError{Status: status, Code: code, Detail: detail}
}

// because adds what is wrong with single fields.
func (p *ProblemError) because(fields admin.FieldErrors) *ProblemError {
	p.Errors = append(p.Errors, fieldProblems(fields)...)
	return p
}

func fieldProblems(fields admin.FieldErrors) (list []FieldProblem) {
	for _, invalid := range fields {
		list = append(list, FieldProblem{admin.Told(invalid.Field), admin.Told(invalid.Problem)})
	}
	return list
}

// with sets a header of the answer.
func (p *ProblemError) with(name, value string) *ProblemError {
	if p.Header == nil {
		p.Header = http.Header{}
	}
	p.Header.Set(name, value)
	return p
}

// fail answers what went wrong.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to read it
	}
	p := problemOf(r, err)
	if p.Status >= http.StatusInternalServerError {
		a.Failed(r, err)
	}
	if p.Status == http.StatusUnauthorized && p.Header.Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+admin.ManagementAPI+`"`)
	}
	maps.Copy(w.Header(), p.Header)
	complete := *p // the caller's may be shared
	complete.Detail = admin.Told(complete.Detail)
	if complete.Type == "" {
		complete.Type = "about:blank"
	}
	if complete.Title == "" {
		complete.Title = http.StatusText(p.Status)
	}
	a.write(w, r, "application/problem+json", p.Status, complete)
}

// answer answers JSON.
func (a *api) answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	a.write(w, r, "application/json", status, body)
}

func (a *api) write(w http.ResponseWriter, r *http.Request, kind string, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		a.Failed(r, err)
		status, text = http.StatusInternalServerError, []byte(`{}`)
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // who went away misses nothing
}
