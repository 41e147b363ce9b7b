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
	errParameters    = fmt.Errorf("more than %d parameters decide about the request, by the grants of the token and the permissions; that is too many to look for", maxWanted)
)

func errParameterTwice(name string) error {
	return fmt.Errorf("the parameter %s, which decides, stands in the request more than once, or in a spelling that some servers take for it", name)
}

// readParameters adds to what a request does the values that decide about it. If
// they are in the body and nobody has read it yet, it returns what reads it.
func (g *Gate) readParameters(r *http.Request, tokens Tokens, does *Matches) (read func(*http.Request), reason Reason, err error) {
	if g.Catalog.PathsDecide() && tokens.pathsDecide(g.Catalog) {
		return nil, "", nil
	}
	if g.isBulk(does) {
		read, err = g.describeBulk(r, tokens, does)
	} else {
		read, err = g.addValues(r, tokens, does)
	}
	if err != nil {
		reason, err = parameterRefusal(err)
		return nil, reason, err
	}
	if read != nil {
		return read, "", nil
	}
	does.require(g.Catalog)
	return nil, "", nil
}

// require adds what whoever does all this must be allowed as well, each behind what requires it.
func (m *Matches) require(catalog *permission.Catalog) {
	rest := m.Rest
	m.Rest = catalog.Required(m.First)
	for _, match := range rest {
		m.Rest = append(append(m.Rest, match), catalog.Required(match)...)
	}
}

func parameterRefusal(err error) (Reason, error) {
	if errors.Is(err, errFormField) {
		return refusalOf(err)
	}
	return reasonOf(err), err
}

func (g *Gate) addValues(r *http.Request, tokens Tokens, does *Matches) (read func(*http.Request), err error) {
	wanted, err := wantedParameters(tokens, g.Catalog, does)
	if len(wanted) == 0 || err != nil {
		return nil, err
	}
	values, unread, err := readValues(r, wanted, does.AsGet)
	if err != nil {
		return nil, err
	}
	if unread {
		return g.readParameterBody, nil
	}
	does.First = g.Catalog.With(does.First, values)
	for i := range does.Rest {
		does.Rest[i] = g.Catalog.With(does.Rest[i], values)
	}
	return nil, nil
}

// maxWanted is how many parameters can decide about one request: each is looked for in
// all of the query and the body.
const maxWanted = 32

// wantedParameters returns what decides about the request beside its path, each once.
func wantedParameters(tokens Tokens, catalog *permission.Catalog, does *Matches) ([]permission.Parameter, error) {
	var all []permission.Parameter
	for m := range does.all {
		all = append(all, catalog.Parameters(m)...)
		for k := range tokens.all {
			if grants, err := k.grants(catalog); err == nil {
				all = append(all, grants.Parameters(m)...)
			}
		}
	}
	var wanted []permission.Parameter
	for _, p := range all {
		switch {
		case slices.Contains(wanted, p):
		case len(wanted) == maxWanted:
			return nil, errParameters
		default:
			wanted = append(wanted, p)
		}
	}
	return wanted, nil
}

// maxBefore is how many parameters may stand before one that decides. OpenResty reads the
// first 100, PHP (max_input_vars), Express and Koa the first 1,000, and leave out the
// rest: a value behind these would be there for the gate alone.
const maxBefore = 99

// readValues returns the values of the parameters that are there, or says that the
// body must be read first. That of a POST that is a GET has what would be in the query otherwise.
func readValues(r *http.Request, wanted []permission.Parameter, asGet bool) (values []permission.Value, unread bool, err error) {
	body, unread, err := bodyFor(r, wanted, asGet)
	if err != nil || unread {
		return nil, unread, err
	}
	inBody, err := body.look(wanted)
	if err != nil {
		return nil, false, err
	}
	names := captured{}
	for _, p := range wanted {
		text, found, there, err := readValue(r.URL.RawQuery, &inBody, p, asGet)
		if inCookie, other := cookieNamed(r.Header, p.Name, text); err == nil && inCookie {
			switch {
			case p.Place == permission.Flag:
				found, there = true, true
			case there && other:
				err = errCookie
			}
		}
		if err == nil && there {
			err = names.add(p)
		}
		if err != nil {
			return nil, false, err
		}
		if found {
			values = append(values, permission.Value{Place: p.Place, Name: p.Name, Text: text})
		}
	}
	return values, false, nil
}

// captured are the names of the parameters that a request has, by what they are in braces.
type captured map[string]string

// add refuses a second parameter for the same, such as app beside id of json:id={app} and
// json:app={app}: which of them the backend goes by is not known.
func (c captured) add(p permission.Parameter) error {
	if p.Place == permission.Flag {
		return nil
	}
	if other, twice := c[p.Capture]; twice && other != p.Name {
		return fmt.Errorf("the parameters %s and %s, which decide, stand for the same; send one of them", other, p.Name)
	}
	c[p.Capture] = p.Name
	return nil
}

// readValue returns the value of a parameter. there says that it is in the request, be
// it where it does not count.
func readValue(query string, body *bodyParameters, p permission.Parameter, asGet bool) (text string, found, there bool, err error) {
	text, inQuery, err := queryValue(query, p.Name)
	if err != nil {
		return "", false, false, err
	}
	member, inBody, err := body.value(p)
	if err != nil {
		return "", false, false, err
	}
	there = inQuery || inBody
	switch {
	case p.Place == permission.Flag:
		return "", there, there, nil
	case inQuery && inBody:
		return "", false, true, errParameterTwice(p.Name)
	case inBody && (asGet || p.Place == permission.InJSON):
		return member, true, true, nil
	}
	return text, inQuery && p.Place == permission.InQuery, there, nil
}

// queryValue returns the value of a parameter of the query, decoded.
func queryValue(query, name string) (value string, found bool, err error) {
	before := -1
	parameters(query, func(p parameter) bool {
		before++
		raw, text, _ := strings.Cut(p.raw, "=")
		switch {
		case !foldsTo(raw, name) && !sameWords(raw, name):
			return true
		case before > maxBefore:
			err = fmt.Errorf("the parameter %s, which decides, stands behind the first %d; some servers leave out those", name, maxBefore+1)
			return false
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
	kind, err := bodyKindOf(r.Header)
	switch {
	case err != nil:
		return nil, false, err
	case kind == jsonKind, kind == formKind && asGet:
		return nil, true, nil
	}
	if err = refuseBody(r.Method, kind, wanted, asGet); err != nil && r.ContentLength < 0 {
		return nil, true, nil // HTTP/3 says only at its end whether there is one
	}
	return nil, false, err
}

// refuseBody refuses a body that can't be read if a server could find parameters in it.
func refuseBody(method string, kind bodyKind, wanted []permission.Parameter, asGet bool) error {
	in := func(place permission.ParameterPlace) bool {
		return slices.ContainsFunc(wanted, func(p permission.Parameter) bool { return p.Place == place })
	}
	isForm := kind == formKind || kind == multipartKind || kind == untypedKind
	switch {
	case isForm && (asGet || in(permission.InQuery)):
		return errParameterForm
	case in(permission.Flag): // to have none would be to need less
		return errParameterType
	case in(permission.InQuery) && (carriesNothing(method) || asGet || kind == textKind):
		return errParameterType // there are servers that look for JSON in it all the same
	}
	return nil
}

// carriesNothing reports whether requests with the method have no use for a body but
// for parameters.
func carriesNothing(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodDelete || method == http.MethodOptions
}
