package rest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
)

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
	_, _, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: name, Role: role, Password: password})
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
	got, err := c.try(t, method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// try is do for goroutines beside the test, which can't end it.
func (c *client) try(t *testing.T, method, path string, body any, headers ...string) (answer, error) {
	t.Helper()
	var reader io.Reader
	if text, ok := body.(string); ok {
		reader = strings.NewReader(text)
	} else if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, c.f.server.URL+admin.ManagementPath+path, reader)
	if err != nil {
		return answer{}, err
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

func send(t *testing.T, r *http.Request) (answer, error) {
	t.Helper()
	got, err := httpClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{got, text}
	checkAnswer(t, r, a)
	return a, nil
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
