package permission

import (
	"fmt"
	"slices"
	"strings"
)

// WebSocket is the method under which a WebSocket handshake counts. It is an
// operation of its own, since nothing that crosses the socket is seen again.
const WebSocket = "WEBSOCKET"

// methods are those of the IANA registry that name one request-response
// exchange, plus WebSocket. TRACE and CONNECT are never forwarded.
var methods = []string{
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", WebSocket,
	"QUERY", "SEARCH", "REPORT", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
	"LINK", "UNLINK", "BIND", "UNBIND", "REBIND", "ACL", "CHECKIN", "CHECKOUT", "UNCHECKOUT", "LABEL",
	"MERGE", "UPDATE", "MKACTIVITY", "MKCALENDAR", "MKWORKSPACE", "BASELINE-CONTROL", "VERSION-CONTROL",
	"ORDERPATCH", "PURGE",
}

// Operation is one thing a request can do: an HTTP method on the paths of a
// pattern, or a GraphQL operation by one root field or all of its kind.
type Operation struct {
	Method     string // or the kind of the GraphQL operation
	Pattern    Pattern
	Parameters []Parameter // what it takes beside the path
}

// ParseOperation parses "GET /api/articles/{id}", "GET /record.json?app={app}",
// "POST /record.json json:app={app}", "query articles" and "mutation *".
func ParseOperation(s string) (Operation, error) {
	method, pattern, ok := strings.Cut(s, " ")
	if !ok {
		return Operation{}, fmt.Errorf("%q is not an operation; write a method and a path, such as GET /api/articles/{id}", s)
	}
	switch {
	case IsKind(method):
		return parseField(method, pattern)
	case method == "TRACE" || method == "CONNECT":
		return Operation{}, fmt.Errorf("%s is never forwarded, so nothing can allow it", method)
	case IsKind(strings.ToLower(method)) && method != "QUERY":
		return Operation{}, fmt.Errorf("%q is not a method; write %s for GraphQL", method, strings.ToLower(method))
	case !slices.Contains(methods, method):
		if upper := strings.ToUpper(method); slices.Contains(methods, upper) {
			return Operation{}, fmt.Errorf("%q is not a method; methods are upper case, write %s", method, upper)
		}
		return Operation{}, fmt.Errorf("%q is not a method", method)
	}
	return parseRequest(method, pattern)
}

// parseRequest parses what stands behind a method of HTTP.
func parseRequest(method, text string) (Operation, error) {
	words := strings.Split(text, " ")
	path, query, hasQuery := strings.Cut(words[0], "?")
	p, err := ParsePattern(path)
	if err != nil {
		return Operation{}, err
	}
	op := Operation{Method: method, Pattern: p}
	if op.Parameters, err = parseParameters(method, query, hasQuery, words[1:]); err != nil {
		return Operation{}, err
	}
	return op, op.checkCaptures()
}

// String returns the operation as ParseOperation reads it.
func (o Operation) String() string {
	text, joint := o.Method+" "+o.Pattern.String(), "?"
	for _, p := range o.Parameters {
		if p.Place == InJSON {
			joint = " json:"
		}
		text += joint + p.Name + "={" + p.Capture + "}"
		joint = "&"
	}
	return text
}

// MarshalText writes the operation as ParseOperation reads it.
func (o Operation) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the operation with ParseOperation.
func (o *Operation) UnmarshalText(text []byte) error {
	parsed, err := ParseOperation(string(text))
	if err == nil {
		*o = parsed
	}
	return err
}

// Safe reports whether a method only reads, by RFC 9110, section 9.2.1. TRACE is
// missing since it is never forwarded, QUERY since old backends don't know it.
// Of GraphQL, queries do (October 2021, section 2.3).
func Safe(method string) bool {
	return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == Query
}
