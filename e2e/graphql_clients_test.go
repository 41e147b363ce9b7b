package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// clients runs the client libraries, each in a script that does what applications
// do, and compares what they show with what applications need to know.
func (x *graphQLTable) clients(t *testing.T) {
	x.t = t
	secrets, err := json.Marshal(x.gateway.secrets)
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "GRAPHQL_URL=http://"+x.closed+"/graphql", "GRAPHQL_OPENED=http://"+x.opened+"/graphql", "GRAPHQL_SECRETS="+string(secrets))
	for _, c := range graphQLClients {
		t.Run(c.script, func(t *testing.T) {
			stdout, stderr, code := run(t, t.TempDir(), env, installed(t), filepath.Join(root, "e2e", "graphql", c.script+".mjs"))
			var got map[string]json.RawMessage
			if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil {
				t.Fatalf("code %d, %v: %s%s", code, err, stdout, stderr)
			}
			for what, want := range c.shows {
				if want != string(got[what]) {
					t.Errorf("%s:\n got %s\nwant %s", what, got[what], want)
				}
				delete(got, what)
			}
			for what, shown := range got {
				t.Errorf("%s: nothing is expected of %s", what, shown)
			}
			if ran := x.ran(); !slices.Equal(ran, c.runs) {
				t.Errorf("ran %q; want %q", ran, c.runs)
			}
		})
	}
}

// What applications see. A refusal has the code by which they tell what to do, the
// permission that is missing, and the gate's own reason.
const (
	shownArticles = `{"articles":[{"id":"1"},{"id":"2"}]}`
	shownNew      = `{"createArticle":{"title":"New"}}`
	shownMissing  = `"errors":["FORBIDDEN article.create missing_permission"]}`
	shownOther    = `"errors":["FORBIDDEN article.find missing_permission"]}`
	shownToken    = `"errors":["UNAUTHENTICATED invalid_token"]}`
	shownDoubt    = `"errors":["BAD_REQUEST ambiguous_request"]}`

	// Apollo Client asks for the types too, and shows no status for an answer that
	// has GraphQL errors.
	apolloArticles = `{"articles":[{"id":"1","__typename":"Article"},{"id":"2","__typename":"Article"}]}`
	apolloError    = `{"class":"CombinedGraphQLErrors",`
	ofTwo          = `[` + apolloArticles + `,` + apolloArticles + `]`

	clientError   = `{"class":"ClientError","status":`
	combinedError = `{"class":"CombinedError","status":`
)

// graphQLClients are the scripts in e2e/graphql that are clients, what each shows,
// and what the server ran for it.
var graphQLClients = []struct {
	script string
	shows  map[string]string
	runs   []string
}{
	{"graphql-request", map[string]string{
		"allowed":         shownArticles,
		"granted":         shownNew,
		"forbidden":       clientError + `403,` + shownMissing,
		"not granted":     clientError + `403,` + shownOther,
		"unknown token":   clientError + `401,` + shownToken,
		"ambiguous":       clientError + `400,` + shownDoubt,
		"batch":           `[{"data":` + shownArticles + `},{"data":{"article":{"title":"First"}}}]`,
		"forbidden batch": clientError + `403,"errors":["FORBIDDEN article.create missing_permission","FORBIDDEN article.create missing_permission"]}`,

		"unknown token, batch": clientError + `401,` + shownToken,
	}, []string{"query articles", "mutation createArticle", "query articles", "query article"}},

	{"apollo-client", map[string]string{
		"allowed":         apolloArticles,
		"granted":         `{"createArticle":{"__typename":"Article","id":"3","title":"New"}}`,
		"forbidden":       apolloError + shownMissing,
		"not granted":     apolloError + shownOther,
		"unknown token":   apolloError + shownToken,
		"ambiguous":       apolloError + shownDoubt,
		"batch":           `[` + apolloArticles + `,{"article":{"id":"1","title":"First","__typename":"Article"}}]`,
		"forbidden batch": `[` + apolloError + shownMissing + `,` + apolloError + shownMissing + `]`,
		// Without a good token no body is read, so the answer can't be as long as the batch.
		"unknown token, batch": `[{"class":"Error",` + shownToken + `,{"class":"Error",` + shownToken + `]`,
		"persisted":            `{"got":` + ofTwo + `,"sent":["POST hash: 400","POST document+hash: 200","POST hash: 200"]}`,
		"persisted by GET":     `{"got":` + ofTwo + `,"sent":["GET hash: 400","GET document+hash: 200","GET hash: 200"]}`,
		"persisted in batches": `{"got":[` + ofTwo[1:len(ofTwo)-1] + `,` + ofTwo[1:] + `,"sent":["POST hash,hash: 400","POST document+hash,document+hash: 200","POST hash,hash: 200"]}`,
		"persisted, forbidden": `{"got":[` + apolloError + shownMissing + `],"sent":["POST hash: 400","POST document+hash: 403"]}`,
	}, append([]string{"query articles", "mutation createArticle", "query articles", "query article"}, slices.Repeat([]string{"query articles"}, 8)...)},

	{"urql", map[string]string{
		"allowed":              shownArticles,
		"granted":              shownNew,
		"forbidden":            combinedError + `403,` + shownMissing,
		"not granted":          combinedError + `403,` + shownOther,
		"unknown token":        combinedError + `401,` + shownToken,
		"ambiguous":            combinedError + `400,` + shownDoubt,
		"persisted":            `{"got":[` + shownArticles + `,` + shownArticles + `],"sent":["POST hash: 400","POST document+hash: 200","POST hash: 200"]}`,
		"persisted by GET":     `{"got":[` + shownArticles + `,` + shownArticles + `],"sent":["GET hash: 400","GET document+hash: 200","GET hash: 200"]}`,
		"persisted, forbidden": `{"got":` + combinedError + `403,` + shownMissing + `,"sent":["POST hash: 400","POST document+hash: 403"]}`,
		"upload":               `{"attach":7}`,
		"upload, forbidden":    combinedError + `403,"errors":["FORBIDDEN mutation attach missing_permission"]}`,
		"upload, not let in":   combinedError + `400,` + shownDoubt,
	}, []string{"query articles", "mutation createArticle", "query articles", "query articles", "query articles", "query articles", "mutation attach"}},

	{"websocket", map[string]string{
		"full":       `{"got":["1","2"]}`,
		"subscriber": `{"got":["1","2"]}`,
		"reader":     refusedSocket(403),
		"follower":   refusedSocket(403), // frames are not read, so one field is not enough
		"gone":       refusedSocket(401),
	}, []string{"subscription articleAdded", "subscription articleAdded"}},
}

// refusedSocket is what graphql-ws sees of a handshake that was refused.
func refusedSocket(status int) string {
	return `{"got":[],"status":` + strconv.Itoa(status) + `,"error":"WebSocket was closed before the connection was established"}`
}
