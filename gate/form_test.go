package gate

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
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
)

// formGate has a token that may only create (1), and one that may do all (2).
func formGate(tb testing.TB) *Gate {
	tb.Helper()
	store := newMemoryStore()
	store.put(mint(1), newToken("creates", token.Custom, "POST /api/articles"))
	store.put(mint(2), newToken("full", token.FullAccess))
	return newGate(tb, store, hostileSources(tb), articles(tb))
}

func post(number uint64, contentType string, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/articles", body)
	r.Header.Set("Authorization", "Bearer "+mint(number))
	r.Header.Set("Content-Type", contentType)
	return r
}

// checkForms does what the handler does.
func checkForms(g *Gate, r *http.Request) Decision {
	d := g.Check(r)
	if d.BodyDecides {
		ReadBody(r)
		d = g.Check(r)
	}
	return d
}

func part(header string) string {
	return "--xxx\r\n" + header + "\r\n\r\nDELETE\r\n--xxx--\r\n"
}

// Security rule 6: frameworks take the method from the field _method of a form,
// so that a token that may only create could delete.
func TestForms(t *testing.T) {
	g := formGate(t)
	for name, test := range map[string]struct {
		contentType, body string
		want              Reason
	}{
		"plain":                      {urlencoded, "title=x&text=y", Allow},
		"empty":                      {urlencoded, "", Allow},
		"override":                   {urlencoded, "title=x&_method=DELETE", MethodOverride},
		"alone":                      {urlencoded, "_method", MethodOverride},
		"encoded":                    {urlencoded, "a&%5fMeTh%6fd=DELETE", MethodOverride},
		"as PHP folds it":            {urlencoded, "a=1&+%20+.method[x]=DELETE", MethodOverride},
		"behind many blanks":         {urlencoded, strings.Repeat("%20+", 100) + "_method=DELETE", MethodOverride},
		"an array with a long name":  {urlencoded, "_method[" + strings.Repeat("x", 200) + "]=DELETE", MethodOverride},
		"behind a semicolon":         {urlencoded, "a=1;_method=DELETE", MethodOverride},
		"on the next line":           {urlencoded, "a=1\r\n_method=DELETE", MethodOverride},
		"as a value":                 {urlencoded, "title=_method&x==_method=", Allow},
		"longer":                     {urlencoded, "_methods=1&my_method=2&_metho=3", Allow},
		"a name without an end":      {urlencoded, strings.Repeat("x", 1000) + "&y=_method", Allow},
		"charset":                    {urlencoded + "; charset=UTF-8", "a=1", Allow},
		"charset that hides it":      {urlencoded + "; charset=utf-16", "a=1", AmbiguousRequest},
		"charset that can't be read": {urlencoded + "; charset=\"utf-16", "a=1", AmbiguousRequest},
		"two kinds in one":           {"multipart/form-data, " + urlencoded, "a=1", AmbiguousRequest},
		"something with forms":       {"text/x-form", "_method=DELETE", MethodOverride},
		"multipart":                  {multipartForm, part(`Content-Disposition: form-data; name="title"`), Allow},
		"multipart with it":          {multipartForm, part(`Content-Disposition: form-data; name="_method"`), MethodOverride},
		"without quotes":             {multipartForm, part(`content-disposition:form-data;name=_METHOD`), MethodOverride},
		"with a fold":                {multipartForm, part("Content-Disposition: form-data;\r\n\tname=\"_method\""), MethodOverride},
		"with escapes":               {multipartForm, part(`Content-Disposition: form-data; name="\_meth%6fd"`), MethodOverride},
		"extended":                   {multipartForm, part(`Content-Disposition: form-data; name*=utf-8''%5Fmethod`), MethodOverride},
		"as an array":                {multipartForm, part(`Content-Disposition: form-data; name="_method[]"`), MethodOverride},
		"by bare LF":                 {multipartForm, strings.ReplaceAll(part(`Content-Disposition: form-data; name="_method"`), "\r", ""), MethodOverride},
		"by bare CR":                 {multipartForm, strings.ReplaceAll(part(`Content-Disposition: form-data; name="_method"`), "\n", ""), MethodOverride},
		"in an endless line":         {multipartForm, part(`Content-Disposition: form-data; x="` + strings.Repeat("x", maxPartLine) + `"; name="_method"`), MethodOverride},
		"in a file's text":           {multipartForm, part("Content-Disposition: form-data; name=\"file\"; filename=\"my_method.html\"\r\n\r\n<input name=\"_method\" value=\"DELETE\">"), Allow},
		"no form":                    {"application/json", `{"_method":"DELETE"}`, Allow},
	} {
		t.Run(name, func(t *testing.T) {
			// In one piece and byte by byte; with the length known and not.
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
}

// A field that comes late ends the body before the backend has it.
func TestLateOverrideBreaksTheBodyOff(t *testing.T) {
	for contentType, late := range map[string]string{
		urlencoded:    "&_method=DELETE",
		multipartForm: "\r\n" + part(`Content-Disposition: form-data; name="_method"`),
	} {
		long := strings.Repeat("x", 3*formHead)
		r := post(1, contentType, iotest.HalfReader(strings.NewReader("a="+long+late)))
		if d := checkForms(formGate(t), r); d.Reason != Allow {
			t.Fatal(d.Reason)
		}
		got, err := io.ReadAll(r.Body)
		if !errors.Is(err, errFormField) || strings.Contains(string(got), "_method") || len(got) < formHead {
			t.Errorf("%s: %d bytes, %v", contentType, len(got), err)
		}
		if _, err := r.Body.Read(make([]byte, 10)); !errors.Is(err, errFormField) {
			t.Errorf("read again: %v", err)
		}
	}
}

// Nothing is decided for a client that keeps its form back: its token could be
// gone by the time that it comes.
func TestFormsAreDecidedOnWhenTheyAreThere(t *testing.T) {
	g := formGate(t)
	r := post(1, urlencoded, strings.NewReader("a=1"))
	if d := g.Check(r); !d.BodyDecides || d.Reason != "" || d.Tokens.First != nil {
		t.Fatalf("%+v", d)
	}
	ReadBody(r)
	g.Resolver.Invalidate([]token.Digest{token.Hash(mint(1))})
	g.Resolver.config.Lookup = newMemoryStore().lookup
	if d := g.Check(r); d.Reason != UnknownToken {
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
	f.Add("a=1&_method=DELETE", false, 3)
	f.Add("%5Fmethod", false, 1)
	f.Add("_method", true, 2)
	f.Add(`\_method`, true, 5)
	g := formGate(f)
	f.Fuzz(func(t *testing.T, text string, inParts bool, size int) {
		contentType, body := urlencoded, text
		var names []string
		if inParts {
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			if err := w.WriteField(text, "DELETE"); err != nil {
				return
			}
			w.Close()
			contentType, body = w.FormDataContentType(), b.String()
			names = append(names, formNames(t, contentType, body)...)
		} else if values, err := url.ParseQuery(strings.ReplaceAll(text, ";", "&")); err == nil {
			for name := range values {
				names = append(names, name)
			}
		}
		hidden := false
		for _, name := range names {
			hidden = hidden || strings.EqualFold(name, methodParameter)
		}
		r := post(1, contentType, &inPieces{body, 1 + max(0, size)%100})
		d := checkForms(g, r)
		switch {
		case d.Reason != Allow:
			return
		case hidden:
			t.Errorf("%q has the field", body)
		}
		if got, err := io.ReadAll(r.Body); string(got) != body || err != nil {
			t.Errorf("%q became %q, %v", body, got, err)
		}
	})
}

// formNames are the names of fields that Go's multipart reader finds.
func formNames(t *testing.T, contentType, body string) (names []string) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		return nil
	}
	for name := range r.MultipartForm.Value {
		names = append(names, name)
	}
	return names
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
