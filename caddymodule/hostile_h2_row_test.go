package caddymodule

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// h2Row is a hostile request that only HTTP/2 can say.
type h2Row struct {
	row
	Method   string      `json:"method"`   // GET, if it is empty
	Path     string      `json:"path"`     // /api/articles/42, if it is empty
	Block    [][2]string `json:"block"`    // the header block instead of the usual pseudo-headers
	Headers  [][2]string `json:"headers"`  // behind them
	Times    int         `json:"times"`    // how often the headers are repeated, if not once
	Data     []string    `json:"data"`     // one frame each
	Trailers [][2]string `json:"trailers"` // in a header block behind the data
	Split    int         `json:"split"`    // the size of the frames of the header block
	BreaksIn bool        `json:"breaks"`   // the body turns out wrong when the backend may have a part of it

	request h2Request
}

// h2Request is what is sent for a row. The scheme is that of the connection.
type h2Request func(scheme string) h2request

// h2Outcomes are what rows of HTTP/2 can expect. A reset is of a stream, goaway
// ends the connection, both for a malformed request if no code is named.
var h2Outcomes = regexp.MustCompile(`^(forward|reject[45]\d\d|answered-by-server|(reset|goaway)(-[A-Z_]+)?)$`)

// prepareH2 fills in the templates.
func (r *h2Row) prepareH2(secrets map[string]testToken) error {
	var failure error
	fill := func(s string) string {
		text, err := r.expand(s, secrets)
		if err != nil {
			failure = err
		}
		return latin1(text)
	}
	fillAll := func(fields [][2]string) (filled [][2]string) {
		for _, f := range fields {
			filled = append(filled, [2]string{fill(f[0]), fill(f[1])})
		}
		return filled
	}
	method, path := r.Method, fill(r.Path)
	if method == "" {
		method = "GET"
	}
	if path == "" {
		path = "/api/articles/42"
	}
	block, headers, trailers := fillAll(r.Block), fillAll(r.Headers), fillAll(r.Trailers)
	headers = slices.Repeat(headers, max(r.Times, 1))
	var data []string
	for _, d := range r.Data {
		data = append(data, fill(d))
	}
	r.request = func(scheme string) h2request {
		begin := block
		if begin == nil {
			begin = usual(method, scheme, "gw.example.test", path)
		}
		return h2request{fields: slices.Concat(begin, headers), data: data, trailers: trailers, split: r.Split}
	}
	r.bytes = inHTTP1(r.request("https")) // what judge looks at
	return cmp.Or(failure, r.prepareConditions(secrets))
}

func usual(method, scheme, authority, path string) [][2]string {
	return [][2]string{{":method", method}, {":scheme", scheme}, {":authority", authority}, {":path", path}}
}

// inHTTP1 writes a request as HTTP/1 would, for those who look into rows. It
// need not be right where the request is not.
func inHTTP1(r h2request) string {
	var method, path string
	var lines strings.Builder
	for _, f := range r.fields {
		switch {
		case f[0] == ":method" && method == "":
			method = f[1]
		case f[0] == ":path" && path == "":
			path = f[1]
		case !strings.HasPrefix(f[0], ":"):
			lines.WriteString(f[0] + ": " + f[1] + "\r\n")
		}
	}
	return method + " " + path + " HTTP/1.1\r\n" + lines.String() + "\r\n" + strings.Join(r.data, "")
}

// Why an HTTP/1 row can't be said in HTTP/2.
const (
	ofVersions   = "the version, or a request line without one"
	ofLines      = "the form of header lines: folds, or no colon"
	ofPipelines  = "what follows on the connection"
	ofFraming    = "Content-Length against Transfer-Encoding or the body"
	ofConnection = "headers of one HTTP/1 connection"
)

// translate says the request of an HTTP/1 row in HTTP/2, or why it can't be said.
func translate(request string) (h2Request, string) {
	head, rest, ok := strings.Cut(request, "\r\n\r\n")
	line, lines, _ := strings.Cut(head, "\r\n")
	first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
	if !ok || first < 0 || first >= last || line[last+1:] != "HTTP/1.1" {
		return nil, ofVersions
	}
	method, target := line[:first], line[first+1:last]
	fields, reason := translateLines(lines)
	if reason != "" {
		return nil, reason
	}
	fields, r, reason := translateBody(fields, rest)
	if reason != "" {
		return nil, reason
	}
	return func(scheme string) h2request {
		r := r
		r.fields = slices.Concat(translateTarget(method, scheme, target, fields), withoutFirstHost(fields))
		return r
	}, ""
}

// translateLines makes fields of header lines. HTTP/2 has names in lower case,
// and HTTP/1 has blanks around values that are not of them.
func translateLines(lines string) (fields [][2]string, reason string) {
	for line := range strings.SplitSeq(lines, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if line != "" && (!ok || strings.TrimLeft(line, " \t") != line) {
			return nil, ofLines
		}
		name = strings.ToLower(name)
		switch strings.TrimSpace(name) {
		case "":
			continue
		case "connection", "keep-alive", "proxy-connection", "upgrade", "http2-settings":
			return nil, ofConnection
		}
		fields = append(fields, [2]string{name, strings.Trim(value, " \t")})
	}
	return fields, ""
}

// translateBody makes frames of what follows the header, if its length is said
// in one way and the right one.
func translateBody(fields [][2]string, rest string) ([][2]string, h2request, string) {
	var lengths, encodings []string
	for _, f := range fields {
		switch strings.TrimSpace(f[0]) {
		case "content-length":
			lengths = append(lengths, f[1])
		case "transfer-encoding":
			encodings = append(encodings, f[1])
		}
	}
	switch {
	case len(encodings) == 0 && len(lengths) == 0 && rest == "":
		return fields, h2request{}, ""
	case len(encodings) == 0 && len(lengths) == 0:
		return nil, h2request{}, ofPipelines
	case len(encodings) == 0 && len(lengths) == 1 && lengths[0] == strconv.Itoa(len(rest)):
		return fields, h2request{data: []string{rest}}, ""
	case len(encodings) == 1 && encodings[0] == "chunked" && len(lengths) == 0:
		data, trailers, ok := translateChunks(rest)
		if ok {
			fields = slices.DeleteFunc(fields, func(f [2]string) bool { return f[0] == "transfer-encoding" })
			return fields, h2request{data: data, trailers: trailers}, ""
		}
	}
	return nil, h2request{}, ofFraming
}

// translateChunks makes a DATA frame of each chunk, if all of them are in order.
func translateChunks(rest string) (data []string, trailers [][2]string, ok bool) {
	for {
		size, more, found := strings.Cut(rest, "\r\n")
		n, err := strconv.ParseUint(size, 16, 16)
		if !found || err != nil {
			return nil, nil, false
		}
		if n == 0 {
			rest = more
			break
		}
		if len(more) < int(n)+2 || more[n:n+2] != "\r\n" {
			return nil, nil, false
		}
		data, rest = append(data, more[:n]), more[n+2:]
	}
	lines, rest, found := strings.Cut("\r\n"+rest, "\r\n\r\n")
	trailers, reason := translateLines(strings.TrimPrefix(lines, "\r\n"))
	return data, trailers, found && rest == "" && reason == ""
}

// translateTarget makes pseudo-headers of a request line and the Host line. CONNECT
// has its target as the authority; any other target stays as it is.
func translateTarget(method, scheme, target string, fields [][2]string) [][2]string {
	if method == "CONNECT" && !strings.HasPrefix(target, "/") {
		return [][2]string{{":method", method}, {":authority", target}}
	}
	pseudo := [][2]string{{":method", method}, {":scheme", scheme}, {":path", target}}
	if i := slices.IndexFunc(fields, isHost); i >= 0 {
		pseudo = append(pseudo, [2]string{":authority", fields[i][1]})
	}
	return pseudo
}

func isHost(f [2]string) bool { return f[0] == "host" }

func withoutFirstHost(fields [][2]string) [][2]string {
	i := slices.IndexFunc(fields, isHost)
	if i < 0 {
		return fields
	}
	return slices.Concat(fields[:i], fields[i+1:])
}

func TestTranslate(t *testing.T) {
	for request, want := range map[string]h2request{
		"GET /a HTTP/1.1\r\nHost: u\r\nX-A:  b \r\n\r\n": {fields: [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", "/a"}, {":authority", "u"}, {"x-a", "b"}}},
		"PUT /a b HTTP/1.1\r\nContent-Length: 2\r\n\r\nxy": {
			fields: [][2]string{{":method", "PUT"}, {":scheme", "https"}, {":path", "/a b"}, {"content-length", "2"}}, data: []string{"xy"},
		},
		"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n1\r\nz\r\n0\r\nX-T: u\r\n\r\n": {
			fields: [][2]string{{":method", "PUT"}, {":scheme", "https"}, {":path", "/a"}}, data: []string{"xy", "z"}, trailers: [][2]string{{"x-t", "u"}},
		},
	} {
		got, reason := translate(request)
		if reason != "" || !sameRequest(got("https"), want) {
			t.Errorf("%q: %s", request, reason)
		}
	}
	for request, want := range map[string]string{
		"GET /\r\n":                                                        ofVersions,
		"GET / HTTP/1.0\r\n\r\n":                                           ofVersions,
		"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n":                             ofLines,
		"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n":                           ofConnection,
		"GET / HTTP/1.1\r\n\r\nGET":                                        ofPipelines,
		"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nxy":                    ofFraming,
		"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET": ofFraming,
		"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n": ofFraming,
	} {
		if _, reason := translate(request); reason != want {
			t.Errorf("%q: %q; want %q", request, reason, want)
		}
	}
}

func sameRequest(a, b h2request) bool {
	return slices.Equal(a.fields, b.fields) && slices.Equal(a.data, b.data) && slices.Equal(a.trailers, b.trailers)
}
