package ui_test

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/admin/ui"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

const password = "correct horse battery staple"

var operator = admin.Operator("root")

// site is the pages over HTTP, on a new store that knows the APIs articles and
// orders, with an account of each built-in role.
type site struct {
	*admin.Service
	store  store.Store
	server *httptest.Server
	past   atomic.Int64 // how far the clock has been moved
	failed atomic.Int64 // technical failures
	place  ui.Place     // of every API
	path   string       // of the database
}

func newSite(t *testing.T) *site {
	t.Helper()
	return newLimitedSite(t, rest.Rate{PerSecond: 1e6, Burst: 1e6}, rest.Rate{PerSecond: 1e6, Burst: 1e6})
}

// newLimitedSite is newSite with bounds on how often an account, and a network
// without one, may ask.
func newLimitedSite(t *testing.T, account, network rest.Rate) *site {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &site{store: s, path: path}
	f.Service = admin.New(s, f.now, rand.Reader).WithPasswords(quickPasswords{})
	f.saveCatalogs(t)
	address := func(*http.Request) string { return "192.0.2.1" }
	f.server = httptest.NewServer(ui.New(ui.Config{
		Service: f.Service, Cookie: rest.PlainCookie, Authenticate: rest.BySession(f.Service, rest.PlainCookie, address),
		Admission: rest.NewAdmission(rest.PlainCookie, address, account, network, f.now),
		Password:  true, Links: []ui.SignInLink{{Name: "Example", Path: "/sign-in/oidc"}}, Place: func(string) ui.Place { return f.place }, Address: address, Now: f.now,
		Failed: func(r *http.Request, err error) {
			f.failed.Add(1)
			t.Logf("%s %s: %v", r.Method, r.URL, err)
		},
	}))
	t.Cleanup(f.server.Close)
	for _, role := range []string{"owner", "manager", "member", "auditor"} {
		f.account(t, role, role)
	}
	return f
}

func (f *site) now() time.Time { return time.Now().Add(time.Duration(f.past.Load())) }

func (f *site) saveCatalogs(t *testing.T) {
	t.Helper()
	permissions, err := permission.ForResource("article", "/api/articles", false)
	if err != nil {
		t.Fatal(err)
	}
	err = f.store.Change(t.Context(), func(tx store.Tx) error {
		for _, c := range []store.Catalog{
			{API: "articles", Permissions: permissions},
			{API: "orders", Permissions: permissions},
			{API: admin.ManagementAPI, Permissions: admin.ManagementPermissions()},
		} {
			c.Updated = f.now().UTC().Truncate(time.Millisecond)
			if err := tx.SaveCatalog(t.Context(), c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *site) account(t *testing.T, name, role string) admin.AccountRecord {
	t.Helper()
	made, _, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: name, Role: role, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (f *site) role(t *testing.T, role store.Role) {
	t.Helper()
	for _, scope := range []*store.Scope{&role.Read, &role.Create, &role.Update, &role.Regenerate, &role.Delete} {
		if *scope == "" {
			*scope = store.None
		}
	}
	if _, err := f.CreateRole(t.Context(), operator, role); err != nil {
		t.Fatal(err)
	}
}

func (f *site) token(t *testing.T, name, owner string, change func(*admin.NewToken)) token.Token {
	t.Helper()
	d := admin.NewToken{API: "articles", Name: name, Type: token.ReadOnly, Duration: "30d", Owner: owner}
	if change != nil {
		change(&d)
	}
	made, _, err := f.Create(t.Context(), operator, d)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// quickPasswords hashes quickly, which only a test may.
type quickPasswords struct{}

func (quickPasswords) Hash(password string) (string, error) {
	return fmt.Sprintf("$quick$%x", sha256.Sum256([]byte(password))), nil
}

func (q quickPasswords) Compare(hash, password string) (bool, error) {
	want, err := q.Hash(password)
	return hash == want, err
}

// browser is somebody's, with their session in it.
type browser struct {
	t *testing.T
	f *site
	http.Client
}

// visitor is a browser in which nobody is signed in.
func (f *site) visitor(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, f: f, Client: http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (f *site) as(t *testing.T, name string) *browser {
	t.Helper()
	b := f.visitor(t)
	if got := b.post("/sign-in", "name", name, "password", password); got.status != http.StatusSeeOther {
		t.Fatalf("%s is not signed in: %d %s", name, got.status, got.text)
	}
	return b
}

// seen is a page.
type seen struct {
	t      *testing.T
	what   string
	status int
	to     string // where it leads
	header http.Header
	text   string // of the page, with its markup
}

func (b *browser) get(path string) seen { return b.do(http.MethodGet, path, nil) }

// post sends a form of names and values.
func (b *browser) post(path string, pairs ...string) seen {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

func (b *browser) do(method, path string, form url.Values) seen {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.f.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return seen{b.t, method + " " + path, resp.StatusCode, resp.Header.Get("Location"), resp.Header, string(text)}
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	blanks = regexp.MustCompile(`\s+`)
)

// plain is what can be read on the page.
func (s seen) plain() string {
	return strings.TrimSpace(blanks.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(s.text, " ")), " "))
}

// is wants a status, and texts that can be read on the page, or stand in it.
func (s seen) is(status int, texts ...string) seen {
	s.t.Helper()
	if s.status != status {
		s.t.Fatalf("%s: got %d; want %d: %s", s.what, s.status, status, s.plain())
	}
	return s.has(texts...)
}

func (s seen) has(texts ...string) seen {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(s.plain(), text) && !strings.Contains(s.text, text) {
			s.t.Errorf("%s lacks %q: %s", s.what, text, s.plain())
		}
	}
	return s
}

// lacks wants that texts can't be read, and that markup is not in the page.
func (s seen) lacks(texts ...string) seen {
	s.t.Helper()
	for _, text := range texts {
		markup := strings.ContainsAny(text, `<"`)
		if markup && strings.Contains(s.text, text) || !markup && strings.Contains(s.plain(), text) {
			s.t.Errorf("%s has %q: %s", s.what, text, s.plain())
		}
	}
	return s
}

// leads wants that the browser is sent on.
func (s seen) leads(to string) {
	s.t.Helper()
	if s.status != http.StatusSeeOther || s.to != to {
		s.t.Fatalf("%s: got %d to %q; want to be sent to %q: %s", s.what, s.status, s.to, to, s.plain())
	}
}

// keys are of texts that nobody wrote: a page then shows their names.
var keys = regexp.MustCompile(`\b(wanted|list|edit|secret|selected|copy|token|grants|history|regenerate|delete|secrets|try|apis|mark|drafts|draft|length|account|accounts|account-new|account-delete|overreach|people|role|roles|role-new|self|session|sessions|audit|event|field|scope|menu|form|layout)\.[a-z][a-z.-]+\b`)

func (s seen) saysAll() seen {
	s.t.Helper()
	if !strings.HasPrefix(s.header.Get("Content-Type"), "text/html") {
		return s
	}
	for _, key := range keys.FindAllString(s.plain(), -1) {
		s.t.Errorf("%s shows the key %s", s.what, key)
	}
	return s
}
