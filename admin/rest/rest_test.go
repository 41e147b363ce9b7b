package rest_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"net"
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
	path   string // of the store
	server *httptest.Server
	past   atomic.Int64 // how far the clock has been moved
	failed atomic.Int64 // technical failures
}

func newFixture(t *testing.T, change ...func(*rest.Config)) *fixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fixture{store: s, path: path}
	f.Service = admin.New(s, f.now, rand.Reader).WithPasswords(quickPasswords{})
	f.saveCatalogs(t)
	c := rest.Config{
		Service: f.Service, Cookie: rest.PlainCookie, Now: f.now, Authenticate: f.authenticate,
		Failed: func(r *http.Request, err error) {
			f.failed.Add(1)
			t.Logf("%s %s: %v", r.Method, r.URL, err)
		},
	}
	limit(&c, unlimited, unlimited)
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
	e, err := gate.Explain(found.Token, catalog, nil, gate.Asked{Method: r.Method, Target: r.URL.RequestURI()}, f.now())
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

// newToken is a valid one of a name; the rest can be overwritten.
func newToken(name string, more ...object) object {
	d := object{"api": "articles", "name": name, "type": "custom", "duration": "30d", "grants": []string{"article.find"}}
	for _, more := range more {
		maps.Copy(d, more)
	}
	return d
}

// token makes one, past the API.
func (f *fixture) token(t *testing.T, owner, name string) token.Token {
	t.Helper()
	made, _, err := f.Create(context.Background(), operator, admin.NewToken{
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
	d := admin.NewToken{API: admin.ManagementAPI, Name: "script " + rand.Text(), Type: token.FullAccess, Duration: "30d", Owner: owner}
	if len(grants) > 0 {
		d.Type, d.Grants = token.Custom, grants
	}
	_, secret, err := f.Create(t.Context(), operator, d)
	if err != nil {
		t.Fatal(err)
	}
	return f.script(secret.Reveal())
}

var unlimited = rest.Rate{PerSecond: 1e6, Burst: 1e6}

// limit sets how often an account, and a network without one, may ask.
func limit(c *rest.Config, account, network rest.Rate) {
	c.Admission = rest.NewAdmission(c.Cookie, addressOf, account, network, c.Now)
}

func addressOf(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}
