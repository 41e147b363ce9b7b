package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/token"
)

// difference is a field that is not what somebody typed.
type difference struct {
	Field     string // key of the texts below "field."
	Now, Form string
}

// changes compares a form with the token as it is now.
func changes(now time.Time, f *tokenForm, t *token.Token) []difference {
	var all []difference
	add := func(field, is, typed string) {
		if is != typed {
			all = append(all, difference{field, is, typed})
		}
	}
	add("name", t.Name, f.Name)
	add("description", t.Description, f.Description)
	add("type", typeText(t.Type), typeText(f.Type))
	if f.Type == token.Custom || t.Type == token.Custom {
		add("grants", sortedLines(t.Grants), sortedLines(f.grants()))
	}
	if f.Duration != keepDuration {
		is := texts.Get("edit.duration.unlimited")
		if !t.Expiry.IsZero() {
			is = newSpan(now, t.Expiry).Exact
		}
		typed := f.Date
		if f.Duration != dateDuration {
			typed = texts.Get("edit.duration." + f.Duration)
		}
		add("expiry", is, typed)
	}
	add("owner", t.Owner, f.Owner)
	return all
}

func typeText(kind token.Type) string { return texts.Get("type." + string(kind)) }

func sortedLines(grants []string) string {
	return strings.Join(slices.Sorted(slices.Values(grants)), "\n")
}
