package gate

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
)

var (
	errFormEncoded  = errors.New("the form is compressed, or in a character set that hides letters, so that its fields can't be checked for _method")
	errFormType     = errors.New("the request has more than one Content-Type, or one that servers read in several ways")
	errFormBoundary = errors.New("the Content-Type of a multipart body needs the parameter boundary once, of 1 to 70 letters, digits and any of -_.+=:/?")
)

// formType is what a server could take a body for.
type formType int

const (
	noForm formType = iota
	formUrlencoded
	formMultipart
	otherMultipart
)

const (
	typeUrlencoded = "application/x-www-form-urlencoded"
	typeMultipart  = "multipart/"
)

// formTypeOf says what the body is by its Content-Type. Without one, servers
// take it for a form.
func formTypeOf(h http.Header) (formType, error) {
	value, err := contentType(h)
	if err != nil {
		return noForm, err
	}
	kind, params, _ := strings.Cut(value, ";")
	kind = strings.ToLower(strings.TrimRight(kind, " \t"))
	major, minor, slash := strings.Cut(kind, "/")
	switch {
	case value == "":
		return formUrlencoded, nil
	case !slash || !isHTTPToken(major) || !isHTTPToken(minor), namesFormType(params):
		return noForm, errFormType
	case strings.HasPrefix(kind, typeUrlencoded): // what is longer is one to servers that look no further
		return formUrlencoded, nil
	case kind == "multipart/form-data":
		return formMultipart, nil
	case strings.HasPrefix(kind, typeMultipart):
		return otherMultipart, nil
	}
	return noForm, nil
}

// contentType returns the one Content-Type there is. Servers that name headers
// as variables, like CGI, take '_' for '-'.
func contentType(h http.Header) (string, error) {
	const name = "Content-Type"
	values := h[name]
	for other := range h {
		if len(other) == len(name) && other != name && strings.EqualFold(strings.ReplaceAll(other, "_", "-"), name) {
			return "", errFormType
		}
	}
	if len(values) > 1 {
		return "", errFormType
	}
	if len(values) == 0 {
		return "", nil
	}
	return strings.Trim(values[0], " \t"), nil
}

// namesFormType reports whether a type of form stands in the parameters of
// another type: servers differ in how much of the header they look at.
func namesFormType(params string) bool {
	if params == "" {
		return false
	}
	params = strings.ToLower(params)
	return strings.Contains(params, typeMultipart) || strings.Contains(params, "urlencoded")
}

// checkFormParams makes sure that a form can be read: its parameters have one
// reading, its names are plain bytes. With a boundary it must have one.
func checkFormParams(h http.Header, boundary *string) error {
	for _, encoding := range h["Content-Encoding"] {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return errFormEncoded
		}
	}
	value, err := contentType(h)
	if err != nil || value == "" {
		return err
	}
	_, params, err := mime.ParseMediaType(value)
	lower := strings.ToLower(value)
	charset, given := params["charset"]
	if n := strings.Count(lower, "charset"); n > 1 || n > 0 && !given || !hasASCII(charset) {
		return errFormEncoded
	}
	if err != nil || strings.ContainsAny(value, `,\`) {
		return errFormType
	}
	if boundary == nil {
		return nil
	}
	*boundary = params["boundary"]
	return checkBoundary(lower, strings.ToLower(*boundary))
}

// checkBoundary makes sure that a Content-Type, in lower case, says its boundary
// once and as it is: there are servers that look for the word, and take what
// follows it. Clients write it in the boundary too.
func checkBoundary(contentType, boundary string) error {
	const word = "boundary"
	_, sent, _ := strings.Cut(contentType, word+"=") // and not in the notation of RFC 2231
	switch {
	case boundary == "", len(boundary) > 70, strings.Trim(boundary, boundaryChars) != "",
		strings.Count(contentType, word) != 1+strings.Count(boundary, word),
		!strings.HasPrefix(strings.TrimPrefix(sent, `"`), boundary):
		return errFormBoundary
	}
	return nil
}

// boundaryChars are those that no server takes for the end of a boundary.
const boundaryChars = "abcdefghijklmnopqrstuvwxyz0123456789-_.+=:/?"

// asciiCharsets are those in which the bytes of ASCII are its characters, and
// no other bytes are; those that end in '*' are any that begin so.
var asciiCharsets = []string{
	"", "utf-8", "utf8", "us-ascii", "ascii", "latin*", "iso-8859-*", "iso8859-*", "iso_8859-*", "windows-125*", "windows-874",
	"windows-31j", "cp125*", "cp874", "cp932", "ms932", "shift_jis", "shift-jis", "sjis", "x-sjis", "euc-*", "gb2312", "gbk",
	"gb18030", "big5", "big5-hkscs", "koi8-*", "tis-620", "macintosh", "ibm866", "cp866",
	"binary", // is none: file(1) and what uploads by it call so what has no letters
}

func hasASCII(charset string) bool {
	charset = strings.ToLower(charset)
	return slices.ContainsFunc(asciiCharsets, func(known string) bool {
		prefix, more := strings.CutSuffix(known, "*")
		return charset == known || more && strings.HasPrefix(charset, prefix)
	})
}
