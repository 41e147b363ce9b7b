package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tokenreeve/tokenreeve/store"
)

const eventColumns = `time, actor, via, token, address, action, subject, name, api, owner, before, after`

// Events implements store.Management.
func (r reader) Events(ctx context.Context, q store.EventQuery) ([]store.Event, error) {
	query, args := eventsQuery(&q)
	var size func(*store.Event) int
	if q.Limit > 0 {
		size = store.EventSize
	}
	events, err := readPart(ctx, r, query, args, scanEvent, size)
	if err != nil {
		err = fmt.Errorf("events: %w", err)
	}
	return events, err
}

// eventsQuery says which index to read by: by itself, SQLite would sort all events
// since some time rather than begin at the newest one.
func eventsQuery(q *store.EventQuery) (query string, args []any) {
	index := `NOT INDEXED`
	switch {
	case q.Subject != "":
		index = `INDEXED BY events_of_subject`
	case q.Actor != "" && q.Action != "":
		index = `INDEXED BY events_of_actor_and_action`
	case q.Actor != "":
		index = `INDEXED BY events_of_actor`
	}
	where, args := eventFilter(q)
	query = `SELECT id, ` + eventColumns + ` FROM events ` + index + where + ` ORDER BY id DESC`
	if q.Limit > 0 {
		query, args = query+` LIMIT ?`, append(args, q.Limit)
	}
	return query, args
}

func eventFilter(q *store.EventQuery) (where string, args []any) {
	var terms []string
	add := func(wanted bool, term string, arg any) {
		if wanted {
			terms, args = append(terms, term), append(args, arg)
		}
	}
	add(q.Actor != "", `actor = ?`, q.Actor)
	add(q.Action != "", `action = ?`, q.Action)
	add(q.Subject != "", `subject = ?`, q.Subject)
	add(q.API != "", `api = ?`, q.API)
	add(!q.Since.IsZero(), `time >= ?`, store.Ceil(q.Since))
	add(!q.Until.IsZero(), `time < ?`, store.Ceil(q.Until))
	add(q.Before > 0, `id < ?`, q.Before)
	if terms == nil {
		return "", nil
	}
	return ` WHERE ` + strings.Join(terms, ` AND `), args
}

func scanEvent(row scanner) (store.Event, error) {
	var e store.Event
	var at int64
	var before, after sql.NullString
	err := row.Scan(&e.ID, &at, &e.Actor, &e.Via, &e.Token, &e.Address, &e.Action, &e.Subject, &e.Name, &e.API, &e.Owner, &before, &after)
	if err != nil {
		return store.Event{}, err
	}
	e.Time = readTime(at)
	if e.Before, err = readJSON(before); err == nil {
		e.After, err = readJSON(after)
	}
	if err != nil {
		return store.Event{}, unreadable(fmt.Sprint("event ", e.ID), err)
	}
	return e, nil
}

func readJSON(text sql.NullString) (json.RawMessage, error) {
	if !text.Valid {
		return nil, nil
	}
	raw := json.RawMessage(text.String)
	if !json.Valid(raw) {
		return nil, errors.New("what changed is no JSON")
	}
	return raw, nil
}

// AppendEvent implements store.ManagementTx.
func (t *tx) AppendEvent(ctx context.Context, e store.Event) error {
	what := fmt.Sprintf("event %s of %q", e.Action, e.Subject)
	for _, raw := range []json.RawMessage{e.Before, e.After} {
		if len(raw) > 0 && !json.Valid(raw) {
			return fmt.Errorf("%s: what changed is no JSON", what)
		}
	}
	args := []any{e.Time.UnixMilli()}
	for _, text := range []string{e.Actor, e.Via, e.Token, e.Address, e.Action, e.Subject, e.Name, e.API, e.Owner} {
		args = append(args, store.Clean(text))
	}
	_, err := t.exec(ctx, `INSERT INTO events (`+eventColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		append(args, writeText(store.Clean(string(e.Before))), writeText(store.Clean(string(e.After))))...)
	return t.outcome(ctx, what, err)
}

// AppendEvents implements store.ManagementTx.
func (t *tx) AppendEvents(ctx context.Context, events []store.Event) error {
	for i := range events {
		if err := t.AppendEvent(ctx, events[i]); err != nil {
			return err
		}
	}
	return nil
}
