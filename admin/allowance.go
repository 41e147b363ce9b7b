package admin

import (
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

// allowance is what a token allows. Once its steps are gone, nothing is sure.
type allowance struct {
	active   bool
	kind     token.Type
	known    *surface
	steps    *steps
	cover    *cover
	answers  map[string]certainty // of of, once it was asked
	included map[string]bool      // of the cover, once it was asked
}

// newAllowance returns what a token allows now; for nil that is nothing.
func newAllowance(known *surface, t *token.Token, now time.Time, steps *steps) *allowance {
	a := &allowance{known: known, steps: steps, answers: map[string]certainty{}, included: map[string]bool{}}
	if t == nil || t.Status(now) != token.Active {
		return a
	}
	if a.active, a.kind = true, t.Type; t.Type != token.Custom {
		return a
	}
	cost := 0
	for _, grant := range t.Grants {
		cost += known.reading(grant)
	}
	if a.cover = (&cover{list: t.Grants}); steps.take(cost) {
		a.cover = newCover(known.catalog, t.Grants)
	}
	return a
}

// has is that of the cover.
func (a *allowance) has(grant string) bool {
	known, asked := a.included[grant]
	if !asked && a.steps.take(a.known.reading(grant)) {
		known = a.cover.has(grant, a.steps)
		a.included[grant] = known
	}
	return known
}

// counted is what requests count for: some operations, for certain values if it fixes any.
type counted struct {
	name       string
	base       string // without what it fixes
	fixes      []string
	operations []*entry // none for what the catalog doesn't have
}

// counted has no operations if no steps are left to read what it is.
func (s *surface) counted(name string, steps *steps) *counted {
	c := &counted{name: name}
	if c.base, c.fixes = permission.CutFixes(name); steps.take(s.reading(name)) {
		c.operations = s.operations(c.base)
	}
	return c
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
		return !slices.ContainsFunc(grants, func(grant string) bool { return !a.has(grant) })
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
func (a *allowance) concerning(c *counted, refused bool) (grants []string) {
	if a.cover == nil {
		return nil
	}
	a.steps.take(len(a.cover.list))
	if len(c.operations) == 0 { // nobody knows what it was
		return a.cover.list
	}
	concerned := make([]bool, len(a.cover.list))
	note := func(h holding) { concerned[h.grant] = true }
	a.cover.named(c.base, note)
	for _, other := range a.needs(c) {
		a.cover.named(other.name, note)
	}
	for _, op := range c.operations {
		if !refused || a.nearest(c.name, op) {
			a.cover.allowed.overlapping(&op.shape, c.fixes, a.steps, func(_ *entry, h *holding) bool { note(*h); return false })
		}
	}
	if a.steps.gone() {
		return a.cover.list
	}
	for i, grant := range a.cover.list {
		if concerned[i] {
			grants = append(grants, grant)
		}
	}
	return grants
}

// nearest reports whether requests of the operation may count for a permission when they
// are refused: they do for the first of those that have it.
func (a *allowance) nearest(name string, op *entry) bool {
	if op.permission == nil || !a.steps.take(2*(a.known.deepest+2)*(len(op.segments)+1)) {
		return op.permission != nil
	}
	var values []permission.Value
	for _, p := range op.Parameters {
		values = append(values, permission.Value{Place: p.Place, Name: p.Name})
	}
	catalog := a.known.catalog
	return slices.ContainsFunc(paths(op.Operation, a.known.deepest+1), func(path string) bool {
		return catalog.Name(catalog.With(catalog.Find(op.Method, path), values)) == name
	})
}

// of says whether requests are allowed that count for this: a permission, a grant written
// out, or nothing that has a name.
func (a *allowance) of(c *counted) certainty {
	switch {
	case !a.active:
		return no
	case a.kind == token.FullAccess:
		return yes
	}
	answer, asked := a.answers[c.name]
	if asked {
		return answer
	}
	if !a.steps.gone() {
		answer = a.decide(c)
	}
	if a.steps.gone() {
		answer = unsure
	}
	a.answers[c.name] = answer
	return answer
}

func (a *allowance) decide(c *counted) certainty {
	switch {
	case len(c.operations) == 0:
		return unsure
	case a.kind == token.ReadOnly:
		return a.readsAll(c)
	case a.kind != token.Custom:
		return no // a type that this version does not know
	}
	answer := a.grants(c)
	for _, other := range a.needs(c) {
		granted := a.required(other.name, c)
		if !other.always {
			granted = max(granted, unsure)
		}
		answer = min(answer, granted)
	}
	return answer
}

// reads says whether a read-only token may run the operations. Some that it can't tell
// apart may be of another permission as well, whose mark says otherwise.
func (a *allowance) reads(c *counted) certainty {
	var mark permission.Mark
	for _, op := range c.operations {
		if op.permission != nil && op.permission.Name == c.base {
			mark = op.permission.Mark
		}
	}
	n := 0
	for _, op := range c.operations {
		reads := mark == permission.Read || a.known.catalog.Reads(a.known.catalog.Find(op.Method, paths(op.Operation, 0)[0]))
		switch {
		case mark == permission.Write:
		case reads && a.marked(permission.Write, op, c.fixes), !reads && a.marked(permission.Read, op, c.fixes):
			return unsure
		case reads:
			n++
		}
	}
	return outOf(n, len(c.operations))
}

func (a *allowance) marked(mark permission.Mark, op *entry, fixes []string) bool {
	return a.known.marked.overlapping(&op.shape, fixes, a.steps, func(e *entry, _ *holding) bool { return e.permission.Mark == mark })
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
func (a *allowance) grants(c *counted) certainty {
	if a.has(c.name) {
		return yes
	}
	all, none := true, true
	for _, op := range c.operations {
		answer := a.one(op, c.fixes)
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

func (a *allowance) one(op *entry, fixes []string) certainty {
	if len(op.Parameters) == 0 && a.cover.matches(&op.shape, a.steps) {
		return yes
	}
	if a.cover.allowed.overlapping(&op.shape, fixes, a.steps, func(*entry, *holding) bool { return true }) {
		return unsure
	}
	return no
}

// surface is what an API protects, ready to be compared with what tokens are granted.
type surface struct {
	catalog    *permission.Catalog
	by         map[string][]*entry // by the permission
	requiring  shapes              // of permissions that require others
	marked     shapes              // of those that have a mark
	requiredBy map[string][]string // permissions that require one
	deepest    int                 // segments of the longest pattern
	onePlace   map[string]bool     // of requiredAtOnePlace, once it was asked
}

func newSurface(catalog *permission.Catalog) *surface {
	s := &surface{
		catalog: catalog, by: map[string][]*entry{}, requiring: shapes{}, marked: shapes{},
		requiredBy: map[string][]string{}, onePlace: map[string]bool{},
	}
	for _, p := range catalog.Permissions() {
		for _, text := range p.Requires {
			if other, err := permission.RequiredName(text); err == nil && !slices.Contains(s.requiredBy[other], p.Name) {
				s.requiredBy[other] = append(s.requiredBy[other], p.Name)
			}
		}
		s.by[p.Name] = operationsOf(catalog, p.Name)
		for _, e := range s.by[p.Name] {
			e.holdings = make([]holding, 1)
			s.deepest = max(s.deepest, len(e.segments)+1)
			if len(p.Requires) > 0 {
				s.requiring.add(e)
			}
			if p.Mark != permission.Unmarked {
				s.marked.add(e)
			}
		}
	}
	s.requiring.sort()
	s.marked.sort()
	return s
}

// reading returns how many steps it takes to read a grant, or what requests count for.
func (s *surface) reading(text string) int {
	base, _, _ := strings.Cut(text, " ")
	if permission.CheckName(base) != nil && !strings.HasSuffix(base, ".*") {
		return 4 * len(text) // an operation is compared with few others as fast as a part of it is read
	}
	n := 8
	for _, p := range named(s.catalog, base) {
		n += 8 * len(p.Operations)
	}
	return n
}

// operations is operationsOf for the catalog.
func (s *surface) operations(base string) (all []*entry) {
	list := named(s.catalog, base)
	if len(list) == 0 {
		return operationsOf(s.catalog, base)
	}
	for i := range list {
		all = append(all, s.by[list[i].Name]...)
	}
	return all
}

// paths returns examples of what the operation matches that stand for all of it:
// whatever patterns of at most so many segments match these match everything.
func paths(op permission.Operation, deepest int) []string {
	s := newShape(op)
	path := "/" + strings.Join(s.segments, "/")
	if s.slash && len(s.segments) > 0 {
		path += "/"
	}
	if !s.more {
		return []string{path}
	}
	var all []string
	if len(s.segments) == 0 {
		all, path = append(all, path), ""
	}
	for range max(1, deepest) {
		path += "/" + anySegment
		all = append(all, path, path+"/")
	}
	return all
}
