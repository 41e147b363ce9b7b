package permission_test

import (
	"slices"
	"strings"
)

// The models: how servers get from the path of a request line to the resource
// that they serve, each in the few lines that matter, written from what the real
// one does where it is most lenient. None of them uses the code under test.

// model is one way of reading a path.
type model struct {
	name string
	// read returns the segments of the resource, or false if the server refuses.
	read    func(raw string) ([]string, bool)
	allowed []allowance
	hostile []attack
}

// attack is a path that a model takes for another resource than the one that
// its segments name, with what it reads, joined by '|'.
type attack struct{ path, reads string }

// allowance makes readings equal that may differ. These five are all there are;
// docs/security.md tells of them, and write marks hold for the first four
// (docs/decisions/0005).
type allowance func(segments []string) []string

// anyCase: /API is /api.
func anyCase(segments []string) []string {
	return each(segments, func(s string) string { return strings.ToLower(strings.ToUpper(s)) })
}

// slashAtEnd: /api/ is /api.
func slashAtEnd(segments []string) []string {
	if last := len(segments) - 1; last > 0 && segments[last] == "" {
		return segments[:last]
	}
	return segments
}

// endOfPath: "/api. ." is /api, so long as a name is left.
func endOfPath(segments []string) []string {
	last := len(segments) - 1
	if name := strings.TrimRight(segments[last], " ."); name != "" {
		return append(slices.Clone(segments[:last]), name)
	}
	return segments
}

// suffix: /api/articles.json is /api/articles.
func suffix(segments []string) []string {
	last := len(segments) - 1
	if name, _, _ := strings.Cut(strings.TrimLeft(segments[last], "."), "."); name != "" {
		dots := len(segments[last]) - len(strings.TrimLeft(segments[last], "."))
		return append(slices.Clone(segments[:last]), segments[last][:dots+len(name)])
	}
	return segments
}

// compatible: a fullwidth ａ is a. It changes letters, never where a segment ends.
func compatible(segments []string) []string { return each(segments, nfkc) }

func each(segments []string, change func(string) string) []string {
	changed := make([]string, len(segments))
	for i, s := range segments {
		changed[i] = change(s)
	}
	return changed
}

var models = []model{
	{"Go: ServeMux", readGo, nil, []attack{
		{"/public/%2e%2e/admin", "admin"}, {"/public//./admin", "public|admin"}, {"/public%2fadmin", "public|admin"},
	}},
	{"Express", readExpress, []allowance{slashAtEnd, anyCase}, []attack{
		{"/files/..%2fadmin", "files|../admin"}, {"/files/%2e%2e%2Fadmin", "files|../admin"},
	}},
	{"Node: new URL()", readNode, nil, []attack{
		{`/public\..\admin`, "admin"},
		{"/public/.%2E/admin", "admin"},
		{"//host/admin", "admin"},
		{"/public/.\t./admin", "admin"},
		{"/public/%2e./", ""},
	}},
	{"Python: http.server", readHTTPServer, []allowance{slashAtEnd}, []attack{
		{"/public/./admin", "public|admin"}, {"/public/%2e%2e/admin", "admin"}, {"//public//admin", "public|admin"}, {"/public%2F..%2Fadmin", "admin"},
	}},
	{"Python: WSGI", readWSGI, []allowance{slashAtEnd}, []attack{
		{"/public%2f%2e%2e%2fadmin", "admin"}, {"/admin%ff", "admin\ufffd"},
	}},
	{"nginx", readNginx, nil, []attack{
		{"/public/%2e%2e/admin", "admin"}, {"/public//admin", "public|admin"}, {"/public%2f%2e%2e%2fadmin", "admin"},
	}},
	{"Tomcat", readTomcat, nil, []attack{
		{"/public/..;/admin", "admin"}, {"/public/..;x=y/admin;z", "admin"}, {"/public%5c..%5cadmin", "admin"}, {"/;a/admin", "admin"},
	}},
	{"Jetty", readJetty, nil, []attack{
		{"/public/%2e%2e;/admin", "admin"}, {"/%u002e%u002e/admin", "admin"}, {"/public//../admin", "public|admin"}, {"/admin;x", "admin"},
	}},
	{"PHP: parse_url and rawurldecode", readPHP, []allowance{slashAtEnd}, []attack{
		{"//host/admin", "admin"}, {"/public//admin", "public|admin"}, {"/public%2Fadmin", "public|admin"},
	}},
	{"ASP.NET on IIS", readIIS, []allowance{endOfPath, slashAtEnd, anyCase}, []attack{
		{"/public/%252e%252e/admin", "ADMIN"}, {`/public\..\admin`, "ADMIN"}, {"/public/%255c%252e%252e%5cadmin", "ADMIN"}, {"/public/%2e%2e%2e", "PUBLIC|"}, {"/public/...", "PUBLIC|"},
	}},
	{"Rails", readRails, []allowance{slashAtEnd, suffix}, []attack{
		{"//public///admin/", "public|admin"}, {"/public%2fadmin.json", "public|admin"},
	}},
	{"a server that normalises by NFKC", readNFKC, []allowance{compatible}, []attack{
		{"/public/%EF%BC%8E%EF%BC%8E/admin", "admin"},
		{"/public/%E2%80%A5/admin", "admin"},
		{"/public%EF%BC%8Fadmin", "public|admin"},
		{"/public%EF%BC%BC%E2%80%A5%EF%B9%A8admin", "admin"},
		{"/a%E2%84%85b", "ac|ob"},
	}},
	{"a proxy that decodes, and a server that does so again", readTwice, nil, []attack{
		{"/public/%252e%252e/admin", "admin"}, {"/public%252fadmin", "public|admin"}, {"/admin%3f.json", "admin"}, {"/admin%23x", "admin"},
	}},
	{"a program in C", readC, nil, []attack{
		{"/admin%00.json", "admin"}, {"/public/..%00/admin", "public|.."},
	}},
}
