package permission

import (
	"fmt"
	"slices"
	"strings"
)

// Grants is what one custom token may do, compiled for one catalog. It is
// immutable and safe for concurrent use.
type Grants struct {
	catalog     *Catalog
	permissions []uint64    // a bit for each permission of the catalog
	operations  *automaton  // operations written out; nil if there are none
	texts       []string    // the grants, by the numbers of their operations
	fixed       *fixed      // permissions for certain values; nil if there are none
	written     *writtenOut // operations written out that have parameters or fix values; nil if there are none
	fixes       []fix       // all that are in the grants
	size        int
}

// grant is one grant, parsed: exactly one of the first three fields is set.
type grant struct {
	permission string
	resource   string // of article.*
	operation  Operation
	fixes      []fix
}

func parseGrant(s string) (grant, error) {
	base, fixes, err := cutFixes(s)
	if err != nil {
		return grant{}, err
	}
	g, err := parseBase(base)
	if err != nil {
		return grant{}, err
	}
	g.fixes = fixes
	for _, f := range fixes {
		if g.operation.Method != "" && !slices.Contains(g.operation.Captures(), f.capture) {
			return grant{}, fmt.Errorf("%q fixes %s, which the operation does not have in braces", s, f.capture)
		}
	}
	return g, nil
}

// WrittenOut returns the operation that a grant writes out; it has no method if the grant names
// permissions. It returns an error for a grant that can't be read, as Compile does.
func WrittenOut(text string) (Operation, error) {
	g, err := parseGrant(text)
	return g.operation, err
}

func parseBase(s string) (grant, error) {
	if first, _, blank := strings.Cut(s, " "); blank && !strings.Contains(first, ".") {
		op, err := ParseOperation(s)
		return grant{operation: op}, err
	}
	if resource, ok := strings.CutSuffix(s, ".*"); ok && CheckName(resource+".x") == nil && !strings.Contains(resource, ".") {
		return grant{resource: resource}, nil
	}
	if CheckName(s) != nil {
		return grant{}, fmt.Errorf("%q is not a grant; write a permission (article.find), a whole resource (article.*) or an operation (GET /api/articles/{id})", s)
	}
	return grant{permission: s}, nil
}

// Compile makes the grants of a custom token ready for matching. Grants of
// permissions that are gone match nothing. It returns an error for a grant that
// can't be read: such a token must not be used at all.
func (c *Catalog) Compile(grants []string) (*Grants, error) { return c.compile(grants, 0) }

// compile is Compile with a bound of the effort that is made for it, or 0.
func (c *Catalog) compile(grants []string, most int) (*Grants, error) {
	compiled := &Grants{catalog: c, texts: slices.Clone(grants), permissions: make([]uint64, (len(c.permissions)+63)/64)}
	plain, written := newBuilder(), newBuilder()
	plain.most, written.most = most, most
	var list []writtenGrant
	for i, text := range grants {
		g, err := parseGrant(text)
		compiled.fixes = append(compiled.fixes, g.fixes...)
		switch {
		case err != nil:
			return nil, err
		case g.operation.Method == "":
			compiled.add(g, text)
		case len(g.operation.Parameters)+len(g.fixes) > 0:
			list = append(list, writtenGrant{text, g.operation, g.fixes})
		default:
			plain.add(g.operation, int32(i))
		}
	}
	var err error
	if compiled.operations, err = plain.buildAny(); err != nil {
		return nil, err
	}
	for i, g := range list {
		written.add(g.operation, int32(i))
	}
	if list != nil {
		compiled.written = &writtenOut{list: list}
		compiled.written.paths, err = written.buildAny()
	}
	compiled.size = compiled.measure()
	return compiled, err
}

// add adds a grant of permissions.
func (g *Grants) add(granted grant, text string) {
	for _, n := range g.catalog.named(granted) {
		if len(granted.fixes) == 0 {
			g.permissions[n/64] |= 1 << (n % 64)
			continue
		}
		if g.fixed == nil {
			g.fixed = &fixed{catalog: g.catalog, one: map[fixKey]string{}, several: map[int32][]severalFixed{}, of: map[int32]bool{}}
		}
		g.fixed.add(n, granted.fixes, text)
	}
}

// PathsDecide reports whether no grant writes out parameters or fixes those of an
// operation that it writes out: Parameters is empty for every match.
func (g *Grants) PathsDecide() bool { return g.written == nil }

// Parameters returns those that the grants write out for what was matched.
func (g *Grants) Parameters(m Match) []Parameter {
	if g.written == nil {
		return nil
	}
	var all []Parameter
	for _, n := range g.written.paths.find(m.key(), m.Path) {
		all = append(all, g.written.list[n].operation.Parameters...)
	}
	return all
}

// Share reports whether grants of both fix a capture to the same value.
func (g *Grants) Share(other *Grants, capture string) bool {
	return slices.ContainsFunc(g.fixes, func(f fix) bool {
		return f.capture == capture && slices.Contains(other.fixes, f)
	})
}

// Allow reports whether any of the grants allows what was matched.
func (g *Grants) Allow(m Match) bool {
	_, ok := g.By(m)
	return ok
}

// By says what allows what was matched: the most specific permission that was
// granted, or if there is none, the grant written out. ok is false if nothing does.
func (g *Grants) By(m Match) (name string, ok bool) {
	for _, n := range m.numbers {
		if g.permissions[n/64]&(1<<(n%64)) != 0 {
			return g.catalog.permissions[n].Name, true
		}
	}
	// What is required is a permission, which no operation stands for that is written out:
	// the one that requires it would always do.
	required := m.IsRequired()
	if g.operations != nil && !required {
		if numbers := g.operations.find(m.key(), m.Path); numbers != nil {
			return g.texts[numbers[0]], true
		}
	}
	if g.fixed != nil {
		if text := g.fixed.allows(m); text != "" {
			return text, true
		}
	}
	if g.written != nil && !required {
		if text := g.written.allows(m); text != "" {
			return text, true
		}
	}
	return "", false
}

// named returns the numbers of the permissions that the grant names.
func (c *Catalog) named(g grant) (numbers []int32) {
	if g.permission != "" {
		if n, ok := c.numbers[g.permission]; ok {
			return []int32{n}
		}
		return nil
	}
	for i, p := range c.permissions {
		if Resource(p.Name) == g.resource {
			numbers = append(numbers, int32(i))
		}
	}
	return numbers
}

// CheckGrant returns an error if the grant can't be read or names a permission
// or resource that the catalog does not have. It suggests the nearest name.
func (c *Catalog) CheckGrant(text string) error {
	g, err := parseGrant(text)
	if err != nil || g.operation.Method != "" {
		return err
	}
	if numbers := c.named(g); len(numbers) > 0 {
		return c.checkFixes(numbers, g.fixes)
	}
	text, _, _ = cutFixes(text)
	var names, alike []string
	for _, p := range c.permissions {
		names = append(names, p.Name)
		alike = append(alike, p.Name, Resource(p.Name)+".*")
	}
	switch near := nearest(text, alike); {
	case near != "":
		return fmt.Errorf("there is no permission %q; did you mean %s?", text, near)
	case len(names) == 0:
		return fmt.Errorf("there is no permission %q; this API names none, so write the operation out, such as GET /api/articles/{id}", text)
	case len(names) > 12:
		names = append(names[:12], "…")
	}
	return fmt.Errorf("there is no permission %q; there are %s", text, strings.Join(names, ", "))
}

// checkFixes refuses values of what none of the permissions' operations captures.
func (c *Catalog) checkFixes(numbers []int32, fixes []fix) error {
	var captures []string
	for _, n := range numbers {
		captures = append(captures, c.permissions[n].Captures()...)
	}
	slices.Sort(captures)
	captures = slices.Compact(captures)
	for _, f := range fixes {
		if slices.Contains(captures, f.capture) {
			continue
		}
		if len(captures) == 0 {
			return fmt.Errorf("%s=%s fixes nothing: the operations of %s have nothing in braces", f.capture, f.value, c.permissions[numbers[0]].Name)
		}
		return fmt.Errorf("%s=%s fixes nothing: the operations of %s have %s in braces", f.capture, f.value,
			c.permissions[numbers[0]].Name, strings.Join(captures, ", "))
	}
	return nil
}

// Matching returns those of the grants that allow what was matched, in their order.
func (c *Catalog) Matching(grants []string, m Match) []string {
	return slices.DeleteFunc(slices.Clone(grants), func(text string) bool {
		g, err := c.Compile([]string{text})
		return err != nil || !g.Allow(m)
	})
}
