package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// explainedSite has the gate of an API with GraphQL, and the management beside it.
const explainedSite = `
http://GATE {
	bind 127.0.0.1
	@management path /api/v1/* /try
	handle @management {
		api_tokens_admin
	}
	handle {
		api_tokens articles {
			graphql /graphql /v1/gql {
				introspection INTROSPECTION
			}
			permission article.find {
				GET /api/articles
				query articles article
			}
			permission article.create {
				mutation createArticle
			}
		}
		respond backend
	}
}
`

// asked is a request for which the gate and whoever explains must agree.
type asked struct{ method, target, body string }

var askedOfGraphQL = []asked{
	{"POST", "/graphql", `{"query":"{ articles { id } }"}`},
	{"POST", "/graphql", `{"query":"{ secrets { id } }"}`},
	{"POST", "/graphql", `{"query":"{ articles { id } secrets { id } }"}`},
	{"POST", "/graphql", `{"query":"{ __typename }"}`},
	{"POST", "/graphql", `{"query":"{ __schema { types { name } } }"}`},
	{"POST", "/graphql", `{"query":"{ articles { id } __type(name: \"A\") { name } }"}`},
	{"POST", "/graphql", `{"query":"mutation { createArticle { id } }"}`},
	{"POST", "/graphql", `{"query":"query A { articles { id } } mutation B { createArticle { id } }","operationName":"A"}`},
	{"POST", "/graphql", `{"query":"subscription { articleAdded }"}`},
	{"POST", "/graphql", `[{"query":"{ articles { id } }"},{"query":"{ article { id } }"}]`},
	{"POST", "/graphql", `[{"query":"{ articles { id } }"},{"query":"mutation { createArticle { id } }"}]`},
	{"POST", "/graphql", `{"query":"{ articles { id } "}`},
	{"POST", "/graphql", `{"query":"{ articles { id } }","id":1}`},
	{"POST", "/graphql", `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("0", 64) + `"}}}`},
	{"POST", "/graphql", "{}"},
	{"POST", "/graphql", ""},
	{"POST", "/graphql?query=%7Barticles%7Bid%7D%7D", `{"query":"{ articles { id } }"}`},
	{"POST", "/graphql?_method=DELETE", `{"query":"{ articles { id } }"}`},
	{"POST", "/graphql?_method=DELETE", `{"query":"{ articles { id } article { id } }"}`},
	{"POST", "/graphql/", `{"query":"{ articles { id } }"}`},
	{"POST", "/GraphQL", `{"query":"{ articles { id } }"}`},
	{"POST", "/graphql/below", `{"query":"mutation { createArticle { id } }"}`},
	{"POST", "/v1/GQL", `{"query":"{ articles { id } }"}`},
	{"POST", "/graphql2", `{"query":"{ articles { id } }"}`},
	{"POST", "/v1", `{"query":"{ articles { id } }"}`},
	{"GET", "/graphql", ""},
	{"GET", "/graphql?page=1", ""},
	{"GET", "/graphql?query=%7Barticles%7Bid%7D%7D", ""},
	{"GET", "/graphql?query=%7Bsecrets%7Bid%7D%7D", ""},
	{"GET", "/graphql?query=mutation%7BcreateArticle%7Bid%7D%7D", ""},
	{"GET", "/graphql?query=%7Barticles%7Bid%7D%7D&doc=x", ""},
	{"GET", "/graphql", `{"query":"{ articles { id } }"}`},
	{"HEAD", "/graphql?query=%7Barticles%7Bid%7D%7D", ""},
	{"OPTIONS", "/graphql?query=%7Bsecrets%7Bid%7D%7D", ""},
	{"DELETE", "/graphql", ""},
	{"WEBSOCKET", "/graphql", ""},
	{"GET", "/api/articles", ""},
}

// What the page, the REST API and the command say about a request for a path of GraphQL is
// what the gate does.
func TestExplainGraphQL(t *testing.T) {
	g := newGateway(t, nil)
	tokens, err := sqlite.Open(t.Context(), filepath.Join(g.dir, "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer tokens.Close()
	names := []string{"readonly", "full"}
	for name, grants := range map[string][]string{
		"post": {"POST /graphql", "POST /graphql2"}, "get": {"GET /graphql", "query __schema"}, "find": {"article.find"}, "find and create": {"article.*"},
		"subscribe": {"subscription *", "DELETE /graphql"},
	} {
		g.tokens[name] = putToken(t, tokens, token.Token{Name: name, Type: token.Custom, Enabled: true, Grants: grants})
		names = append(names, name)
	}
	write(t, filepath.Join(g.dir, "Caddyfile"), g.fill("{\n\tapi_tokens {\n\t\tstore sqlite DIR/tokens.db\n\t}\n}\n"))
	commands := &shell{t: t, dir: g.dir}
	for _, introspection := range []string{"grant", "allow", "deny"} {
		g.words["INTROSPECTION"] = introspection
		g.mustLoad(explainedSite)
		answers := map[bool]int{}
		for i, name := range names {
			account := fmt.Sprint(introspection, i) // of its own, since nobody may ask for all of it at once
			g.account(account, "owner", adminPassword)
			ann := g.signIn(account)
			for _, a := range askedOfGraphQL {
				allowed := a.send(g, name) == http.StatusOK
				answers[allowed]++
				what := introspection + ", " + name + ": " + a.method + " " + a.target + " " + a.body
				if says := a.rest(t, ann, g.tokens[name].id); says != allowed {
					t.Errorf("%s: the gate says %v, the REST API %v", what, allowed, says)
				}
				if says := a.page(t, g, ann, name); says != allowed {
					t.Errorf("%s: the gate says %v, the page %v", what, allowed, says)
				}
				if introspection == "deny" && name == "find" {
					if _, _, says := commands.run("explain", name, a.method, a.target, "--json-body", a.body); says != allowed {
						t.Errorf("%s: the gate says %v, the command %v", what, allowed, says)
					}
				}
			}
		}
		if answers[true] < 50 || answers[false] < 100 {
			t.Errorf("%s: %v; the requests show too little", introspection, answers)
		}
	}
}

// send makes the request.
func (a asked) send(g *gateway, name string) int {
	g.t.Helper()
	method, headers := a.method, []string{g.bearer(name)}
	if a.body != "" {
		headers = append(headers, "Content-Type: application/json")
	}
	if method == "WEBSOCKET" {
		method, headers = "GET", append(headers, "Connection: Upgrade", "Upgrade: websocket")
	}
	return g.askWith(method, a.target, a.body, headers...).status
}

func (a asked) rest(t *testing.T, p *person, id string) bool {
	t.Helper()
	answer := p.do("POST", "tokens/"+id+"/explain", object{"method": a.method, "path": a.target, "body": a.body}).want(t, http.StatusOK)
	var told struct{ Allowed bool }
	if err := json.Unmarshal([]byte(answer.body), &told); err != nil {
		t.Fatal(err)
	}
	return told.Allowed
}

func (a asked) page(t *testing.T, g *gateway, p *person, name string) bool {
	t.Helper()
	form := url.Values{"token": {name}, "kind": {"rest"}, "method": {a.method}, "path": {a.target}, "body": {a.body}}
	answer := g.ask("GET", "/try?"+form.Encode(), p.headers...).want(t, http.StatusOK)
	allowed := strings.Contains(answer.body, `class="decision allowed"`)
	if allowed == strings.Contains(answer.body, `class="decision refused"`) {
		t.Fatalf("no decision: %s", answer.body)
	}
	return allowed
}
