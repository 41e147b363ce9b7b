package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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
	if g.Catalog.IsBulk(does.First) {
		read, err = g.describeBulk(r, tokens, does)
	} else if wanted := wantedParameters(tokens, g.Catalog, does); len(wanted) > 0 {
		read, err = g.addValues(r, wanted, does)
	}
	if err != nil {
		reason, err = parameterRefusal(err)
		return nil, reason, err
	}
	if read != nil {
		return read, "", nil
	}
	var required []permission.Match
	for m := range does.all {
		required = append(required, g.Catalog.Required(m)...)
	}
	does.Rest = append(does.Rest, required...)
	return nil, "", nil
}

func parameterRefusal(err error) (Reason, error) {
	if errors.Is(err, errFormField) {
		return refusalOf(err)
	}
	return reasonOf(err), err
}

func (g *Gate) addValues(r *http.Request, wanted []permission.Parameter, does *Matches) (read func(*http.Request), err error) {
	values, read, err := readValues(r, wanted, does.AsGet)
	if err != nil || read != nil {
		return read, err
	}
	does.First = g.Catalog.With(does.First, values)
	for i := range does.Rest {
		does.Rest[i] = g.Catalog.With(does.Rest[i], values)
	}
	return nil, nil
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

// readValues returns the values of the parameters that are there. The body of a
// POST that is a GET has what would be in the query otherwise.
func readValues(r *http.Request, wanted []permission.Parameter, asGet bool) (values []permission.Value, read func(*http.Request), err error) {
	body, unread, err := bodyFor(r, wanted, asGet)
	if err != nil || unread {
		return nil, readParameterBody, err
	}
	for _, p := range wanted {
		if _, known := valueOf(values, p); known {
			continue
		}
		text, found, err := readValue(r.URL.RawQuery, body, p, asGet)
		if err != nil {
			return nil, nil, err
		}
		if found {
			values = append(values, permission.Value{Place: p.Place, Name: p.Name, Text: text})
		}
	}
	return values, nil, nil
}

// readValue returns the value of a parameter. body is nil if there is none.
func readValue(query string, body *parameterBody, p permission.Parameter, asGet bool) (text string, found bool, err error) {
	text, inQuery, err := queryValue(query, p.Name)
	if err != nil {
		return "", false, err
	}
	member, inBody := "", false
	if body != nil {
		if member, inBody, err = body.value(p); err != nil {
			return "", false, err
		}
	}
	switch {
	case p.Place == permission.Flag:
		return "", inQuery || inBody, nil
	case inQuery && inBody:
		return "", false, errParameterTwice(p.Name)
	case inBody && (asGet || p.Place == permission.InJSON):
		return member, true, nil
	}
	return text, inQuery && p.Place == permission.InQuery, nil
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

// bodyFor returns the body if it has a say in what the parameters are, or says
// that it must be read first.
func bodyFor(r *http.Request, wanted []permission.Parameter, asGet bool) (body *parameterBody, unread bool, err error) {
	if body, ok := r.Body.(*parameterBody); ok {
		return body, false, nil
	}
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, false, nil
	}
	form, err := formTypeOf(r.Header)
	if err != nil {
		return nil, false, errParameterType
	}
	kind, _ := contentType(r.Header)
	switch {
	case kind == "" && r.ContentLength < 0: // HTTP/3 says only at its end whether there is one
		return nil, true, nil
	case asGet && kind != "" && form == formUrlencoded:
		return nil, true, nil
	}
	return nil, isJSON(kind), refuseBody(r.Method, kind, form, wanted, asGet)
}

// refuseBody refuses a body that can't be read if a server could find parameters in it.
func refuseBody(method, kind string, form formType, wanted []permission.Parameter, asGet bool) error {
	in := func(place permission.ParameterPlace) bool {
		return slices.ContainsFunc(wanted, func(p permission.Parameter) bool { return p.Place == place })
	}
	switch {
	case form != noForm && (asGet || in(permission.InQuery)):
		return errParameterForm
	case isJSON(kind):
		return nil
	case in(permission.Flag): // to have none would be to need less
		return errParameterType
	case in(permission.InQuery) && (carriesNothing(method) || asGet || strings.HasPrefix(strings.ToLower(kind), "text/")):
		return errParameterType // there are servers that look for JSON in it all the same
	}
	return nil
}

// carriesNothing reports whether requests with the method have no use for a body but
// for parameters.
func carriesNothing(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodDelete || method == http.MethodOptions
}
