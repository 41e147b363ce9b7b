package graphql

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// otherNames are what servers call a document that they know, and the parts of an
// upload, as plainName has them.
var otherNames = map[string]bool{
	"id": true, "hash": true, "sha256hash": true, "doc": true, "docid": true, "document": true, "documentid": true,
	"documenthash": true, "queryid": true, "queryhash": true, "operationid": true, "operationhash": true,
	"persisted": true, "persistedquery": true, "persistedqueryid": true, "persistedid": true,
	"operations": true, "map": true, "batch": true, "mutation": true, "subscription": true,
}

// plainName is a name as the most lenient servers take it: without regard to case,
// separators, control characters, what they drop in front (URLSearchParams a second
// question mark), and what follows a bracket or a NUL.
func plainName(name string) string {
	name = strings.TrimLeftFunc(name, func(r rune) bool { return dropped(r) || r == '[' || r == '?' })
	if i := strings.IndexAny(name, "[\x00"); i >= 0 {
		name = name[:i]
	}
	return strings.Map(func(r rune) rune {
		if dropped(r) || r == '_' || r == '-' || r == '.' {
			return -1
		}
		return unicode.ToLower(unicode.ToUpper(r)) // the long s is an s to those who fold by Unicode
	}, name)
}

// dropped reports whether servers drop a character of a name, wherever it stands.
func dropped(r rune) bool {
	return r <= ' ' || r == 0x7f || r == ']' || r == '\uFEFF' || unicode.IsSpace(r)
}

// takenFor reports whether some server takes a name for one that says what a
// request does.
func takenFor(name string) bool {
	name = plainName(name)
	return otherNames[name] || slices.ContainsFunc(names, func(n string) bool { return strings.ToLower(n) == name })
}

// ReadQuery reads the query string of a GET, as it stands in the request line. It
// is not found if there is neither a document nor the hash of one: such a request
// is for a page, such as GraphiQL.
func (r *Reader) ReadQuery(rawQuery string) (request Request, found bool, err error) {
	if err := r.checkSize(len(rawQuery)); err != nil {
		return Request{}, false, err
	}
	var p params
	if err := eachParameter(rawQuery, p.parameter); err != nil {
		return Request{}, false, err
	}
	if !p.hasQuery && !p.hasHash {
		return Request{}, false, nil
	}
	fields, failure := r.resolve(&p)
	if failure != nil {
		return Request{}, true, failure
	}
	return Request{Fields: fields}, true, nil
}

// CheckPostQuery returns an error if the query string of a POST says anything that
// belongs into the body: some servers take the one, some the other.
func (r *Reader) CheckPostQuery(rawQuery string) error {
	if err := r.checkSize(len(rawQuery)); err != nil {
		return err
	}
	err := eachParameter(rawQuery, func(name, _ string) *Error {
		if takenFor(name) {
			return malformed("the URL of a POST has the parameter %.40q; send it in the body alone", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return nil
}

// eachParameter calls yield for each parameter of a raw query, decoded. It refuses
// what servers split or decode in different ways.
func eachParameter(query string, yield func(name, value string) *Error) *Error {
	if strings.Contains(query, ";") {
		return malformed("the query string has a semicolon; write it as %%3B")
	}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return malformed("the query string has an escape that is none, or no UTF-8, in %.40q; repair it", pair)
		}
		if err := yield(name, value); err != nil {
			return err
		}
	}
	return nil
}

// parameter reads a parameter of a URL.
func (p *params) parameter(name, value string) *Error {
	n := slices.Index(names, name)
	switch {
	case n < 0 && takenFor(name):
		return malformed("the URL has the parameter %.40q, which some servers take for the document or a part of the request; leave it out", name)
	case n < 0:
		return nil
	case p.seen&(1<<n) != 0:
		return malformed("the URL has the parameter %s twice; send it once", name)
	}
	p.seen |= 1 << n
	switch name {
	case "query":
		p.hasQuery, p.query = true, []byte(value)
	case "variables", "extensions":
		s := &scanner{data: []byte(value)}
		if err := p.read(s, name); err != nil {
			return err
		}
		return s.end()
	}
	return nil
}
