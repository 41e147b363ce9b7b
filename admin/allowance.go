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

	fixes []string
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
		return []someOf{{op, fixes}}
	}
	for _, p := range a.catalog.Permissions() {
		if p.Name == base || includesName(base, p.Name) {
			for _, op := range p.Operations {
				all = append(all, someOf{op, fixes})
			}
		}
	}
	return all
}

// includes reports whether whatever the other allows is allowed here as well. In doubt it is not.
func (a *allowance) includes(other *allowance) bool {
	switch {
	case !other.active || a.active && a.kind == token.FullAccess:
		return true
	case !a.active || other.kind != a.kind:
		return false
	case a.kind == token.Custom:
		return !slices.ContainsFunc(other.cover.list, func(grant string) bool { return !a.cover.has(grant) })
	}
	return a.kind == token.ReadOnly
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
	for _, other := range a.permission(name).Requires {
		answer = min(answer, a.required(other, operations))
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
		if slices.ContainsFunc(p.Operations, func(other permission.Operation) bool { return overlap(someOf{Operation: other}, op) }) {
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

// overlap reports whether there can be a request that both match. In doubt there can.
func overlap(a, b someOf) bool {
	if a.method() != b.method() || apart(a.fixes, b.fixes) {
		return false
	}
	x, moreX := segmentsOf(a.Operation)
	y, moreY := segmentsOf(b.Operation)
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] && x[i] != anySegment && y[i] != anySegment {
			return false
		}
	}
	return len(x) == len(y) || len(x) > len(y) && moreY || len(y) > len(x) && moreX
}

// method is that of what the operation matches: GET is HEAD as well.
func (s *someOf) method() string {
	if s.Method == http.MethodHead {
		return http.MethodGet
	}
	return s.Method
}

// apart reports whether both fix the same to other values.
func apart(a, b []string) bool {
	for _, x := range a {
		name, _, _ := strings.Cut(x, "=")
		for _, y := range b {
			if x != y && strings.HasPrefix(y, name+"=") {
				return true
			}
		}
	}
	return false
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
