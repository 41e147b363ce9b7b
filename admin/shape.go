package admin

import (
	"math/bits"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

// anySegment can stand in no pattern, so only what stands for every segment matches it.
const anySegment = "\x01"

// shape is what an operation matches, by the segments of its paths.
type shape struct {
	permission.Operation

	written  []string // the segments as they are written
	segments []string // decoded, and anySegment for those in braces
	slash    bool     // the paths end in a slash
	more     bool     // further segments follow
}

func newShape(op permission.Operation) shape {
	s := shape{Operation: op}
	text := op.Pattern.String()
	if permission.IsKind(op.Method) {
		if s.written, s.segments = []string{text}, []string{text}; text == "*" {
			s.segments[0] = anySegment
		}
		return s
	}
	if text, s.more = strings.CutSuffix(text, "/*"); !s.more {
		text, s.slash = strings.CutSuffix(text, "/")
	}
	s.written = strings.Split(text, "/")[1:] // the first is empty, in front of the first slash
	s.segments = slices.Clone(s.written)
	for i, segment := range s.written {
		if strings.HasPrefix(segment, "{") {
			s.segments[i] = anySegment
		} else if literal, err := url.PathUnescape(segment); err == nil {
			s.segments[i] = literal
		}
	}
	return s
}

// method is that of what the operation matches: GET is HEAD as well.
func (s *shape) method() string {
	if s.Method == http.MethodHead {
		return http.MethodGet
	}
	return s.Method
}

// introspects reports whether it is a field of introspection, which * does not include.
func (s *shape) introspects() bool {
	return permission.IsKind(s.Method) && strings.HasPrefix(s.segments[0], "__")
}

// place returns which segment of the path has the value of that name, or -1 if it is a parameter.
func (s *shape) place(name string) int {
	return slices.IndexFunc(s.written, func(written string) bool {
		return len(written) == len(name)+2 && written[0] == '{' && written[1:len(written)-1] == name
	})
}

// takes reports whether the operation takes all values that are fixed: else they match nothing.
func (s *shape) takes(fixes []string) bool {
	if len(fixes) == 0 {
		return true
	}
	captures := s.Captures()
	return !slices.ContainsFunc(fixes, func(fix string) bool {
		name, _, _ := strings.Cut(fix, "=")
		return !slices.Contains(captures, name)
	})
}

// entry is an operation in a list of shapes.
type entry struct {
	shape

	by         string                 // the grant that it is of, without what that fixes
	permission *permission.Permission // that has it; nil if it is written out
	holdings   []holding              // the grants that allow it
	order      string                 // by which it is sorted
}

// holding is a grant that allows an operation, for certain values if it fixes any.
type holding struct {
	grant int // its place in the list
	fixes []string
}

// shapes are operations by their methods, sorted by their segments: so those that begin
// alike, as somebody may write hundreds of, are compared once and not each.
type shapes map[string][]*entry

func (s shapes) add(e *entry) {
	e.order = strings.Join(e.segments, "\x00") // which sorts in front of whatever a segment can have
	s[e.method()] = append(s[e.method()], e)
}

func (s shapes) sort() {
	for _, list := range s {
		slices.SortStableFunc(list, func(a, b *entry) int { return strings.Compare(a.order, b.order) })
	}
}

// steps bounds how much is compared: whoever writes grants decides how alike they are. They are
// counted, not timed, so that the same is answered everywhere.
type steps struct{ left int }

// take takes so many steps, and reports whether there were as many.
func (s *steps) take(n int) bool {
	s.left -= n
	return s.left >= 0
}

// gone reports whether more was to be compared than may be: answers are careful ones from then on.
func (s *steps) gone() bool { return s.left < 0 }

// overlapping reports whether there can be a request that the operation matches for the values,
// and one of those that count as well. In doubt there can.
func (s shapes) overlapping(op *shape, fixes []string, steps *steps, counts func(*entry, *holding) bool) bool {
	if !op.takes(fixes) {
		return false
	}
	w := overlapWalk{op: op, steps: steps, hit: func(e *entry) bool {
		return slices.ContainsFunc(e.holdings, func(h holding) bool {
			return !steps.take(1+len(h.fixes)*len(fixes)) || !apart(&e.shape, h.fixes, op, fixes) && counts(e, &h)
		})
	}}
	return w.in(s[op.method()], 0)
}

// apart reports whether both fix the same to other values: a parameter, of which a request
// has one for the same, or a segment at the same place.
func apart(a *shape, some []string, b *shape, others []string) bool {
	for _, x := range some {
		name, _, _ := strings.Cut(x, "=")
		for _, y := range others {
			if x != y && strings.HasPrefix(y, name+"=") && a.place(name) == b.place(name) {
				return true
			}
		}
	}
	return false
}

// overlapWalk looks through sorted shapes for those that some request can be of besides.
type overlapWalk struct {
	op    *shape
	steps *steps
	hit   func(*entry) bool // true to look no further
}

// in looks through shapes that overlap in all segments up to a depth, and have the same ones there.
func (w *overlapWalk) in(list []*entry, depth int) bool {
	ends := depth == len(w.op.segments)
	for len(list) > 0 {
		if !w.steps.take(1) {
			return true
		}
		e := list[0]
		switch {
		case len(e.segments) == depth:
			if (ends || e.more) && w.hit(e) {
				return true
			}
			list = list[1:]
		case ends:
			return w.op.more && slices.ContainsFunc(list, w.hit)
		case w.op.segments[depth] == anySegment:
			n := groupEnd(list, depth, w.steps)
			if w.in(list[:n], depth+1) {
				return true
			}
			list = list[n:]
		default:
			return w.in(group(list, depth, anySegment, w.steps), depth+1) ||
				w.in(group(list, depth, w.op.segments[depth], w.steps), depth+1)
		}
	}
	return false
}

// groupEnd returns how many at the beginning of a sorted list have the same segment as the first.
func groupEnd(list []*entry, depth int, steps *steps) int {
	first, last := list[0].segments[depth], list[len(list)-1].segments[depth]
	if first == last {
		return len(list)
	}
	steps.take(bits.Len(uint(len(list))))
	return sort.Search(len(list), func(i int) bool { return list[i].segments[depth] > first })
}

// group returns those of a sorted list that have a segment.
func group(list []*entry, depth int, segment string, steps *steps) []*entry {
	if len(list) > 1 && list[0].segments[depth] != list[len(list)-1].segments[depth] {
		steps.take(bits.Len(uint(len(list))))
		from := sort.Search(len(list), func(i int) bool { return list[i].segments[depth] >= segment })
		if list = list[from:]; len(list) == 0 {
			return nil
		}
	}
	if list[0].segments[depth] != segment {
		return nil
	}
	return list[:groupEnd(list, depth, steps)]
}
