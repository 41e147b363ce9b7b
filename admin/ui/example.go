package ui

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// example is a request that a token may make.
type example struct {
	Address string
	Known   bool // this is where the API is
	Method  string
	Path    string // as in an address; unknownPath if none is known that it may call
	Body    string // JSON; empty for none
	Place   Place
	Writes  bool
	Mind    []string // keys of the texts
	Unmet   []unmet  // what the token lacks
}

// unknownPath stands for a path that whoever pastes the lines has to fill in.
const unknownPath = "/PATH"

const (
	// anyQuery is a GraphQL query that every token may make.
	anyQuery = `{"query":"{ __typename }"}`
	// anyBody stands for a body that whoever pastes the lines has to fill in. Without
	// one, servers of JSON refuse the request for its type.
	anyBody = "{}"
)

func (u *ui) exampleFor(c *call, t *token.Token) (example, error) {
	e := example{Method: http.MethodGet, Path: unknownPath, Place: u.Place(t.API)}
	e.Address, e.Known = u.address(c, &e.Place)
	if e.Place.Scheme == "" && e.Place.Header == "" && e.Place.Query == "" {
		e.Place.Scheme = "Bearer" // what gates take unless they are told otherwise
	}
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return e, err
	}
	if i := slices.IndexFunc(catalogs, func(c store.Catalog) bool { return c.API == t.API }); i >= 0 {
		e.Unmet = allUnmet(catalogs[i].Permissions, t.Grants)
		if err := e.choose(catalogs[i].Permissions, t); err != nil {
			return e, err
		}
	}
	e.Mind = e.toMind()
	return e, nil
}

// toMind returns what to say beside the lines.
func (e *example) toMind() (mind []string) {
	switch {
	case !e.Known:
		mind = append(mind, "secret.unknown-address")
	case e.Path == unknownPath:
		mind = append(mind, "secret.unknown-path")
	}
	switch {
	case e.Method == http.MethodDelete:
		mind = append(mind, "secret.deletes")
	case e.Writes:
		mind = append(mind, "secret.writes")
	}
	if e.Body != "" && e.Body != anyQuery {
		mind = append(mind, "secret.body")
	}
	return mind
}

// choose takes an operation that the token may do: if there is one, a GET of a path
// that has nothing to fill in; a GraphQL query if the token may do nothing else.
func (e *example) choose(permissions []permission.Permission, t *token.Token) error {
	catalog, err := permission.NewCatalog(permissions)
	if err != nil {
		return err
	}
	grants, err := catalog.Compile(t.Grants)
	if err != nil {
		return err
	}
	best := 0
	for op, f := range requestsOf(operationsOf(catalog, t.Grants), fixedBy(t.Grants)) {
		m := catalog.With(catalog.Find(op.Method, f.decoded), f.values)
		reads := catalog.Reads(m)
		if t.Type == token.ReadOnly && !reads || t.Type == token.Custom && !allowed(catalog, grants, m) || bodyOfGet(op, f) {
			continue
		}
		if worth := worthOf(op, reads); worth > best {
			best, e.Method, e.Path, e.Body, e.Writes = worth, op.Method, f.sent, f.body, !reads
		}
	}
	if best == 0 && (e.Place.GraphQL != "" || hasFields(catalog, t.Grants)) {
		e.Method, e.Body = http.MethodPost, anyQuery
		if e.Place.GraphQL != "" {
			_, e.Path = examplePath(e.Place.GraphQL, nil)
		}
	}
	return nil
}

// bodyOfGet reports whether the request is one that curl would make a POST of, and that
// browsers don't send.
func bodyOfGet(op permission.Operation, f filled) bool {
	return f.body != "" && (op.Method == http.MethodGet || op.Method == http.MethodHead)
}

// allowed reports whether grants allow a match and all that it requires.
func allowed(catalog *permission.Catalog, grants *permission.Grants, m permission.Match) bool {
	beyond := func(m permission.Match) bool { return !grants.Allow(m) }
	return grants.Allow(m) && !slices.ContainsFunc(catalog.Required(m), beyond)
}

// worthOf says how good an example an operation is: better one that reads, that needs
// no body, that has nothing to fill in, and that makes something new. To delete comes last.
func worthOf(op permission.Operation, reads bool) int {
	worth := 1
	switch {
	case reads && op.Method == http.MethodGet:
		worth = 11
	case reads:
		worth = 9
	case op.Method == http.MethodPost:
		worth = 7
	case op.Method == http.MethodPatch:
		worth = 5
	case op.Method != http.MethodDelete:
		worth = 3
	}
	pattern := op.Pattern.String()
	switch last := pattern[strings.LastIndexByte(pattern, '/')+1:]; {
	case op.Method == http.MethodDelete && strings.HasPrefix(last, "{"), // rather one than all
		op.Method != http.MethodDelete && !strings.ContainsAny(pattern, "{*"):
		worth++
	}
	return worth
}

// bodyOf returns a body for requests that usually have one.
func bodyOf(method string) string {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return anyBody
	}
	return ""
}

// hasFields reports whether a catalog or grants have operations of GraphQL.
func hasFields(catalog *permission.Catalog, grants []string) bool {
	return slices.ContainsFunc(allOperations(catalog, grants), func(op permission.Operation) bool { return permission.IsKind(op.Method) })
}

// operationsOf returns the HTTP operations of a catalog, and those of grants.
func operationsOf(catalog *permission.Catalog, grants []string) []permission.Operation {
	return slices.DeleteFunc(allOperations(catalog, grants), func(op permission.Operation) bool {
		return permission.IsKind(op.Method) || op.Method == permission.WebSocket
	})
}

func allOperations(catalog *permission.Catalog, grants []string) []permission.Operation {
	var all []permission.Operation
	for _, p := range catalog.Permissions() {
		all = append(all, p.Operations...)
	}
	for _, grant := range grants {
		if op, err := permission.ParseOperation(grant); err == nil {
			all = append(all, op)
		}
	}
	return all
}

func joinHostPort(host, port string) string {
	switch {
	case port != "":
		return net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		return "[" + host + "]"
	default:
		return host
	}
}
