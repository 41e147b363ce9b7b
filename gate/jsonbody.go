package gate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

// DefaultMaxBody is the longest body in bytes that is read for what it says about
// the request, if a gate says nothing else.
const DefaultMaxBody = 4 << 20

var (
	errJSONEncoded = errors.New("the body is compressed, or not in UTF-8, so that what decides in it can't be read; send it as it is")
	errFormText    = errors.New("the form decides about the request, and has a blank or a control character, which would end a field for some servers")
)

// parameterBody is a body that was read, from its beginning: JSON, or the form of a
// POST that is a GET. One that could not be read fails whoever reads it: an
// empty one would be another request.
type parameterBody struct {
	closing
	text   bytes.Reader
	whole  []byte
	kind   bodyKind
	err    error // what is wrong with it
	unread error // why it could not be read to its end
}

func (b *parameterBody) Read(p []byte) (int, error) {
	if err := cmp.Or(b.unread, b.ended()); err != nil {
		return 0, err
	}
	return b.text.Read(p)
}

// readParameterBody reads the body and puts one in its place that gives the same bytes.
func (g *Gate) readParameterBody(r *http.Request) {
	body := &parameterBody{closing: closing{from: r.Body}}
	most := cmp.Or(g.MaxBody, DefaultMaxBody)
	body.whole, body.unread = readWhole(r, most)
	if errors.Is(body.unread, errLarge) {
		body.unread = fmt.Errorf("%w of api_tokens, %d bytes; what is in it decides about the request", errLarge, most)
	}
	r.Body = body
	if body.err = body.unread; body.err != nil {
		return
	}
	body.text.Reset(body.whole)
	knowLength(r, len(body.whole))
	if len(body.whole) > 0 {
		body.kind, body.err = bodyKindOf(r.Header)
		if body.err == nil {
			body.err = body.check(r)
		}
	}
}

// check says what is wrong with the text.
func (b *parameterBody) check(r *http.Request) error {
	switch b.kind {
	case formKind:
		return checkFields(r, b.whole)
	case jsonKind:
		if kind, _ := contentType(r.Header); r.Header["Content-Encoding"] != nil || hidesLetters(kind) {
			return errJSONEncoded
		}
		return checkJSON(b.whole)
	case untypedKind, otherKind, textKind, multipartKind: // the first if its length was not known before
	}
	return errParameterType
}

// checkFields makes sure that the form of a POST that is a GET has one reading, and
// names no method.
func checkFields(r *http.Request, text []byte) error {
	scan, err := newFormScanner(r.Header, noMethod)
	if err != nil {
		return err
	}
	if bytes.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return errFormText
	}
	if err := scan.scan(text); err != nil {
		return err
	}
	return scan.end()
}

// hidesLetters reports whether a type names another character set than UTF-8.
func hidesLetters(kind string) bool {
	_, set, named := strings.Cut(strings.ToLower(kind), "charset")
	set = strings.Trim(set, " =\"\t;")
	return named && set != "utf-8" && set != "utf8"
}

// bodyParameters is what a body says about some parameters.
type bodyParameters struct {
	form     string
	members  jsonMembers
	noObject bool // it is JSON, and no object
}

// look looks into the body for parameters. A body that is nil has none.
func (b *parameterBody) look(wanted []permission.Parameter) (found bodyParameters, err error) {
	switch {
	case b == nil:
	case b.err != nil:
		return found, b.err
	case b.kind == formKind:
		found.form = string(b.whole)
		return found, nil
	case len(b.whole) > 0:
		found.members = membersOf(b.whole, namesOf(wanted)...)
		found.noObject = found.members == nil
	}
	return found, nil
}

func namesOf(parameters []permission.Parameter) (names []string) {
	for _, p := range parameters {
		names = append(names, p.Name)
	}
	return names
}

// value returns the value of a parameter, if the body has it.
func (b *bodyParameters) value(p permission.Parameter) (text string, found bool, err error) {
	switch {
	case b.form != "":
		return queryValue(b.form, p.Name)
	case p.Place == permission.Flag && b.noObject:
		return "", true, nil // servers may find an object in what is none
	}
	return b.members.value(p)
}

// value returns the value of a parameter among the members of an object.
func (m jsonMembers) value(p permission.Parameter) (text string, found bool, err error) {
	if p.Place != permission.Flag {
		return m.text(p.Name)
	}
	raw, err := m.one(p.Name)
	return "", raw != nil && string(raw) != "false", err
}

// text returns the value of the one member of a name, if it is a string or a number.
func (m jsonMembers) text(name string) (text string, found bool, err error) {
	raw, err := m.one(name)
	if raw == nil || err != nil {
		return "", false, err
	}
	text, ok := scalar(raw)
	if !ok {
		return "", false, fmt.Errorf("%s in the body, which decides, is neither a string nor a number of at most %d digits", name, maxDigits)
	}
	return text, true, nil
}
