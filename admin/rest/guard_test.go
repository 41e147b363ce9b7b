package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// Security rule 22: no page of another site changes anything.
func TestCrossSiteIsRefused(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
	} {
		ann.do(t, "DELETE", path, nil, headers...).refused(t, http.StatusForbidden, "cross_origin")
		ann.do(t, "POST", path+"/disable", nil, headers...).refused(t, http.StatusForbidden, "cross_origin")
		f.anyone().do(t, "POST", "/session", object{"name": "ann", "password": password}, headers...).refused(t, http.StatusForbidden, "cross_origin")
		options := ann.do(t, "OPTIONS", path, nil, append(headers, "Access-Control-Request-Method", "DELETE")...).want(t, http.StatusNoContent)
		for name := range options.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("a preflight is answered with %s", name)
			}
		}
	}
	ann.do(t, "POST", path+"/disable", nil, "Sec-Fetch-Site", "same-origin").want(t, http.StatusOK)
}

// Security rule 22: a name that was pointed here by somebody else gets nothing.
func TestHosts(t *testing.T) {
	hosts := rest.Hosts{"tokens.example.com", "*.Example.net"}
	for host, known := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "app.localhost:1": true, "127.0.0.1": true, "127.9.9.9:80": true, "[::1]:80": true, "[::1]": true,
		"tokens.example.com": true, "Tokens.Example.com:443": true, "tokens.example.com.": true, "a.example.net": true,
		"10.0.0.7:8080": true, "[2001:db8::2]": true, // nobody can give away an address
		"evil.example": false, "tokens.example.com.evil.example": false, "a.b.example.net": false, "example.net": false, "": false,
		"localhost.evil.example": false, "10.0.0.8.evil.example": false, "notlocalhost": false,
	} {
		if hosts.Include(host) != known {
			t.Errorf("%q: want %v", host, known)
		}
	}
}

func TestBodies(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	for name, test := range map[string]struct {
		body, field string
	}{
		"unknown":            {`{"nam":"x"}`, "nam"},
		"another case":       {`{"Name":"x"}`, "Name"},
		"twice":              {`{"name":"x","name":"y"}`, "name"},
		"twice by escape":    {`{"name":"x","n\u0061me":"y"}`, "name"},
		"wrong type":         {`{"name":7}`, "name"},
		"object for text":    {`{"name":{"a":[{}]},"x":1}`, "name"},
		"text for list":      {`{"grants":"article.find"}`, "grants"},
		"number in list":     {`{"grants":["a",1]}`, "grants[1]"},
		"null":               {`{"name":null}`, "name"},
		"null list":          {`{"grants":null}`, "grants"},
		"trailing":           {`{"name":"x"} {}`, ""},
		"no object":          {`[]`, "body"},
		"text":               {`"x"`, "body"},
		"nothing":            {``, ""},
		"blank":              {` `, ""},
		"broken":             {`{"name":`, ""},
		"broken UTF-8":       {"{\"name\":\"\xff\"}", ""},
		"unknown and nested": {`{"x":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`, "x"},
		"too deep":           {strings.Repeat("[", 20000) + strings.Repeat("]", 20000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			kind := "application/json"
			got := ann.do(t, "POST", "/tokens", test.body, "Content-Type", kind)
			p := got.refused(t, http.StatusBadRequest, "malformed_body")
			switch {
			case test.field == "" && p.Errors != nil || test.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != test.field):
				t.Errorf("got %+v, want one of %q", p, test.field)
			}
		})
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/json; charset=latin1", "application/json+x"} {
		ann.do(t, "POST", "/tokens", newToken("x"), "Content-Type", kind).refused(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
	ann.do(t, "POST", "/tokens", newToken("x"), "Content-Encoding", "gzip").refused(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
	ann.do(t, "POST", "/tokens", newToken("x"), "Content-Type", "Application/JSON; charset=UTF-8").want(t, http.StatusCreated)
	id := f.token(t, "ann", "ci").ID
	ann.do(t, "DELETE", "/tokens/"+id, `{"sure":true}`).refused(t, http.StatusBadRequest, "malformed_body")
	ann.do(t, "POST", "/tokens/"+id+"/disable", "a=b", "Content-Type", "text/plain").refused(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
	ann.do(t, "GET", "/tokens/"+id, nil).want(t, http.StatusOK)
}

func TestBigBody(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	big := fmt.Sprintf(`{"name":%q}`, strings.Repeat("x", 70<<10))
	ann.do(t, "POST", "/tokens", big).refused(t, http.StatusRequestEntityTooLarge, "body_too_large")
	f.anyone().do(t, "POST", "/session", big).refused(t, http.StatusRequestEntityTooLarge, "body_too_large")
}

func TestPathsAndMethods(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	for _, path := range []string{"", "/", "/nothing", "/tokens/", "//tokens", "/tokens/../tokens", "/tokens/%2e%2e/apis", "/tokens/x/y", "/Tokens"} {
		ann.do(t, "GET", path, nil).refused(t, http.StatusNotFound, "not_found")
	}
	ann.do(t, "GET", "/tokens/ci", nil).refused(t, http.StatusNotFound, "not_found") // a name is no id
	got := ann.do(t, "PUT", "/tokens", nil)
	got.refused(t, http.StatusMethodNotAllowed, "method_not_allowed")
	if allow := got.Header.Get("Allow"); allow != "GET, HEAD, POST, OPTIONS" {
		t.Errorf("Allow is %q", allow)
	}
	options := f.anyone().do(t, "OPTIONS", "/tokens", nil).want(t, http.StatusNoContent)
	if allow := options.Header.Get("Allow"); allow != "GET, HEAD, POST, OPTIONS" {
		t.Errorf("Allow is %q", allow)
	}
	f.anyone().do(t, "OPTIONS", "/nothing", nil).refused(t, http.StatusNotFound, "not_found")
	head := ann.do(t, "HEAD", "/tokens", nil).want(t, http.StatusOK)
	if len(head.body) > 0 || head.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %v", head.Header)
	}
	f.anyone().do(t, "TRACE", "/tokens", nil).want(t, http.StatusMethodNotAllowed)
	ann.do(t, "POST", "/tokens?dry=1", newToken("x")).refused(t, http.StatusBadRequest, "invalid_parameter")
}

func TestRateLimit(t *testing.T) {
	f := newFixture(t, func(c *rest.Config) {
		limit(c, rest.Rate{PerSecond: 0.01, Burst: 3}, rest.Rate{PerSecond: 0.01, Burst: 4})
	})
	ann, ben := f.member(t, "ann", admin.RoleMember), f.member(t, "ben", admin.RoleMember) // two of the address
	for range 3 {
		ann.do(t, "GET", "/account", nil).want(t, http.StatusOK)
	}
	got := ann.do(t, "GET", "/account", nil)
	got.refused(t, http.StatusTooManyRequests, "rate_limited")
	if got.Header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
	ben.do(t, "GET", "/account", nil).want(t, http.StatusOK)
	for range 2 {
		f.anyone().do(t, "GET", "/account", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	}
	f.anyone().do(t, "GET", "/account", nil).refused(t, http.StatusTooManyRequests, "rate_limited")
	f.anyone().do(t, "POST", "/session", object{"name": "ann", "password": password}).refused(t, http.StatusTooManyRequests, "rate_limited")
	ben.do(t, "GET", "/account", nil).want(t, http.StatusOK) // same address, other account
	f.wait(101 * time.Second)
	ann.do(t, "GET", "/account", nil).want(t, http.StatusOK)
}

// Cookies that nobody has seen to be good cost the store only so much: the rest is
// refused before it is asked. Who is signed in at the same address notices nothing.
func TestMadeUpCookiesAreCountedFirst(t *testing.T) {
	var f *fixture
	asked := 0
	f = newFixture(t, func(c *rest.Config) {
		limit(c, unlimited, rest.Rate{PerSecond: 0.01, Burst: 6})
		c.Authenticate = func(r *http.Request) (admin.Actor, error) {
			asked++
			return f.authenticate(r)
		}
	})
	ann, ben := f.member(t, "ann", admin.RoleMember), f.member(t, "ben", admin.RoleMember) // two of the address
	for i := range 4 {
		stranger := &client{f: f, cookie: fmt.Sprintf("trs_%064x", i)}
		stranger.do(t, "GET", "/account", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	}
	before := asked
	for i := range 20 {
		stranger := &client{f: f, cookie: fmt.Sprintf("trs_%064x", 10+i)}
		stranger.do(t, "GET", "/account", nil).refused(t, http.StatusTooManyRequests, "rate_limited")
	}
	if asked != before {
		t.Errorf("%d made-up cookies were looked up all the same", asked-before)
	}
	for range 10 {
		ann.do(t, "GET", "/account", nil).want(t, http.StatusOK)
		ben.do(t, "GET", "/account", nil).want(t, http.StatusOK)
	}
	// One that has ended is like any other that is not good.
	ben.do(t, "DELETE", "/session", nil).want(t, http.StatusNoContent)
	ben.do(t, "GET", "/account", nil).refused(t, http.StatusTooManyRequests, "rate_limited")
	before = asked
	ben.do(t, "GET", "/account", nil).refused(t, http.StatusTooManyRequests, "rate_limited")
	if asked != before {
		t.Error("it was looked up again")
	}
}

// Who is good takes nothing from the others behind the same address, also when
// this gateway sees them for the first time.
func TestGoodCookiesAreNotCounted(t *testing.T) {
	rate := func(c *rest.Config) { limit(c, unlimited, rest.Rate{PerSecond: 0.01, Burst: 2}) }
	f := newFixture(t, rate)
	for i := range 10 {
		name := fmt.Sprint("ann", i)
		f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: name, Role: admin.RoleMember, Password: password})
		in, err := f.SignIn(t.Context(), name, password, admin.From{Address: fmt.Sprint("198.51.100.", i)})
		if err != nil {
			t.Fatal(err)
		}
		(&client{f: f, cookie: in.Secret.Reveal()}).do(t, "GET", "/account", nil).want(t, http.StatusOK)
	}
}

func TestLimiter(t *testing.T) {
	now := time.Now()
	l := rest.NewLimiter(rest.Rate{PerSecond: 1, Burst: 2}, func() time.Time { return now })
	for i, want := range []bool{true, true, false} {
		if l.Take("a") != want {
			t.Errorf("take %d: want %v", i, want)
		}
	}
	now = now.Add(-time.Hour) // a clock that was set back gives nothing, and takes nothing
	if l.Take("a") {
		t.Error("the past gives something")
	}
	now = now.Add(time.Hour + time.Second)
	if !l.Take("a") || l.Take("a") {
		t.Error("a second gives one")
	}
	for i := range 3 * rest.MaxBuckets {
		l.Take(fmt.Sprint(i))
	}
	if l.Size() > 2*rest.MaxBuckets {
		t.Errorf("it keeps %d buckets", l.Size())
	}
}

// A store that is away is 503, told without detail, and no "not found".
func TestStoreAway(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	got := ann.do(t, "GET", "/tokens", nil)
	if got.StatusCode != http.StatusServiceUnavailable && got.StatusCode != http.StatusInternalServerError {
		t.Errorf("got %d: %s", got.StatusCode, got.body)
	}
	if f.failed.Load() == 0 || strings.Contains(string(got.body), "sql") {
		t.Errorf("told %d times; answered %s", f.failed.Load(), got.body)
	}
}
