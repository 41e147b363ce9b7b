package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gateway is a gateway in a process of its own, with Caddyfile.example, and
// with a folder of its own for all that it writes.
type gateway struct {
	t       *testing.T
	binary  string
	dir     string
	config  string
	addr    string // where the API is
	admin   string // Caddy's admin endpoint
	env     []string
	process *process
	secrets map[string]string // by what they are
}

// newGateway prepares a gateway in front of a backend. Without changes it runs
// Caddyfile.example itself; changes are pairs of a text that stands there once
// and of what to put in its place.
func newGateway(t *testing.T, binary, backend string, changes ...string) *gateway {
	t.Helper()
	g := &gateway{
		t: t, binary: binary, dir: t.TempDir(), config: filepath.Join(root, "Caddyfile.example"),
		addr: freeAddress(t), admin: freeAddress(t), secrets: map[string]string{},
	}
	g.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "XDG_DATA_HOME=" + g.dir, "XDG_CONFIG_HOME=" + g.dir,
		"CADDY_ADMIN=" + g.admin, "SITE=http://" + g.addr, "BACKEND=" + backend, "STORE=" + filepath.Join(g.dir, "store", "tokens.db"),
	}
	if len(changes) > 0 {
		text, err := os.ReadFile(g.config)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(changes); i += 2 {
			if n := strings.Count(string(text), changes[i]); n != 1 {
				t.Fatalf("Caddyfile.example has %q %d times; want once", changes[i], n)
			}
			text = []byte(strings.Replace(string(text), changes[i], changes[i+1], 1))
		}
		g.config = filepath.Join(g.dir, "Caddyfile")
		if err := os.WriteFile(g.config, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// Changes to Caddyfile.example.
var (
	fromQuery = []string{"# from query api_token", "from query api_token"}
	// Nothing is forgotten by its age in it, so a token that stops has stopped
	// because the gateway was told of the change.
	flushOften = []string{"flush_interval 10s", "flush_interval 100ms\n\t\tcache_ttl 1h"}
	flushAtEnd = []string{"flush_interval 10s", "flush_interval 1h"}
)

// start starts the gateway, or starts it again.
func (g *gateway) start() {
	g.t.Helper()
	g.process = start(g.t, g.dir, g.env, g.binary, "run", "--config", g.config)
	g.process.answersOn(g.addr)
}

// command runs `api-tokens` in another process, and wants it to succeed.
func (g *gateway) command(args ...string) string {
	g.t.Helper()
	stdout, stderr, code := g.try(args...)
	if code != 0 {
		g.t.Fatalf("api-tokens %q: exit code %d: %s", args, code, stderr)
	}
	return stdout
}

func (g *gateway) try(args ...string) (stdout, stderr string, code int) {
	g.t.Helper()
	args = append(append([]string{"api-tokens"}, args...), "--config", g.config)
	stdout, stderr, code = run(g.t, g.dir, g.env, g.binary, args...)
	for what, secret := range g.secrets {
		if strings.Contains(stderr, secret) {
			g.t.Errorf("api-tokens %q: standard error has the secret of %s", args, what)
		}
	}
	return stdout, stderr, code
}

// create makes a token of the API articles and keeps its secret under its name.
func (g *gateway) create(name string, flags ...string) {
	g.t.Helper()
	g.keep(name, g.command(append([]string{"create", "--api", "articles", "--name", name}, flags...)...))
}

// keep keeps a secret that a command printed.
func (g *gateway) keep(name, printed string) {
	g.t.Helper()
	secret := strings.TrimSuffix(printed, "\n")
	if !strings.HasPrefix(secret, "trv_") || len(secret) < 40 {
		g.t.Fatalf("%s: no secret was printed but %q", name, printed)
	}
	g.secrets[name] = secret
}

// bearer is the header with the secret that is kept under a name.
func (g *gateway) bearer(name string) string {
	g.t.Helper()
	secret, ok := g.secrets[name]
	if !ok {
		g.t.Fatalf("there is no secret %s", name)
	}
	return "Authorization: Bearer " + secret
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// client makes a connection for each request, and takes no redirects.
var client = &http.Client{
	Timeout:       patience,
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask sends a request, with a small article as its body where methods have one.
// headers are "Name: value".
func (g *gateway) ask(method, target string, headers ...string) answer {
	g.t.Helper()
	return send(g.t, method, "http://"+g.addr+target, headers...)
}

func send(t *testing.T, method, url string, headers ...string) answer {
	t.Helper()
	var body io.Reader
	if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		body = strings.NewReader(`{"title": "Mine"}`)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// wants fails the test if a request gets another status.
func (g *gateway) wants(status int, method, target string, headers ...string) {
	g.t.Helper()
	if got := g.ask(method, target, headers...); got.status != status {
		g.t.Errorf("%s %s: got %d; want %d: %s", method, target, got.status, status, got.body)
	}
}

// record is a token as `api-tokens show --json` has it.
type record struct {
	Name     string     `json:"name"`
	Status   string     `json:"status"`
	LastUsed *time.Time `json:"last_used"`
	Usage    []struct {
		Allowed int `json:"allowed"`
		Refused int `json:"refused"`
	} `json:"usage"`
}

func (r record) allowed() (n int) {
	for _, day := range r.Usage {
		n += day.Allowed
	}
	return n
}

func (g *gateway) show(name string) (r record) {
	g.t.Helper()
	if err := json.Unmarshal([]byte(g.command("show", name, "--json")), &r); err != nil {
		g.t.Fatal(err)
	}
	return r
}

// metric returns the value of a series without labels.
func (g *gateway) metric(name string) string {
	g.t.Helper()
	for line := range strings.Lines(send(g.t, http.MethodGet, "http://"+g.admin+"/metrics").body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	g.t.Fatalf("there is no metric %s", name)
	return ""
}

// hasNoSecret fails the test if a text has any secret, or the part behind its
// prefix, in which case somebody wrote the prefix in another way.
func (g *gateway) hasNoSecret(where, text string) {
	g.t.Helper()
	for what, secret := range g.secrets {
		secret = strings.TrimPrefix(secret, "trv_")
		for line := range strings.Lines(text) {
			if i := strings.Index(line, secret); i >= 0 {
				g.t.Errorf("%s has the secret of %s: …%s…", where, what, line[max(0, i-400):min(len(line), i+len(secret)+50)])
			}
		}
	}
}

// filesHaveNoSecret looks into everything that the gateway has written, the
// database with its write-ahead log and Caddy's own files included.
func (g *gateway) filesHaveNoSecret() {
	g.t.Helper()
	var seen []string
	err := filepath.WalkDir(g.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen = append(seen, fmt.Sprintf("%s (%d)", d.Name(), len(text)))
		g.hasNoSecret(path, string(text))
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	if !strings.Contains(strings.Join(seen, " "), "tokens.db (") {
		g.t.Errorf("there is no database among %v", seen)
	}
}
