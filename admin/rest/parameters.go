package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// mayBeEmpty are parameters that say the same without a value as when they are
// missing. Of others that would be an unset variable of a script, say, and answer
// more than was asked for.
var mayBeEmpty = []string{"cursor", "search"}

// parameters reads a query in which only some names may stand, each once.
func parameters(raw string, known []string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, problem(http.StatusBadRequest, "invalid_parameter", "The query can't be read: "+err.Error()+".")
	}
	query := make(map[string]string, len(values))
	var p admin.FieldErrors
	for name, all := range values {
		switch {
		case !slices.Contains(known, name):
			// Names come from outside, and may be as long as a URL.
			p = append(p, &token.FieldError{Field: shorten(name), Problem: "is no parameter here; there is " + list(known)})
		case len(all) > 1:
			p = append(p, &token.FieldError{Field: name, Problem: "stands there more than once"})
		case all[0] == "" && !slices.Contains(mayBeEmpty, name):
			p = append(p, &token.FieldError{Field: name, Problem: "has no value; leave it out instead"})
		default:
			query[name] = all[0]
		}
	}
	if len(p) > 0 {
		slices.SortFunc(p, func(a, b *token.FieldError) int { return strings.Compare(a.Field, b.Field) })
		return nil, invalidParameters(p[:min(len(p), maxProblems)])
	}
	return query, nil
}

// maxProblems is how many problems are told at most.
const maxProblems = 20

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func shorten(name string) string {
	const enough = 60
	if runes := []rune(name); len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return name
}

func invalidParameters(p admin.FieldErrors) error {
	return problem(http.StatusBadRequest, "invalid_parameter", sentence(p)).because(p)
}

func invalidParameter(name, what string) error {
	return invalidParameters(admin.FieldErrors{&token.FieldError{Field: name, Problem: what}})
}

// paging reads cursor and limit.
func (c *call) paging() (admin.Paging, error) {
	limit, err := c.number("limit", admin.DefaultLimit, admin.MaxLimit)
	return admin.Paging{After: c.query["cursor"], Limit: limit}, err
}

// number reads one from 1 to the most that there may be.
func (c *call) number(name string, missing, most int) (int, error) {
	text, ok := c.query[name]
	if !ok {
		return missing, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, invalidParameter(name, "is not a number from 1 to "+strconv.Itoa(most))
	}
	return n, nil
}

// moment reads a date, which is its first moment in UTC, or a time. It is zero if missing.
func (c *call) moment(name string) (time.Time, error) {
	text, ok := c.query[name]
	if !ok {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}, invalidParameter(name, "is neither a date such as 2027-01-31 nor a time such as 2027-01-31T12:00:00Z")
	}
	return at.UTC(), nil
}

// choice reads one out of a closed list. It is empty if missing.
func choice[T ~string](c *call, name string, choices ...T) (T, error) {
	value := T(c.query[name])
	if value == "" || slices.Contains(choices, value) {
		return value, nil
	}
	names := make([]string, len(choices))
	for i, some := range choices {
		names[i] = string(some)
	}
	return "", invalidParameter(name, "is none of "+strings.Join(names, ", "))
}

// yes reads true or false.
func (c *call) yes(name string) (bool, error) {
	value, err := choice(c, name, "true", "false")
	return value == "true", err
}
