package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

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

func eventsQuery(q *store.EventQuery) (query string, args []any) {
	where, args := eventFilter(q)
	query = `SELECT id, ` + eventColumns + ` FROM events` + where + ` ORDER BY id DESC`
	if q.Limit > 0 {
		args = append(args, int64(q.Limit))
		query += fmt.Sprintf(` LIMIT $%d`, len(args))
	}
	return query, args
}

func eventFilter(q *store.EventQuery) (where string, args []any) {
	var terms []string
	add := func(wanted bool, term string, arg any) {
		if wanted {
			args = append(args, arg)
			terms = append(terms, fmt.Sprintf(term, len(args)))
		}
	}
	add(q.Actor != "", `actor = $%d`, q.Actor)
	add(q.Action != "", `action = $%d`, q.Action)
	add(q.Subject != "", `subject = $%d`, q.Subject)
	add(q.API != "", `api = $%d`, q.API)
	add(!q.Since.IsZero(), `time >= $%d`, store.Ceil(q.Since))
	add(!q.Until.IsZero(), `time < $%d`, store.Ceil(q.Until))
	add(q.Before > 0, `id < $%d`, q.Before)
	if terms == nil {
		return "", nil
	}
	return ` WHERE ` + strings.Join(terms, ` AND `), args
}

func scanEvent(row scanner) (store.Event, error) {
	var e store.Event
	var at int64
	var before, after *string
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

func readJSON(text *string) (json.RawMessage, error) {
	if text == nil {
		return nil, nil
	}
	raw := json.RawMessage(*text)
	if !json.Valid(raw) {
		return nil, errors.New("what changed is no JSON")
	}
	return raw, nil
}

// insertEvent is numbered by its table.
const insertEvent = `INSERT INTO events (` + eventColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// AppendEvent implements store.ManagementTx.
func (t *tx) AppendEvent(ctx context.Context, e store.Event) error {
	return t.AppendEvents(ctx, []store.Event{e})
}

// AppendEvents implements store.ManagementTx.
func (t *tx) AppendEvents(ctx context.Context, events []store.Event) error {
	return inParts(events, func(part []store.Event) error {
		batch := &pgx.Batch{}
		for i := range part {
			args, err := eventValues(&part[i])
			if err != nil {
				return fmt.Errorf("event %s of %q: %w", part[i].Action, part[i].Subject, err)
			}
			batch.Queue(insertEvent, args...)
		}
		if err := t.send(ctx, batch); err != nil {
			return fmt.Errorf("events from %s of %q on: %w", part[0].Action, part[0].Subject, err)
		}
		return nil
	})
}

// eventValues are the columns of an event.
func eventValues(e *store.Event) ([]any, error) {
	for _, raw := range []json.RawMessage{e.Before, e.After} {
		if len(raw) > 0 && !json.Valid(raw) {
			return nil, errors.New("what changed is no JSON")
		}
	}
	args := []any{e.Time.UnixMilli()}
	for _, text := range []string{e.Actor, e.Via, e.Token, e.Address, e.Action, e.Subject, e.Name, e.API, e.Owner} {
		args = append(args, store.Clean(text))
	}
	return append(args, writeText(store.Clean(string(e.Before))), writeText(store.Clean(string(e.After)))), nil
}
