package rest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

const password = "correct horse battery staple"

// fixture is the API over HTTP, on a new store that knows the APIs articles and orders.
type fixture struct {
	*admin.Service
	store  store.Store
	server *httptest.Server
	past   atomic.Int64 // how far the clock has been moved
	failed atomic.Int64 // technical failures
}

func newFixture(t *testing.T, change ...func(*rest.Config)) *fixture {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fixture{store: s}
	f.Service = admin.New(s, f.now, rand.Reader).WithPasswords(quickPasswords{})
	f.saveCatalogs(t)
	c := rest.Config{
		Service: f.Service, Cookie: rest.PlainCookie, Now: f.now, Authenticate: f.authenticate,
		AccountRate: rest.Rate{PerSecond: 1e6, Burst: 1e6}, AddressRate: rest.Rate{PerSecond: 1e6, Burst: 1e6},
		Failed: func(r *http.Request, err error) {
			f.failed.Add(1)
			t.Logf("%s %s: %v", r.Method, r.URL, err)
		},
	}
	for _, change := range change {
		change(&c)
	}
	f.server = httptest.NewServer(rest.New(c))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fixture) now() time.Time { return time.Now().Add(time.Duration(f.past.Load())) }

func (f *fixture) wait(d time.Duration) { f.past.Add(int64(d)) }

func (f *fixture) saveCatalogs(t *testing.T) {
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

// authenticate takes sessions and tokens, as the handler in Caddy does.
func (f *fixture) authenticate(r *http.Request) (admin.Actor, error) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return rest.BySession(f.Service, rest.PlainCookie, func(*http.Request) string { return "192.0.2.1" })(r)
	}
	found, err := f.store.Lookup(r.Context(), token.Hash(secret))
	if err != nil {
		return admin.Actor{}, &rest.ProblemError{Status: http.StatusUnauthorized, Code: "invalid_token", Detail: "A valid API token for this API is needed."}
	}
	catalog, err := permission.NewCatalog(admin.ManagementPermissions())
	if err != nil {
		return admin.Actor{}, err
	}
	e, err := gate.Explain(found.Token, catalog, r.Method, r.URL.RequestURI(), f.now())
	if err != nil {
		return admin.Actor{}, err
	}
	if !e.Reason.Allows() {
		p := &rest.ProblemError{Status: e.Reason.Status(), Code: string(e.Reason), Detail: "The gate refuses it."}
		if len(e.Permissions) > 0 {
			p.Permission = e.Permissions[0]
		}
		return admin.Actor{}, p
	}
	return f.TokenActor(r.Context(), found.Token.ID, "192.0.2.1")
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

var operator = admin.Operator("root")

// client asks as somebody. What it gets is held against the document.
type client struct {
	f      *fixture
	cookie string
	bearer string
}

// anyone is nobody in particular.
func (f *fixture) anyone() *client { return &client{f: f} }

// member makes an account and signs it in.
func (f *fixture) member(t *testing.T, name, role string) *client {
	t.Helper()
	_, _, err := f.CreateAccount(t.Context(), operator, admin.AccountDraft{Name: name, Role: role, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return f.signIn(t, name)
}

func (f *fixture) signIn(t *testing.T, name string) *client {
	t.Helper()
	in := f.anyone().do(t, "POST", "/session", map[string]string{"name": name, "password": password})
	in.want(t, http.StatusCreated)
	return &client{f: f, cookie: in.cookie(t)}
}

// script is a client with a token.
func (f *fixture) script(secret string) *client { return &client{f: f, bearer: secret} }

// answer is what a client got.
type answer struct {
	*http.Response
	body []byte
}

// do asks for a path below admin.ManagementPath. A body that is neither nil nor
// text is sent as JSON. headers are names and values in turn.
func (c *client) do(t *testing.T, method, path string, body any, headers ...string) answer {
	t.Helper()
	var reader io.Reader
	if text, ok := body.(string); ok {
		reader = strings.NewReader(text)
	} else if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, c.f.server.URL+admin.ManagementPath+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.cookie != "" {
		r.AddCookie(&http.Cookie{Name: string(rest.PlainCookie), Value: c.cookie})
	}
	if c.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	return send(t, r)
}

var httpClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func send(t *testing.T, r *http.Request) answer {
	t.Helper()
	got, err := httpClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{got, text}
	checkAnswer(t, r, a)
	return a
}

// want ends the test if the status is another one.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: got %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	return a
}

// refused is want for a problem: its code.
func (a answer) refused(t *testing.T, status int, code string) rest.ProblemError {
	t.Helper()
	p := read[rest.ProblemError](t, a)
	if a.StatusCode != status || p.Code != code {
		t.Fatalf("%s %s: got %d %s, want %d %s: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, p.Code, status, code, a.body)
	}
	return p
}

func (a answer) cookie(t *testing.T) string {
	t.Helper()
	for _, cookie := range a.Cookies() {
		if cookie.Name == string(rest.PlainCookie) {
			return cookie.Value
		}
	}
	t.Fatalf("no cookie in %v", a.Header)
	return ""
}

func read[T any](t *testing.T, a answer) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(a.body, &value); err != nil {
		t.Fatalf("%s %s: %v: %s", a.Request.Method, a.Request.URL.Path, err, a.body)
	}
	return value
}

// issued is the answer to a creation.
type issued struct {
	Token  admin.Record
	Secret *string
}

type page[T any] struct {
	Items []T
	Next  *string
}

// object is a JSON object.
type object map[string]any

// draft is a valid one of a name; the rest can be overwritten.
func draft(name string, more ...object) object {
	d := object{"api": "articles", "name": name, "type": "custom", "duration": "30d", "grants": []string{"article.find"}}
	for _, more := range more {
		maps.Copy(d, more)
	}
	return d
}

// token makes one, past the API.
func (f *fixture) token(t *testing.T, owner, name string) token.Token {
	t.Helper()
	made, _, err := f.Create(context.Background(), operator, admin.Draft{
		API: "articles", Name: name, Type: token.Custom, Duration: "30d", Grants: []string{"article.find"}, Owner: owner,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// scriptOf makes a token of admin.ManagementAPI that acts for an account.
func (f *fixture) scriptOf(t *testing.T, owner string, grants ...string) *client {
	t.Helper()
	d := admin.Draft{API: admin.ManagementAPI, Name: "script " + rand.Text(), Type: token.FullAccess, Duration: "30d", Owner: owner}
	if len(grants) > 0 {
		d.Type, d.Grants = token.Custom, grants
	}
	_, secret, err := f.Create(t.Context(), operator, d)
	if err != nil {
		t.Fatal(err)
	}
	return f.script(secret.Reveal())
}
