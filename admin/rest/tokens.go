package rest

import (
	"net/http"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var tokenRoutes = []route{
	{method: "GET", path: "/tokens", parameters: []string{
		"search", "api", "type", "status", "owner", "unused_since", "expires_by", "sort", "order", "cursor", "limit",
	}, handle: (*api).tokens},
	{method: "GET", path: "/tokens/{id}", handle: (*api).token},
	{method: "GET", path: "/tokens/{id}/secrets", handle: (*api).secrets},
	{method: "GET", path: "/tokens/{id}/usage", parameters: []string{"since"}, handle: (*api).usage},
	{method: "GET", path: "/tokens/{id}/usage/permissions", parameters: []string{"since"}, handle: (*api).permissionUsage},
	{method: "GET", path: "/tokens/{id}/events", parameters: []string{"cursor", "limit"}, handle: (*api).tokenEvents},
	{method: "POST", path: "/tokens/{id}/explain", body: explainBody{}, handle: (*api).explain},
}

func (a *api) tokens(c *call) error {
	q, err := c.tokenQuery()
	if err != nil {
		return err
	}
	found, err := a.Service.Tokens(c.r.Context(), c.actor, q)
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(a.records(found.Tokens), found.Next))
	return nil
}

func (a *api) records(tokens []token.Token) []admin.Record {
	items := make([]admin.Record, len(tokens))
	for i := range tokens {
		items[i] = a.Service.Record(&tokens[i])
	}
	return items
}

func (c *call) tokenQuery() (store.TokenQuery, error) {
	q := store.TokenQuery{Search: c.query["search"], API: c.query["api"], Owner: c.query["owner"]}
	paging, err := c.paging()
	if err != nil {
		return q, err
	}
	q.After, q.Limit = paging.After, paging.Limit
	if q.Type, err = choice(c, "type", token.Types()...); err != nil {
		return q, err
	}
	if q.Status, err = choice(c, "status", token.Active, token.Disabled, token.Expired); err != nil {
		return q, err
	}
	if q.UnusedSince, err = c.moment("unused_since"); err != nil {
		return q, err
	}
	if q.ExpiresBy, err = c.moment("expires_by"); err != nil {
		return q, err
	}
	if q.Sort, err = choice(c, "sort", store.ByName, store.ByAPI, store.ByOwner, store.ByCreated, store.ByLastUsed, store.ByExpiry); err != nil {
		return q, err
	}
	order, err := choice(c, "order", "asc", "desc")
	q.Descending = order == "desc"
	return q, err
}

// tokenDetail is a token with what takes a look at its catalog.
type tokenDetail struct {
	admin.Record

	GoneGrants []string `json:"gone_grants"` // whose permission is gone: they match nothing
}

func (a *api) token(c *call) error {
	t, err := a.find(c)
	if err != nil {
		return err
	}
	gone, err := a.Service.Gone(c.r.Context(), &t)
	if err != nil {
		return err
	}
	a.answerVersion(c, http.StatusOK, t.Version, tokenDetail{a.Service.Record(&t), append([]string{}, gone...)})
	return nil
}

// find returns the token of the path. It takes an id and nothing else: a name has
// one only within an API, and may be that of another token tomorrow.
func (a *api) find(c *call) (token.Token, error) {
	id := c.r.PathValue("id")
	if !token.IsID(id) {
		return token.Token{}, problem(http.StatusNotFound, "not_found", "This is not the id of a token; those begin with tok_. The list finds tokens by name.")
	}
	return a.Service.Find(c.r.Context(), c.actor, "", id)
}

func (a *api) secrets(c *call) error {
	secrets, err := a.Service.Secrets(c.r.Context(), c.actor, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(secrets, ""))
	return nil
}

// dayUse is what a token did on one UTC day.
type dayUse struct {
	Day      string     `json:"day"`
	Allowed  uint64     `json:"allowed"`
	Refused  uint64     `json:"refused"`
	LastUsed *time.Time `json:"last_used"`
}

// usageDays is for how many days use is told unless asked otherwise.
const usageDays = 30

// since returns the day since when use is told.
func (a *api) since(c *call) (time.Time, error) {
	since, err := c.moment("since")
	if err == nil && since.IsZero() {
		since = a.Now().UTC().AddDate(0, 0, 1-usageDays)
	}
	return since.Truncate(24 * time.Hour), err
}

func (a *api) permissionUsage(c *call) error {
	since, err := a.since(c)
	if err != nil {
		return err
	}
	usage, err := a.Service.PermissionUsage(c.r.Context(), c.actor, c.r.PathValue("id"), since)
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, usage)
	return nil
}

func (a *api) usage(c *call) error {
	since, err := a.since(c)
	if err != nil {
		return err
	}
	uses, err := a.Service.Usage(c.r.Context(), c.actor, c.r.PathValue("id"), since)
	if err != nil {
		return err
	}
	items := make([]dayUse, len(uses))
	for i, u := range uses {
		items[i] = dayUse{u.Day.UTC().Format(time.DateOnly), u.Allowed, u.Refused, moment(u.Last)}
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(items, ""))
	return nil
}

func (a *api) tokenEvents(c *call) error {
	paging, err := c.paging()
	if err != nil {
		return err
	}
	found, err := a.Service.TokenEvents(c.r.Context(), c.actor, c.r.PathValue("id"), paging)
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(found.Items, found.Next))
	return nil
}

type explainBody struct {
	Method string `json:"method"` // or a kind of GraphQL operations
	Path   string `json:"path"`   // or the name of a root field
	// Body is a JSON body, as text: some permissions go by what is in it, and so does GraphQL.
	Body string `json:"body"`
}

func (a *api) explain(c *call) error {
	var body explainBody
	if err := c.decode(&body); err != nil {
		return err
	}
	e, err := a.Service.Explain(c.r.Context(), c.actor, c.r.PathValue("id"), gate.Asked{Method: body.Method, Target: body.Path, JSON: body.Body})
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, e.Record())
	return nil
}
