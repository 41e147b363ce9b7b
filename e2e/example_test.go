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

// sendAll sends all of the traffic with every secret. An imported one can be
// told from other texts only where there is a source.
func (x *example) sendAll(sources *regexp.Regexp) {
	x.t.Helper()
	for _, secret := range x.secrets {
		minted := strings.HasPrefix(secret, "trv_")
		for _, e := range traffic {
			if elsewhere := sources.ReplaceAllString(e.raw, ""); minted || !strings.Contains(elsewhere, "SECRET") && !strings.Contains(elsewhere, "SUFFIX") {
				e.send(x.t, x.addr, secret)
			}
		}
		if minted {
			for _, e := range inPath {
				e.send(x.t, x.addr, secret)
			}
		}
	}
}

// Where an imported secret can be known: in the sources of Caddyfile.example, and
// in what Caddy hides by itself.
var (
	knownPlaces   = regexp.MustCompile(`(?im)^(x-api-key|authorization|proxy-authorization|cookie):.*$`)
	knownAndQuery = regexp.MustCompile(knownPlaces.String() + `|(?i:api.token|%61pi%5ftoken)(\[\])?=(SECRET|%74%72v_SUFFIX)`)
)

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
		sources     *regexp.Regexp
	}{
		{"as it is", "INFO", nil, knownPlaces},
		{"as it is, debug", "DEBUG", nil, knownPlaces},
		{"with the query source, debug", "DEBUG", fromQuery, knownAndQuery},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newExample(t, c.level, c.changes...)
			x.start()
			x.makeTokens()
			x.sendAll(c.sources)
			x.wire.close() // now the backend is down
			x.sendAll(c.sources)
			out := x.finish()
			x.hasNoSecret("the output", out)
			wanted := []string{
				`"logger":"http.log.access`, `"logger":"http.log.error`, `"logger":"http.handlers.api_tokens"`, "connection refused",
				`"uri":"/api/articles"`, `"uri":"/api/articles?token=REDACTED"`, `"user_id":"tok_`, `"Cookie":["REDACTED"]`,
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

// Changes to Caddyfile.example that leave a log in Caddy's own format.
var (
	plainDefault = []string{"level {$LOG_LEVEL:INFO}\n\t\tformat api_tokens", "level {$LOG_LEVEL:INFO}\n\t\tformat json"}
	plainAccess  = []string{"log {\n\t\tformat api_tokens", "log {\n\t\tformat json"}
)

// TestExampleNeedsItsFormat takes the format of the logs away, one by one: the
// secret then shows, so the test above would see it.
func TestExampleNeedsItsFormat(t *testing.T) {
	for _, c := range []struct {
		name, raw, logger string
		plain             []string
	}{
		{"a header in the access log", get("/api/articles", "X-API-Key: SECRET"), "http.log.access", plainAccess},
		{"a header in the error log", get("/api/articles", "X-API-Key: SECRET"), "http.log.error", plainDefault},
		{"the query in the access log", get("/api/articles?api_token=SECRET"), "http.log.access", plainAccess},
		{"the query in the error log", get("/api/articles?api_token=SECRET"), "http.log.error", plainDefault},
		{"a page in the access log", get("/api/articles", "Referer: http://HOST/?api_token=SECRET"), "http.log.access", plainAccess},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newExample(t, "INFO", slices.Concat(c.plain, fromQuery)...)
			x.start()
			x.create("full", "--type", "full-access")
			x.wire.close()
			exchange{raw: c.raw}.send(t, x.addr, x.secrets["full"])
			out := x.finish()
			if !regexp.MustCompile(`"logger":"` + c.logger + `[^"]*".*` + x.secrets["full"]).MatchString(out) {
				t.Errorf("in the plain format there is no secret in %s", c.logger)
			}
		})
	}
}

// TestExampleOnHTTPS runs the example on https, with HTTP/2 and the redirect
// from http, whose answer repeats the address of the request.
func TestExampleOnHTTPS(t *testing.T) {
	for name, filtered := range map[string]bool{"as it is": true, "in the plain format": false} {
		t.Run(name, func(t *testing.T) {
			plain := freeAddress(t)
			_, plainPort, _ := net.SplitHostPort(plain)
			changes := slices.Concat(fromQuery, []string{"\tgrace_period 10s\n", "\tgrace_period 10s\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n\thttp_port " + plainPort + "\n\thttps_port {$HTTPS_PORT}\n"})
			if !filtered {
				changes = slices.Concat(changes, plainDefault, plainAccess)
			}
			x := newExample(t, "DEBUG", changes...)
			_, port, _ := net.SplitHostPort(x.addr)
			x.env = append(x.env, "SITE=localhost", "HTTPS_PORT="+port)
			x.start()
			eventually(t, "the certificate is there", func() bool {
				c, err := tls.Dial("tcp", x.addr, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
				if err == nil {
					c.Close()
				}
				return err == nil
			})
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
				t.Error("in the plain format there is no secret; the other is not needed")
			}
		})
	}
}
