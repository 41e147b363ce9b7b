package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

// cover tells which grants a list of grants includes. In doubt it includes none.
type cover struct {
	list    []string
	by      map[string][]holding // by the grants without what they fix
	allowed shapes
	err     error // of one that can't be read: then only what is written in the list is included
}

// coverSteps is how much is compared to tell of all the grants of a token whether they are
// included. 500 grants of ordinary length need far less.
const coverSteps = 2_000_000

func newCover(catalog *permission.Catalog, list []string) *cover {
	c := &cover{list: list, by: map[string][]holding{}, allowed: shapes{}}
	var entries []*entry
	for i, grant := range list {
		base, fixes := permission.CutFixes(grant)
		op, err := permission.WrittenOut(grant)
		switch {
		case err != nil:
			c.err = cmp.Or(c.err, err)
		case c.by[base] != nil:
		case op.Method != "":
			entries = append(entries, writtenOut(op, base))
		default:
			entries = append(entries, namedOperations(catalog, base)...)
		}
		c.by[base] = append(c.by[base], holding{i, fixes})
	}
	for _, e := range entries {
		e.holdings = slices.DeleteFunc(slices.Clone(c.by[e.by]), func(h holding) bool { return !e.takes(h.fixes) })
		c.allowed.add(e)
	}
	c.allowed.sort()
	return c
}

// operationsOf returns the operations of a grant that fixes nothing, or of what requests
// count for; none for what the catalog doesn't have.
func operationsOf(catalog *permission.Catalog, base string) (all []*entry) {
	if op, err := permission.ParseOperation(base); err == nil {
		return []*entry{writtenOut(op, base)}
	}
	return namedOperations(catalog, base)
}

func writtenOut(op permission.Operation, base string) *entry {
	return &entry{shape: newShape(op), by: base}
}

func namedOperations(catalog *permission.Catalog, base string) (all []*entry) {
	list := named(catalog, base)
	for i := range list {
		for _, op := range list[i].Operations {
			all = append(all, &entry{shape: newShape(op), permission: &list[i], by: base})
		}
	}
	return all
}

// named returns the permissions of a name, or of a whole resource.
func named(catalog *permission.Catalog, base string) []permission.Permission {
	all := catalog.Permissions() // sorted by name
	resource, whole := strings.CutSuffix(base, ".*")
	first := base
	if whole {
		first = resource + "."
	}
	from, _ := slices.BinarySearchFunc(all, first, func(p permission.Permission, name string) int { return strings.Compare(p.Name, name) })
	to := from
	for to < len(all) && (all[to].Name == base || whole && permission.Resource(all[to].Name) == resource) {
		to++
	}
	return all[from:to]
}

// named tells of the grants of a permission, of its resource, or of one of a whole resource.
func (c *cover) named(base string, tell func(holding)) {
	for _, h := range c.by[base] {
		tell(h)
	}
	if permission.CheckName(base) == nil {
		base = permission.Resource(base) + ".*"
		for _, h := range c.by[base] {
			tell(h)
		}
		return
	}
	for name, holdings := range c.by {
		if includesName(base, name) {
			for _, h := range holdings {
				tell(h)
			}
		}
	}
}

// has reports whether whoever has the list has the grant as well. A permission
// is only included by its name or by its whole resource, since what it stands
// for can change; an operation also by others that match everything it matches.
//
// A grant that fixes values is included by the same one that fixes none, or only
// some of them: record.view covers record.view app=7, and not the other way round.
func (c *cover) has(grant string, steps *steps) bool {
	base, fixes := permission.CutFixes(grant)
	if c.fixesSome(base, fixes, steps) {
		return true
	}
	if permission.CheckName(base) == nil {
		return c.fixesSome(permission.Resource(base)+".*", fixes, steps)
	}
	if op, err := permission.ParseOperation(base); err == nil {
		return c.matches(new(newShape(op)), steps)
	}
	return false
}

// beyond tells of the grants that are not included. It returns false if there are so many that
// some could not be compared: those are not told of, and may be included or not.
func (c *cover) beyond(grants []string, tell func(grant string)) bool {
	steps := &steps{left: coverSteps}
	for _, grant := range grants {
		switch included := c.has(grant, steps); {
		case included:
		case steps.gone():
			return false
		default:
			tell(grant)
		}
	}
	return true
}

// fixesSome reports whether the list has a grant, for some of the values or for all.
func (c *cover) fixesSome(base string, fixes []string, steps *steps) bool {
	return slices.ContainsFunc(c.by[base], func(wider holding) bool {
		return steps.take(1+len(wider.fixes)*len(fixes)) && includesAll(fixes, wider.fixes)
	})
}

func includesAll(list, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(list, s) })
}

// includesName reports whether a grant of a whole resource includes a permission.
func includesName(wider, name string) bool {
	return strings.HasSuffix(wider, ".*") && permission.CheckName(name) == nil && wider == permission.Resource(name)+".*"
}

// matches reports whether the list allows whatever the operation matches, also of its
// requests that have none of its parameters.
func (c *cover) matches(op *shape, steps *steps) bool {
	if c.err != nil {
		return false
	}
	w := coverWalk{op: op, steps: steps, ends: map[end]bool{}}
	w.in(c.allowed[op.method()], 0)
	return w.all || op.more && w.together()
}

// coverWalk looks through sorted shapes for those that match what an operation matches.
// What it finds before the steps are gone is right, so then it finds too little.
type coverWalk struct {
	op    *shape
	steps *steps
	all   bool         // one matches everything
	rest  int          // segments of the shortest that matches everything with more than that; 0 if none does
	ends  map[end]bool // where paths end that one matches
}

// end is where a path ends, behind everything that the operation spells out.
type end struct {
	segments int
	slash    bool
}

// in looks through shapes that match all segments up to a depth, and have the same ones there.
func (w *coverWalk) in(list []*entry, depth int) {
	for len(list) > 0 && !w.all && w.steps.take(1) {
		want := anySegment // behind the operation any segment can follow
		switch {
		case len(list[0].segments) == depth:
			w.found(list[0])
			list = list[1:]
			continue
		case depth < len(w.op.segments):
			want = w.op.segments[depth]
		case !w.op.more:
			return
		}
		if want != anySegment {
			w.in(group(list, depth, want, w.steps), depth+1)
		}
		list = group(list, depth, anySegment, w.steps)
		depth++
	}
}

// found notes what a shape matches whose segments all match.
func (w *coverWalk) found(e *entry) {
	its, all := len(e.segments), len(w.op.segments)
	switch {
	case !w.allows(e):
	case !w.op.more:
		// Only /* has the path above it as well.
		w.all = e.more && (its < all || all == 0) || !e.more && its == all && e.slash == w.op.slash
	case !e.more:
		w.ends[end{its, e.slash}] = true
	case its <= all:
		w.all = true
	case w.rest == 0 || its < w.rest:
		w.rest = its
	}
}

// allows reports whether a shape matches requests of the operation by its method, and by a grant.
func (w *coverWalk) allows(e *entry) bool {
	if e.Method == http.MethodHead && w.op.Method != http.MethodHead || len(e.Parameters) > 0 || e.introspects() != w.op.introspects() {
		return false
	}
	return slices.ContainsFunc(e.holdings, func(h holding) bool { return w.holds(e, h.fixes) })
}

// holds reports whether everything that the operation matches has the values.
func (w *coverWalk) holds(e *entry, fixes []string) bool {
	return w.steps.take(1+len(fixes)) && !slices.ContainsFunc(fixes, func(fix string) bool {
		name, value, _ := strings.Cut(fix, "=")
		at := e.place(name)
		return at < 0 || at >= len(w.op.segments) || w.op.segments[at] != value
	})
}

// together reports whether several match everything that the operation does: one all that is
// long, and for each shorter path there is another.
func (w *coverWalk) together() bool {
	if w.rest == 0 || len(w.op.segments) == 0 && !w.ends[end{0, true}] {
		return false
	}
	for n := len(w.op.segments) + 1; n <= w.rest; n++ {
		if !w.ends[end{n, false}] || !w.ends[end{n, true}] {
			return false
		}
	}
	return true
}
