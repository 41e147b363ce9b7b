package gate

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

var (
	errMethodName  = errors.New("WEBSOCKET, query, mutation and subscription are no methods of HTTP; open a WebSocket with GET and an Upgrade header")
	errMethodToken = errors.New("the method has a character that no method has")
	errQueryEnd    = errors.New("the query has a blank, a control character or a #, which would end it for some servers")
	errHandshake   = errors.New("the WebSocket handshake is not one: it needs GET, one Upgrade header of websocket alone, and Connection: Upgrade")
)

// Matches is what a request does: one operation in almost every case, more if
// servers read it in several ways. Whoever makes it must be allowed all of them.
type Matches struct {
	First permission.Match
	Rest  []permission.Match
	// Override says that the request asks for another method than its own and no
	// route opens that: then only who may do everything may make it.
	Override bool
	// AsGet says that it is a POST that the backend takes for a GET.
	AsGet bool
	// Free says that it needs no permission: every good token may do it.
	Free bool
	// Bulk is how many requests it holds, if it is a bulk request.
	Bulk int
}

func (m *Matches) all(yield func(permission.Match) bool) {
	if !yield(m.First) {
		return
	}
	for _, other := range m.Rest {
		if !yield(other) {
			return
		}
	}
}

// Describe says what a request does: its method and path in their one normal
// form, looked up in the catalog. It returns a reason to refuse a request that
// is never forwarded, or that has more readings than the openings let in.
func Describe(r *http.Request, catalog *permission.Catalog, openings permission.Openings) (Matches, Reason, error) {
	method := r.Method
	does := Matches{First: permission.Match{Method: method}}
	switch {
	case !isHTTPToken(method): // Go's HTTP/2 server takes "TRACE " for a method
		return does, AmbiguousRequest, errMethodToken
	case method == http.MethodConnect && isExtendedConnect(r):
		if r.Header["Content-Length"] != nil { // of a body that the proxy does not send
			return does, AmbiguousRequest, errHandshake
		}
		method = permission.WebSocket
	case neverForwarded(method):
		return does, RefusedMethod, nil
	case strings.EqualFold(method, permission.WebSocket), permission.IsKind(method):
		return does, RefusedMethod, errMethodName
	}
	if r.Header["Upgrade"] != nil && asksForWebSocket(r.Header["Upgrade"]) {
		if !isHandshake(r) {
			return does, AmbiguousRequest, errHandshake
		}
		method = permission.WebSocket
	}
	if strings.ContainsFunc(r.URL.RawQuery, endsQuery) {
		return does, AmbiguousRequest, errQueryEnd
	}
	path, err := permission.CheckURL(r.URL)
	if err == nil {
		does.First = catalog.Find(method, path)
		return overridden(does, r, catalog, openings)
	}
	readings, err := openings.Readings(r.URL)
	if err != nil {
		return does, AmbiguousRequest, err
	}
	does.First = catalog.Find(method, readings[0])
	for _, path := range readings[1:] {
		does.Rest = append(does.Rest, catalog.Find(method, path))
	}
	return overridden(does, r, catalog, openings)
}

// endsQuery reports whether some server takes a query for ended at a character.
func endsQuery(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }

// neverForwarded finds TRACE and CONNECT in any case of letters: there are
// servers that don't tell them apart.
func neverForwarded(method string) bool {
	return strings.EqualFold(method, http.MethodTrace) || strings.EqualFold(method, http.MethodConnect)
}

// isExtendedConnect recognises a WebSocket over HTTP/2 (RFC 8441) and HTTP/3
// (RFC 9220), as Caddy's servers and its reverse_proxy represent it.
func isExtendedConnect(r *http.Request) bool {
	switch r.ProtoMajor {
	case 2:
		return len(r.Header[":protocol"]) == 1 && r.Header[":protocol"][0] == "websocket"
	case 3:
		return r.Proto == "websocket"
	}
	return false
}

// asksForWebSocket reports whether any server could take the values of an
// Upgrade header for a wish for a WebSocket.
func asksForWebSocket(upgrade []string) bool {
	for _, value := range upgrade {
		if strings.Contains(strings.ToLower(value), "websocket") {
			return true
		}
	}
	return false
}

// isHandshake reports whether a request that asks for a WebSocket leads to one
// and to nothing else (RFC 6455, section 4.1): it is decided on as a WebSocket,
// so no proxy on the way may make a plain request of it. A backend that has no
// WebSocket there answers as to a GET.
func isHandshake(r *http.Request) bool {
	upgrade := r.Header["Upgrade"]
	if r.Method != http.MethodGet || r.ProtoMajor != 1 || len(upgrade) != 1 || !strings.EqualFold(upgrade[0], "websocket") {
		return false
	}
	for option := range strings.SplitSeq(strings.Join(r.Header["Connection"], ","), ",") {
		if strings.EqualFold(strings.TrimSpace(option), "upgrade") {
			return true
		}
	}
	return false
}
