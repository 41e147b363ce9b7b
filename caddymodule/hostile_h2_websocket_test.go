package caddymodule

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http2"
)

// withXConnect makes Go's server offer the extended CONNECT of RFC 8441. It
// looks at that once, when a program starts.
const withXConnect = "GODEBUG=http2xconnect=1"

// WebSockets over HTTP/2, in a process of its own in which they are on.
func TestHTTP2WebSockets(t *testing.T) {
	if "GODEBUG="+os.Getenv("GODEBUG") == withXConnect {
		t.Run("refused", testRefusedXConnect)
		t.Run("opened", testXConnect)
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestHTTP2WebSockets$", "-test.v")
	cmd.Env = append(os.Environ(), withXConnect)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestHTTP2WebSockets/opened") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// xconnect is an extended CONNECT of a kind of token, as browsers send it.
func xconnect(g *gateway, kind, scheme, path string, further ...[2]string) h2request {
	fields := usual("CONNECT", scheme, "gw.example.test", path)
	fields = append(fields, [2]string{":protocol", "websocket"}, [2]string{"sec-websocket-version", "13"}, [2]string{"origin", "https://app.test"})
	if kind != "" {
		fields = append(fields, [2]string{"x-cybozu-api-token", g.tokens[kind].secret})
	}
	return h2request{fields: append(fields, further...)}
}

// set gives a field of the block another value.
func (r h2request) set(name, value string) h2request {
	r.fields = slices.Clone(r.fields)
	for i := range r.fields {
		if r.fields[i][0] == name {
			r.fields[i][1] = value
		}
	}
	return r
}

// None of these may reach the backend.
func testRefusedXConnect(t *testing.T) {
	g, sites := startH2(t, hostileSite, 1)
	bothH2(t, func(t *testing.T, encrypted bool) {
		s := schemeOf(encrypted)
		open := xconnect(g, "full", s, "/api/stream")
		without := open
		without.fields = slices.DeleteFunc(slices.Clone(open.fields), func(f [2]string) bool { return f[0] == ":path" })
		for _, test := range []struct {
			name    string
			want    []string
			request h2request
		}{
			{"no token", []string{"reject401"}, xconnect(g, "", s, "/api/stream")},
			{"a disabled token", []string{"reject401"}, xconnect(g, "revoked", s, "/api/stream")},
			{"a WebSocket may do more than read", []string{"reject403"}, xconnect(g, "readonly", s, "/api/stream")},
			{"GET is not WEBSOCKET", []string{"reject403"}, xconnect(g, "custom", s, "/api/articles/42")},
			{"two tokens in two places", []string{"reject400"}, xconnect(g, "full", s, "/api/stream", [2]string{"authorization", " Bearer x"})},
			{"a path with two readings", []string{"reject400"}, open.set(":path", "/api/../stream")},
			{"a path with two slashes", []string{"reject400"}, open.set(":path", "//evil.test/api/stream")},
			{"a blank in the query", []string{"reject400"}, open.set(":path", "/api/stream?x HTTP/1.1")},
			{"no path", []string{"reset", "reject400", "reject403"}, without},
			{"an address for a path", []string{"reset", "reject400"}, open.set(":path", "http://evil.test/api/stream")},
			{"another protocol", []string{"reject403"}, open.set(":protocol", "connect-udp")},
			{"the protocol in other letters", []string{"reject403"}, open.set(":protocol", "WebSocket")},
			{"the protocol with a blank", []string{"reject403"}, open.set(":protocol", "websocket ")},
			{"a list of protocols", []string{"reject403"}, open.set(":protocol", "websocket, connect-udp")},
			{"an empty protocol", []string{"reset", "reject403"}, open.set(":protocol", "")},
			{"on a GET", []string{"reset", "reject400", "reject403", "reject502"}, open.set(":method", "GET")},
			{"in lower case", []string{"reject403", "reject400"}, open.set(":method", "connect")},
			{"two protocols", []string{"reset", "goaway"}, xconnect(g, "full", s, "/api/stream", [2]string{":protocol", "connect-udp"})},
			{"with the length of a body", []string{"reject400"}, xconnect(g, "full", s, "/api/stream", [2]string{"content-length", "35"})},
			{"an upgrade besides", []string{"reject400"}, xconnect(g, "full", s, "/api/stream", [2]string{"upgrade", "h2c"})},
		} {
			c := mustDialH2(t, sites[0].addr(encrypted), encrypted)
			test.request.data = []string{"GET /stowaway HTTP/1.1\r\nHost: x\r\n\r\n"}
			id := c.send(test.request)
			if err := c.wait(id); err != nil {
				t.Fatal(err)
			}
			if got, _ := c.outcome(id); !slices.Contains(test.want, got) {
				t.Errorf("%s: %s; want one of %v", test.name, got, test.want)
			}
		}
	})
	checkH2Rest(t, sites, g.tokens, 0)
}

// The backend opens a WebSocket for /open and answers all else as to a GET.
func testXConnect(t *testing.T) {
	g := newH2(t)
	heads := make(chan string, 4)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go serveWebSockets(l, heads)
	site := g.loadH2(hostileSite, l.Addr().String())[0]
	bothH2(t, func(t *testing.T, encrypted bool) {
		c := mustDialH2(t, site.addr(encrypted), encrypted)
		if err := c.readUntil(func() bool { return len(c.server) > 0 }); err != nil || c.server[http2.SettingEnableConnectProtocol] != 1 {
			t.Fatal("the server does not offer it", err, c.server)
		}
		forged := [][2]string{{"x-token-id", "forged"}, {"http2-settings", "forged"}, {"trailer", "x-forged"}}
		id := c.open()
		c.sendHeaders(id, c.encode(xconnect(g, "full", schemeOf(encrypted), "/open?a=1&api%5Ftoken=", forged...).fields), 0, false)
		checkOpening(t, g, <-heads, "GET /open?a=1 HTTP/1.1\r\n")
		c.framer.WriteData(id, false, []byte("abc"))
		if err := c.readUntil(func() bool { return c.answers[id].body == "abc" || c.answers[id].done() }); err != nil || c.answers[id].status != http.StatusOK {
			t.Errorf("the tunnel: %v, %d, %q, %s", err, c.answers[id].status, c.answers[id].body, c.answers[id].reset)
		}
		c.framer.WriteData(id, true, nil)
		if err := c.wait(id); err != nil {
			t.Error(err)
		}
		// Where the backend opens none, what was meant for it must go nowhere.
		plain := xconnect(g, "full", schemeOf(encrypted), "/plain")
		plain.data = []string{"GET /stowaway HTTP/1.1\r\nHost: x\r\n\r\n"}
		id = c.send(plain)
		if err := c.wait(id); err != nil {
			t.Error(err)
		}
		checkOpening(t, g, <-heads, "GET /plain HTTP/1.1\r\n")
		c.mustAnswer(t, "reject401", xconnect(g, "", schemeOf(encrypted), "/open"))
	})
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	select {
	case head := <-heads:
		t.Errorf("the backend got %q", head)
	default:
	}
}

func checkOpening(t *testing.T, g *gateway, head, line string) {
	t.Helper()
	for _, want := range []string{line, "\r\nUpgrade: websocket\r\n", "\r\nConnection: Upgrade\r\n", "\r\nX-Token-Id: " + g.tokens["full"].id + "\r\n"} {
		if !strings.Contains(head, want) {
			t.Errorf("the backend got %q; want %q", head, want)
		}
	}
	if strings.Contains(head, "forged") || strings.Contains(head, "\r\nContent-Length:") || findSecret(head, g.tokens) != "" {
		t.Errorf("the backend got %q", head)
	}
}

// serveWebSockets sends the head of each request to heads, and behind that of a
// WebSocket what it holds back to the client.
func serveWebSockets(l net.Listener, heads chan<- string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := bufio.NewReader(c)
			for {
				var head strings.Builder
				for !strings.HasSuffix(head.String(), "\r\n\r\n") {
					b, err := in.ReadByte()
					if err != nil {
						return
					}
					head.WriteByte(b)
				}
				heads <- head.String()
				if strings.HasPrefix(head.String(), "GET /open") {
					fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nX-Backend: yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
					io.Copy(c, in)
					return
				}
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nX-Backend: yes\r\nContent-Length: 2\r\n\r\nok")
			}
		}()
	}
}
