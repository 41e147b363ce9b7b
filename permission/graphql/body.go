package graphql

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"unicode/utf8"
)

// params are the parameters of one request, be they of a JSON object or a URL.
type params struct {
	seen     uint8 // a bit for each of the names
	query    []byte
	quoted   quoted // the query, if it stands in JSON and is not decoded yet
	hasQuery bool
	hash     digest
	hasHash  bool
}

// names are all that the parameters of a request can be called.
var names = []string{"query", "operationName", "variables", "extensions"}

// readBody reads a JSON body.
func (r *Reader) readBody(body []byte) (Request, *Error) {
	if !utf8.Valid(body) {
		return Request{}, errUTF8
	}
	s := &scanner{data: body}
	if s.next() == '[' {
		return r.readBatch(s)
	}
	fields, err := r.readObject(s)
	if err == nil {
		err = s.end()
	}
	return Request{Fields: fields}, err
}

func (r *Reader) readBatch(s *scanner) (Request, *Error) {
	var all fieldSet
	var notFound *Error
	count := 0
	err := s.list('[', func() *Error {
		if count++; count > r.limits.Batch {
			return tooLarge("batch", int64(r.limits.Batch), "array has", "requests", "send fewer at once")
		}
		fields, err := r.readObject(s)
		if err == errNotFound { // clients count the answers, so all of the array is read
			notFound, err = err, nil
		}
		for _, f := range fields {
			all.add(f)
		}
		return err
	})
	if err == nil {
		err = s.end()
	}
	switch {
	case err != nil:
		return Request{}, err
	case count == 0:
		return Request{}, malformed("the array has no request; send at least one")
	}
	return Request{Fields: all.fields, Batch: count}, notFound
}

func (r *Reader) readObject(s *scanner) ([]Field, *Error) {
	if s.next() != '{' {
		return nil, s.unexpected("an object with the key query")
	}
	var p params
	if err := s.object(func(key []byte) *Error { return p.member(s, key) }); err != nil {
		return nil, err
	}
	return r.resolve(&p)
}

// member reads the value of a key of the request object.
func (p *params) member(s *scanner, key []byte) *Error {
	n := slices.Index(names, string(key))
	switch {
	case n < 0:
		return malformed("the request has the key %.40q; only %s may be there, spelled so", key, strings.Join(names, ", "))
	case p.seen&(1<<n) != 0:
		return malformed("the request has the key %s twice; send it once", names[n])
	}
	p.seen |= 1 << n
	return p.read(s, names[n])
}

// read reads the value of a parameter.
func (p *params) read(s *scanner, name string) (err *Error) {
	if s.null() {
		return nil
	}
	switch name {
	case "query":
		p.hasQuery = true
		p.quoted, err = s.quoted()
	case "operationName":
		_, err = s.text()
	case "variables":
		if s.next() != '{' {
			return s.unexpected("the object of variables")
		}
		err = s.value()
	default:
		err = p.extensions(s)
	}
	return err
}

// maxExtensions is how many extensions a request may have. Clients send one or two.
const maxExtensions = 32

func (p *params) extensions(s *scanner) *Error {
	var seen [][]byte
	return s.object(func(key []byte) *Error {
		switch {
		case slices.ContainsFunc(seen, func(k []byte) bool { return bytes.Equal(k, key) }):
			return malformed("extensions has the key %.40q twice; send it once", key)
		case len(seen) == maxExtensions:
			return malformed("extensions has more than %d keys; send fewer", maxExtensions)
		// Copied to an object of JavaScript, __proto__ would bring keys of its own.
		case string(key) == "__proto__":
			return malformed("extensions has the key __proto__; leave it out")
		}
		seen = append(seen, key)
		switch {
		case string(key) == "persistedQuery":
			if s.null() {
				return nil
			}
			return p.persisted(s)
		case plainName(string(key)) == "persistedquery":
			return malformed("extensions has the key %.40q; write persistedQuery", key)
		}
		return s.value()
	})
}

// persisted reads {"version":1,"sha256Hash":"…"}.
func (p *params) persisted(s *scanner) *Error {
	version, miss := false, false
	err := s.object(func(key []byte) *Error {
		switch {
		case string(key) == "version" && !version:
			version = true
			start := s.at
			if s.next(); s.value() != nil || string(bytes.TrimSpace(s.data[start:s.at])) != "1" {
				return malformed("persistedQuery has another version than 1; send 1")
			}
			return nil
		case string(key) == "sha256Hash" && !p.hasHash:
			p.hasHash = true
			text, err := s.text()
			if err == nil && !readHash(&p.hash, text) {
				err = malformed("sha256Hash is not a SHA-256; send 64 hexadecimal digits in lower case")
			}
			return err
		case string(key) == "miss" && !miss: // urql notes there that the hash was not found
			miss = true
			if s.next() == 't' {
				return s.word("true")
			}
			return s.word("false")
		}
		return malformed("persistedQuery has the key %.40q twice or needlessly; send version and sha256Hash, each once", key)
	})
	if err == nil && (!version || !p.hasHash) {
		err = malformed("persistedQuery is not complete; send version and sha256Hash")
	}
	return err
}

// readHash reads a hash in the one spelling that all servers find it under.
func readHash(d *digest, text []byte) bool {
	if len(text) != 2*len(d) {
		return false
	}
	for i := range d {
		high, ok1 := hexDigit(text[2*i])
		low, ok2 := hexDigit(text[2*i+1])
		if !ok1 || !ok2 {
			return false
		}
		d[i] = high<<4 | low
	}
	return !bytes.ContainsAny(text, "ABCDEF")
}

// resolve returns the fields of the document that the parameters send or name.
func (r *Reader) resolve(p *params) ([]Field, *Error) {
	switch {
	case !p.hasQuery && !p.hasHash:
		return nil, malformed("the request has no document; send it as query")
	case !p.hasQuery:
		return r.known(&p.hash).read()
	case p.quoted.raw == nil: // it came in a URL
		e, err := r.read(p, p.query)
		if err != nil {
			return nil, err
		}
		return e.read()
	}
	if e := r.texts.find(p.quoted.raw); e != nil && !p.hasHash {
		return e.read()
	}
	text, err := p.quoted.decode()
	if err != nil {
		return nil, err
	}
	e, err := r.read(p, text)
	if err != nil {
		return nil, err
	}
	r.texts.add(p.quoted.raw, e)
	return e.read()
}

// read returns what a document does that came with the parameters.
func (r *Reader) read(p *params, text []byte) (*entry, *Error) {
	d := sha256.Sum256(text)
	// A server that trusts the hash would run another document than the one here.
	if p.hasHash && p.hash != d {
		return nil, malformed("sha256Hash is not the SHA-256 of the document; send the document's own hash, or none")
	}
	return r.document(d, text), nil
}
