package gate

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tokenreeve/tokenreeve/token"
)

const (
	urlencoded    = "application/x-www-form-urlencoded"
	multipartForm = "multipart/form-data; boundary=xxx"
	dispositionOf = "Content-Disposition: form-data; name="
)

// formGate has a token that may only create (1), one that may do all (2), and one
// that may do anything to articles (3).
func formGate(tb testing.TB) *Gate {
	tb.Helper()
	store := newMemoryStore()
	store.put(mint(1), newToken("creates", token.Custom, "POST /api/articles"))
	store.put(mint(2), newToken("full", token.FullAccess))
	store.put(mint(3), newToken("articles", token.Custom, "GET /api/articles", "POST /api/articles", "PUT /api/articles", "PATCH /api/articles", "DELETE /api/articles"))
	return newGate(tb, store, hostileSources(tb), articles(tb))
}

func post(number uint64, contentType string, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/articles", body)
	r.Header.Set("Authorization", "Bearer "+mint(number))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// checkForms does what the handler does.
func checkForms(g *Gate, r *http.Request) Decision {
	d := g.Check(r)
	if d.ReadBody != nil {
		d.ReadBody(r)
		d = g.Resume(r, d)
	}
	return d
}

func part(header string) string {
	return "--xxx\r\n" + header + "\r\n\r\nDELETE\r\n--xxx--\r\n"
}

// Security rule 6: frameworks take the method from the field _method of a form,
// so that a token that may only create could delete. What finds the field is told
// with each spelling.
func TestForms(t *testing.T) {
	testBodies(t, map[string]formCase{
		"plain":                       {urlencoded, "title=x&text=y", Allow},
		"empty":                       {urlencoded, "", Allow},
		"override":                    {urlencoded, "title=x&_method=DELETE", MethodOverride},
		"for ASP.NET":                 {urlencoded, "x-http-method-override=DELETE", MethodOverride},
		"without a value":             {urlencoded, "_method&_method=&_method=%20", Allow},
		"its own method":              {urlencoded, "_method=POST&a=1&_method[]=+post%0d%0a&%5fmethod=%50OS%54\r\n", Allow},
		"its own, then another":       {urlencoded, "_method=POST&_method=PUT", MethodOverride},
		"its own, with more":          {urlencoded, "_method=POST;DELETE", MethodOverride},
		"behind a line break":         {urlencoded, "_method=\nDELETE", MethodOverride},
		"a long value":                {urlencoded, "_method=" + strings.Repeat("x", 1000), MethodOverride},
		"blanks, then a method":       {urlencoded, "_method=" + strings.Repeat("+", 1000) + "DELETE", MethodOverride},
		"encoded":                     {urlencoded, "a&%5fMeTh%6fd=DELETE", MethodOverride},
		"encoded as for IIS":          {urlencoded, "%u005fm%U0065thod=DELETE", MethodOverride},
		"as PHP folds it":             {urlencoded, "a=1&+%20+.method[x]=DELETE", MethodOverride},
		"behind many blanks":          {urlencoded, strings.Repeat("%20+ %09", 100) + "_method=DELETE", MethodOverride},
		"behind one blank":            {urlencoded, "a=1& _method=DELETE", MethodOverride},
		"behind control characters":   {urlencoded, "a=1&%00\x01\x0b%7f_method=DELETE", MethodOverride},
		"in brackets (qs)":            {urlencoded, "[_method]=DELETE", MethodOverride},
		"in encoded brackets (qs)":    {urlencoded, "%5B_method%5D=DELETE", MethodOverride},
		"behind a bracket (Rack)":     {urlencoded, "]_method=DELETE", MethodOverride},
		"behind many brackets":        {urlencoded, strings.Repeat("[", 70) + "_method]=DELETE", MethodOverride},
		"behind encoded brackets":     {urlencoded, strings.Repeat("%u005b%5D", 70) + "_method]=DELETE", MethodOverride},
		"behind a question mark":      {urlencoded, "?_method=DELETE", MethodOverride}, // URLSearchParams
		"behind a byte order mark":    {urlencoded, "\ufeff_method=DELETE", MethodOverride},
		"behind many of them":         {urlencoded, strings.Repeat("\ufeff%EF%bb%BF%uFEFF?", 100) + "_method=DELETE", MethodOverride},
		"all of it encoded":           {urlencoded, "%EF%BB%BF%EF%BB%BF" + encodeAll("X-HTTP-Method-Override") + "%u005b=DELETE", MethodOverride},
		"behind half of one":          {urlencoded, "%EF%BB_method=DELETE", Allow},
		"before a NUL":                {urlencoded, "_method%00x=DELETE", MethodOverride},
		"an array with a long name":   {urlencoded, "_method[" + strings.Repeat("x", 200) + "]=DELETE", MethodOverride},
		"wholly encoded for IIS":      {urlencoded, "%u005b" + encodeAll("X-HTTP-Method-Override") + "%u005b=DELETE", MethodOverride},
		"behind a semicolon":          {urlencoded, "a=1;_method=DELETE", MethodOverride},
		"on the next line":            {urlencoded, "a=1\r\n_method=DELETE", MethodOverride},
		"as a value":                  {urlencoded, "title=_method&x==_method=", Allow},
		"longer":                      {urlencoded, "_methods=1&my_method=2&_metho=3&a[_method]=4", Allow},
		"a name without an end":       {urlencoded, strings.Repeat("x", 1000) + "&y=_method", Allow},
		"without a type (Rack)":       {"", "_method=DELETE", MethodOverride},
		"blanks for a type":           {" \t", "_method=DELETE", MethodOverride},
		"type in capitals":            {"APPLICATION/X-WWW-Form-URLEncoded ;charset=UTF-8", "_method=DELETE", MethodOverride},
		"type with a tail":            {urlencoded + "ed", "_method=DELETE", MethodOverride},
		"type without a slash":        {"urlencoded", "a=1", AmbiguousRequest},
		"type with a blank":           {"text /plain", "a=1", AmbiguousRequest},
		"no type before its end":      {"; charset=utf-8", "a=1", AmbiguousRequest},
		"two types in one":            {"text/plain; x=" + urlencoded, "a=1", AmbiguousRequest},
		"two types, with a comma":     {"multipart/form-data, " + urlencoded, "a=1", AmbiguousRequest},
		"a comma behind it":           {urlencoded + "; x=y, text/plain", "a=1", AmbiguousRequest},
		"broken parameters":           {urlencoded + "; x", "a=1", AmbiguousRequest},
		"charset":                     {urlencoded + "; charset=UTF-8", "a=1", Allow},
		"charset of letters as ASCII": {urlencoded + "; charset=\"Shift_JIS\"", "a=1", Allow},
		"charset of the Greek":        {urlencoded + "; charset=ISO-8859-7", "_method=DELETE", MethodOverride},
		"charset that hides it":       {urlencoded + "; charset=utf-16", "a=1", AmbiguousRequest},
		"charset of mainframes":       {urlencoded + "; charset=IBM037", "a=1", AmbiguousRequest},
		"charset with shifts":         {urlencoded + "; charset=iso-2022-jp", "a=1", AmbiguousRequest},
		"charset for seven bits":      {urlencoded + "; charset=utf-7", "a=1", AmbiguousRequest},
		"charset that can't be read":  {urlencoded + "; charset=\"utf-16", "a=1", AmbiguousRequest},
		"two charsets":                {urlencoded + "; charset=utf-8; charset=utf-16", "a=1", AmbiguousRequest},
		"charset in pieces":           {urlencoded + "; charset*0=utf; charset*1=-16", "a=1", AmbiguousRequest},
		"no form":                     {"application/json", `{"_method":"DELETE"}&_method=DELETE`, Allow},
		"named like a form":           {"application/vnd.information+json", "_method=DELETE", Allow},
		"a format":                    {"application/vnd.transform+xml; charset=utf-16", "_method=DELETE", Allow},
	})
}

// encodeAll writes every character as %uXXXX.
func encodeAll(s string) string {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, "%%u%04x", c)
	}
	return b.String()
}

type formCase struct {
	contentType, body string
	want              Reason
}

// testBodies sends each body in one piece and byte by byte, for who may only create,
// and for who may do everything.
func testBodies(t *testing.T, cases map[string]formCase) {
	g := formGate(t)
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			for i, body := range []io.Reader{strings.NewReader(test.body), iotest.OneByteReader(strings.NewReader(test.body))} {
				r := post(1, test.contentType, body)
				if d := checkForms(g, r); d.Reason != test.want {
					t.Fatalf("%d: %q, %v; want %q", i, d.Reason, d.Err, test.want)
				}
				if test.want != Allow {
					continue
				}
				if got, err := io.ReadAll(r.Body); string(got) != test.body || err != nil {
					t.Errorf("%d: the backend gets %q, %v", i, got, err)
				}
			}
			if d := checkForms(g, post(2, test.contentType, strings.NewReader(test.body))); d.Reason != Allow {
				t.Errorf("who may do everything: %q", d.Reason)
			}
		})
	}
}

// Bodies that no server takes for a form are nobody's to read, nor is a WebSocket.
func TestOtherBodiesAreNotRead(t *testing.T) {
	g := formGate(t)
	for _, contentType := range []string{"application/json", "application/octet-stream ; a=b", "text/plain; charset=utf-16", "application/problem+json; x=\"a,b\""} {
		r := post(1, contentType, iotest.ErrReader(errors.New("read")))
		if d := g.Check(r); d.ReadBody != nil || d.Reason != Allow {
			t.Errorf("%s: %+v", contentType, d)
		}
	}
	for _, r := range []*http.Request{post(1, "", http.NoBody), post(1, "", strings.NewReader("")), httptest.NewRequest(http.MethodConnect, "/", iotest.ErrReader(io.EOF))} {
		if isForm(r) {
			t.Errorf("%s, %d", r.Method, r.ContentLength)
		}
	}
}

// CakePHP looks for the field with any method.
func TestFormsOfAnyMethod(t *testing.T) {
	g := formGate(t)
	for _, method := range []string{"PUT", "PATCH", "DELETE", "GET"} {
		for value, want := range map[string]Reason{"POST": MethodOverride, method: Allow, strings.ToLower(method): Allow} {
			r := post(3, urlencoded, strings.NewReader("_method="+value))
			r.Method = method
			if d := checkForms(g, r); d.Reason != want {
				t.Errorf("%s as %s: %q", method, value, d.Reason)
			}
		}
	}
}

func TestCompressedFormsAreRefused(t *testing.T) {
	for encoding, want := range map[string]Reason{"gzip": AmbiguousRequest, "identity": Allow, "": Allow} {
		r := post(1, urlencoded, strings.NewReader("a=1"))
		r.Header.Set("Content-Encoding", encoding)
		if d := checkForms(formGate(t), r); d.Reason != want {
			t.Errorf("%q: %q", encoding, d.Reason)
		}
	}
	r := post(1, urlencoded, strings.NewReader("a=1"))
	r.Header.Add("Content-Type", "application/json")
	if d := checkForms(formGate(t), r); d.Reason != AmbiguousRequest {
		t.Errorf("two types: %q", d.Reason)
	}
	r = post(1, "application/json", strings.NewReader("a=1"))
	r.Header["Content_type"] = []string{urlencoded} // as CGI names headers
	if d := checkForms(formGate(t), r); d.Reason != AmbiguousRequest {
		t.Errorf("two types by the names of CGI: %q", d.Reason)
	}
}

// A field that comes late ends the body before the backend has it.
func TestLateOverrideBreaksTheBodyOff(t *testing.T) {
	for late, contentType := range map[string]string{
		"&_method=DELETE&a=1":                         urlencoded,
		"&_method=DELETE":                             urlencoded,
		"\r\n" + part(dispositionOf+`"_method"`):      multipartForm,
		"\r\n" + partOf + "\"_method\"\r\n\r\nDELETE": multipartForm, // and no more, which PHP takes
	} {
		long := "a=" + strings.Repeat("x", 3*formHead)
		if contentType == multipartForm {
			long = "--xxx\r\n" + dispositionOf + "a\r\n\r\n" + long
		}
		r := post(1, contentType, iotest.HalfReader(strings.NewReader(long+late)))
		if d := checkForms(formGate(t), r); d.Reason != Allow {
			t.Fatal(d.Reason)
		}
		got, err := io.ReadAll(r.Body)
		if err == nil || len(got) >= len(long+late) || len(got) < formHead {
			t.Errorf("%s: %d bytes, %v", contentType, len(got), err)
		}
		if _, err := r.Body.Read(make([]byte, 10)); !errors.Is(err, errFormField) && !errors.Is(err, errPartEnd) {
			t.Errorf("read again: %v", err)
		}
	}
}

// Nothing is decided for a client that keeps its form back: its token could be
// gone by the time that it comes.
func TestFormsAreDecidedOnWhenTheyAreThere(t *testing.T) {
	g := formGate(t)
	r := post(1, urlencoded, strings.NewReader("a=1"))
	d := g.Check(r)
	if d.ReadBody == nil || d.Reason != "" {
		t.Fatalf("%+v", d)
	}
	d.ReadBody(r)
	d.began = d.began.Add(-2 * patience)
	g.Resolver.Invalidate([]token.Digest{token.Hash(mint(1))})
	g.Resolver.config.Lookup = newMemoryStore().lookup
	if d := g.Resume(r, d); d.Reason != UnknownToken {
		t.Errorf("%q", d.Reason)
	}
}

// A body that fails is the backend's to see, not an allow of half a form.
func TestBrokenForm(t *testing.T) {
	broken := errors.New("broken")
	r := post(1, urlencoded, io.MultiReader(strings.NewReader("a=1"), iotest.ErrReader(broken)))
	if d := checkForms(formGate(t), r); d.Reason != Allow {
		t.Fatal(d.Reason)
	}
	if got, err := io.ReadAll(r.Body); string(got) != "a=1" || !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
}

// However a form is cut into pieces, a field of that name that Go's own readers
// find is found; and nothing of a form without one is changed.
func FuzzNoFormHidesTheFieldMethod(f *testing.F) {
	f.Add("a=1&_method=DELETE", "", 3)
	f.Add("%5Fmethod=PUT", urlencoded, 1)
	f.Add("a=1&_method=DELETE", "multipart/form-data", 1)
	f.Add(part(dispositionOf+`"_method"`), multipartForm, 2)
	f.Add(part(dispositionOf+`"\_method"`), multipartForm, 5)
	f.Add(part(dispositionOf+`"a"`+"\r\nContent-Length: 6"), multipartForm, 7)
	f.Add("\n--xxx\n"+dispositionOf+"_method\n\nPUT\n--xxx--", multipartForm, 7)
	f.Add(part(dispositionOf+`"a"; filename="; name=_method"`), "multipart/mixed; boundary=xxx", 7)
	g := formGate(f)
	f.Fuzz(func(t *testing.T, body, contentType string, size int) {
		r := post(1, contentType, &inPieces{body, 1 + max(0, size)%100})
		d := checkForms(g, r)
		if whole := checkForms(g, post(1, contentType, strings.NewReader(body))); body != "" && whole.Reason != d.Reason {
			t.Errorf("%q, %q: %q in one piece, %q in several", contentType, body, whole.Reason, d.Reason)
		}
		if d.Reason != Allow {
			return
		}
		for name, values := range fieldsOf(contentType, body) {
			name = strings.TrimLeft(name, " \t\r\n\v\f\x00[]")
			for _, value := range values {
				if (strings.EqualFold(name, "_method") || strings.EqualFold(name, "X-HTTP-Method-Override")) && namesOther(value, "POST") {
					t.Errorf("%q, %q has the field", contentType, body)
				}
			}
		}
		if got, err := io.ReadAll(r.Body); string(got) != body || err != nil {
			t.Errorf("%q became %q, %v", body, got, err)
		}
	})
}

// fieldsOf are the fields that Go's readers of forms find.
func fieldsOf(contentType, body string) url.Values {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if contentType == "" {
		contentType = urlencoded
	}
	r.Header.Set("Content-Type", contentType)
	_ = r.ParseMultipartForm(1 << 20) // and what it has read when it fails
	if r.MultipartForm != nil {
		return r.MultipartForm.Value
	}
	if r.PostForm != nil {
		return r.PostForm
	}
	return nil
}

// inPieces gives a text in pieces of one size.
type inPieces struct {
	rest string
	size int
}

func (p *inPieces) Read(to []byte) (int, error) {
	if p.rest == "" {
		return 0, io.EOF
	}
	n := copy(to, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// The value of a method field is kept until it ends, so it may not be of any length.
func TestLongMethodValue(t *testing.T) {
	for blanks, fits := range map[int]bool{10: true, 400: false} {
		s, err := newFormScanner(http.Header{"Content-Type": {urlencoded}}, "POST")
		if err != nil {
			t.Fatal(err)
		}
		if err = s.scan([]byte("_method=POST" + strings.Repeat("+", blanks))); err == nil {
			err = s.end()
		}
		if (err == nil) != fits {
			t.Errorf("%d blanks: %v", blanks, err)
		}
	}
}
