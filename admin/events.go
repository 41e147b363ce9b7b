package admin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
)

// EventQuery picks events of the audit trail. Empty fields pick all.
type EventQuery struct {
	Actor, Action, Subject, API string
	Since, Until                time.Time // Since is included
}

// Events returns a page of the audit trail, newest first.
func (s *Service) Events(ctx context.Context, actor Actor, q EventQuery, p Paging) (Page[EventRecord], error) {
	who, err := s.fresh(ctx, s.store, actor)
	if err != nil {
		return Page[EventRecord]{}, err
	}
	if err := who.needAll(AuditRead); err != nil {
		return Page[EventRecord]{}, err
	}
	return s.eventPage(ctx, q, p)
}

// ExportEvents gives each event of the audit trail to fn, newest first, until that
// returns an error. The right is asked for again with every page, since an
// export can take long.
func (s *Service) ExportEvents(ctx context.Context, actor Actor, q EventQuery, fn func(EventRecord) error) error {
	p := Paging{Limit: MaxLimit}
	for {
		page, err := s.Events(ctx, actor, q, p)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			if err := fn(e); err != nil {
				return err
			}
		}
		if p.After = page.Next; p.After == "" {
			return nil
		}
	}
}

// TokenEvents returns a page of the history of a token, newest first, to those
// who may read it. The addresses of others, and which tokens they act through, are
// for those who read the audit trail. So are, for who may see only their own tokens, drafts by
// which the token would be somebody else's: a page can have less than the others.
func (s *Service) TokenEvents(ctx context.Context, actor Actor, id string, p Paging) (Page[EventRecord], error) {
	if _, err := s.readable(ctx, &actor, TokenRead, id); err != nil {
		return Page[EventRecord]{}, err
	}
	page, err := s.eventPage(ctx, EventQuery{Subject: id}, p)
	if actor.Scope(AuditRead) != store.All && actor.Scope(TokenRead) != store.All {
		page.Items = slices.DeleteFunc(page.Items, func(e EventRecord) bool { return ofDraft(e.Action) && ofOthers(&e, actor.Name()) })
	}
	if actor.Scope(AuditRead) != store.All {
		for i := range page.Items {
			if page.Items[i].Actor != actor.Name() {
				page.Items[i].Address, page.Items[i].Token = "", ""
			}
		}
	}
	return page, err
}

// ofDraft reports whether an action drafts something, or drops it.
func ofDraft(action string) bool { return strings.HasSuffix(action, asDraft) || action == draftDiscard }

// ofOthers reports whether an event tells of a token that was somebody else's, or would be.
func ofOthers(e *EventRecord, name string) bool {
	owners := []string{e.Owner}
	for _, text := range []json.RawMessage{e.Before, e.After} {
		var named struct {
			Owner *string `json:"owner"`
		}
		if text != nil && json.Unmarshal(text, &named) != nil {
			return true // in doubt
		}
		if named.Owner != nil {
			owners = append(owners, *named.Owner)
		}
	}
	return slices.ContainsFunc(owners, func(owner string) bool { return owner != name })
}

func (s *Service) eventPage(ctx context.Context, q EventQuery, p Paging) (Page[EventRecord], error) {
	query := store.EventQuery{
		Actor: q.Actor, Action: q.Action, Subject: q.Subject, API: q.API, Since: q.Since, Until: q.Until, Limit: p.limit() + 1,
	}
	if p.After != "" {
		var err error
		if query.Before, err = strconv.ParseInt(p.After, 10, 64); err != nil || query.Before <= 0 {
			return Page[EventRecord]{}, store.ErrBadCursor
		}
	}
	events, err := s.store.Events(ctx, query)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return Page[EventRecord]{}, err
	}
	page := Page[store.Event]{Items: events}
	if n := firstEvents(events, p.limit()); n < len(events) {
		page.Items = events[:n]
		page.Next = strconv.FormatInt(events[n-1].ID, 10)
	} else if err != nil && len(events) > 0 {
		page.Next = strconv.FormatInt(events[len(events)-1].ID, 10) // those that can't be read count for the limit
	}
	return mapPage(page, eventRecord), nil
}

// firstEvents returns how many of the events make a page, as the store bounds it.
func firstEvents(events []store.Event, limit int) int {
	size := 0
	for i := range events {
		if i == limit || size >= store.PageBytes {
			return i
		}
		size += store.EventSize(&events[i])
	}
	return len(events)
}

func eventRecord(e *store.Event) EventRecord {
	return EventRecord{
		ID: e.ID, Time: e.Time.UTC(), Actor: e.Actor, Via: e.Via, Token: e.Token, Address: e.Address, Action: e.Action,
		Subject: e.Subject, Name: e.Name, API: e.API, Owner: e.Owner, Before: e.Before, After: e.After,
	}
}

// Prune removes what has ended, and events that are older than the retention, if
// that is not zero. It is called now and then, by whoever runs the service.
func (s *Service) Prune(ctx context.Context, retention time.Duration) error {
	now := s.now()
	var before time.Time
	if retention > 0 {
		before = now.Add(-retention)
	}
	return s.store.PruneManagement(ctx, now, before)
}
