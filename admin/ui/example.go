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
	Path    string // as in an address; "/" if none is known that it may call
	Place   Place
	Problem string // key of the texts: what to mind; may be empty
}

func (u *ui) exampleFor(c *call, t *token.Token) (example, error) {
	e := example{Method: http.MethodGet, Path: "/", Place: u.Place(t.API)}
	e.Address, e.Known = u.address(c, &e.Place)
	if e.Place.Scheme == "" && e.Place.Header == "" && e.Place.Query == "" {
		e.Place.Scheme = "Bearer" // what gates take unless they are told otherwise
	}
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return e, err
	}
	i := slices.IndexFunc(catalogs, func(c store.Catalog) bool { return c.API == t.API })
	if i >= 0 {
		if e.Method, e.Path, err = examplePath(catalogs[i].Permissions, t); err != nil {
			return e, err
		}
	}
	switch {
	case !e.Known:
		e.Problem = "secret.unknown-address"
	case e.Path == "/":
		e.Problem = "secret.unknown-path"
	case e.Method != http.MethodGet:
		e.Problem = "secret.writes"
	}
	return e, nil
}

// examplePath returns an operation that the token may do: if there is one, a GET
// of a path that has nothing to fill in.
func examplePath(permissions []permission.Permission, t *token.Token) (method, path string, err error) {
	catalog, err := permission.NewCatalog(permissions)
	if err != nil {
		return http.MethodGet, "/", err
	}
	grants, err := catalog.Compile(t.Grants)
	if err != nil {
		return http.MethodGet, "/", err
	}
	method, path = http.MethodGet, "/"
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
			best, method, path = worth, op.Method, sent
		}
	}
	return method, path, nil
}

// operationsOf returns the HTTP operations of a catalog, and those of grants.
func operationsOf(catalog *permission.Catalog, grants []string) []permission.Operation {
	var all []permission.Operation
	for _, p := range catalog.Permissions() {
		all = append(all, p.Operations...)
	}
	for _, grant := range grants {
		if op, err := permission.ParseOperation(grant); err == nil {
			all = append(all, op)
		}
	}
	return slices.DeleteFunc(all, func(op permission.Operation) bool {
		return permission.IsKind(op.Method) || op.Method == permission.WebSocket
	})
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
