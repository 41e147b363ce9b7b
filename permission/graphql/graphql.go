// Package graphql reads what a GraphQL-over-HTTP request does: its root fields.
// It is strict where servers are lenient. What two servers could read in two
// ways is refused, since one of them may be the backend.
package graphql

import (
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"unicode/utf8"
)

// Kind is the kind of an operation, as the keyword in the document has it.
type Kind string

// The closed list of kinds.
const (
	Query        Kind = "query"
	Mutation     Kind = "mutation"
	Subscription Kind = "subscription"
)

// Field is one root field: what a token can be granted. Name is the field's own
// name, never its alias. __typename, __schema and __type are fields like others.
type Field struct {
	Kind Kind
	Name string
}

// String returns the field as a permission writes it: "mutation createArticle".
func (f Field) String() string { return string(f.Kind) + " " + f.Name }

// Request is what one HTTP request does.
type Request struct {
	// Fields has each root field once, in order of appearance, of all operations
	// of all documents: servers differ in how operationName selects. It is shared
	// with other requests, so it must not be changed. It is never empty.
	Fields []Field
	// Batch is the length of the array that the body is, and that the answer must
	// have; 0 if it is none. It is set beside a NotFound error too.
	Batch int
}

// Limits bound the work of reading one request. Each is at least 1.
type Limits struct {
	Body       int64 // bytes of a body or of a query string
	Tokens     int   // tokens of a document, comments included
	Depth      int   // nesting of any brackets as written, and of selection sets with fragments filled in
	Aliases    int   // aliases of a document, as written
	Batch      int   // requests in an array
	Operations int   // operations of a document
}

// DefaultLimits are far above what client libraries send and low enough that no
// single request costs more than some milliseconds: generated clients write up to
// 2,000 tokens, the introspection query nests 15 deep, Apollo's batch link sends
// up to 10 requests at once.
var DefaultLimits = Limits{Body: 1 << 20, Tokens: 5000, Depth: 50, Aliases: 500, Batch: 10, Operations: 20}

// Code is the machine-readable part of an error, as GraphQL clients know it.
type Code string

// The closed list of codes.
const (
	// Malformed is a request that has no single reading, or none.
	Malformed Code = "BAD_REQUEST"
	// Unreadable is a document that has no single reading, or none.
	Unreadable Code = "GRAPHQL_PARSE_FAILED"
	// TooLarge is a request over one of the limits.
	TooLarge Code = "LIMIT_EXCEEDED"
	// NotFound is a hash whose document is not known. Clients answer it by sending
	// the document.
	NotFound Code = "PERSISTED_QUERY_NOT_FOUND"
)

// Error says why a request can't be read. All errors of a Reader are of this type.
type Error struct {
	Code    Code
	Problem string // for the person at the other end: what is wrong, and what to do
}

func (e *Error) Error() string { return e.Problem }

func malformed(format string, args ...any) *Error {
	return &Error{Code: Malformed, Problem: fmt.Sprintf(format, args...)}
}

func unreadable(format string, args ...any) *Error {
	return &Error{Code: Unreadable, Problem: fmt.Sprintf(format, args...)}
}

// tooLarge says that something has more of a unit than a limit allows. The limit is
// named as it is configured.
func tooLarge(limit string, most int64, what, unit, remedy string) *Error {
	return &Error{Code: TooLarge, Problem: fmt.Sprintf("the %s more than %d %s, the limit max_%s; %s, or ask for a higher limit", what, most, unit, limit, remedy)}
}

// errNotFound has the words that Apollo's clients look for.
var errNotFound = &Error{Code: NotFound, Problem: "PersistedQueryNotFound"}

// Reader reads requests. It is safe for concurrent use.
type Reader struct {
	limits     Limits
	registered map[digest]*entry
	cache      cache
	texts      texts
}

// DocumentError says which of the documents New can't read, and why.
type DocumentError struct {
	Index int
	Err   error
}

func (e *DocumentError) Error() string {
	return fmt.Sprintf("GraphQL document %d of those that are registered: %v", e.Index+1, e.Err)
}

func (e *DocumentError) Unwrap() error { return e.Err }

// New returns a reader that knows the documents, so that their hashes alone are
// enough. It returns an error if a limit is below 1, or a *DocumentError if a
// document can't be read.
func New(limits Limits, documents ...string) (*Reader, error) {
	if limits.Body < 1 || min(limits.Tokens, limits.Depth, limits.Aliases, limits.Batch, limits.Operations) < 1 {
		return nil, fmt.Errorf("the limits of GraphQL requests are %+v; each must be at least 1", limits)
	}
	r := &Reader{limits: limits, registered: make(map[digest]*entry, len(documents)), texts: texts{seed: maphash.MakeSeed()}}
	for i, text := range documents {
		fields, err := r.parse(text)
		if err != nil {
			return nil, &DocumentError{Index: i, Err: err}
		}
		r.registered[sha256.Sum256([]byte(text))] = &entry{fields: fields}
	}
	return r, nil
}

// ReadJSON reads the body of a POST of application/json: an object, or an array
// of objects.
func (r *Reader) ReadJSON(body []byte) (Request, error) {
	if err := r.checkSize(len(body)); err != nil {
		return Request{}, err
	}
	request, err := r.readBody(body)
	if err != nil { // an *Error that is nil would be an error that is not
		return Request{Batch: request.Batch}, err
	}
	return request, nil
}

// ReadDocument reads the body of a POST of application/graphql: a document.
func (r *Reader) ReadDocument(body []byte) (Request, error) {
	if err := r.checkSize(len(body)); err != nil {
		return Request{}, err
	}
	if !utf8.Valid(body) {
		return Request{}, errUTF8
	}
	fields, err := r.document(sha256.Sum256(body), body).read()
	if err != nil {
		return Request{}, err
	}
	return Request{Fields: fields}, nil
}

var errUTF8 = malformed("the request is not valid UTF-8; send it as UTF-8")

func (r *Reader) checkSize(size int) error {
	if int64(size) > r.limits.Body {
		return tooLarge("body", r.limits.Body, "request has", "bytes", "send less at once")
	}
	return nil
}

// document returns what a document does by what is remembered of it, or else by
// reading it. The digest is that of the text, which is valid UTF-8.
func (r *Reader) document(d digest, text []byte) *entry {
	if e := r.known(&d); e != nil {
		return e
	}
	fields, err := r.parse(string(text))
	return r.cache.add(d, fields, err)
}

// known returns what is remembered of a document, or nil. The backend's memory of
// hashes may be another than this one: it may know more, or forget earlier. That is
// safe, since what is found here by a SHA-256 was read from a text with that very
// SHA-256, and the backend can only have the same text for it.
func (r *Reader) known(d *digest) *entry {
	if e, ok := r.registered[*d]; ok {
		return e
	}
	return r.cache.find(d)
}
