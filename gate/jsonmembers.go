package gate

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A body can have hundreds of thousands of members. What is looked for is found
// without a copy of anything else. All text here is JSON that was found to be valid.

// jsonMembers are those of an object that some server could take for one of the
// wanted names, by these names as foldMember returns them. It is nil for what is no object.
type jsonMembers map[string]*jsonMember

// jsonMember is a member of an object, with its value as it is written.
type jsonMember struct {
	name  string
	raw   []byte
	twice bool // there is another one
}

// membersOf returns the members that could have one of the names.
func membersOf(text []byte, names ...string) jsonMembers {
	if text[skipBlanks(text, 0)] != '{' {
		return nil
	}
	wanted, shortest := map[string]bool{}, maxFoldedName
	var room [maxFoldedName]byte
	for _, name := range names {
		folded := foldMember(room[:0], []byte(name))
		wanted[string(folded)], shortest = true, min(shortest, len(folded))
	}
	members := jsonMembers{}
	within(text, func(name, value []byte) bool {
		if len(name) < shortest+len(`""`) {
			return true
		}
		decoded := decodeJSONString(name)
		folded := foldMember(room[:0], decoded)
		if !wanted[string(folded)] {
			return true
		}
		if m := members[string(folded)]; m != nil {
			m.twice = true
		} else {
			members[string(folded)] = &jsonMember{name: string(decoded), raw: value}
		}
		return true
	})
	return members
}

// within calls yield for each member of an object, with its name in quotes, or for
// each element of an array, until it returns false.
func within(text []byte, yield func(name, value []byte) bool) {
	start := skipBlanks(text, 0)
	object := text[start] == '{'
	if !object && text[start] != '[' {
		return
	}
	for i := skipBlanks(text, start+1); text[i] != '}' && text[i] != ']'; {
		var name []byte
		if object {
			end := stringEnd(text, i)
			name = text[i:end]
			i = skipBlanks(text, skipBlanks(text, end)+len(":"))
		}
		end := valueEnd(text, i)
		if !yield(name, text[i:end]) {
			return
		}
		if i = skipBlanks(text, end); text[i] == ',' {
			i = skipBlanks(text, i+1)
		}
	}
}

func skipBlanks(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') {
		i++
	}
	return i
}

// valueEnd returns where the value ends that begins at i.
func valueEnd(text []byte, i int) int {
	if text[i] != '"' && text[i] != '{' && text[i] != '[' {
		if n := bytes.IndexAny(text[i:], ",]} \t\r\n"); n >= 0 {
			return i + n
		}
		return len(text)
	}
	for depth := 0; ; {
		switch text[i] {
		case '"':
			i = stringEnd(text, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if i++; depth == 0 {
			return i
		}
	}
}

// stringEnd returns where the string ends that begins at i.
func stringEnd(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// decodeJSONString returns what a string in quotes says. What can't be decoded is U+FFFD.
func decodeJSONString(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return []byte{} // as it is valid, that can't be
	}
	return []byte(text)
}

// maxFoldedName is more than what the longest name of a parameter needs.
const maxFoldedName = 80

// foldMember appends to folded what is the same of all names that some server could
// take for one: without regard to case, to how words are joined (app_id and appId are the same
// to many), to blanks, control characters and what could not be decoded, and without
// what stands behind a bracket or a NUL. Of a name that is
// too long to be one it is nothing.
func foldMember(folded, name []byte) []byte {
	name = bytes.TrimFunc(name, isBlankInName)
	if end := bytes.IndexAny(name, "\x00["); end > 0 {
		name = bytes.TrimRightFunc(name[:end], isBlankInName)
	}
	for len(name) > 0 {
		c, size := utf8.DecodeRune(name)
		if len(folded)+utf8.UTFMax > maxFoldedName {
			return folded[:0]
		}
		if name = name[size:]; len(folded) == 0 || !joinsWords(c) {
			// Through upper case, since lower case alone keeps the long s and the s apart.
			folded = utf8.AppendRune(folded, unicode.ToLower(unicode.ToUpper(c)))
		}
	}
	return folded
}

// isBlankInName reports whether some server drops the character at both ends of a name.
func isBlankInName(c rune) bool {
	return c == utf8.RuneError || c == '\ufeff' || unicode.IsControl(c) || unicode.IsSpace(c)
}

// one returns the value of the one member of a name, or nil if there is none.
func (m jsonMembers) one(name string) (raw []byte, err error) {
	var room [maxFoldedName]byte
	switch found := m[string(foldMember(room[:0], []byte(name)))]; {
	case found == nil:
		return nil, nil
	case found.twice, found.name != name:
		return nil, errParameterTwice(name)
	default:
		return found.raw, nil
	}
}

// maxDigits is how many digits a number may have for all servers to take it for the same.
const maxDigits = 15

// scalar returns a string decoded, and a number as it is written.
func scalar(raw []byte) (text string, ok bool) {
	switch c := raw[0]; {
	case c == '"':
		text = string(decodeJSONString(raw))
		return text, !strings.ContainsRune(text, utf8.RuneError)
	case c == '-' || c >= '0' && c <= '9':
		return string(raw), len(raw) <= maxDigits
	}
	return "", false
}
