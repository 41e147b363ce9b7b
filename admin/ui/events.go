package ui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
)

// event is an entry of the audit trail, for people.
type event struct {
	admin.EventRecord

	Changes []change
}

// Whole reports whether the changes are all that something was or is, since it
// wasn't there before, or is no more.
func (e event) Whole() bool { return len(e.Before) == 0 || len(e.After) == 0 }

// change is what an event did to a field. Of lists that were there before, only
// what differs is told.
type change struct {
	Field          string // in words
	Was, Is        *value // nil if there was nothing to compare with
	Added, Removed []string
}

// value is what a field was or is: a moment, or else a text.
type value struct {
	Text string
	Time time.Time
}

func newEvent(e *admin.EventRecord) event {
	if e.Action == "token.enable" || e.Action == "token.disable" { // the name says all
		return event{EventRecord: *e}
	}
	return event{EventRecord: *e, Changes: changesOf(fieldsOf(e.Before), fieldsOf(e.After))}
}

// fieldsOf returns nil for what was not there, or can't be understood.
func fieldsOf(text json.RawMessage) map[string]any {
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil
	}
	return fields
}

func changesOf(before, after map[string]any) []change {
	var changes []change
	for _, name := range fieldNames(before, after) {
		c := change{Field: fieldTitle(name)}
		was, hadList := before[name].([]any)
		is, hasList := after[name].([]any)
		switch {
		case hadList && hasList:
			c.Added, c.Removed = missingFrom(was, is), missingFrom(is, was)
		case before != nil && after != nil:
			c.Was, c.Is = newValue(name, before[name]), newValue(name, after[name])
		case isEmpty(before[name]) && isEmpty(after[name]): // of what is new or gone
			continue
		case before != nil:
			c.Was = newValue(name, before[name])
		default:
			c.Is = newValue(name, after[name])
		}
		changes = append(changes, c)
	}
	return changes
}

// fieldNames returns the names of both, those first that people look for first.
func fieldNames(before, after map[string]any) []string {
	var names []string
	for _, fields := range []map[string]any{before, after} {
		for name := range fields {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	slices.SortStableFunc(names, func(a, b string) int { return fieldPlace(a) - fieldPlace(b) })
	return names
}

var fieldOrder = []string{"name", "api", "description", "type", "grants", "expiry", "owner", "role", "enabled", "hint"}

func fieldPlace(name string) int {
	if i := slices.Index(fieldOrder, name); i >= 0 {
		return i
	}
	return len(fieldOrder)
}

func fieldTitle(name string) string {
	if texts.Has("field." + name) {
		return texts.Get("field." + name)
	}
	return name
}

// isEmpty reports whether a value is not worth a word in a record that is new.
func isEmpty(v any) bool {
	list, ok := v.([]any)
	return v == nil || v == "" || v == false || ok && len(list) == 0
}

// missingFrom returns what is in the second list and not in the first.
func missingFrom(list, other []any) []string {
	var missing []string
	for _, item := range other {
		if !slices.Contains(list, item) {
			missing = append(missing, fmt.Sprint(item))
		}
	}
	return missing
}

func newValue(name string, v any) *value {
	switch v := v.(type) {
	case nil:
		return &value{Text: texts.Get("value." + absent(name))}
	case bool:
		return &value{Text: texts.Get(fmt.Sprintf("value.%t", v))}
	case []any:
		if len(v) == 0 {
			return &value{Text: texts.Get("value.none")}
		}
		return &value{Text: strings.Join(missingFrom(nil, v), ", ")}
	case string:
		if moment, err := time.Parse(time.RFC3339, v); err == nil && name == "expiry" {
			return &value{Time: moment}
		}
		if v == "" {
			return &value{Text: texts.Get("value.none")}
		}
		return &value{Text: v}
	default:
		return &value{Text: fmt.Sprint(v)}
	}
}

// absent says what a field means that has no value.
func absent(name string) string {
	switch name {
	case "expiry":
		return "never"
	case "apis", "types", "grants": // of a role: no limit
		return "all"
	default:
		return "none"
	}
}
