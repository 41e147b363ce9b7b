package permission_test

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// readGo: net/http takes the target apart; ServeMux redirects to the clean path,
// which the client then asks for.
func readGo(raw string) ([]string, bool) {
	u, err := url.ParseRequestURI(raw)
	if err != nil {
		return nil, false
	}
	return clean(u.Path), true
}

// readExpress: the path is matched as sent, without regard to case and to a
// slash at the end; parameters are decoded one by one.
func readExpress(raw string) ([]string, bool) {
	if len(raw) > 1 {
		raw = strings.TrimSuffix(raw, "/")
	}
	segments := split(raw)
	for i, s := range segments {
		decoded, ok := decodeURIComponent(s)
		if !ok {
			return nil, false
		}
		segments[i] = strings.ToLower(decoded)
	}
	return segments, true
}

// readNode: the URL standard (https://url.spec.whatwg.org/#path-state) for a
// special scheme, with the target as a reference against the server's address.
func readNode(raw string) ([]string, bool) {
	raw = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(raw)
	if rest, ok := strings.CutPrefix(raw, "//"); ok {
		_, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		raw = "/" + rest
	}
	raw, _, _ = strings.Cut(raw, "#")
	var kept []string
	parts := split(raw)
	for i, s := range parts {
		last := i == len(parts)-1
		switch strings.ReplaceAll(strings.ToLower(s), "%2e", ".") {
		case "..":
			kept = kept[:max(0, len(kept)-1)]
			fallthrough
		case ".":
			if last {
				kept = append(kept, "")
			}
		default:
			decoded, ok := decodeURIComponent(s)
			if !ok {
				return nil, false
			}
			kept = append(kept, decoded)
		}
	}
	return kept, true
}

// readHTTPServer: SimpleHTTPRequestHandler.translate_path.
func readHTTPServer(raw string) ([]string, bool) {
	raw, _, _ = strings.Cut(raw, "#")
	var kept []string
	for _, word := range clean(decodeOnce(raw)) {
		if word != "" && word != "." && word != ".." {
			kept = append(kept, word)
		}
	}
	if kept == nil {
		kept = []string{""}
	}
	return kept, true
}

// readWSGI: PATH_INFO is the decoded path, each byte a character (PEP 3333); the
// application makes UTF-8 of it again, and normpath a path of the file system.
func readWSGI(raw string) ([]string, bool) {
	var info []rune
	for _, b := range []byte(decodeOnce(raw)) {
		info = append(info, rune(b)) // ISO 8859-1
	}
	var again []byte
	for _, r := range info {
		again = append(again, byte(r))
	}
	return clean(strings.ToValidUTF8(string(again), "\ufffd")), true
}

// readNginx: ngx_http_parse_complex_uri decodes once, merges slashes and resolves
// dot segments; above the root, and with NUL, it answers 400.
func readNginx(raw string) ([]string, bool) {
	raw, _, _ = strings.Cut(raw, "#")
	decoded := decodeOnce(raw)
	if strings.Contains(decoded, "\x00") || climbs(decoded) {
		return nil, false
	}
	return clean(decoded), true
}

// readTomcat, as CoyoteAdapter with the backslash allowed: it cuts parameters
// out of the raw path, decodes, takes '\' for '/', and normalises.
func readTomcat(raw string) ([]string, bool) {
	decoded := strings.ReplaceAll(decodeOnce(withoutParameters(raw)), `\`, "/")
	if strings.Contains(decoded, "\x00") || climbs(decoded) {
		return nil, false
	}
	return clean(decoded), true
}

// readJetty: as Tomcat, but it knows %u002e too, a backslash is a character like
// others, and an empty segment counts when ".." looks for the one to take back.
func readJetty(raw string) ([]string, bool) {
	raw = strings.NewReplacer("%u00", "%", "%U00", "%").Replace(withoutParameters(raw))
	if strings.Contains(raw, "%00") {
		return nil, false
	}
	return resolve(decodeOnce(raw)), true
}

// readPHP: a front controller takes the path out of REQUEST_URI with parse_url,
// decodes it, and splits what is left without its outer slashes. parse_url gives
// up if it takes "/a:80" for a port.
func readPHP(raw string) ([]string, bool) {
	raw, _, _ = strings.Cut(raw, "#")
	if rest, ok := strings.CutPrefix(raw, "//"); ok {
		host, path, _ := strings.Cut(rest, "/")
		if host == "" {
			return nil, false
		}
		raw = "/" + path
	} else if _, port, ok := strings.Cut(raw, ":"); ok {
		digits := len(port) - len(strings.TrimLeft(port, "0123456789"))
		if digits > 0 && digits < 6 && (digits == len(port) || port[digits] == '/') {
			return nil, false
		}
	}
	return merged(decodeOnce(raw)), true
}

// readIIS: decoded twice, '\' for '/', cleaned, and, as Windows opens files,
// without regard to case and to blanks and dots at the end.
func readIIS(raw string) ([]string, bool) {
	decoded := strings.ReplaceAll(decodeOnce(decodeOnce(raw)), `\`, "/")
	return clean(strings.ToUpper(strings.TrimRight("/"+decoded, " ."))), true
}

// readRails: Journey squeezes slashes and takes the last one off; (.:format)
// cuts a suffix off the last segment, whose parameter has no dots by default.
func readRails(raw string) ([]string, bool) {
	segments := merged(decodeOnce(raw))
	last := len(segments) - 1
	if name, format, _ := strings.Cut(segments[last], "."); name != "" && format != "" && !strings.Contains(format, ".") {
		segments[last] = name
	}
	return segments, true
}

func readNFKC(raw string) ([]string, bool) {
	return clean(strings.ReplaceAll(nfkc(decodeOnce(raw)), `\`, "/")), true
}

// readTwice: a proxy sends on what it decoded, with no more than blanks encoded;
// the server cuts the query off that, and decodes.
func readTwice(raw string) ([]string, bool) {
	sent := strings.ReplaceAll(decodeOnce(raw), " ", "%20")
	if end := strings.IndexAny(sent, "?#"); end >= 0 {
		sent = sent[:end]
	}
	return clean(decodeOnce(sent)), true
}

// readC: a string ends at NUL.
func readC(raw string) ([]string, bool) {
	decoded, _, _ := strings.Cut(decodeOnce(raw), "\x00")
	return split(decoded), true
}

// decodeOnce decodes escapes and leaves what is none as it is.
func decodeOnce(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if high, low := hexValue(s, i+1), hexValue(s, i+2); s[i] == '%' && high >= 0 && low >= 0 {
			out = append(out, byte(high<<4|low))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func hexValue(s string, i int) int {
	if i >= len(s) {
		return -1
	}
	return strings.IndexByte("0123456789abcdef", strings.ToLower(s[i : i+1])[0])
}

// decodeURIComponent throws at broken escapes and broken UTF-8.
func decodeURIComponent(s string) (string, bool) {
	decoded := decodeOnce(s)
	again := strings.ReplaceAll(s, "%25", "")
	return decoded, utf8.ValidString(decoded) && !strings.Contains(decodeOnce(again), "%")
}

func split(path string) []string { return strings.Split(strings.TrimPrefix(path, "/"), "/") }

// clean merges slashes, resolves dot segments, and keeps a slash at the end.
func clean(p string) []string {
	cleaned := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && cleaned != "/" {
		cleaned += "/"
	}
	return split(cleaned)
}

// merged are the segments that are not empty, dots being names like others.
func merged(p string) []string {
	segments := slices.DeleteFunc(split(p), func(s string) bool { return s == "" })
	if len(segments) == 0 {
		return []string{""}
	}
	return segments
}

// resolve resolves dot segments as RFC 3986 (section 5.2.4) has it: an empty
// segment is one as well.
func resolve(p string) []string {
	var kept []string
	parts := split(p)
	for i, s := range parts {
		switch {
		case s == "..":
			kept = kept[:max(0, len(kept)-1)]
		case s != ".":
			kept = append(kept, s)
			continue
		}
		if i == len(parts)-1 {
			kept = append(kept, "")
		}
	}
	return kept
}

// climbs reports whether a path leads above the root.
func climbs(p string) bool {
	depth := 0
	for _, s := range split(p) {
		switch s {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return true
		}
	}
	return false
}

// withoutParameters cuts ;name=value off each segment.
func withoutParameters(p string) string {
	return "/" + strings.Join(each(split(p), func(s string) string {
		name, _, _ := strings.Cut(s, ";")
		return name
	}), "/")
}

// nfkc is compatibility normalisation as far as it makes visible ASCII of other
// characters: the fullwidth forms, and those listed.
func nfkc(s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case r >= '！' && r <= '～':
			out.WriteRune(r - '！' + '!')
		case foldings[r] != "":
			out.WriteString(foldings[r])
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

var foldings = map[rune]string{
	'\u2024': ".", '\u2025': "..", '\u2026': "...", '\ufe19': "...", '\ufe30': "..", '\ufe52': ".",
	'\u2100': "a/c", '\u2101': "a/s", '\u2105': "c/o", '\u2106': "c/u", '\ufe68': `\`,
	'\u00a0': " ", '\u2002': " ", '\u2003': " ", '\u2007': " ", '\u202f': " ", '\u3000': " ",
	'\ufe6a': "%", '\u037e': ";", '\ufe54': ";", '\ufe56': "?", '\ufe5f': "#",
	'\u2488': "1.", '\u2048': "?!", '\ufb01': "fi", '\u212a': "K", '\u017f': "s",
}
