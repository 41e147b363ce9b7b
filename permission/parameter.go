package permission

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Parameter is a value that an operation takes from a request beside its path, so
// that grants can fix it: ?app={app} or json:app={app}. The operation matches
// only requests that have it.
type Parameter struct {
	Place   ParameterPlace
	Name    string // of the parameter of the query, or of the member of the JSON object in the body
	Capture string // the name under which grants fix the value
}

// ParameterPlace says where a parameter stands.
type ParameterPlace string

// The closed list of places.
const (
	InQuery ParameterPlace = "query"
	InJSON  ParameterPlace = "json"
	// Flag is what a requirement depends on: the JSON object has a member of this name,
	// with any value but false.
	Flag ParameterPlace = "flag"
)

// Value is what a request has for a parameter, decoded: a string as it is, a number
// as it is written.
type Value struct {
	Place ParameterPlace
	Name  string
	Text  string
}

// maxParameters is how many parameters an operation can have.
const maxParameters = 8

var parameterName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// parseParameters parses what stands behind a path: the query without its
// question mark, and words such as json:app={app}.
func parseParameters(method, query string, hasQuery bool, words []string) (parameters []Parameter, err error) {
	add := func(place ParameterPlace, text string) {
		p, bad := parseParameter(place, text)
		if err == nil {
			err = bad
		}
		parameters = append(parameters, p)
	}
	if hasQuery {
		for text := range strings.SplitSeq(query, "&") {
			add(InQuery, text)
		}
	}
	for _, word := range words {
		text, ok := strings.CutPrefix(word, "json:")
		switch {
		case !ok:
			return nil, fmt.Errorf("%q is surplus: an operation is a method and one path, behind which json:name={name} can stand; write %%20 for a blank that belongs to the path", word)
		case Safe(method) && method != "GET" || method == WebSocket: // some APIs have GETs with a body
			return nil, fmt.Errorf("a request with %s has no JSON body to take %s from", method, word)
		}
		add(InJSON, text)
	}
	if err == nil && len(parameters) > maxParameters {
		err = fmt.Errorf("an operation can have %d parameters, not more", maxParameters)
	}
	return parameters, err
}

func parseParameter(place ParameterPlace, text string) (Parameter, error) {
	name, value, ok := strings.Cut(text, "=")
	capture, braces := captureName(value)
	if !ok || !braces || !parameterName.MatchString(name) || !parameterName.MatchString(capture) {
		return Parameter{}, fmt.Errorf("%q is not a parameter; write for example app={app}", text)
	}
	return Parameter{place, name, capture}, nil
}

// checkCaptures refuses what could be fixed in two ways.
func (o Operation) checkCaptures() error {
	captures := o.Pattern.captures()
	for i, p := range o.Parameters {
		if slices.Contains(captures, p.Capture) {
			return fmt.Errorf("{%s} stands in %s twice", p.Capture, o)
		}
		captures = append(captures, p.Capture)
		for _, other := range o.Parameters[:i] {
			if strings.EqualFold(other.Name, p.Name) {
				return fmt.Errorf("%s stands in %s twice", p.Name, o)
			}
		}
	}
	return nil
}

// Captures returns the names of the values that grants can fix.
func (o Operation) Captures() []string {
	captures := o.Pattern.captures()
	for _, p := range o.Parameters {
		captures = append(captures, p.Capture)
	}
	return captures
}

func (p Pattern) captures() []string {
	var names []string
	for _, s := range p.segments {
		if s.capture != "" {
			names = append(names, s.capture)
		}
	}
	return names
}

// does reports whether the match is one of the operation: by method, path and parameters.
func (o Operation) does(m Match) bool {
	if o.Method != m.Method && !(o.Method == "GET" && m.Method == "HEAD") || !o.Pattern.Covers(m.Path) {
		return false
	}
	for _, p := range o.Parameters {
		if _, ok := m.value(p); !ok {
			return false
		}
	}
	return true
}

func (m Match) value(p Parameter) (string, bool) {
	if m.more == nil {
		return "", false
	}
	for _, v := range m.more.values {
		if v.Place == p.Place && v.Name == p.Name {
			return v.Text, true
		}
	}
	return "", false
}

// captured returns the value of a capture in a match that is one of the operation.
func (o Operation) captured(m Match, name string) (string, bool) {
	rest := strings.TrimPrefix(m.Path, "/")
	for _, s := range o.Pattern.segments {
		part, after, _ := strings.Cut(rest, "/")
		if s.capture == name {
			return part, true
		}
		rest = after
	}
	for _, p := range o.Parameters {
		if p.Capture == name {
			return m.value(p)
		}
	}
	return "", false
}
