package gate

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

// Some headers name a second path that a request is about. WebDAV copies and moves to
// Destination (RFC 4918, section 10.3), which must be allowed the same; stores of
// objects copy or link from a source, which whoever does so must be allowed to get, and
// to delete if it is gone afterwards.

const destination = "Destination"

var errSecondPath = errors.New("the header Destination, or one that names a source such as X-Amz-Copy-Source, must be there once, with a path of one reading on the same host")

// asSource returns with which methods a path is used that the header names as a source. Stores
// that speak as S3, Azure or Swift do put their own name in front of -Copy-Source.
func asSource(header string) []string {
	if !beginsFold(header, "x") {
		return nil
	}
	name := strings.ToLower(strings.ReplaceAll(header, "_", "-"))
	switch {
	case strings.HasSuffix(name, "-rename-source"), strings.HasSuffix(name, "-move-source"):
		return []string{http.MethodGet, http.MethodDelete}
	case strings.HasSuffix(name, "-copy-source"), strings.HasSuffix(name, "-symlink-target"), name == "x-copy-from", name == "x-object-manifest":
		return []string{http.MethodGet}
	}
	return nil
}

// hasNoSecondPath names the methods with which nobody looks for a second path.
func hasNoSecondPath(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// secondPaths adds what a request does at the paths that its headers name, by all of
// its methods.
func secondPaths(does Matches, r *http.Request, catalog *permission.Catalog, others []string) (Matches, error) {
	if hasNoSecondPath(does.First.Method) && !slices.ContainsFunc(others, func(m string) bool { return !hasNoSecondPath(m) }) {
		return does, nil
	}
	if r.Header[destination] != nil {
		path, err := secondPath(r, destination)
		if err != nil {
			return does, err
		}
		for _, method := range append([]string{does.First.Method}, others...) {
			does.Rest = append(does.Rest, catalog.Find(method, path))
		}
	}
	for name := range r.Header {
		methods := asSource(name)
		if methods == nil {
			continue
		}
		path, err := secondPath(r, name)
		if err != nil {
			return does, err
		}
		for _, method := range methods {
			does.Rest = append(does.Rest, catalog.Find(method, path))
		}
	}
	return does, nil
}

// secondPath returns the path in a header, in its one normal form.
func secondPath(r *http.Request, header string) (string, error) {
	values := r.Header[header]
	if len(values) != 1 || strings.ContainsFunc(values[0], endsQuery) {
		return "", errSecondPath
	}
	text := values[0]
	if header != destination && !strings.Contains(text, "://") {
		text = "/" + strings.TrimPrefix(text, "/") // bucket/object
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.User != nil || u.RawQuery != "" && header == destination {
		return "", errSecondPath
	}
	if elsewhere := u.Host != "" && !strings.EqualFold(u.Host, r.Host); elsewhere || (u.Host == "") != (u.Scheme == "") {
		return "", errSecondPath
	}
	path, err := permission.CheckURL(u)
	if err != nil {
		return "", errSecondPath
	}
	return path, nil
}
