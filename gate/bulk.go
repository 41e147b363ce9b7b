package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/tokenreeve/tokenreeve/permission"
)

// A bulk request of kintone holds others in its JSON body:
//
//	{"requests": [{"method": "POST", "api": "/k/v1/record.json", "payload": {"app": 7}}]}
//
// It does what they do, each with the parameters of its payload.

// maxBulk is how many requests a bulk request can have.
const maxBulk = 20

// bulkMethods are those that requests in it can have.
var bulkMethods = []string{http.MethodPost, http.MethodPut, http.MethodDelete}

var (
	errBulk      = fmt.Errorf(`a bulk request is a JSON object with an array "requests" of 1 to %d objects with "method", "api" and "payload"`, maxBulk)
	errBulkOther = errors.New("a bulk request must be a POST to a path with one reading, and ask for no other method")
)

// describeBulk says in does what the requests in the body do. If nobody has read
// that yet, it returns what reads it.
func (g *Gate) describeBulk(r *http.Request, tokens Tokens, does *Matches) (read func(*http.Request), err error) {
	if does.Rest != nil || does.Override {
		return nil, errBulkOther
	}
	body, ok := r.Body.(*parameterBody)
	if !ok {
		kind, err := contentType(r.Header)
		if form, bad := formTypeOf(r.Header); err != nil || bad != nil || form != noForm || !isJSON(kind) {
			return nil, errParameterType
		}
		return readParameterBody, nil
	}
	if body.err != nil {
		return nil, body.err
	}
	parts, err := bulkParts(body.members)
	if err != nil {
		return nil, err
	}
	matches := make([]permission.Match, len(parts))
	for i, part := range parts {
		if matches[i], err = g.describePart(r, tokens, part); err != nil {
			return nil, err
		}
	}
	does.First, does.Rest = matches[0], matches[1:]
	return nil, nil
}

// bulkParts returns the requests of a bulk request.
func bulkParts(members []jsonMember) (parts []json.RawMessage, err error) {
	list, err := memberOf(members, "requests")
	if err != nil {
		return nil, err
	}
	if list == nil || json.Unmarshal(list, &parts) != nil || len(parts) == 0 || len(parts) > maxBulk {
		return nil, errBulk
	}
	return parts, nil
}

func (g *Gate) describePart(r *http.Request, tokens Tokens, part json.RawMessage) (m permission.Match, err error) {
	members, err := readMembers(part)
	if err != nil {
		return m, err
	}
	method, hasMethod, err1 := memberValue(members, "method")
	api, hasAPI, err2 := memberValue(members, "api")
	payload, err3 := memberOf(members, "payload")
	switch err := errors.Join(err1, err2, err3); {
	case err != nil:
		return m, err
	case !hasMethod || !hasAPI || payload != nil && payload[0] != '{':
		return m, errBulk
	case !slices.Contains(bulkMethods, method):
		return m, fmt.Errorf("a bulk request can have requests with POST, PUT and DELETE, in upper case")
	}
	path, err := permission.CheckURL(&url.URL{Path: api})
	if err != nil {
		return m, err
	}
	if m = g.Catalog.Find(method, path); g.Catalog.IsBulk(m) {
		return m, errBulk
	}
	var parameters []jsonMember
	if payload != nil {
		if parameters, err = readMembers(payload); err != nil {
			return m, err
		}
	}
	return g.withPayload(r, tokens, m, parameters)
}

// withPayload gives a match the parameters that decide about it.
func (g *Gate) withPayload(r *http.Request, tokens Tokens, m permission.Match, members []jsonMember) (permission.Match, error) {
	var values []permission.Value
	for _, p := range wantedParameters(tokens, g.Catalog, &Matches{First: m}) {
		_, inQuery, err := queryValue(r.URL.RawQuery, p.Name)
		if err == nil && inQuery {
			err = errParameterTwice(p.Name)
		}
		var text string
		var found bool
		if err == nil {
			text, found, err = memberFor(members, p)
		}
		if err != nil {
			return m, err
		}
		if found && p.Place != permission.InQuery {
			values = append(values, permission.Value{Place: p.Place, Name: p.Name, Text: text})
		}
	}
	return g.Catalog.With(m, values), nil
}
