package rest

import (
	"net/http"
	"path"

	"github.com/tokenreeve/tokenreeve/admin"
)

// route is one operation of the API.
type route struct {
	method, path string
	parameters   []string // in the query, beside which there are none
	body         any      // an empty one of what it reads; nil if it reads none
	optional     bool     // the body may be missing
	public       bool     // nobody is asked who they are
	handle       func(a *api, c *call) error
}

// call is a request on its way.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	actor admin.Actor // zero in public routes
	query map[string]string
	route route
}

func routes() []route {
	var all []route
	for _, some := range [][]route{sessionRoutes, apiRoutes, tokenRoutes, tokenChangeRoutes, draftRoutes, accountRoutes, roleRoutes, auditRoutes} {
		all = append(all, some...)
	}
	return all
}

// serve runs a route: who asks, how often, with which parameters; then the route itself.
func (a *api) serve(route route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, r: r, route: route}
		err := a.admit(c)
		if err == nil {
			c.query, err = parameters(r.URL.RawQuery, route.parameters)
		}
		if err == nil {
			err = route.handle(a, c)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	}
}

// admit finds out who asks, and refuses those who ask too often.
func (a *api) admit(c *call) (err error) {
	who := a.Authenticate
	if c.route.public {
		who = nil
	}
	if c.actor, err = a.Admission.Admit(c.r, who); c.actor.Account != nil {
		c.actor.Via = admin.ViaAPI
	}
	return err
}

// unrouted returns the refusal of a request that no route is for. The mux itself
// would answer with plain text, and send paths that are not clean elsewhere. For
// OPTIONS of a path that is there it only sets Allow.
func (a *api) unrouted(w http.ResponseWriter, r *http.Request) error {
	missing := problem(http.StatusNotFound, "not_found", "There is nothing at this path. "+Path+"openapi.yaml has all that there is.")
	if path.Clean(r.URL.Path) != r.URL.Path {
		return missing
	}
	handler, pattern := a.mux.Handler(r)
	if pattern != "" {
		return nil
	}
	refused := &headerOnly{header: http.Header{}}
	handler.ServeHTTP(refused, r)
	allow := refused.header.Get("Allow")
	if allow == "" {
		return missing
	}
	allow += ", " + http.MethodOptions
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", allow)
		return nil
	}
	return problem(http.StatusMethodNotAllowed, "method_not_allowed", "This path has only "+allow+".").with("Allow", allow)
}

// headerOnly is a ResponseWriter that keeps nothing but headers.
type headerOnly struct{ header http.Header }

func (h *headerOnly) Header() http.Header            { return h.header }
func (h *headerOnly) Write(text []byte) (int, error) { return len(text), nil }
func (h *headerOnly) WriteHeader(int)                {}
