package e2e

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// pagesCaddyfile has two APIs and the management of their tokens.
const pagesCaddyfile = `{
	admin %ADMIN%
	log {
		level WARN
		format api_tokens
		exclude http
	}
	api_tokens {
		store sqlite tokens.db
		flush_interval 100ms
	}
}

http://%API% {
	api_tokens articles {
		resource article /api/articles
		resource comment /api/comments
		permission search.run read {
			POST /api/search
		}
	}
	respond "the backend"
}

http://%SHOP% {
	api_tokens shop {
		from header X-Shop-Key
		permission order.find {
			GET /orders
			query orders
		}
		permission order.cancel {
			mutation cancelOrder
		}
		graphql /graphql
	}
	respond "the shop"
}

http://%MANAGEMENT% {
	api_tokens_admin
}
`

// pagesGiven is what a spec is given: a gateway of its own, and who and what is there.
type pagesGiven struct {
	Address  string                   `json:"address"` // of the pages
	Articles string                   `json:"articles"`
	Shop     string                   `json:"shop"`
	SetUp    string                   `json:"setUp,omitempty"` // the link that the gateway logged
	Demo     string                   `json:"demo,omitempty"`  // the link that the demo printed
	Password string                   `json:"password"`        // of all
	Sessions map[string]string        `json:"sessions"`        // cookies by account
	Tokens   map[string]sampleOfToken `json:"tokens"`          // by key, see sampleTokens
}

type sampleOfToken struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Secret string `json:"secret"`
}

// emptyStores are the specs whose gateways have nothing yet.
var emptyStores = map[string]bool{"set-up.spec.ts": true}

// specChanges are what specs change in their Caddyfiles.
var specChanges = map[string][]string{
	"drafts.spec.ts": {"api_tokens articles {", "api_tokens articles {\n\t\tchanges staged"},
	"apis.spec.ts":   requiring,
	"edit.spec.ts":   requiring,
	"narrow.spec.ts": {"\tapi_tokens_admin\n", "\thandle /far {\n\t\tapi_tokens " + strings.Repeat("a", 64) + "\n\t}\n\tapi_tokens_admin\n"},
}

// requiring has permissions that need others.
var requiring = []string{
	"POST /api/search\n", "POST /api/search\n\t\t\trequires article.find\n\t\t\trequires article.find_one comment.find if json:comments\n",
}

// samples is a store with samples in it.
type samples struct {
	database string
	given    pagesGiven
}

const samplePassword = "a long sentence is best"

// sampleAccounts are accounts by name, with their roles.
var sampleAccounts = map[string]string{
	"owner": "owner", "manager": "manager", "member": "member", "auditor": "auditor", "reader": "readers",
}

// sampleTokens are tokens by a key for the specs.
var sampleTokens = []struct {
	key string
	admin.NewToken
	age      int // days
	used     int // days ago, 0 is never
	disabled bool
}{
	{key: "site", age: 80, used: 1, NewToken: admin.NewToken{Name: "Web site", Description: "Reads what is on the front page.", Type: token.ReadOnly, Owner: "manager"}},
	{key: "import", age: 60, used: 2, NewToken: admin.NewToken{Name: "Nightly import", Type: token.Custom, Grants: []string{"article.find", "article.create", "POST /api/reports"}, Owner: "member", Duration: "90d"}},
	{key: "ending", age: 27, used: 1, NewToken: admin.NewToken{Name: "Ends soon", Type: token.FullAccess, Duration: "30d", Owner: "member"}},
	{key: "ended", age: 40, used: 20, NewToken: admin.NewToken{Name: "Has ended", Type: token.ReadOnly, Duration: "30d", Owner: "member"}},
	{key: "forgotten", age: 300, used: 200, NewToken: admin.NewToken{Name: "Forgotten", Description: "Nobody knows what this is for.", Type: token.FullAccess, Owner: "manager"}},
	{key: "disabled", age: 100, used: 95, disabled: true, NewToken: admin.NewToken{Name: "Disabled", Type: token.ReadOnly, Owner: "manager"}},
	{key: "shop", age: 10, used: 1, NewToken: admin.NewToken{API: "shop", Name: "Shop", Type: token.Custom, Grants: []string{"order.find"}, Owner: "manager"}},
	{key: "script", age: 5, NewToken: admin.NewToken{Name: "<script>alert(1)</script>", Description: "<script>alert(2)</script>", Type: token.ReadOnly, Owner: "member"}},
	{key: "image", age: 5, NewToken: admin.NewToken{Name: `"><img src=x onerror=alert(1)>`, Description: `'"><img src=x onerror=alert(2)>`, Type: token.ReadOnly, Owner: "member"}},
	{key: "template", age: 5, NewToken: admin.NewToken{Name: "{{.}} ${7*7} %s %0d%0a javascript:alert(1)", Type: token.ReadOnly, Owner: "member"}},
	{key: "unicode", age: 5, NewToken: admin.NewToken{Name: "日本語 Ünïcödé עברית 🔑", Description: "Ελληνικά, русский, العربية", Type: token.ReadOnly, Owner: "member"}},
	{key: "long", age: 5, NewToken: admin.NewToken{Name: strings.Repeat("long", 25), Description: strings.Repeat("w", 200), Type: token.ReadOnly, Owner: "member"}},
	{key: "management", age: 3, NewToken: admin.NewToken{API: admin.ManagementAPI, Name: "Deployment", Type: token.Custom, Grants: []string{"token.read"}, Owner: "manager"}},
}

// newSamples runs a gateway, fills its store, and stops it.
func newSamples(t *testing.T) *samples {
	t.Helper()
	g, given := newPages(t)
	g.start()
	g.process.answersOn(given.Address)
	s := &samples{database: filepath.Join(g.dir, "tokens.db"), given: given}
	tokens, err := sqlite.Open(t.Context(), s.database)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store has the catalogs of all APIs", func() bool {
		catalogs, err := tokens.Catalogs(t.Context())
		return err == nil && len(catalogs) == 3
	})
	s.addAccounts(t, g, tokens)
	s.addTokens(t, tokens)
	for name := range sampleAccounts {
		s.given.Sessions[name] = signIn(t, given.Address, name)
	}
	if err := tokens.Close(); err != nil {
		t.Fatal(err)
	}
	if code := g.process.stop(interrupt); code != 0 {
		t.Fatalf("the gateway ended with code %d", code)
	}
	return s
}

// newPages prepares a gateway. changes are texts of its Caddyfile, and what stands there instead.
func newPages(t *testing.T, changes ...string) (*gateway, pagesGiven) {
	t.Helper()
	g := newGateway(t, readyBinary(t), "")
	there := pagesGiven{
		Address: freeAddress(t), Articles: g.addr, Shop: freeAddress(t), Password: samplePassword,
		Sessions: map[string]string{}, Tokens: map[string]sampleOfToken{},
	}
	changes = append([]string{"%ADMIN%", g.admin, "%API%", there.Articles, "%SHOP%", there.Shop, "%MANAGEMENT%", there.Address}, changes...)
	text := strings.NewReplacer(changes...).Replace(pagesCaddyfile)
	g.config = filepath.Join(g.dir, "Caddyfile")
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return g, there
}

func (s *samples) addAccounts(t *testing.T, g *gateway, tokens store.Store) {
	t.Helper()
	role := store.Role{
		Name: "readers", Description: "Reads articles, with tokens of their own.",
		Read: store.Own, Create: store.Own, Update: store.None, Regenerate: store.None, Delete: store.Own,
		Ceiling: store.Ceiling{APIs: []string{"articles"}, Types: []token.Type{token.ReadOnly}},
	}
	service := admin.New(tokens, time.Now, rand.Reader)
	if _, err := service.CreateRole(t.Context(), admin.Operator("tests"), role); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(g.dir, "password")
	if err := os.WriteFile(file, []byte(samplePassword), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, role := range sampleAccounts {
		g.command("account", "create", name, "--role", role, "--password-file", file)
	}
}

// addTokens makes the tokens as if it had been done when they say.
func (s *samples) addTokens(t *testing.T, tokens store.Store) {
	t.Helper()
	now := time.Now().UTC()
	var uses []token.Use
	for _, sample := range sampleTokens {
		then := func() time.Time { return now.AddDate(0, 0, -sample.age) }
		service := admin.New(tokens, then, rand.Reader)
		d := sample.NewToken
		if d.API == "" {
			d.API = "articles"
		}
		if d.Duration == "" {
			d.Duration = "unlimited"
		}
		made, secret, err := service.Create(t.Context(), admin.Operator("tests"), d)
		if err != nil {
			t.Fatalf("%s: %v", sample.key, err)
		}
		if sample.disabled {
			if _, err := service.SetEnabled(t.Context(), admin.Operator("tests"), made.ID, 0, false); err != nil {
				t.Fatal(err)
			}
		}
		s.given.Tokens[sample.key] = sampleOfToken{made.ID, made.Name, secret.Reveal()}
		for ago := sample.used; ago > 0 && ago < sample.age; ago += 3 {
			at := now.AddDate(0, 0, -ago)
			use := token.Use{
				TokenID: made.ID, Secret: secret.Digest(), Day: at.UTC().Truncate(24 * time.Hour), Last: at, Address: "192.0.2.7",
				Allowed: uint64(10 + ago%7), Refused: uint64(ago % 4),
			}
			if d.API == "articles" {
				use.Permissions = []token.PermissionUse{{Permission: "article.find", Allowed: use.Allowed}, {Permission: "article.delete", Refused: use.Refused}}
			}
			uses = append(uses, use)
		}
	}
	if err := tokens.RecordUse(t.Context(), uses); err != nil {
		t.Fatal(err)
	}
}

// signIn returns the cookie of a new session, as name=value.
func signIn(t *testing.T, address, name string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"name": name, "password": samplePassword})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Post("http://"+address+"/api/v1/session", "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated || len(resp.Cookies()) != 1 {
		t.Fatalf("%s is not signed in: %d, %v", name, resp.StatusCode, resp.Cookies())
	}
	return resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value
}

var setUpLink = regexp.MustCompile(`"link":"([^"]*/set-up#trs_\w+)"`)

// of starts the gateway of a spec, which ends with the test.
func (s *samples) of(t *testing.T, spec string) pagesGiven {
	t.Helper()
	g, there := newPages(t, specChanges[spec]...)
	if !emptyStores[spec] {
		text, err := os.ReadFile(s.database)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(g.dir, "tokens.db"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		there.Sessions, there.Tokens = s.given.Sessions, s.given.Tokens
	}
	g.start()
	g.process.answersOn(there.Address)
	if emptyStores[spec] {
		eventually(t, "the gateway logs a link", func() bool { return setUpLink.MatchString(g.process.out.String()) })
		there.SetUp = setUpLink.FindStringSubmatch(g.process.out.String())[1]
	}
	return there
}

var demoLink = regexp.MustCompile(`http://(\S+)/demo#\S+`)

// startDemo starts `tokenreeve demo`, which ends with the test.
func startDemo(t *testing.T) pagesGiven {
	t.Helper()
	dir := t.TempDir()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "TMPDIR=" + dir}
	p := start(t, dir, env, readyBinary(t), "demo", "--addr", "127.0.0.1:0")
	eventually(t, "the demo prints all of its lines", func() bool { return strings.Contains(p.out.String(), "Ctrl+C") })
	link := demoLink.FindStringSubmatch(p.out.String())
	if link == nil {
		t.Fatalf("the demo prints no link: %s", p.out.String())
	}
	return pagesGiven{Address: link[1], Demo: link[0], Sessions: map[string]string{}, Tokens: map[string]sampleOfToken{}}
}
