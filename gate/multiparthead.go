package gate

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// partHead is what the head of a part says.
type partHead struct {
	seen     seenHeader // which headers
	length   int64      // if Content-Length was seen
	isMethod bool       // a server could take its name for that of a method field
}

// seenHeader are headers of a part, as bits.
type seenHeader int

const (
	seenDisposition seenHeader = 1 << iota
	seenType
	seenLength
	seenEncoding
)

// add takes a line of the head.
func (h *partHead) add(line string) error {
	if strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return errPartLine
	}
	name, value, found := strings.Cut(line, ":")
	if !found || !isHTTPToken(name) {
		return errPartLine
	}
	value = strings.Trim(value, " ")
	if hidesParameter(value) {
		return errPartHeader
	}
	switch strings.ToLower(name) {
	case "content-disposition":
		return h.once(seenDisposition, h.disposition(value))
	case "content-type":
		return h.once(seenType, !strings.HasPrefix(strings.ToLower(value), typeMultipart))
	case "content-length":
		length, err := strconv.ParseUint(value, 10, 63)
		h.length = int64(length) // #nosec G115 -- of 63 bits
		return h.once(seenLength, err == nil)
	case "content-transfer-encoding":
		value = strings.ToLower(value)
		return h.once(seenEncoding, value == "7bit" || value == "8bit" || value == "binary")
	}
	return errPartHeader
}

func (h *partHead) once(which seenHeader, ok bool) error {
	switch {
	case h.seen&which != 0:
		return errPartHeader
	case !ok && which == seenDisposition:
		return errPartName
	case !ok:
		return errPartHeader
	}
	h.seen |= which
	return nil
}

// hidesParameter finds what servers that look for "name=" and for headers
// anywhere in a head would take for that, though it stands in quotes.
func hidesParameter(value string) bool {
	_, rest, _ := strings.Cut(value, ";") // the parameters themselves begin here
	for quoted := false; rest != ""; rest = rest[1:] {
		if rest[0] == '"' {
			quoted = !quoted
		}
		if quoted && rest[0] == ';' && beginsFold(strings.TrimLeft(rest, "; "), "name") {
			return true
		}
	}
	return containsFold(value, "content-disposition") || containsFold(value, "content-id")
}

func beginsFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func containsFold(s, part string) bool { return strings.Contains(strings.ToLower(s), part) }

// fileParameters are those of RFC 2183 that say more of a file. Jersey writes them.
var fileParameters = []string{"size", "creation-date", "modification-date", "read-date"}

// disposition takes the value of Content-Disposition. It reports whether it has
// one reading.
func (h *partHead) disposition(value string) bool {
	if !beginsFold(value, "form-data") {
		return false
	}
	seen := map[string]bool{}
	for rest := value[len("form-data"):]; rest != ""; {
		key, text, quoted, after, ok := cutParameter(rest)
		if !ok || seen[key] {
			return false
		}
		seen[key], rest = true, after
		switch {
		case key == "name":
			h.isMethod = methodField(text)
			if !utf8.ValidString(text) || strings.Contains(text, "=?") {
				return false
			}
		case key == "filename", slices.Contains(fileParameters, key):
		case key == "filename*" && !quoted && strings.Count(text, "'") == 2: // servers take single quotes for quotes
			continue
		default:
			return false
		}
		if !quoted && strings.Contains(text, "'") {
			return false
		}
	}
	return seen["name"]
}

// cutParameter cuts `; key="text"` or `; key=text` off the beginning of s.
func cutParameter(s string) (key, text string, quoted bool, after string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if !strings.HasPrefix(s, ";") {
		return "", "", false, "", false
	}
	key, s, ok = strings.Cut(strings.TrimLeft(s[1:], " "), "=")
	if s, quoted = strings.CutPrefix(s, `"`); quoted {
		var closed bool
		text, after, closed = strings.Cut(s, `"`)
		ok = ok && closed && strings.IndexByte(text, '\\') < 0
	} else {
		end := strings.IndexByte(s, ';')
		if end < 0 {
			end = len(s)
		}
		text, after = strings.TrimRight(s[:end], " "), s[end:]
		ok = ok && isHTTPToken(text)
	}
	return strings.ToLower(key), text, quoted, after, ok
}
