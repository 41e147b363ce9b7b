package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

// Some operations are told apart by more than their path: ?app={app} in the query,
// json:app={app} in the body. What is read here is what a grant is held against,
// so it must be what every backend reads: a name that stands there twice, or in
// two places, or in a spelling that some servers take for it, is refused
// (security rule 4, for values).

var (
	errParameterForm = errors.New("a parameter that decides stands in the query, and a form beside it could have another value for it")
	errParameterType = errors.New("a parameter that decides is in the body, which has no single type; send application/json in UTF-8, not compressed")
)

func errParameterTwice(name string) error {
	return fmt.Errorf("the parameter %s, which decides, stands in the request more than once, or in a spelling that some servers take for it", name)
}

// readParameters adds to what a request does the values that decide about it. If
// they are in the body and nobody has read it yet, it returns what reads it.
func (g *Gate) readParameters(r *http.Request, tokens Tokens, does *Matches) (read func(*http.Request), reason Reason, err error) {
	wanted := wantedParameters(tokens, g.Catalog, does)
	if len(wanted) > 0 {
		values, read, err := readValues(r, wanted)
		switch {
		case err != nil:
			return nil, reasonOf(err), err
		case read != nil:
			return read, "", nil
		}
		does.First = g.Catalog.With(does.First, values)
		for i := range does.Rest {
			does.Rest[i] = g.Catalog.With(does.Rest[i], values)
		}
	}
	var required []permission.Match
	for m := range does.all {
		required = append(required, g.Catalog.Required(m)...)
	}
	does.Rest = append(does.Rest, required...)
	return nil, "", nil
}

// wantedParameters returns what decides about the request beside its path.
func wantedParameters(tokens Tokens, catalog *permission.Catalog, does *Matches) (wanted []permission.Parameter) {
	for m := range does.all {
		wanted = append(wanted, catalog.Parameters(m)...)
		for k := range tokens.all {
			if grants, err := k.grants(catalog); err == nil {
				wanted = append(wanted, grants.Parameters(m)...)
			}
		}
	}
	return wanted
}

// readValues returns the values of the parameters that are there.
func readValues(r *http.Request, wanted []permission.Parameter) (values []permission.Value, read func(*http.Request), err error) {
	body, err := bodyFor(r, wanted)
	if err != nil {
		return nil, nil, err
	}
	if body == unreadJSON {
		return nil, readJSON, nil
	}
	for _, p := range wanted {
		if _, known := valueOf(values, p); known {
			continue
		}
		text, inQuery, err := queryValue(r.URL.RawQuery, p.Name)
		if err != nil {
			return nil, nil, err
		}
		inBody := false
		if read, ok := r.Body.(*jsonBody); ok && body == knownJSON {
			member, found, err := read.value(p.Name)
			if err != nil {
				return nil, nil, err
			}
			if inBody = found; found && p.Place == permission.InJSON {
				text = member
			}
		}
		switch {
		case inQuery && inBody:
			return nil, nil, errParameterTwice(p.Name)
		case inQuery && p.Place == permission.InQuery, inBody && p.Place == permission.InJSON:
			values = append(values, permission.Value{Place: p.Place, Name: p.Name, Text: text})
		}
	}
	return values, nil, nil
}

func valueOf(values []permission.Value, p permission.Parameter) (string, bool) {
	for _, v := range values {
		if v.Place == p.Place && v.Name == p.Name {
			return v.Text, true
		}
	}
	return "", false
}

// queryValue returns the value of a parameter of the query, decoded.
func queryValue(query, name string) (value string, found bool, err error) {
	parameters(query, func(p parameter) bool {
		raw, text, _ := strings.Cut(p.raw, "=")
		switch {
		case !foldsTo(raw, name):
			return true
		case found, p.semicolon, !decodesTo(raw, name):
			err = errParameterTwice(name)
			return false
		}
		found = true
		if value, err = url.QueryUnescape(text); err != nil {
			err = fmt.Errorf("the parameter %s, which decides, has a broken escape", name)
		}
		return err == nil
	})
	return value, found, err
}

// bodyState says whether the body has a say in what the parameters are.
type bodyState int

const (
	noParameters bodyState = iota // it has none, or what it has is not for the parameters
	unreadJSON
	knownJSON
)

// bodyFor finds out what the body has to do with the parameters.
func bodyFor(r *http.Request, wanted []permission.Parameter) (bodyState, error) {
	if _, ok := r.Body.(*jsonBody); ok {
		return knownJSON, nil
	}
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return noParameters, nil
	}
	inQuery := false
	for _, p := range wanted {
		inQuery = inQuery || p.Place == permission.InQuery
	}
	form, err := formTypeOf(r.Header)
	kind, _ := contentType(r.Header)
	switch {
	case err != nil:
		return noParameters, errParameterType
	case kind == "" && r.ContentLength < 0: // HTTP/3 says only at its end whether there is one
		return unreadJSON, nil
	case form != noForm && inQuery:
		return noParameters, errParameterForm
	case strings.Contains(strings.ToLower(kind), "json"):
		return unreadJSON, nil
	}
	return noParameters, nil
}
