package admin

import (
	"maps"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// needed is a permission that requests may need besides, or do need.
type needed struct {
	name   string
	always bool
}

// needs returns what requests that count for this need besides: by the permission of that
// name, or by any that has one of its operations.
func (a *allowance) needs(c *counted) (all []needed) {
	may := map[string]bool{c.base: true}
	for _, op := range c.operations {
		a.known.requiring.overlapping(&op.shape, c.fixes, a.steps, func(e *entry, _ *holding) bool {
			may[e.permission.Name] = true
			return false
		})
	}
	for _, name := range slices.Sorted(maps.Keys(may)) { // in one order, since steps are counted
		for _, p := range named(a.known.catalog, name) {
			if p.Name != name { // of a whole resource, which is no permission
				continue
			}
			for _, text := range p.Requires {
				if other, err := permission.RequiredName(text); err == nil {
					all = append(all, needed{other, name == c.base && other == text})
				}
			}
		}
	}
	return all
}

// required says whether what a permission requires is granted, or may be.
func (a *allowance) required(name string, c *counted) certainty {
	if a.has(name) {
		return yes
	}
	some := len(a.cover.by[name]) > 0 || len(a.cover.by[permission.Resource(name)+".*"]) > 0
	if some || slices.ContainsFunc(c.operations, func(op *entry) bool {
		return a.cover.allowed.overlapping(&op.shape, c.fixes, a.steps, func(e *entry, _ *holding) bool {
			return e.permission == nil || e.by != e.permission.Name
		})
	}) {
		return unsure
	}
	return no
}

// readsAll is reads for the operations and what they need besides.
func (a *allowance) readsAll(c *counted) certainty {
	answer := a.reads(c)
	if answer == no || !slices.ContainsFunc(c.operations, func(op *entry) bool { return !permission.Safe(op.Method) }) {
		return answer // what a safe method needs is read by the same
	}
	for _, other := range a.needs(c) {
		if !a.known.isMarked(other.name, permission.Read) {
			return unsure
		}
	}
	return answer
}

// suffices reports whether requests that lacked this, by what was allowed before, lack nothing
// else now: they may be of a permission that requires it.
func (a *allowance) suffices(name string, before *allowance) bool {
	return !slices.ContainsFunc(a.known.requiredBy[name], func(requiring string) bool {
		c := a.known.counted(requiring, a.steps)
		lacked := before.kind == token.Custom && before.grants(c) == no
		return !lacked && a.of(c) != yes
	})
}

// asRequired says whether a permission is allowed to those that require it, whatever it
// requires itself: no other operation of it counts then, only the grants that name it.
func (a *allowance) asRequired(c *counted) (answer certainty) {
	switch {
	case !a.active || len(a.known.requiredBy[c.base]) == 0:
		return no
	case a.kind == token.FullAccess:
		return yes
	case a.kind == token.ReadOnly && a.known.readsRequired(c.base):
		return unsure
	case a.kind != token.Custom:
		return no
	case a.has(c.name):
		return yes
	}
	a.cover.named(c.base, func(h holding) {
		if !a.steps.take(1+len(h.fixes)*len(c.fixes)) || !a.known.apartWhereRequired(c, h.fixes) {
			answer = unsure
		}
	})
	if a.steps.gone() {
		return unsure
	}
	return answer
}

// gainsRequired reports whether requests may be allowed now that lacked this as something
// that their own permissions require. What is lacked counts for no value.
func (a *allowance) gainsRequired(c *counted, before *allowance) bool {
	return len(c.fixes) == 0 && a.asRequired(c) != no && !before.includes(a, a.naming(c.base))
}

// naming returns the grants of a permission or of its resource, for whatever values.
func (a *allowance) naming(base string) (grants []string) {
	if a.cover == nil || a.steps.gone() {
		return a.all()
	}
	a.cover.named(base, func(h holding) { grants = append(grants, a.cover.list[h.grant]) })
	return grants
}

// readsRequired reports whether a read-only token may have a permission in something that requires it.
func (s *surface) readsRequired(name string) bool {
	return s.isMarked(name, permission.Read) || slices.ContainsFunc(s.requiredBy[name], func(requiring string) bool {
		return slices.ContainsFunc(s.by[requiring], func(op *entry) bool { return permission.Safe(op.Method) })
	})
}

func (s *surface) isMarked(name string, mark permission.Mark) bool {
	return slices.ContainsFunc(named(s.catalog, name), func(p permission.Permission) bool { return p.Mark == mark })
}

// apartWhereRequired reports whether a grant is for another value than what requests count for,
// and whatever requires that has only one.
func (s *surface) apartWhereRequired(c *counted, fixes []string) bool {
	return slices.ContainsFunc(fixes, func(fix string) bool {
		name, _, _ := strings.Cut(fix, "=")
		return slices.ContainsFunc(c.fixes, func(value string) bool {
			return value != fix && strings.HasPrefix(value, name+"=") && s.requiredAtOnePlace(c.base, name)
		})
	})
}

// requiredAtOnePlace reports whether all operations that require a permission, and have a value of
// that name, have it at the same place.
func (s *surface) requiredAtOnePlace(permission, name string) bool {
	key := permission + " " + name
	one, known := s.onePlace[key]
	if known {
		return one
	}
	places := map[int]bool{}
	for _, requiring := range s.requiredBy[permission] {
		for _, op := range s.by[requiring] {
			if slices.Contains(op.Captures(), name) {
				places[op.place(name)] = true
			}
		}
	}
	s.onePlace[key] = len(places) <= 1
	return s.onePlace[key]
}
