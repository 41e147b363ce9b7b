package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	errJSON     = errors.New("the body decides about the request, and it is not JSON that every server reads alike")
	errJSONDeep = fmt.Errorf("the body decides about the request, and nests more than %d levels, which some servers take for no body", maxNesting)
	errJSONText = errors.New(`the body decides about the request, and has half a surrogate pair (\ud800) or a string that begins with \u0000, which some servers take for no body`)
)

// maxNesting is how deep JSON that decides may nest: as deep as Ruby reads it.
const maxNesting = 100

// checkJSON refuses what is no JSON to all servers. PHP's json_decode makes null of what it
// can't take, and Laravel of that a request without parameters: such a value would be there
// for the gate alone. These are more than 512 levels, half a surrogate pair, and
// a member whose name begins with NUL.
func checkJSON(text []byte) error {
	if !utf8.Valid(text) || !json.Valid(text) {
		return errJSON
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			end := stringEnd(text, i)
			if !decodable(text[i+1 : end-1]) {
				return errJSONText
			}
			i = end - 1
		case '{', '[':
			if depth++; depth > maxNesting {
				return errJSONDeep
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// decodable reports whether all servers decode what stands between the quotes of a string.
func decodable(text []byte) bool {
	if bytes.HasPrefix(text, []byte(`\u0000`)) {
		return false
	}
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return true
		}
		text = text[i:]
		r := escaped(text)
		if !utf16.IsSurrogate(r) {
			text = text[len(`\"`):]
			continue
		}
		if text = text[len(`\uD83D`):]; utf16.DecodeRune(r, escaped(text)) == utf8.RuneError {
			return false
		}
		text = text[len(`\uDE00`):]
	}
}

// escaped returns the half of a character, or all of it, that an escape \uXXXX stands for
// at the beginning of the text; 0 if there is none.
func escaped(text []byte) rune {
	if !bytes.HasPrefix(text, []byte(`\u`)) {
		return 0
	}
	code, _ := strconv.ParseUint(string(text[2:6]), 16, 16) // of valid JSON
	return rune(code)
}
