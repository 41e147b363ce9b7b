package ui

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// tryRoutes are for trying what a token may do.
var tryRoutes = []route{
	{method: "GET", path: "/try", handle: (*ui).try},
	{method: "POST", path: "/try", handle: (*ui).try},
	{method: "GET", path: "/try/tokens", handle: (*ui).suggestTokens},
}

// suggested is how many tokens a field offers; typing narrows them.
const suggested = 50

// triedMethods are those that the form offers.
var triedMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", permission.WebSocket}

// trial is the form of a request that nobody sends. It comes by POST, since a path
// may hold what no log should, or by a link that fills it in.
type trial struct {
	Token, API             string
	GraphQL                bool
	Method, Path, Document string
	Body                   string // JSON

	Tokens  []token.Token // that the field offers
	APIs    []string
	Methods []string
	Outcome *outcome // nil if nothing was asked yet
}

// outcome is what the gate would decide.
type outcome struct {
	Token     token.Token
	Allowed   bool
	Verdicts  []verdict
	MayUpdate bool
}

func (u *ui) try(c *call) error {
	form := trial{
		Token: c.field("token"), API: c.field("api"), GraphQL: c.field("kind") == "graphql",
		Method: c.field("method"), Path: admin.TargetOf(c.field("path")), Document: c.field("document"), Body: c.field("body"),
	}
	var err error
	if form.Path != "" || form.Document != "" || c.r.Method == http.MethodPost {
		form.Outcome, err = u.tryOut(c, &form)
	} else if form.Token != "" {
		_, err = u.triedToken(c, &form)
	}
	if errors.Is(err, store.ErrNotFound) {
		err = admin.FieldErrors{{Field: "token", Problem: texts.Get("try.no-token")}}
	}
	problems, isProblem := errors.AsType[admin.FieldErrors](err)
	if err != nil && !isProblem {
		return err
	}
	// A secret is not written into a page again.
	if strings.HasPrefix(form.Token, token.Prefix) {
		form.Token = ""
	}
	for _, text := range []*string{&form.Path, &form.Document, &form.Body, &form.Method} {
		*text = withoutSecrets(*text)
	}
	return u.showTrial(c, &form, problems)
}

func (u *ui) showTrial(c *call, form *trial, problems admin.FieldErrors) error {
	found, err := u.Service.Tokens(c.r.Context(), c.actor, store.TokenQuery{Limit: suggested})
	if err != nil {
		return err
	}
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	form.Tokens, form.Methods = found.Tokens, triedMethods
	for _, catalog := range catalogs {
		form.APIs = append(form.APIs, catalog.API)
	}
	if form.Method != "" && !slices.Contains(form.Methods, form.Method) {
		form.Methods = append(slices.Clone(form.Methods), form.Method)
	}
	status := http.StatusOK
	if len(problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return u.show(c, status, "try", page{Title: "try.title", Here: "/try", Body: form, Errors: problems})
}

// suggestTokens answers the options of the field for a token, for what was typed.
func (u *ui) suggestTokens(c *call) error {
	found, err := u.Service.Tokens(c.r.Context(), c.actor, store.TokenQuery{Search: c.query("token"), Limit: suggested})
	if err != nil {
		return err
	}
	return u.showPart(c, http.StatusOK, "try", "token-options", page{Body: &trial{Tokens: found.Tokens}})
}

// triedToken finds the token, and writes its name and API into the form.
func (u *ui) triedToken(c *call, form *trial) (token.Token, error) {
	if form.Token == "" {
		return token.Token{}, admin.FieldErrors{{Field: "token", Problem: texts.Get("try.choose-token")}}
	}
	api := form.API
	if token.IsID(form.Token) {
		api = ""
	}
	t, err := u.Service.Find(c.r.Context(), c.actor, api, form.Token)
	switch {
	case err == nil:
		form.Token, form.API = t.Name, t.API
	case errors.Is(err, store.ErrNotFound) && api != "":
		err = admin.FieldErrors{{Field: "token", Problem: texts.Get("try.no-token-of", api)}}
	}
	return t, err
}

func (u *ui) tryOut(c *call, form *trial) (*outcome, error) {
	t, err := u.triedToken(c, form)
	if err != nil {
		return nil, err
	}
	var verdicts []verdict
	if form.GraphQL {
		verdicts, err = u.tryDocument(c, &t, form.Document)
	} else {
		verdicts, err = u.tryRequest(c, &t, gate.Asked{Method: form.Method, Target: form.Path, JSON: form.Body})
	}
	if err != nil {
		return nil, err
	}
	refused := func(v verdict) bool { return !v.Allowed }
	return &outcome{
		Token: t, Allowed: !slices.ContainsFunc(verdicts, refused), Verdicts: verdicts,
		MayUpdate: c.actor.May(admin.TokenUpdate, &t) && !c.actor.ActsForOther(&t),
	}, nil
}

// field returns a value from the form or from the address.
func (c *call) field(name string) string { return strings.TrimSpace(c.r.Form.Get(name)) }
