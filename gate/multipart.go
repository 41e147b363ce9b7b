package gate

import (
	"bytes"
	"errors"
)

// maxPartLine is how long a line that describes a part of a multipart form may
// be. PHP makes two lines of one that is longer than 5 KiB.
const maxPartLine = 4 << 10

var (
	errPartStart    = errors.New("the multipart form does not begin with its boundary in a line of its own, ended by CRLF")
	errPartBoundary = errors.New("the boundary of the multipart form stands within it without CRLF on both sides")
	errPartEnd      = errors.New("the multipart form does not end with its boundary, or something follows that")
	errPartLine     = errors.New("a part of the multipart form has a line in its head that is no `Name: value` with CRLF behind it, or is too long")
	errPartHeader   = errors.New("a part of the multipart form has other headers than Content-Disposition and Content-Type, Content-Length and Content-Transfer-Encoding, has one of them twice, or one with a value that servers read in several ways")
	errPartName     = errors.New("a part of the multipart form has a Content-Disposition that is not form-data with one name, and at most a filename, in quotes and without backslashes")
	errPartLength   = errors.New("a part of the multipart form has another length than it says")
)

// partScanner is for multipart/form-data. Servers differ in where a part begins
// and how it is called, so it takes nothing but the form in which all of them
// agree, which is the one that clients write.
type partScanner struct {
	method    string
	delimiter []byte // with the two dashes
	state     partState
	held      []byte // what can't be told yet
	part      formPart
}

// partState is what the scanner expects next.
type partState int

const (
	atStart partState = iota
	behindBoundary
	inHead
	inContent
	inEpilogue
)

// formPart is what is known of the part that is being read.
type formPart struct {
	partHead
	size  int64
	value []byte // of a method field
}

func newPartScanner(method, boundary string) *partScanner {
	return &partScanner{method: method, delimiter: []byte("--" + boundary)}
}

func (s *partScanner) scan(piece []byte) error {
	s.held = append(s.held, piece...)
	rest := s.held
	for {
		n, err := s.step(rest)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		rest = rest[n:]
	}
	s.held = append(s.held[:0], rest...)
	return nil
}

// step takes what it can tell at the beginning of rest, and says how much that is.
func (s *partScanner) step(rest []byte) (int, error) {
	switch s.state {
	case atStart:
		return s.start(rest)
	case behindBoundary:
		return s.boundary(rest)
	case inHead:
		return s.headLine(rest)
	case inContent:
		return s.content(rest)
	case inEpilogue:
		if len(bytes.Trim(rest, "\r\n")) > 0 {
			return 0, errPartEnd
		}
	}
	return len(rest), nil
}

var crlf = []byte("\r\n")

// start takes the first boundary. Go writes a CRLF in front of it if it is the last, too.
func (s *partScanner) start(rest []byte) (int, error) {
	lead := 0
	if len(rest) > 0 && rest[0] == '\r' {
		lead = len(crlf)
	}
	if n := lead + len(s.delimiter); len(rest) >= n {
		if lead > 0 && !bytes.HasPrefix(rest, crlf) || !bytes.HasPrefix(rest[lead:], s.delimiter) {
			return 0, errPartStart
		}
		s.state = behindBoundary
		return n, nil
	}
	return 0, nil
}

// boundary takes what stands behind a boundary.
func (s *partScanner) boundary(rest []byte) (int, error) {
	if len(rest) < len(crlf) {
		return 0, nil
	}
	switch string(rest[:len(crlf)]) {
	case "\r\n":
		s.state, s.part = inHead, formPart{value: s.part.value[:0]}
	case "--":
		s.state = inEpilogue
	default:
		return 0, errPartBoundary
	}
	return len(crlf), nil
}

func (s *partScanner) headLine(rest []byte) (int, error) {
	end := bytes.IndexByte(rest, '\n')
	if end > maxPartLine || end < 0 && len(rest) > maxPartLine || end == 0 || end > 0 && rest[end-1] != '\r' {
		return 0, errPartLine
	}
	if end < 0 {
		return 0, nil
	}
	line := rest[:end-1]
	if bytes.Contains(line, s.delimiter) {
		return 0, errPartBoundary
	}
	if len(line) > 0 {
		return end + 1, s.part.add(string(line))
	}
	s.state = inContent
	if s.part.seen&seenDisposition == 0 {
		return 0, errPartName
	}
	return end + 1, nil
}

// content takes the content up to the next boundary, as far as it is there.
func (s *partScanner) content(rest []byte) (int, error) {
	at := bytes.Index(rest, s.delimiter)
	if at < 0 {
		n := max(0, len(rest)-len(crlf)-len(s.delimiter)+1)
		return n, s.addContent(rest[:n])
	}
	if err := s.addContent(rest[:max(0, at-len(crlf))]); err != nil {
		return 0, err
	}
	if !bytes.HasSuffix(rest[:at], crlf) {
		return 0, errPartBoundary
	}
	if s.part.isMethod && namesOther(string(s.part.value), s.method) {
		return 0, errFormField
	}
	if s.part.seen&seenLength != 0 && s.part.length != s.part.size {
		return 0, errPartLength
	}
	s.state = behindBoundary
	return at + len(s.delimiter), nil
}

func (s *partScanner) addContent(piece []byte) error {
	s.part.size += int64(len(piece))
	if !s.part.isMethod {
		return nil
	}
	if s.part.value = append(s.part.value, piece...); len(s.part.value) > maxFormValue {
		return errFormField
	}
	return nil
}

// end is told that nothing follows. A body of nothing at all has no fields.
func (s *partScanner) end() error {
	if s.state == inEpilogue || s.state == atStart && len(s.held) == 0 {
		return nil
	}
	return errPartEnd
}
