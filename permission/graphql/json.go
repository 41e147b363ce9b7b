package graphql

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNesting is how deep JSON may nest. encoding/json goes to 10,000, many
// servers less far; documents of rich-text editors stay below 100.
const maxNesting = 512

// scanner reads one JSON text by RFC 8259 and no more: no comments, no trailing
// commas, no byte order mark, nothing behind the value. encoding/json would do,
// if it did not take "Query" for "query" and the last of two equal keys. The text
// is valid UTF-8.
type scanner struct {
	data []byte
	at   int
}

// peek returns the next byte, or 0 at the end, where JSON allows no 0 anyway.
func (s *scanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

// next passes over white space and returns the byte behind it.
func (s *scanner) next() byte {
	for s.at < len(s.data) {
		switch c := s.data[s.at]; c {
		case ' ', '\n', '\r', '\t':
			s.at++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) unexpected(wanted string) *Error {
	switch {
	case s.at >= len(s.data):
		return malformed("the JSON text ends where %s should be", wanted)
	case s.at == 0 && bytes.HasPrefix(s.data, []byte("\uFEFF")):
		return malformed("the JSON text begins with a byte order mark; leave it out")
	}
	r, _ := utf8.DecodeRune(s.data[s.at:])
	return malformed("the JSON text has %q at byte %d, where %s should be", r, s.at+1, wanted)
}

// end checks that nothing is left but white space.
func (s *scanner) end() *Error {
	if s.next(); s.at < len(s.data) {
		return s.unexpected("its end")
	}
	return nil
}

// value passes over one value of any kind. It does not recurse.
func (s *scanner) value() *Error {
	var closers [maxNesting]byte
	open := closers[:0]
	for {
		if c := s.next(); c == '{' || c == '[' {
			if len(open) == maxNesting {
				return &Error{Code: TooLarge, Problem: "the JSON text nests deeper than 512 levels; send a flatter value"}
			}
			s.at++
			open = append(open, c+2) // } is two behind {, and ] behind [
			if s.next() != c+2 {
				if err := s.member(c + 2); err != nil {
					return err
				}
				continue
			}
		} else if err := s.scalar(c); err != nil {
			return err
		}
		for len(open) > 0 && s.next() == open[len(open)-1] {
			s.at++
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			return nil
		}
		if err := s.comma(); err != nil {
			return err
		}
		if err := s.member(open[len(open)-1]); err != nil {
			return err
		}
	}
}

// member passes over what stands before a value: in an object its key.
func (s *scanner) member(closer byte) *Error {
	if closer == '}' {
		_, err := s.key()
		return err
	}
	return nil
}

func (s *scanner) comma() *Error {
	if s.next() != ',' {
		return s.unexpected("a comma or the closing bracket")
	}
	s.at++
	return nil
}

// scalar passes over a value that begins with c and is no object or array.
func (s *scanner) scalar(c byte) *Error {
	switch c {
	case '"':
		_, _, err := s.raw()
		return err
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number()
	}
	return s.unexpected("a value")
}

func (s *scanner) word(word string) *Error {
	if !bytes.HasPrefix(s.data[s.at:], []byte(word)) {
		return s.unexpected("a value")
	}
	s.at += len(word)
	return nil
}

func (s *scanner) number() *Error {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.peek() == '.' {
		s.at++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.peek()|0x20 == 'e' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) digits() *Error {
	start := s.at
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.at++
	}
	if s.at == start {
		return s.unexpected("a digit")
	}
	return nil
}

// null passes over null, if that is what comes next.
func (s *scanner) null() bool { return s.next() == 'n' && s.word("null") == nil }

// object calls member for each member of an object, with its key decoded. member
// reads the value, and refuses a key that was there before.
func (s *scanner) object(member func(key []byte) *Error) *Error {
	return s.list('{', func() *Error {
		key, err := s.key()
		if err != nil {
			return err
		}
		return member(key)
	})
}

// list calls item for each member of an object or element of an array.
func (s *scanner) list(opener byte, item func() *Error) *Error {
	if s.next() != opener {
		return s.unexpected("an opening " + string(opener))
	}
	s.at++
	if s.next() == opener+2 {
		s.at++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.next() == opener+2 {
			s.at++
			return nil
		}
		if err := s.comma(); err != nil {
			return err
		}
	}
}

// key reads a key and the colon behind it. It does not decode the key's
// surrogates: a key with a lone one is none that is known.
func (s *scanner) key() ([]byte, *Error) {
	if s.next() != '"' {
		return nil, s.unexpected("a key in double quotes")
	}
	raw, escaped, err := s.raw()
	if err != nil {
		return nil, err
	}
	if s.next() != ':' {
		return nil, s.unexpected("a colon")
	}
	s.at++
	if escaped {
		raw, _ = unescape(raw)
	}
	return raw, nil
}

// text reads a string and decodes it.
func (s *scanner) text() ([]byte, *Error) {
	q, err := s.quoted()
	if err != nil {
		return nil, err
	}
	return q.decode()
}

// quoted is a string as it stands in the text.
type quoted struct {
	raw     []byte // what is between the quotes
	escaped bool   // escapes are
	end     int    // where it ends in the text
}

func (s *scanner) quoted() (quoted, *Error) {
	if s.next() != '"' {
		return quoted{}, s.unexpected("a string")
	}
	raw, escaped, err := s.raw()
	return quoted{raw, escaped, s.at}, err
}

// decode returns the string. A lone surrogate is refused: servers make different
// characters of it.
func (q *quoted) decode() ([]byte, *Error) {
	if !q.escaped {
		return q.raw, nil
	}
	decoded, ok := unescape(q.raw)
	if !ok {
		return nil, malformed("the JSON text has half of a surrogate pair in a string that ends at byte %d; send the whole character", q.end)
	}
	return decoded, nil
}

// ordinary returns how many of the first bytes mean themselves in a string: all but
// quotes, backslashes and control characters. It looks at eight of them at a time, as
// https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord has it: a
// byte's highest bit is set in found if it, or one before it, is looked for.
func ordinary(text []byte) (n int) {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; n+8 <= len(text); n += 8 {
		x := binary.LittleEndian.Uint64(text[n:])
		quote, backslash := x^ones*'"', x^ones*'\\'
		found := ((x-ones*' ')&^x | (quote-ones)&^quote | (backslash-ones)&^backslash) & high
		if found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(text) && text[n] >= ' ' && text[n] != '"' && text[n] != '\\' {
		n++
	}
	return n
}

// raw passes over a string and returns what stands between its quotes, and
// whether escapes do.
func (s *scanner) raw() (inside []byte, escaped bool, err *Error) {
	start, i := s.at+1, s.at+1
	for {
		i += ordinary(s.data[i:])
		s.at = i
		switch s.peek() {
		case '"':
			s.at++
			return s.data[start:i], escaped, nil
		case '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return nil, false, err
			}
			i = s.at
		default:
			return nil, false, s.unexpected("the rest of a string, with control characters escaped,")
		}
	}
}

// escape passes over one escape.
func (s *scanner) escape() *Error {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return nil
	case 'u':
		if s.at+5 <= len(s.data) {
			if _, ok := hexRune(s.data[s.at+1 : s.at+5]); ok {
				s.at += 5
				return nil
			}
		}
	}
	return s.unexpected("a valid escape")
}

func hexRune(digits []byte) (r rune, ok bool) {
	for _, c := range digits {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// escapes are the characters that one letter behind a backslash stands for.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape decodes the inside of a string that raw has checked. It is not ok if
// that has half of a surrogate pair.
func unescape(raw []byte) (decoded []byte, ok bool) {
	decoded, ok = make([]byte, 0, len(raw)), true
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(decoded, raw...), ok
		}
		decoded = append(decoded, raw[:i]...)
		if c := raw[i+1]; c != 'u' {
			decoded, raw = append(decoded, escapes[c]), raw[i+2:]
			continue
		}
		r, _ := hexRune(raw[i+2 : i+6])
		raw = raw[i+6:]
		if utf16.IsSurrogate(r) {
			low := utf8.RuneError
			if len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
				low, _ = hexRune(raw[2:6])
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				ok = false
			} else {
				raw = raw[6:]
			}
		}
		decoded = utf8.AppendRune(decoded, r)
	}
}
