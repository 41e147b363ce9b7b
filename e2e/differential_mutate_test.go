package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// mutation is a request for something that its token may not have, or for what
// it may, in a spelling of which some server may think otherwise.
type mutation struct {
	method  string
	target  string // the request target as it goes over the wire
	version string
	headers []string // "Name: value"
	token   string   // which one
	opened  bool     // through the gate with the openings
}

// bytes returns the request as it is sent. number comes back from the tap.
func (m mutation) bytes(number int, credential string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\nHost: localhost\r\nX-Case: %d\r\n", m.method, m.target, m.version, number)
	for _, header := range append(m.headers, credential) {
		b.WriteString(header + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// path is what of the target has to go upstream to the last byte: all of it, but
// for the absolute form what stands behind the scheme and the host.
func (m mutation) path() string {
	if strings.HasPrefix(m.target, "/") {
		return m.target
	}
	_, rest, _ := strings.Cut(m.target, ":")
	rest = strings.TrimPrefix(rest, "//")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return "" // nothing that may be forwarded
}

// mutator makes mutations. Equal numbers make equal ones.
type mutator struct{ *rand.Rand }

func newMutator(seed uint64, number int) mutator {
	return mutator{rand.New(rand.NewPCG(seed, uint64(number)))}
}

func (m mutator) pick(from []string) string { return from[m.IntN(len(from))] }

func (m mutator) either(a, b []string) []string {
	if m.one(2) {
		return a
	}
	return b
}

// one says yes once in n times.
func (m mutator) one(n int) bool { return m.IntN(n) == 0 }

// mutation makes a request with up to five changes, and one of the tokens.
func (m mutator) mutation(tokens []string) mutation {
	made := mutation{method: "GET", version: "HTTP/1.1", token: m.pick(tokens), opened: m.one(3)}
	changes, kinds := 1+min(m.IntN(5), m.IntN(5), m.IntN(5)), allChanges
	var path string
	switch {
	case m.one(4):
		path, changes = m.spelled(made.token), m.IntN(2)
	case made.token == "reader" && m.one(4):
		path, kinds = m.pick(m.either(straight[:4], inPublic)), plainChanges
	case m.one(3):
		path, kinds = m.pick(inPublic), plainChanges
	case made.token == "reader" && !m.one(4): // it may go everywhere else
		path = m.pick(straight)
	default:
		path = m.pick(m.either(outOfPublic, inPublic))
	}
	for range changes {
		path = m.change(path, kinds[m.IntN(len(kinds))])
	}
	if made.opened && m.one(2) {
		path = m.insert(path, m.pick(openable))
	}
	made.target = path
	if m.one(12) {
		made.target = m.pick(absolute) + path
	}
	if m.one(12) {
		made.method = m.pick(otherMethods)
	}
	if m.one(12) {
		made.headers = append(made.headers, m.pick(otherHeaders))
	}
	if m.one(40) {
		made.version = "HTTP/1.0"
	}
	return made
}

// spelled leads to the secret resource with another spelling of the dots, the
// slashes or both, and nothing else in it that a gate could refuse.
func (m mutator) spelled(token string) string {
	dot, slash := "..", "/"
	if m.one(2) {
		dot = m.pick(dots)
	}
	if dot == ".." || m.one(2) {
		slash = m.pick(slashes)
	}
	either := func() string { return m.pick([]string{slash, "/"}) }
	report := "secret" + either() + "report"
	if token == "reader" && !m.one(4) {
		return slash + report
	}
	up := "/public" + m.pick([]string{"/", "/", "/", slash}) + dot
	if m.one(3) {
		up += slash + "x" + slash + dot
	}
	return up + either() + report
}

// Where the changes begin.
var (
	outOfPublic = []string{
		"/public/../secret/report", "/public/../secret/report", "/public/x/../../secret/report",
		"/public/hello/../../secret/report", "/public/./../secret/report", "/public//../secret/report",
		"/public/../public/../secret/report", "/public../secret/report", "/public/..", "/public/x/../..//secret/report",
		"/PUBLIC/../SECRET/report", "/public/../../secret/report", "/public/..;/secret/report", "//public/../secret/report",
	}
	straight = []string{
		"/secret/report", "/secret/report", "/secret/report", "/SECRET/report", "/secret/", "/secret", "/secret/report/",
		"/./secret/report", "//secret/report", "/secret/./report", "/secret//report", "/secret/report.php", "/secret/index.html",
		"/secret/x/../report", "/x/../secret/report", "/public/../secret/report",
	}
	inPublic = []string{"/public/hello", "/public/hello", "/public/", "/public/secret", "/public/hello/", "/public/secret/report", "/public/report"}
	absolute = []string{
		"http://localhost", "HTTP://localhost", "http://localhost:80", "https://localhost", "http://other.example", "http://a@localhost",
		"http:http://localhost", "http:", "http:/", "http://", "//localhost", "x:", "x:/", "ws://localhost", "http:///", "http://localhost/",
		"file://", "file://localhost", "http://localhost?", "localhost:80", "/http://localhost", "*", "\\", "http:\\\\localhost",
	}
	otherMethods = []string{"HEAD", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "get", "Get", "head", "QUERY", "PROPFIND", "TRACE", "GETS"}
	otherHeaders = []string{
		"X-Original-URL: /secret/report", "X_Original_URL: /secret/report", "X-Rewrite-URL: /secret/report", "x-rewrite-url: /SECRET/report",
		"X-HTTP-Method-Override: DELETE", "X_HTTP_METHOD_OVERRIDE: DELETE", "X.HTTP.Method.Override: DELETE", "X-Method-Override: DELETE",
		"X-Script-Name: /secret/report/..", "X_Script_Name: /secret", "X-Forwarded-Prefix: /secret", "X-Forwarded-Uri: /secret/report",
		"X-Original-Path: /secret/report", "Connection: close", "Connection: keep-alive, X-Token-Id", "Accept: */*", "X-Accel-Redirect: /secret/report",
	}
)

// The kinds of changes. plainChanges leave a path in a form that has one reading:
// what is refused at the gate tells nothing of how the backend reads it.
var (
	plainChanges = []int{escapes, lookalikes, cases, words, harmless}
	allChanges   = append([]int{stranges, otherSlashes, otherDots, inserts, suffixed, escapes}, plainChanges...)
)

const (
	escapes = iota
	stranges
	lookalikes
	cases
	otherSlashes
	otherDots
	inserts
	suffixed
	words
	harmless
)

// change makes one change of a kind.
func (m mutator) change(path string, kind int) string {
	switch kind {
	case escapes:
		return m.replaceOne(path, m.escape)
	case stranges:
		return m.replaceOne(path, m.strange)
	case lookalikes:
		return m.replaceOne(path, m.lookalike)
	case cases:
		return m.replaceOne(path, flipCase)
	case otherSlashes:
		return m.replaceText(path, "/", slashes)
	case otherDots:
		return m.replaceText(path, "..", dots)
	case inserts:
		return m.insert(path, m.pick(junk))
	case suffixed:
		return path + m.pick(suffixes)
	case words:
		return m.word(path)
	}
	if i := m.IntN(len(path) + 1); i > 0 && m.one(2) {
		return path[:i-1] + path[i:] // without one byte
	}
	return m.insert(path, m.pick(letters))
}

// replaceOne changes one byte of the path: often one that decides, which is a
// letter of "secret", a dot or a slash.
func (m mutator) replaceOne(path string, change func(byte) string) string {
	if path == "" {
		return path
	}
	i := m.IntN(len(path))
	if secret := strings.Index(lowerASCII(path), "secret"); secret >= 0 && m.one(2) {
		i = secret + m.IntN(len("secret"))
	} else if at := strings.Index(path, ".."); at >= 0 && m.one(2) {
		i = max(0, at-1+m.IntN(4)) % len(path)
	}
	return path[:i] + change(path[i]) + path[i+1:]
}

// replaceText puts another spelling in the place of one occurrence, or of all.
func (m mutator) replaceText(path, text string, others []string) string {
	n := strings.Count(path, text)
	if n == 0 {
		return path
	}
	other := m.pick(others)
	if m.one(4) {
		return strings.ReplaceAll(path, text, other)
	}
	parts := strings.Split(path, text)
	i := m.IntN(n) + 1
	return strings.Join(parts[:i], text) + other + strings.Join(parts[i:], text)
}

// insert puts text anywhere, often where a segment begins or ends.
func (m mutator) insert(path, text string) string {
	i := m.IntN(len(path) + 1)
	if m.one(2) {
		for i < len(path) && path[i] != '/' {
			i++
		}
		if i < len(path) && m.one(2) {
			i++
		}
	}
	return path[:i] + text + path[i:]
}

// word changes all letters of "secret" or "public" in one way.
func (m mutator) word(path string) string {
	word := m.pick([]string{"secret", "secret", "report", "public"})
	i := strings.Index(lowerASCII(path), word)
	if i < 0 {
		return path
	}
	change := []func(byte) string{
		m.escape, flipCase, m.lookalike,
		func(c byte) string { return fmt.Sprintf("%%25%02x", c) },
		func(c byte) string { return fmt.Sprintf("%%%02x", c) },
	}[m.IntN(5)]
	var b strings.Builder
	for _, c := range []byte(path[i : i+len(word)]) {
		b.WriteString(change(c))
	}
	return path[:i] + b.String() + path[i+len(word):]
}

// lowerASCII keeps every byte where it is, unlike strings.ToLower with what is no UTF-8.
func lowerASCII(path string) string {
	lower := []byte(path)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] |= 0x20
		}
	}
	return string(lower)
}

func flipCase(c byte) string {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		return string(rune(c ^ 0x20))
	}
	return string(rune(c))
}

// escape writes a byte as an escape.
func (m mutator) escape(c byte) string {
	return fmt.Sprintf(m.pick([]string{"%%%02x", "%%%02X"}), c)
}

// strange writes a byte in ways that no standard has, or that are decoded twice.
func (m mutator) strange(c byte) string {
	switch m.IntN(8) {
	case 0:
		return fmt.Sprintf("%%25%02x", c)
	case 1:
		return fmt.Sprintf("%%2525%02x", c)
	case 2: // two bytes in UTF-8 that one would do for
		return fmt.Sprintf("%%%02x%%%02x", 0xc0|c>>6, 0x80|c&0x3f)
	case 3:
		return fmt.Sprintf("%%e0%%%02x%%%02x", 0x80|c>>6, 0x80|c&0x3f)
	case 4:
		return fmt.Sprintf("%%u00%02x", c)
	case 5: // the escape of an escape
		hex := fmt.Sprintf("%02x", c)
		return fmt.Sprintf("%%%%%02x%%%02x", hex[0], hex[1])
	case 6:
		return string([]byte{0xc0 | c>>6, 0x80 | c&0x3f})
	}
	return string([]byte{c | 0x80}) // the bit that some drop
}

// lookalike writes a character that is folded into the byte somewhere.
func (m mutator) lookalike(c byte) string {
	r := rune(c) - 0x20 + 0xff00 // full width
	if others := []rune(alike[c]); len(others) > 0 && m.one(2) {
		r = others[m.IntN(len(others))]
	}
	if c <= ' ' || c >= 0x7f || !utf8.ValidRune(r) {
		return string(rune(c))
	}
	if m.one(4) {
		return string(r) // as it is
	}
	var b strings.Builder
	for _, c := range []byte(string(r)) {
		b.WriteString(m.escape(c))
	}
	return b.String()
}

var alike = map[byte]string{
	'.': "․‥…。｡", '/': "⁄∕／⧸", '\\': "＼﹨∖", 's': "ſ", 'S': "ſ", 'e': "ℯ", 'c': "ⅽ", 'r': "ʳ", 't': "ᵗ", 'i': "ı", 'l': "ⅼ",
}

var (
	slashes = []string{
		"//", "//", "///", "/./", "/.//", `\`, `\\`, `/\`, `\/`, "%2f", "%2F", "%5c", "%5C", "%2f%2f", "/%2f", "%2f/", "%252f", "%255c", "%c0%af", "%e0%80%af",
		"%c1%9c", ";/", "/;/", "/;x=y/", ";x=y/", "/%2e/", "/%20/", "%20/", "/%00/", "%00/", "/%09/", "%09/", "/\t/", "./", " /", "%ef%bc%8f", "%e2%88%95", "/x/../", "/..;/x/", "/%0a/",
		"/%3b/", "%3b/", "/%3f/", "%23/", "%u2215", "%u002f", "%%32%66", ":/", "~/", "/*/",
	}
	dots = []string{
		"%2e%2e", "%2E%2E", ".%2e", "%2e.", "..;", "..;x=y", "..%3b", "..%00", "..%20", "..%09", "..%0d", "...", "....", "..;/..", "..%5c", `..\`, `..\..`, ".", "%252e%252e", ".%252e",
		"%c0%ae%c0%ae", "%c0%2e%c0%2e", "%e0%80%ae.", "%ef%bc%8e%ef%bc%8e", "%e2%80%a5", "%e2%80%a4%e2%80%a4", "%u002e%u002e", "%%32%65%%32%65", "./.", ".;.", ".%00.", ".%0a.", "..\t", "\t..",
		"%09..", "%20..", "..%ff", "..%c2%a0", "..%c2%ad", "..%e2%80%8b", "%ef%bb%bf..", "..:", "..~", "..,", "..%23", "..%3f", "%2e%2e%2f..",
	}
	junk = []string{
		";", ";x=y", ";/", "%3b", "%00", "%0a", "%0d%0a", "%09", "%20", "%23", "%3f", "#", "?", "\t", "\x01", "%7f", "\x7f", "%c2%a0", "%e2%80%8b", "%c2%ad", "%ef%bb%bf",
		".", "..", "~", ":", "::$DATA", ":$i30:$INDEX_ALLOCATION", ".json", ".php", "%", "%zz", "%2", "%u0073", "\x80", "\xff", "\xc3", "é", "日", "|", "^", `"`, "<", ">", "{", "}", "[", "]", "`",
		"/", "//", "/.", "/./", "/..", "/../", `\`, "%5c", "%2f", "%2e", "%25", "+", "%2b", "%26", "&", "=", "%3d", "%80", "%ff", "%c0%80", " ", "/x/..", "x/../",
	}
	letters  = []string{"harmless", "-", "_", "~", "%20", "%C3%A9", "$", "&a=b", "+", ":", "@", ",", "!", "'", "(", "*", "="}
	openable = []string{"%2F", "%2f", "%2F", ";", ";x=y", "%3B", "%25", "%25x", "%3F", "%3f", "%23"}
	suffixes = []string{
		"?", "?x=y", "?x=/../../secret/report", "?/../../secret/report", "?a;b", "?%zz", "?a=%00", "?a#b", "#", "#x", "#/../secret", "%3f", "%3fx", "%23", ";", ";x", ";/../secret/report", "/", "//", "/.", "/..",
		"/./", "/../", ".", "..", "...", "%20", "%20%20", "%09", "%0a", "%00", "%00.txt", ".json", ".html", ".php", "/x.php", "/index.html", "~", "%2e", "%2f", "%5c", "/%2e%2e/%2e%2e/secret/report", "/..;/..;/secret/report",
		"/../../secret/report", "/..%2f..%2fsecret/report", "%2f..%2f..%2fsecret%2freport", `\..\..\secret\report`, "%5c..%5c..%5csecret%5creport", "?_method=DELETE",
	}
)
