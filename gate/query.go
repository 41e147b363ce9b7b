package gate

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// parameter is one name=value of a raw query, as it stands there.
type parameter struct {
	raw        string
	start, end int
	semicolon  bool // a ';' stands before or behind it: some servers split there, others don't
}

// parameters calls yield for each parameter of a raw query until it returns
// false. It splits at '&' and at ';' and allocates nothing; url.ParseQuery
// would drop parameters that other servers see.
func parameters(query string, yield func(parameter) bool) {
	start, before := 0, byte('&')
	for end := 0; end <= len(query); end++ {
		after := byte('&')
		if end < len(query) {
			if after = query[end]; after != '&' && after != ';' {
				continue
			}
		}
		if !yield(parameter{raw: query[start:end], start: start, end: end, semicolon: before == ';' || after == ';'}) {
			return
		}
		start, before = end+1, after
	}
}

// names reports whether the parameter is in the place of a source: exactly, or
// under a name that some servers take for it.
func (p parameter) names(s *Sources) (exact, alias bool) {
	name := p.raw
	if end := strings.IndexByte(name, '='); end >= 0 {
		name = name[:end]
	}
	for _, want := range s.queries {
		if name == want || decodesTo(name, want) {
			return true, true
		}
		alias = alias || foldsTo(name, want)
	}
	return false, alias
}

// decodesTo reports whether a name in a raw query says the wanted one.
func decodesTo(name, want string) bool {
	i := 0
	for k := range len(want) {
		if i >= len(name) {
			return false
		}
		var c byte
		if c, i = decodeByte(name, i); c != want[k] {
			return false
		}
	}
	return i == len(name)
}

// foldsTo reports whether a lenient server could take a name in a raw query for
// the wanted one: without regard to case (by Unicode as well), without what servers drop in front, and as
// PHP folds names, with '.', ' ' and '[' for '_'. What follows a bracket or a NUL
// behind the name is an array of that name, or nothing.
func foldsTo(name, want string) bool {
	for i := 0; i < len(name); {
		if foldsAt(name, i, want) {
			return true
		}
		next, ok := lead(name, i)
		if !ok {
			return false
		}
		i = next
	}
	return false
}

// sameWords reports whether a name in a raw query is the wanted one with its words joined
// otherwise: grpc-gateway and others take appId, app-id and app_id for the same.
func sameWords(name, want string) bool {
	i := 0
	for k := range len(want) {
		w := foldByte(want[k])
		if k > 0 && joinsWords(rune(w)) {
			continue
		}
		var c byte
		for more := true; more; more = k > 0 && joinsWords(rune(c)) {
			if i >= len(name) {
				return false
			}
			c, i = decodeFolded(name, i)
		}
		if c != w {
			return false
		}
	}
	return i == len(name)
}

// joinsWords reports whether a folded character stands between the words of a name.
func joinsWords(c rune) bool { return c == '_' || c == '-' }

// foldsAt reports whether the name from i on is the wanted one.
func foldsAt(name string, i int, want string) bool {
	for k := range len(want) {
		if i >= len(name) {
			return false
		}
		var c byte
		if c, i = decodeFolded(name, i); c != foldByte(want[k]) {
			return false
		}
	}
	if i == len(name) {
		return true
	}
	c, _ := decodeName(name, i)
	_, mark := byteOrderMark(name, i)
	return c == '[' || c == ']' || c <= ' ' || mark
}

// lead returns the end of what servers drop in front of a name, if that stands at i:
// blanks, brackets, a second question mark, a byte order mark.
func lead(name string, i int) (end int, ok bool) {
	c, end := decodeName(name, i)
	if leads(c) {
		return end, true
	}
	return byteOrderMark(name, i)
}

func leads(c byte) bool { return c <= ' ' || c == 0x7f || c == '[' || c == ']' || c == '?' }

// mayLead is lead for the first byte of a character that may be encoded.
func mayLead(c byte) bool { return leads(c) || c == '+' || c == '%' || c == bom[0] }

const bom = "\ufeff"

// byteOrderMark returns the end of one at i. That of %uFEFF is any that is more than a byte.
func byteOrderMark(name string, i int) (end int, ok bool) {
	c, end := decodeName(name, i)
	if c == 0xff && end == i+len("%uFEFF") {
		return end, true
	}
	for k, end := 0, i; end < len(name); k++ {
		if c, end = decodeName(name, end); c != bom[k] {
			break
		}
		if k == len(bom)-1 {
			return end, true
		}
	}
	return i, false
}

// foldsToASCII are the characters beyond ASCII that are letters of it to servers which
// fold case by Unicode: strings.EqualFold of Go, equalsIgnoreCase of Java.
var foldsToASCII = map[rune]byte{'ſ': 's', '\u212a': 'k', 'ı': 'i', 'İ': 'i'}

// decodeFolded decodes the character at i of a name without regard to case. One
// beyond ASCII is its first byte, if it isn't a letter of ASCII to anybody.
func decodeFolded(name string, i int) (byte, int) {
	if c := name[i]; c < utf8.RuneSelf && c != '%' && c != '+' {
		return foldByte(c), i + 1
	}
	c, end := decodeName(name, i)
	if c < utf8.RuneSelf {
		return foldByte(c), end
	}
	return foldBeyondASCII(name, i, c, end)
}

// foldBeyondASCII is decodeFolded for a character whose first byte is c, which ends there.
func foldBeyondASCII(name string, i int, c byte, end int) (byte, int) {
	var encoded [utf8.UTFMax]byte
	size := 0
	for at := i; at < len(name) && size < len(encoded); size++ {
		encoded[size], at = decodeByte(name, at)
		if folded, ok := foldsToASCII[runeOf(encoded[:size+1])]; ok {
			return folded, at
		}
	}
	if code, ok := escapedRune(name, i); ok && foldsToASCII[code] != 0 {
		return foldsToASCII[code], end
	}
	return c, end
}

// runeOf returns the character that all the bytes are, or utf8.RuneError.
func runeOf(encoded []byte) rune {
	r, size := utf8.DecodeRune(encoded)
	if size != len(encoded) {
		return utf8.RuneError
	}
	return r
}

// decodeName is decodeByte for names, in which some servers know %uXXXX too.
func decodeName(s string, i int) (byte, int) {
	if code, ok := escapedRune(s, i); ok {
		return byte(min(code, 0xff) & 0xff), i + len("%uXXXX")
	}
	return decodeByte(s, i)
}

// escapedRune returns the character of the %uXXXX at i, if there is one.
func escapedRune(s string, i int) (code rune, ok bool) {
	if s[i] != '%' || i+5 >= len(s) || s[i+1]|0x20 != 'u' {
		return 0, false
	}
	for _, c := range []byte(s[i+2 : i+6]) {
		digit, ok := unhex(c)
		if !ok {
			return 0, false
		}
		code = code<<4 | rune(digit)
	}
	return code, true
}

// decodeByte decodes the byte of a raw query at i, and says where the next is.
func decodeByte(s string, i int) (byte, int) {
	switch {
	case s[i] == '+':
		return ' ', i + 1
	case s[i] == '%' && i+2 < len(s):
		high, ok1 := unhex(s[i+1])
		low, ok2 := unhex(s[i+2])
		if ok1 && ok2 {
			return high<<4 | low, i + 3
		}
	}
	return s[i], i + 1
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10, true
	}
	return 0, false
}

func foldByte(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	case c == '.' || c == ' ' || c == '[':
		return '_'
	}
	return c
}

func (s *Sources) fromQuery(query string, found *Credentials, sources *int) (reason Reason) {
	taken := 0
	parameters(query, func(p parameter) bool {
		exact, alias := p.names(s)
		if alias && p.semicolon {
			reason = AmbiguousCredential
		}
		if !exact || reason != "" {
			return reason == ""
		}
		found.FromQuery = true
		_, value, _ := strings.Cut(p.raw, "=")
		value, err := url.QueryUnescape(value)
		switch {
		case err != nil:
			reason = MalformedCredential
		case value == "":
		case taken > 0:
			reason = AmbiguousCredential
		default:
			taken++
			reason = take(value, found, sources)
		}
		return reason == ""
	})
	return reason
}

// StripQuery returns the query without the parameters that are in the place of
// a source. All other bytes stay as they are. It needs no memory if what it
// keeps is in one piece.
func (s *Sources) StripQuery(query string) string {
	if len(s.queries) == 0 || query == "" {
		return query
	}
	var kept pieces
	copied := 0
	parameters(query, func(p parameter) bool {
		if _, alias := p.names(s); alias {
			// What stands before goes along, the separator behind goes with the parameter.
			kept.add(query[copied:p.start])
			copied = p.end + 1
		}
		return true
	})
	if copied > len(query) { // the last one went: so does the separator before it
		return strings.TrimSuffix(kept.String(), "&")
	}
	kept.add(query[copied:])
	return kept.String()
}

// pieces joins strings. One alone is not copied.
type pieces struct {
	only string
	all  strings.Builder
}

func (p *pieces) add(s string) {
	switch {
	case s == "":
	case p.only == "":
		p.only = s
	default:
		if p.all.Len() == 0 {
			p.all.WriteString(p.only)
		}
		p.all.WriteString(s)
	}
}

func (p *pieces) String() string {
	if p.all.Len() == 0 {
		return p.only
	}
	return p.all.String()
}
