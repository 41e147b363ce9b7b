package ui

import (
	"net"
	"net/http"
	"net/url"
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
	Problem string // key of the texts: what to mind; may be empty
}

// unknownPath stands for a path that whoever pastes the lines has to fill in.
const unknownPath = "/PATH"

// anyQuery is a GraphQL query that every token may make.
const anyQuery = `{"query":"{ __typename }"}`

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
		if err := e.choose(catalogs[i].Permissions, t); err != nil {
			return e, err
		}
	}
	switch {
	case !e.Known:
		e.Problem = "secret.unknown-address"
	case e.Path == unknownPath:
		e.Problem = "secret.unknown-path"
	case e.Body == "" && e.Method != http.MethodGet:
		e.Problem = "secret.writes"
	}
	return e, nil
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
	for _, op := range operationsOf(catalog, t.Grants) {
		decoded, sent := exampleOf(op.Pattern.String())
		m := catalog.Find(op.Method, decoded)
		if t.Type == token.ReadOnly && !catalog.Reads(m) || t.Type == token.Custom && !grants.Allow(m) {
			continue
		}
		worth := 1
		if op.Method == http.MethodGet {
			worth += 2
		}
		if !strings.ContainsAny(op.Pattern.String(), "{*") {
			worth++
		}
		if worth > best {
			best, e.Method, e.Path = worth, op.Method, sent
		}
	}
	if best == 0 && (e.Place.GraphQL != "" || hasFields(catalog, t.Grants)) {
		e.Method, e.Body = http.MethodPost, anyQuery
		if e.Place.GraphQL != "" {
			_, e.Path = exampleOf(e.Place.GraphQL)
		}
	}
	return nil
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

// exampleOf returns a path that a pattern matches: decoded, and as it is sent.
func exampleOf(pattern string) (decoded, sent string) {
	var plain, escaped []string
	for segment := range strings.SplitSeq(pattern, "/") {
		switch {
		case strings.HasPrefix(segment, "{"), segment == "*":
			segment = "1"
		default:
			if literal, err := url.PathUnescape(segment); err == nil {
				segment = literal
			}
		}
		plain, escaped = append(plain, segment), append(escaped, url.PathEscape(segment))
	}
	return strings.Join(plain, "/"), strings.Join(escaped, "/")
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
