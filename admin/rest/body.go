package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// maxBody is how many bytes a body may have. 500 grants of ordinary length fit.
const maxBody = 64 << 10

// decode reads the body into dst, a pointer to a struct. It is one JSON object
// whose names are those of the struct, exactly, each at most once. A route that
// reads none, or may do without, takes an empty one as well.
func (c *call) decode(dst any) error {
	text, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return problem(http.StatusRequestEntityTooLarge, "body_too_large", "The body has more than "+strconv.Itoa(maxBody)+" bytes.")
	}
	if err != nil {
		return malformed("The body could not be read to its end.")
	}
	if len(text) == 0 && (c.route.body == nil || c.route.optional) {
		return nil
	}
	if !isJSON(c.r.Header) {
		return problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "The body must be JSON, with Content-Type: application/json, and not compressed.").
			with("Accept", "application/json")
	}
	if !utf8.Valid(text) || !json.Valid(text) {
		return malformed("The body is not one JSON value in UTF-8.")
	}
	s := shape{decoder: json.NewDecoder(bytes.NewReader(text))}
	s.decoder.UseNumber()
	if err := s.value(reflect.TypeOf(dst).Elem(), "", false); err != nil {
		return malformed(sentence(err))
	}
	if len(s.problems) > 0 {
		return malformed(sentence(s.problems)).because(s.problems)
	}
	if err := json.Unmarshal(text, dst); err != nil {
		return malformed("The body can't be read.")
	}
	return nil
}

func malformed(detail string) *ProblemError {
	return problem(http.StatusBadRequest, "malformed_body", detail)
}

func isJSON(h http.Header) bool {
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, named := parameters["charset"]
	return err == nil && kind == "application/json" && len(h.Values("Content-Type")) == 1 &&
		(!named || strings.EqualFold(charset, "utf-8")) && h.Get("Content-Encoding") == ""
}

// shape holds JSON against a Go type. Package json takes Name for name and the
// last of two, and sets nothing for null: a request would be read as something
// that it does not say.
type shape struct {
	decoder  *json.Decoder
	problems admin.FieldErrors
}

func (s *shape) wrong(field, what string) {
	if field == "" {
		field = "body"
	}
	if len(s.problems) < maxProblems {
		s.problems = append(s.problems, &token.FieldError{Field: field, Problem: what})
	}
}

// value reads the next value, which shall be of the type; nil is one that may be anything.
func (s *shape) value(t reflect.Type, field string, nullable bool) error {
	next, err := s.decoder.Token()
	if err != nil {
		return err
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind := reflect.Invalid
	if t != nil {
		kind = t.Kind()
	}
	switch next := next.(type) {
	case json.Delim:
		return s.nested(next, t, kind, field)
	case nil:
		if kind != reflect.Invalid && !nullable {
			s.wrong(field, "is null; leave it out instead")
		}
	case string:
		s.expect(kind, reflect.String, field)
	case bool:
		s.expect(kind, reflect.Bool, field)
	case json.Number:
		s.expect(kind, reflect.Int64, field)
	}
	return nil
}

func (s *shape) expect(want, have reflect.Kind, field string) {
	names := map[reflect.Kind]string{reflect.String: "text", reflect.Bool: "true or false", reflect.Slice: "a list", reflect.Struct: "an object"}
	if want != reflect.Invalid && want != have {
		s.wrong(field, "must be "+names[want])
	}
}

func (s *shape) nested(open json.Delim, t reflect.Type, kind reflect.Kind, field string) error {
	switch {
	case open == '{' && kind == reflect.Struct:
		return s.object(t, field)
	case open == '[' && kind == reflect.Slice:
		for i := 0; s.decoder.More(); i++ {
			if err := s.value(t.Elem(), field+"["+strconv.Itoa(i)+"]", false); err != nil {
				return err
			}
		}
		_, err := s.decoder.Token()
		return err
	default:
		s.expect(kind, reflect.Invalid, field)
		return s.skip()
	}
}

// skip reads to the end of what has been opened.
func (s *shape) skip() error {
	for depth := 1; depth > 0; {
		next, err := s.decoder.Token()
		if err != nil {
			return err
		}
		switch next {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return nil
}

func (s *shape) object(t reflect.Type, within string) error {
	fields := fieldsOf(t)
	seen := map[string]bool{}
	for s.decoder.More() {
		next, err := s.decoder.Token()
		if err != nil {
			return err
		}
		name, _ := next.(string)
		field := name
		if within != "" {
			field = within + "." + name
		}
		known, ok := fields[name]
		switch {
		case !ok:
			s.wrong(shorten(field), "is not known here")
		case seen[name]:
			s.wrong(field, "stands there more than once")
		}
		seen[name] = true
		if err := s.value(known.Type, field, known.Tag.Get("null") != ""); err != nil {
			return err
		}
	}
	_, err := s.decoder.Token()
	return err
}

// fieldsOf returns the fields of a struct by their names in JSON. The tag null
// says that null means something there.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for field := range t.Fields() {
		if field.Anonymous {
			maps.Copy(fields, fieldsOf(field.Type))
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fields[name] = field
	}
	return fields
}
