package caddymodule

import (
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
)

// strapiSite is a gate as it stands in front of Strapi.
const strapiSite = `http://GATE {
	bind 127.0.0.1
	api_tokens articles {
		dialect strapi {
			salt {env.API_TOKEN_SALT}
		}
		graphql /graphql
		resource article /api/articles graphql
		resource homepage /api/homepage single graphql
	}
	reverse_proxy BACKEND
}
`

func newStrapi(t *testing.T, b *backend) *gateway {
	t.Helper()
	t.Setenv("API_TOKEN_SALT", "the salt")
	g := newGateway(t, map[string]string{"BACKEND": b.addr(), "TOKENS": "cache_ttl 1h\n\t\tflush_interval 10ms"})
	g.mustLoad(strapiSite)
	return g
}

// strapiHash is what Strapi stores: crypto.createHmac("sha512", "the salt").update(secret).digest("hex").
const (
	strapiSecret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	strapiHash   = "d17318c1539eec5d934e9a067e014f6ce71d19f103af13a04aa7ec4ec1019df1b2cd404d0b32d329777ee738154e3328e55cbbab99f9108b345cddd369adc880"
)

// noToken stands where others have a header with one.
const noToken = "Accept: */*"

// The answers of Strapi, byte for byte.
const (
	strapiUnknown   = `{"data":null,"error":{"status":401,"name":"UnauthorizedError","message":"Missing or invalid credentials","details":{}}}`
	strapiExpired   = `{"data":null,"error":{"status":401,"name":"UnauthorizedError","message":"Token expired","details":{}}}`
	strapiForbidden = `{"data":null,"error":{"status":403,"name":"ForbiddenError","message":"Forbidden","details":{}}}`
	strapiGraphQL1  = `{"data":null,"errors":[{"message":"Forbidden access","extensions":{"error":{"name":"ForbiddenError","message":"Forbidden access","details":{}},"code":"FORBIDDEN"}}]}`
)

func TestStrapiAnswers(t *testing.T) {
	b := startBackend(t, "")
	g := newStrapi(t, b)
	const query, mutation = `{"query":"{ articles { id } }"}`, `{"query":"mutation { createArticle { id } }"}`
	for _, test := range []struct {
		name, method, target, body string
		header                     string
		status                     int
		answer                     string // empty: it reaches the backend
	}{
		{"none", "GET", "/api/articles", "", noToken, 401, strapiUnknown},
		{"unknown", "GET", "/api/articles", "", g.bearer("unknown"), 401, strapiUnknown},
		{"malformed", "GET", "/api/articles", "", "Authorization: Bearer x", 401, strapiUnknown},
		{"disabled", "GET", "/api/articles", "", g.bearer("revoked"), 401, strapiUnknown},
		{"of another API", "GET", "/api/articles", "", g.bearer("other"), 401, strapiUnknown},
		{"the hash of a secret", "GET", "/api/articles", "", "Authorization: Bearer " + strapiHash, 401, strapiUnknown},
		{"expired", "GET", "/api/articles/1", "", g.bearer("expired"), 401, strapiExpired},
		{"find_one only", "GET", "/api/articles", "", g.bearer("custom"), 403, strapiForbidden},
		{"find only", "POST", "/api/articles", "{}", g.bearer("finder"), 403, strapiForbidden},
		{"read-only writes", "PUT", "/api/articles/1", "{}", g.bearer("readonly"), 403, strapiForbidden},
		{"read-only deletes", "DELETE", "/api/articles/1", "", g.bearer("readonly"), 403, strapiForbidden},
		{"a single type", "PUT", "/api/homepage", "{}", g.bearer("finder"), 403, strapiForbidden},
		{"no permission has it", "GET", "/api/others", "", g.bearer("finder"), 403, strapiForbidden},
		{"GraphQL, none", "POST", "/graphql", query, noToken, 401, strapiUnknown},
		{"GraphQL, unknown", "POST", "/graphql", query, g.bearer("unknown"), 401, strapiUnknown},
		{"GraphQL, expired", "POST", "/graphql", query, g.bearer("expired"), 401, strapiExpired},
		{"GraphQL, forbidden", "POST", "/graphql", mutation, g.bearer("finder"), 200, strapiGraphQL1},
		{"GraphQL, read-only writes", "POST", "/graphql", mutation, g.bearer("readonly"), 200, strapiGraphQL1},
		{"GraphQL, a batch", "POST", "/graphql", "[" + query + "," + mutation + "]", g.bearer("finder"), 200, "[" + strapiGraphQL1 + "," + strapiGraphQL1 + "]"},

		{"find", "GET", "/api/articles?populate=*", "", g.bearer("finder"), 200, ""},
		{"find_one", "GET", "/api/articles/1", "", g.bearer("custom"), 200, ""},
		{"the scheme in any case", "GET", "/api/articles/1", "", strings.Replace(g.bearer("custom"), "Bearer", "bEARER", 1), 200, ""},
		{"read-only reads", "GET", "/api/homepage", "", g.bearer("readonly"), 200, ""},
		{"read-only reads what no permission has", "GET", "/api/stats", "", g.bearer("readonly"), 200, ""},
		{"full access", "DELETE", "/api/homepage", "", g.bearer("full"), 200, ""},
		{"GraphQL", "POST", "/graphql", query, g.bearer("finder"), 200, ""},
	} {
		a := g.askWith(test.method, test.target, test.body, test.header, "Content-Type: application/json")
		got := b.take()
		if test.answer == "" {
			if a.status != test.status || len(got) != 1 {
				t.Errorf("%s: %d %s; %d requests reached the backend", test.name, a.status, a.body, len(got))
			}
			continue
		}
		if a.status != test.status || a.body != test.answer || len(got) != 0 {
			t.Errorf("%s: got %d %s; want %d %s; %d requests reached the backend", test.name, a.status, a.body, test.status, test.answer, len(got))
		}
		if kind := a.header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", test.name, kind)
		}
	}
}

// A token of which only Strapi's hash is known works, and stops with the next
// request after it was switched off. One whose end is past says so.
func TestStrapiTokensWorkUnchanged(t *testing.T) {
	b := startBackend(t, "")
	g := newStrapi(t, b)
	service, ctx := g.manage(), t.Context()
	read := admin.StrapiToken{Name: "site", Type: "custom", Hash: strapiHash, Actions: []string{"api::article.article.findOne", "api::homepage.homepage.find"}}
	list, lost, err := service.FromStrapi(ctx, admin.StrapiPlan{API: "articles"}, []admin.StrapiToken{read})
	if err != nil || len(lost) > 0 {
		t.Fatal(err, lost)
	}
	bearer := "Authorization: Bearer " + strapiSecret
	if a := g.ask("GET", "/api/articles/1", bearer); a.status != 401 {
		t.Errorf("before: %d %s", a.status, a.body)
	}
	made, err := service.TakeOver(ctx, admin.Operator("ann"), list, true)
	if err != nil || len(made) != 1 || made[0].Problems != nil {
		t.Fatal(err, made)
	}
	for range 2 { // from the store, and from memory
		for target, status := range map[string]int{"/api/articles/1": 200, "/api/homepage": 200, "/api/articles": 403} {
			if a := g.ask("GET", target, bearer); a.status != status {
				t.Errorf("%s: %d %s; want %d", target, a.status, a.body, status)
			}
		}
	}
	if got := b.take(); len(got) != 4 || strings.Contains(got[0].raw, strapiSecret) || !strings.Contains(got[0].raw, made[0].Token.ID) {
		t.Errorf("the backend got %v", got)
	}
	eventually(t, "its use is written beside the secret", func() bool {
		secrets, err := service.Secrets(ctx, admin.Operator("ann"), made[0].Token.ID)
		return err == nil && len(secrets) == 1 && secrets[0].LastUsed != nil
	})
	if _, err := service.SetEnabled(ctx, admin.Operator("ann"), made[0].Token.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	if a := g.ask("GET", "/api/articles/1", bearer); a.status != 401 || a.body != strapiUnknown {
		t.Errorf("switched off: %d %s", a.status, a.body)
	}
	if _, err := service.Delete(ctx, admin.Operator("ann"), made[0].Token.ID, 0); err != nil {
		t.Fatal(err)
	}
	if made, err = service.TakeOver(ctx, admin.Operator("ann"), list, true); err != nil || !made[0].Gone {
		t.Fatal(err, made)
	}
	if a := g.ask("GET", "/api/articles/1", bearer); a.status != 401 || a.body != strapiUnknown {
		t.Errorf("deleted, and the import ran again: %d %s", a.status, a.body)
	}
	list[0].Expiry, list[0].Again = time.Now().Add(-time.Hour), true
	if made, err = service.TakeOver(ctx, admin.Operator("ann"), list, true); err != nil || made[0].Problems != nil {
		t.Fatal(err, made)
	}
	if a := g.ask("GET", "/api/articles/1", bearer); a.status != 401 || a.body != strapiExpired {
		t.Errorf("expired: %d %s", a.status, a.body)
	}
	if strings.Contains(g.log(), strapiSecret) {
		t.Error("the log holds the secret")
	}
}

// The salt is a secret: it stands nowhere in the configuration.
func TestSaltIsFilledInLate(t *testing.T) {
	t.Setenv("API_TOKEN_SALT", "the salt")
	t.Setenv("EMPTY", "")
	b := startBackend(t, "")
	g := newGateway(t, map[string]string{"BACKEND": b.addr()})
	config, err := adapt(g.fill(preamble + strapiSite))
	if err != nil || strings.Contains(string(config), "the salt") {
		t.Errorf("%v: %s", err, config)
	}
	for _, test := range []struct{ from, to, says string }{
		{"salt {env.API_TOKEN_SALT}", "salt the-salt-itself", "salt must be a placeholder"},
		{"API_TOKEN_SALT}", "EMPTY}", "salt of API articles: EMPTY is not set, or empty; set it in the environment of the gateway's process"},
		{"API_TOKEN_SALT}", "NOWHERE_AT_ALL}", "salt of API articles: NOWHERE_AT_ALL is not set, or empty; set it in the environment of the gateway's process"},
		{"{env.API_TOKEN_SALT}", "{file./nowhere/at-all}", "salt of API articles: {file./nowhere/at-all} is empty, or can't be read"},
		{"dialect strapi", "dialect apitoken", "salt"},
	} {
		err := g.load(strings.Replace(strapiSite, test.from, test.to, 1))
		if err == nil || strings.Contains(err.Error(), "the-salt-itself") || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.to, err)
		}
	}
}
