package graphql_test

import (
	"bytes"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

const (
	formType   = "multipart/form-data; boundary=b0"
	operations = "--b0\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"mutation { upload }\"}\r\n"
	fileMap    = "--b0\r\nContent-Disposition: form-data; name=\"map\"\r\n\r\n{\"0\":[\"variables.f\"]}\r\n"
	file       = "--b0\r\nContent-Disposition: form-data; name=\"0\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\n"
	formEnd    = "--b0--\r\n"
)

func TestReadMultipart(t *testing.T) {
	r := reader(t)
	batch := strings.Replace(operations, `{"query":"mutation { upload }"}`, `[{"query":"mutation { upload }"},{"query":"{ a }"}]`, 1)
	for _, test := range []struct{ name, contentType, body, want string }{
		{"as specified", formType, operations + fileMap + file + formEnd, "mutation upload"},
		{"no end of line at the end", formType, operations + fileMap + file + "--b0--", "mutation upload"},
		{"no file", formType, operations + strings.Replace(fileMap, `["variables.f"]`, "[]", 1) + formEnd, "mutation upload"},
		{"batch", formType, batch + strings.Replace(fileMap, "variables.f", "0.variables.f.1", 1) + file + formEnd, "mutation upload, query a"},
		{"types", formType, strings.Replace(operations, "\r\n\r\n", "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n", 1) +
			strings.Replace(fileMap, "\r\n\r\n", "\r\nContent-Type: application/json\r\n\r\n", 1) + file + formEnd, "mutation upload"},
		{"an empty file", formType, operations + fileMap + strings.Replace(file, "\r\n\r\nx\r\n", "\r\n\r\n\r\n", 1) + formEnd, "mutation upload"},
		{"a file that looks like a form", formType, operations + fileMap + strings.Replace(file, "x\r\n", "--\r\n--b\r\nname=\"operations\"\r\n\r\n\r\n", 1) + formEnd, "mutation upload"},
		{"upper case", "Multipart/Form-Data;boundary=b0", strings.ReplaceAll(operations, "Content-D", "content-d") + fileMap + file + formEnd, "mutation upload"},
		{"a name in UTF-8", formType, operations + fileMap + strings.Replace(file, "a.txt", "日本%22;.txt", 1) + formEnd, "mutation upload"},
	} {
		got, err := r.ReadMultipart(test.contentType, []byte(test.body))
		expectFields(t, test.name, got, err, test.want)
	}
}

// A form that the standard library writes is read.
func TestReadMultipartOfTheStandardLibrary(t *testing.T) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	w.WriteField("operations", `{"query":"mutation { upload }"}`)
	w.WriteField("map", `{"0":["variables.f"]}`)
	part, err := w.CreateFormFile("0", "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(bytes.Repeat([]byte("\r\n--"), 1000))
	w.Close()
	got, err := reader(t).ReadMultipart(w.FormDataContentType(), body.Bytes())
	expectFields(t, "form", got, err, "mutation upload")
}

func TestReadMultipartRefuses(t *testing.T) {
	r := reader(t)
	form := operations + fileMap + file + formEnd
	change := func(part, by string) string {
		changed := strings.Replace(form, part, by, 1)
		if changed == form {
			t.Fatalf("%q is not in the form", part)
		}
		return changed
	}
	for _, test := range []struct{ name, contentType, body, problem string }{
		{"another type", "multipart/mixed; boundary=b0", form, "Content-Type"},
		{"no boundary", "multipart/form-data", form, "Content-Type"},
		{"empty boundary", "multipart/form-data; boundary=", form, "Content-Type"},
		// Which of two boundaries counts, and what quotes do, depends on the server.
		{"two boundaries", formType + "; boundary=b1", form, "Content-Type"},
		{"another parameter", "multipart/form-data; charset=utf-7; boundary=b0", form, "Content-Type"},
		{"quoted boundary", `multipart/form-data; boundary="b0"`, form, "Content-Type"},
		{"boundary in pieces", "multipart/form-data; boundary*0=b0", form, "Content-Type"},
		{"boundary of other case", "multipart/form-data; BOUNDARY=b0", form, "Content-Type"},
		{"long boundary", "multipart/form-data; boundary=" + strings.Repeat("b", 71), form, "Content-Type"},
		{"blank behind the boundary", formType + " ", form, "Content-Type"},
		{"other boundary", "multipart/form-data; boundary=b1", form, "begin with its boundary"},

		{"nothing", formType, "", "begin with its boundary"},
		{"preamble", formType, "x\r\n" + form, "begin with its boundary"},
		{"preamble of a line", formType, "\r\n" + form, "begin with its boundary"},
		{"epilogue", formType, form + "x", "behind a boundary"},
		{"a form behind the form", formType, form + form, "behind a boundary"},
		{"no end", formType, operations + fileMap + file, "has no end"},
		{"nothing but the end", formType, formEnd, "begin with the parts"},
		{"a part that is cut off", formType, "--b0\r\nContent-Disposition: form-data; name=\"operations\"\r\n--b0--", "empty line"},
		// Lenient readers take a line feed for an end of line, strict ones don't.
		{"line feeds", formType, strings.ReplaceAll(form, "\r\n", "\n"), "behind a boundary"},
		{"a boundary behind a line feed", formType, change("x\r\n", "x\n--b0\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{}\r\n"), "boundary within a part"},
		{"a boundary within a line", formType, change("x\r\n", "x--b0\r\n"), "boundary within a part"},
		{"a boundary that goes on", formType, change("x\r\n", "x\r\n--b0x\r\n"), "behind a boundary"},
		{"a boundary with blanks", formType, change("x\r\n", "x\r\n--b0 \r\n"), "behind a boundary"},
		{"a boundary in a header", formType, change("a.txt", "--b0"), "boundary within a part"},

		{"map first", formType, fileMap + operations + file + formEnd, "begin with the parts"},
		{"a file first", formType, file + operations + fileMap + formEnd, "begin with the parts"},
		{"no map", formType, operations + file + formEnd, "begin with the parts"},
		{"no operations", formType, fileMap + file + formEnd, "begin with the parts"},
		{"two operations", formType, operations + fileMap + operations + formEnd, `unexpected part "operations"`},
		{"two operations, then map", formType, operations + operations + fileMap + formEnd, "begin with the parts"},
		{"two maps", formType, operations + fileMap + fileMap + formEnd, `unexpected part "map"`},
		{"two files of one name", formType, operations + fileMap + file + file + formEnd, `unexpected part "0"`},
		// PHP and others make an operations of these.
		{"Operations", formType, operations + fileMap + strings.Replace(operations, `"operations"`, `"Operations"`, 1) + formEnd, `part "Operations"`},
		{"operations[]", formType, operations + fileMap + strings.Replace(operations, `"operations"`, `"operations[]"`, 1) + formEnd, `part "operations[]"`},
		{"query", formType, operations + fileMap + strings.Replace(operations, `"operations"`, `"query"`, 1) + formEnd, `part "query"`},
		{"documentId", formType, operations + fileMap + strings.Replace(operations, `"operations"`, `"documentId"`, 1) + formEnd, `part "documentId"`},
		// A file in the place of the document would be another document.
		{"a file for the query", formType, change("variables.f", "query"), "is no variable"},
		{"a file for a query of a batch", formType, change("variables.f", "0.query"), "is no variable"},
		{"a file for all variables", formType, change("variables.f", "variables"), "is no variable"},
		{"a file for a prototype", formType, change("variables.f", "variables.__proto__.query"), "is no variable"},
		{"a path with an escape", formType, change("variables.f", `qu\u0065ry`), "is no variable"},
		{"a map that is none", formType, change(`["variables.f"]`, `"variables.f"`), "an opening ["},
		{"a map and more", formType, change(`["variables.f"]}`, `["variables.f"]}{}`), "its end"},
		{"a map in Latin-1", formType, change("variables.f", "variables.\xe4"), "UTF-8"},

		{"quoted-printable", formType, change("\r\n\r\n{", "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{"), "has the header"},
		{"a form within", formType, change("text/plain", "multipart/mixed; boundary=c"), "a form in itself"},
		{"a form within, blanks", formType, change("text/plain", " Multipart/mixed"), "odd header"},
		{"UTF-16", formType, change("\r\n\r\n{", "\r\nContent-Type: application/json; charset=utf-16\r\n\r\n{"), "has the type"},
		{"a type for the text", formType, change("\r\n\r\n{", "\r\nContent-Type: text/plain\r\n\r\n{"), "has the type"},
		{"operations as a file", formType, change(`"operations"`, `"operations"; filename="o.json"`), "file name at the part operations"},
		{"a header twice", formType, change("Content-Disposition: form-data; name=\"operations\"\r\n", "Content-Disposition: form-data; name=\"x\"\r\nContent-Disposition: form-data; name=\"operations\"\r\n"), "odd header"},
		{"a folded header", formType, change("form-data; name=\"operations\"", "form-data;\r\n name=\"operations\""), "odd header"},
		{"a header without a name", formType, change("Content-Disposition: form-data; name=\"operations\"", ": x"), "odd header"},
		{"a blank before the colon", formType, change("Content-Disposition:", "Content-Disposition :"), "has the header"},
		{"no header", formType, change("Content-Disposition: form-data; name=\"operations\"\r\n", ""), "without a name"},
		{"two names", formType, change(`name="operations"`, `name="operations"; name="x"`), "odd header"},
		{"an unquoted name", formType, change(`name="operations"`, `name=operations`), "odd header"},
		{"an escaped name", formType, change(`name="operations"`, `name="operat\ions"`), "odd header"},
		{"an extended name", formType, change(`name="operations"`, `name*=utf-8''operations`), "odd header"},
		{"a percent sign", formType, change(`name="0"`, `name="%6fperations"`), "odd header"},
		{"an extended file name", formType, change(`filename="a.txt"`, `filename*=utf-8''a.txt`), "odd header"},
		{"a quote in a file name", formType, change(`a.txt`, `a"; name="operations`), "odd header"},
		{"a backslash in a file name", formType, change(`a.txt`, `a\"; name=\"operations`), "odd header"},
		{"a NUL in a name", formType, change(`name="0"`, "name=\"0\x00\""), "odd header"},
		{"no name", formType, change(`name="0"`, `name=""`), "without a name"},
		{"broken operations", formType, change(`{"query":"mutation { upload }"}`, `{"query":"{ a }","query":"mutation { upload }"}`), "query twice"},
	} {
		got, err := r.ReadMultipart(test.contentType, []byte(test.body))
		expectRefusal(t, test.name, got, err, graphql.Malformed, test.problem)
	}
	var many strings.Builder
	for i := range 99 {
		many.WriteString(strings.Replace(file, `"0"`, `"f`+strings.Repeat("0", i)+`"`, 1))
	}
	got, err := r.ReadMultipart(formType, []byte(operations+fileMap+many.String()+formEnd))
	expectRefusal(t, "101 parts", got, err, graphql.TooLarge, "more than 100 parts")
	got, err = reader(t, func(l *graphql.Limits) { l.Body = 100 }).ReadMultipart(formType, []byte(form))
	expectRefusal(t, "a large form", got, err, graphql.TooLarge, "limit max_body")
}
