package gate

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

// GraphQL is what a gate knows about the GraphQL of its API. Behind one path a
// backend has all that it reads and writes, so what a request does there is in
// its document (security rule 8).
type GraphQL struct {
	// Paths are those of the backend's GraphQL, and all below.
	Paths *permission.Paths
	// Reader reads the documents.
	Reader *graphql.Reader
	// MaxBody is the longest body in bytes, as sent and decompressed.
	MaxBody int64
	// Introspection says who may ask for the schema.
	Introspection Introspection
	// Documents lets bodies of application/graphql in, Uploads those of
	// multipart/form-data, Gzip compressed ones.
	Documents, Uploads, Gzip bool
}

// Introspection says who may ask for the schema of an API.
type Introspection string

// The closed list of what can be said about introspection.
const (
	IntrospectionGrant Introspection = "grant" // custom tokens with a grant; the default
	IntrospectionAllow Introspection = "allow" // every token
	IntrospectionDeny  Introspection = "deny"  // nobody
)

var (
	errReadings    = badRequest("its path must have one reading")
	errGetBody     = badRequest("it has a body beside another method than POST, which some servers take for the document; send it in the query or by POST")
	errContentType = badRequest("the body is not of a type that the gate reads; send application/json in UTF-8, not compressed (other types have to be accepted in the configuration)")
	errGraphQLName = badRequest("a cookie is named query or operationName, which some servers take before what the request says; send another one")
	errLongName    = badRequest("a root field has a name of more than 256 bytes")
	errLarge       = errors.New("the body is longer than max_body")
	errBrokenOff   = errors.New("the body broke off")
)

func badRequest(problem string) *graphql.Error {
	return &graphql.Error{Code: graphql.Malformed, Problem: problem}
}

// maxFieldName is the longest name of a root field in bytes: refusals, logs and
// the answers to batches repeat it.
const maxFieldName = 256

// concerns reports whether any reading of the request is for GraphQL.
func (q *GraphQL) concerns(does *Matches) bool {
	if q == nil {
		return false
	}
	for m := range does.all {
		if q.Paths.Cover(m.Path) {
			return true
		}
	}
	return false
}

// describe says in does what a request does by its document. If that is in the
// body and nobody has read it yet, it returns what reads it.
func (q *GraphQL) describe(r *http.Request, does *Matches, catalog *permission.Catalog) (read func(*http.Request), reason Reason, err error) {
	if len(does.Rest) > 0 {
		return nil, AmbiguousRequest, errReadings
	}
	for _, name := range []string{"query", "operationName"} {
		if there, _ := cookieNamed(r.Header, name, ""); there {
			return nil, AmbiguousRequest, errGraphQLName
		}
	}
	var fields []graphql.Field
	switch does.First.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions: // there are servers that run what is in the query of OPTIONS
		if r.ContentLength != 0 {
			return q.describeBody(r)
		}
		request, found, err := q.Reader.ReadQuery(r.URL.RawQuery)
		switch {
		case err != nil:
			return nil, reasonOf(err), err
		case !found:
			q.describePage(r, does, catalog)
			return nil, "", nil
		}
		fields = request.Fields
	case http.MethodPost:
		if err := q.Reader.CheckPostQuery(r.URL.RawQuery); err != nil {
			return nil, reasonOf(err), err
		}
		body, ok := r.Body.(*graphQLBody)
		switch {
		case !ok || body.by != q:
			return q.readBody, "", nil
		case body.err != nil:
			return nil, reasonOf(body.err), body.err
		}
		fields = body.request.Fields
	default: // a WebSocket, or a stream of events that is made first: what comes is not seen
		does.First = catalog.FindField(permission.Subscription, "*")
		return nil, "", nil
	}
	reason, err = q.lookUp(does, fields, catalog)
	return nil, reason, err
}

// describeBody is for a request that should have no body. Over HTTP/3 nobody
// knows whether it has one before it ends.
func (q *GraphQL) describeBody(r *http.Request) (func(*http.Request), Reason, error) {
	if _, read := r.Body.(*graphQLBody); read || r.ContentLength > 0 || r.ProtoMajor != 3 {
		return nil, AmbiguousRequest, errGetBody
	}
	return q.readNothing, "", nil
}

// readNothing looks whether there is a body, and takes it away if there is none.
func (q *GraphQL) readNothing(r *http.Request) {
	var first [1]byte
	if _, err := io.ReadFull(r.Body, first[:]); errors.Is(err, io.EOF) {
		r.Body, r.ContentLength = http.NoBody, 0
		return
	}
	r.Body = &graphQLBody{by: q, closing: closing{from: r.Body}, err: errGetBody, unread: errGetBody}
}

// describePage is for a GET without a document: a page such as GraphiQL, or the
// stream of events to subscriptions that are made by other requests.
func (q *GraphQL) describePage(r *http.Request, does *Matches, catalog *permission.Catalog) {
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(strings.ToLower(accept), "text/event-stream") {
			does.First = catalog.FindField(permission.Subscription, "*")
		}
	}
}

// lookUp turns root fields into operations. __typename reads nothing but the
// name of a type, so it counts only where it is all that a mutation or a
// subscription has.
func (q *GraphQL) lookUp(does *Matches, fields []graphql.Field, catalog *permission.Catalog) (Reason, error) {
	does.First, does.Rest = permission.Match{}, nil
	others := map[graphql.Kind]bool{graphql.Query: true}
	for _, f := range fields {
		if f.Name != typename {
			others[f.Kind] = true
		}
	}
	for _, f := range fields {
		switch {
		case len(f.Name) > maxFieldName:
			return AmbiguousRequest, errLongName
		case q.Introspection == IntrospectionDeny && strings.HasPrefix(f.Name, "__") && f.Name != typename:
			does.First = catalog.FindField(string(f.Kind), f.Name)
			return RefusedIntrospection, nil
		case q.isFree(f, others):
			continue
		}
		m := catalog.FindField(string(f.Kind), f.Name)
		if does.First.Method == "" {
			does.First = m
		} else {
			does.Rest = append(does.Rest, m)
		}
	}
	if does.First.Method == "" {
		does.First, does.Free = catalog.FindField(permission.Query, typename), true
	}
	return "", nil
}

// isFree reports whether every good token may have a field: __typename beside
// others of its kind or in queries, and the schema if introspection is allowed.
func (q *GraphQL) isFree(f graphql.Field, others map[graphql.Kind]bool) bool {
	if f.Name == typename {
		return others[f.Kind]
	}
	return q.Introspection == IntrospectionAllow && f.Kind == graphql.Query && (f.Name == "__schema" || f.Name == "__type")
}

const typename = "__typename"

func reasonOf(err error) Reason {
	if errors.Is(err, errLarge) {
		return TooLarge
	}
	if code, _ := GraphQLCode(err); code == graphql.NotFound {
		return UnknownDocument
	}
	return AmbiguousRequest
}

// graphQLBody is a body that was read, from its beginning. One that could not be
// read fails whoever reads it: an empty one would be another request.
type graphQLBody struct {
	closing
	text    bytes.Reader
	by      *GraphQL // other gates read it anew
	request graphql.Request
	err     error
	unread  error // why it could not be read to its end
}

func (b *graphQLBody) Read(p []byte) (int, error) {
	if err := cmp.Or(b.unread, b.ended()); err != nil {
		return 0, err
	}
	return b.text.Read(p)
}

// readBody reads the body and puts one in its place that gives the same bytes.
func (q *GraphQL) readBody(r *http.Request) {
	body := &graphQLBody{by: q, closing: closing{from: r.Body}}
	text, err := readWhole(r, q.MaxBody)
	if errors.Is(err, errBrokenOff) {
		err = badRequest(err.Error())
	}
	r.Body = body
	if body.unread = err; err == nil {
		body.text.Reset(text)
		knowLength(r, len(text))
		body.request, err = q.read(r.Header, text)
	}
	body.err = err
}

// readWhole reads a body of at most so many bytes.
func readWhole(r *http.Request, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return nil, errLarge
	}
	// Memory is for what came, not for what is announced.
	room := int64(firstRead)
	if r.ContentLength >= 0 {
		room = min(room, r.ContentLength+1) // the one byte more finds the end
	}
	text, err := readUpTo(r.Body, make([]byte, 0, room), most+1)
	_, cut := errors.AsType[*http.MaxBytesError](err)
	switch {
	case cut, int64(len(text)) > most:
		return nil, errLarge
	case err != nil, r.ContentLength > 0 && int64(len(text)) != r.ContentLength:
		return nil, errBrokenOff
	}
	return text, nil
}

// knowLength says how long a body is that was read as a whole, instead of sending it on
// in chunks: there are servers to which these are no body, and values in it would have
// been there for the gate alone.
func knowLength(r *http.Request, length int) {
	r.ContentLength, r.TransferEncoding = int64(length), nil
	r.Header["Content-Length"] = []string{strconv.Itoa(length)}
}

// readUpTo appends to text what there is to read, but no more than limit bytes.
func readUpTo(from io.Reader, text []byte, limit int64) ([]byte, error) {
	for int64(len(text)) < limit {
		if len(text) == cap(text) {
			text = slices.Grow(text, bytes.MinRead)
		}
		n, err := from.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if errors.Is(err, io.EOF) {
			return text, nil
		}
		if err != nil {
			return text, err
		}
	}
	return text, nil
}

// firstRead is how much memory a body gets before any of it is there, in bytes.
const firstRead = 16 << 10

// read reads the document of a body by its type, which must be one that no
// server takes for another.
func (q *GraphQL) read(h http.Header, body []byte) (request graphql.Request, err error) {
	if body, err = q.decompress(h["Content-Encoding"], body); err != nil {
		return request, err
	}
	if len(h["Content-Type"]) != 1 {
		return request, errContentType
	}
	if h["Content-Type"][0] == "application/json" { // as most clients write it
		return q.Reader.ReadJSON(body)
	}
	kind, params, err := mime.ParseMediaType(h["Content-Type"][0])
	if err != nil {
		return request, errContentType
	}
	if q.Uploads && kind == "multipart/form-data" {
		return q.Reader.ReadMultipart(h["Content-Type"][0], body)
	}
	charset, named := params["charset"]
	if named && !strings.EqualFold(charset, "utf-8") || len(params) > 1 || len(params) == 1 && !named {
		return request, errContentType
	}
	switch {
	case kind == "application/json":
		return q.Reader.ReadJSON(body)
	case q.Documents && kind == "application/graphql":
		return q.Reader.ReadDocument(body)
	}
	return request, errContentType
}

func (q *GraphQL) decompress(encodings []string, body []byte) ([]byte, error) {
	switch {
	case len(encodings) == 0 || len(encodings) == 1 && (encodings[0] == "" || strings.EqualFold(encodings[0], "identity")):
		return body, nil
	case len(encodings) > 1 || !q.Gzip || !strings.EqualFold(encodings[0], "gzip"):
		return nil, errContentType
	}
	compressed := bytes.NewReader(body)
	unzip, err := gzip.NewReader(compressed)
	if err != nil {
		return nil, errContentType
	}
	unzip.Multistream(false) // servers differ in what they make of a second one
	text, err := io.ReadAll(io.LimitReader(unzip, q.MaxBody+1))
	switch {
	case int64(len(text)) > q.MaxBody:
		return nil, errLarge
	case err != nil || compressed.Len() > 0:
		return nil, errContentType
	}
	return text, nil
}

// BatchOf returns how many requests the body of a GraphQL request holds in an
// array, as its answer must have as many; 0 if it is no array or was not read.
func BatchOf(r *http.Request) int {
	if body, ok := r.Body.(*graphQLBody); ok {
		return body.request.Batch
	}
	return 0
}

// GraphQLCode returns the code of an error of reading a GraphQL request.
func GraphQLCode(err error) (graphql.Code, bool) {
	if problem, ok := errors.AsType[*graphql.Error](err); ok {
		return problem.Code, true
	}
	return "", false
}
