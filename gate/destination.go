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
// objects copy from a source, which whoever copies must be allowed to get.

const destination = "Destination"

var copySources = []string{"X-Amz-Copy-Source", "X-Copy-From", "X-Goog-Copy-Source", "X-Ms-Copy-Source"}

var errSecondPath = errors.New("the header Destination, or one that names the source of a copy, must be there once, with a path of one reading on the same host")

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
	for _, name := range copySources {
		if r.Header[name] == nil {
			continue
		}
		path, err := secondPath(r, name)
		if err != nil {
			return does, err
		}
		does.Rest = append(does.Rest, catalog.Find(http.MethodGet, path))
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
