package permission

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// MaxPath is the longest path in bytes, as sent, that is read at all.
const MaxPath = 8192

// PathError says why a path has no single reading. Each of these has let
// requests past some gateway, because a backend read the path its own way.
type PathError struct {
	Problem string
	// Opening is what a route can open to let such paths in, if anything.
	Opening OpeningKind
}

func (e *PathError) Error() string { return "the path " + e.Problem }

// The ways in which a path can have more than one reading (security rule 2).
var (
	errNotAbsolute = pathError("is not one that begins with a single slash", "")
	errUserinfo    = pathError("comes with a user name", "")
	errLong        = pathError(fmt.Sprintf("is longer than %d bytes", MaxPath), "")
	errEmpty       = pathError("has an empty segment (//)", "")
	errDot         = pathError("has a dot segment (. or ..), or one that some servers take for it", "")
	errSemicolon   = pathError("has a semicolon, which some servers take for the start of parameters", Semicolon)
	errBackslash   = pathError("has a backslash, which some servers take for a slash", "")
	errControl     = pathError("has a control character", "")
	errSlash       = pathError("has an encoded slash (%2F)", EncodedSlash)
	errPercent     = pathError("has an encoded percent sign (%25)", EncodedPercent)
	errTwice       = pathError("has an encoded percent sign that two decodings would take for an escape (%25 and two hexadecimal digits)", "")
	errEscapedDot  = pathError("has an encoded dot (%2E)", "")
	errDelimiter   = pathError("has an encoded ? or #", EncodedDelimiter)
	errQuery       = pathError("has an encoded ? or # and a = behind it, which some servers take for parameters", "")
	errUTF8        = pathError("is not valid UTF-8", "")
	errBytes       = pathError("has a byte that must be percent-encoded (RFC 3986, section 3.3)", "")
	errFolds       = pathError("has a character that some servers fold into a slash", "")
)

func pathError(problem string, opening OpeningKind) *PathError { return &PathError{problem, opening} }

// plain has the bytes that url.URL writes as it read them, never as an escape:
// a decoded path of these alone is also the path that was sent.
var plain = byteSet("-._~$&+,=:@/")

// legal has the bytes that may stand in a path as they are: RFC 3986's pchar
// and the slash, but for ';'.
var legal = byteSet("-._~$&+,=:@/!'()*")

func byteSet(marks string) (set [256]bool) {
	for c := range 256 {
		set[c] = c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' ||
			strings.IndexByte(marks, byte(c)) >= 0
	}
	return set
}

// CheckURL returns the path of u in the form in which it is matched: decoded
// once, which is unambiguous for every path that it accepts. It returns an
// *PathError error for all others: they are refused, never normalised.
// What it accepts goes upstream byte for byte as it came.
func CheckURL(u *url.URL) (string, error) {
	if u.User != nil {
		return "", errUserinfo
	}
	if u.Opaque != "" || u.Path == "" || u.Path[0] != '/' {
		return "", errNotAbsolute
	}
	if len(u.Path) > MaxPath || len(u.RawPath) > MaxPath {
		return "", errLong
	}
	// The short way, which allocates nothing: only plain bytes, so nothing was encoded.
	if u.RawPath == "" && allPlain(u.Path) {
		return accepted(u.Path, checkSegments(u.Path))
	}
	return accepted(u.Path, checkEncoded(u))
}

func accepted(path string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return path, nil
}

func allPlain(s string) bool {
	for i := range len(s) {
		if !plain[s[i]] {
			return false
		}
	}
	return true
}

// checkSegments refuses empty segments, but for the last, and dot segments. So it
// does with what is one for servers that drop blanks and dots at the end of a
// segment, and with names that end in two dots: nginx climbs out of the folder for
// /public../secret if an alias lacks its last slash.
func checkSegments(path string) error {
	start := 1
	for start <= len(path) {
		end := strings.IndexByte(path[start:], '/')
		last := end < 0
		if last {
			end = len(path) - start
		}
		switch segment := path[start : start+end]; {
		case segment == "" && !last:
			return errEmpty
		case segment != "" && (segment[0] == '.' || segment[0] == ' ') && strings.Trim(segment, " .") == "",
			strings.HasSuffix(segment, ".."):
			return errDot
		}
		start += end + 1
	}
	return nil
}

// checkEncoded checks a path that has escapes, or bytes that should have been.
func checkEncoded(u *url.URL) error {
	raw := u.EscapedPath()
	if u.RawPath != "" && u.RawPath != raw {
		// url.URL gave the raw path up and would send another one (rule 3).
		return cmp.Or(rawProblem(u.RawPath), error(errBytes))
	}
	if len(raw) > MaxPath {
		return errLong
	}
	if err := rawProblem(raw); err != nil {
		return err
	}
	return checkDecoded(u.Path)
}

// checkDecoded checks a path that was decoded once.
func checkDecoded(path string) error {
	for part := range strings.SplitSeq(path, "/") {
		if err := CheckSegment(part); err != nil {
			return err
		}
	}
	return checkSegments(path)
}

// rawProblem looks at the path as sent. Its escapes are valid, since url.URL
// was made from it; it returns nil if every byte is legal in a path.
func rawProblem(raw string) error {
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case legal[c]:
		case c == '%' && i+2 < len(raw):
			switch strings.ToLower(raw[i+1 : i+3]) {
			case "2e":
				return errEscapedDot
			case "2f":
				return errSlash
			case "3b":
				return errSemicolon
			}
			i += 2
		case c == ';':
			return errSemicolon
		case c == '\\':
			return errBackslash
		default:
			return errBytes
		}
	}
	return nil
}

// CheckSegment returns an *PathError error if a decoded segment of a path
// would be read differently by different servers.
func CheckSegment(s string) error {
	if !utf8.ValidString(s) {
		return errUTF8
	}
	for _, r := range s {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return errControl
		case r == '%':
			return errPercent
		case r == '\\':
			return errBackslash
		case r == ';':
			return errSemicolon
		case r == '/':
			return errSlash
		case r == '?' || r == '#':
			return errDelimiter
		case foldsToSlash(r):
			return errFolds
		}
	}
	if climbs(s) {
		return errDot
	}
	return nil
}

// climbs reports whether some server takes a segment for a dot segment, see checkSegments.
func climbs(s string) bool {
	return s != "" && strings.Trim(s, dotLike+" ") == "" || strings.HasSuffix(s, "..")
}

// dotLike are the characters that compatibility normalisation (NFKC), which
// some servers apply to paths, turns into dots. A segment of these alone can
// become a dot segment.
const dotLike = ".\u2024\u2025\u2026\ufe19\ufe30\ufe52\uff0e"

// foldsToSlash reports whether NFKC turns r into something with a slash or backslash.
func foldsToSlash(r rune) bool {
	switch r {
	case '\uff0f', '\uff3c', '\ufe68', '\u2100', '\u2101', '\u2105', '\u2106':
		return true
	}
	return false
}
