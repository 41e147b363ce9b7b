package caddymodule

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// adminSite has the gate of an API and the management in one place. LOGS are
// directives for logs, INSIDE are the lines of api_tokens_admin.
const adminSite = `
http://GATE {
	bind 127.0.0.1
	LOGS
	handle /api/articles* {
		api_tokens articles {
			permission article.find {
				GET /api/articles
			}
			permission article.create {
				POST /api/articles
			}
		}
		respond backend
	}
	handle {
		api_tokens_admin {
			INSIDE
		}
	}
}
`

const adminPassword = "correct horse battery staple"

// newManagement starts a gateway with the management and no account.
func newManagement(t *testing.T, words map[string]string) *gateway {
	t.Helper()
	g := newGateway(t, map[string]string{"LOGS": "", "INSIDE": ""})
	maps.Copy(g.words, words)
	g.mustLoad(adminSite)
	return g
}

// account makes an account beside the API.
func (g *gateway) account(name, role, password string) {
	g.t.Helper()
	s := g.runtime().managing.service.Load()
	_, _, err := s.CreateAccount(g.t.Context(), admin.Operator("root"), admin.NewAccount{Name: name, Role: role, Password: password})
	if err != nil {
		g.t.Fatal(err)
	}
}

// script makes a token of the management API for an account, and returns its
// id and a client with it.
func (g *gateway) script(owner string, grants ...string) (id string, c *person) {
	g.t.Helper()
	d := admin.NewToken{API: admin.ManagementAPI, Name: "script of " + owner + strings.Join(grants, ""), Type: token.FullAccess, Duration: "30d", Owner: owner}
	if len(grants) > 0 {
		d.Type, d.Grants = token.Custom, grants
	}
	t, secret, err := g.runtime().managing.service.Load().Create(g.t.Context(), admin.Operator("root"), d)
	if err != nil {
		g.t.Fatal(err)
	}
	return t.ID, &person{g, []string{"Authorization: Bearer " + secret.Reveal()}}
}

// person asks the management API with certain headers.
type person struct {
	g       *gateway
	headers []string
}

func (g *gateway) anyone(headers ...string) *person { return &person{g, headers} }

// signIn signs in by password.
func (g *gateway) signIn(name string) *person {
	g.t.Helper()
	a := g.anyone().do("POST", "session", object{"name": name, "password": adminPassword}).want(g.t, http.StatusCreated)
	return &person{g, []string{"Cookie: " + a.cookie(g.t)}}
}

type object map[string]any

// do asks for a path below /api/v1/; a body is sent as JSON.
func (p *person) do(method, path string, body any, headers ...string) answer {
	p.g.t.Helper()
	text := ""
	headers = append(headers, p.headers...)
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			p.g.t.Fatal(err)
		}
		text, headers = string(encoded), append(headers, "Content-Type: application/json")
	}
	return p.g.askWith(method, "/api/v1/"+path, text, headers...)
}

func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d, want %d: %s", a.status, status, a.body)
	}
	policy := "default-src 'none'; frame-ancestors 'none'"
	if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") { // a page has files of its own
		policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": policy,
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	return a
}

// refused is want for a problem.
func (a answer) refused(t *testing.T, status int, code string) answer {
	t.Helper()
	var p problem
	err := json.Unmarshal([]byte(a.body), &p)
	if err != nil || p.Code != code || p.Status != status || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %d, want %d %s: %s", a.status, status, code, a.body)
	}
	return a.want(t, status)
}

// cookie returns name and value of the cookie that the answer sets.
func (a answer) cookie(t *testing.T) string {
	t.Helper()
	pair, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	if pair == "" {
		t.Fatalf("no cookie in %v", a.header)
	}
	return pair
}

func readAs[T any](t *testing.T, a answer) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return value
}

var linkInLog = regexp.MustCompile(`"link":"([^"#]*)#([^"]*)"`)

// setUpLinks returns the links that the log has: address and secret of each.
func (g *gateway) setUpLinks() (links [][]string) {
	g.t.Helper()
	return linkInLog.FindAllStringSubmatch(g.log(), -1)
}

// setUpLink waits for the one link.
func (g *gateway) setUpLink() (address, secret string) {
	g.t.Helper()
	eventually(g.t, "there is a link in the log", func() bool { return len(g.setUpLinks()) > 0 })
	links := g.setUpLinks()
	if len(links) != 1 {
		g.t.Fatalf("%d links are in the log: %v", len(links), links)
	}
	return links[0][1], links[0][2]
}

type issued struct {
	Token  admin.Record
	Secret string
}
