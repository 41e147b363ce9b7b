package ui

import "testing"

func TestSnippets(t *testing.T) {
	for name, test := range map[string]struct {
		example example
		want    [3]string
	}{
		"authorization": {
			example{Address: "https://api.example.com", Method: "GET", Path: "/api/articles", Place: Place{Scheme: "Bearer"}},
			[3]string{
				`curl -H "Authorization: Bearer trv_x" "https://api.example.com/api/articles"`,
				"const response = await fetch(\"https://api.example.com/api/articles\", {\n  headers: { \"Authorization\": \"Bearer trv_x\" },\n});\n" +
					"console.log(response.status, await response.text());",
				"from urllib.request import Request, urlopen\n\nrequest = Request(\"https://api.example.com/api/articles\", headers={\"Authorization\": \"Bearer trv_x\"})\n" +
					"with urlopen(request) as response:\n    print(response.status, response.read().decode())",
			},
		},
		"a header, and a method": {
			example{Address: "https://api.example.com", Method: "DELETE", Path: "/", Place: Place{Header: "X-API-Key"}},
			[3]string{
				`curl -X DELETE -H "X-API-Key: trv_x" "https://api.example.com/"`,
				"const response = await fetch(\"https://api.example.com/\", {\n  method: \"DELETE\",\n  headers: { \"X-API-Key\": \"trv_x\" },\n});\n" +
					"console.log(response.status, await response.text());",
				"from urllib.request import Request, urlopen\n\nrequest = Request(\"https://api.example.com/\", headers={\"X-API-Key\": \"trv_x\"}, method=\"DELETE\")\n" +
					"with urlopen(request) as response:\n    print(response.status, response.read().decode())",
			},
		},
		"GraphQL": {
			example{Address: "https://api.example.com", Method: "POST", Path: "/graphql", Body: anyQuery, Place: Place{Scheme: "Bearer"}},
			[3]string{
				`curl -X POST -H "Authorization: Bearer trv_x" -H "Content-Type: application/json" -d '{"query":"{ __typename }"}' "https://api.example.com/graphql"`,
				"const response = await fetch(\"https://api.example.com/graphql\", {\n  method: \"POST\",\n" +
					"  headers: { \"Authorization\": \"Bearer trv_x\", \"Content-Type\": \"application/json\" },\n" +
					"  body: \"{\\\"query\\\":\\\"{ __typename }\\\"}\",\n});\nconsole.log(response.status, await response.text());",
				"from urllib.request import Request, urlopen\n\nrequest = Request(\"https://api.example.com/graphql\", " +
					"headers={\"Authorization\": \"Bearer trv_x\", \"Content-Type\": \"application/json\"}, data=\"{\\\"query\\\":\\\"{ __typename }\\\"}\".encode(), method=\"POST\")\n" +
					"with urlopen(request) as response:\n    print(response.status, response.read().decode())",
			},
		},
		"a parameter, and what shells read": {
			example{Address: "https://api.example.com", Method: "GET", Path: "/$a", Place: Place{Query: "api_token"}},
			[3]string{
				`curl 'https://api.example.com/$a?api_token=trv_x'`,
				"const response = await fetch(\"https://api.example.com/$a?api_token=trv_x\");\nconsole.log(response.status, await response.text());",
				"from urllib.request import Request, urlopen\n\nrequest = Request(\"https://api.example.com/$a?api_token=trv_x\")\n" +
					"with urlopen(request) as response:\n    print(response.status, response.read().decode())",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for i, s := range test.example.snippets("trv_x") {
				if s.Text != test.want[i] {
					t.Errorf("%s:\n%s\nwant\n%s", s.Title, s.Text, test.want[i])
				}
			}
		})
	}
}
