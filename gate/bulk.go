package gate

import (
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

func (g *Gate) isBulk(does *Matches) bool {
	for m := range does.all {
		if g.Catalog.IsBulk(m) {
			return true
		}
	}
	return false
}

// describeBulk says in does what the requests in the body do. If nobody has read
// that yet, it returns what reads it.
func (g *Gate) describeBulk(r *http.Request, tokens Tokens, does *Matches) (read func(*http.Request), err error) {
	if does.Rest != nil || does.Override {
		return nil, errBulkOther
	}
	body, ok := r.Body.(*parameterBody)
	if !ok {
		if kind, err := bodyKindOf(r.Header); err != nil || kind != jsonKind {
			return nil, errParameterType
		}
		return g.readParameterBody, nil
	}
	if body.err != nil {
		return nil, body.err
	}
	parts, err := bulkParts(body)
	if err != nil {
		return nil, err
	}
	matches, payloads := make([]permission.Match, len(parts)), make([][]byte, len(parts))
	for i, part := range parts {
		if matches[i], payloads[i], err = g.describePart(part); err != nil {
			return nil, err
		}
	}
	does.First, does.Rest, does.Bulk = matches[0], matches[1:], len(matches)
	if err := g.refuseBulkQuery(r.URL.RawQuery, tokens, does); err != nil {
		return nil, err
	}
	for i, m := range matches {
		if matches[i], err = g.withPayload(tokens, m, payloads[i]); err != nil {
			return nil, err
		}
	}
	does.First = matches[0]
	return nil, nil
}

// bulkParts returns the requests of a bulk request.
func bulkParts(body *parameterBody) (parts [][]byte, err error) {
	if body.kind != jsonKind { // it is empty
		return nil, errBulk
	}
	const name = "requests"
	list, err := membersOf(body.whole, name).one(name)
	if err != nil {
		return nil, err
	}
	if list == nil || list[0] != '[' {
		return nil, errBulk
	}
	within(list, func(_, part []byte) bool {
		parts = append(parts, part)
		return len(parts) <= maxBulk
	})
	if len(parts) == 0 || len(parts) > maxBulk {
		return nil, errBulk
	}
	return parts, nil
}

// describePart says what a request in a bulk request does, but for its parameters.
func (g *Gate) describePart(part []byte) (m permission.Match, payload []byte, err error) {
	members := membersOf(part, "method", "api", "payload")
	method, hasMethod, err1 := members.text("method")
	api, hasAPI, err2 := members.text("api")
	payload, err3 := members.one("payload")
	switch err := errors.Join(err1, err2, err3); {
	case err != nil:
		return m, nil, err
	case !hasMethod || !hasAPI || payload != nil && payload[0] != '{':
		return m, nil, errBulk
	case !slices.Contains(bulkMethods, method):
		return m, nil, errors.New("a bulk request can have requests with POST, PUT and DELETE, in upper case")
	}
	path, err := permission.CheckURL(&url.URL{Path: api})
	if err != nil {
		return m, nil, err
	}
	if m = g.Catalog.Find(method, path); g.Catalog.IsBulk(m) {
		return m, nil, errBulk
	}
	return m, payload, nil
}

// refuseBulkQuery refuses what decides about any of the requests in the query of all:
// which of them it is for is not known.
func (g *Gate) refuseBulkQuery(query string, tokens Tokens, does *Matches) error {
	wanted, err := wantedParameters(tokens, g.Catalog, does)
	for _, p := range wanted {
		_, found, bad := queryValue(query, p.Name)
		if bad == nil && found {
			bad = errParameterTwice(p.Name)
		}
		if bad != nil {
			return bad
		}
	}
	return err
}

// refusedPart returns which of the requests in a bulk request is the first that the tokens
// may not make, by its index.
func refusedPart(tokens Tokens, catalog *permission.Catalog, does *Matches) int {
	part := -1
	for m := range does.all {
		if !m.IsRequired() {
			part++
		}
		if _, _, reason := allowedBy(tokens, catalog, m); reason != Allow {
			break
		}
	}
	return part
}

// withPayload gives a match the parameters that decide about it.
func (g *Gate) withPayload(tokens Tokens, m permission.Match, payload []byte) (permission.Match, error) {
	wanted, err := wantedParameters(tokens, g.Catalog, &Matches{First: m})
	if err != nil || payload == nil {
		return m, err
	}
	var values []permission.Value
	members, names := membersOf(payload, namesOf(wanted)...), captured{}
	for _, p := range wanted {
		text, found, err := members.value(p)
		if err == nil && found {
			err = names.add(p)
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
