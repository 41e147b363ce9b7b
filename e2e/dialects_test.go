package e2e

import (
	"crypto/hmac"
	"crypto/sha512"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// strapiBackend has Strapi's routes and knows nothing of tokens. It keeps what
// reached it.
type strapiBackend struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
	bad  []string // requests that still had a credential
}

func startStrapi(t *testing.T) *strapiBackend {
	t.Helper()
	b := new(strapiBackend)
	routes := http.NewServeMux()
	for pattern, body := range map[string]string{
		"GET /api/articles":         `{"data":[{"documentId":"a1","title":"First"}],"meta":{}}`,
		"GET /api/articles/{id}":    `{"data":{"documentId":"a1","title":"First"},"title":"First","meta":{}}`,
		"POST /api/articles":        `{"data":{"documentId":"a2","title":"New"},"title":"New","meta":{}}`,
		"PUT /api/articles/{id}":    `{"data":{"documentId":"a1","title":"Newer"},"meta":{}}`,
		"DELETE /api/articles/{id}": "",
		"GET /api/homepage":         `{"data":{"title":"Home"},"meta":{}}`,
		"PUT /api/homepage":         `{"data":{"title":"Home"},"meta":{}}`,
		"DELETE /api/homepage":      "",
		"GET /api/statistics":       `{"data":{"title":"42 articles"}}`,
	} {
		routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.seen = append(b.seen, r.Header.Get("X-Token-Name")+" "+r.Method+" "+r.URL.Path)
			if r.Header.Get("Authorization") != "" || strings.Contains(r.RequestURI, "apiToken") {
				b.bad = append(b.bad, r.Method+" "+r.RequestURI)
			}
			if body == "" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		})
	}
	b.Server = httptest.NewServer(routes)
	t.Cleanup(b.Close)
	return b
}

// took returns what reached the backend for a token, and fails the test if a
// credential did.
func (b *strapiBackend) took(t *testing.T, name string) (requests []string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bad != nil {
		t.Errorf("a credential reached the backend in %q", b.bad)
	}
	for _, seen := range b.seen {
		if request, ok := strings.CutPrefix(seen, name+" "); ok {
			requests = append(requests, request)
		}
	}
	return requests
}

// newDialect prepares a gateway with another gate than Caddyfile.example has.
func newDialect(t *testing.T, backend, gate string) *gateway {
	t.Helper()
	example, err := os.ReadFile(filepath.Join(root, "Caddyfile.example"))
	if err != nil {
		t.Fatal(err)
	}
	from := strings.Index(string(example), "	api_tokens articles {")
	to := strings.Index(string(example), "	# The backend gets the request")
	return newGateway(t, readyBinary(t), strings.TrimPrefix(backend, "http://"), string(example[from:to]), gate)
}

// runScript returns what a client in e2e/dialects shows, by token and call.
func runScript(t *testing.T, name string, env ...string) (shows map[string]map[string]string) {
	t.Helper()
	stdout, stderr, code := run(t, t.TempDir(), append(os.Environ(), env...), installed(t), filepath.Join(root, "e2e", "dialects", name))
	if err := json.Unmarshal([]byte(stdout), &shows); code != 0 || err != nil {
		t.Fatalf("code %d, %v: %s%s", code, err, stdout, stderr)
	}
	return shows
}

const (
	strapiSalt   = "the salt of this Strapi"
	strapiTokens = `CREATE TABLE strapi_api_tokens (id integer PRIMARY KEY, name varchar(255), description varchar(255),
			type varchar(255), access_key varchar(255), last_used_at datetime, expires_at datetime, lifespan bigint);
		CREATE TABLE strapi_api_token_permissions (id integer PRIMARY KEY, action varchar(255));
		CREATE TABLE strapi_api_token_permissions_token_lnk (id integer PRIMARY KEY, api_token_permission_id integer, api_token_id integer);
		INSERT INTO strapi_api_token_permissions VALUES (1, 'api::article.article.find'), (2, 'api::article.article.create'), (3, 'api::homepage.homepage.update');
		INSERT INTO strapi_api_token_permissions_token_lnk VALUES (1, 1, 3), (2, 2, 3), (3, 3, 3);`
)

// makeStrapiTokens makes Strapi's database, and returns the secrets, which are in it
// as hashes only.
func makeStrapiTokens(t *testing.T, path string) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), strapiTokens); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{}
	for i, row := range []struct {
		name, kind string
		expiry     any
	}{{"reader", "read-only", nil}, {"full", "full-access", nil}, {"editor", "custom", nil}, {"old", "full-access", 1600000000000}} {
		secrets[row.name] = strings.Repeat(fmt.Sprintf("%02x", 0xa0+i), 128)
		mac := hmac.New(sha512.New, []byte(strapiSalt))
		mac.Write([]byte(secrets[row.name]))
		if _, err := db.ExecContext(t.Context(), `INSERT INTO strapi_api_tokens (id, name, type, access_key, expires_at) VALUES (?, ?, ?, ?, ?)`,
			i+1, row.name, row.kind, hex.EncodeToString(mac.Sum(nil)), row.expiry); err != nil {
			t.Fatal(err)
		}
	}
	return secrets
}

// Strapi's own client goes on with Strapi's tokens: every call with every type, and
// each error is of the class, status and name that applications know.
func TestStrapiClient(t *testing.T) {
	b := startStrapi(t)
	g := newDialect(t, b.URL, `	api_tokens articles {
		dialect strapi {
			salt {env.API_TOKEN_SALT}
		}
		resource article /api/articles
		resource homepage /api/homepage single
	}
`)
	g.env = append(g.env, "API_TOKEN_SALT="+strapiSalt)
	data := filepath.Join(g.dir, "data.db")
	secrets := makeStrapiTokens(t, data)
	g.command("import", "strapi", "--api", "articles", "--dsn", data, "--apply")
	g.start()

	secrets["unknown"] = strings.Repeat("0f", 128)
	secrets[""] = ""
	text, err := json.Marshal(secrets)
	if err != nil {
		t.Fatal(err)
	}
	shows := runScript(t, "strapi.mjs", "STRAPI_URL=http://"+g.addr+"/api", "STRAPI_SECRETS="+string(text))

	const (
		forbidden = "HTTPForbiddenError 403 ForbiddenError: Forbidden"
		expired   = "HTTPAuthorizationError 401 UnauthorizedError: Token expired"
		unknown   = "HTTPAuthorizationError 401 UnauthorizedError: Missing or invalid credentials"
	)
	calls := []string{"find", "findOne", "create", "update", "delete", "single find", "single update", "single delete", "own route"}
	answers := []string{"First", "First", "New", "Newer", "done", "Home", "Home", "done", "42 articles"}
	requests := []string{
		"GET /api/articles", "GET /api/articles/a1", "POST /api/articles", "PUT /api/articles/a1", "DELETE /api/articles/a1",
		"GET /api/homepage", "PUT /api/homepage", "DELETE /api/homepage", "GET /api/statistics",
	}
	for name, test := range map[string]struct {
		may     []int // which of the calls
		refused string
	}{
		"full":    {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8}, ""},
		"reader":  {[]int{0, 1, 5, 8}, forbidden},
		"editor":  {[]int{0, 2, 6}, forbidden},
		"old":     {nil, expired},
		"unknown": {nil, unknown},
		"":        {nil, unknown},
	} {
		var reached []string
		for i, call := range calls {
			want := test.refused
			if slices.Contains(test.may, i) {
				want = answers[i]
				reached = append(reached, requests[i])
			}
			if got := shows[name][call]; got != want {
				t.Errorf("%s, %s: got %q; want %q", name, call, got, want)
			}
		}
		if got := b.took(t, name); !slices.Equal(got, reached) {
			t.Errorf("%s: the backend got %q; want %q", name, got, reached)
		}
	}
	delete(secrets, "")
	maps.Copy(g.secrets, secrets)
	g.process.stop(interrupt)
	g.filesHaveNoSecret()
}

// Clients of services that take Authorization: apiToken go on with their tokens, in
// the header and in the query.
func TestAPITokenClients(t *testing.T) {
	b := startStrapi(t)
	g := newDialect(t, b.URL, `	api_tokens articles {
		dialect apitoken
		from authorization apiToken
		from query apiToken
		resource article /api/articles
	}
`)
	secrets := map[string]string{"viewer": "4711:viewer-0123456789/+=", "admin": "4711:admin-0123456789abc", "unknown": "4711:unknown-0123456789"}
	list := filepath.Join(g.dir, "tokens.csv")
	text := "name,type,secret\nviewer,read-only," + secrets["viewer"] + "\nadmin,full-access," + secrets["admin"] + "\n"
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g.command("import", "csv", list, "--api", "articles", "--apply")
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	g.start()
	known, err := json.Marshal(secrets)
	if err != nil {
		t.Fatal(err)
	}
	shows := runScript(t, "axios.mjs", "SERVICE_URL=http://"+g.addr+"/api", "SERVICE_SECRETS="+string(known))
	const missing, unknown = "AxiosError 401 missing_permission", "AxiosError 401 invalid_token"
	for name, want := range map[string]map[string]string{
		"viewer":  {"find": "First", "create": missing, "delete": missing},
		"admin":   {"find": "First", "create": "New", "delete": "done"},
		"unknown": {"find": unknown, "create": unknown, "delete": unknown},
	} {
		for _, way := range []string{"header", "query"} {
			for call, want := range want {
				if got := shows[name+", "+way][call]; got != want {
					t.Errorf("%s, %s, %s: got %q; want %q", name, way, call, got, want)
				}
			}
		}
	}
	if got := b.took(t, "viewer"); len(got) != 2 {
		t.Errorf("the backend got %q of the viewer", got)
	}
	maps.Copy(g.secrets, secrets)
	g.process.stop(interrupt)
	g.filesHaveNoSecret()
}
