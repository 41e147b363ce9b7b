package ui

import (
	"errors"
	"net/http"
	"slices"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// listRoutes are the table of tokens and what is done to several.
var listRoutes = []route{
	{method: "GET", path: "/tokens", handle: (*ui).list},
	{method: "POST", path: "/tokens/selected", handle: (*ui).selected},
}

// listPage is a page of tokens, and what leads to others.
type listPage struct {
	Query    listQuery
	Rows     []tokenRow
	Columns  []column
	Types    []token.Type
	Statuses []token.Status
	APIs     []string
	Owners   []string // to choose from; others can be typed

	// Selectable: something can be done to several.
	Selectable  bool
	First, Back string // addresses; empty on the first page
	Next        string // empty on the last page
	BackQuery   string // of the address of this page, to come back to it
	All, Mine   string // addresses of everybody's tokens, and of one's own; empty if there is no choice
	IsMine      bool
	Reset       string   // address without filters
	Empty       string   // why there is nothing: none, no-match, no-api; else ""
	Lines       []string // of a Caddyfile, for who has no API yet
	Drafts      []draftCount
}

// tokenRow is a token in the table.
type tokenRow struct {
	*token.Token

	Status       token.Status
	Unused, Ends bool // stands out: unused for long, ends soon
	Selectable   bool
}

// column is one by which the table can be sorted.
type column struct {
	Order store.TokenOrder
	Path  string
	Alone string // Path without filters: a script adds what the form says just now
	Sort  string // for aria-sort; empty if the table is not sorted by it
}

// Range says which of the tokens are here: by their number, if it is known how many
// stand on the pages before.
func (p listPage) Range() string {
	before, known := p.Query.before()
	if !known || p.Query.After != "" && before == 0 {
		return texts.Count("list.count-page", len(p.Rows))
	}
	first, last := texts.Number(before+1), texts.Number(before+len(p.Rows))
	if p.Next == "" {
		return texts.Get("list.range.last", first, last, last)
	}
	return texts.Get("list.range", first, last)
}

var statuses = []token.Status{token.Active, token.Disabled, token.Expired}

// table is the id of the part that scripts swap.
const table = "tokens"

func (u *ui) list(c *call) error {
	q := readListQuery(c.r.URL.Query())
	found, err := u.Service.Tokens(c.r.Context(), c.actor, q.query(c.now))
	problems, wrong := errors.AsType[admin.FieldErrors](err)
	if err != nil && !wrong {
		return err
	}
	body := u.newListPage(c, q, &found)
	if c.partial(table) {
		c.w.Header().Set("Hx-Push-Url", q.path())
	}
	status := http.StatusOK
	if wrong {
		status = http.StatusBadRequest
	}
	if err := u.fillChoices(c, &body); err != nil {
		return err
	}
	p := page{Title: "list.title", Here: "/tokens", Body: body, Errors: problems}
	if c.partial(table) {
		p.Part = true
		return u.showPart(c, http.StatusOK, "list", "table", p)
	}
	return u.show(c, status, "list", p)
}

func (u *ui) newListPage(c *call, q listQuery, found *store.TokenPage) listPage {
	body := listPage{Query: q, Types: token.Types(), Statuses: statuses, Reset: q.unfiltered().path(), BackQuery: q.values().Encode()}
	for i := range found.Tokens {
		row := newTokenRow(c, &found.Tokens[i])
		body.Selectable = body.Selectable || row.Selectable
		body.Rows = append(body.Rows, row)
	}
	for _, order := range []store.TokenOrder{store.ByName, store.ByAPI, store.ByLastUsed, store.ByExpiry, store.ByCreated, store.ByOwner} {
		column := column{Order: order, Path: q.by(order).path(), Alone: q.by(order).unfiltered().path()}
		if order == q.order() {
			column.Sort = "ascending"
			if q.Descending {
				column.Sort = "descending"
			}
		}
		body.Columns = append(body.Columns, column)
	}
	if found.Next != "" {
		body.Next = q.next(found.Next, len(found.Tokens)+len(found.Unreadable) == admin.DefaultLimit).path()
	}
	if before, ok := q.back(); ok {
		body.Back = before.path()
	}
	if q.After != "" {
		body.First = q.first().path()
	}
	if c.actor.Scope(admin.TokenRead) == store.All {
		all, mine := q.first(), q.first()
		all.Owner, mine.Owner = "", c.actor.Name()
		body.All, body.Mine, body.IsMine = all.path(), mine.path(), q.Owner == mine.Owner
	}
	return body
}

func newTokenRow(c *call, t *token.Token) tokenRow {
	row := tokenRow{Token: t, Status: t.Status(c.now), Selectable: c.actor.May(admin.TokenUpdate, t) || c.actor.May(admin.TokenDelete, t)}
	if row.Status == token.Active {
		before := c.now.Add(-unusedAfter)
		row.Unused = t.Created.Before(before) && t.LastUsed.Before(before)
		row.Ends = !t.Expiry.IsZero() && !t.Expiry.After(c.now.Add(endsWithin))
	}
	return row
}

// fillChoices adds what the filters offer, and what to say of an empty table.
func (u *ui) fillChoices(c *call, body *listPage) error {
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	for _, catalog := range catalogs {
		body.APIs = append(body.APIs, catalog.API)
	}
	others := slices.ContainsFunc(body.APIs, func(api string) bool { return api != admin.ManagementAPI })
	switch {
	case len(body.Rows) > 0:
	case body.Query.Filtered():
		body.Empty = "no-match"
	case body.Query.After != "":
		body.Empty = "no-more"
	case others || c.actor.Scope(admin.AccountManage) != store.All:
		body.Empty = "none"
	default:
		body.Empty = "no-api"
		body.Lines = u.firstGate(c)
	}
	if c.partial(table) {
		return nil
	}
	if body.Drafts, err = u.draftCounts(c); err != nil || body.All == "" {
		return err
	}
	body.Owners, err = u.Service.AccountNames(c.r.Context(), c.actor)
	if _, ok := errors.AsType[*admin.ForbiddenError](err); ok {
		return nil // who may only read types names
	}
	return err
}
