package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// editPage is the form with all that it offers.
type editPage struct {
	Form        tokenForm
	Token       *token.Token // as it is; nil for a new one
	APIs        []option
	Types       []option
	Durations   []option
	Owners      []string
	Matrix      matrix
	Limited     bool     // the role can't hand out all that there is
	Gone        []string // chosen, though the API has them no longer
	GoneHeld    []string // of those, the ones that are ticked
	Kept        []string // chosen for an API that is not shown
	Known       bool     // the API is
	Management  bool     // it is that of this server
	Staged      bool     // what is saved is a draft first
	Fixed       bool     // it acts for somebody else, so its rights are not asked
	MostText    int      // characters of a description
	Written     string   // an operation, as one that can be written out
	Today       string
	Again       bool      // typed before whoever sees it signed in anew
	Conflict    *conflict // with somebody who was quicker; nil if there was none
	permissions []permission.Permission
	catalog     *permission.Catalog
}

// option is one of several values of a field.
type option struct {
	Value  string
	Chosen bool
	Beyond bool // the role can't hand it out
	Off    bool // and so it can't be chosen
	Own    bool // the API of this server
}

// permissionsOf returns what an API protects; nothing if it isn't known.
func (u *ui) permissionsOf(c *call, api string) ([]permission.Permission, error) {
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	i := slices.IndexFunc(catalogs, func(c store.Catalog) bool { return c.API == api })
	if err != nil || i < 0 {
		return nil, err
	}
	return catalogs[i].Permissions, nil
}

// newEditPage makes the page of a form; t is nil for a new token.
func (u *ui) newEditPage(c *call, form tokenForm, t *token.Token) (editPage, error) {
	body := editPage{Form: form.withoutSecrets(), Token: t, MostText: token.MaxDescription, Today: c.now.UTC().Format(time.DateOnly)}
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return body, err
	}
	ceiling := &c.actor.Role.Ceiling
	body.chooseAPI(catalogs, ceiling)
	if body.catalog, err = permission.NewCatalog(body.permissions); err != nil {
		return body, err
	}
	body.choose(ceiling)
	right, present := admin.TokenCreate, c.actor.Name()
	var held []string
	if t != nil {
		right, present, held = admin.TokenUpdate, t.Owner, t.Grants
		body.Fixed = c.actor.ActsForOther(t)
		body.Staged = body.Staged || t.Draft == token.DraftCreate
	}
	body.sortGrants(held)
	body.Written = u.writtenExample(&body)
	body.Matrix = newMatrix(body.permissions, ceiling, body.Form.Ticked, held)
	body.Owners, err = u.owners(c, right, present)
	return body, err
}

// writtenExample shows how an operation of the API is written.
func (u *ui) writtenExample(p *editPage) string {
	all := allOperations(p.catalog, nil)
	if len(operationsOf(p.catalog, nil)) == 0 && (len(all) > 0 || p.Form.API != "" && u.Place(p.Form.API).GraphQL != "") {
		return "query articles"
	}
	return "GET /api/articles/{id}"
}

// chooseAPI offers the APIs. If there is one alone for a new token, that is it.
func (p *editPage) chooseAPI(catalogs []store.Catalog, ceiling *admin.CeilingRecord) {
	var usual []string
	for _, catalog := range catalogs {
		beyond := ceiling.APIs != nil && !slices.Contains(ceiling.APIs, catalog.API)
		p.APIs = append(p.APIs, option{Value: catalog.API, Beyond: beyond, Off: beyond, Own: catalog.API == admin.ManagementAPI})
		if !beyond && catalog.API != admin.ManagementAPI {
			usual = append(usual, catalog.API)
		}
	}
	if p.Form.API == "" && len(usual) == 1 {
		p.Form.API = usual[0]
	}
	for i, catalog := range catalogs {
		if p.APIs[i].Chosen = catalog.API == p.Form.API; p.APIs[i].Chosen {
			p.Known, p.permissions, p.Staged = true, catalog.Permissions, catalog.Staged
		}
	}
	p.Management = p.Form.API == admin.ManagementAPI
}

// choose offers types and durations.
func (p *editPage) choose(ceiling *admin.CeilingRecord) {
	allowed := ceiling.Types
	if allowed == nil && ceiling.Grants != nil {
		allowed = []token.Type{token.Custom} // grants bound no others
	}
	for _, kind := range token.Types() {
		beyond := allowed != nil && !slices.Contains(allowed, kind)
		held := p.Token != nil && p.Token.Type == kind
		p.Types = append(p.Types, option{Value: string(kind), Chosen: kind == p.Form.Type, Beyond: beyond, Off: beyond && !held})
	}
	chosen := func(o option) bool { return o.Chosen && !o.Off }
	if can := slices.IndexFunc(p.Types, func(o option) bool { return !o.Off }); can >= 0 && !slices.ContainsFunc(p.Types, chosen) && p.Form.Type != "" {
		for i := range p.Types {
			p.Types[i].Chosen = i == can
		}
	}
	p.Limited = ceiling.Grants != nil
	all := append(slices.Clone(durations), dateDuration)
	if p.Token != nil {
		all = append([]string{keepDuration}, all...)
	}
	for _, d := range all {
		p.Durations = append(p.Durations, option{Value: d, Chosen: d == p.Form.Duration})
	}
}

// sortGrants finds a place for each grant that was chosen: a box, or, if it has
// none, among those whose permission is gone, or that belong to another API.
func (p *editPage) sortGrants(held []string) {
	boxes := offered(p.permissions)
	var ticked, lines []string
	for _, grant := range distinct(append(slices.Clip(p.Form.Ticked), p.Form.Kept...)) {
		switch {
		case slices.Contains(boxes, grant):
			ticked = append(ticked, grant)
		case slices.Contains(held, grant):
			p.Gone, p.GoneHeld = append(p.Gone, grant), append(p.GoneHeld, grant)
		default:
			p.Kept = append(p.Kept, grant)
		}
	}
	for _, grant := range p.Form.writtenGrants() {
		if slices.Contains(held, grant) && p.catalog.CheckGrant(grant) != nil {
			p.Gone, p.GoneHeld = append(p.Gone, grant), append(p.GoneHeld, grant)
		} else {
			lines = append(lines, grant)
		}
	}
	for _, grant := range held { // unticked now
		if !slices.Contains(p.Gone, grant) && p.catalog.CheckGrant(grant) != nil {
			p.Gone = append(p.Gone, grant)
		}
	}
	p.Form.Ticked, p.Form.Written = ticked, strings.Join(lines, "\n")
}

// IsGoneHeld reports whether a grant without a permission is still chosen.
func (p editPage) IsGoneHeld(grant string) bool { return slices.Contains(p.GoneHeld, grant) }

// explain puts problems where their cause is: into the line of a grant that was
// written out, or into words for somebody who chose rather than typed.
func (f *tokenForm) explain(problems admin.FieldErrors, catalog *permission.Catalog) admin.FieldErrors {
	told := make(admin.FieldErrors, len(problems))
	for i, problem := range problems {
		told[i] = problem
		if field, text := f.inWords(problem, catalog); text != "" {
			told[i] = &token.FieldError{Field: field, Problem: text}
		}
	}
	slices.SortStableFunc(told, func(a, b *token.FieldError) int {
		return slices.Index(fieldOrder, a.Field) - slices.Index(fieldOrder, b.Field)
	})
	return told
}

// inWords returns the field that a problem is told beside, and the words; empty if
// those of the service will do.
func (f *tokenForm) inWords(problem *token.FieldError, catalog *permission.Catalog) (field, text string) {
	switch problem.Field {
	case "description":
		if over := utf8.RuneCountInString(f.Description) - token.MaxDescription; over > 0 {
			return "description", texts.Count("edit.over", over)
		}
	case "grants":
		if len(f.grants()) == 0 {
			return "grants", texts.Get("edit.no-grants")
		}
		if n := f.lineOf(problem.Problem, catalog); n > 0 {
			return "written", texts.Get("edit.line", n, problem.Problem)
		}
	case "duration":
		switch {
		case f.Duration != dateDuration:
		case f.duration() == "":
			return "date", texts.Get("edit.no-date")
		default:
			return "date", texts.Get("edit.bad-date")
		}
	case "api":
		if f.API == "" {
			return "api", texts.Get("edit.no-api")
		}
	case "type":
		if f.Type == "" {
			return "type", texts.Get("edit.no-type")
		}
	}
	return "", ""
}

// fieldOrder is that of the form, for telling what is wrong with it.
var fieldOrder = []string{"form", "name", "description", "api", "owner", "type", "duration", "date", "grants", "written"}

// lineOf returns the number of the line that a problem is about, or 0.
func (f *tokenForm) lineOf(problem string, catalog *permission.Catalog) int {
	for i, line := range strings.Split(f.Written, "\n") {
		grant := strings.TrimSpace(line)
		if grant == "" {
			continue
		}
		if err := catalog.CheckGrant(grant); err != nil && err.Error() == problem || strings.HasSuffix(problem, " "+grant) ||
			len(grant) > token.MaxGrant && strings.HasPrefix(problem, fmt.Sprintf("one has %d bytes", len(grant))) {
			return i + 1
		}
	}
	return 0
}
