package gate

import (
	"strings"

	"github.com/tokenreeve/tokenreeve/token"
)

// scan finds in one text what is to be redacted. However a client arranges the
// text, it looks at no part of it again and again: what it finds it leaves
// behind, names are short, and what it found behind a name and left it remembers.
type scan struct {
	*Redactor
	decode func(string, int) (byte, int)
	equals equals
	looks  int // how often it looked at a character
}

// plain is minted for a text that has nothing percent-encoded.
func (s *scan) plain(text string, from int) (start, end int) {
	start, end = plainMinted(text, from)
	if s.looks += end - from; end == 0 {
		s.looks += len(text)
	}
	return start, end
}

// minted finds what looks like a minted secret, or the first part of one,
// however it is percent-encoded, and in upper case too: that is a mistake of a
// client and tells as much.
func (s *scan) minted(text string, from int) (start, end int) {
	for i := from; i < len(text); i++ {
		s.looks++
		if c := text[i]; c != 't' && c != 'T' && c != '%' {
			continue
		}
		if end := s.mintedEnd(text, i); end > 0 {
			return i, end
		}
	}
	return 0, 0
}

// mintedEnd returns the end of a secret that begins at i, or 0.
func (s *scan) mintedEnd(text string, i int) int {
	for k := range len(token.Prefix) {
		if i >= len(text) {
			return 0
		}
		s.looks++
		c, next := s.decode(text, i)
		if c != token.Prefix[k] && c|0x20 != token.Prefix[k] {
			return 0
		}
		i = next
	}
	rest := 0
	for ; i < len(text); rest++ {
		s.looks++
		c, next := s.decode(text, i)
		if !inSecret(c) {
			break
		}
		i = next
	}
	if rest < minSecretRest {
		return 0
	}
	return i
}

// inSecret reports whether c can be in a secret or in the prefix of another that
// follows without a mark between them.
func inSecret(c byte) bool { return isAlnum(c) || c == '_' }

// plainMinted finds what looks like a minted secret where nothing is
// percent-encoded. It goes by the rarest character of the prefix.
func plainMinted[T ~string | ~[]byte](text T, from int) (start, end int) {
	const before = len(token.Prefix) - 1
	for i := from + before; i < len(text); i++ {
		if text[i] != '_' || text[i-1]|0x20 != 'v' || text[i-2]|0x20 != 'r' || text[i-3]|0x20 != 't' {
			continue
		}
		for end = i + 1; end < len(text) && inSecret(text[end]); end++ {
		}
		if end-i > minSecretRest {
			return i - before, end
		}
	}
	return 0, 0
}

// next finds the value of a parameter or of a header.
func (s *scan) next(text string, from int) (start, end int) {
	for i := from; i < len(text); i++ {
		s.looks++
		if !s.initial[text[i]] || !beginsName(text, i) {
			continue
		}
		if start, end := s.valueAt(text, i); end > start && text[start:end] != Redacted {
			return start, end
		}
	}
	return 0, 0
}

// beginsName reports whether a name can begin at i. What stands before may be
// percent-encoded itself, as the '?' of an address within an address is.
func beginsName(text string, i int) bool {
	if i == 0 || !isAlnum(text[i-1]) && text[i-1] != '_' {
		return true
	}
	return behindPercent(text, i-2) || i >= 6 && text[i-5]|0x20 == 'u' && behindPercent(text, i-5) // %5B, %u005B
}

// behindPercent reports whether '%' stands before i, itself encoded or not.
func behindPercent(text string, i int) bool {
	for depth := 0; depth < maxDepth && i >= 2 && text[i-2:i] == "25"; depth++ {
		i -= 2
	}
	return i >= 1 && text[i-1] == '%'
}

// valueAt returns where the value of the parameter or the header is whose name
// begins at i.
func (s *scan) valueAt(text string, i int) (start, end int) {
	for _, name := range s.queries {
		if at := s.nameEnd(text, i, name); at > 0 {
			if start, end = s.parameterValue(text, at); start > 0 {
				return start, end
			}
			if start, end = s.jsonValue(text, at); start > 0 {
				return start, end
			}
		}
	}
	for _, name := range s.headers {
		if at := s.nameEnd(text, i, name); at > 0 {
			if start, end = s.jsonValue(text, at); start > 0 {
				return start, end
			}
			return s.headerValue(text, i, at, nil)
		}
	}
	if len(s.schemes.schemes) > 0 {
		if at := s.nameEnd(text, i, authorization); at > 0 {
			return s.headerValue(text, i, at, &s.schemes)
		}
	}
	return 0, 0
}

// nameEnd returns the end of a name at i, or 0 if another stands there.
func (s *scan) nameEnd(text string, i int, folded string) int {
	for k := range len(folded) {
		if i >= len(text) {
			return 0
		}
		s.looks++
		var c byte
		if c, i = s.decode(text, i); foldHeaderByte(c) != folded[k] {
			return 0
		}
	}
	return i
}

// equals is where a search for '=' led. A search that comes by between its
// beginning and its end leads there too, wherever it began: what is
// percent-encoded begins with '%' and has no other '%' or '=' in it.
type equals struct {
	from, to   int // to is at the '=', or where the parameter ends without one
	start, end int // of the value; 0 without '='
}

// parameterValue returns where the value of a parameter is whose name ends at i,
// or 0. name[x], name]x and what follows a blank or a control character is the
// same parameter to some servers, see foldsTo.
func (s *scan) parameterValue(text string, i int) (start, end int) {
	if i == len(text) {
		return 0, 0
	}
	if c, _ := s.decode(text, i); c != '=' && c != '[' && c != ']' && c != '+' && c > ' ' {
		return 0, 0
	}
	found := equals{from: i, to: len(text)}
	for ; i < len(text); s.looks++ {
		if i >= s.equals.from && i <= s.equals.to {
			found.to, found.start, found.end = s.equals.to, s.equals.start, s.equals.end
			break
		}
		c, next := s.decode(text, i)
		if c == '=' {
			found.to, found.start, found.end = i, next, s.wordEnd(text, next)
			break
		}
		if text[i] <= ' ' || text[i] == '&' {
			found.to = i
			break
		}
		i = next
	}
	s.equals = found
	return found.start, found.end
}

// wordEnd returns the end of a parameter's value: the next '&' or blank, without
// the marks behind it.
func (s *scan) wordEnd(text string, start int) int {
	end := start
	for end < len(text) && text[end] > ' ' && text[end] != '&' && text[end] != 0x7f {
		end++
	}
	s.looks += end - start
	return start + len(strings.TrimRight(text[start:end], marks))
}

// jsonValue returns where the string is that stands in JSON under the name that
// ends at i, or 0. It ends with the kind of quotation mark that it begins with,
// which can be percent-encoded.
func (s *scan) jsonValue(text string, i int) (start, end int) {
	opening := i
	for _, mark := range []byte(`":"`) {
		if i < len(text) && (text[i] == ' ' || text[i] == '+') { // not more: each name would look at all of them
			i++
		}
		if i == len(text) {
			return 0, 0
		}
		s.looks++
		opening = i
		var c byte
		if c, i = s.decode(text, i); c != mark {
			return 0, 0
		}
	}
	quote := text[opening:i]
	for end = i; ; end += len(quote) {
		n := strings.Index(text[end:], quote)
		if n < 0 {
			end = len(text)
			break
		}
		if end += n; text[end-1] != '\\' {
			break
		}
	}
	s.looks += end - i
	return i, end
}

// marks end a quotation or a sentence.
const marks = "\"'`.,:;>)]}\\"

// headerValue returns where the value of a header is whose name is from i to at,
// as Go prints a header, map[Name:[value]], and as a request has it, in a line
// of its own. With schemes it must begin with one of them.
func (s *scan) headerValue(text string, i, at int, schemes *Sources) (start, end int) {
	rest, listed := strings.CutPrefix(text[at:], ":[")
	if !listed {
		var line bool
		if rest, line = strings.CutPrefix(text[at:], ":"); !line || i > 0 && text[i-1] != '\n' {
			return 0, 0
		}
		rest = strings.TrimLeft(rest, " \t")
	}
	s.looks += len(text) - at - len(rest)
	if schemes != nil {
		if _, ours := schemes.cutScheme(rest); !ours {
			return 0, 0
		}
	}
	start, end = len(text)-len(rest), len(text)
	if listed {
		end = start + listEnd(rest)
	} else if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
		end = start + n
	}
	s.looks += end - start
	return start, end
}

// listEnd returns where the list ends that a text begins in. A value can have
// the mark in it, but not often where this looks for it.
func listEnd(text string) int {
	for i := range len(text) {
		if text[i] == ']' && (i+1 == len(text) || text[i+1] == ' ' || text[i+1] == ']') {
			return i
		}
	}
	return len(text)
}

// maxDepth is how often '%' itself may be encoded: an address in an address in
// an address.
const maxDepth = 4

// decodeDeeply is decodeName for what was percent-encoded more than once.
func decodeDeeply(s string, i int) (byte, int) {
	if s[i] != '%' {
		return decodeByte(s, i)
	}
	k := i + 1
	for depth := 0; depth < maxDepth && strings.HasPrefix(s[k:], "25"); depth++ {
		k += 2
	}
	if k+1 < len(s) {
		high, ok1 := unhex(s[k])
		low, ok2 := unhex(s[k+1])
		if ok1 && ok2 {
			return high<<4 | low, k + 2
		}
	}
	if k+4 < len(s) && s[k]|0x20 == 'u' { // %uXXXX, see decodeName
		code := 0
		for _, c := range []byte(s[k+1 : k+5]) {
			digit, ok := unhex(c)
			if !ok {
				return decodeByte(s, i)
			}
			code = code<<4 | int(digit)
		}
		return byte(min(code, 0xff)), k + 5
	}
	return decodeByte(s, i)
}
