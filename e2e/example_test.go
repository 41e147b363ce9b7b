package e2e

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/token"
)

// example is a gateway with Caddyfile.example, and traffic with secrets of all
// kinds behind and before it.
type example struct {
	*gateway
	wire *wire
}

func newExample(t *testing.T, level string, changes ...string) *example {
	t.Helper()
	w := tap(t, startBackend(t))
	x := &example{newGateway(t, readyBinary(t), w.addr(), changes...), w}
	x.env = append(x.env, "LOG_LEVEL="+level)
	return x
}

// makeTokens makes tokens with secrets of all kinds.
func (x *example) makeTokens() {
	x.t.Helper()
	x.create("full", "--type", "full-access")
	x.create("reader")
	x.create("disabled")
	x.command("disable", "disabled")
	secret, err := token.Mint(rand.Reader)
	if err != nil {
		x.t.Fatal(err)
	}
	x.secrets["unknown"] = secret.Reveal()
	x.secrets["imported"] = "legacy-" + rand.Text()
	file := filepath.Join(x.t.TempDir(), "secret") // not in the folder that is searched
	if err := os.WriteFile(file, []byte(x.secrets["imported"]), 0o600); err != nil {
		x.t.Fatal(err)
	}
	x.command("import", "--api", "articles", "--name", "imported", "--type", "full-access", "--secret-file", file)
}

// sendAll sends all of the traffic with every secret.
func (x *example) sendAll() {
	x.t.Helper()
	for _, secret := range x.secrets {
		for _, e := range traffic {
			e.send(x.t, x.addr, secret)
		}
		if strings.HasPrefix(secret, "trv_") {
			for _, e := range inPath {
				e.send(x.t, x.addr, secret)
			}
		}
	}
}

// finish looks at what shows while the gateway runs, stops it, and returns its output.
func (x *example) finish() string {
	x.t.Helper()
	x.hasNoSecret("the metrics", send(x.t, "GET", "http://"+x.admin+"/metrics").body)
	config := send(x.t, "GET", "http://"+x.admin+"/config/")
	if config.status != 200 || !strings.Contains(config.body, `"api_tokens"`) {
		x.t.Errorf("the admin endpoint has no configuration: %d %s", config.status, config.body)
	}
	x.hasNoSecret("the configuration", config.body)
	x.filesHaveNoSecret() // the write-ahead log is there as long as it runs
	if code := x.process.stop(interrupt); code != 0 {
		x.t.Errorf("the gateway ended with code %d", code)
	}
	x.filesHaveNoSecret()
	return x.process.out.String()
}

// TestExampleLogsNoCredential runs Caddyfile.example with good and bad traffic,
// with the backend up and down, and looks for every secret in all that the
// gateway puts out.
func TestExampleLogsNoCredential(t *testing.T) {
	for _, c := range []struct {
		name, level string
		changes     []string
	}{
		{"as it is", "INFO", nil},
		{"as it is, debug", "DEBUG", nil},
		{"with the query source, debug", "DEBUG", fromQuery},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newExample(t, c.level, c.changes...)
			x.start()
			x.makeTokens()
			x.sendAll()
			x.wire.close() // now the backend is down
			x.sendAll()
			out := x.finish()
			x.hasNoSecret("the output", out)
			wanted := []string{
				`"logger":"http.log.access`, `"logger":"http.log.error`, `"logger":"http.handlers.api_tokens"`, "connection refused",
				`"uri":"/api/articles"`, `"uri":"/api/articles[cut]"`, `"user_id":"tok_`, `"Cookie":["REDACTED"]`,
				`"reason":"missing_permission"`, `"reason":"unknown_token"`, `"reason":"disabled_token"`,
			}
			if c.level == "DEBUG" {
				wanted = append(wanted, `"logger":"http.handlers.reverse_proxy","msg":"upstream roundtrip"`)
			}
			for _, text := range wanted {
				if !strings.Contains(out, text) {
					t.Errorf("the output has no %s", text)
				}
			}
		})
	}
}

// TestExampleNeedsItsFilters takes the lines of the filter away, one by one: the
// secret then shows, so the test above would see it.
func TestExampleNeedsItsFilters(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Caddyfile.example"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ field, raw, logger string }{
		{"request>headers>X-Api-Key", get("/api/articles", "X-API-Key: SECRET"), "http.log.access"},
		{"request>headers>X-Api-Key", get("/api/articles", "X-API-Key: SECRET"), "http.log.error"},
		{"request>uri", get("/api/articles?api_token=SECRET"), "http.log.access"},
		{"request>uri", get("/api/articles?api_token=SECRET"), "http.log.error"},
		{"request>headers>Referer", get("/api/articles", "Referer: http://HOST/?api_token=SECRET"), "http.log.access"},
	} {
		t.Run(strings.ReplaceAll(c.field, ">", " ")+" in "+c.logger, func(t *testing.T) {
			line := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(c.field) + ` .*\n`).FindString(string(text))
			if line == "" {
				t.Fatalf("Caddyfile.example has no line %s", c.field)
			}
			x := newExample(t, "INFO", append([]string{line, ""}, fromQuery...)...)
			x.start()
			x.create("full", "--type", "full-access")
			x.wire.close()
			exchange{raw: c.raw}.send(t, x.addr, x.secrets["full"])
			out := x.finish()
			if !regexp.MustCompile(`"logger":"` + c.logger + `[^"]*".*` + x.secrets["full"]).MatchString(out) {
				t.Errorf("without the line there is no secret in %s", c.logger)
			}
		})
	}
}

// TestExampleOnHTTPS runs the example on https, with HTTP/2 and the redirect
// from http, whose answer repeats the address of the request.
func TestExampleOnHTTPS(t *testing.T) {
	for name, filtered := range map[string]bool{"as it is": true, "without the filter of Location": false} {
		t.Run(name, func(t *testing.T) {
			plain := freeAddress(t)
			_, plainPort, _ := net.SplitHostPort(plain)
			changes := slices.Concat(fromQuery, []string{"\tgrace_period 10s\n", "\tgrace_period 10s\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n\thttp_port " + plainPort + "\n\thttps_port {$HTTPS_PORT}\n"})
			if !filtered {
				changes = append(changes, "\t\t\tresp_headers>Location", "\t\t\tresp_headers>Nothing")
			}
			x := newExample(t, "DEBUG", changes...)
			_, port, _ := net.SplitHostPort(x.addr)
			x.env = append(x.env, "SITE=localhost", "HTTPS_PORT="+port)
			x.start()
			x.create("full", "--type", "full-access")
			secret := x.secrets["full"]

			redirect := strings.Replace(get("/api/articles?api_token=SECRET", "X-API-Key: SECRET"), "HOST", "localhost", 1)
			exchange{raw: redirect}.send(t, plain, secret)
			secure := &http.Client{Timeout: patience, Transport: &http.Transport{
				TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
				ForceAttemptHTTP2: true,
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, x.addr)
				},
			}}
			defer secure.CloseIdleConnections()
			for _, target := range []string{"/api/articles", "/api/articles?api_token=" + secret, "/api/articles/broken"} {
				r, err := http.NewRequestWithContext(t.Context(), "GET", "https://localhost:"+port+target, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(target, "?") {
					r.Header.Set("x-api-key", secret)
				}
				resp, err := secure.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.ProtoMajor != 2 || resp.StatusCode != 200 {
					t.Errorf("%s: got %s %d; want HTTP/2 and 200", target, resp.Proto, resp.StatusCode)
				}
			}
			secure.CloseIdleConnections()
			out := x.finish()
			if !strings.Contains(out, `"status":308`) {
				t.Error("there was no redirect, or none that was logged")
			}
			if filtered {
				x.hasNoSecret("the output", out)
			} else if !strings.Contains(out, secret) {
				t.Error("without the filter there is no secret; it is not needed")
			}
		})
	}
}
