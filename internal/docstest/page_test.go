package docstest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/porttest"
)

// patience is how long a test waits for what must happen. Nothing is decided
// by it but that it never happened.
const patience = time.Minute

// binaries is the folder with the command under test, as caddy and as tokenreeve.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "docstest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "tokenreeve"), "./cmd/tokenreeve")
	build.Dir, build.Stderr = root, os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the command:", err)
		return 1
	}
	if err := os.Symlink("tokenreeve", filepath.Join(dir, "caddy")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binaries = dir
	return m.Run()
}

// noRun lists the blocks that no test can run, by page, with their first line.
// A new one needs a reason to be here: it builds Caddy from the network, needs
// root, or does not end.
var noRun = []string{
	"README.md: make run",
	"README.md: make test",
	"docs/automation.md: name: rotate",
	"docs/command-line.md: $ caddy api-tokens copy --from sqlite:/var/lib/tokenreeve/tokens.db --to postgres:{env.DATABASE_URL}",
	"docs/command-line.md: $ caddy api-tokens migrate --status",
	"docs/command-line.md: caddy api-tokens create --name backup | vault kv put secret/backup token=-",
	"docs/command-line.md: tokenreeve demo",
	"docs/hardening.md: sudo -u tokenreeve env XDG_DATA_HOME=/var/lib/tokenreeve tokenreeve api-tokens list --config /etc/tokenreeve/Caddyfile",
	"docs/hardening.md: useradd --system --user-group --no-create-home --shell /usr/sbin/nologin tokenreeve",
	"docs/operations.md: GOGC=800 caddy run",
	"docs/operations.md: [Service]",
	"docs/operations.md: curl -s -H \"Authorization: Bearer $TOKEN\" https://tokens.example.com/api/v1/apis/articles | jq .gateways",
	"docs/operations.md: sudo -H -u caddy /usr/bin/caddy api-tokens list --config /etc/caddy/Caddyfile",
	"docs/operations.md: systemctl stop caddy",
	"docs/security.md: cd e2e && DIFFERENTIAL_COUNT=100000 go test -timeout 90m -run TestDifferential .",
	"docs/strapi.md: mysql --batch --raw --skip-column-names --default-character-set=utf8mb4 strapi > tokens.jsonl -e \"",
	"docs/strapi.md: node -p 'Intl.DateTimeFormat().resolvedOptions().timeZone'",
}

func TestPages(t *testing.T) {
	t.Parallel()
	var left []string
	for _, file := range markdownFiles(t) {
		if file == "docs/performance.md" || file != "README.md" && !strings.HasPrefix(file, "docs/") {
			continue // performance.md keeps what a run of the benchmarks printed
		}
		blocks := readBlocks(t, file)
		for _, b := range blocks {
			if strings.HasSuffix(b.info, " no-run") {
				first, _, _ := strings.Cut(b.text, "\n")
				left = append(left, file+": "+first)
			}
		}
		if len(blocks) == 0 {
			continue
		}
		t.Run(strings.TrimSuffix(file, ".md"), func(t *testing.T) {
			t.Parallel()
			needTools(t, blocks)
			newPage(t, file).run(blocks)
		})
	}
	if slices.Sort(left); !slices.Equal(left, noRun) {
		t.Errorf("blocks that are not run:\n%s\nthe list has:\n%s", strings.Join(left, "\n"), strings.Join(noRun, "\n"))
	}
}

// needTools skips a page whose commands are missing here; the full run takes no
// skips, and shows what could not be found.
func needTools(t *testing.T, blocks []block) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "sqlite3", "psql", "pg_dump", "pg_restore"} {
		uses := slices.ContainsFunc(blocks, func(b block) bool { return b.info == "console" && strings.Contains("bash "+b.text, tool+" ") })
		if _, err := exec.LookPath(tool); uses && err != nil && os.Getenv("TOKENREEVE_FULL") == "" {
			t.Skipf("the page runs %s, which is not here", tool)
		}
	}
}

// page is a page of the documentation while its blocks are run.
type page struct {
	t       *testing.T
	file    string
	dir     string
	admin   string            // address of its Caddy's admin endpoint
	replace *strings.Replacer // what people write by what can be had here
	shell   *shell
	loaded  []byte // the last configuration, in JSON
}

func newPage(t *testing.T, file string) *page {
	t.Helper()
	p := &page{t: t, file: file, dir: t.TempDir(), admin: freeAddress(t)}
	backend := httptest.NewServer(http.HandlerFunc(serveSample))
	t.Cleanup(backend.Close)
	site, other, management, metrics := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	p.replace = strings.NewReplacer(
		"https://api.example.com", "http://"+site, "api.example.com {", "http://"+site+" {",
		"https://orders.example.com", "http://"+other, "orders.example.com {", "http://"+other+" {",
		"https://tokens.example.com", "http://"+management, "tokens.example.com {", "http://"+management+" {",
		"localhost:8080", site, "localhost:1337", strings.TrimPrefix(backend.URL, "http://"), "localhost:2019", p.admin, "localhost:9180", metrics,
		"/var/lib/", filepath.Join(p.dir, "lib")+"/", "/var/log/", filepath.Join(p.dir, "log")+"/",
	)
	env := []string{
		"PATH=" + binaries + string(os.PathListSeparator) + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + p.dir, "OIDC_SECRET=x",
		"XDG_DATA_HOME=" + filepath.Join(p.dir, "data"), "XDG_CONFIG_HOME=" + filepath.Join(p.dir, "config"),
	}
	env = append(env, startPostgres(t, readFile(t, file))...)
	env = append(env, strapiEnv()...)
	if file == "docs/strapi.md" {
		makeStrapi(t, filepath.Join(p.dir, "lib", "strapi", "data.db"))
	}
	p.startCaddy(env)
	p.shell = startShell(t, p.dir, env)
	return p
}

// serveSample is the API that the pages protect. What it has no articles for, it
// answers with the request that it got.
func serveSample(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/api/articles" && r.Method == http.MethodGet:
		io.WriteString(w, `[{"id":1,"title":"How to brew tea"},{"id":2,"title":"Tuesdays"}]`+"\n")
	case r.URL.Path == "/api/articles/2" && r.Method == http.MethodGet:
		io.WriteString(w, `{"id":2,"title":"Tuesdays"}`+"\n")
	case r.URL.Path == "/api/articles" && r.Method == http.MethodPost:
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"id":3,"title":"Mine"}`+"\n")
	case r.URL.Path == "/graphql" && r.Method == http.MethodPost:
		io.WriteString(w, `{"data":{"articles":[{"id":1,"title":"How to brew tea"},{"id":2,"title":"Tuesdays"}]}}`+"\n")
	default:
		fmt.Fprintln(w, r.Method, r.URL.RequestURI())
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			if !noise.MatchString(name) {
				fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], ", "))
			}
		}
	}
}

// noise is what every request by curl and Caddy has.
var noise = regexp.MustCompile(`^(Accept.*|User-Agent|Via|X-Forwarded-.*|Content-.*)$`)

func freeAddress(t *testing.T) string { return porttest.Address(t, "localhost", porttest.Docs) }

// startCaddy starts the Caddy of the page, without a configuration. Its log is caddy.log.
func (p *page) startCaddy(env []string) {
	p.t.Helper()
	log, err := os.Create(filepath.Join(p.dir, "caddy.log"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(binaries, "caddy"), "run", "--config", "-", "--adapter", "")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, env, log, log
	cmd.Stdin = strings.NewReader(`{"admin": {"listen": "` + p.admin + `", "config": {"persist": false}}}`)
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			p.t.Error("Caddy did not end well:", err)
		}
	})
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get("http://" + p.admin + "/config/")
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			p.t.Fatalf("Caddy does not start: %v\n%s", err, text)
		}
	}
}

func (p *page) run(blocks []block) {
	for _, b := range blocks {
		if err := p.runBlock(b); err != nil {
			p.t.Errorf("%s:%d: %v", p.file, b.line, err)
		}
	}
}

func (p *page) runBlock(b block) error {
	switch b.info {
	case "caddyfile":
		return p.loadCaddyfile(b.text)
	case "caddyfile site":
		return p.loadCaddyfile("api.example.com {\n" + b.text + "}\n")
	case "caddyfile gate":
		return p.loadCaddyfile("api.example.com {\n\tapi_tokens articles {\n" + b.text + "\t}\n\treverse_proxy localhost:1337\n}\n")
	case "caddyfile global":
		return p.loadCaddyfile("{\n" + b.text + "}\n\napi.example.com {\n\tapi_tokens articles\n\treverse_proxy localhost:1337\n}\n")
	case "json":
		return p.loadWholeJSON(b.text)
	case "json gate":
		return p.compareJSON(b.text, findHandler(p.loaded, "api_tokens"))
	case "json admin":
		return p.compareJSON(b.text, findHandler(p.loaded, "api_tokens_admin"))
	case "json app":
		return p.compareJSON(b.text, findApp(p.loaded))
	case "syntax":
		return compareSyntax(p.t, b.text)
	case "console":
		return p.runConsole(b)
	case "sql admin":
		return p.runSQL("ADMIN_URL", b.text)
	case "sql owner":
		return p.runSQL("OWNER_URL", b.text)
	case "sh no-run", "yaml no-run":
		return nil
	}
	return fmt.Errorf("nobody knows what to do with a block %q; the list is in internal/docstest/doc.go", b.info)
}

// loadCaddyfile adapts a Caddyfile, loads the outcome, and leaves the Caddyfile
// in the folder of the page.
func (p *page) loadCaddyfile(text string) error {
	own := "{\n\tadmin " + p.admin + "\n\tauto_https off\n\tpersist_config off\n"
	if rest, ok := strings.CutPrefix(text, "{\n"); ok {
		text = own + rest
	} else {
		text = own + "}\n\n" + text
	}
	path := filepath.Join(p.dir, "Caddyfile")
	if err := os.WriteFile(path, []byte(p.replace.Replace(text)), 0o600); err != nil {
		return err
	}
	adapt := exec.Command(filepath.Join(binaries, "caddy"), "adapt", "--config", path)
	var problems bytes.Buffer
	adapt.Stderr = &problems
	config, err := adapt.Output()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, problems.String())
	}
	return p.loadJSON(config)
}

// loadWholeJSON loads a configuration in JSON as a page has it, and keeps the
// page's own admin endpoint.
func (p *page) loadWholeJSON(text string) error {
	var config map[string]any
	if err := json.Unmarshal([]byte(p.replace.Replace(text)), &config); err != nil {
		return err
	}
	config["admin"] = map[string]any{"listen": p.admin, "config": map[string]any{"persist": false}}
	own, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return p.loadJSON(own)
}

func (p *page) loadJSON(config []byte) error {
	r, err := http.NewRequest(http.MethodPost, "http://"+p.admin+"/load", bytes.NewReader(config))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	// The endpoint shuts down with each load, and its connections with it.
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("loading the configuration: %s", text)
	}
	porttest.WaitForOne(p.t)
	p.loaded = config
	return nil
}

func (p *page) compareJSON(text string, got any) error {
	var want any
	if err := json.Unmarshal([]byte(p.replace.Replace(text)), &want); err != nil {
		return err
	}
	if !reflect.DeepEqual(got, want) {
		indented, _ := json.MarshalIndent(got, "", "  ")
		return fmt.Errorf("the block before becomes\n%s", indented)
	}
	return nil
}

// findHandler returns the first handler of a name in a configuration.
func findHandler(config []byte, name string) any {
	var tree any
	_ = json.Unmarshal(config, &tree)
	return search(tree, name)
}

func search(tree any, name string) any {
	switch node := tree.(type) {
	case map[string]any:
		if node["handler"] == name {
			return node
		}
		for _, child := range node {
			if found := search(child, name); found != nil {
				return found
			}
		}
	case []any:
		for _, child := range node {
			if found := search(child, name); found != nil {
				return found
			}
		}
	}
	return nil
}

func findApp(config []byte) any {
	var tree struct {
		Apps map[string]any `json:"apps"`
	}
	_ = json.Unmarshal(config, &tree)
	app := tree.Apps["api_tokens"]
	if settings, ok := app.(map[string]any); ok {
		if store, ok := settings["store"].(map[string]any); ok {
			delete(store, "origin") // the line in the folder of this run
		}
	}
	return app
}

// step is a command of a console block and the output that the page shows.
type step struct{ command, output string }

func steps(text string) (list []step) {
	for line := range strings.Lines(text) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch last := len(list) - 1; {
		case isCommand:
			list = append(list, step{command: command})
		case last >= 0 && list[last].output == "" && strings.HasSuffix(list[last].command, "\\\n"):
			list[last].command += line
		case last >= 0:
			list[last].output += line
		}
	}
	return list
}

func (p *page) runConsole(b block) error {
	list := steps(b.text)
	if len(list) == 0 {
		return fmt.Errorf("the block has no line that begins with \"$ \"")
	}
	err := p.runSteps(list)
	for end := time.Now().Add(patience); err != nil && b.repeat && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		err = p.runSteps(list)
	}
	return err
}

func (p *page) runSteps(list []step) error {
	for i, s := range list {
		output, code, err := p.shell.do(p.replace.Replace(s.command))
		if err != nil {
			return err
		}
		got, want := steady(output), steady(p.replace.Replace(s.output))
		if !matches(want, got) {
			return fmt.Errorf("$ %sprints\n%s\nthe page has\n%s", s.command, output, s.output)
		}
		shown := strings.Contains(s.output, "Error: ") || strings.HasPrefix(s.output, "refused: ") || i+1 < len(list) && list[i+1].command == "echo $?\n"
		if code != 0 && !shown {
			return fmt.Errorf("$ %sends with code %d, which the page does not show:\n%s", s.command, code, output)
		}
	}
	return nil
}

// steadying puts words for what differs from run to run.
var steadying = []struct {
	changing *regexp.Regexp
	word     string
}{
	{regexp.MustCompile(`trv_[0-9A-Za-z]{38}`), "SECRET"},
	{regexp.MustCompile(`trv_….{4}`), "HINT"},
	{regexp.MustCompile(`(tok|acc)_[0-9A-Za-z]{16}`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z`), "TIME"},
	{regexp.MustCompile(`"day": "\d{4}-\d\d-\d\d"`), `"day": "DAY"`},
	{regexp.MustCompile(`(?m)^Date: .*$`), "DATE"},
	{regexp.MustCompile(`"ts":[0-9.]+`), "TS"},
	{regexp.MustCompile(`"remote_addr":"[^"]*"`), "ADDRESS"},
	{regexp.MustCompile(`[ \t\r]+\n`), "\n"},
}

func steady(text string) string {
	for _, s := range steadying {
		text = s.changing.ReplaceAllString(text, s.word)
	}
	return strings.TrimRight(text, "\n")
}

// matches reports whether the output is what a page shows of it: … stands for
// anything within a line, a line of … alone for any lines.
func matches(want, got string) bool {
	var pattern strings.Builder
	pattern.WriteString(`\A`)
	for line := range strings.Lines(want) {
		if line == "…\n" || line == "…" {
			pattern.WriteString(`(?s:.*)`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*"))
	}
	return regexp.MustCompile(pattern.String() + `\n*\z`).MatchString(got)
}

// shell runs the commands of a page one after the other, so that variables last.
type shell struct {
	in  io.WriteCloser
	out *bufio.Reader
}

const endOfOutput = "end-of-output-of-the-command"

func startShell(t *testing.T, dir string, env []string) *shell {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc")
	cmd.Dir, cmd.Env = dir, env
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cancel()
		_ = cmd.Wait()
	})
	return &shell{in, bufio.NewReader(out)}
}

// do runs a command and returns what it printed on both outputs, and its code.
func (s *shell) do(command string) (output string, code int, err error) {
	fmt.Fprintf(s.in, "{ %s} </dev/null 2>&1; rc=$?; printf '%s %%d\\n' $rc; (exit $rc)\n", command, endOfOutput)
	var text strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			return "", 0, fmt.Errorf("the shell ended in: %s%s", command, text.String())
		}
		if before, number, end := strings.Cut(line, endOfOutput+" "); end {
			text.WriteString(before)
			code, err := strconv.Atoi(strings.TrimSpace(number))
			return text.String(), code, err
		}
		text.WriteString(line)
	}
}
