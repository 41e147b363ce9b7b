package ui

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// auditRoutes are the audit trail.
var auditRoutes = []route{
	{method: "GET", path: "/audit", handle: (*ui).auditPage},
	{method: "GET", path: "/audit/export", handle: (*ui).exportEvents},
}

// auditFilter is what the form above the events shows.
type auditFilter struct {
	Actor, Action, Subject, API string
	From, Until                 string // days
	Zone                        string // minutes that the reader's clock is behind UTC
	Actions, APIs               []string
}

// Any reports whether something is picked.
func (f *auditFilter) Any() bool {
	return f.Actor+f.Action+f.Subject+f.API+f.From+f.Until != ""
}

// With returns the address of a page with these events, from a cursor on.
func (f *auditFilter) With(path, after string) string {
	v := url.Values{}
	for name, value := range map[string]string{
		"actor": f.Actor, "action": f.Action, "subject": f.Subject, "api": f.API,
		"from": f.From, "until": f.Until, "zone": f.Zone, "after": after,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// auditFilter returns what the address asks for, and what is wrong with that.
func (u *ui) auditFilter(c *call) (auditFilter, admin.EventQuery, admin.FieldErrors, error) {
	f := auditFilter{
		Actor: c.query("actor"), Action: c.query("action"), Subject: c.query("subject"), API: c.query("api"),
		From: c.query("from"), Until: c.query("until"), Zone: c.query("zone"), Actions: admin.Actions(),
	}
	q := admin.EventQuery{Actor: f.Actor, Action: f.Action, API: f.API}
	var err error
	q.Subject, err = u.subjectOf(c, &f)
	problems, wrong := errors.AsType[admin.FieldErrors](err)
	if err != nil && !wrong {
		return f, q, nil, err
	}
	if f.Action != "" && !slices.Contains(f.Actions, f.Action) {
		problems = append(problems, problem("action", "audit.no-action"))
	}
	zone := zoneOf(f.Zone)
	if q.Since, err = day(f.From, 0, zone); err != nil {
		problems = append(problems, problem("from", "audit.no-day"))
	}
	if q.Until, err = day(f.Until, 1, zone); err != nil { // that day is included
		problems = append(problems, problem("until", "audit.no-day"))
	}
	return f, q, problems, nil
}

// subjectOf returns what events have as their subject: the id of the token or the
// account that is named, or the name of a role. What is gone has to be named by its id.
func (u *ui) subjectOf(c *call, f *auditFilter) (string, error) {
	if f.Subject == "" || token.IsID(f.Subject) {
		return f.Subject, nil
	}
	role, err := u.Service.Role(c.r.Context(), c.actor, f.Subject)
	if err == nil && !role.BuiltIn { // nothing happens to those
		return role.Name, nil
	}
	if err != nil && !notSeen(err) {
		return "", err
	}
	account, err := u.Service.Account(c.r.Context(), c.actor, f.Subject)
	if err == nil {
		return account.ID, nil
	}
	if !notSeen(err) {
		return "", err
	}
	t, err := u.Service.Find(c.r.Context(), c.actor, f.API, f.Subject)
	if _, several := errors.AsType[admin.FieldErrors](err); several {
		return "", admin.FieldErrors{problem("subject", "audit.several")}
	}
	if notSeen(err) {
		return f.Subject, nil
	}
	return t.ID, err
}

// notSeen reports whether something is not there for who asks.
func notSeen(err error) bool {
	_, forbidden := errors.AsType[*admin.ForbiddenError](err)
	return forbidden || errors.Is(err, store.ErrNotFound)
}

// auditNames are those that the filter offers; others can be typed.
type auditNames struct {
	Accounts []admin.AccountRecord
	Tokens   []token.Token
}

func (u *ui) auditNames(c *call) (names auditNames, err error) {
	accounts, err := u.Service.Accounts(c.r.Context(), c.actor, admin.Paging{Limit: admin.MaxLimit})
	if err != nil {
		return names, err
	}
	names.Accounts = accounts.Items
	if c.actor.Scope(admin.TokenRead) == store.None {
		return names, nil
	}
	found, err := u.Service.Tokens(c.r.Context(), c.actor, store.TokenQuery{Limit: suggested})
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return names, err
	}
	names.Tokens = found.Tokens
	return names, nil
}

// eventAPIs are the APIs to choose from, with the one that is chosen.
func (u *ui) eventAPIs(c *call, chosen string) ([]string, error) {
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	var apis []string
	for i := range catalogs {
		apis = append(apis, catalogs[i].API)
	}
	if chosen != "" && !slices.Contains(apis, chosen) {
		apis = append(apis, chosen)
	}
	return apis, nil
}

// maxZone is further than any clock is from UTC.
const maxZone = 24 * 60

// zoneOf returns the zone whose clock is so many minutes behind UTC, as browsers
// count; UTC if that is no such number.
func zoneOf(minutes string) *time.Location {
	n, err := strconv.Atoi(minutes)
	if err != nil || n < -maxZone || n > maxZone {
		return time.UTC
	}
	return time.FixedZone("", -n*60)
}

// day returns the beginning of a day, or of the one that is so many days later.
func day(text string, later int, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, zone)
	return t.AddDate(0, 0, later), err
}

func problem(field, key string) *token.FieldError {
	return &token.FieldError{Field: field, Problem: texts.Get(key)}
}

func (u *ui) auditPage(c *call) error {
	filter, query, problems, err := u.auditFilter(c)
	if err != nil {
		return err
	}
	body := struct {
		Filter auditFilter
		Names  auditNames
		Events []eventView
		Next   string
		Begun  bool
	}{Filter: filter, Begun: c.query("after") != ""}
	paging := admin.Paging{After: c.query("after")}
	status := http.StatusOK
	if len(problems) > 0 {
		status, query, paging = http.StatusUnprocessableEntity, admin.EventQuery{}, admin.Paging{Limit: 1}
	}
	found, err := u.Service.Events(c.r.Context(), c.actor, query, paging)
	if err != nil {
		return err
	}
	if len(problems) == 0 {
		body.Next = found.Next
		for i := range found.Items {
			body.Events = append(body.Events, newEventView(&found.Items[i]))
		}
	}
	if body.Filter.APIs, err = u.eventAPIs(c, filter.API); err != nil {
		return err
	}
	if body.Names, err = u.auditNames(c); err != nil {
		return err
	}
	return u.show(c, status, "audit", page{Title: "audit.title", Here: "/audit", Body: &body, Errors: problems})
}

// exportEvents answers JSON lines as they come from the store, however many.
func (u *ui) exportEvents(c *call) error {
	_, query, problems, err := u.auditFilter(c)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return problems
	}
	return rest.ExportEvents(c.w, c.r, u.Service, c.actor, query, u.Failed)
}
