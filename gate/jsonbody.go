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

	"github.com/tokenreeve/tokenreeve/permission"
)

// maxParameterBody is the longest body in bytes that is read for what it says
// about the request.
const maxParameterBody = 4 << 20

var (
	errJSONEncoded = errors.New("the body is compressed, or not in UTF-8, so that what decides in it can't be read; send it as it is")
	errJSON        = errors.New("the body decides about the request, and it is not JSON that every server reads alike")
	errFormText    = errors.New("the form decides about the request, and has a blank or a control character, which would end a field for some servers")
)

// parameterBody is a body that was read, from its beginning: JSON, or the form of a
// POST that is a GET. One that could not be read fails whoever reads it: an
// empty one would be another request.
type parameterBody struct {
	text    bytes.Reader
	closer  io.Closer
	members []jsonMember // of the object that it is; nil if it is something else
	form    string       // fields, if it is a form
	err     error        // what is wrong with it
	unread  error        // why it could not be read to its end
}

// jsonMember is a member of an object, with its value as it is written.
type jsonMember struct {
	name string
	raw  json.RawMessage
}

func (b *parameterBody) Read(p []byte) (int, error) {
	if b.unread != nil {
		return 0, b.unread
	}
	return b.text.Read(p)
}

func (b *parameterBody) Close() error { return b.closer.Close() }

// readParameterBody reads the body and puts one in its place that gives the same bytes.
func readParameterBody(r *http.Request) {
	body := &parameterBody{closer: r.Body}
	text, err := readWhole(r, maxParameterBody)
	r.Body = body
	if body.unread, body.err = err, err; err != nil {
		return
	}
	body.text.Reset(text)
	switch kind, _ := contentType(r.Header); {
	case len(text) == 0:
	case kind == "": // of a length that was not known before
		body.err = errParameterType
	case !isJSON(kind):
		body.form, body.err = readFields(r, string(text))
	case r.Header["Content-Encoding"] != nil, hidesLetters(kind):
		body.err = errJSONEncoded
	default:
		body.members, body.err = readMembers(text)
	}
}

func isJSON(kind string) bool { return strings.Contains(strings.ToLower(kind), "json") }

// readFields returns the fields of a form that has one reading and names no other
// method, of which it was sent with POST.
func readFields(r *http.Request, text string) (string, error) {
	scan, err := newFormScanner(r)
	if err != nil {
		return "", err
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return "", errFormText
	}
	if err := scan.scan([]byte(text)); err != nil {
		return "", err
	}
	return text, scan.end()
}

// hidesLetters reports whether a type names another character set than UTF-8.
func hidesLetters(kind string) bool {
	_, set, named := strings.Cut(strings.ToLower(kind), "charset")
	set = strings.Trim(set, " =\"\t;")
	return named && set != "utf-8" && set != "utf8"
}

// value returns the value of a parameter, if the body has it.
func (b *parameterBody) value(p permission.Parameter) (text string, found bool, err error) {
	switch {
	case b.err != nil:
		return "", false, b.err
	case b.form != "":
		return queryValue(b.form, p.Name)
	case p.Place == permission.Flag && b.members == nil && b.text.Size() > 0:
		return "", true, nil // servers may find an object in what is none
	}
	return memberFor(b.members, p)
}

// memberFor returns the value of a parameter among the members of an object.
func memberFor(members []jsonMember, p permission.Parameter) (text string, found bool, err error) {
	if p.Place != permission.Flag {
		return memberValue(members, p.Name)
	}
	raw, err := memberOf(members, p.Name)
	return "", raw != nil && string(raw) != "false", err
}

// memberValue returns the value of the one member of a name, if it is a string or a number.
func memberValue(members []jsonMember, name string) (text string, found bool, err error) {
	raw, err := memberOf(members, name)
	if raw == nil || err != nil {
		return "", false, err
	}
	text, ok := scalar(raw)
	if !ok {
		return "", false, fmt.Errorf("%s in the body, which decides, is neither a string nor a number of at most %d digits", name, maxDigits)
	}
	return text, true, nil
}

// memberOf returns the value of the one member of a name, or nil if there is none.
func memberOf(members []jsonMember, name string) (raw json.RawMessage, err error) {
	for _, m := range members {
		if !alike(m.name, name) {
			continue
		}
		if raw != nil || m.name != name {
			return nil, errParameterTwice(name)
		}
		raw = m.raw
	}
	return raw, nil
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

// readMembers returns the members of the object that the text is, in their order, and
// nil if it is something else.
func readMembers(text []byte) (members []jsonMember, err error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, errJSON
	}
	in := json.NewDecoder(bytes.NewReader(text))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return nil, err
	}
	members = []jsonMember{}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil, errJSON
		}
		var m jsonMember
		m.name, _ = name.(string) // as it is in valid JSON
		if err := in.Decode(&m.raw); err != nil {
			return nil, errJSON
		}
		members = append(members, m)
	}
	return members, nil
}

// maxDigits is how many digits a number may have for all servers to take it for the same.
const maxDigits = 15

// scalar returns a string decoded, and a number as it is written.
func scalar(raw json.RawMessage) (text string, ok bool) {
	switch c := raw[0]; {
	case c == '"':
		err := json.Unmarshal(raw, &text)
		return text, err == nil && !strings.ContainsRune(text, utf8.RuneError)
	case c == '-' || c >= '0' && c <= '9':
		return string(raw), len(raw) <= maxDigits
	}
	return "", false
}
