package gate

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Frameworks take the method of a POST from the field _method of a form, so
// that a token that may only create could delete. Forms of who may not do
// everything are read for it as they go by. The backend gets the same bytes;
// if the field comes late, it gets a body that breaks off.

const (
	formHead    = 64 << 10 // read before the request goes on
	maxFormName = 64       // of the name of a field, as sent
	maxPartLine = 8 << 10  // of a line that describes a part of a multipart form
)

var (
	errFormEncoded = errors.New("the form is compressed, or in a character set other than UTF-8, so that its fields can't be checked for _method")
	errFormType    = errors.New("the form has more than one Content-Type")
)

// isForm reports whether a server could take the body of the request for a form.
func isForm(r *http.Request) bool {
	if r.Method != http.MethodPost || r.Body == nil || r.Body == http.NoBody {
		return false
	}
	for _, value := range r.Header["Content-Type"] {
		if value = strings.ToLower(value); strings.Contains(value, "form") || strings.Contains(value, "multipart") {
			return true
		}
	}
	return false
}

// ReadBody reads as much of the body as decides about the request, and puts one
// in its place that gives the same bytes from the beginning. That of a form
// breaks off where its rest names another method.
func ReadBody(r *http.Request) {
	scan, err := newFormScanner(r.Header)
	if err != nil {
		r.Body = &formBody{ReadCloser: r.Body, reason: AmbiguousRequest, problem: err}
		return
	}
	body := &formBody{ReadCloser: r.Body, scan: scan, reason: Allow}
	r.Body = body
	body.head, body.err = io.ReadAll(io.LimitReader(body.ReadCloser, formHead))
	if body.err == nil && len(body.head) < formHead {
		body.err = io.EOF
	}
	if scan.finds(body.head) || errors.Is(body.err, io.EOF) && scan.finds(nil) {
		body.reason = MethodOverride
	}
}

// checkForm says whether a form may go on, or "" if nobody has read it yet.
func checkForm(r *http.Request) (Reason, error) {
	body, ok := r.Body.(*formBody)
	if !ok {
		return "", nil
	}
	return body.reason, body.problem
}

// asciiCharsets are those in which the bytes of a name are its ASCII letters.
var asciiCharsets = []string{"", "utf-8", "utf8", "us-ascii", "iso-8859-1", "windows-1252"}

// formScanner looks for the field _method in a form that comes in pieces. An
// empty piece is the end.
type formScanner interface{ finds(piece []byte) bool }

func newFormScanner(h http.Header) (formScanner, error) {
	if len(h["Content-Type"]) > 1 {
		return nil, errFormType
	}
	kind := strings.ToLower(h.Get("Content-Type"))
	multipart := strings.Contains(kind, "multipart")
	if multipart && strings.Contains(kind, "urlencoded") {
		return nil, errFormType
	}
	_, params, err := mime.ParseMediaType(kind)
	charset := params["charset"]
	if err != nil && strings.Contains(kind, "charset") || !slices.Contains(asciiCharsets, charset) {
		return nil, errFormEncoded
	}
	for _, encoding := range h["Content-Encoding"] {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return nil, errFormEncoded
		}
	}
	if multipart {
		return new(partScanner), nil
	}
	return new(fieldScanner), nil
}

// formBody gives the head that was read, then the rest as it is scanned.
type formBody struct {
	io.ReadCloser
	head    []byte
	scan    formScanner
	err     error  // what follows the head, or followed the rest
	reason  Reason // what the head says about the request
	problem error
}

var errFormField = errors.New("the form names another method in _method")

func (b *formBody) Read(p []byte) (int, error) {
	if len(b.head) > 0 {
		n := copy(p, b.head)
		b.head = b.head[n:]
		return n, nil
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	if n > 0 && b.scan.finds(p[:n]) || errors.Is(err, io.EOF) && b.scan.finds(nil) {
		b.err = errFormField
		return 0, errFormField
	}
	if err != nil {
		b.err = err
	}
	return n, err
}

// fieldScanner is for application/x-www-form-urlencoded.
type fieldScanner struct {
	name    []byte // of the field that is being read
	inValue bool
}

func (s *fieldScanner) finds(piece []byte) bool {
	if len(piece) == 0 {
		return s.names()
	}
	for _, c := range piece {
		switch {
		case c == '&' || c == ';' || c == '\r' || c == '\n':
			if s.names() {
				return true
			}
			s.name, s.inValue = s.name[:0], false
		case s.inValue:
		case c == '=', len(s.name) == maxFormName: // longer than it can be, but for an array of that name
			if s.names() {
				return true
			}
			s.inValue = true
		default:
			s.name = append(s.name, c)
			if name := string(s.name); name == "+" || name == "%20" { // some drop blanks in front of a name
				s.name = s.name[:0]
			}
		}
	}
	return false
}

func (s *fieldScanner) names() bool {
	return !s.inValue && foldsTo(string(s.name), methodParameter)
}

// partScanner is for multipart forms. It goes by lines and knows no boundary:
// where a part begins is a thing that servers differ in. So a line in a file
// that reads like the header of such a field counts as one.
type partScanner struct{ line []byte }

func (s *partScanner) finds(piece []byte) bool {
	if len(piece) == 0 {
		return s.names()
	}
	for _, c := range piece {
		if c == '\r' || c == '\n' {
			if s.names() {
				return true
			}
			s.line = append(s.line, '\n')
			continue
		}
		if n := len(s.line); n > 0 && s.line[n-1] == '\n' {
			if c != ' ' && c != '\t' { // no continuation of the line before
				s.line = s.line[:0]
			}
		}
		if len(s.line) < maxPartLine {
			s.line = append(s.line, c)
		} else if s.describesPart() {
			return true
		}
	}
	return false
}

var disposition = []byte("content-disposition")

func (s *partScanner) describesPart() bool {
	line := bytes.TrimLeft(s.line, " \t\n")
	return len(line) >= len(disposition) && bytes.EqualFold(line[:len(disposition)], disposition)
}

// names reports whether the line describes a field of that name, in quotes or
// not, with escapes or in the extended notation of RFC 5987.
func (s *partScanner) names() bool {
	if !s.describesPart() {
		return false
	}
	line, plain := string(s.line), make([]byte, 0, len(s.line))
	for i := 0; i < len(line); {
		var c byte
		if c, i = decodeByte(line, i); strings.IndexByte("\"\\\n\t ", c) < 0 {
			plain = append(plain, foldByte(c))
		}
	}
	for rest := string(plain); ; {
		before, after, found := strings.Cut(rest, methodParameter)
		if !found {
			return false
		}
		begins := before == "" || strings.IndexByte("=';,", before[len(before)-1]) >= 0
		ends := after == "" || strings.IndexByte(";,'_\x00", after[0]) >= 0
		if begins && ends {
			return true
		}
		rest = after
	}
}
