package ui

import (
	"encoding/json"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

// filled is an operation with a value for everything that it captures.
type filled struct {
	decoded string // its path
	sent    string // its path and query, as in an address
	body    string // JSON; empty for none
	values  []permission.Value
}

// anyValue stands for what nothing is known of.
const anyValue = "1"

// maxFixed is how many different values of grants are tried.
const maxFixed = 20

// fixedBy returns what grants fix: app=7. The first is nothing.
func fixedBy(grants []string) [][]string {
	all := [][]string{nil}
	for _, grant := range grants {
		_, fixes := permission.CutFixes(grant)
		known := slices.ContainsFunc(all, func(other []string) bool { return slices.Equal(other, fixes) })
		if !known && len(all) <= maxFixed {
			all = append(all, fixes)
		}
	}
	return all
}

// requestsOf are the operations as requests: each without values that are fixed, and with
// those that it captures.
func requestsOf(operations []permission.Operation, held [][]string) iter.Seq2[permission.Operation, filled] {
	return func(yield func(permission.Operation, filled) bool) {
		for _, op := range operations {
			for _, fixes := range held {
				if (fixes == nil || concerns(op, fixes)) && !yield(op, fill(op, fixes)) {
					return
				}
			}
		}
	}
}

// concerns reports whether an operation captures something that is fixed.
func concerns(op permission.Operation, fixes []string) bool {
	return slices.ContainsFunc(op.Captures(), func(name string) bool { _, ok := valueOf(fixes, name); return ok })
}

func valueOf(fixes []string, name string) (value string, ok bool) {
	for _, fix := range fixes {
		if capture, value, _ := strings.Cut(fix, "="); capture == name {
			return value, true
		}
	}
	return anyValue, false
}

// fill makes a request of an operation.
func fill(op permission.Operation, fixes []string) (f filled) {
	f.body = bodyOf(op.Method)
	f.decoded, f.sent = examplePath(op.Pattern.String(), fixes)
	members, separator := map[string]json.RawMessage{}, "?"
	for _, p := range op.Parameters {
		value, _ := valueOf(fixes, p.Capture)
		f.values = append(f.values, permission.Value{Place: p.Place, Name: p.Name, Text: value})
		switch p.Place {
		case permission.InQuery:
			f.sent += separator + url.QueryEscape(p.Name) + "=" + url.QueryEscape(value)
			separator = "&"
		case permission.InJSON:
			members[p.Name] = jsonValue(value)
		case permission.Flag:
		}
	}
	if len(members) > 0 {
		if text, err := json.Marshal(members); err == nil { // as it always can be
			f.body = string(text)
		}
	}
	return f
}

// jsonValue writes a value as a number if it is one in its usual form, else as a string.
func jsonValue(value string) json.RawMessage {
	if n, err := strconv.ParseInt(value, 10, 32); err == nil && strconv.FormatInt(n, 10) == value {
		return json.RawMessage(value)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage(`""`)
	}
	return text
}

// examplePath returns a path that a pattern matches: decoded, and as it is sent.
func examplePath(pattern string, fixes []string) (decoded, sent string) {
	var plain, escaped []string
	for segment := range strings.SplitSeq(pattern, "/") {
		switch {
		case strings.HasPrefix(segment, "{"):
			segment, _ = valueOf(fixes, strings.Trim(segment, "{}"))
		case segment == "*":
			segment = anyValue
		default:
			if literal, err := url.PathUnescape(segment); err == nil {
				segment = literal
			}
		}
		plain, escaped = append(plain, segment), append(escaped, url.PathEscape(segment))
	}
	return strings.Join(plain, "/"), strings.Join(escaped, "/")
}
