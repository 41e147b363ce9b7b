package gate

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// Frameworks take the method of a request from the field _method of a form, so
// that a token that may only create could delete. Forms of who may not do
// everything are read for it as they go by. The backend gets the same bytes;
// if the field comes late, it gets a body that breaks off.

// formHead is how much of a form is read before the request goes on.
const formHead = 64 << 10

var errFormField = errors.New("the form names another method in _method")

// isForm reports whether a server could take the body of the request for a
// form. What is wrong about its type is for readForm to find.
func isForm(r *http.Request) bool {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody || r.Method == http.MethodConnect {
		return false // or a WebSocket, which is no body
	}
	kind, err := formTypeOf(r.Header)
	return kind != noForm || err != nil
}

// noMethod is what a form may name that goes with a POST that is a GET: some servers
// take what the form says, be it the POST, before what the header says.
const noMethod = ""

// named returns the only method that a form may name.
func (m *Matches) named(r *http.Request) string {
	if m.AsGet {
		return noMethod
	}
	return r.Method
}

// readForm reads the beginning of a form and puts a body in its place that gives
// the same bytes and breaks off where the rest names another method.
func readForm(r *http.Request, method string) {
	if r.ContentLength < 0 && isEmpty(r) {
		return
	}
	scan, err := newFormScanner(r.Header, method)
	if err != nil {
		r.Body = &formBody{closing: closing{from: r.Body}, method: method, reason: AmbiguousRequest, problem: err, err: err}
		return
	}
	body := &formBody{closing: closing{from: r.Body}, method: method, scan: scan, reason: Allow}
	r.Body = body
	body.head, body.err = io.ReadAll(io.LimitReader(body.from, formHead))
	if body.err == nil && len(body.head) < formHead {
		body.err = io.EOF
	}
	err = scan.scan(body.head)
	if err == nil && errors.Is(body.err, io.EOF) {
		err = scan.end()
	}
	if err == nil {
		return
	}
	body.head, body.err = nil, err // whoever answers the refusal gets none of it
	body.reason, body.problem = refusalOf(err)
}

// isEmpty looks whether there is a body, of which HTTP/3 says only at its end, and takes
// it away if there is none.
func isEmpty(r *http.Request) bool {
	body := bufio.NewReaderSize(r.Body, 16) // the smallest; longer reads go past it
	if _, err := body.Peek(1); errors.Is(err, io.EOF) {
		r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
		return true
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	return false
}

func refusalOf(err error) (Reason, error) {
	if errors.Is(err, errFormField) {
		return MethodOverride, nil
	}
	return AmbiguousRequest, err
}

// BrokenOff returns why a body was broken off after its request had been let in,
// or "" if it was not.
func BrokenOff(body io.Reader) (Reason, error) {
	if b, ok := body.(*formBody); ok {
		if err := b.broken.Load(); err != nil {
			return refusalOf(*err)
		}
	}
	return "", nil
}

// checkForm says whether a form may go on, or "" if nobody has read it yet for the
// method that it may name.
func checkForm(body io.Reader, method string) (Reason, error) {
	switch body := body.(type) {
	case *formBody:
		if body.method == method {
			return body.reason, body.problem
		}
	case *parameterBody: // its form was read, and names no method
		if body.err != nil {
			return parameterRefusal(body.err)
		}
		if body.kind == formKind || len(body.whole) == 0 {
			return Allow, nil
		}
	}
	return "", nil
}

// formScanner looks for fields that name another method in a form that comes in
// pieces. It answers with errFormField, or with what makes the form one that
// servers could read in several ways. After an error it is not asked again.
type formScanner interface {
	scan(piece []byte) error
	end() error
}

func newFormScanner(h http.Header, method string) (formScanner, error) {
	kind, err := formTypeOf(h)
	if err != nil {
		return nil, err
	}
	if kind == formUrlencoded {
		return &fieldScanner{method: method}, checkFormParams(h, nil)
	}
	var boundary string
	if err := checkFormParams(h, &boundary); err != nil {
		return nil, err
	}
	if kind == otherMultipart {
		return new(lineScanner), nil
	}
	return newPartScanner(method, boundary), nil
}

// formBody gives the head that was read, then the rest as it is scanned. It keeps
// the last byte until the end is found to be in order: nobody has all of the body
// before.
type formBody struct {
	closing
	head    []byte
	method  string // that it may name
	scan    formScanner
	err     error  // what follows the head, or followed the rest
	reason  Reason // what the head says about the request
	problem error
	broken  atomic.Pointer[error] // what the rest says against it
}

func (b *formBody) Read(p []byte) (int, error) {
	switch err := b.ended(); {
	case err != nil:
		return 0, err
	case len(p) == 0:
		return 0, nil
	case len(b.head) > 1 || len(b.head) > 0 && b.err != nil:
		kept := 1
		if b.err != nil {
			kept = 0
		}
		n := copy(p, b.head[:len(b.head)-kept])
		b.head = b.head[n:]
		return n, nil
	case b.err != nil:
		return 0, b.err
	}
	n, err := b.from.Read(p)
	found := b.scan.scan(p[:n])
	if found == nil && errors.Is(err, io.EOF) {
		found = b.scan.end()
	}
	if found != nil {
		b.head, b.err = nil, found
		b.broken.Store(&found)
		return 0, found
	}
	b.err = err
	if n == 0 {
		return 0, nil // what was kept is next
	}
	last := p[n-1]
	copy(p[1:n], p)
	p[0], b.head[0] = b.head[0], last
	return n, nil
}

// methodField reports whether a server could take the name of a field or of a
// parameter, as it was sent, for one that it takes the method from.
func methodField(name string) bool {
	for _, want := range methodParameters {
		if foldsTo(name, want) {
			return true
		}
	}
	return false
}

// maxFormValue is the longest value of a method field, as sent, that is looked
// at: longer than any spelling of a method.
const maxFormValue = 384

// namesOther reports whether the decoded value of a method field is another
// method than the one that the form may name.
func namesOther(value, method string) bool {
	value = strings.ToUpper(strings.TrimSpace(value))
	return method == noMethod || value != "" && value != method
}
