package ui

import "github.com/tokenreeve/tokenreeve/admin"

// historyLimit is how many events a page of a token shows.
const historyLimit = 10

// history is a page of the audit trail of a token, newest first.
type history struct {
	Events []event
	Next   string // of the page behind; empty if there is none
	Later  bool   // there are newer ones
}

func (u *ui) historyOf(c *call, id string) (history, error) {
	after := c.query("events")
	events, err := u.Service.TokenEvents(c.r.Context(), c.actor, id, admin.Paging{After: after, Limit: historyLimit})
	if err != nil {
		return history{}, err
	}
	h := history{Next: events.Next, Later: after != ""}
	for i := range events.Items {
		h.Events = append(h.Events, newEvent(&events.Items[i]))
	}
	return h, nil
}
