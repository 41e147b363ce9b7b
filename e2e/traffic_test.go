package e2e

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// exchange is what a client sends over a connection of its own. SECRET stands
// for a secret, SUFFIX for what is behind its prefix, HOST for the gateway.
type exchange struct {
	what string
	raw  string
	ends bool // the client goes away at once, without reading an answer
}

func get(target string, lines ...string) string { return request("GET", target, "", lines...) }

func request(method, target, body string, lines ...string) string {
	head := method + " " + target + " HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n"
	for _, line := range lines {
		head += line + "\r\n"
	}
	return head + "\r\n" + body
}

// traffic is good and bad requests with a secret in every place that is a
// source, in what may be taken for one, and in what clients and browsers add.
var traffic = []exchange{
	{what: "bearer", raw: get("/api/articles", "Authorization: Bearer SECRET")},
	{what: "scheme in another case", raw: get("/api/articles", "authorization: bEARER SECRET")},
	{what: "malformed bearer", raw: get("/api/articles", "Authorization: Bearer:SECRET")},
	{what: "another scheme", raw: get("/api/articles", "Authorization: Basic SECRET")},
	{what: "two bearers", raw: get("/api/articles", "Authorization: Bearer SECRET", "Authorization: Bearer SECRET")},
	{what: "for a proxy", raw: get("/api/articles", "Proxy-Authorization: Bearer SECRET")},
	{what: "header", raw: get("/api/articles", "X-API-Key: SECRET")},
	{what: "header in another case", raw: get("/api/articles", "x-api-KEY: SECRET")},
	{what: "two headers", raw: get("/api/articles", "X-API-Key: SECRET", "X-API-Key: other")},
	{what: "list in a header", raw: get("/api/articles", "X-API-Key: SECRET, SECRET")},
	{what: "header and a bearer", raw: get("/api/articles", "X-API-Key: SECRET", "Authorization: Bearer SECRET")},
	{what: "cookie", raw: get("/api/articles", "Cookie: api_token=SECRET")},
	{what: "query", raw: get("/api/articles?api_token=SECRET")},
	{what: "query with more", raw: get("/api/articles?a=1&api_token=SECRET&b=2")},
	{what: "query twice", raw: get("/api/articles?api_token=SECRET&api_token=SECRET")},
	{what: "query, encoded name", raw: get("/api/articles?%61pi%5ftoken=SECRET")},
	{what: "query, encoded secret", raw: get("/api/articles?api_token=%74%72v_SUFFIX")},
	{what: "query, aliases", raw: get("/api/articles?API_TOKEN=SECRET&api.token=SECRET&api_token[]=SECRET&+api_token=SECRET")},
	{what: "query, semicolons", raw: get("/api/articles?a=1;api_token=SECRET;b=2")},
	{what: "query, another name", raw: get("/api/articles?token=SECRET")},
	{what: "query, no name", raw: get("/api/articles?SECRET")},
	{what: "query, bad encoding", raw: get("/api/articles?a=%zz&api_token=SECRET")},
	{what: "query behind a fragment", raw: get("/api/articles#?api_token=SECRET")},
	{what: "fragment behind a query", raw: get("/api/articles?a=1#api_token=SECRET")},
	{what: "query, 10,001 parameters", raw: get("/api/articles?" + strings.Repeat("a&", 10_001) + "api_token=SECRET")},
	{what: "query and header", raw: get("/api/articles?api_token=SECRET", "X-API-Key: SECRET")},
	{what: "absolute form", raw: get("http://HOST/api/articles?api_token=SECRET")},
	{what: "rootless", raw: get("http:api/articles?api_token=SECRET")},
	{what: "refused path", raw: get("/api//articles?api_token=SECRET", "X-API-Key: SECRET")},
	{what: "encoded slash", raw: get("/api/articles/..%2f..%2fadmin?api_token=SECRET", "X-API-Key: SECRET")},
	{what: "referer", raw: get("/api/articles", "Referer: http://HOST/api/articles?api_token=SECRET")},
	{what: "referer and header", raw: get("/api/articles", "X-API-Key: SECRET", "Referer: http://HOST/?api_token=SECRET")},
	{what: "websocket", raw: websocket("/api/socket?api_token=SECRET")},
	{what: "websocket with a header", raw: websocket("/api/socket", "X-API-Key: SECRET")},
	{what: "websocket, bad handshake", raw: get("/api/socket?api_token=SECRET", "Upgrade: websocket, h2c")},
	{what: "h2c upgrade", raw: get("/api/articles?api_token=SECRET", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")},
	{what: "preflight", raw: request("OPTIONS", "/api/articles?api_token=SECRET", "", "Origin: http://a", "Access-Control-Request-Method: GET", "X-API-Key: SECRET")},
	{what: "write", raw: request("POST", "/api/articles?api_token=SECRET", "SECRET", "Content-Length: 20")},
	{what: "chunked with a trailer", raw: request("POST", "/api/articles", "3\r\nabc\r\n0\r\nX-API-Key: SECRET\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: X-API-Key", "X-API-Key: SECRET")},
	{what: "trace", raw: request("TRACE", "/api/articles?api_token=SECRET", "", "X-API-Key: SECRET")},
	{what: "connect", raw: request("CONNECT", "/api/articles?api_token=SECRET", "", "X-API-Key: SECRET")},
	{what: "no protocol", raw: "GET /api/articles?api_token=SECRET\r\n\r\n"},
	{what: "protocol of the future", raw: "GET /api/articles?api_token=SECRET HTTP/9.9\r\n\r\n"},
	{what: "old protocol", raw: "GET /api/articles?api_token=SECRET HTTP/1.0\r\nX-API-Key: SECRET\r\n\r\n"},
	{what: "bad target", raw: get("/api/%zz?api_token=SECRET")},
	{what: "bad header", raw: get("/api/articles", "X-API-Key SECRET")},
	{what: "control byte", raw: get("/api/articles", "X-API-Key: SECRET\x01")},
	{what: "huge header", raw: get("/api/articles", "X-API-Key: SECRET"+strings.Repeat("a", 2<<20))},
	{what: "huge credential", raw: get("/api/articles", "X-API-Key: SECRET"+strings.Repeat("a", 4<<10))},
	{what: "pipelining", raw: strings.ReplaceAll(get("/api/articles", "X-API-Key: SECRET")+get("/api/articles?api_token=SECRET")+
		get("/api/articles/1", "Authorization: Bearer SECRET"), "Connection: close\r\n", "") + get("/api/articles")},
	{what: "a second request in a body", raw: request("POST", "/api/articles", get("/api/articles?api_token=SECRET"), "Content-Length: 10", "X-API-Key: SECRET")},
	{what: "answer that breaks off", raw: get("/api/articles/broken?api_token=SECRET")},
	{what: "answer that breaks off, header", raw: get("/api/articles/broken", "X-API-Key: SECRET")},
	{what: "client that goes away", raw: request("POST", "/api/articles?api_token=SECRET", "abc", "Content-Length: 1000"), ends: true},
	{what: "client that goes away, header", raw: request("POST", "/api/articles", "abc", "Content-Length: 1000", "X-API-Key: SECRET"), ends: true},
}

// inPath are requests with a minted secret in the path. Nothing but its prefix
// tells it from other paths.
var inPath = []exchange{
	{what: "path", raw: get("/api/articles/SECRET", "Authorization: Bearer SECRET")},
	{what: "unknown path", raw: get("/SECRET?api_token=SECRET")},
}

func websocket(target string, lines ...string) string {
	lines = append(lines, "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
	return strings.Replace(get(target, lines...), "Connection: close", "Connection: Upgrade, close", 1)
}

// send sends the bytes to an address and reads until the other side ends.
func (e exchange) send(t *testing.T, address, secret string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	raw := strings.NewReplacer("HOST", address, "SECRET", secret, "SUFFIX", strings.TrimPrefix(secret, "trv_")).Replace(e.raw)
	_, err = io.WriteString(conn, raw)
	if e.ends || err != nil { // the gateway may refuse before it has read all
		return
	}
	_, err = io.Copy(io.Discard, conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: no end of the answer within %v", e.what, patience)
	}
}

// startBackend starts a backend for all that the traffic asks for, and returns
// its address.
func startBackend(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the client may be gone
		w.Header().Set("Set-Cookie", "session=1")
		_, _ = io.WriteString(w, "backend")
	})
	mux.HandleFunc("/api/articles/broken", func(w http.ResponseWriter, _ *http.Request) {
		answerRaw(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
	})
	mux.HandleFunc("/api/socket", func(w http.ResponseWriter, _ *http.Request) {
		answerRaw(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

// answerRaw answers with these bytes and closes the connection.
func answerRaw(w http.ResponseWriter, answer string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, answer) // what comes of it is for the gateway to say
	conn.Close()
}
