package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// tokenColumns are what record.fields scans.
const tokenColumns = `t.id, t.api, t.name, t.description, t.type, t.grants::text, t.owner, t.enabled,
	t.hint, t.expiry, t.created, t.updated, t.version,
	coalesce((SELECT l.last_used FROM last_uses l WHERE l.token_id = t.id), 0)`

// record is a token as its row has it.
type record struct {
	token                      token.Token // what needs no reading
	kind, grants               string
	created, updated, lastUsed int64
	expiry                     *int64
}

func (r *record) fields() []any {
	return []any{
		&r.token.ID, &r.token.API, &r.token.Name, &r.token.Description, &r.kind, &r.grants, &r.token.Owner, &r.token.Enabled,
		&r.token.Hint, &r.expiry, &r.created, &r.updated, &r.token.Version, &r.lastUsed,
	}
}

// read returns the token, or store.ErrUnreadable.
func (r *record) read() (token.Token, error) {
	t := r.token
	var err error
	if t.Type, err = token.ParseType(r.kind); err != nil {
		return token.Token{}, unreadable("token "+t.ID, err)
	}
	if t.Grants, err = readGrants(r.grants); err != nil {
		return token.Token{}, unreadable("grants of token "+t.ID, err)
	}
	t.Expiry = readOptional(r.expiry)
	t.Created, t.Updated = readTime(r.created), readTime(r.updated)
	if r.lastUsed != 0 {
		t.LastUsed = readTime(r.lastUsed)
	}
	return t, nil
}

func unreadable(what string, err error) error {
	return fmt.Errorf("%s: %w: %w", what, store.ErrUnreadable, err)
}

func readGrants(text string) ([]string, error) {
	if text == "[]" {
		return nil, nil
	}
	var grants []string
	err := json.Unmarshal([]byte(text), &grants)
	return grants, err
}

func writeGrants(grants []string) (string, error) {
	if len(grants) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(grants)
	return string(text), err
}

func readTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func readOptional(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return readTime(*ms)
}

func writeOptional(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// writeDay returns the midnight in UTC with which the day of t begins.
func writeDay(t time.Time) int64 { return t.UTC().Truncate(24 * time.Hour).UnixMilli() }

// writeLast returns 0 for never.
func writeLast(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// storable reports whether Postgres can have a text at all; asking for one that
// it can't have is an error.
func storable(texts ...string) bool {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return false
		}
	}
	return true
}
