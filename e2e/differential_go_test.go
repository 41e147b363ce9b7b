package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goApps are backends in Go, each with its own way from the path to a file.
func goApps(site string) map[string]http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /public/{name}", serves(site, func(r *http.Request) string { return "/public/" + r.PathValue("name") }))
	mux.Handle("/secret/", serves(site, func(*http.Request) string { return "/secret/report" }))
	return map[string]http.Handler{
		"Go ServeMux":   mux,
		"Go FileServer": http.FileServer(http.Dir(site)),
		"Go path.Clean": serves(site, func(r *http.Request) string { return r.URL.Path }),
		"Go lenient":    serves(site, lenientPath),
		"Go Windows":    serves(site, windowsPath),
	}
}

// serves answers with the file that a request is for.
func serves(site string, name func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(filepath.Join(site, filepath.FromSlash(path.Clean("/"+name(r)))))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(text)
	})
}

// lenientPath reads a path with the leniency of many servers at once: decoded
// until nothing changes, in any case, backslashes for slashes, without the
// parameters of segments, up to a NUL, ? or #.
func lenientPath(r *http.Request) string {
	name := r.URL.EscapedPath()
	if name == "" {
		name = r.URL.Opaque
		if u, err := url.Parse(name); err == nil {
			name = u.EscapedPath()
		}
	}
	for {
		decoded, err := url.PathUnescape(name)
		if err != nil || decoded == name {
			break
		}
		name = decoded
	}
	if end := strings.IndexAny(name, "\x00?#"); end >= 0 {
		name = name[:end]
	}
	segments := strings.Split(strings.ToLower(strings.ReplaceAll(name, `\`, "/")), "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.TrimRight(strings.Join(segments, "/"), " ./")
}

// windowsPath reads a path as Windows reads the name of a file: without blanks
// and dots at its end, without the dot at the end of any other segment, letters
// in any case, backslashes as slashes.
func windowsPath(r *http.Request) string {
	name := strings.ToLower(strings.ReplaceAll(r.URL.Path, `\`, "/"))
	segments := strings.Split(strings.TrimRight(name, " ."), "/")
	for i, segment := range segments {
		if !strings.HasSuffix(segment, "..") {
			segments[i] = strings.TrimSuffix(segment, ".")
		}
	}
	return strings.Join(segments, "/")
}

func startGoApps(t *testing.T, site string) (backends []backend) {
	t.Helper()
	for name, app := range goApps(site) {
		server := httptest.NewServer(app)
		t.Cleanup(server.Close)
		backends = append(backends, backend{name: name, address: server.Listener.Addr().String()})
	}
	slices.SortFunc(backends, func(a, b backend) int { return strings.Compare(a.name, b.name) })
	return backends
}
