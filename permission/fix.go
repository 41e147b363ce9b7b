package permission

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// fix holds a grant to one value of what its operations capture: app=7.
type fix struct{ capture, value string }

// maxFixes is how many values a grant can fix.
const maxFixes = 8

// cutFixes takes the fixes off the end of a grant: words with a = in them that are
// no parameters of an operation.
func cutFixes(text string) (base string, fixes []fix, err error) {
	words := strings.Split(text, " ")
	for len(words) > 1 {
		last := words[len(words)-1]
		capture, value, ok := strings.Cut(last, "=")
		if !ok || !parameterName.MatchString(capture) {
			break
		}
		decoded, bad := url.PathUnescape(value)
		switch {
		case bad != nil || value == "" || strings.ContainsFunc(decoded, unicode.IsControl):
			return "", nil, fmt.Errorf("%q fixes no value; write for example app=7, with %%20 for a blank", last)
		case strings.ContainsAny(value, ",*"): // more likely meant as several grants, or as all values
			return "", nil, fmt.Errorf("%q fixes one value; write a grant for each, or none for all values, and %%2C or %%2A for , or * in a value", last)
		case slices.ContainsFunc(fixes, func(f fix) bool { return f.capture == capture }):
			return "", nil, fmt.Errorf("%q fixes %s twice; write a grant for each value", text, capture)
		}
		fixes = append(fixes, fix{capture, decoded})
		words = words[:len(words)-1]
	}
	if len(fixes) > maxFixes {
		return "", nil, fmt.Errorf("a grant can fix %d values, not more", maxFixes)
	}
	slices.Reverse(fixes)
	return strings.Join(words, " "), fixes, nil
}

// CutFixes returns a grant without the values that it fixes, and these, as they are written.
func CutFixes(text string) (base string, fixes []string) {
	base, parsed, err := cutFixes(text)
	if err != nil {
		return text, nil
	}
	for _, f := range parsed {
		fixes = append(fixes, f.capture+"="+f.value)
	}
	return base, fixes
}

// fixed has the grants that fix values, ready for matching: one value is found
// by its key, however many grants there are; grants that fix several at once are tried.
type fixed struct {
	catalog *Catalog
	one     map[fixKey]string        // the text of the grant
	several map[int32][]severalFixed // by the number of the permission
	of      map[int32]bool           // the permissions that have any
}

type severalFixed struct {
	text  string
	fixes []fix
}

type fixKey struct {
	permission int32
	fix        fix
}

func (f *fixed) add(permission int32, fixes []fix, text string) {
	f.of[permission] = true
	if len(fixes) == 1 {
		f.one[fixKey{permission, fixes[0]}] = text
		return
	}
	f.several[permission] = append(f.several[permission], severalFixed{text, fixes})
}

// allows returns the grant that allows what was matched, with the values that it
// has, or "" if none does.
func (f *fixed) allows(m Match) string {
	for _, n := range m.numbers {
		if f.of[n] {
			if text := f.allowsAs(m, n); text != "" {
				return text
			}
		}
	}
	return ""
}

func (f *fixed) allowsAs(m Match, n int32) string {
	for _, op := range f.catalog.operationsOf(m, n) {
		if !op.does(m) {
			continue
		}
		for _, name := range op.Captures() {
			if value, ok := op.captured(m, name); ok {
				if text := f.one[fixKey{n, fix{name, value}}]; text != "" {
					return text
				}
			}
		}
		for _, several := range f.several[n] {
			if op.holds(m, several.fixes) {
				return several.text
			}
		}
	}
	return ""
}

// holds reports whether a match of the operation has all the values.
func (o Operation) holds(m Match, fixes []fix) bool {
	for _, want := range fixes {
		if value, ok := o.captured(m, want.capture); !ok || value != want.value {
			return false
		}
	}
	return true
}

// writtenOut are the operations of grants that have parameters or fix values.
type writtenOut struct {
	paths *automaton // by which their numbers are found
	list  []writtenGrant
}

type writtenGrant struct {
	text      string
	operation Operation
	fixes     []fix
}

// allows returns the grant that allows what was matched, or "" if none does.
func (w *writtenOut) allows(m Match) string {
	for _, n := range w.paths.find(m.key(), m.Path) {
		if g := &w.list[n]; g.operation.does(m) && g.operation.holds(m, g.fixes) {
			return g.text
		}
	}
	return ""
}
