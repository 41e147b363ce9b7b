package gate

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

var (
	errMethodName = errors.New("WEBSOCKET is not a method; open a WebSocket with GET and an Upgrade header")
	errQueryBlank = errors.New("the query has a blank or a control character, which would end it for some servers")
	errHandshake  = errors.New("the WebSocket handshake is not one: it needs GET, one Upgrade header of websocket alone, and Connection: Upgrade")
)

// Describe says what a request does: its method and path in their one normal
// form, looked up in the catalog. It returns a reason to refuse a request that
// has no single reading, or that is never forwarded.
func Describe(r *http.Request, catalog *permission.Catalog) (permission.Match, Reason, error) {
	method := r.Method
	switch {
	case method == http.MethodConnect && isExtendedConnect(r):
		method = permission.WebSocket
	case strings.EqualFold(method, http.MethodTrace), strings.EqualFold(method, http.MethodConnect):
		// In any case of letters: there are servers that don't tell them apart.
		return permission.Match{Method: method}, RefusedMethod, nil
	case strings.EqualFold(method, permission.WebSocket):
		return permission.Match{Method: method}, RefusedMethod, errMethodName
	}
	if r.Header["Upgrade"] != nil && asksForWebSocket(r.Header["Upgrade"]) {
		if !isHandshake(r) {
			return permission.Match{Method: method}, AmbiguousRequest, errHandshake
		}
		method = permission.WebSocket
	}
	if strings.ContainsFunc(r.URL.RawQuery, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return permission.Match{Method: method}, AmbiguousRequest, errQueryBlank
	}
	path, err := permission.CheckURL(r.URL)
	if err != nil {
		return permission.Match{Method: method}, AmbiguousRequest, err
	}
	return catalog.Find(method, path), "", nil
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
