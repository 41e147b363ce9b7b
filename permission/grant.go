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
	permissions []uint64   // a bit for each permission of the catalog
	operations  *automaton // operations written out; nil if there are none
	texts       []string   // the grants, by the numbers of their operations
}

// grant is one grant, parsed: exactly one of its fields is set.
type grant struct {
	permission string
	resource   string // of article.*
	operation  Operation
}

func parseGrant(s string) (grant, error) {
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
func (c *Catalog) Compile(grants []string) (*Grants, error) {
	compiled := &Grants{catalog: c, permissions: make([]uint64, (len(c.permissions)+63)/64)}
	b := newBuilder()
	for i, text := range grants {
		g, err := parseGrant(text)
		if err != nil {
			return nil, err
		}
		if g.operation.Method != "" {
			b.add(g.operation, int32(i))
			continue
		}
		for _, n := range c.named(g) {
			compiled.permissions[n/64] |= 1 << (n % 64)
		}
	}
	if b.nodes > 1 {
		a, err := b.build()
		if err != nil {
			return nil, err
		}
		compiled.operations, compiled.texts = &a, slices.Clone(grants)
	}
	return compiled, nil
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
	if g.operations == nil {
		return "", false
	}
	if numbers := g.operations.find(m.key(), m.Path); numbers != nil {
		return g.texts[numbers[0]], true
	}
	return "", false
}

// named returns the numbers of the permissions that the grant names.
func (c *Catalog) named(g grant) []int {
	if g.permission != "" {
		if n, ok := slices.BinarySearchFunc(c.permissions, g.permission, func(p Permission, name string) int {
			return strings.Compare(p.Name, name)
		}); ok {
			return []int{n}
		}
		return nil
	}
	var numbers []int
	for n, p := range c.permissions {
		if Resource(p.Name) == g.resource {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// CheckGrant returns an error if the grant can't be read or names a permission
// or resource that the catalog does not have. It suggests the nearest name.
func (c *Catalog) CheckGrant(text string) error {
	g, err := parseGrant(text)
	if err != nil || g.operation.Method != "" || len(c.named(g)) > 0 {
		return err
	}
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

// Matching returns those of the grants that allow what was matched, in their order.
func (c *Catalog) Matching(grants []string, m Match) []string {
	return slices.DeleteFunc(slices.Clone(grants), func(text string) bool {
		g, err := c.Compile([]string{text})
		return err != nil || !g.Allow(m)
	})
}
