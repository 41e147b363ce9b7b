package admin

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// certainty says whether requests are allowed.
type certainty int

const (
	no certainty = iota
	unsure
	yes
)

// allowance is what a token allows.
type allowance struct {
	active  bool
	kind    token.Type
	catalog *permission.Catalog
	cover   *cover
	some    []someOf // that grants allow at least some of
}

// someOf is an operation, for certain values if it fixes any.
type someOf struct {
	permission.Operation

	fixes    []string
	nothing  bool // it fixes a value that the operation does not take, so it matches nothing
	segments []string
	more     bool // segments may follow
}

func newSomeOf(op permission.Operation, fixes []string) someOf {
	s := someOf{Operation: op, fixes: fixes}
	s.segments, s.more = segmentsOf(op)
	s.nothing = slices.ContainsFunc(fixes, func(fix string) bool {
		name, _, _ := strings.Cut(fix, "=")
		return !slices.Contains(op.Captures(), name)
	})
	return s
}

// newAllowance returns what a token allows now; for nil that is nothing.
func newAllowance(catalog *permission.Catalog, t *token.Token, now time.Time) *allowance {
	if t == nil || t.Status(now) != token.Active {
		return &allowance{}
	}
	a := &allowance{active: true, kind: t.Type, catalog: catalog}
	if t.Type != token.Custom {
		return a
	}
	a.cover = newCover(catalog, t.Grants)
	for _, grant := range t.Grants {
		a.some = append(a.some, a.allOf(grant)...)
	}
	return a
}

// allOf returns the operations of a grant, or of what requests count for; none for what
// the catalog doesn't have.
func (a *allowance) allOf(grant string) (all []someOf) {
	base, fixes := permission.CutFixes(grant)
	if op, err := permission.ParseOperation(base); err == nil {
		return []someOf{newSomeOf(op, fixes)}
	}
	for _, p := range a.catalog.Permissions() {
		if p.Name == base || includesName(base, p.Name) {
			for _, op := range p.Operations {
				all = append(all, newSomeOf(op, fixes))
			}
		}
	}
	return all
}

// includes reports whether whatever the other allows is allowed here as well, as far as some
// of its grants go. In doubt it is not.
func (a *allowance) includes(other *allowance, grants []string) bool {
	switch {
	case !other.active || a.active && a.kind == token.FullAccess:
		return true
	case !a.active || other.kind != a.kind:
		return false
	case a.kind == token.Custom:
		return !slices.ContainsFunc(grants, func(grant string) bool { return !a.cover.has(grant) })
	}
	return a.kind == token.ReadOnly
}

// all returns the grants, of a custom token.
func (a *allowance) all() []string {
	if a.cover == nil {
		return nil
	}
	return a.cover.list
}

// concerning returns the grants that may have a say in requests that count for this. refused
// says that they were refused: then they count for the nearest permission.
func (a *allowance) concerning(name string, refused bool) (grants []string) {
	if a.cover == nil {
		return nil
	}
	operations := a.allOf(name)
	if len(operations) == 0 { // nobody knows what it was
		return a.cover.list
	}
	base, _ := permission.CutFixes(name)
	names := []string{base}
	for _, other := range a.needs(name, operations) {
		names = append(names, other.name)
	}
	if refused {
		operations = slices.DeleteFunc(operations, func(op someOf) bool { return !a.nearest(name, op) })
	}
	for _, grant := range a.cover.list {
		wider, _ := permission.CutFixes(grant)
		named := func(name string) bool { return wider == name || includesName(wider, name) || includesName(name, wider) }
		if slices.ContainsFunc(names, named) || overlaps(a.allOf(grant), operations) {
			grants = append(grants, grant)
		}
	}
	return grants
}

// nearest reports whether requests of the operation may count for a permission when they
// are refused: they do for the first of those that have it.
func (a *allowance) nearest(name string, op someOf) bool {
	var values []permission.Value
	for _, p := range op.Parameters {
		values = append(values, permission.Value{Place: p.Place, Name: p.Name})
	}
	return slices.ContainsFunc(paths(op.Operation, a.cover.deepest+1), func(path string) bool {
		return a.catalog.Name(a.catalog.With(a.catalog.Find(op.Method, path), values)) == name
	})
}

// needed is a permission that requests may need besides, or do need.
type needed struct {
	name   string
	always bool
}

// needs returns what requests of the operations, which count for a name, need besides: by
// the permission of that name, or by any that has one of them.
func (a *allowance) needs(name string, operations []someOf) (all []needed) {
	base, _ := permission.CutFixes(name)
	for _, p := range a.catalog.Permissions() {
		if len(p.Requires) == 0 || p.Name != base && !overlaps(a.allOf(p.Name), operations) {
			continue
		}
		for _, text := range p.Requires {
			if other, err := permission.RequiredName(text); err == nil {
				all = append(all, needed{other, p.Name == base && other == text})
			}
		}
	}
	return all
}

// suffices reports whether requests that lacked this, by what was allowed before, lack nothing
// else now: they may be of a permission that requires it.
func (a *allowance) suffices(name string, before *allowance) bool {
	return !slices.ContainsFunc(a.catalog.Permissions(), func(p permission.Permission) bool {
		requires := slices.ContainsFunc(p.Requires, func(text string) bool {
			other, err := permission.RequiredName(text)
			return err == nil && other == name
		})
		return requires && (before.kind != token.Custom || before.grants(p.Name, before.allOf(p.Name)) != no) && a.of(p.Name) != yes
	})
}

// of says whether requests are allowed that count for this: a permission, a grant written
// out, or nothing that has a name.
func (a *allowance) of(name string) certainty {
	switch {
	case !a.active:
		return no
	case a.kind == token.FullAccess:
		return yes
	}
	operations := a.allOf(name)
	if len(operations) == 0 {
		return unsure
	}
	if a.kind == token.ReadOnly {
		return a.reads(name, operations)
	}
	if a.kind != token.Custom {
		return no // a type that this version does not know
	}
	answer := a.grants(name, operations)
	for _, other := range a.needs(name, operations) {
		granted := a.required(other.name, operations)
		if !other.always {
			granted = max(granted, unsure)
		}
		answer = min(answer, granted)
	}
	return answer
}

// permission returns the permission that requests count for, or an empty one.
func (a *allowance) permission(name string) permission.Permission {
	base, _ := permission.CutFixes(name)
	for _, p := range a.catalog.Permissions() {
		if p.Name == base {
			return p
		}
	}
	return permission.Permission{}
}

// reads says whether a read-only token may run the operations. Some that it can't tell
// apart may be of another permission as well, whose mark says otherwise.
func (a *allowance) reads(name string, operations []someOf) certainty {
	mark := a.permission(name).Mark
	n := 0
	for _, op := range operations {
		reads := mark == permission.Read || a.catalog.Reads(a.catalog.Find(op.Method, paths(op.Operation, 0)[0]))
		switch {
		case mark == permission.Write:
		case reads && a.marked(permission.Write, op), !reads && a.marked(permission.Read, op):
			return unsure
		case reads:
			n++
		}
	}
	return outOf(n, len(operations))
}

func (a *allowance) marked(mark permission.Mark, op someOf) bool {
	for _, p := range a.catalog.Permissions() {
		if p.Mark != mark {
			continue
		}
		if slices.ContainsFunc(p.Operations, func(other permission.Operation) bool { return overlap(newSomeOf(other, nil), op) }) {
			return true
		}
	}
	return false
}

func outOf(n, all int) certainty {
	switch n {
	case 0:
		return no
	case all:
		return yes
	}
	return unsure
}

// grants says whether a custom token may run all of the operations, or some.
func (a *allowance) grants(name string, operations []someOf) certainty {
	if a.cover.has(name) {
		return yes
	}
	all, none := true, true
	for _, op := range operations {
		answer := a.one(op)
		all, none = all && answer == yes, none && answer == no
	}
	switch {
	case all:
		return yes
	case none:
		return no
	}
	return unsure
}

func (a *allowance) one(op someOf) certainty {
	if len(op.Parameters) == 0 && a.cover.grants != nil && a.cover.matches(op.Operation) {
		return yes
	}
	if slices.ContainsFunc(a.some, func(other someOf) bool { return overlap(other, op) }) {
		return unsure
	}
	return no
}

// required says whether what a permission requires is granted, or may be.
func (a *allowance) required(name string, operations []someOf) certainty {
	if a.cover.has(name) {
		return yes
	}
	for _, grant := range a.cover.list {
		base, _ := permission.CutFixes(grant)
		if base == name || includesName(base, name) {
			return unsure
		}
		for _, written := range a.allOf(grant) {
			if permission.CheckName(base) != nil && slices.ContainsFunc(operations, func(op someOf) bool { return overlap(op, written) }) {
				return unsure
			}
		}
	}
	return no
}

// overlaps reports whether any of some operations overlaps any of others.
func overlaps(some, others []someOf) bool {
	return slices.ContainsFunc(some, func(a someOf) bool {
		return slices.ContainsFunc(others, func(b someOf) bool { return overlap(a, b) })
	})
}

// overlap reports whether there can be a request that both match. In doubt there can.
func overlap(a, b someOf) bool {
	if a.method() != b.method() || a.nothing || b.nothing || apart(a, b) {
		return false
	}
	x, y := a.segments, b.segments
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] && x[i] != anySegment && y[i] != anySegment {
			return false
		}
	}
	return len(x) == len(y) || len(x) > len(y) && b.more || len(y) > len(x) && a.more
}

// method is that of what the operation matches: GET is HEAD as well.
func (s *someOf) method() string {
	if s.Method == http.MethodHead {
		return http.MethodGet
	}
	return s.Method
}

// apart reports whether both fix the same to other values: a parameter, of which a request
// has one for the same, or a segment at the same place.
func apart(a, b someOf) bool {
	for _, x := range a.fixes {
		name, _, _ := strings.Cut(x, "=")
		for _, y := range b.fixes {
			if x != y && strings.HasPrefix(y, name+"=") && a.segment(name) == b.segment(name) {
				return true
			}
		}
	}
	return false
}

// segment returns which segment of the path has the value of that name, or -1 if it is a parameter.
func (s *someOf) segment(name string) int {
	return slices.Index(strings.Split(s.Pattern.String(), "/"), "{"+name+"}")
}

// segmentsOf returns the segments of what the operation matches, and whether more may follow.
func segmentsOf(op permission.Operation) (segments []string, more bool) {
	if permission.IsKind(op.Method) {
		text := op.Pattern.String()
		if text == "*" {
			text = anySegment
		}
		return []string{text}, false
	}
	path := paths(op, 0)[0]
	if strings.HasSuffix(op.Pattern.String(), "/*") {
		path = strings.TrimSuffix(path, "/"+anySegment)
		more = true
	}
	return strings.Split(strings.TrimSuffix(path, "/"), "/"), more
}
