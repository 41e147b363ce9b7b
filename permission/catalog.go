package permission

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Catalog is all permissions of one API, ready for matching. It is immutable
// and safe for concurrent use.
type Catalog struct {
	permissions []Permission // sorted by name; their index is their number
	numbers     map[string]int32
	requires    [][]requirement // by the number of the permission
	bulk        *Paths          // of requests that hold others; nil if there are none
	operations  automaton       // those without parameters
	// parametric finds, by method and path, those with parameters; nil if there are none.
	parametric  *automaton
	parametrics []parametric
	// writes has the operations marked write, folded: what they keep from
	// read-only tokens must hold for every spelling that a backend may serve.
	writes      *automaton
	fingerprint string
	pathsDecide bool
}

// parametric is an operation with parameters and the number of its permission.
type parametric struct {
	permission int32
	operation  Operation
}

// NewCatalog checks permissions and makes a catalog of them. It refuses bad and
// repeated names, permissions without operations, and repeated operations in one.
func NewCatalog(permissions []Permission) (*Catalog, error) {
	c := &Catalog{permissions: sorted(permissions), numbers: map[string]int32{}}
	var bulk []Pattern
	for i, p := range c.permissions {
		if i > 0 && p.Name == c.permissions[i-1].Name {
			return nil, fmt.Errorf("permission %s is defined twice", p.Name)
		}
		if err := p.check(); err != nil {
			return nil, err
		}
		c.numbers[p.Name] = int32(i)
		bulk = append(bulk, p.Bulk...)
	}
	if err := c.compileRequires(); err != nil {
		return nil, err
	}
	if err := c.compileOperations(); err != nil {
		return nil, err
	}
	var err error
	if bulk != nil {
		if c.bulk, err = NewPaths(bulk); err != nil {
			return nil, err
		}
	}
	c.pathsDecide = c.parametric == nil && c.bulk == nil && !slices.ContainsFunc(c.requires, func(r []requirement) bool { return r != nil })
	c.fingerprint, err = Fingerprint(c.permissions)
	return c, err
}

// Fingerprint returns a text that is the same for the same permissions, in any
// order, and another one for others.
func Fingerprint(permissions []Permission) (string, error) {
	text, err := json.Marshal(sorted(permissions))
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:]), nil
}

// sorted returns the permissions by name; as JSON, none is [], never null.
func sorted(permissions []Permission) []Permission {
	list := append([]Permission{}, permissions...)
	slices.SortFunc(list, func(a, b Permission) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (c *Catalog) compileOperations() (err error) {
	all, withParameters, writes := newBuilder(), newBuilder(), newBuilder()
	for i, p := range c.permissions {
		for _, op := range p.Operations {
			if len(op.Parameters) > 0 {
				c.parametrics = append(c.parametrics, parametric{int32(i), op})
			} else {
				all.add(op, int32(i))
			}
			if p.Mark == Write {
				writes.addFolded(op, int32(i))
			}
		}
	}
	for i, p := range c.parametrics {
		withParameters.add(p.operation, int32(i))
	}
	if c.operations, err = all.build(); err != nil {
		return err
	}
	if c.parametric, err = withParameters.buildAny(); err != nil {
		return err
	}
	c.writes, err = writes.buildAny()
	return err
}

func (p Permission) check() error {
	if err := CheckName(p.Name); err != nil {
		return err
	}
	if p.Mark != Unmarked && p.Mark != Read && p.Mark != Write {
		return fmt.Errorf("permission %s: %q is not a mark; use read or write, or none", p.Name, p.Mark)
	}
	if len(p.Operations) == 0 {
		return fmt.Errorf("permission %s has no operations; add lines such as GET /api/articles", p.Name)
	}
	seen := map[string]bool{}
	for _, op := range p.Operations {
		if op.Method == "" {
			return fmt.Errorf("permission %s has an empty operation; write a method and a path, such as GET /api/articles", p.Name)
		}
		if seen[op.String()] {
			return fmt.Errorf("permission %s has %s twice", p.Name, op)
		}
		seen[op.String()] = true
	}
	return nil
}

// Permissions returns the permissions, sorted by name. They must not be changed.
func (c *Catalog) Permissions() []Permission { return c.permissions }

// Same reports whether both catalogs hold the same permissions, so that what
// was compiled for one is good for the other.
func (c *Catalog) Same(other *Catalog) bool {
	return c == other || c.fingerprint == other.fingerprint
}

// Fingerprint returns that of the permissions.
func (c *Catalog) Fingerprint() string { return c.fingerprint }

// Match is what a request does, looked up in a catalog.
type Match struct {
	Method  string  // or the kind of the GraphQL operation
	Path    string  // decoded, as CheckURL returns it, or a slash and the name of the root field
	numbers []int32 // permissions that have the operation, the most specific first
	more    *more   // nil in almost every case
}

// more is what decides about a match beside its path.
type more struct {
	// parametrics are the operations with parameters that have the method and the
	// path. They count once the values are known, see With.
	parametrics []int32
	values      []Value
	// requiredBy is the permission whose operation it is, if it asks for one that this requires.
	requiredBy *Permission
}

// Find looks up what a request does. path is in the normal form of CheckURL.
func (c *Catalog) Find(method, path string) Match {
	m := Match{Method: method, Path: path}
	key := m.key()
	m.numbers = c.operations.find(key, path)
	if c.parametric != nil {
		if parametrics := c.parametric.find(key, path); parametrics != nil {
			m.more = &more{parametrics: parametrics}
		}
	}
	return m
}

// PathsDecide reports whether no permission has parameters, requires another one or
// holds other requests: all of Parameters, Required and IsBulk are empty.
func (c *Catalog) PathsDecide() bool { return c.pathsDecide }

// Parameters returns those that decide about a match, beside those that grants
// write out: With takes their values.
func (c *Catalog) Parameters(m Match) []Parameter {
	var all []Parameter
	for _, n := range m.numbers {
		all = c.addFlags(all, n)
	}
	if m.more == nil {
		return all
	}
	for _, n := range m.more.parametrics {
		all = append(all, c.parametrics[n].operation.Parameters...)
		all = c.addFlags(all, c.parametrics[n].permission)
	}
	return all
}

// IsBulk reports whether what was matched is a request that holds others, in any
// spelling that a backend may serve.
func (c *Catalog) IsBulk(m Match) bool {
	return c.bulk != nil && m.Method == "POST" && c.bulk.Cover(m.Path)
}

// With returns the match of a request that has these values. Operations whose
// parameters are all there are nearer than those without any.
func (c *Catalog) With(m Match, values []Value) Match {
	known := &more{values: values}
	if m.more != nil {
		known.parametrics = m.more.parametrics
	}
	m.more = known
	var numbers []int32
	for _, n := range known.parametrics {
		if p := &c.parametrics[n]; !slices.Contains(numbers, p.permission) && p.operation.does(m) {
			numbers = append(numbers, p.permission)
		}
	}
	for _, n := range m.numbers {
		if !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	m.numbers = numbers
	return m
}

// Names returns the names of the permissions that allow the match, the most
// specific first. It is empty if only full-access tokens and grants written
// out can allow it.
func (c *Catalog) Names(m Match) []string {
	names := make([]string, len(m.numbers))
	for i, n := range m.numbers {
		names[i] = c.permissions[n].Name
	}
	return names
}

// Name returns the first of Names, or nothing if there is none.
func (c *Catalog) Name(m Match) string {
	if len(m.numbers) == 0 {
		return ""
	}
	return c.permissions[m.numbers[0]].Name
}

// Reads reports whether a read-only token may do what was matched: safe methods
// and permissions marked read, minus operations of permissions marked write.
func (c *Catalog) Reads(m Match) bool {
	if !Safe(m.Method) && !slices.ContainsFunc(m.numbers, func(n int32) bool { return c.permissions[n].Mark == Read }) {
		return false
	}
	return c.writes == nil || !c.writes.findFolded(m.key(), m.Path)
}

// ForResource returns the permissions of a REST resource in the usual form:
// find and create on its path, find_one, update and delete below it. With
// graphql, they include the root fields that Strapi has for the same.
func ForResource(name, path string, graphql bool) ([]Permission, error) {
	return forResource(name, path, graphql, func(path string) []form {
		return []form{
			{"find", []string{"GET " + path}},
			{"find_one", []string{"GET " + path + "/{id}"}},
			{"create", []string{"POST " + path}},
			{"update", []string{"PUT " + path + "/{id}", "PATCH " + path + "/{id}"}},
			{"delete", []string{"DELETE " + path + "/{id}"}},
		}
	})
}

// ForSingle is ForResource for what there is one of, so that it has no id: Strapi's
// single types. PUT makes it, too.
func ForSingle(name, path string, graphql bool) ([]Permission, error) {
	return forResource(name, path, graphql, func(path string) []form {
		return []form{
			{"find", []string{"GET " + path}},
			{"update", []string{"PUT " + path, "PATCH " + path}},
			{"delete", []string{"DELETE " + path}},
		}
	})
}

// form is an action of a resource and what it does.
type form struct {
	action     string
	operations []string
}

func forResource(name, path string, graphql bool, forms func(path string) []form) ([]Permission, error) {
	if err := CheckName(name + ".find"); err != nil || strings.Contains(name, ".") {
		return nil, fmt.Errorf("%q can't name a resource; use letters, digits, '_', '-' and ':'", name)
	}
	path = strings.TrimSuffix(path, "/")
	if path == "" {
		return nil, fmt.Errorf("a resource needs a path of its own below /, such as /api/articles")
	}
	var permissions []Permission
	for _, f := range forms(path) {
		p := Permission{Name: name + "." + f.action}
		for _, text := range f.operations {
			op, err := ParseOperation(text)
			if err != nil {
				return nil, err
			}
			p.Operations = append(p.Operations, op)
		}
		permissions = append(permissions, p)
	}
	if graphql {
		return permissions, addFields(permissions, name, path)
	}
	return permissions, nil
}
