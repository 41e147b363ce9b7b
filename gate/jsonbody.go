package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxJSON is the longest JSON body in bytes that is read for its members.
const maxJSON = 4 << 20

var (
	errJSONEncoded = errors.New("the body is compressed, or not in UTF-8, so that what decides in it can't be read; send it as it is")
	errJSON        = errors.New("the body decides about the request, and it is not JSON that every server reads alike")
)

// jsonBody is a body of JSON that was read, from its beginning. One that could not be
// read fails whoever reads it: an empty one would be another request.
type jsonBody struct {
	text    bytes.Reader
	closer  io.Closer
	members []jsonMember // of the object that it is; none if it is something else
	err     error        // what is wrong with it
	unread  error        // why it could not be read to its end
}

// jsonMember is a member of the object, whose value counts if it is a string or a number.
type jsonMember struct {
	name, text string
	scalar     bool
}

func (b *jsonBody) Read(p []byte) (int, error) {
	if b.unread != nil {
		return 0, b.unread
	}
	return b.text.Read(p)
}

func (b *jsonBody) Close() error { return b.closer.Close() }

// readJSON reads the body and puts one in its place that gives the same bytes.
func readJSON(r *http.Request) {
	body := &jsonBody{closer: r.Body}
	text, err := readWhole(r, maxJSON)
	r.Body = body
	if body.unread, body.err = err, err; err != nil {
		return
	}
	body.text.Reset(text)
	switch kind, _ := contentType(r.Header); {
	case len(text) == 0:
	case kind == "": // of a length that was not known before
		body.err = errParameterType
	case r.Header["Content-Encoding"] != nil, hidesLetters(kind):
		body.err = errJSONEncoded
	default:
		body.members, body.err = readMembers(text)
	}
}

// hidesLetters reports whether a type names another character set than UTF-8.
func hidesLetters(kind string) bool {
	_, set, named := strings.Cut(strings.ToLower(kind), "charset")
	set = strings.Trim(set, " =\"\t;")
	return named && set != "utf-8" && set != "utf8"
}

// value returns the value of the one member of a name.
func (b *jsonBody) value(name string) (text string, found bool, err error) {
	if b.err != nil {
		return "", false, b.err
	}
	for _, m := range b.members {
		switch {
		case !alike(m.name, name):
			continue
		case found || m.name != name:
			return "", false, errParameterTwice(name)
		case !m.scalar:
			return "", false, fmt.Errorf("%s in the body, which decides, is neither a string nor a number of at most 15 digits", name)
		}
		text, found = m.text, true
	}
	return text, found, nil
}

// alike reports whether some server could take a key for the name: without regard
// to case, blanks, control characters and what could not be decoded.
func alike(key, name string) bool {
	if len(key) < len(name) {
		return false
	}
	key = strings.TrimFunc(key, func(c rune) bool {
		return c <= ' ' || c == utf8.RuneError || unicode.IsControl(c) || unicode.IsSpace(c)
	})
	if end := strings.IndexAny(key, "\x00["); end > 0 {
		key = key[:end]
	}
	return strings.EqualFold(key, name)
}

// maxNested is how deep JSON may nest that is read for its members.
const maxNested = 512

// readMembers returns the members of the object that the text is, in their order.
func readMembers(text []byte) (members []jsonMember, err error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, errJSON
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	depth, name := 0, ""
	wantsName := false
	for {
		t, err := in.Token()
		switch {
		case errors.Is(err, io.EOF):
			return members, nil
		case err != nil:
			return nil, errJSON
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{', '[':
				if depth == 0 && t == '[' {
					return nil, nil
				}
				if depth++; depth > maxNested {
					return nil, errJSON
				}
				if depth == 2 {
					members = append(members, jsonMember{name: name})
				}
				wantsName = depth == 1
			default:
				depth--
				wantsName = depth == 1
			}
		default:
			if depth != 1 {
				continue
			}
			if wantsName {
				name, _ = t.(string)
				wantsName = false
				continue
			}
			members = append(members, member(name, t))
			wantsName = true
		}
	}
}

// maxDigits is how many digits a number may have for all servers to take it for the same.
const maxDigits = 15

func member(name string, value any) jsonMember {
	m := jsonMember{name: name}
	switch v := value.(type) {
	case string:
		m.text, m.scalar = v, !strings.ContainsRune(v, utf8.RuneError)
	case json.Number:
		m.text, m.scalar = v.String(), len(v.String()) <= maxDigits
	}
	return m
}
