package ui

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
)

// eventView is an entry of the audit trail in words.
type eventView struct {
	admin.EventRecord

	Who        string
	Words      []word // what they did
	Way        string // how they came
	Changes    []change
	Was, Is    bool // there is something before, or after
	AboutThese string
}

// word is a piece of a sentence. Names lead to what they name, if it is there still.
type word struct {
	Text, Path string
	Name       bool
}

// change is a field that changed.
type change struct {
	Field          string
	Before, After  value
	Added, Removed []string // in which lists differ
}

// value is what a field was or became: in words, or a moment, which scripts turn
// into the time of the reader.
type value struct {
	Text   string
	Moment span // never if it is none
}

// firstFields are those that people look for first. The rest is in the order of the alphabet.
var firstFields = []string{"name", "description", "api", "type", "grants", "owner", "expiry", "enabled"}

func byField(a, b string) int {
	place := func(field string) int {
		if i := slices.Index(firstFields, field); i >= 0 {
			return i
		}
		return len(firstFields)
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
}

func newEventView(e *admin.EventRecord) eventView {
	before, after := decoded(e.Before), decoded(e.After)
	v := eventView{EventRecord: *e, Who: whoOf(e), Way: e.Via, Was: before != nil, Is: after != nil}
	if texts.Has("event.via." + e.Via) {
		v.Way = texts.Get("event.via." + e.Via)
	}
	if about, _, _ := strings.Cut(e.Action, "."); texts.Has("event.all."+about) && e.Subject != "" {
		v.AboutThese = "event.all." + about
	}
	v.Words = wordsOf(texts.Get(sentenceOf(e, before, after)), e, after)
	v.Changes = changesOf(before, after)
	return v
}

func changesOf(before, after values) []change {
	var changes []change
	for _, field := range slices.SortedFunc(maps.Keys(union(before, after)), byField) {
		c := change{Field: field, Before: newValue(before, field), After: newValue(after, field)}
		was, hadList := before[field].([]any)
		is, hasList := after[field].([]any)
		if hadList && hasList {
			c.Added, c.Removed = beyond(was, is), beyond(is, was)
			if len(c.Added)+len(c.Removed) == 0 {
				c.Before.Text, c.After.Text = "", texts.Get("event.value.order")
			}
		}
		changes = append(changes, c)
	}
	return changes
}

// beyond returns what the second list has beyond the first.
func beyond(list, longer []any) []string {
	var more []string
	for _, item := range longer {
		if !slices.Contains(list, item) {
			more = append(more, fmt.Sprint(item))
		}
	}
	return more
}

func whoOf(e *admin.EventRecord) string {
	switch {
	case e.Actor != "":
		return e.Actor
	case e.Via == string(admin.ViaGateway):
		return texts.Get("event.gateway")
	default: // nobody was signed in
		return texts.Get("event.nobody")
	}
}

type values = map[string]any

// decoded returns the fields of a record; nil if there are none.
func decoded(text json.RawMessage) values {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var fields values
	if decoder.Decode(&fields) != nil {
		return nil
	}
	return fields
}

func union(a, b values) values {
	both := maps.Clone(a)
	if both == nil {
		both = values{}
	}
	maps.Copy(both, b)
	return both
}

// sentenceOf returns the key of the sentence that says most about an event.
func sentenceOf(e *admin.EventRecord, before, after values) string {
	key := "event." + e.Action
	changed := union(before, after)
	delete(changed, "drafted_by")
	special := ""
	switch {
	case !texts.Has(key):
		return "event.other"
	case e.Action == "session.delete" && e.Actor == e.Name:
		special = "own"
	case e.Action == "sign-in.refused" && e.Name == "":
		special = "nobody"
	case strings.HasSuffix(e.Action, ".update") && len(changed) == 1:
		for field := range changed {
			special = field
		}
		if on, ok := after["enabled"].(bool); ok {
			special += "-" + strconv.FormatBool(on)
		}
	case e.Action == "sign-in":
		special, _ = after["method"].(string)
	}
	if texts.Has(key + "." + special) {
		return key + "." + special
	}
	return key
}

// wordsOf fills in what a sentence is about: {name}, {api}, and fields after the event.
func wordsOf(sentence string, e *admin.EventRecord, after values) []word {
	var words []word
	for sentence != "" {
		text, rest, found := strings.Cut(sentence, "{")
		words = append(words, word{Text: text})
		if !found {
			break
		}
		var field string
		field, sentence, _ = strings.Cut(rest, "}")
		switch field {
		case "name":
			words = append(words, word{Text: nameOf(e), Path: pathOf(e), Name: true})
		case "api":
			words = append(words, word{Text: e.API, Name: true})
		case "action":
			words = append(words, word{Text: e.Action, Name: true})
		default:
			words = append(words, word{Text: inWords(after, field), Name: true})
		}
	}
	return words
}

func nameOf(e *admin.EventRecord) string {
	if e.Name == "" {
		return e.Subject
	}
	return e.Name
}

// pathOf returns the page of what an event is about; empty if it is gone by this event.
func pathOf(e *admin.EventRecord) string {
	about, what, _ := strings.Cut(e.Action, ".")
	switch {
	case what == "delete" && about != "session" || e.Name == "":
		return ""
	case about == "token":
		return "/tokens/" + e.Subject
	case about == "api":
		return draftsPath(e.Name)
	case about == "draft": // of a token that may be gone with it
		return ""
	case about == "role":
		return rolePath(e.Name)
	default:
		return accountPath(e.Name)
	}
}

// inWords returns the value of a field as people read it; empty if there is none.
func inWords(fields values, field string) string {
	value, ok := fields[field]
	if !ok {
		return ""
	}
	return valueInWords(field, value)
}

func newValue(fields values, field string) value {
	v := value{Text: inWords(fields, field), Moment: span{Never: true}}
	if text, ok := fields[field].(string); ok && (field == "expiry" || field == "old_secrets_end") {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			v.Moment = newSpan(t, t)
		}
	}
	return v
}

func valueInWords(field string, value any) string {
	switch value := value.(type) {
	case nil:
		return nothing(field)
	case bool:
		return texts.Get("event.value." + strconv.FormatBool(value))
	case json.Number:
		return value.String()
	case string:
		if value == "" {
			return nothing(field)
		}
		if key := "event.value." + field + "." + value; texts.Has(key) {
			return texts.Get(key)
		}
		return value
	case []any:
		if len(value) == 0 {
			return nothing(field)
		}
		all := make([]string, len(value))
		for i := range value {
			all[i] = valueInWords(field, value[i])
		}
		return strings.Join(all, ", ")
	default:
		text, _ := json.Marshal(value) // it was JSON before
		return string(text)
	}
}

// nothing is what no value means for a field.
func nothing(field string) string {
	if key := "event.value.none." + field; texts.Has(key) {
		return texts.Get(key)
	}
	return texts.Get("event.value.none")
}
