package caddymodule

import (
	"io"
	"net/http"

	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// texts are what people get who follow a link, by path. Pages will take their place.
var texts = map[string]string{
	"/": `This is Tokenreeve, which manages the API tokens of this server.

There are no pages yet. The REST API is described in ` + rest.Path + `openapi.yaml;
docs/management.md shows how to sign in and make tokens with curl.
`,
	setUpPath: `There is no owner here yet. To make the first account with all rights, run this with
what stands behind # in the link, and a name and a password of 12 characters or more:

    curl ADDRESS` + rest.Path + `set-up -H 'Content-Type: application/json' \
        -d '{"link": "trs_...", "name": "ann", "password": "..."}'

ADDRESS is how the link begins, such as https://tokens.example.com. The link works once, for an
hour, and only until there is an owner. Restart the gateway for a new one.
`,
}

// setUpPath is where the set-up link leads.
const setUpPath = "/set-up"

// servePage answers what is not of the REST API.
func (*Admin) servePage(w http.ResponseWriter, r *http.Request) error {
	text, ok := texts[r.URL.Path]
	if !ok {
		return answerProblem(w, problem{
			Status: http.StatusNotFound, Code: "not_found",
			Detail: "There is nothing at this path. " + rest.Path + "openapi.yaml has all that there is.",
		})
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return answerProblem(w, problem{
			Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Detail: "This path has only GET and HEAD.",
		})
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text) // who went away misses nothing
	return nil
}
