package permission

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What a write mark takes from read-only tokens must hold for every spelling
// that a backend may serve: the lenient matching of this file. What grants give
// is matched to the letter, elsewhere.

// addFolded makes the operation match as a rule of findFolded.
func (b *builder) addFolded(op Operation, number int32) {
	p := op.Pattern
	p.segments = slices.Clone(p.segments)
	for i := range p.segments {
		p.segments[i].literal = trimSegment(fold(p.segments[i].literal))
	}
	if p.tail {
		// /admin/* by the letter has no say over /admin/.
		slash := Pattern{segments: append(slices.Clone(p.segments), segment{})}
		b.add(Operation{Method: op.Method, Pattern: slash}, number)
	} else if last := len(p.segments) - 1; last > 0 && p.segments[last] == (segment{}) {
		p.segments = p.segments[:last]
	}
	b.add(Operation{Method: op.Method, Pattern: p}, number)
	if op.Method == "GET" {
		// There are servers that go by the path alone; HEAD counts as GET anyway.
		b.addFolded(Operation{Method: "OPTIONS", Pattern: op.Pattern}, number)
	}
}

// findFolded reports whether any rule matches the path as a lenient server may
// read it: without regard to case, to blanks and dots at the end of segments, to
// slashes at the end of the path, or to a suffix such as .json.
func (a *automaton) findFolded(method, path string) bool {
	path = trimSegments(fold(path))
	for trimmed := 0; a.find(method, path) == nil; trimmed++ {
		last := len(path) - 1
		if last <= 0 || strings.IndexByte(" ./", path[last]) < 0 {
			return a.findWithoutSuffix(method, path)
		}
		if trimmed == maxSpellings {
			return true
		}
		path = path[:last]
	}
	return true
}

// trimSegments drops what Windows drops at the end of the segments in front of the last.
func trimSegments(path string) string {
	if !strings.Contains(path, "./") && !strings.Contains(path, " /") {
		return path
	}
	segments := strings.Split(path, "/")
	for i := range segments[:len(segments)-1] {
		segments[i] = trimSegment(segments[i])
	}
	return strings.Join(segments, "/")
}

func trimSegment(s string) string {
	if trimmed := strings.TrimRight(s, " ."); trimmed != "" {
		return trimmed
	}
	return s
}

// findWithoutSuffix tries what is left without .json, .tar.gz and the like.
func (a *automaton) findWithoutSuffix(method, path string) bool {
	dots := 0
	for i := strings.LastIndexByte(path, '/') + 2; i < len(path); i++ {
		if path[i] != '.' {
			continue
		}
		if dots++; dots > maxSpellings || a.find(method, path[:i]) != nil {
			return true
		}
	}
	return false
}

// maxSpellings bounds how many beginnings of a last segment are looked up as what is
// left without its suffix. A read-only token gets nothing with more dots.
const maxSpellings = 32

// fold makes spellings equal that differ in case, or only in the forms that
// compatibility normalisation (NFKC) removes, such as fullwidth letters. Going through
// upper case joins what lower case alone keeps apart: the two small sigmas, the
// long s, the dotless i.
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(strings.ToUpper(norm.NFKC.String(s)))
		}
	}
	return strings.ToLower(s)
}
