package permission

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Pattern is a set of paths: literal segments, segments in braces that stand
// for any one segment, and at the end perhaps "/*" for everything below.
type Pattern struct {
	text     string
	segments []segment
	tail     bool // ends in "/*"
}

// segment is a literal, decoded, or a capture.
type segment struct {
	literal string
	capture string // the name in braces; grants may fix its value later
}

// ParsePattern parses "/api/articles/{id}" or "/files/*". A literal may hold
// escapes or the characters themselves; both match either spelling. It refuses
// patterns that no accepted path can match.
func ParsePattern(s string) (Pattern, error) {
	rest, tail := strings.CutSuffix(s, "/*")
	p := Pattern{text: s, tail: tail}
	if !strings.HasPrefix(s, "/") {
		return Pattern{}, fmt.Errorf("%q is not a path; begin it with /", s)
	}
	switch {
	case len(s) > MaxPath:
		return Pattern{}, errLong
	case !utf8.ValidString(s): // half a character raw, half of it escaped, would be lost in JSON
		return Pattern{}, errUTF8
	case strings.Contains(s, " "): // such as "/a, POST /b"
		return Pattern{}, fmt.Errorf("%q has a blank; write one operation at a time, and %%20 for a blank that belongs to the path", s)
	}
	if tail && rest == "" {
		return p, nil
	}
	captures := map[string]bool{}
	parts := strings.Split(rest[1:], "/")
	for i, part := range parts {
		seg, err := parseSegment(part, i == len(parts)-1 && !tail)
		if err != nil {
			return Pattern{}, fmt.Errorf("%q: %w", s, err)
		}
		if seg.capture != "" {
			if captures[seg.capture] {
				return Pattern{}, fmt.Errorf("%q: {%s} stands in it twice", s, seg.capture)
			}
			captures[seg.capture] = true
		}
		p.segments = append(p.segments, seg)
	}
	return p, nil
}

func parseSegment(s string, last bool) (segment, error) {
	if name, ok := captureName(s); ok {
		if name == "" {
			return segment{}, fmt.Errorf("{} has no name; write for example {id}")
		}
		if strings.HasSuffix(name, "...") {
			return segment{}, fmt.Errorf("%q is one segment, as all braces; for everything below write /* at the end", s)
		}
		if strings.ContainsFunc(name, unicode.IsControl) {
			return segment{}, fmt.Errorf("the name in %q is not plain text; write for example {id}", s)
		}
		return segment{capture: name}, nil
	}
	if s == "" && !last {
		return segment{}, fmt.Errorf("an empty segment (//) is refused in every request, so it can't match")
	}
	if strings.ContainsAny(s, "{}*") {
		return segment{}, fmt.Errorf("in %q, braces stand for a whole segment, and * only at the end as /*", s)
	}
	literal, err := url.PathUnescape(s)
	if err != nil {
		return segment{}, err
	}
	if err := CheckSegment(literal); err != nil {
		return segment{}, err
	}
	return segment{literal: literal}, nil
}

func captureName(s string) (string, bool) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' || strings.ContainsAny(s[1:len(s)-1], "{}") {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// MarshalText writes the pattern as ParsePattern reads it.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText reads the pattern with ParsePattern.
func (p *Pattern) UnmarshalText(text []byte) error {
	parsed, err := ParsePattern(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// Covers reports whether the pattern stands for a decoded path. Requests are
// matched against all patterns of a catalog at once; this is for one alone.
func (p Pattern) Covers(path string) bool {
	rest := strings.TrimPrefix(path, "/")
	for i, want := range p.segments {
		part, after, more := strings.Cut(rest, "/")
		if want.capture != "" && part == "" || want.capture == "" && part != want.literal {
			return false
		}
		if last := i == len(p.segments)-1; more != (!last || p.tail) {
			return false
		}
		rest = after
	}
	return !p.tail || len(p.segments) == 0 || rest != "" && rest[0] != '/'
}
