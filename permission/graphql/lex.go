package graphql

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// lexer splits a document by the rules of the GraphQL specification, all of it
// before the parser begins. It bounds the parser's work and refuses every text that
// lexers are known to split in different ways. The text is valid UTF-8.
type lexer struct {
	text  string
	at    int
	count int
	depth int
	last  class // of the token before
	// lineFeeds says that nothing else ends a comment; longComment is where the first
	// ended at another byte, -1 if none did.
	lineFeeds   bool
	longComment int
}

// lexeme is a token for the parser, in bytes of the text. Its kind is one of those
// below, or the character itself.
type lexeme struct {
	kind       byte
	start, end int
}

const (
	theEnd  byte = 0
	aName   byte = 'a'
	aNumber byte = '0'
	aString byte = '"'
	theDots byte = '.'
)

// class is what a token that begins with a byte can be.
type class uint8

const (
	stray class = iota
	blank
	word
	number
	quote
	comment
	dots
	opener
	closer
	punctuator
)

var classes = func() (t [256]class) {
	for chars, c := range map[string]class{
		" \t\r\n,": blank, "-0123456789": number, `"`: quote, "#": comment, ".": dots,
		"([{": opener, ")]}": closer, "!$&:=@|": punctuator,
		"_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ": word,
	} {
		for _, b := range []byte(chars) {
			t[b] = c
		}
	}
	return t
}()

// inName are the bytes that go on a name.
var inName = func() (t [256]bool) {
	for b, c := range classes {
		t[b] = c == word || c == number && b != '-'
	}
	return t
}()

// all returns the tokens of the text, and its end. Comments are left out but count,
// since they cost the same.
func (x *lexer) all(limits *Limits) ([]lexeme, *Error) {
	text := x.text
	x.longComment = -1
	tokens := make([]lexeme, 0, min(len(text)/4, limits.Tokens)+1)
	for x.at < len(text) {
		c, start := classes[text[x.at]], x.at
		if c == blank {
			x.at++
			continue
		}
		if x.count++; x.count > limits.Tokens {
			return nil, tooLarge("tokens", int64(limits.Tokens), "document has", "tokens", "split it up, or pass values as variables")
		}
		if err := x.token(c, limits.Depth); err != nil {
			return nil, err
		}
		if c == comment {
			continue
		}
		x.last = c
		tokens = append(tokens, lexeme{kind(c, text[start]), start, x.at})
	}
	return append(tokens, lexeme{theEnd, len(text), len(text)}), nil
}

// kind returns the kind of a token by its class and first byte.
func kind(c class, first byte) byte {
	switch c {
	case word:
		return aName
	case number:
		return aNumber
	case stray, blank, quote, comment, dots, opener, closer, punctuator:
	}
	return first
}

// token passes over one token of the class.
func (x *lexer) token(c class, deepest int) *Error {
	switch c {
	case word:
		for x.at++; x.at < len(x.text) && inName[x.text[x.at]]; x.at++ {
		}
		return nil
	case number:
		return x.number()
	case quote:
		return x.anyString()
	case comment:
		return x.comment()
	case dots:
		if !strings.HasPrefix(x.text[x.at:], "...") {
			return x.fail("a stray dot")
		}
		x.at += 2
	case opener:
		if x.depth++; x.depth > deepest {
			return tooDeep(deepest)
		}
	case closer:
		x.depth--
	case punctuator:
	case stray, blank: // lex has passed over the blanks
		return x.stray()
	}
	x.at++
	return nil
}

func tooDeep(deepest int) *Error {
	return tooLarge("depth", int64(deepest), "document nests", "levels", "ask for less at once, or pass values as variables")
}

// fail says what is wrong at the place that was reached.
func (x *lexer) fail(what string) *Error {
	line, column := place(x.text, min(x.at, len(x.text)))
	return unreadable("the GraphQL document has %s at line %d, column %d", what, line, column)
}

// place returns the line and the column of a byte, both from 1.
func place(text string, at int) (line, column int) {
	line, start := 1, 0
	for i := range at {
		if c := text[i]; c == '\n' || c == '\r' && !strings.HasPrefix(text[i+1:], "\n") {
			line, start = line+1, i+1
		}
	}
	return line, utf8.RuneCountInString(text[start:at]) + 1
}

func (x *lexer) stray() *Error {
	r, _ := utf8.DecodeRuneInString(x.text[x.at:])
	switch {
	case r == '\uFEFF':
		return x.fail("a byte order mark (leave it out)")
	case unicode.IsControl(r):
		return x.control()
	case !unicode.IsPrint(r):
		return x.fail(fmt.Sprintf("the invisible character %U (leave it out)", r))
	}
	return x.fail("the character " + string(r) + ", which can stand in strings only,")
}

func (x *lexer) control() *Error { return x.fail("a control character (leave it out)") }

func (x *lexer) is(c byte) bool { return x.at < len(x.text) && x.text[x.at] == c }

// number passes over a number. Some lexers read 0x1 or 1.a as two tokens,
// others refuse it.
func (x *lexer) number() *Error {
	if x.is('-') {
		x.at++
	}
	ok := true
	if x.is('0') {
		x.at++
	} else {
		ok = x.digits()
	}
	if x.is('.') {
		x.at++
		ok = x.digits() && ok
	}
	if x.is('e') || x.is('E') {
		x.at++
		if x.is('+') || x.is('-') {
			x.at++
		}
		ok = x.digits() && ok
	}
	if !ok || x.at < len(x.text) && (inName[x.text[x.at]] || x.is('-') || x.is('.')) {
		return x.fail("a number that is none")
	}
	return nil
}

func (x *lexer) digits() bool {
	start := x.at
	for x.at < len(x.text) && x.text[x.at] >= '0' && x.text[x.at] <= '9' {
		x.at++
	}
	return x.at > start
}

// comment passes over a comment. Lexers of the specification's first drafts end it
// at characters that later ones don't know as ends of lines.
func (x *lexer) comment() *Error {
	for ; x.at < len(x.text); x.at++ {
		switch c := x.text[x.at]; {
		case c == '\n' || strings.HasPrefix(x.text[x.at:], "\r\n"):
			return nil
		case c == '\r' && !x.lineFeeds:
			if x.longComment < 0 {
				x.longComment = x.at
			}
			return nil
		case c == '\r':
		case c < ' ' && c != '\t':
			return x.control()
		case c == 0xC2 || c == 0xE2:
			if rest := x.text[x.at:]; strings.HasPrefix(rest, "\u0085") || strings.HasPrefix(rest, "\u2028") || strings.HasPrefix(rest, "\u2029") {
				return x.lineEnd()
			}
		}
	}
	return nil
}

func (x *lexer) lineEnd() *Error {
	return x.fail("an end of line that some servers don't know as one (use a line feed)")
}

func (x *lexer) anyString() *Error {
	switch {
	case x.last == dots: // the parser takes ... "on" for ... on
		return x.fail("a string behind three dots")
	case strings.HasPrefix(x.text[x.at:], `"""`):
		return x.block()
	}
	return x.quoted()
}

func (x *lexer) quoted() *Error {
	for x.at++; x.at < len(x.text); {
		switch c := x.text[x.at]; {
		case c == '"':
			x.at++
			return x.apart()
		case c == '\\':
			if !x.escape() {
				return x.fail("an invalid escape")
			}
		case c == '\n' || c == '\r':
			return x.fail("a string without its closing quote")
		case c < ' ' && c != '\t':
			return x.control()
		default:
			x.at++
		}
	}
	return x.fail("a string without its closing quote")
}

// block passes over a block string. It ends at the first three quotes; some lexers
// end it at the last three of a longer row, and graphql-ruby's takes no escape for one
// that has a quote behind it.
func (x *lexer) block() *Error {
	for x.at += 3; x.at < len(x.text); {
		switch c := x.text[x.at]; {
		case c == '"' && strings.HasPrefix(x.text[x.at:], `"""`):
			x.at += 3
			return x.apart()
		case c == '\\' && strings.HasPrefix(x.text[x.at:], `\"""`):
			x.at += 4
			if err := x.apart(); err != nil {
				return err
			}
		case c < ' ' && c != '\t' && c != '\n' && c != '\r':
			return x.control()
		default:
			x.at++
		}
	}
	return x.fail("a block string without its closing quotes")
}

// apart refuses a quote right behind a string.
func (x *lexer) apart() *Error {
	if x.is('"') {
		return x.fail("a quote right behind a string (put a blank between two strings, or escape the quote)")
	}
	return nil
}

// escape passes over an escape in a string. Half a surrogate pair is none.
func (x *lexer) escape() bool {
	x.at++
	if x.at < len(x.text) && x.text[x.at] != 'u' {
		c := x.text[x.at]
		x.at++
		return escapes[c] != 0
	}
	r, ok := x.unicode()
	if ok && utf16.IsSurrogate(r) {
		if !strings.HasPrefix(x.text[x.at:], `\u`) {
			return false
		}
		x.at++
		var low rune
		low, ok = x.unicode()
		return ok && utf16.DecodeRune(r, low) != utf8.RuneError
	}
	return ok
}

// unicode reads u1F60 or u{1F600}.
func (x *lexer) unicode() (rune, bool) {
	x.at++
	digits := 4
	braced := x.is('{')
	if braced {
		x.at++
		digits = strings.IndexByte(x.text[x.at:], '}')
	}
	if digits < 1 || digits > 6 || x.at+digits > len(x.text) {
		return 0, false
	}
	var r rune
	for range digits {
		d, ok := hexDigit(x.text[x.at])
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
		x.at++
	}
	if braced {
		x.at++
		return r, utf8.ValidRune(r)
	}
	return r, true
}
