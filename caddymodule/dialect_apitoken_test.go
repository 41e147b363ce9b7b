package caddymodule

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/token"
)

// apiTokenSite is a gate as it stands in front of a service of this kind.
const apiTokenSite = `http://GATE {
	bind 127.0.0.1
	api_tokens articles {
		dialect apitoken
		SOURCES
		resource article /api/articles
	}
	reverse_proxy BACKEND
}
`

// No 401 comes without a challenge, and nothing with one that a token changes nothing about
// (security rule 9).
func TestAPITokenChallenges(t *testing.T) {
	h := Handler{API: "articles", Dialect: "apitoken"}
	if err := h.setDialect(); err != nil {
		t.Fatal(err)
	}
	for _, reason := range gate.Reasons() {
		status := reason.Status()
		want := status == 400 || status == 401 || status == 403
		if got := h.challenge(&gate.Decision{Reason: reason}); strings.HasPrefix(got, `apiToken realm="articles"`) != want {
			t.Errorf("%s: %q", reason, got)
		}
	}
}

// 401 for everything that is wrong with a token or with what it may do.
func TestAPITokenAnswers(t *testing.T) {
	b := startBackend(t, "")
	g := newGateway(t, map[string]string{"BACKEND": b.addr(), "SOURCES": "from authorization apiToken\n\t\tfrom query apiToken"})
	g.mustLoad(apiTokenSite)
	// Tokens may hold any visible character, a colon among them.
	const odd = "versio:user:4f2a,b;c=d/e+f~!\"#$%&'()*<>?@[\\]^`{|}"
	asked := admin.NewToken{API: "articles", Name: "odd", Type: token.ReadOnly, Duration: "unlimited"}
	if _, err := g.manage().Import(t.Context(), admin.Operator("ann"), asked, odd); err != nil {
		t.Fatal(err)
	}
	with := func(kind string) string { return "Authorization: apiToken " + g.tokens[kind].secret }
	inQuery := func(secret string) string { return "/api/articles?apiToken=" + url.QueryEscape(secret) }
	for _, test := range []struct {
		name, method, target, header string
		status                       int
		code                         string
		more                         []string
	}{
		{"none", "GET", "/api/articles", noToken, 401, "invalid_token", nil},
		{"unknown", "GET", "/api/articles", with("unknown"), 401, "invalid_token", nil},
		{"disabled", "GET", "/api/articles", with("revoked"), 401, "invalid_token", nil},
		{"expired", "GET", "/api/articles", with("expired"), 401, "invalid_token", nil},
		{"no permission", "POST", "/api/articles", with("finder"), 401, "missing_permission", nil},
		{"read-only writes", "DELETE", "/api/articles/1", with("readonly"), 401, "missing_permission", nil},
		{"another scheme", "GET", "/api/articles", g.bearer("full"), 401, "invalid_token", nil},
		{"unknown, in the query", "GET", inQuery(g.tokens["unknown"].secret), noToken, 401, "invalid_token", nil},
		{"in both places", "GET", inQuery(g.tokens["full"].secret), with("full"), 400, "ambiguous_credential", nil},
		{"never forwarded", "TRACE", "/api/articles", with("full"), 401, "refused_method", nil},
		{"another method", "GET", "/api/articles", with("finder"), 401, "method_override", []string{"X-HTTP-Method-Override: DELETE"}},

		{"known", "GET", "/api/articles", with("finder"), 200, "", nil},
		{"as Instana writes it", "GET", "/api/articles", "Authorization: apiToken " + g.tokens["finder"].secret, 200, "", nil},
		{"as SentinelOne writes it", "GET", "/api/articles", "Authorization: ApiToken " + g.tokens["finder"].secret, 200, "", nil},
		{"as F5 writes it", "GET", "/api/articles", "Authorization: APIToken " + g.tokens["finder"].secret, 200, "", nil},
		{"in the query", "GET", inQuery(g.tokens["finder"].secret), noToken, 200, "", nil},
		{"odd characters", "GET", "/api/articles", "Authorization: apiToken " + odd, 200, "", nil},
		{"odd characters in the query", "GET", inQuery(odd), noToken, 200, "", nil},
	} {
		a := g.ask(test.method, test.target, append(test.more, test.header)...)
		got := b.take()
		if a.status != test.status || (len(got) == 1) != (test.code == "") {
			t.Errorf("%s: got %d %s; want %d; %d requests reached the backend", test.name, a.status, a.body, test.status, len(got))
			continue
		}
		if test.code == "" {
			if strings.Contains(got[0].raw, "apiToken") || strings.Contains(got[0].raw, "versio") {
				t.Errorf("%s: the backend got the token: %s", test.name, got[0].raw)
			}
			continue
		}
		var p problem
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Status != test.status || p.Code != test.code {
			t.Errorf("%s: %v: %s", test.name, err, a.body)
		}
		if challenge := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, `apiToken realm="articles"`) {
			t.Errorf("%s: WWW-Authenticate %q", test.name, challenge)
		}
	}
	// Who doesn't ask for it gets no tokens in queries, which show in histories and logs.
	g.words["SOURCES"] = ""
	g.mustLoad(apiTokenSite)
	if a := g.ask("GET", inQuery(g.tokens["full"].secret)); a.status != 401 {
		t.Errorf("in the query, which is no source: %d", a.status)
	}
}
