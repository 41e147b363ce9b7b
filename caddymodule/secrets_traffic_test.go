package caddymodule

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// secretTraffic are good and bad requests with a secret in every source of
// secretsConfig, in what a server could take for one, and in what clients add.
// SECRET stands for a secret, QUERY for it as in a query, ENCODED for it with
// every byte percent-encoded. An imported secret can be known in these places only.
var secretTraffic = []string{
	get("/api/articles", "X-API-Key: SECRET"),
	get("/api/articles", "x-api-KEY: SECRET"),
	get("/api/articles", "X_API_Key: SECRET"),
	get("/api/articles", "X.API.Key: SECRET"),
	get("/api/articles", "X-API-Key: SECRET", "X-API-Key: other"),
	get("/api/articles", "X-Cybozu-API-Token: SECRET, SECRET,,"),
	get("/api/articles", "X-Cybozu-API-Token: SECRET", "X-Cybozu-API-Token: SECRET"),
	get("/api/articles", "X-Cybozu-API-Token: "+strings.Repeat("SECRET,", 20)),
	get("/api/articles", "Authorization: Bearer SECRET"),
	get("/api/articles", "Authorization: bEARER   SECRET"),
	get("/api/articles", "Authorization: Bearer:SECRET"),
	get("/api/articles", "Authorization: apiToken SECRET", "Authorization: Bearer SECRET"),
	get("/api/articles", "Proxy-Authorization: Bearer SECRET"),
	get("/api/articles", "Authorization: Bearer SECRET", "X-API-Key: SECRET"),
	get("/api/articles?api_token=QUERY"),
	get("/api/articles?a=1&api_token=QUERY&b=2"),
	get("/api/articles?api_token=QUERY&api_token=QUERY"),
	get("/api/articles?%61pi%5ftoken=QUERY"),
	get("/api/articles?api_token=ENCODED"),
	get("/api/articles?API_TOKEN=QUERY&api.token=QUERY&api_token[]=QUERY&+api_token=QUERY&api[token=QUERY"),
	get("/api/articles?a=1;api_token=QUERY;b=2"),
	get("/api/articles?a=%zz&api_token=QUERY"),
	get("/api/articles?" + strings.Repeat("a&", 10_001) + "api_token=QUERY"),
	get("/api/articles?api_token=QUERY", "X-API-Key: SECRET"),
	get("http://gw.test/api/articles?api_token=QUERY"),
	get("http:api/articles?api_token=QUERY"),
	get("/api//articles?api_token=QUERY", "X-API-Key: SECRET"),
	get("/api/articles/..%2f..%2fadmin?api_token=QUERY"),
	get("/api/%zz?api_token=QUERY"),
	get("/api/articles", "Referer: http://gw.test/a?api_token=QUERY"),
	get("/api/articles", "Referer: http://gw.test/a?next=%2Fb%3Fapi_token%3DQUERY", "X-API-Key: SECRET"),
	get("/api/articles", "Cookie: a=1; api_token=QUERY"),
	get("/api/articles?api_token=QUERY", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
	websocket("/api/socket?api_token=QUERY"),
	websocket("/api/socket", "X-API-Key: SECRET"),
	send("OPTIONS", "/api/articles?api_token=QUERY", "", "Origin: http://a", "Access-Control-Request-Method: GET", "X-API-Key: SECRET"),
	send("DELETE", "/api/articles/1?api_token=QUERY", ""),
	send("POST", "/api/articles?api_token=QUERY", "SECRET", "Content-Length: 20"),
	send("POST", "/api/articles", "3\r\nabc\r\n0\r\nX-API-Key: SECRET\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: X-API-Key", "X-API-Key: SECRET"),
	send("POST", "/api/articles", "api_token=QUERY", "Content-Length: 15", "Content-Type: application/x-www-form-urlencoded", "X-API-Key: SECRET"),
	send("TRACE", "/api/articles?api_token=QUERY", "", "X-API-Key: SECRET"),
	send("CONNECT", "/api/articles?api_token=QUERY", "", "X-API-Key: SECRET"),
	"GET /api/articles?api_token=QUERY HTTP/9.9\r\n\r\n",
	"GET /api/articles?api_token=QUERY HTTP/1.0\r\nX-API-Key: SECRET\r\n\r\n",
	get("/api/articles", "X-API-Key SECRET"),
	get("/api/articles", "X-API-Key: SECRET\x01"),
	get("/api/articles", "X-API-Key: SECRET"+strings.Repeat("a", 4<<10)),
	get("/api/articles", "X-API-Key: SECRET"+strings.Repeat("a", 2<<20)),
	get("/api/down?api_token=QUERY"),
	get("/api/down", "X-API-Key: SECRET"),
	get("/api/closed?api_token=QUERY"),
	get("/api/broken?api_token=QUERY"),
	get("/api/broken", "Authorization: Bearer SECRET"),
	get("/panic/before?api_token=QUERY", "X-API-Key: SECRET", "X-Cybozu-API-Token: SECRET", "Authorization: Bearer SECRET"),
	get("/panic/behind?api_token=QUERY"),
	get("/panic/behind", "X-API-Key: SECRET"),
	get("/moved?api_token=QUERY"),
	get("/errors?api_token=QUERY", "X-Cybozu-API-Token: SECRET"),
	get("/errors/down?api_token=QUERY"),
	get("/errors/down", "X-API-Key: SECRET"),
}

// mintedTraffic has a secret where there is no source. Nothing but its prefix
// tells it from other texts.
var mintedTraffic = []string{
	get("/api/articles/SECRET", "Authorization: Bearer SECRET"),
	get("/api/articles/ENCODED", "Authorization: Bearer SECRET"),
	get("/SECRET?api_token=SECRET"),
	get("/api/articles?token=SECRET&SECRET"),
	get("/api/articles?token=ENCODED"),
	get("/api/articles#SECRET"),
	get("/lent?lent=SECRET"),
	get("/api/articles", "Cookie: session=SECRET"),
	get("/api/articles", "Referer: http://gw.test/SECRET"),
	get("/api/articles", "X-Other: SECRET", "SECRET: x", "User-Agent: SECRET"),
	get("/api/articles", "X-Other: ENCODED", "X-Forwarded-For: SECRET"),
	get("/api/articles", "Authorization: Basic SECRET"),
	get("/api/articles", "Authorization: SECRET"),
	get("/api/articles", "X-Request-Id: HALF", "X-API-Key: HALF"),
	send("SECRET", "/api/articles", ""),
	"GET /api/articles HTTP/1.1\r\nHost: SECRET\r\nX-API-Key: SECRET\r\nConnection: close\r\n\r\n",
	send("POST", "/api/articles", `{"token":"SECRET"}`, "Content-Length: 54", "Content-Type: application/json"),
	get("/panic/before/SECRET", "X-Other: SECRET"),
	get("/errors/down", "Authorization: Bearer SECRET", "Referer: http://gw.test/?api_token=SECRET"),
}

func get(target string, lines ...string) string { return send("GET", target, "", lines...) }

func send(method, target, body string, lines ...string) string {
	lines = append(lines, "Host: gw.test", "Connection: close")
	return method + " " + target + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

func websocket(target string, lines ...string) string {
	lines = append(lines, "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
	return strings.Replace(get(target, lines...), "Connection: close", "Connection: Upgrade", 1)
}

// fillIn writes a secret into a request.
func fillIn(request, secret string) string {
	var encoded strings.Builder
	for i := range len(secret) {
		fmt.Fprintf(&encoded, "%%%02x", secret[i])
	}
	return strings.NewReplacer("SECRET", secret, "QUERY", url.QueryEscape(secret), "ENCODED", encoded.String(), "HALF", secret[:22]).Replace(request)
}

// sendSecrets sends all of the traffic with the secrets of these kinds, and
// searches the answers of the gateway.
func (s *secretsRun) sendSecrets(kinds ...string) {
	var requests []string
	for _, kind := range kinds {
		tok := s.tokens[kind]
		for _, request := range secretTraffic {
			requests = append(requests, fillIn(request, tok.secret))
		}
		for _, request := range mintedTraffic {
			if strings.HasPrefix(tok.secret, "trv_") {
				requests = append(requests, fillIn(request, tok.secret))
			}
		}
	}
	s.sendAll(requests)
}

// sendRows sends the hostile requests.
func (s *secretsRun) sendRows() {
	var requests []string
	for _, file := range []string{"testdata/hostile-requests.jsonl", "testdata/more-hostile-requests.jsonl"} {
		rows := readRows(s.t, file)
		for i := range rows {
			if err := rows[i].prepare(s.tokens); err != nil {
				s.t.Fatal(err)
			}
			requests = append(requests, rows[i].bytes)
		}
	}
	s.sendAll(requests)
}

func (s *secretsRun) sendAll(requests []string) {
	s.t.Helper()
	var wg sync.WaitGroup
	next := make(chan string)
	for range 8 {
		wg.Go(func() {
			for request := range next {
				// An error is no matter: some never end, some are broken, and reloads break connections.
				answers, _ := converse(s.addr, request, noAnswer)
				for _, a := range answers {
					if a.header.Get("X-Backend") != "" {
						continue // what backends say is their own affair
					}
					for _, what := range searchSecrets(fmt.Sprint(a.status, a.header, a.body), s.parts) {
						s.t.Errorf("an answer has %s\nto %.300q", what, request)
					}
				}
			}
		})
	}
	for _, request := range requests {
		next <- request
	}
	close(next)
	wg.Wait()
}

// startRaw starts a backend that answers every request with these bytes and
// then breaks off.
func startRaw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096)) // part of a request will do
			_, _ = io.WriteString(c, answer)
			c.Close()
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}
