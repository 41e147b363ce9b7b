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
	operations  automaton
	// writes has the operations marked write, folded: what they keep from
	// read-only tokens must hold for every spelling that a backend may serve.
	writes      *automaton
	fingerprint string
}

// NewCatalog checks permissions and makes a catalog of them. It refuses bad and
// repeated names, permissions without operations, and repeated operations in one.
func NewCatalog(permissions []Permission) (*Catalog, error) {
	c := &Catalog{permissions: sorted(permissions)}
	all, writes := newBuilder(), newBuilder()
	for i, p := range c.permissions {
		if i > 0 && p.Name == c.permissions[i-1].Name {
			return nil, fmt.Errorf("permission %s is defined twice", p.Name)
		}
		if err := p.check(); err != nil {
			return nil, err
		}
		for _, op := range p.Operations {
			all.add(op, int32(i))
			if p.Mark == Write {
				writes.addFolded(op, int32(i))
			}
		}
	}
	if err := c.build(all, writes); err != nil {
		return nil, err
	}
	var err error
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

func (c *Catalog) build(all, writes *builder) (err error) {
	if c.operations, err = all.build(); err != nil || writes.nodes == 1 {
		return err
	}
	folded, err := writes.build()
	c.writes = &folded
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
}

// Find looks up what a request does. path is in the normal form of CheckURL.
func (c *Catalog) Find(method, path string) Match {
	m := Match{Method: method, Path: path}
	m.numbers = c.operations.find(m.key(), path)
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
	if !safe(m.Method) && !slices.ContainsFunc(m.numbers, func(n int32) bool { return c.permissions[n].Mark == Read }) {
		return false
	}
	return c.writes == nil || !c.writes.findFolded(m.key(), m.Path)
}

// ForResource returns the permissions of a REST resource in the usual form:
// find and create on its path, find_one, update and delete below it. With
// graphql, they include the root fields that Strapi has for the same.
func ForResource(name, path string, graphql bool) ([]Permission, error) {
	if err := CheckName(name + ".find"); err != nil || strings.Contains(name, ".") {
		return nil, fmt.Errorf("%q can't name a resource; use letters, digits, '_', '-' and ':'", name)
	}
	path = strings.TrimSuffix(path, "/")
	if path == "" {
		return nil, fmt.Errorf("a resource needs a path of its own below /, such as /api/articles")
	}
	forms := []struct {
		action     string
		operations []string
	}{
		{"find", []string{"GET " + path}},
		{"find_one", []string{"GET " + path + "/{id}"}},
		{"create", []string{"POST " + path}},
		{"update", []string{"PUT " + path + "/{id}", "PATCH " + path + "/{id}"}},
		{"delete", []string{"DELETE " + path + "/{id}"}},
	}
	var permissions []Permission
	for _, f := range forms {
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
