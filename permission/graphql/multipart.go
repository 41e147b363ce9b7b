package graphql

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ReadMultipart reads the body of a POST by the GraphQL multipart request
// specification, with its Content-Type: a part "operations", which is what
// ReadJSON reads, a part "map", then files, whose contents are not read. The form
// must be as plain as client libraries write it.
func (r *Reader) ReadMultipart(contentType string, body []byte) (Request, error) {
	if err := r.checkSize(len(body)); err != nil {
		return Request{}, err
	}
	parts, err := splitParts(contentType, body)
	if err != nil {
		return Request{}, err
	}
	if err := checkParts(parts); err != nil {
		return Request{}, err
	}
	if err := checkMap(parts[1].content); err != nil {
		return Request{}, err
	}
	return r.ReadJSON(parts[0].content)
}

func oddForm(format string, args ...any) *Error {
	return malformed("the multipart form %s; send it as the GraphQL multipart request specification has it", fmt.Sprintf(format, args...))
}

type part struct {
	name, mediaType string // the media type in lower case, "" if there is none
	file            bool   // it has a file name
	content         []byte
}

// checkParts checks that operations and map are there, first, once and alone.
func checkParts(parts []part) *Error {
	if len(parts) < 2 || parts[0].name != "operations" || parts[1].name != "map" {
		return oddForm("does not begin with the parts operations and map")
	}
	for _, p := range parts[:2] {
		if p.file {
			return oddForm("has a file name at the part %s", p.name)
		}
		switch strings.ReplaceAll(p.mediaType, " ", "") {
		case "", "application/json", "application/json;charset=utf-8":
		default:
			return oddForm("has the type %.40q at the part %s", p.mediaType, p.name)
		}
	}
	seen := map[string]bool{}
	for _, p := range parts[2:] {
		switch {
		case seen[p.name] || takenFor(p.name):
			return oddForm("has a second or unexpected part %.40q", p.name)
		case strings.HasPrefix(p.mediaType, "multipart/"):
			return oddForm("has a form in itself")
		}
		seen[p.name] = true
	}
	return nil
}

// checkMap checks that files go into variables and nowhere else: a file put in
// the place of the document would be another document.
func checkMap(content []byte) *Error {
	if !utf8.Valid(content) {
		return errUTF8
	}
	s := &scanner{data: content}
	err := s.object(func([]byte) *Error {
		return s.list('[', func() *Error {
			path, err := s.text()
			if err == nil && !isVariable(string(path)) {
				err = oddForm("maps a file to %.40q, which is no variable", path)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	return s.end()
}

// isVariable reports whether a path of the map leads into variables: variables.file,
// or 0.variables.file in a batch.
func isVariable(path string) bool {
	if first, rest, ok := strings.Cut(path, "."); ok && first != "" && strings.Trim(first, "0123456789") == "" {
		path = rest
	}
	return strings.HasPrefix(path, "variables.") && !strings.Contains(path, "__proto__") && !strings.Contains(path, "constructor")
}

// splitParts splits a form at its boundary. The boundary must not stand anywhere
// else: servers differ in where they find one.
func splitParts(contentType string, body []byte) ([]part, *Error) {
	boundary, ok := boundaryOf(contentType)
	if !ok {
		return nil, oddForm("has another Content-Type than multipart/form-data with a plain boundary")
	}
	delimiter := []byte("--" + boundary)
	rest, ok := bytes.CutPrefix(body, delimiter)
	if !ok {
		return nil, oddForm("does not begin with its boundary")
	}
	var parts []part
	for {
		if end := string(rest); len(rest) <= 4 && (end == "--" || end == "--\r\n") {
			return parts, nil
		}
		rest, ok = bytes.CutPrefix(rest, []byte("\r\n"))
		if !ok {
			return nil, oddForm("has something behind a boundary")
		}
		end := bytes.Index(rest, delimiter)
		if end < 2 || string(rest[end-2:end]) != "\r\n" {
			return nil, oddForm("has no end, or its boundary within a part")
		}
		p, err := readPart(rest[:end-2])
		if err != nil {
			return nil, err
		}
		if parts = append(parts, p); len(parts) > maxParts {
			return nil, &Error{Code: TooLarge, Problem: fmt.Sprintf("the multipart form has more than %d parts; upload fewer files at once", maxParts)}
		}
		rest = rest[end+len(delimiter):]
	}
}

// maxParts is how many parts a form may have.
const maxParts = 100

// boundaryOf returns the boundary out of a Content-Type with nothing else in it.
func boundaryOf(contentType string) (string, bool) {
	mediaType, parameter, _ := strings.Cut(contentType, ";")
	boundary, ok := strings.CutPrefix(strings.TrimLeft(parameter, " "), "boundary=")
	if !ok || !strings.EqualFold(mediaType, "multipart/form-data") || boundary == "" || len(boundary) > 70 {
		return "", false
	}
	for _, c := range []byte(boundary) {
		if !inName[c] && c != '-' && c != '.' && c != '+' && c != '\'' {
			return "", false
		}
	}
	return boundary, true
}

// readPart reads the header of a part.
func readPart(data []byte) (p part, err *Error) {
	seen := ""
	for {
		line, rest, ok := bytes.Cut(data, []byte("\r\n"))
		if !ok {
			return p, oddForm("has a part without an empty line behind its header")
		}
		data = rest
		if len(line) == 0 {
			break
		}
		name, value, ok := strings.Cut(string(line), ": ")
		name = strings.ToLower(name)
		switch {
		case !ok || !isPlain(value) || strings.Contains(seen, name):
			return p, oddForm("has the odd header %.60q in a part", line)
		case name == "content-disposition":
			if !p.disposition(value) {
				return p, oddForm("has the odd header %.60q in a part", line)
			}
		case name == "content-type":
			p.mediaType = strings.ToLower(value)
		default:
			return p, oddForm("has the header %.60q in a part", line)
		}
		seen += name + "\n"
	}
	if p.name == "" {
		return p, oddForm("has a part without a name")
	}
	p.content = data
	return p, nil
}

// isPlain reports whether a header's value has only one reading: it is UTF-8
// without control characters, backslashes and blanks around it.
func isPlain(value string) bool {
	return utf8.ValidString(value) && strings.TrimSpace(value) == value && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7F || r == '\\' })
}

// disposition reads form-data; name="0"; filename="a.txt". In names there are no
// percent signs, with which some clients escape and some servers don't know it.
func (p *part) disposition(value string) bool {
	rest, ok := strings.CutPrefix(value, `form-data; name="`)
	if !ok {
		return false
	}
	p.name, rest, ok = strings.Cut(rest, `"`)
	if !ok || strings.ContainsAny(p.name, "%;=") {
		return false
	}
	if rest == "" {
		return true
	}
	p.file = true
	file, ok := strings.CutPrefix(rest, `; filename="`)
	return ok && strings.Count(file, `"`) == 1 && strings.HasSuffix(file, `"`)
}
