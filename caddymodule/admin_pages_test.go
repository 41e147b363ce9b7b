package caddymodule

import (
	"testing"

	"github.com/tokenreeve/tokenreeve/admin/ui"
)

// The pages show lines to paste, so they have to know where an API is.
func TestPlaceOfAPI(t *testing.T) {
	const gates = "{\n\tapi_tokens articles {\n\t\tfrom query api_token\n\t\tfrom header X-Key\n\t\tfrom header X-Second\n\t}\n}\n"
	for name, test := range map[string]struct {
		gates, api string
		want       ui.Place
	}{
		"a name":          {"api.example.com " + gates, "articles", ui.Place{Address: "https://api.example.com", Header: "X-Key"}},
		"a port":          {":8080 " + gates, "articles", ui.Place{Address: "http://localhost:8080", AnyHost: true, Header: "X-Key"}},
		"localhost":       {"http://localhost:8080 " + gates, "articles", ui.Place{Address: "http://localhost:8080", Header: "X-Key"}},
		"a wildcard":      {"http://*.example.com " + gates, "articles", ui.Place{Header: "X-Key"}},
		"TLS comes first": {"http://a.example.com " + gates + "b.example.com " + gates, "articles", ui.Place{Address: "https://b.example.com", Header: "X-Key"}},
		"a block":         {"api.example.com {\n\thandle /articles/* {\n\t\tapi_tokens other {\n\t\t\tfrom query key\n\t\t}\n\t}\n}\n", "other", ui.Place{Address: "https://api.example.com", Query: "key"}},
		"Authorization":   {"api.example.com {\n\tapi_tokens blog {\n\t\tfrom query key\n\t\tfrom header X-Key\n\t\tfrom authorization apiToken\n\t}\n}\n", "blog", ui.Place{Address: "https://api.example.com", Scheme: "apiToken"}},
		"GraphQL":         {"api.example.com {\n\tapi_tokens blog {\n\t\tgraphql /graphql\n\t}\n}\n", "blog", ui.Place{Address: "https://api.example.com", Scheme: "Bearer", GraphQL: "/graphql"}},
		"management":      {"", "tokenreeve", ui.Place{Address: "https://tokens.example.com", Scheme: "Bearer"}},
		"elsewhere":       {"", "articles", ui.Place{}},
	} {
		t.Run(name, func(t *testing.T) {
			a := provisioned(t, test.gates+"tokens.example.com {\n\tapi_tokens_admin\n}\n")[0]
			a.app.findPlaces()
			if got := a.place(test.api); got != test.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}
