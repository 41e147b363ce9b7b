package e2e

import (
	"fmt"
	"strings"
)

// form is a body that some server may find the field _method in.
type form struct {
	contentType string // none at all if it is "-"
	body        string
	ordinary    bool // it names no other method, and is written as clients write forms
}

func (f form) bytes(credential string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "POST /public/form HTTP/1.1\r\nHost: localhost\r\n%s\r\nContent-Length: %d\r\n", credential, len(f.body))
	if f.contentType != "-" {
		b.WriteString("Content-Type: " + f.contentType + "\r\n")
	}
	b.WriteString("\r\n" + f.body)
	return []byte(b.String())
}

func (f form) isOrdinary() bool { return f.ordinary }

const (
	typeOfForms = "application/x-www-form-urlencoded"
	typeOfParts = "multipart/form-data; boundary=xyz"
)

// form makes one, ordinary ones among them.
func (m mutator) form() form {
	switch {
	case m.one(8):
		return form{typeOfForms, m.pick([]string{"", "&_method=POST&"}) + m.pick([]string{"title=x&text=%C3%A9", "a[b]=1&c=_method", "method=DELETE&_methods=PUT"}), true}
	case m.one(7):
		return form{typeOfParts, "--xyz\r\n" + m.pick(ordinaryHeads) + "\r\n\r\nsome text\r\n--xyz--\r\n", true}
	case m.one(2):
		return m.fields()
	}
	return m.parts()
}

var ordinaryHeads = []string{
	`Content-Disposition: form-data; name="title"`,
	`Content-Disposition: form-data; name="a[b]"`,
	"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Length: 9",
	"Content-Disposition: form-data; name=\"f\"; filename=\"_method.txt\"\r\nContent-Type: text/plain",
	"Content-Disposition: form-data; name=\"f\"; filename=\"x\"; filename*=utf-8''_method\r\nContent-Type: image/png",
}

var (
	formTypes = []string{
		typeOfForms, typeOfForms, typeOfForms, typeOfForms, typeOfForms + "; charset=utf-8", "-", "", "Application/X-WWW-Form-Urlencoded;", "text/plain", "application/json",
		typeOfForms + ", text/plain", "text/plain; " + typeOfForms, typeOfForms + "; charset=iso-8859-1", typeOfForms + "; charset=utf-16",
		"multipart/form-data", "multipart/mixed", "multipart/form-data; x=boundary",
	}
	fieldLeads  = []string{"", "", "", "", "+", " ", "%20", "%09", "%00", "\t", "\v", "[", "]", "%5B", "%5d", "[[", "\x01", "\xa0", "%u0020", "=", "%"}
	fieldTails  = []string{"", "", "", "", "]", "[]", "[x]", "%5B%5D", "%00", "%00x", "+", " ", "[", "[x", "=", "%"}
	fieldBreaks = []string{"&", "&", "&", "&", ";", "\r\n", "\n", "&&", "=", "&=", "?", ","}
	formValues  = []string{"DELETE", "DELETE", "DELETE", "delete", "D%45LETE", "+DELETE", "DELETE\r\n", "PUT", "POST", "", ";DELETE", "\nDELETE", "POST&_method=PUT"}
)

// fields makes an urlencoded form.
func (m mutator) fields() form {
	var b strings.Builder
	for range m.IntN(3) {
		b.WriteString(m.pick([]string{"a=1", "b", "a[_method]=x", "%zz", "_metho=1", "a=b]", "[a=b"}) + m.pick(fieldBreaks))
	}
	for range m.IntN(3) * m.IntN(2) {
		b.WriteString(strings.Repeat(m.pick(fieldLeads), 1+m.IntN(2)*m.IntN(100)))
	}
	b.WriteString(m.fieldName() + m.pick(m.either(fieldTails, fieldTails[:1])) + "=" + m.pick(m.either(formValues, formValues[:1])))
	if m.one(3) {
		b.WriteString(m.pick(fieldBreaks) + m.pick([]string{"a=1", "_method=POST", "b"}))
	}
	f := form{contentType: formTypes[0], body: b.String()}
	if m.one(2) {
		f.contentType = m.pick(formTypes)
	}
	return f
}

// fieldName spells the name of the field.
func (m mutator) fieldName() string {
	var b strings.Builder
	odd := m.IntN(4)
	for _, c := range "_method" {
		switch {
		case odd != 1 || !m.one(4):
			b.WriteRune(c)
		case m.one(3):
			fmt.Fprintf(&b, "%%%02x", c)
		case m.one(2):
			fmt.Fprintf(&b, "%%%02X", c)
		case c == '_':
			b.WriteString(m.pick([]string{".", " ", "+", "[", "%5f"}))
		default:
			b.WriteString(strings.ToUpper(string(c)))
		}
	}
	return b.String()
}

var (
	partTypes = []string{
		typeOfParts, typeOfParts, typeOfParts, typeOfParts, `multipart/form-data; boundary="xyz"`, "multipart/form-data; boundary=xyz; boundary=abc", "multipart/form-data",
		"multipart/form-data; boundary=abc; boundary=xyz", "multipart/mixed; boundary=xyz", "multipart/related; boundary=xyz", "Multipart/Form-Data; charset=utf-8; Boundary=xyz", "multipart/form-data; boundary=xy\\z",
		"multipart/form-data; boundary*=utf-8''xyz", "multipart/form-data; boundary*0=xy; boundary*1=z", "multipart/form-data, " + typeOfForms, "multipart/form-data; xboundary=abc; boundary=xyz",
	}
	partHeads = []string{
		"Content-Disposition: form-data; name=@", "Content-Disposition: form-data; name=@", "Content-Disposition: form-data; name=@", "content-disposition:form-data;name=@",
		"Content-Disposition: form-data; name=@; filename=\"x\"", "Content-Disposition: form-data; filename=\"; name=_method\"; name=\"a\"",
		"Content-Disposition: form-data; name=\"a\"; filename=\"x; name=_method\"", "Content-Disposition: form-data; name=\"a; name=_method\"",
		"Content-Disposition: form-data; name=\"a\"; name=@", "Content-Disposition: form-data; name=@; name=\"a\"", "Content-Disposition: form-data;\r\n name=@", "Content-Disposition: form-data;\r\n\tname=@",
		"Content-Disposition: form-data\r\n; name=@", "Content-Disposition: form-data; x=y\r\n\v; name=@", "Content-Disposition: form-data; name*=utf-8''_method", "Content-Disposition: form-data; name*0=_met; name*1=hod",
		"Content-ID: _method", "Content-Type: text/plain\r\nContent-ID: _method", "X-Content-Disposition: form-data; name=@", "\x01Content-Disposition: form-data; name=@", "Content-Disposition : form-data; name=@",
		"Content-Disposition: form-data; name = @", "Content-Type: x; Content-Disposition: form-data; name=_method\r\nContent-Disposition: form-data; name=\"a\"", "Content-Disposition: attachment; name=@",
		"Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=@", "Content-Disposition: form-data; name=@\r\nContent-Disposition: form-data; name=\"a\"",
		"Content-Disposition: form-data; name=@\r\nContent-Transfer-Encoding: base64", "Content-Disposition: form-data; name=@\r\nContent-Type: text/plain; charset=utf-16",
		"Content-Disposition: form-data; name=\"a\"\r\nContent-Length: 1\r\n", "Content-Disposition: form-data; filename*=x'; name=\"a'; name=_method\"", "Content-Type: _method\r\nContent-Disposition: form-data",
	}
	partNames = []string{
		`"_method"`, `"_method"`, `"_method"`, "_method", "'_method'", `"\_method"`, `"_meth\od"`, `"%5Fmethod"`, `"[_method]"`, `"]_method"`, `" _method"`, "\"\x00_method\"", `"_method[]"`, `"_method "`,
		`"=?utf-8?B?X21ldGhvZA==?="`, `"=?utf-8?Q?=5Fmethod?="`, `"_met"hod"`, `"_method`, `_method x`, `"_METHOD"`, `".method"`, "\"_method\x00\"", "\"\xff_method\"", `"a"`, `"_method;"`, "\t\"_method\"",
	}
	partBreaks   = []string{"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n ", " \r\n", "\r\r\n", "\x0b", ""}
	partContents = []string{"DELETE", "DELETE", "DELETE", "delete", "PUT", "POST", "", "REVMRVRF", "DELETE\r\n", " DELETE"}
	partStarts   = []string{"", "", "", "", "", "\r\n", "preamble\r\n", "\n", "--abc\r\n"}
)

// parts makes a multipart form, mostly with one or two things about it that are odd.
func (m mutator) parts() form {
	odd := m.IntN(3)
	pick := func(from []string) string {
		if m.IntN(3) < odd {
			return m.pick(from)
		}
		return from[0]
	}
	br := func() string {
		if m.one(4) {
			return pick(partBreaks)
		}
		return "\r\n"
	}
	var b strings.Builder
	b.WriteString(pick(partStarts))
	if m.one(2) {
		b.WriteString("--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + m.pick([]string{"1", "", "--", "_method"}) + br())
	}
	b.WriteString("--xyz" + br() + strings.ReplaceAll(m.pick(partHeads), "@", m.pick(partNames)) + br() + br() + m.pick(partContents) + br() + "--xyz")
	b.WriteString(pick([]string{"--", "--", "", "\r\n\r\n", "--\r\n--xyz"}) + br())
	f := form{contentType: pick(partTypes), body: b.String()}
	if m.one(30) {
		f.body = f.body[:m.IntN(len(f.body)+1)]
	}
	return f
}
