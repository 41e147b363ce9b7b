package rest

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tokenreeve/tokenreeve/admin"
)

var auditRoutes = []route{
	{method: "GET", path: "/events", parameters: []string{"actor", "action", "subject", "api", "since", "until", "cursor", "limit"}, handle: (*api).events},
	{method: "GET", path: "/events/export", parameters: []string{"actor", "action", "subject", "api", "since", "until"}, handle: (*api).exportEvents},
}

func (c *call) eventQuery() (admin.EventQuery, error) {
	q := admin.EventQuery{Actor: c.query["actor"], Subject: c.query["subject"], API: c.query["api"]}
	var err error
	if q.Action, err = choice(c, "action", admin.Actions()...); err != nil {
		return q, err
	}
	if q.Since, err = c.moment("since"); err != nil {
		return q, err
	}
	q.Until, err = c.moment("until")
	return q, err
}

func (a *api) events(c *call) error {
	q, err := c.eventQuery()
	if err != nil {
		return err
	}
	paging, err := c.paging()
	if err != nil {
		return err
	}
	found, err := a.Service.Events(c.r.Context(), c.actor, q, paging)
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(found.Items, found.Next))
	return nil
}

// exportEvents answers JSON lines as they come from the store, however many.
func (a *api) exportEvents(c *call) error {
	q, err := c.eventQuery()
	if err != nil {
		return err
	}
	return ExportEvents(c.w, c.r, a.Service, c.actor, q, a.Failed)
}

// ExportEvents answers the events that a query picks as JSON lines, as they come from
// the store, however many. It returns errors from before it answered anything; those
// from later are told to failed, and break the answer off.
func ExportEvents(w http.ResponseWriter, r *http.Request, s *admin.Service, actor admin.Actor, q admin.EventQuery, failed func(*http.Request, error)) error {
	begun := false
	begin := func() {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/jsonl")
			w.Header().Set("Content-Disposition", `attachment; filename="events.jsonl"`)
			w.WriteHeader(http.StatusOK)
		}
	}
	encoder := json.NewEncoder(w)
	err := s.ExportEvents(r.Context(), actor, q, func(e admin.EventRecord) error {
		begin()
		if r.Method == http.MethodHead {
			return errHeadOnly
		}
		return encoder.Encode(e)
	})
	switch {
	case err == nil || errors.Is(err, errHeadOnly):
		begin()
		return nil
	case !begun:
		return err
	case r.Context().Err() == nil:
		failed(r, err)
	}
	// The answer began as a whole one. Only breaking it off says that it is none.
	panic(http.ErrAbortHandler)
}

// errHeadOnly ends an export of which only the header is wanted.
var errHeadOnly = errors.New("only the header is wanted")
