package ui

import (
	"encoding/json"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
)

// historyLimit is how many events a page of a token shows.
const historyLimit = 10

// asDraft ends the actions of changes that hold with the next update of an API.
const asDraft = ".drafted"

// history is a page of the audit trail of a token, newest first.
type history struct {
	Events []pastEvent
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
		h.Events = append(h.Events, newPastEvent(&events.Items[i]))
	}
	return h, nil
}

// pastEvent is an event in the history of a token.
type pastEvent struct {
	eventView

	Fields []change
}

func newPastEvent(e *admin.EventRecord) pastEvent {
	past := pastEvent{eventView: newEventView(e)}
	switch strings.TrimSuffix(e.Action, asDraft) {
	case "token.enable", "token.disable": // the name says all
	default:
		past.Fields = changedFields(e.Before, e.After)
	}
	return past
}

// changedFields returns what differs between a record as it was and as it became.
func changedFields(recordBefore, recordAfter json.RawMessage) []change {
	var fields []change
	before, after := decoded(recordBefore), decoded(recordAfter)
	for _, c := range changesOf(before, after) {
		if (before == nil || after == nil) && isEmpty(before[c.Field]) && isEmpty(after[c.Field]) {
			continue // a token that is new has no need to say what it doesn't have
		}
		fields = append(fields, c)
	}
	return fields
}

func isEmpty(v any) bool {
	list, isList := v.([]any)
	return v == nil || v == "" || isList && len(list) == 0
}
