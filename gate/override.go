package gate

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

// Many frameworks take another method than the one in the request line, from
// one of these headers or from one of these parameters and fields of a form
// (security rule 6).
var (
	methodHeaders    = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}
	methodParameters = []string{"_method", "X-HTTP-Method-Override", restRoute}
)

// restRoute is how WordPress is asked for another path than that of the request line. It
// counts as a method that nobody has.
const restRoute = "rest_route"

// maxMethod is the longest method in bytes, and maxOverrides the largest number
// of different ones, that a request may ask for beside its own.
const (
	maxMethod    = 32
	maxOverrides = 4
)

var (
	errOverride  = errors.New("X-HTTP-Method-Override, or _method in the query, in a form or in a cookie, asks for another method than the one of the request line, or rest_route for another path")
	errOverrides = errors.New("X-HTTP-Method-Override or _method asks for more than one method, or for something else")
)

// otherMethods returns the methods that the headers, the query and the cookies of a
// request ask for beside its own: none, in almost every case. Each of its own spellings
// counts as the method that a framework would make of it.
func otherMethods(r *http.Request) (others []string, err error) {
	for _, name := range methodHeaders {
		for _, value := range r.Header[name] {
			others = addMethod(others, r.Method, value)
		}
	}
	add := func(name, value string) bool {
		if methodField(name) {
			if foldsTo(name, restRoute) {
				value = restRoute
			}
			decoded, bad := url.QueryUnescape(value)
			if bad != nil {
				err = errOverrides
			}
			others = addMethod(others, r.Method, decoded)
		}
		return err == nil
	}
	if r.Header["Cookie"] != nil {
		cookies(r.Header, add)
	}
	if r.URL.RawQuery != "" && err == nil {
		if err = checkQueryCharset(r.Header); err != nil {
			return nil, err
		}
		parameters(r.URL.RawQuery, func(p parameter) bool {
			name, value, _ := strings.Cut(p.raw, "=")
			return add(name, value)
		})
	}
	if len(others) > maxOverrides || slices.ContainsFunc(others, func(m string) bool { return len(m) > maxMethod }) {
		err = errOverrides
	}
	return others, err
}

// isPostAsGet recognises what a route takes for a GET: a POST with one header that
// says so, in the usual spelling, and nothing else that names a method.
func isPostAsGet(r *http.Request, openings permission.Openings) bool {
	if r.Method != http.MethodPost || !openings.Opens(permission.PostAsGet, r.URL.Path) {
		return false
	}
	named := 0
	for _, name := range methodHeaders {
		named += len(r.Header[name])
	}
	count := func(name, _ string) bool {
		if methodField(name) {
			named++
		}
		return true
	}
	cookies(r.Header, count)
	parameters(r.URL.RawQuery, func(p parameter) bool {
		name, value, _ := strings.Cut(p.raw, "=")
		return count(name, value)
	})
	said := r.Header[methodHeaders[0]]
	return named == 1 && len(said) == 1 && said[0] == http.MethodGet
}

func addMethod(others []string, own, value string) []string {
	method := strings.ToUpper(strings.TrimSpace(value))
	if method == "" || method == own || slices.Contains(others, method) || len(others) > maxOverrides {
		return others
	}
	return append(others, method)
}

// overridden adds to what a request does what it does at the other paths that it names,
// and by the methods that it asks for beside its own, on a route that opens that.
// Elsewhere it notes that it asks: which of them the backend takes is not known.
func overridden(does Matches, r *http.Request, catalog *permission.Catalog, openings permission.Openings) (Matches, Reason, error) {
	others, err := otherMethods(r)
	if err != nil {
		return does, AmbiguousRequest, err
	}
	if does, err = secondPaths(does, r, catalog, others); err != nil {
		return does, AmbiguousRequest, err
	}
	if len(others) == 0 {
		return does, "", nil
	}
	if slices.ContainsFunc(others, neverForwarded) {
		return does, RefusedMethod, nil
	}
	paths := []string{does.First.Path}
	for _, m := range does.Rest {
		paths = append(paths, m.Path)
	}
	if does.Rest == nil && !catalog.IsBulk(does.First) && isPostAsGet(r, openings) {
		does.First, does.AsGet = catalog.Find(http.MethodGet, does.First.Path), true
		return does, "", nil
	}
	if !openings.Opens(permission.MethodOverride, paths...) {
		does.Override = true
		return does, "", nil
	}
	for _, method := range others {
		for _, path := range paths {
			does.Rest = append(does.Rest, catalog.Find(method, path))
		}
	}
	return does, "", nil
}
