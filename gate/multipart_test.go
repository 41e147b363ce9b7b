package gate

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

const partOf = "--xxx\r\n" + dispositionOf

// Security rule 6: readers of multipart forms differ in what a part is and how it
// is called. Only what all of them read alike goes on.
func TestMultipartForms(t *testing.T) {
	field := func(disposition string) string { return part("Content-Disposition: form-data; " + disposition) }
	testBodies(t, map[string]formCase{
		"plain":                       {multipartForm, field(`name="title"`), Allow},
		"nothing at all":              {multipartForm, "", Allow},
		"no fields":                   {multipartForm, "--xxx--\r\n", Allow},
		"no fields, as Go has it":     {multipartForm, "\r\n--xxx--\r\n", Allow},
		"no line break at the end":    {multipartForm, partOf + "a\r\n\r\n1\r\n--xxx--", Allow},
		"with the field":              {multipartForm, field(`name="_method"`), MethodOverride},
		"with the field of ASP.NET":   {multipartForm, field(`name="X-HTTP-Method-Override"`), MethodOverride},
		"as a file":                   {multipartForm, field(`name="_method"; filename="a"`), MethodOverride},
		"without quotes":              {multipartForm, part(`content-disposition:form-data;name=_METHOD`), MethodOverride},
		"as an array":                 {multipartForm, field(`name="_method[]"`), MethodOverride},
		"in brackets (qs)":            {multipartForm, field(`name="[_method]"`), MethodOverride},
		"behind a bracket (Rack)":     {multipartForm, field(`name="]_method"`), MethodOverride},
		"as PHP folds it":             {multipartForm, field(`name=" .method"`), MethodOverride},
		"with escapes":                {multipartForm, field(`name="%5Fmethod"`), MethodOverride},
		"its own method":              {multipartForm, partOf + "_method\r\n\r\n post\r\n\r\n--xxx--", Allow},
		"no method":                   {multipartForm, partOf + "_method\r\n\r\n\r\n--xxx--", Allow},
		"a long value":                {multipartForm, partOf + "_method\r\n\r\n" + strings.Repeat(" ", 1000) + "PUT\r\n--xxx--", MethodOverride},
		"its own, then another":       {multipartForm, partOf + "_method\r\n\r\nPOST\r\n" + field(`name="_method"`), MethodOverride},
		"with a fold":                 {multipartForm, field("\r\n\tname=\"_method\""), AmbiguousRequest},
		"with a fold by VT (PHP)":     {multipartForm, field("x=y\r\n\x0b; name=\"_method\""), AmbiguousRequest},
		"with a fold by FF (PHP)":     {multipartForm, field("x=y;\r\n\x0cname=\"_method\""), AmbiguousRequest},
		"a line without colon (PHP)":  {multipartForm, field("name=a\r\n; name=\"_method\""), AmbiguousRequest},
		"a line with a bare CR":       {multipartForm, field("name=a\r; name=_method"), AmbiguousRequest},
		"a tab":                       {multipartForm, field("\tname=\"_method\""), AmbiguousRequest},
		"a NUL":                       {multipartForm, field("name=\"\x00_method\""), AmbiguousRequest},
		"a byte before the header":    {multipartForm, part("\x01" + dispositionOf + "_method"), AmbiguousRequest},
		"a blank before the colon":    {multipartForm, part("Content-Disposition : form-data; name=_method"), AmbiguousRequest},
		"a blank before the equals":   {multipartForm, field(`name = "_method"`), AmbiguousRequest},
		"a word behind the name":      {multipartForm, field("name=_method x"), AmbiguousRequest},
		"with a backslash":            {multipartForm, field(`name="\_method"`), AmbiguousRequest},
		"single quotes (PHP)":         {multipartForm, field(`name='_method'`), AmbiguousRequest},
		"a quote in the name":         {multipartForm, field(`name="_met"hod"`), AmbiguousRequest},
		"quotes without end":          {multipartForm, field(`name="_method`), AmbiguousRequest},
		"extended":                    {multipartForm, field(`name*=utf-8''%5Fmethod`), AmbiguousRequest},
		"in pieces (RFC 2231)":        {multipartForm, field(`name*0="_me"; name*1="thod"`), AmbiguousRequest},
		"as in mail, base64":          {multipartForm, field(`name="=?utf-8?B?X21ldGhvZA==?="`), AmbiguousRequest},
		"as in mail, quoted":          {multipartForm, field(`name="=?utf-8?Q?=5Fmethod?="`), AmbiguousRequest},
		"bytes that are no UTF-8":     {multipartForm, field("name=\"\xff_method\""), AmbiguousRequest},
		"two names":                   {multipartForm, field(`name="a"; name="_method"`), AmbiguousRequest},
		"no name":                     {multipartForm, field(`filename="a"`), AmbiguousRequest},
		"no form-data":                {multipartForm, part(`Content-Disposition: name="_method"; form-data`), AmbiguousRequest},
		"no Content-Disposition":      {multipartForm, part(`Content-Type: text/plain`), AmbiguousRequest},
		"two of them":                 {multipartForm, part(dispositionOf + "a\r\n" + dispositionOf + "_method"), AmbiguousRequest},
		"more semicolons":             {multipartForm, field(`name="a";;name="_method"`), AmbiguousRequest},
		"Content-ID (Rack)":           {multipartForm, part(`Content-ID: _method`), AmbiguousRequest},
		"a name, and Content-ID":      {multipartForm, part(dispositionOf + "a\r\nContent-ID: _method"), AmbiguousRequest},
		"a header of its own":         {multipartForm, part("X-Part: 1\r\n" + dispositionOf + "a"), AmbiguousRequest},
		"X-Content-Disposition":       {multipartForm, part("X-" + dispositionOf + "_method"), AmbiguousRequest},
		"in a file's name (Rack)":     {multipartForm, field(`name="a"; filename="x;  NAME=_method"`), AmbiguousRequest},
		"in the type of a part":       {multipartForm, part("Content-Type: a " + dispositionOf + "_method\r\n" + dispositionOf + "a"), AmbiguousRequest},
		"a part in parts":             {multipartForm, part(dispositionOf + "a\r\nContent-Type: multipart/mixed; boundary=y"), AmbiguousRequest},
		"base64 content":              {multipartForm, part(dispositionOf + "a\r\nContent-Transfer-Encoding: base64"), AmbiguousRequest},
		"binary content":              {multipartForm, part(dispositionOf + "a\r\nContent-Transfer-Encoding: Binary"), Allow},
		"a length":                    {multipartForm, part(dispositionOf + "a\r\nContent-Length: 6"), Allow},
		"another length":              {multipartForm, part(dispositionOf + "a\r\nContent-Length: 5"), AmbiguousRequest},
		"no length":                   {multipartForm, part(dispositionOf + "a\r\nContent-Length: -5"), AmbiguousRequest},
		"an endless line":             {multipartForm, field(`name=a; filename="` + strings.Repeat("x", maxPartLine) + `"`), AmbiguousRequest},
		"by bare LF":                  {multipartForm, strings.ReplaceAll(field(`name="_method"`), "\r", ""), AmbiguousRequest},
		"by bare CR":                  {multipartForm, strings.ReplaceAll(field(`name="_method"`), "\n", ""), AmbiguousRequest},
		"text before it":              {multipartForm, "x\r\n" + field(`name="a"`), AmbiguousRequest},
		"text behind it":              {multipartForm, field(`name="a"`) + field(`name="_method"`), AmbiguousRequest},
		"cut off in a head":           {multipartForm, partOf + "_method", AmbiguousRequest},
		"cut off in a content":        {multipartForm, partOf + "_method\r\n\r\nDELETE", AmbiguousRequest},
		"a boundary behind LF (PHP)":  {multipartForm, partOf + "a\r\n\r\n1\n" + field("name=_method"), AmbiguousRequest},
		"a boundary in a line":        {multipartForm, partOf + "a\r\n\r\n1" + field("name=_method"), AmbiguousRequest},
		"a boundary in a head":        {multipartForm, partOf + "a--xxx\r\n\r\n1\r\n--xxx--", AmbiguousRequest},
		"a longer boundary":           {multipartForm, partOf + "a\r\n\r\n1\r\n--xxxx\r\n\r\n--xxx--", AmbiguousRequest},
		"blanks behind the boundary":  {multipartForm, "--xxx \r\n" + dispositionOf + "_method\r\n\r\nPUT\r\n--xxx--", AmbiguousRequest},
		"no head":                     {multipartForm, "--xxx\r\n\r\n1\r\n--xxx--", AmbiguousRequest},
		"without a boundary (Rack)":   {"multipart/form-data", "_method=DELETE", AmbiguousRequest},
		"with an empty one":           {`multipart/form-data; boundary=""`, "_method=DELETE", AmbiguousRequest},
		"with two":                    {"multipart/form-data; boundary=xxx; Boundary=yyy", field("name=a"), AmbiguousRequest},
		"with one in another":         {`multipart/form-data; xboundary=yyy; boundary=xxx`, field("name=a"), AmbiguousRequest},
		"with one in pieces":          {`multipart/form-data; boundary*0=xx; boundary*1=x`, field("name=a"), AmbiguousRequest},
		"with an encoded one":         {`multipart/form-data; boundary*=utf-8''xxx`, field("name=a"), AmbiguousRequest},
		"with one that ends in blank": {`multipart/form-data; boundary="xxx "`, field("name=a"), AmbiguousRequest},
		"with one that is too long":   {"multipart/form-data; boundary=" + strings.Repeat("x", 71), field("name=a"), AmbiguousRequest},
		"with one in quotes":          {`Multipart/Form-Data; BOUNDARY="xxx"`, field(`name="a"`), Allow},
		"in an own charset":           {"multipart/form-data; charset=utf-16; boundary=xxx", field(`name="a"`), AmbiguousRequest},
		"in a file's text":            {multipartForm, field("name=\"file\"; filename=\"a.eml\"\r\n\r\n--yyy\r\n" + dispositionOf + "_method\r\n\r\nPUT\r\n--yyy--"), Allow},
	})
}

// Files may be called anything that is no trap for a reader of heads.
func TestNamesOfFiles(t *testing.T) {
	cases := map[string]formCase{}
	for _, name := range []string{
		"_method.txt", "a,_method.pdf", "_method", "it's=_method;x.doc", "rapport, _method (1).pdf", ".method.swp",
		"x' _method.md", "naïve – ☃.txt", "say %22hi%22.txt", "name=_method.txt", "a; b.txt", "",
	} {
		cases[name] = formCase{multipartForm, part(dispositionOf + `"file"; filename="` + name + `"` + "\r\nContent-Type: text/plain"), Allow}
	}
	cases["with its size (Jersey)"] = formCase{multipartForm, part(`Content-Disposition: form-data; filename="a.txt"; size=5; modification-date="Mon, 23 Nov 2026 10:00:00 GMT"; name="file"`), Allow}
	cases["size twice"] = formCase{multipartForm, part(`Content-Disposition: form-data; size=5; Size=6; name="file"`), AmbiguousRequest}
	cases["size with another name"] = formCase{multipartForm, part(`Content-Disposition: form-data; size="5;name=_method"; name="file"`), AmbiguousRequest}
	cases["extended"] = formCase{multipartForm, part(dispositionOf + `"file"; filename="a"; filename*=UTF-8''%5Fmethod.txt`), Allow}
	cases["extended, in quotes"] = formCase{multipartForm, part(dispositionOf + `"file"; filename*="UTF-8''a"`), AmbiguousRequest}
	cases["extended, with a quote"] = formCase{multipartForm, part(dispositionOf + `"file"; filename*=UTF-8''it's`), AmbiguousRequest}
	testBodies(t, cases)
}

// Other multipart bodies pass, but for lines that a server which takes them for
// forms could find the field in.
func TestOtherMultipart(t *testing.T) {
	const mixed = "multipart/mixed; boundary=xxx"
	testBodies(t, map[string]formCase{
		"plain":                                {mixed, "preamble\n--xxx\r\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\r\n\r\nX21ldGhvZA==\r\n--xxx--\r\nepilogue", Allow},
		"DICOM":                                {"multipart/related; type=\"application/dicom\"; boundary=xxx", part("Content-Type: application/dicom") + string(everyByte()), Allow},
		"Content-ID (Rack)":                    {mixed, part("Content-ID: _method"), MethodOverride},
		"an ID of mail":                        {mixed, part("Content-ID: <image001@example.test>"), Allow},
		"a name":                               {mixed, part(dispositionOf + `"_method"`), MethodOverride},
		"with escapes":                         {mixed, part(dispositionOf + `"\_meth%6fd"`), MethodOverride},
		"with a fold":                          {mixed, part("Content-Disposition: form-data;\r\n\tname=\"_method\""), MethodOverride},
		"by bare CR":                           {mixed, "\r\rCONTENT-disposition: a; name=[method\r", MethodOverride},
		"behind other bytes":                   {mixed, part("\x01-Content-Disposition: a; name=_method"), MethodOverride},
		"as X-Content-…":                       {mixed, part("X-Content-Disposition: a; name=_method"), MethodOverride},
		"extended":                             {mixed, part("Content-Disposition: form-data; name*0=_met; name*1=hod"), MethodOverride},
		"as in mail":                           {mixed, part("Content-Disposition: form-data; name=\"=?utf-8?B?X21ldGhvZA==?=\""), MethodOverride},
		"an endless line":                      {mixed, part("Content-Disposition: a; x=" + strings.Repeat("x", 3*maxPartLine) + "; name=_method"), MethodOverride},
		"on two ends of it":                    {mixed, part("Content-Disposition: a; x=" + strings.Repeat("x", maxPartLine-30) + "; name=_method"), MethodOverride},
		"in the last line":                     {mixed, "Content-ID: _method", MethodOverride},
		"in another line":                      {mixed, part("Subject: _method"), Allow},
		"behind a line without a colon (Rack)": {mixed, part("Content-Disposition: form-data\r\n; name=_method x"), MethodOverride},
		"on a line of its own (Rack)":          {mixed, part("Content-ID:\r\n<_method>"), MethodOverride},
		"in parts of a name":                   {mixed, part("Content-Disposition: form-data\r\n; name*0=_me; name*1=thod"), MethodOverride},
		"in a text":                            {mixed, part("Content-Type: text/plain") + "\r\nthe name of the field is _method\r\n", Allow},
		"no boundary (Rack)":                   {"multipart/mixed", "_method=DELETE", AmbiguousRequest},
	})
}

func everyByte() []byte {
	var b []byte
	for i := range 1 << 16 {
		b = append(b, byte(i))
	}
	return b
}

// What clients write must pass, in pieces of any size, and reach the backend as it
// is.
func TestFormsOfRealClients(t *testing.T) {
	lines := func(s ...string) string { return strings.Join(s, "\r\n") + "\r\n" }
	const chrome, firefox, curl = "----WebKitFormBoundary7MA4YWxkTrZu0gW", "----geckoformboundary2f4e8a1b", "------------------------d74496d66958873e"
	const formData, okhttp, undici = "--------------------------515890814546601021194782", "3a1f9c6e-6a5e-4a0e-9d83-0c5b0d3b9a11", "----formdata-undici-012345678901"
	bodies := map[string][2]string{
		"Chrome": {chrome, lines("--"+chrome, `Content-Disposition: form-data; name="tïtle[0].x"`, "", "é\r\n", "--"+chrome,
			`Content-Disposition: form-data; name="f"; filename="é %22x%22.txt"`, "Content-Type: text/plain", "", `name="_method"`, "--"+chrome+"--")},
		"Firefox": {firefox, lines("--"+firefox, `Content-Disposition: form-data; name="f %22"; filename=""`, "Content-Type: application/octet-stream", "", "", "--"+firefox+"--")},
		"curl": {curl, lines("--"+curl, `Content-Disposition: form-data; name="f"; filename="a.json"`, "Content-Type: application/json", "", "{}", "--"+curl,
			`Content-Disposition: form-data; name="a"`, "Content-Type: text/plain;charset=utf-8", "", "1", "--"+curl+"--")},
		"requests": {"d7a1f", lines("--d7a1f", `Content-Disposition: form-data; name="f"; filename="a"; filename*=utf-8''%C3%A9`, "", "1", "--d7a1f--")},
		"aiohttp":  {"9c5e", lines("--9c5e", "Content-Type: text/plain; charset=utf-8", `Content-Disposition: form-data; name="a"`, "", "1", "--9c5e--")},
		"undici":   {undici, lines("--"+undici, `Content-Disposition: form-data; name="a"`, "", "1", "--"+undici+"--")},
		"form-data": {formData, lines("--"+formData, `Content-Disposition: form-data; name="f"; filename="a.png"`, "Content-Type: image/png", "",
			"\x89PNG\r\n\x1a\n----", "--"+formData+"--")},
		"OkHttp":            {okhttp, lines("--"+okhttp, `Content-Disposition: form-data; name="a"`, "Content-Length: 1", "", "1", "--"+okhttp+"--")},
		"Apache HttpClient": {"xY_-1", lines("--xY_-1", `Content-Disposition: form-data; name="a"`, "Content-Type: text/plain; charset=ISO-8859-1", "Content-Transfer-Encoding: 8bit", "", "\xe9", "--xY_-1--")},
		".NET": {"9b2c", lines("--9b2c", "Content-Type: text/plain; charset=utf-8", "Content-Disposition: form-data; name=a", "", "1", "--9b2c",
			"Content-Disposition: form-data; name=f; filename=a.txt; filename*=utf-8''a.txt", "", "2", "--9b2c--")},
		"no fields": {undici, lines("--" + undici + "--")},
	}
	var written bytes.Buffer
	w := multipart.NewWriter(&written)
	for i := range 2 {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="a` + strconv.Itoa(i) + `"`}, "Content-Type": {"text/html"}})
		if err != nil {
			t.Fatal(err)
		}
		part.Write(everyByte())
	}
	w.Close()
	bodies["Go"] = [2]string{w.Boundary(), written.String()}
	g := formGate(t)
	for client, body := range bodies {
		for _, size := range []int{1, 2, 3, 7, 100, 1 << 20} {
			r := post(1, `multipart/form-data; boundary="`+body[0]+`"`, &inPieces{body[1], size})
			if d := checkForms(g, r); d.Reason != Allow {
				t.Errorf("%s in pieces of %d: %q, %v", client, size, d.Reason, d.Err)
			} else if got, err := io.ReadAll(r.Body); string(got) != body[1] || err != nil {
				t.Errorf("%s in pieces of %d: the backend gets %d bytes of %d, %v", client, size, len(got), len(body[1]), err)
			}
		}
	}
}

// What is wrong with a form behind its head breaks it off too.
func TestLateFaultBreaksTheBodyOff(t *testing.T) {
	body := partOf + "a\r\n\r\n" + strings.Repeat("x", 3*formHead) + "\n--xxx\r\n" + dispositionOf + "_method\r\n\r\nDELETE\r\n--xxx--"
	r := post(1, multipartForm, iotest.HalfReader(strings.NewReader(body)))
	if d := checkForms(formGate(t), r); d.Reason != Allow {
		t.Fatal(d.Reason)
	}
	if got, err := io.ReadAll(r.Body); !errors.Is(err, errPartBoundary) || strings.Contains(string(got), "DELETE") {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// A file of any size takes no more memory than a small one.
func TestLongFormsTakeNoMemory(t *testing.T) {
	s := newPartScanner("POST", "xxx")
	piece := bytes.Repeat([]byte("\r\n--xx-"), 4<<10)
	if err := s.scan([]byte(partOf + "a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err := s.scan(piece); err != nil || cap(s.held) > 4*len(piece) {
			t.Fatalf("%d bytes are held, %v", cap(s.held), err)
		}
	}
	if s.part.size < 999*int64(len(piece)) {
		t.Errorf("%d bytes were read", s.part.size)
	}
}
